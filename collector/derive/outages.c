#include "collector/derive/outages.h"

#include <stdlib.h>

#include "agent/base/mem.h"
#include "agent/base/measurement.h"
#include "collector/decide/exemption.h"
#include "collector/store/derived.h"
#include "collector/store/outages.h"

#define MERGED_MS       INT64_C(86400000)   /* an outage may have parts that ended before the period */
#define REPORTS_OVERDUE 3

/* What a history is made of; everything is released with free_facts. */
struct facts {
	struct outage_fact *outages;
	size_t outage_count;
	struct stretch *watched;
	size_t watched_count;
	struct planned_work *works;
	size_t work_count;
	struct stretch *excused;
	size_t excused_count;
};

static void free_facts(struct facts *facts)
{
	free(facts->outages);
	free(facts->watched);
	free(facts->works);
	free(facts->excused);
}

/* What exempts the local leg exempts the line: behind a dead hub or a dead name there is still an access network. */
static bool excuses(const struct exemption *exemption)
{
	return exemption->why == EXEMPT_SERVER && (exemption->leg == EXEMPT_BOTH_LEGS || exemption->leg == LEG_LOCAL);
}

static void sort_exemptions(const struct exemption *list, size_t count, struct facts *facts)
{
	facts->works = xcalloc(count + 1, sizeof *facts->works);
	facts->excused = xcalloc(count + 1, sizeof *facts->excused);
	for (size_t i = 0; i < count; i++) {
		const struct exemption *exemption = &list[i];

		if (exemption->why == EXEMPT_MAINTENANCE)   /* announced in time, or it would not be one */
			facts->works[facts->work_count++] =
				(struct planned_work){ INT64_MIN, exemption->from_ms, exemption->to_ms };
		else if (excuses(exemption))
			facts->excused[facts->excused_count++] = (struct stretch){ exemption->from_ms, exemption->to_ms };
	}
}

static int read_exemptions(struct txn *txn, const struct line *line, int64_t from_ms, struct facts *facts, struct err *err)
{
	struct exemption *list;
	size_t count;

	if (exemptions_of_line(txn, line, from_ms, &list, &count, err) < 0)
		return -1;
	sort_exemptions(list, count, facts);
	free(list);
	return 0;
}

static int look_at_power(struct txn *txn, const struct outage_rule *rule, const struct line *line, struct facts *facts,
			 struct err *err)
{
	for (size_t i = 0; i < facts->outage_count; i++) {
		struct outage_fact *fact = &facts->outages[i];
		int64_t rebooted, agents;

		if (fact->cause != CAUSE_POWER || fact->ended_ms == JSON_ABSENT)
			continue;
		if (power_of_node(txn, line, fact->ended_ms - rule->site_power_within_ms,
				  fact->ended_ms + rule->site_power_within_ms, &rebooted, &agents, err) < 0)
			return -1;
		fact->site_power = outage_is_site_power(rule, rebooted, agents);
	}
	return 0;
}

int outages_read_history(struct txn *txn, const struct collector_config *config, const struct line *line, int64_t from_ms,
			 struct outage_history *ret_history, struct err *err)
{
	const struct service_plan *plan = collector_config_find_plan(config, line->service_plan);
	struct facts read = { 0 };
	int rc = -1;

	from_ms = from_ms > MERGED_MS ? from_ms - MERGED_MS : 0;
	if (outages_of_line(txn, line, from_ms, &read.outages, &read.outage_count, err) < 0 ||
	    watched_of_line(txn, line, from_ms, &read.watched, &read.watched_count, err) < 0 ||
	    read_exemptions(txn, line, from_ms, &read, err) < 0 ||
	    look_at_power(txn, &config->outages, line, &read, err) < 0)
		goto out;
	outage_history_make(&(struct outage_facts){
		.rule = &config->outages, .owners = collector_config_owners(plan),
		.outages = read.outages, .outage_count = read.outage_count,
		.watched = read.watched, .watched_count = read.watched_count,
		.works = read.works, .work_count = read.work_count,
		.excused = read.excused, .excused_count = read.excused_count,
	}, ret_history);
	rc = 0;
out:
	free_facts(&read);
	return rc;
}

int outages_last_period(struct txn *txn, const struct collector_config *config, const struct line *line, int64_t now_ms,
			struct stretch *ret_period, struct err *err)
{
	struct stretch period = { now_ms - config->reliability.window_ms, now_ms };
	int64_t first_ms, last_ms;

	if (watched_span(txn, line, &first_ms, &last_ms, err) < 0)
		return -1;
	if (last_ms != JSON_ABSENT && last_ms < now_ms && now_ms - last_ms <= REPORTS_OVERDUE * config->report_ms)
		period.to_ms = last_ms;
	if (first_ms > period.from_ms)
		period.from_ms = first_ms < period.to_ms ? first_ms : period.to_ms;
	*ret_period = period;
	return 0;
}

static json_t *outage_to_json(const struct outage *outage)
{
	json_t *object = json_pack("{s:I, s:I, s:s, s:s, s:b, s:I}", "started_ms", (json_int_t)outage->started_ms, "down_ms",
				   (json_int_t)outage->down_ms, "cause", cause_names[outage->cause], "attributed_to",
				   attribution_names[outage->attribution], "brief", outage->brief, "in_maintenance_ms",
				   (json_int_t)outage->in_maintenance_ms);

	if (!outage->under_way)
		json_object_set_new(object, "ended_ms", json_integer(outage->ended_ms));
	if (outage->cause == CAUSE_POWER)
		json_object_set_new(object, "site_power", json_boolean(outage->site_power));
	return object;
}

json_t *outages_to_json(const struct outage_history *history, const struct stretch *period)
{
	json_t *items = json_array();

	for (size_t i = 0; i < history->count; i++)
		if (history->outages[i].started_ms < period->to_ms &&
		    (history->outages[i].ended_ms > period->from_ms || history->outages[i].under_way))
			json_array_append_new(items, outage_to_json(&history->outages[i]));
	return items;
}

json_t *availability_to_json(const struct outage_rule *rule, const struct availability *availability,
			     const struct stretch *period)
{
	bool is_covered = availability_is_covered(rule, availability);
	int64_t coverage_ppm = availability_coverage_ppm(availability);
	json_t *object = json_pack("{s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:I}", "from_ms", (json_int_t)period->from_ms, "to_ms",
				   (json_int_t)period->to_ms, "insufficient_coverage", !is_covered, "down_ms",
				   (json_int_t)availability->down_ms, "maintenance_ms", (json_int_t)availability->maintenance_ms,
				   "unknown_ms", (json_int_t)availability->unknown_ms, "outages",
				   (json_int_t)availability->outages, "briefs", (json_int_t)availability->briefs);

	if (is_covered)
		json_object_set_new(object, "available_ppm", json_integer(availability_ppm(availability)));
	if (coverage_ppm != JSON_ABSENT)
		json_object_set_new(object, "coverage_ppm", json_integer(coverage_ppm));
	return object;
}
