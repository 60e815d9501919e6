#include "collector/decide/line_fold.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "collector/decide/line_fold_state.h"

#define LEAF_VALID 3   /* F1: a good leaf has so many valid probes ... */
#define LEAF_CELLS 4   /* ... in the last so many cells */

static const enum defect slow_of_leg[LEG_COUNT] = { DEFECT_SLOW_LOCAL, DEFECT_SLOW_HUB };

struct line_fold *line_fold_new(void)
{
	struct line_fold *fold = xcalloc(1, sizeof *fold);

	for (int i = 0; i < DEFECT_COUNT; i++)
		fold->defects[i] = defect_state_none;
	fold->newest_ms = fold->last.started_ms = JSON_ABSENT;
	return fold;
}

void line_fold_free(struct line_fold *fold)
{
	if (!fold)
		return;
	for (int leg = 0; leg < LEG_COUNT; leg++) {
		free(fold->legs[leg].stream.samples);
		free(fold->legs[leg].recent.samples);
	}
	free(fold);
}

void fold_window_push(struct fold_window *window, const struct sample *sample, int keep)
{
	int surplus = window->count + 1 - keep;

	if (surplus > 0) {
		window->first += surplus;
		window->count -= surplus;
	}
	if (window->first + window->count == window->capacity) {
		if (window->first)
			memmove(window->samples, window->samples + window->first,
				(size_t)window->count * sizeof *window->samples);
		window->first = 0;
		if (window->capacity < 2 * (window->count + 1)) {
			window->capacity = 2 * (window->count + 1);
			window->samples = xrealloc(window->samples, (size_t)window->capacity, sizeof *window->samples);
		}
	}
	window->samples[window->first + window->count++] = *sample;
}

int line_fold_compare(const struct sample *a, const struct sample *b)
{
	if (a->started_ms != b->started_ms)
		return a->started_ms < b->started_ms ? -1 : 1;
	if (a->leg != b->leg)
		return a->leg < b->leg ? -1 : 1;
	if (a->judgement != b->judgement)
		return a->judgement < b->judgement ? -1 : 1;
	return (a->seq > b->seq) - (a->seq < b->seq);
}

static const struct sample *newest(const struct fold_window *window)
{
	return window->samples + window->first + window->count - 1;
}

/* What is left of a sample once it was saved and loaded: no other part of it may matter before either. */
static struct sample essence(const struct sample *sample)
{
	return (struct sample){
		.started_ms = sample->started_ms,
		.leg = sample->leg,
		.throughput_bps = JSON_ABSENT,
		.threshold_bps = JSON_ABSENT,
		.judgement = sample->judgement,
		.reason = sample->reason == REASON_CONTENDED ? REASON_CONTENDED : REASON_NONE,
		.is_blind = sample->is_blind,
	};
}

static bool is_of_stream(const struct promise *promise, const struct sample *sample)
{
	return sample->judgement <= JUDGED_BAD &&
	       (!promise->by_capacity || sample->kind == KIND_CAPACITY || sample->judgement == JUDGED_GOOD);
}

/* D4, as the local leg is when the hub's sample was made. */
static bool is_held(const struct line_fold *fold, const struct fold_rules *rules, const struct sample *sample)
{
	const struct promise *local = &rules->promises[LEG_LOCAL];
	const struct fold_window *recent = &fold->legs[LEG_LOCAL].recent;

	return sample->leg == LEG_HUB && sample->judgement == JUDGED_BAD &&
	       defect_is_local(local->rule, local->interval_ms, &fold->defects[DEFECT_SLOW_LOCAL],
			       recent->samples + recent->first, recent->count, sample->started_ms);
}

static int64_t window_from_ms(const struct fold_window *stream, int length, enum defect_move what)
{
	const struct sample *sample = newest(stream) + 1 - length;

	while ((what == MOVE_OPEN || what == MOVE_REOPEN) && sample->judgement != JUDGED_BAD)
		sample++;
	return sample->started_ms;
}

static int recent_max(const struct decision_rule *rule)
{
	return rule->suspect_of > LEAF_VALID ? (int)rule->suspect_of : LEAF_VALID;
}

