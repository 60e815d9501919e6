#include "collector/decide/defect.h"

#include "agent/base/window.h"

const char *const defect_names[] = {
	[DEFECT_SLOW_LOCAL] = "slow-local", [DEFECT_SLOW_HUB] = "slow-hub", [DEFECT_UNRELIABLE] = "unreliable",
	[DEFECT_NO_CONTACT] = "no-contact", [DEFECT_ALTERED] = "altered",   [DEFECT_COUNT] = NULL,
};

const struct defect_state defect_state_none = {
	PHASE_NONE, JSON_ABSENT, JSON_ABSENT, JSON_ABSENT, JSON_ABSENT, JSON_ABSENT,
};

#define DAY_MS   INT64_C(86400000)
#define SLOTS    96                   /* of a day, to find the fullest band in */
#define SLOT_MS  (DAY_MS / SLOTS)

static bool is_bad(const void *stream, int index)
{
	return ((const struct sample *)stream)[index].judgement == JUDGED_BAD;
}

static bool is_contended(const void *stream, int index)
{
	return is_bad(stream, index) && ((const struct sample *)stream)[index].reason == REASON_CONTENDED;
}

static bool is_not_good(const void *stream, int index)
{
	return ((const struct sample *)stream)[index].judgement != JUDGED_GOOD;
}

static int64_t later(int64_t a_ms, int64_t b_ms)
{
	return a_ms > b_ms ? a_ms : b_ms;
}

bool defect_is_suspect(const struct decision_rule *rule, const struct sample *samples, int count)
{
	return window_last(samples, count, (int)rule->suspect_of, is_bad).hits >= rule->suspect_bad;
}

bool defect_is_there(const struct decision_rule *rule, int64_t interval_ms, const struct sample *samples, int count)
{
	struct window bad = window_last(samples, count, (int)rule->open_of, is_bad);
	struct window contended = window_last(samples, count, (int)rule->open_of, is_contended);
	int64_t span_ms, within_ms;

	if (!bad.hits || bad.hits < rule->open_bad || bad.last_hit != count - 1)
		return false;
	span_ms = samples[bad.last_hit].started_ms - samples[bad.first_hit].started_ms;
	within_ms = samples[count - 1].started_ms - samples[bad.first].started_ms;
	return span_ms >= rule_scaled_ms(rule->open_span_ms, interval_ms) &&
	       within_ms <= rule_scaled_ms(rule->open_within_ms, interval_ms) &&
	       contended.hits * INT64_C(100) <= bad.hits * rule->contended_percent;
}

/* The most that any band of the day of that many slots holds; it may run past midnight. */
static int fullest_band(const int bad_of_slot[SLOTS], int64_t slots)
{
	int most = 0;

	for (int start = 0; start < SLOTS; start++) {
		int bad = 0;

		for (int i = 0; i < slots && i < SLOTS; i++)
			bad += bad_of_slot[(start + i) % SLOTS];
		most = bad > most ? bad : most;
	}
	return most;
}

bool defect_is_daily(const struct decision_rule *rule, const struct sample *samples, int count, int64_t from_ms)
{
	int bad_of_slot[SLOTS] = { 0 };
	int64_t first_ms = JSON_ABSENT, last_ms = JSON_ABSENT;
	int bad = 0;

	for (int i = 0; i < count; i++) {
		if (samples[i].started_ms < from_ms || !is_bad(samples, i))
			continue;
		if (!bad++)
			first_ms = samples[i].started_ms;
		last_ms = samples[i].started_ms;
		bad_of_slot[last_ms % DAY_MS / SLOT_MS]++;
	}
	return last_ms - first_ms > rule->band_span_ms &&
	       fullest_band(bad_of_slot, rule->band_ms / SLOT_MS) * INT64_C(100) >= bad * rule->band_share_percent;
}

