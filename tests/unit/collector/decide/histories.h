/* histories.h - random histories of a line, rich in what makes the rules differ: stretches of noise, of faults with and without
 * a time of day, of altered content and of the client's own traffic; extra probes, gaps, several samples at the same
 * millisecond, and marks of people that fit or do not.
 * Ownership: the caller frees the facts. Threads: pure; randomness is an input. */
#ifndef PLUMBLINE_HISTORIES_H
#define PLUMBLINE_HISTORIES_H

#include <stdlib.h>

#include "agent/base/mem.h"
#include "agent/base/random.h"
#include "collector/decide/line_fold.h"

#define HISTORY_HOUR_MS  INT64_C(3600000)
#define HISTORY_DAY_MS   (24 * HISTORY_HOUR_MS)
#define HISTORY_START_MS (20000 * HISTORY_DAY_MS)   /* some midnight */

struct fact {
	bool is_mark;
	struct mark mark;
	struct sample sample;
};

static inline int64_t fact_ms(const struct fact *fact)
{
	return fact->is_mark ? fact->mark.at_ms : fact->sample.started_ms;
}

/* The order of line_fold.h. */
static inline int fact_compare(const void *left, const void *right)
{
	const struct fact *a = left, *b = right;

	if (fact_ms(a) != fact_ms(b))
		return fact_ms(a) < fact_ms(b) ? -1 : 1;
	if (a->is_mark != b->is_mark)
		return a->is_mark ? -1 : 1;
	if (!a->is_mark)
		return line_fold_compare(&a->sample, &b->sample);
	if (a->mark.defect != b->mark.defect)
		return a->mark.defect < b->mark.defect ? -1 : 1;
	return (a->mark.kind > b->mark.kind) - (a->mark.kind < b->mark.kind);
}

static inline int64_t history_below(const struct random_source *random, int64_t bound)
{
	return (int64_t)random_below(random, (uint64_t)bound);
}

static inline bool history_chance(const struct random_source *random, int percent)
{
	return history_below(random, 100) < percent;
}

/* How a leg fares for a while. */
struct history_stretch {
	int bad_percent, evening_percent, altered_percent, contended_percent;
	bool is_blind;
};

static const struct history_stretch history_stretches[] = {
	{ 1, 1, 0, 0, false },  { 3, 3, 0, 0, true },     { 98, 98, 0, 0, false }, { 90, 90, 0, 0, true },
	{ 50, 50, 0, 0, true }, { 5, 95, 0, 0, false },   { 90, 90, 0, 60, true }, { 0, 0, 60, 0, false },
};
#define HISTORY_STRETCHES (int)(sizeof history_stretches / sizeof history_stretches[0])

static inline void history_judge(const struct history_stretch *stretch, const struct random_source *random, struct sample *sample)
{
	int64_t hour = sample->started_ms % HISTORY_DAY_MS / HISTORY_HOUR_MS;
	bool is_evening = hour >= 16 && hour < 22;

	sample->is_blind = stretch->is_blind;
	sample->judgement = JUDGED_GOOD;
	if (history_chance(random, stretch->altered_percent)) {
		sample->judgement = JUDGED_FAILED;
		sample->reason = history_chance(random, 50) ? REASON_ALTERED : REASON_TRUNCATED;
	} else if (history_chance(random, is_evening ? stretch->evening_percent : stretch->bad_percent)) {
		sample->judgement = JUDGED_BAD;
		sample->reason = history_chance(random, stretch->contended_percent) ? REASON_CONTENDED : REASON_NONE;
	} else if (history_chance(random, 5)) {
		sample->judgement = JUDGED_MARGINAL + (int)history_below(random, JUDGED_SKIPPED);
	}
}

/* Some cells of one leg, at intervals of interval_ms. seq counts on. */
static inline size_t history_leg(enum leg leg, int64_t interval_ms, int cells, const struct random_source *random,
				 struct fact *ret_facts)
{
	const struct history_stretch *stretch = history_stretches;
	size_t count = 0;
	int until = 0;

