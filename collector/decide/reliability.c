#include "collector/decide/reliability.h"

#include <stdlib.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"

struct reliability_rule reliability_rule_of(enum reliability_profile profile, const struct reliability_rule *configured)
{
	struct reliability_rule rule = *configured;

	if (profile == PROFILE_NORM_2001) {
		rule.outages = 1;
		rule.proof_outages = 0;
	}
	return rule;
}

struct fold {
	const struct reliability_facts *facts;
	const struct outage **ends;     /* those that accuse the line, by their ends */
	size_t end_count;
	struct defect_state state;
	int64_t claimed_ms;             /* proof counts from here: opened, re-opened, returned or said to be fixed */
	struct move *moves;
	size_t move_count, move_room;
};

/* What a stretch of time holds. */
struct tally {
	int64_t outages, briefs, down_ms;
};

static int64_t later(int64_t a_ms, int64_t b_ms)
{
	return a_ms > b_ms ? a_ms : b_ms;
}

/* Each outage counts by its part in the time asked for, and not by what of it was announced work. */
static struct tally count(const struct outage_history *history, int64_t from_ms, int64_t to_ms)
{
	struct tally tally = { 0 };

	for (size_t i = 0; i < history->count; i++) {
		const struct outage *outage = &history->outages[i];
		int64_t billed_ms = outage_billed_ms(history, outage, from_ms, to_ms);

		if (!outage->accuses)
			continue;
		if (outage->brief) {
			tally.briefs += billed_ms > 0;
			continue;
		}
		tally.outages += billed_ms >= history->rule->outage_from_ms;
		tally.down_ms += billed_ms;
	}
	return tally;
}

static int64_t since(const struct defect_state *state, int64_t at_ms, int64_t span_ms)
{
	return later(at_ms - span_ms, state->proven_ms);
}

bool reliability_is_broken(const struct reliability_facts *facts, const struct defect_state *state, int64_t at_ms)
{
	const struct reliability_rule *rule = facts->rule;
	struct tally window = count(facts->history, since(state, at_ms, rule->window_ms), at_ms);
	struct tally day = count(facts->history, since(state, at_ms, rule->briefs_within_ms), at_ms);

	return window.outages >= rule->outages || window.down_ms > rule->down_ms || day.briefs >= rule->briefs;
}

static void add_move(struct fold *fold, enum defect_move what, int64_t at_ms, int64_t from_ms)
{
	if (fold->move_count == fold->move_room) {
		fold->move_room = fold->move_room * 2 + 8;
		fold->moves = xrealloc(fold->moves, fold->move_room, sizeof *fold->moves);
	}
	fold->moves[fold->move_count++] = (struct move){ .at_ms = at_ms, .from_ms = from_ms, .defect = DEFECT_UNRELIABLE,
							 .what = what };
	fold->claimed_ms = at_ms;
}

/* Where the first of the outages began that an opening at at_ms rests on. */
static int64_t find_first(const struct fold *fold, int64_t at_ms)
{
	int64_t from_ms = since(&fold->state, at_ms, fold->facts->rule->window_ms), first_ms = at_ms;

	for (size_t i = 0; i < fold->end_count; i++)
		if (fold->ends[i]->ended_ms > from_ms && fold->ends[i]->started_ms < first_ms)
			first_ms = fold->ends[i]->started_ms;
	return first_ms;
}

static void open_at(struct fold *fold, enum defect_move what, int64_t at_ms)
{
	struct defect_state *state = &fold->state;
	int64_t first_ms = find_first(fold, at_ms);

	*state = (struct defect_state){
		.phase = PHASE_OPEN,
		.from_ms = what == MOVE_REOPEN ? state->from_ms : first_ms,
		.opened_ms = at_ms,
		.fixed_ms = JSON_ABSENT,
		.proven_ms = state->proven_ms,
		.closed_ms = JSON_ABSENT,
	};
	add_move(fold, what, at_ms, first_ms);
}

/* Has some day of this time too many brief ones? */
static bool is_choppy(const struct reliability_facts *facts, int64_t from_ms, int64_t to_ms)
{
	for (size_t i = 0; i < facts->history->count; i++) {
		const struct outage *outage = &facts->history->outages[i];
		int64_t day_ms = later(from_ms, outage->ended_ms - facts->rule->briefs_within_ms);

		if (outage->brief && outage->ended_ms <= to_ms &&
		    count(facts->history, day_ms, outage->ended_ms).briefs >= facts->rule->briefs)
			return true;
	}
	return false;
}

static bool is_quiet(const struct reliability_facts *facts, int64_t from_ms, int64_t to_ms)
{
	struct tally tally = count(facts->history, from_ms, to_ms);

	return tally.outages <= facts->rule->proof_outages && tally.down_ms < facts->rule->proof_down_ms &&
	       !is_choppy(facts, from_ms, to_ms);
}

