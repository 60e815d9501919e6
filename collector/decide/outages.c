#include "collector/decide/outages.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"

#define MILLION INT64_C(1000000)

const char *const cause_names[] = {
	[CAUSE_CARRIER] = "carrier",   [CAUSE_GATEWAY] = "gateway",           [CAUSE_ACCESS] = "access",
	[CAUSE_UPSTREAM] = "upstream", [CAUSE_LOCAL_SERVER] = "local-server", [CAUSE_DNS] = "dns",
	[CAUSE_HTTP] = "http",         [CAUSE_POWER] = "power",               [CAUSE_SHUTDOWN] = "shutdown",
	[CAUSE_SUSPEND] = "suspend",   [CAUSE_AGENT] = "agent",               [CAUSE_REPORT] = "report",
	[CAUSE_CLOCK] = "clock",       [CAUSE_COUNT] = NULL,
};
const char *const owner_names[] = { "client", "provider", NULL };
const char *const attribution_names[] = { "provider", "client", "nobody", "excluded", NULL };

enum attribution outage_attribution(enum outage_cause cause, const struct outage_owners *owners, bool site_power)
{
	static const enum attribution of_owner[] = { [OWNER_CLIENT] = OF_CLIENT, [OWNER_PROVIDER] = OF_PROVIDER };
	const enum attribution table[CAUSE_COUNT] = {
		[CAUSE_CARRIER] = of_owner[owners->port],
		[CAUSE_GATEWAY] = of_owner[owners->gateway],
		[CAUSE_ACCESS] = OF_PROVIDER,
		[CAUSE_LOCAL_SERVER] = OF_NOBODY,
		[CAUSE_UPSTREAM] = OF_PROVIDER,
		[CAUSE_DNS] = of_owner[owners->resolver],
		[CAUSE_HTTP] = OF_NOBODY,
		[CAUSE_POWER] = site_power ? OF_NOBODY : OF_CLIENT,
		[CAUSE_SHUTDOWN] = OF_EXCLUDED,
		[CAUSE_SUSPEND] = OF_EXCLUDED,
		[CAUSE_AGENT] = OF_EXCLUDED,
		[CAUSE_REPORT] = OF_EXCLUDED,
		[CAUSE_CLOCK] = OF_EXCLUDED,
	};

	return table[cause];
}

/* One agent alone says nothing about its building. */
bool outage_is_site_power(const struct outage_rule *rule, int64_t rebooted, int64_t agents)
{
	return agents > 1 && rebooted * 100 >= rule->site_power_percent * agents;
}