	for (int cell = 0; cell < cells; cell++) {
		int probes = history_chance(random, 4) ? 0 : history_chance(random, 5) ? 4 : 1;

		if (cell == until) {
			stretch = &history_stretches[history_chance(random, 40) ? 0 : history_below(random, HISTORY_STRETCHES)];
			until = cell + 5 + (int)history_below(random, 80);
		}
		for (int i = 0; i < probes; i++) {
			struct sample *sample = &ret_facts[count].sample;

			ret_facts[count] = (struct fact){ .is_mark = false };
			/* Of few moments in a cell, so that both legs and extra probes often share one. */
			sample->started_ms = HISTORY_START_MS + cell * interval_ms + history_below(random, 8) * (interval_ms / 8);
			sample->leg = leg;
			sample->seq = (int64_t)count++;
			sample->throughput_bps = 1000 + sample->seq;
			sample->trigger = i ? TRIGGER_EXTRA : TRIGGER_SCHEDULE;
			sample->kind = history_chance(random, 10) ? KIND_CAPACITY : KIND_REFERENCE;
			history_judge(stretch, random, sample);
		}
	}
	return count;
}

/* Both legs and marks, in the order of time. */
static inline struct fact *history_draw(int64_t interval_ms, int cells, const struct random_source *random, size_t *ret_count)
{
	static const enum defect marked[] = { DEFECT_SLOW_LOCAL, DEFECT_SLOW_HUB, DEFECT_ALTERED };
	struct fact *facts = xcalloc((size_t)cells * 9 + 1, sizeof *facts);
	size_t count = history_leg(LEG_LOCAL, interval_ms, cells, random, facts);

	count += history_leg(LEG_HUB, interval_ms, cells, random, facts + count);
	for (int cell = 0; cell < cells; cell++)
		if (history_chance(random, 5))
			facts[count++] = (struct fact){
				.is_mark = true,
				.mark = { HISTORY_START_MS + cell * interval_ms + history_below(random, 8) * (interval_ms / 8),
					  marked[history_below(random, 3)],
					  history_chance(random, 60) ? MARK_FIXED : MARK_CLOSED },
			};
	qsort(facts, count, sizeof *facts, fact_compare);
	*ret_count = count;
	return facts;
}

/* A few stretches of time of the first so many cells, by from_ms. */
#define HISTORY_EXEMPTIONS 4
static inline void history_exemptions(int64_t interval_ms, int cells, const struct random_source *random,
				      struct exemption ret_list[HISTORY_EXEMPTIONS])
{
	for (int i = 0; i < HISTORY_EXEMPTIONS; i++) {
		int64_t from_ms = HISTORY_START_MS + (cells * i + history_below(random, cells)) * interval_ms / HISTORY_EXEMPTIONS;

		ret_list[i] = (struct exemption){ from_ms, from_ms + history_below(random, 20) * interval_ms,
						  (int)history_below(random, 3) - 1,
						  (enum exemption_why)history_below(random, 3) };
	}
}

static inline int history_step(struct line_fold *fold, const struct fold_rules *rules, const struct fact *fact,
			       struct move ret_moves[FOLD_MOVES_MAX])
{
	if (!fact->is_mark)
		return line_fold_sample(fold, rules, &fact->sample, ret_moves);
	line_fold_mark(fold, &fact->mark);
	return 0;
}

/* The default rule with shorter windows, so that a history sees every move often; the hub's promise by capacity in every
 * other. */
static inline struct fold_rules history_rules(const struct decision_rule *rule, int64_t interval_ms, bool by_capacity)
{
	return (struct fold_rules){ .promises = {
		[LEG_LOCAL] = { true, false, rule, interval_ms, interval_ms },
		[LEG_HUB] = { true, by_capacity, rule, interval_ms, interval_ms },
	} };
}

static const struct decision_rule history_rule = {
	.open_bad = 4, .open_of = 6, .blind_bad = 5, .blind_of = 8, .open_span_ms = 45 * 60000,
	.open_within_ms = 6 * HISTORY_HOUR_MS, .contended_percent = 50, .close_not_good = 1, .close_of = 8, .band_not_good = 3,
	.band_of = 24, .band_ms = 6 * HISTORY_HOUR_MS, .band_share_percent = 70, .band_span_ms = HISTORY_DAY_MS,
	.reopen_within_ms = 72 * HISTORY_HOUR_MS, .suspect_bad = 3, .suspect_of = 4, .altered_of = 2, .intact_of = 4,
	.verdict_valid = 4, .verdict_cells = 2,
};

#endif
