#include "collector/derive/reliable.h"

#include <stdlib.h>

#include "collector/decide/reliability.h"
#include "collector/derive/outages.h"
#include "collector/store/tickets.h"

/* Is there an unproven ticket, and since when does a proof stand? */
static int look_at_ticket(struct txn *txn, const struct line *line, int64_t since_ms, bool *ret_unproven,
			  struct defect_state *ret_state, struct err *err)
{
	struct ticket ticket;
	int found = ticket_find_open(txn, line, DEFECT_UNRELIABLE, &ticket, err);

	*ret_unproven = found > 0 && ticket.state != TICKET_PROVEN;
	*ret_state = defect_state_none;
	if (!found)
		found = ticket_find_closed(txn, line, DEFECT_UNRELIABLE, since_ms, &ticket, err);
	if (found > 0)
		ret_state->proven_ms = ticket.proven_ms;
	return found < 0 ? -1 : 0;
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

	if (look_at_ticket(txn, line, period->to_ms - rule.window_ms, &is_unproven, &state, err) < 0)
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