/* --- stretches of time --- */

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t greatest(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t overlap_ms(const struct stretch *stretch, int64_t from_ms, int64_t to_ms)
{
	return greatest(0, least(stretch->to_ms, to_ms) - greatest(stretch->from_ms, from_ms));
}

static int64_t covered_ms(const struct stretch *list, size_t count, int64_t from_ms, int64_t to_ms)
{
	int64_t sum_ms = 0;

	for (size_t i = 0; i < count && list[i].from_ms < to_ms; i++)
		sum_ms += overlap_ms(&list[i], from_ms, to_ms);
	return sum_ms;
}

static int compare_stretches(const void *a, const void *b)
{
	const struct stretch *left = a, *right = b;

	return (left->from_ms > right->from_ms) - (left->from_ms < right->from_ms);
}

/* Puts them in order and joins those that touch. Returns how many are left. */
static size_t join(struct stretch *list, size_t count)
{
	size_t kept = 0;

	if (count > 0)
		qsort(list, count, sizeof *list, compare_stretches);
	for (size_t i = 0; i < count; i++) {
		if (list[i].to_ms <= list[i].from_ms)
			continue;
		if (kept && list[i].from_ms <= list[kept - 1].to_ms)
			list[kept - 1].to_ms = greatest(list[kept - 1].to_ms, list[i].to_ms);
		else
			list[kept++] = list[i];
	}
	return kept;
}

/* --- the history --- */

static bool is_watched(enum outage_cause cause)
{
	return cause <= CAUSE_HTTP;
}

/* An outage under way is known to last as long as the line was watched: what came after, nobody has said yet. */
static int64_t find_end(const struct outage_facts *facts, const struct outage_fact *fact)
{
	int64_t end_ms = fact->started_ms;

	if (fact->ended_ms != JSON_ABSENT)
		return fact->ended_ms;
	for (size_t i = 0; i < facts->watched_count; i++)
		if (facts->watched[i].from_ms <= fact->started_ms && facts->watched[i].to_ms > end_ms)
			end_ms = facts->watched[i].to_ms;
	return end_ms;
}

static bool is_excused(const struct outage_facts *facts, int64_t at_ms)
{
	for (size_t i = 0; i < facts->excused_count; i++)
		if (facts->excused[i].from_ms <= at_ms && at_ms < facts->excused[i].to_ms)
			return true;
	return false;
}

static struct outage read_fact(const struct outage_facts *facts, const struct outage_fact *fact)
{
	int64_t end_ms = find_end(facts, fact), span_ms = end_ms - fact->started_ms;
	bool is_partly = fact->ended_ms != JSON_ABSENT && fact->down_ms != JSON_ABSENT;
	struct outage outage = {
		.started_ms = fact->started_ms,
		.ended_ms = end_ms,
		.down_ms = is_partly ? least(fact->down_ms, span_ms) : span_ms,
		.cause = (enum outage_cause)fact->cause,
		.attribution = outage_attribution((enum outage_cause)fact->cause, &facts->owners, fact->site_power),
		.under_way = fact->ended_ms == JSON_ABSENT,
		.site_power = fact->site_power,
	};

	/* A dead upstream is one incident of ours, never a ticket against each line behind it. */
	outage.accuses = outage.attribution == OF_PROVIDER && outage.cause != CAUSE_UPSTREAM &&
			 !is_excused(facts, fact->started_ms);
	return outage;
}

/* O5. Two agents of a line may see the same one: what overlaps is down once. */
static bool merge(const struct outage_rule *rule, struct outage *earlier, const struct outage *later)
{
	int64_t both_ms = greatest(0, least(earlier->ended_ms, later->ended_ms) - later->started_ms);
	int64_t down_ms = earlier->down_ms + later->down_ms - both_ms;

	if (later->started_ms - earlier->ended_ms >= rule->merge_gap_ms)
		return false;
	earlier->down_ms = greatest(down_ms, greatest(earlier->down_ms, later->down_ms));
	earlier->under_way = earlier->ended_ms > later->ended_ms ? earlier->under_way : later->under_way;
	earlier->ended_ms = greatest(earlier->ended_ms, later->ended_ms);
	earlier->accuses |= later->accuses;
	return true;
}

/* O4: confirmed ones under 10 s are dropped. One under way may still grow. */
static bool is_nothing(const struct outage_rule *rule, const struct outage *outage)
{
	return outage->cause > CAUSE_AGENT || (is_watched(outage->cause) && !outage->under_way &&
					       outage->down_ms < rule->brief_from_ms);
}

static void take_outages(const struct outage_facts *facts, struct outage_history *history)
{
	struct outage *newest[CAUSE_COUNT] = { NULL };

	history->outages = xcalloc(facts->outage_count + 1, sizeof *history->outages);
	for (size_t i = 0; i < facts->outage_count; i++) {
		struct outage outage = read_fact(facts, &facts->outages[i]);

		if (is_nothing(facts->rule, &outage))
			continue;
		if (is_watched(outage.cause) && newest[outage.cause] &&
		    merge(facts->rule, newest[outage.cause], &outage))
			continue;
		newest[outage.cause] = &history->outages[history->count];
		history->outages[history->count++] = outage;
	}
}

/* Who sees a line down is watching it. */
static void take_known(const struct outage_facts *facts, struct outage_history *history)
{
	size_t count = facts->watched_count;

	history->known = xcalloc(count + history->count + 1, sizeof *history->known);
	if (count > 0)
		memcpy(history->known, facts->watched, count * sizeof *history->known);
	for (size_t i = 0; i < history->count; i++)
		if (is_watched(history->outages[i].cause))
			history->known[count++] = (struct stretch){ history->outages[i].started_ms, history->outages[i].ended_ms };
	history->known_count = join(history->known, count);
}

static void take_maintenance(const struct outage_facts *facts, struct outage_history *history)
{
	size_t count = 0;

	history->maintenance = xcalloc(facts->work_count + 1, sizeof *history->maintenance);
	for (size_t i = 0; i < facts->work_count; i++)
		if (facts->works[i].announced_ms < facts->works[i].from_ms)
			history->maintenance[count++] = (struct stretch){ facts->works[i].from_ms, facts->works[i].to_ms };
	history->maintenance_count = join(history->maintenance, count);
}

/* part of whole, of down_ms; the product exceeds 64 bits within a year. */
static int64_t share(int64_t down_ms, int64_t part_ms, int64_t whole_ms)
{
	return whole_ms > 0 ? (int64_t)((__int128)down_ms * part_ms / whole_ms) : 0;
}

static int64_t maintained_ms(const struct outage_history *history, int64_t from_ms, int64_t to_ms)
{
	return covered_ms(history->maintenance, history->maintenance_count, from_ms, to_ms);
}

void outage_history_make(const struct outage_facts *facts, struct outage_history *ret_history)
{
	struct outage_history history = { .rule = facts->rule };

	take_outages(facts, &history);
	take_known(facts, &history);
	take_maintenance(facts, &history);
	for (size_t i = 0; i < history.count; i++) {
		struct outage *outage = &history.outages[i];

		outage->brief = is_watched(outage->cause) && outage->down_ms < facts->rule->outage_from_ms;
		outage->in_maintenance_ms = share(outage->down_ms, maintained_ms(&history, outage->started_ms, outage->ended_ms),
						  outage->ended_ms - outage->started_ms);
	}
	*ret_history = history;
}

void outage_history_free(struct outage_history *history)
{
	free(history->outages);
	free(history->known);
	free(history->maintenance);
}

/* --- a period --- */

int64_t outage_billed_ms(const struct outage_history *history, const struct outage *outage, int64_t from_ms, int64_t to_ms)
{
	int64_t begin_ms = greatest(outage->started_ms, from_ms), end_ms = least(outage->ended_ms, to_ms);

	if (end_ms <= begin_ms)
		return 0;
	return share(outage->down_ms, end_ms - begin_ms - maintained_ms(history, begin_ms, end_ms),
		     outage->ended_ms - outage->started_ms);
}

/* Both lists are in order and apart. */
static int64_t known_in_maintenance_ms(const struct outage_history *history, int64_t from_ms, int64_t to_ms)
{
	int64_t sum_ms = 0;

	for (size_t i = 0; i < history->maintenance_count; i++)
		sum_ms += covered_ms(history->known, history->known_count, greatest(history->maintenance[i].from_ms, from_ms),
				     least(history->maintenance[i].to_ms, to_ms));
	return sum_ms;
}

struct availability outage_availability(const struct outage_history *history, int64_t from_ms, int64_t to_ms)
{
	struct availability sum = { .period_ms = to_ms - from_ms, .maintenance_ms = maintained_ms(history, from_ms, to_ms) };
	int64_t known_ms = covered_ms(history->known, history->known_count, from_ms, to_ms) -
			   known_in_maintenance_ms(history, from_ms, to_ms);

	sum.unknown_ms = sum.period_ms - sum.maintenance_ms - known_ms;
	for (size_t i = 0; i < history->count; i++) {
		const struct outage *outage = &history->outages[i];
		int64_t billed_ms = outage_billed_ms(history, outage, from_ms, to_ms);

		if (outage->attribution != OF_PROVIDER || !billed_ms)
			continue;
		sum.outages += !outage->brief;
		sum.briefs += outage->brief;
		sum.down_ms += outage->brief ? 0 : billed_ms;
	}
	sum.down_ms = least(sum.down_ms, known_ms);   /* outages of different causes may overlap */
	return sum;
}

void availability_add(struct availability *sum, const struct availability *other)
{
	sum->period_ms += other->period_ms;
	sum->maintenance_ms += other->maintenance_ms;
	sum->unknown_ms += other->unknown_ms;
	sum->down_ms += other->down_ms;
	sum->outages += other->outages;
	sum->briefs += other->briefs;
}

static int64_t ppm(int64_t part_ms, int64_t whole_ms)
{
	return whole_ms > 0 ? (int64_t)((__int128)part_ms * MILLION / whole_ms) : JSON_ABSENT;
}

static int64_t judged_ms(const struct availability *availability)
{
	return availability->period_ms - availability->maintenance_ms - availability->unknown_ms;
}

int64_t availability_ppm(const struct availability *availability)
{
	int64_t known_ms = judged_ms(availability);

	return ppm(known_ms - availability->down_ms, known_ms);
}

int64_t availability_coverage_ppm(const struct availability *availability)
{
	return ppm(judged_ms(availability), availability->period_ms - availability->maintenance_ms);
}

bool availability_is_covered(const struct outage_rule *rule, const struct availability *availability)
{
	return availability_coverage_ppm(availability) >= rule->coverage_percent * (MILLION / 100);
}