static int step_slow(struct line_fold *fold, const struct fold_rules *rules, const struct sample *sample, struct move *ret_move)
{
	const struct promise *promise = &rules->promises[sample->leg];
	const struct defect_terms terms = { promise->rule, promise->interval_ms, rules->offset_s, rules->zone };
	struct fold_leg *leg = &fold->legs[sample->leg];
	struct fold_window *stream = &leg->stream;
	struct sample kept = essence(sample);
	enum defect defect = slow_of_leg[sample->leg];
	enum defect_move what;
	int window = 0;

	if (!promise->is_promised || !is_of_stream(promise, sample))
		return 0;
	fold_window_push(&leg->recent, &kept, recent_max(promise->rule));
	if (sample->trigger != TRIGGER_SCHEDULE)
		return 0;
	fold_window_push(stream, &kept, defect_window_max(promise->rule));
	what = defect_step(&terms, &fold->defects[defect], is_held(fold, rules, sample), stream->samples + stream->first,
			   stream->count, &window);
	if (what == MOVE_NONE)
		return 0;
	*ret_move = (struct move){ sample->started_ms, window_from_ms(stream, window, what), defect, what, window };
	return 1;
}

static bool is_altered(const struct sample *sample)
{
	return sample->judgement == JUDGED_FAILED &&
	       (sample->reason == REASON_ALTERED || sample->reason == REASON_TRUNCATED);
}

/* A whole reference file with the right digest. What stalled was not whole, capacity probes may stop early. */
static bool is_intact(const struct sample *sample)
{
	return sample->judgement <= JUDGED_UNRESOLVED && sample->reason != REASON_STALLED && sample->kind == KIND_REFERENCE;
}

static void count_row(int *row, int *other, int most, int64_t at_ms, int64_t *from_ms)
{
	*other = 0;
	if (!*row)
		*from_ms = at_ms;
	if (*row < most)
		++*row;
}

static enum defect_move begin_altered(struct line_fold *fold, const struct decision_rule *rule, struct fold_content *content,
				      int64_t at_ms)
{
	struct defect_state *state = &fold->defects[DEFECT_ALTERED];
	enum defect_phase before = state->phase;

	if (before == PHASE_OPEN || before == PHASE_FIXED) {
		content->is_at_fault = true;
		state->phase = PHASE_OPEN;
		return before == PHASE_FIXED ? MOVE_RETURN : MOVE_NONE;
	}
	for (int leg = 0; leg < LEG_COUNT; leg++)
		fold->legs[leg].content.is_at_fault = false;
	content->is_at_fault = true;
	return defect_open(rule, state, content->from_ms, at_ms);
}

static enum defect_move prove_intact(struct line_fold *fold, const struct decision_rule *rule, int64_t at_ms)
{
	struct defect_state *state = &fold->defects[DEFECT_ALTERED];

	if (state->phase != PHASE_OPEN && state->phase != PHASE_FIXED)
		return MOVE_NONE;
	for (int leg = 0; leg < LEG_COUNT; leg++) {
		const struct fold_content *content = &fold->legs[leg].content;

		if (content->is_at_fault && content->intact < rule->intact_of)
			return MOVE_NONE;
	}
	state->phase = PHASE_PROVEN;
	state->proven_ms = at_ms;
	return MOVE_PROVE;
}

/* D9. */
static int step_content(struct line_fold *fold, const struct fold_rules *rules, const struct sample *sample,
			struct move *ret_move)
{
	const struct decision_rule *rule = rules->promises[sample->leg].rule;
	struct fold_content *content = &fold->legs[sample->leg].content;
	int64_t at_ms = sample->started_ms;
	enum defect_move what = MOVE_NONE;
	int window;

