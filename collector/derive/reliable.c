#include "collector/derive/reliable.h"

#include <stdlib.h>

#include "collector/decide/reliability.h"
#include "collector/derive/follow.h"
#include "collector/derive/outages.h"
#include "collector/store/derived.h"
#include "collector/store/outages.h"
#include "collector/store/tickets.h"

/* What the evidence of a move is made from. */
struct grounds {
	const struct service_plan *plan;
	const struct reliability_rule *rule;
	const struct outage_history *history;
};

static json_t *describe_rule(const struct grounds *grounds, const struct move *move)
{
	const struct reliability_rule *rule = grounds->rule;

	if (move->what == MOVE_PROVE)
		return json_pack("{s:s, s:I, s:I, s:I}", "name", reliability_names[grounds->plan->reliability], "within_span_ms",
				 (json_int_t)rule->proof_ms, "outages_at_most", (json_int_t)rule->proof_outages, "down_under_span_ms",
				 (json_int_t)rule->proof_down_ms);
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "name", reliability_names[grounds->plan->reliability], "within_span_ms",
			 (json_int_t)rule->window_ms, "outages", (json_int_t)rule->outages, "down_over_span_ms",
			 (json_int_t)rule->down_ms, "briefs", (json_int_t)rule->briefs, "briefs_within_span_ms",
			 (json_int_t)rule->briefs_within_ms);
}

/* The outages are the evidence; of measurements there are none. */
static int make_evidence(void *arg, struct txn *txn, const struct move *move, json_t **ret_evidence, struct err *err)
{
	const struct grounds *grounds = arg;
	const struct stretch period = { move->from_ms, move->at_ms };
	struct availability availability = outage_availability(grounds->history, period.from_ms, period.to_ms);

	(void)txn;
	(void)err;
	*ret_evidence = json_pack("{s:o, s:o, s:o, s:[]}", "profile", describe_rule(grounds, move), "outages",
				  outages_to_json(grounds->history, &period), "availability",
				  availability_to_json(grounds->history->rule, &availability, &period), "measurements");
	return 0;
}

static int follow_moves(struct txn *txn, const struct collector_config *config, const struct line *line,
			const struct grounds *grounds, const struct move *moves, size_t count, int64_t since_ms, int64_t now_ms,
			struct err *err)
{
	while (count > 0 && moves->at_ms < since_ms) {
		moves++;
		count--;
	}
	const struct follow follow = {
		.line = line, .defect = DEFECT_UNRELIABLE, .moves = moves, .count = count, .since_ms = since_ms, .now_ms = now_ms,
		.chronic_reopens = config->decision.chronic_reopens, .chronic_within_ms = config->decision.chronic_within_ms,
		.withdrawn = "with the reports that arrived since, the line was within its profile",
		.evidence = make_evidence, .arg = (void *)grounds,
	};

	return tickets_follow(txn, &follow, err);
}

int derive_reliable(struct txn *txn, const struct collector_config *config, const struct line *line, int64_t from_ms,
		    int64_t now_ms, struct err *err)
{
	const struct service_plan *plan = collector_config_find_plan(config, line->service_plan);
	struct reliability_facts facts = { 0 };
	struct reliability_rule rule;
	struct outage_history history;
	struct defect_state state;
	struct mark *marks = NULL;
	struct move *moves = NULL;
	int64_t first_ms;
	size_t count;
	int rc = -1;

	if (!plan)
		return 0;
	rule = reliability_rule_of((enum reliability_profile)plan->reliability, &config->reliability);
	if (outages_read_history(txn, config, line, 0, &history, err) < 0)
		return -1;
	if (marks_of_line(txn, line, 0, &marks, &facts.mark_count, err) < 0 ||
	    watched_span(txn, line, &first_ms, &facts.until_ms, err) < 0)
		goto out;
	facts.rule = &rule;
	facts.history = &history;
	facts.marks = marks;
	if (facts.until_ms > now_ms)
		facts.until_ms = now_ms;
	count = reliability_fold(&facts, &moves, &state);
	/* an outage that it was merged with ended so much earlier */
	rc = follow_moves(txn, config, line, &(struct grounds){ plan, &rule, &history }, moves, count,
			  from_ms - config->outages.merge_gap_ms, now_ms, err);
out:
	if (rc < 0)
		err_wrap(err, "line %s", line->id);
	free(moves);
	free(marks);
	outage_history_free(&history);
	return rc;
}

/* Is there an unproven ticket, and since when does a proof stand? */
static int look_back(struct txn *txn, const struct line *line, int64_t since_ms, bool *ret_unproven,
		     struct defect_state *ret_state, struct err *err)
{
	struct ticket ticket;
	struct move *moves;
	size_t count;
	int found = ticket_find_open(txn, line, DEFECT_UNRELIABLE, &ticket, err);

	if (found < 0 || moves_from(txn, line, DEFECT_UNRELIABLE, since_ms, &moves, &count, err) < 0)
		return -1;
	*ret_unproven = found && ticket.state != TICKET_PROVEN;
	*ret_state = defect_state_none;
	for (size_t i = 0; i < count; i++)
		if (moves[i].what == MOVE_PROVE)
			ret_state->proven_ms = moves[i].at_ms;
	free(moves);
	return 0;
}

/* V2. A ticket that was closed without proof proves nothing: the profile itself must hold. */
static int judge(struct txn *txn, const struct collector_config *config, const struct line *line,
		 const struct service_plan *plan, const struct outage_history *history, struct reliability *reliability,
		 struct err *err)
{
	const struct stretch *period = &reliability->period;
	struct reliability_rule rule = reliability_rule_of((enum reliability_profile)plan->reliability, &config->reliability);
	const struct reliability_facts facts = { .rule = &rule, .history = history };
	struct availability availability = outage_availability(history, period->from_ms, period->to_ms);
	struct defect_state state;
	bool is_unproven;

	if (look_back(txn, line, period->to_ms - rule.window_ms, &is_unproven, &state, err) < 0)
		return -1;
	reliability->coverage_ppm = availability_coverage_ppm(&availability);
	if (is_unproven || reliability_is_broken(&facts, &state, period->to_ms))
		reliability->value = VALUE_BAD;
	else if (availability_is_covered(&config->outages, &availability))
		reliability->value = VALUE_GOOD;
	return 0;
}

int reliability_of_line(struct txn *txn, const struct collector_config *config, const struct line *line, int64_t now_ms,
			struct reliability *ret_reliability, struct err *err)
{
	const struct service_plan *plan = collector_config_find_plan(config, line->service_plan);
	struct reliability reliability = { .value = VALUE_UNMEASURED, .coverage_ppm = JSON_ABSENT };
	struct outage_history history;
	int rc;

	if (outages_last_period(txn, config, line, now_ms, &reliability.period, err) < 0)
		return -1;
	reliability.is_young = reliability.period.from_ms > now_ms - config->reliability.window_ms;
	if (plan) {
		if (outages_read_history(txn, config, line, now_ms - config->reliability.window_ms, &history, err) < 0)
			return -1;
		rc = judge(txn, config, line, plan, &history, &reliability, err);
		outage_history_free(&history);
		if (rc < 0)
			return -1;
	}
	*ret_reliability = reliability;
	return 0;
}