/* What one more outage, which ends at at_ms, means. */
static void step_outage(struct fold *fold, int64_t at_ms)
{
	const struct reliability_rule *rule = fold->facts->rule;
	struct defect_state *state = &fold->state;

	switch (state->phase) {
	case PHASE_OPEN:
		return;
	case PHASE_FIXED:
		if (is_quiet(fold->facts, state->fixed_ms, at_ms))
			return;
		state->phase = PHASE_OPEN;
		add_move(fold, MOVE_RETURN, at_ms, state->fixed_ms);
		return;
	case PHASE_NONE:
	case PHASE_PROVEN:
	case PHASE_CLOSED:
		break;
	}
	if (!reliability_is_broken(fold->facts, state, at_ms))
		return;
	open_at(fold, state->phase == PHASE_PROVEN ||
		(state->phase == PHASE_CLOSED && at_ms - state->closed_ms <= rule->reopen_within_ms) ? MOVE_REOPEN : MOVE_OPEN, at_ms);
}

/* Time in which nobody watched proves nothing. */
static void step_midnight(struct fold *fold, int64_t at_ms)
{
	const struct outage_history *history = fold->facts->history;
	int64_t from_ms = at_ms - fold->facts->rule->proof_ms;
	struct availability watched;

	if ((fold->state.phase != PHASE_OPEN && fold->state.phase != PHASE_FIXED) || from_ms < fold->claimed_ms)
		return;
	watched = outage_availability(history, from_ms, at_ms);
	if (!is_quiet(fold->facts, from_ms, at_ms) || !availability_is_covered(history->rule, &watched))
		return;
	fold->state.phase = PHASE_PROVEN;
	fold->state.proven_ms = at_ms;
	add_move(fold, MOVE_PROVE, at_ms, from_ms);
}

static void step_mark(struct fold *fold, const struct mark *mark)
{
	struct defect_state *state = &fold->state;

	if (mark->defect != DEFECT_UNRELIABLE || state->phase == PHASE_NONE || state->phase == PHASE_CLOSED)
		return;
	if (mark->kind == MARK_CLOSED) {
		state->phase = PHASE_CLOSED;
		state->closed_ms = mark->at_ms;
	} else if (state->phase == PHASE_OPEN) {
		state->phase = PHASE_FIXED;
		state->fixed_ms = fold->claimed_ms = mark->at_ms;
	}
}

static int compare_ends(const void *a, const void *b)
{
	const struct outage *left = *(const struct outage *const *)a, *right = *(const struct outage *const *)b;

	return (left->ended_ms > right->ended_ms) - (left->ended_ms < right->ended_ms);
}

static void list_ends(struct fold *fold)
{
	const struct outage_history *history = fold->facts->history;

	fold->ends = xcalloc(history->count + 1, sizeof *fold->ends);
	for (size_t i = 0; i < history->count; i++)
		if (history->outages[i].accuses)
			fold->ends[fold->end_count++] = &history->outages[i];
	qsort(fold->ends, fold->end_count, sizeof *fold->ends, compare_ends);
}

/* Midnights matter while something waits for its proof only; INT64_MAX when none is asked for. */
static int64_t next_midnight(const struct fold *fold, int64_t after_ms)
{
	int64_t step_ms = fold->facts->rule->proof_step_ms, at_ms;

	if (fold->state.phase != PHASE_OPEN && fold->state.phase != PHASE_FIXED)
		return INT64_MAX;
	at_ms = (later(after_ms, fold->claimed_ms + fold->facts->rule->proof_ms - 1) / step_ms + 1) * step_ms;
	return at_ms <= fold->facts->until_ms ? at_ms : INT64_MAX;
}

/* At the same moment marks come before outages, and these before midnights. */
size_t reliability_fold(const struct reliability_facts *facts, struct move **ret_moves, struct defect_state *ret_state)
{
	struct fold fold = { .facts = facts, .state = defect_state_none };
	size_t next_end = 0, next_mark = 0;
	int64_t at_ms = 0;

	list_ends(&fold);
	for (;;) {
		int64_t end_ms = next_end < fold.end_count ? fold.ends[next_end]->ended_ms : INT64_MAX;
		int64_t mark_ms = next_mark < facts->mark_count ? facts->marks[next_mark].at_ms : INT64_MAX;
		int64_t midnight_ms = next_midnight(&fold, at_ms);

		if (end_ms == INT64_MAX && mark_ms == INT64_MAX && midnight_ms == INT64_MAX)
			break;
		if (mark_ms <= end_ms && mark_ms <= midnight_ms) {
			at_ms = mark_ms - 1;   /* a midnight at this very moment is still to come */
			step_mark(&fold, &facts->marks[next_mark++]);
		} else if (end_ms <= midnight_ms) {
			at_ms = end_ms - 1;
			next_end++;
			step_outage(&fold, end_ms);
		} else {
			at_ms = midnight_ms;
			step_midnight(&fold, midnight_ms);
		}
	}
	free(fold.ends);
	*ret_moves = fold.moves;
	*ret_state = fold.state;
	return fold.move_count;
}
