#include "collector/decide/defect.h"

#include "agent/base/window.h"

const char *const defect_names[] = {
	[DEFECT_SLOW_LOCAL] = "slow-local", [DEFECT_SLOW_HUB] = "slow-hub", [DEFECT_UNRELIABLE] = "unreliable",
	[DEFECT_NO_CONTACT] = "no-contact", [DEFECT_ALTERED] = "altered",   [DEFECT_COUNT] = NULL,
};

const struct defect_state defect_state_none = {
	.phase = PHASE_NONE, .from_ms = JSON_ABSENT, .opened_ms = JSON_ABSENT, .fixed_ms = JSON_ABSENT,
	.proven_ms = JSON_ABSENT, .closed_ms = JSON_ABSENT,
};

#define DAY_MS   INT64_C(86400000)
#define SLOT_MS  (DAY_MS / DEFECT_SLOTS)

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

static bool is_blind(const void *stream, int index)
{
	return ((const struct sample *)stream)[index].is_blind;
}

static int64_t later(int64_t a_ms, int64_t b_ms)
{
	return a_ms > b_ms ? a_ms : b_ms;
}

int defect_window_max(const struct decision_rule *rule)
{
	const int64_t windows[] = { rule->suspect_of, rule->open_of, rule->blind_of, rule->close_of, rule->band_of };
	int64_t widest = 1;

	for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++)
		widest = later(widest, windows[i]);
	return (int)widest;
}

bool defect_is_suspect(const struct decision_rule *rule, const struct sample *samples, int count)
{
	return window_last(samples, count, (int)rule->suspect_of, is_bad).hits >= rule->suspect_bad;
}

bool defect_is_decidable(const struct decision_rule *rule, const struct sample *samples, int count, int of)
{
	return window_last(samples, count, of, is_contended).hits * INT64_C(100) <=
	       window_last(samples, count, of, is_bad).hits * rule->contended_percent;
}

struct open_rule defect_open_rule(const struct decision_rule *rule, const struct sample *samples, int count)
{
	struct window blind = window_last(samples, count, (int)rule->open_of, is_blind);

	return 2 * blind.hits > blind.length ? (struct open_rule){ rule->blind_bad, rule->blind_of } :
					       (struct open_rule){ rule->open_bad, rule->open_of };
}

bool defect_is_there(const struct decision_rule *rule, int64_t interval_ms, const struct sample *samples, int count)
{
	struct open_rule open;
	struct window bad;
	int64_t span_ms, within_ms;

	if (!count || !is_bad(samples, count - 1))
		return false;
	open = defect_open_rule(rule, samples, count);
	bad = window_last(samples, count, (int)open.of, is_bad);
	if (bad.hits < open.bad)
		return false;
	span_ms = samples[bad.last_hit].started_ms - samples[bad.first_hit].started_ms;
	within_ms = samples[count - 1].started_ms - samples[bad.first].started_ms;
	return span_ms >= rule_scaled_ms(rule->open_span_ms, interval_ms) &&
	       within_ms <= rule_scaled_ms(rule->open_within_ms, interval_ms) &&
	       defect_is_decidable(rule, samples, count, (int)open.of);
}

void defect_hours_add(struct defect_hours *hours, int64_t bad_ms)
{
	if (hours->bad && bad_ms <= hours->last_ms)
		return;
	if (!hours->bad++)
		hours->first_ms = bad_ms;
	hours->last_ms = bad_ms;
	hours->bad_of_slot[bad_ms % DAY_MS / SLOT_MS]++;
}

struct defect_hours defect_hours_of(const struct sample *samples, int count, int64_t from_ms)
{
	struct defect_hours hours = { .bad = 0 };

	for (int i = 0; i < count; i++)
		if (samples[i].started_ms >= from_ms && is_bad(samples, i))
			defect_hours_add(&hours, samples[i].started_ms);
	return hours;
}

/* The most that any band of the day of that many slots holds; it may run past midnight. */
static int64_t fullest_band(const int32_t bad_of_slot[DEFECT_SLOTS], int slots)
{
	int64_t bad = 0, most;

	for (int i = 0; i < slots; i++)
		bad += bad_of_slot[i];
	most = bad;
	for (int start = 0; start < DEFECT_SLOTS; start++) {
		bad += bad_of_slot[(start + slots) % DEFECT_SLOTS] - bad_of_slot[start];
		most = later(most, bad);
	}
	return most;
}

bool defect_is_daily(const struct decision_rule *rule, const struct defect_hours *hours)
{
	int slots = rule->band_ms < DAY_MS ? (int)(rule->band_ms / SLOT_MS) : DEFECT_SLOTS;

	return hours->last_ms - hours->first_ms > rule->band_span_ms &&
	       fullest_band(hours->bad_of_slot, slots) * 100 >= hours->bad * rule->band_share_percent;
}

