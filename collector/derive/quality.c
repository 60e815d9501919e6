#include "collector/derive/quality.h"

#include <stdlib.h>

#include "collector/decide/line_fold.h"
#include "collector/decide/verdict.h"
#include "collector/derive/promise.h"
#include "collector/derive/reliable.h"
#include "collector/store/contact.h"
#include "collector/store/derived.h"
#include "collector/store/measurements.h"
#include "collector/store/tickets.h"

#define DAY_MS        INT64_C(86400000)
#define COVERAGE_DAYS 30
#define LATEST        4   /* probes of whatever judgement that show what hinders */

struct look {
	struct txn *txn;
	const struct line *line;
	int64_t now_ms;
	struct line_fold *fold;
	struct promise promises[LEG_COUNT];
};

/* A line that nothing is known of yet, or what is known cannot be read, has the state of the beginning. */
static int load_fold(struct look *look, struct err *err)
{
	struct buf bytes = { 0 };
	int64_t newest_ms;
	int found = fold_head_get(look->txn, look->line, &bytes, &newest_ms, err);

	if (found > 0 && line_fold_load(bytes.data, bytes.length_bytes, &look->fold, err) < 0)
		found = 0;
	if (!found)
		look->fold = line_fold_new();
	buf_free(&bytes);
	return found < 0 ? -1 : 0;
}

/* Counted, a sample from later on would be the newest until that time comes, and a silent line would go on being good. An
 * agent's clock may be a little ahead. */
static int count_until_now(const struct look *look, const struct promise *promise, const struct sample *samples, int count)
{
	while (count && samples[count - 1].started_ms >= look->now_ms + promise->interval_ms)
		count--;
	return count;
}

/* H5, D5: the newest exemption of these cells. */
static int find_exemption(const struct look *look, enum leg leg, int64_t from_ms, enum verdict_reason *ret_hindrance,
			  struct err *err)
{
	struct exemption *list;
	size_t count;

