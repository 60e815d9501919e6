#include "collector/decide/verdict.h"

#include "agent/base/window.h"

const char *const value_names[] = { "good", "bad", "unmeasured", NULL };

const char *const verdict_reason_names[] = {
	[VERDICT_NONE] = "none",
	[VERDICT_SLOW_LOCAL] = "slow-local",
	[VERDICT_SLOW_HUB] = "slow-hub",
	[VERDICT_UNRELIABLE] = "unreliable",
	[VERDICT_NO_AGENT] = "no-agent",
	[VERDICT_NO_PLAN] = "no-plan",
	[VERDICT_TOO_FEW] = "too-few",
	[VERDICT_SILENT] = "silent",
	[VERDICT_UNDECIDED] = "undecided",
	[VERDICT_LITTLE_WATCHED] = "little-watched",
	[VERDICT_IN_USE] = "in-use",
	[VERDICT_MAINTENANCE] = "maintenance",
	[VERDICT_SERVER] = "server",
	NULL,
};

static const enum verdict_reason slow[LEG_COUNT] = { VERDICT_SLOW_LOCAL, VERDICT_SLOW_HUB };

/* Probes lie anywhere in their cells (P1), so age is counted in cells, not from probe to probe. */
static bool is_silent(const struct leg_facts *leg, int64_t now_ms)
{
	int64_t newest_ms = leg->samples[leg->count - 1].started_ms;

	return now_ms / leg->interval_ms - newest_ms / leg->interval_ms > leg->rule->verdict_cells;
}

static bool is_not_good(const void *samples, int index)
{
	return ((const struct sample *)samples)[index].judgement != JUDGED_GOOD;
}

static bool is_steady(const struct leg_facts *leg)
{
	return window_last(leg->samples, leg->count, (int)leg->rule->close_of, is_not_good).hits <=
	       leg->rule->close_not_good;
}

/* What is wrong with the samples of a leg; VERDICT_NONE: they are good. */
static enum verdict_reason doubt_leg(const struct leg_facts *leg, int64_t now_ms)
{
	if (!leg->count)
		return VERDICT_TOO_FEW;
	if (is_silent(leg, now_ms))
		return VERDICT_SILENT;
	if (leg->count < leg->rule->verdict_valid)
		return VERDICT_TOO_FEW;
	return is_steady(leg) ? VERDICT_NONE : VERDICT_UNDECIDED;
}

/* V1. What hinders explains a doubt better than what it left behind. */
static enum value judge_leg(const struct line_facts *facts, enum leg which, int64_t now_ms,
			    enum verdict_reason *ret_reason)
{
	const struct leg_facts *leg = &facts->legs[which];

	if (leg->defective) {
		*ret_reason = slow[which];
		return VALUE_BAD;
	}
	if (!facts->has_agent)
		*ret_reason = VERDICT_NO_AGENT;
	else if (!facts->has_plan)
		*ret_reason = VERDICT_NO_PLAN;
	else
		*ret_reason = facts->is_silent ? VERDICT_SILENT : doubt_leg(leg, now_ms);
	if (*ret_reason == VERDICT_NONE)
		return VALUE_GOOD;
	if (facts->has_agent && facts->has_plan && leg->hindrance != VERDICT_NONE)
		*ret_reason = leg->hindrance;
	return VALUE_UNMEASURED;
}

/* V3: bad outranks unmeasured, unmeasured outranks good; of equals the first one gives the reason. */
static void combine(struct verdict *verdict, enum value part, enum verdict_reason reason)
{
	if (part == VALUE_GOOD || verdict->good == VALUE_BAD || part == verdict->good)
		return;
	verdict->good = part;
	verdict->reason = reason;
}

struct verdict verdict_line(const struct line_facts *facts, int64_t now_ms)
{
	struct verdict verdict = { .good = VALUE_GOOD, .reliable = facts->reliable, .reason = VERDICT_NONE };

	for (int leg = 0; leg < LEG_COUNT; leg++) {
		enum verdict_reason reason;

		verdict.fast[leg] = VALUE_UNMEASURED;
		if (facts->has_plan && !facts->legs[leg].promised)
			continue;
		verdict.fast[leg] = judge_leg(facts, (enum leg)leg, now_ms, &reason);
		combine(&verdict, verdict.fast[leg], reason);
	}
	combine(&verdict, facts->reliable,
		facts->reliable == VALUE_BAD ? VERDICT_UNRELIABLE : VERDICT_LITTLE_WATCHED);
	return verdict;
}

int coverage_percent(const struct coverage *coverage, int64_t now_ms)
{
	int64_t first_cell = coverage->begin_ms / coverage->interval_ms;
	int64_t last_cell = now_ms / coverage->interval_ms - 1;
	int64_t newest_cell = coverage->newest_ms / coverage->interval_ms;

	int64_t percent;

	if (!coverage->cells)
		return 0;
	if (last_cell < newest_cell)
		last_cell = newest_cell;
	percent = coverage->cells * 100 / (last_cell - first_cell + 1);
	return percent < 100 ? (int)percent : 100;
}