	if (sample->trigger != TRIGGER_SCHEDULE || (!is_altered(sample) && !is_intact(sample)))
		return 0;
	if (is_altered(sample)) {
		count_row(&content->altered, &content->intact, (int)rule->altered_of, at_ms, &content->from_ms);
		window = content->altered;
		if (window >= rule->altered_of)
			what = begin_altered(fold, rule, content, at_ms);
	} else {
		count_row(&content->intact, &content->altered, (int)rule->intact_of, at_ms, &content->from_ms);
		window = content->intact;
		what = prove_intact(fold, rule, at_ms);
	}
	if (what == MOVE_NONE)
		return 0;
	*ret_move = (struct move){ at_ms, content->from_ms, DEFECT_ALTERED, what, window };
	return 1;
}

static bool is_exempt(const struct fold_rules *rules, const struct sample *sample, bool is_content)
{
	return exemption_at(rules->exemptions, rules->exemption_count, sample->leg, sample->started_ms, is_content) != NULL;
}

int line_fold_sample(struct line_fold *fold, const struct fold_rules *rules, const struct sample *sample,
		     struct move ret_moves[FOLD_MOVES_MAX])
{
	int count = 0;

	if (line_fold_compare(sample, &fold->last) <= 0)
		return 0;
	fold->last = (struct sample){
		.started_ms = sample->started_ms, .leg = sample->leg, .judgement = sample->judgement, .seq = sample->seq,
	};
	if (sample->started_ms > fold->newest_ms)
		fold->newest_ms = sample->started_ms;
	if (!is_exempt(rules, sample, false))
		count += step_slow(fold, rules, sample, ret_moves);
	if (!is_exempt(rules, sample, true))
		count += step_content(fold, rules, sample, ret_moves + count);
	return count;
}

/* What was counted before a claim neither proves nor refutes it. */
static void restart_content(struct line_fold *fold)
{
	for (int leg = 0; leg < LEG_COUNT; leg++)
		fold->legs[leg].content.altered = fold->legs[leg].content.intact = 0;
}

void line_fold_mark(struct line_fold *fold, const struct mark *mark)
{
	struct defect_state *state = &fold->defects[mark->defect];
	int64_t fixed_ms = state->fixed_ms;

	if (mark->at_ms > fold->newest_ms)
		fold->newest_ms = mark->at_ms;
	defect_mark(state, mark->kind, mark->at_ms);
	if (mark->defect == DEFECT_ALTERED && state->fixed_ms != fixed_ms)
		restart_content(fold);
}

const struct defect_state *line_fold_defect(const struct line_fold *fold, enum defect defect)
{
	return &fold->defects[defect];
}

const struct sample *line_fold_stream(const struct line_fold *fold, enum leg leg, int *ret_count)
{
	const struct fold_window *stream = &fold->legs[leg].stream;

	*ret_count = stream->count;
	return stream->count ? stream->samples + stream->first : NULL;
}

int64_t line_fold_newest_ms(const struct line_fold *fold)
{
	return fold->newest_ms;
}

static bool is_unproven(const struct defect_state *state)
{
	return state->phase == PHASE_OPEN || state->phase == PHASE_FIXED;
}

static int count_since(const struct fold_window *recent, int64_t after_ms)
{
	int count = 0;

	while (count < recent->count && newest(recent)[-count].started_ms > after_ms)
		count++;
	return count;
}

enum leaf_state line_fold_leaf(const struct line_fold *fold, const struct fold_rules *rules, enum leg leg, int64_t at_ms)
{
	const struct promise *promise = &rules->promises[leg];
	const struct decision_rule *rule = promise->rule;
	const struct fold_window *recent = &fold->legs[leg].recent;
	const struct sample *samples = recent->samples + recent->first;

	if (!promise->is_promised || !recent->count ||
	    at_ms - newest(recent)->started_ms > rule->verdict_cells * promise->cell_ms)
		return LEAF_UNKNOWN;
	if (is_unproven(&fold->defects[slow_of_leg[leg]]))
		return LEAF_BAD;
	if (defect_is_suspect(rule, samples, recent->count))
		return defect_is_decidable(rule, samples, recent->count, (int)rule->suspect_of) ? LEAF_BAD : LEAF_UNKNOWN;
	return count_since(recent, at_ms - LEAF_CELLS * promise->cell_ms) >= LEAF_VALID ? LEAF_GOOD : LEAF_UNKNOWN;
}