/* D6: every sample of the window was taken after the defect was last opened and last said to be repaired. */
static bool is_proven(const struct decision_rule *rule, const struct defect_state *state, const struct sample *samples,
		      int count, int *ret_window)
{
	bool daily = defect_is_daily(rule, samples, count, state->from_ms);
	int64_t of = daily ? rule->band_of : rule->close_of;
	int64_t not_good = daily ? rule->band_not_good : rule->close_not_good;
	struct window window = window_last(samples, count, (int)of, is_not_good);

	if (window.length < of || window.hits > not_good || defect_is_suspect(rule, samples, count) ||
	    samples[window.first].started_ms <= later(state->opened_ms, state->fixed_ms))
		return false;
	*ret_window = window.length;
	return true;
}

/* The claim of a repair failed: suspicion on nothing but samples taken after it. */
static bool is_refuted(const struct decision_rule *rule, const struct defect_state *state, const struct sample *samples,
		       int count, int *ret_window)
{
	int after = 0;

	while (after < count && samples[count - 1 - after].started_ms > state->fixed_ms)
		after++;
	*ret_window = after < rule->suspect_of ? after : (int)rule->suspect_of;
	return defect_is_suspect(rule, samples + count - after, after);
}

static enum defect_move step_unproven(const struct decision_rule *rule, struct defect_state *state,
				      const struct sample *samples, int count, int *ret_window)
{
	if (is_proven(rule, state, samples, count, ret_window)) {
		state->phase = PHASE_PROVEN;
		state->proven_ms = samples[count - 1].started_ms;
		return MOVE_PROVE;
	}
	if (state->phase == PHASE_FIXED && is_refuted(rule, state, samples, count, ret_window)) {
		state->phase = PHASE_OPEN;
		return MOVE_RETURN;
	}
	return MOVE_NONE;
}

static enum defect_move open_defect(const struct decision_rule *rule, struct defect_state *state,
				    const struct sample *samples, int count, int *ret_window)
{
	struct window bad = window_last(samples, count, (int)rule->open_of, is_bad);
	int64_t now_ms = samples[count - 1].started_ms;
	bool again = state->phase == PHASE_PROVEN ||
		     (state->phase == PHASE_CLOSED && now_ms - state->closed_ms <= rule->reopen_within_ms);

	*state = (struct defect_state){
		.phase = PHASE_OPEN,
		.from_ms = again ? state->from_ms : samples[bad.first_hit].started_ms,
		.opened_ms = now_ms,
		.fixed_ms = JSON_ABSENT,
		.proven_ms = JSON_ABSENT,
		.closed_ms = JSON_ABSENT,
	};
	*ret_window = bad.length;
	return again ? MOVE_REOPEN : MOVE_OPEN;
}

/* When a defect that is over ended; of one that a person closed later, the proof is what counts. */
static int64_t ended_ms(const struct defect_state *state)
{
	return state->proven_ms != JSON_ABSENT ? state->proven_ms : state->closed_ms;
}

enum defect_move defect_step(const struct decision_rule *rule, int64_t interval_ms, struct defect_state *state, bool held,
			     const struct sample *samples, int count, int *ret_window)
{
	if (state->phase == PHASE_OPEN || state->phase == PHASE_FIXED)
		return step_unproven(rule, state, samples, count, ret_window);
	if (held || samples[count - 1].started_ms <= later(state->opened_ms, ended_ms(state)) ||
	    !defect_is_there(rule, interval_ms, samples, count))
		return MOVE_NONE;
	return open_defect(rule, state, samples, count, ret_window);
}

/* Did the defect last at this time? */
static bool covers(const struct defect_state *state, int64_t at_ms)
{
	if (state->phase == PHASE_NONE || at_ms < state->opened_ms)
		return false;
	return state->phase == PHASE_OPEN || state->phase == PHASE_FIXED || at_ms <= ended_ms(state);
}

bool defect_is_local(const struct decision_rule *rule, int64_t interval_ms, const struct defect_state *local_state,
		     const struct sample *local_samples, int local_count, int64_t at_ms)
{
	if (covers(local_state, at_ms))
		return true;
	return local_count && defect_is_suspect(rule, local_samples, local_count) &&
	       at_ms - local_samples[local_count - 1].started_ms <= rule_scaled_ms(rule->open_within_ms, interval_ms);
}