static bool is_evening(const struct defect_terms *terms, int64_t at_ms)
{
	int64_t local_ms = at_ms + (terms->offset_s ? terms->offset_s(terms->zone, at_ms) * 1000 : 0);
	int64_t of_day_ms = (local_ms % DAY_MS + DAY_MS) % DAY_MS;

	return of_day_ms >= terms->rule->evening_from_ms && of_day_ms < terms->rule->evening_to_ms;
}

/* D6, capacity: is any from the first on of the hours in which lines are busiest? */
static bool has_evening(const struct defect_terms *terms, const struct sample *samples, int first, int count)
{
	if (terms->rule->evening_from_ms == terms->rule->evening_to_ms)
		return true;
	while (first < count && !is_evening(terms, samples[first].started_ms))
		first++;
	return first < count;
}

/* D6: every sample of the window was taken after the defect was last opened and last said to be repaired. */
static bool is_proven(const struct defect_terms *terms, const struct defect_state *state, const struct sample *samples,
		      int count, int *ret_window)
{
	const struct decision_rule *rule = terms->rule;
	bool daily = defect_is_daily(rule, &state->hours);
	int64_t of = daily ? rule->band_of : rule->close_of;
	int64_t not_good = daily ? rule->band_not_good : rule->close_not_good;
	struct window window = window_last(samples, count, (int)of, is_not_good);

	if (window.length < of || window.hits > not_good || defect_is_suspect(rule, samples, count) ||
	    samples[window.first].started_ms <= later(state->opened_ms, state->fixed_ms) ||
	    !has_evening(terms, samples, window.first, count))
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

static enum defect_move step_unproven(const struct defect_terms *terms, struct defect_state *state,
				      const struct sample *samples, int count, int *ret_window)
{
	if (is_proven(terms, state, samples, count, ret_window)) {
		state->phase = PHASE_PROVEN;
		state->proven_ms = samples[count - 1].started_ms;
		return MOVE_PROVE;
	}
	if (state->phase == PHASE_FIXED && is_refuted(terms->rule, state, samples, count, ret_window)) {
		state->phase = PHASE_OPEN;
		return MOVE_RETURN;
	}
	return MOVE_NONE;
}

enum defect_move defect_open(const struct decision_rule *rule, struct defect_state *state, int64_t from_ms, int64_t now_ms)
{
	bool again = state->phase == PHASE_PROVEN ||
		     (state->phase == PHASE_CLOSED && now_ms - state->closed_ms <= rule->reopen_within_ms);

	if (!again) {
		state->from_ms = from_ms;
		state->hours = (struct defect_hours){ .bad = 0 };
	}
	state->phase = PHASE_OPEN;
	state->opened_ms = now_ms;
	state->fixed_ms = state->proven_ms = state->closed_ms = JSON_ABSENT;
	return again ? MOVE_REOPEN : MOVE_OPEN;
}

static enum defect_move open_window(const struct decision_rule *rule, struct defect_state *state,
				    const struct sample *samples, int count, int *ret_window)
{
	struct window bad = window_last(samples, count, (int)defect_open_rule(rule, samples, count).of, is_bad);
	enum defect_move move = defect_open(rule, state, samples[bad.first_hit].started_ms, samples[count - 1].started_ms);

	if (move == MOVE_OPEN)
		state->hours = defect_hours_of(samples + bad.first, bad.length, state->from_ms);
	*ret_window = bad.length;
	return move;
}

void defect_mark(struct defect_state *state, enum mark_kind kind, int64_t at_ms)
{
	if (state->phase == PHASE_NONE || state->phase == PHASE_CLOSED || at_ms <= state->opened_ms)
		return;
	if (kind == MARK_CLOSED) {
		state->phase = PHASE_CLOSED;
		state->closed_ms = at_ms;
	} else if (state->phase != PHASE_PROVEN && at_ms > state->fixed_ms) {
		state->phase = PHASE_FIXED;
		state->fixed_ms = at_ms;
	}
}

/* When a defect that is over ended; of one that a person closed later, the proof is what counts. */
static int64_t ended_ms(const struct defect_state *state)
{
	return state->proven_ms != JSON_ABSENT ? state->proven_ms : state->closed_ms;
}

enum defect_move defect_step(const struct defect_terms *terms, struct defect_state *state, bool held,
			     const struct sample *samples, int count, int *ret_window)
{
	int64_t now_ms = samples[count - 1].started_ms;

	if (state->phase != PHASE_NONE && is_bad(samples, count - 1) && now_ms >= state->from_ms)
		defect_hours_add(&state->hours, now_ms);
	if (state->phase == PHASE_OPEN || state->phase == PHASE_FIXED)
		return step_unproven(terms, state, samples, count, ret_window);
	if (held || now_ms <= later(state->opened_ms, ended_ms(state)) ||
	    !defect_is_there(terms->rule, terms->interval_ms, samples, count))
		return MOVE_NONE;
	return open_window(terms->rule, state, samples, count, ret_window);
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