	if (exemptions_of_line(look->txn, look->line, from_ms, &list, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (list[i].from_ms <= look->now_ms && list[i].why != EXEMPT_CONTENT &&
		    (list[i].leg == EXEMPT_BOTH_LEGS || list[i].leg == (int)leg))
			*ret_hindrance = list[i].why == EXEMPT_MAINTENANCE ? VERDICT_MAINTENANCE : VERDICT_SERVER;
	free(list);
	return 0;
}

static bool is_in_use(const struct sample *sample)
{
	return sample->reason == REASON_BUSY || sample->reason == REASON_CONTENDED;
}

/* The agent still probes, and more than half of the newest probes met the client's own traffic. */
static int find_traffic(const struct look *look, enum leg leg, int64_t from_ms, enum verdict_reason *ret_hindrance,
			struct err *err)
{
	struct sample samples[LATEST];
	int in_use = 0;
	int count = samples_before(look->txn, look->line, leg, look->now_ms + 1, STREAM_ALL, samples, LATEST, err);

	for (int i = 0; i < count; i++)
		in_use += is_in_use(&samples[i]);
	if (2 * in_use > count && samples[count - 1].started_ms >= from_ms)
		*ret_hindrance = VERDICT_IN_USE;
	return count < 0 ? -1 : 0;
}

/* What kept the leg from being judged, within as many cells as the newest probe may be old. */
static int find_hindrance(const struct look *look, enum leg leg, enum verdict_reason *ret_hindrance, struct err *err)
{
	const struct promise *promise = &look->promises[leg];
	int64_t from_ms = look->now_ms - promise->rule->verdict_cells * promise->cell_ms;

	*ret_hindrance = VERDICT_NONE;
	if (find_traffic(look, leg, from_ms, ret_hindrance, err) < 0)
		return -1;
	return find_exemption(look, leg, from_ms, ret_hindrance, err);
}

static int find_leg_facts(const struct look *look, enum leg leg, struct leg_facts *facts, struct err *err)
{
	static const enum defect defects[LEG_COUNT] = { DEFECT_SLOW_LOCAL, DEFECT_SLOW_HUB };
	const struct promise *promise = &look->promises[leg];
	struct ticket ticket;
	int count, found = ticket_find_open(look->txn, look->line, defects[leg], &ticket, err);

	facts->promised = promise->is_promised;
	facts->rule = promise->rule;
	facts->interval_ms = promise->cell_ms;
	facts->defective = found > 0 && ticket.state != TICKET_PROVEN;
	facts->samples = line_fold_stream(look->fold, leg, &count);
	facts->count = count_until_now(look, promise, facts->samples, count);
	return found < 0 ? -1 : 0;
}

static int measure_coverage(const struct look *look, enum leg leg, const struct leg_facts *facts, int *ret_percent,
			    struct err *err)
{
	int64_t today = look->now_ms / DAY_MS;
	struct coverage coverage = {
		.interval_ms = look->promises[leg].cell_ms,
		.newest_ms = facts->count ? facts->samples[facts->count - 1].started_ms : JSON_ABSENT,
	};

	if (leg_days_sum(look->txn, look->line, leg, today - COVERAGE_DAYS, today, &coverage.cells, &coverage.begin_ms, err) < 0)
		return -1;
	*ret_percent = coverage_percent(&coverage, look->now_ms);
	return 0;
}

/* Leg by leg: what is promised, what was measured, and how much of the time. *ret_coverage is 0 when nothing is promised. */
static int find_facts(const struct look *look, struct line_facts *facts, int *ret_coverage, struct err *err)
{
	int least = -1;

	for (enum leg leg = 0; leg < LEG_COUNT; leg++) {
		int percent;

		if (find_leg_facts(look, leg, &facts->legs[leg], err) < 0)
			return -1;
		if (!facts->legs[leg].promised)
			continue;
		if (measure_coverage(look, leg, &facts->legs[leg], &percent, err) < 0)
			return -1;
		least = least < 0 || percent < least ? percent : least;
	}
	*ret_coverage = least < 0 ? 0 : least;
	return 0;
}

static json_t *describe(const struct verdict *verdict, int coverage)
{
	return json_pack("{s:s, s:{s:s, s:s}, s:s, s:s, s:i}",
			 "good", value_names[verdict->good],
			 "fast", "local", value_names[verdict->fast[LEG_LOCAL]], "hub", value_names[verdict->fast[LEG_HUB]],
			 "reliable", value_names[verdict->reliable],
			 "reason", verdict_reason_names[verdict->reason],
			 "coverage", coverage);
}

/* Only where a leg is not judged it matters why. */
static int judge(const struct look *look, struct line_facts *facts, struct verdict *ret_verdict, struct err *err)
{
	struct verdict verdict = verdict_line(facts, look->now_ms);

	for (enum leg leg = 0; leg < LEG_COUNT; leg++)
		if (facts->has_agent && facts->legs[leg].promised && verdict.fast[leg] == VALUE_UNMEASURED &&
		    find_hindrance(look, leg, &facts->legs[leg].hindrance, err) < 0)
			return -1;
	*ret_verdict = verdict_line(facts, look->now_ms);
	return 0;
}

int quality_of_line(struct txn *txn, const struct collector_config *config, const struct line *line, bool has_agent,
		    int64_t now_ms, json_t **ret_quality, struct err *err)
{
	struct look look = { .txn = txn, .line = line, .now_ms = now_ms };
	struct line_facts facts = {
		.has_agent = has_agent,
		.has_plan = collector_config_find_plan(config, line->service_plan) != NULL,
	};
	struct reliability reliability;
	struct verdict verdict;
	int coverage, rc = -1;

	promises_of_line(config, line, look.promises);
	if (reliability_of_line(txn, config, line, now_ms, &reliability, err) < 0 ||
	    contact_is_silent(txn, line, &facts.is_silent, err) < 0)
		return -1;
	facts.reliable = reliability.value;
	if (load_fold(&look, err) == 0 && find_facts(&look, &facts, &coverage, err) == 0 &&
	    judge(&look, &facts, &verdict, err) == 0) {
		*ret_quality = describe(&verdict, coverage);
		if (reliability.is_young)
			json_object_set_new(*ret_quality, "reliable_from_ms", json_integer(reliability.period.from_ms));
		rc = 0;
	}
	line_fold_free(look.fold);
	return rc;
}
