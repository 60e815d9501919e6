/* noise.h - lines with known noise or a known fault, probed every quarter of an hour at a random moment of each cell (P1), and
 * what line_fold_sample makes of them.
 *
 * A healthy line is watched for so many days: every opening is a false ticket. A faulty one is healthy for a day; its fault begins
 * at a random time of the second, before the evening, and is repaired as an evening ends two weeks later: how long until the
 * ticket, how often it is proven while the fault persists, how long after the repair.
 *   own traffic: one stretch a day, at a random time, exponential with a mean of 30 min; 60 % of the probes in it are bad.
 * Units:   _ms of simulated event time; _ppm millionths. Threads: pure; randomness is an input.
 * Source:  methodology 11.2. */
#ifndef PLUMBLINE_NOISE_H
#define PLUMBLINE_NOISE_H

#include <math.h>
#include <stdlib.h>

#include "agent/base/mem.h"
#include "agent/base/random.h"
#include "collector/decide/line_fold.h"
#include "collector/decide/statistics.h"

#define NOISE_CELL_MS    INT64_C(900000)
#define NOISE_HOUR_MS    (4 * NOISE_CELL_MS)
#define NOISE_DAY_MS     (24 * NOISE_HOUR_MS)
#define NOISE_START_MS   (20000 * NOISE_DAY_MS)   /* some midnight */
#define NOISE_EVENING_MS (19 * NOISE_HOUR_MS)     /* from, of the day */
#define NOISE_NIGHT_MS   (23 * NOISE_HOUR_MS)     /* to */
#define NOISE_FAULT_MS   (14 * NOISE_DAY_MS)
#define NOISE_AFTER_MS   (3 * NOISE_DAY_MS)
#define NOISE_EPISODE_MS (30.0 * 60000)
#define NOISE_EPISODE_BAD_PPM 600000

struct noise {
	int bad_ppm, evening_ppm;   /* evening: 19 to 23 h */
	bool has_episodes;          /* of own traffic */
	int noticed_percent;        /* of those, by the agent: bad probes in them are contended (K2) */
	bool is_blind;              /* K3 */
};

static const struct noise_model {
	const char *name, *what;
	struct noise noise;
	int stated;                 /* false tickets per 1000 line-months, methodology 11.2, row 8 of 12 (H2k: 10 of 16) */
} noise_models[] = {
	{ "H1",  "1 %",                                      { 10000, 10000, false, 0, false }, 0 },
	{ "H2",  "0.3 %, own traffic unnoticed",             { 3000, 3000, true, 0, false },    86 },
	{ "H2k", "the same, known to be unknown (K3)",       { 3000, 3000, true, 0, true },     18 },
	{ "H2d", "0.3 %, nine of ten noticed",               { 3000, 3000, true, 90, false },   8 },
	{ "H3",  "0.5 %, evenings 8 %",                      { 5000, 80000, false, 0, false },  0 },
};
#define NOISE_MODELS (int)(sizeof noise_models / sizeof noise_models[0])

static const struct fault_model {
	const char *name, *what;
	struct noise noise;
	/* As methodology 11.2 and 11.3 state them; 0 where nothing is stated. */
	double median_h, p95_h;         /* until the ticket */
	double proof_h, proof_p95_h;    /* from the repair to the proof */
} fault_models[] = {
	{ "F1", "98 %",                      { 980000, 980000, false, 0, false }, 1.9, 2.2, 5.4, 5.8 },
	{ "F2", "80 %",                      { 800000, 800000, false, 0, false }, 2.3, 3.4, 5.4, 5.8 },
	{ "F3", "50 %",                      { 500000, 500000, false, 0, false }, 5.8, 20.3, 5.4, 5.8 },
	{ "F4", "1 %, 19 to 23 h 80 %",      { 10000, 800000, false, 0, false },  0, 0, 22.1, 22.6 },
};
#define FAULT_MODELS (int)(sizeof fault_models / sizeof fault_models[0])

/* One line while it is simulated. */
struct noise_line {
	const struct random_source *random;
	struct fold_rules rules;
	struct line_fold *fold;
	int64_t cell_ms;
	int64_t day_ms;                      /* whose episode was drawn last */
	int64_t from_ms[2], to_ms[2];        /* of the episodes of this day and the day before */
	bool is_noticed[2];
};

static inline int64_t noise_below(const struct random_source *random, int64_t bound)
{
	return (int64_t)random_below(random, (uint64_t)bound);
}

static inline void noise_line_init(struct noise_line *line, const struct decision_rule *rule, const struct random_source *random)
{
	*line = (struct noise_line){ .random = random, .fold = line_fold_new(), .cell_ms = NOISE_START_MS, .day_ms = JSON_ABSENT };
	for (int leg = 0; leg < LEG_COUNT; leg++)
		line->rules.promises[leg] = (struct promise){ leg == LEG_LOCAL, false, rule, NOISE_CELL_MS, NOISE_CELL_MS };
}

static inline void noise_draw_episode(struct noise_line *line, const struct noise *noise, int64_t day_ms)
{
	double u = (double)(1 + noise_below(line->random, 1000000)) / 1000000;

	line->from_ms[1] = line->from_ms[0];
	line->to_ms[1] = line->to_ms[0];
	line->is_noticed[1] = line->is_noticed[0];
	line->from_ms[0] = day_ms + noise_below(line->random, NOISE_DAY_MS);
	line->to_ms[0] = line->from_ms[0] + (int64_t)(-log(u) * NOISE_EPISODE_MS);
	line->is_noticed[0] = noise_below(line->random, 100) < noise->noticed_percent;
	line->day_ms = day_ms;
}

/* The chance of a bad probe at this time; *ret_noticed: the agent sees own traffic. */
static inline int noise_bad_ppm(struct noise_line *line, const struct noise *noise, int64_t at_ms, bool *ret_noticed)
{
	int64_t of_day_ms = at_ms % NOISE_DAY_MS;

	if (noise->has_episodes && at_ms - of_day_ms != line->day_ms)
		noise_draw_episode(line, noise, at_ms - of_day_ms);
	for (int i = 0; noise->has_episodes && i < 2; i++) {
		if (at_ms < line->from_ms[i] || at_ms >= line->to_ms[i])
			continue;
		*ret_noticed = line->is_noticed[i];
		return NOISE_EPISODE_BAD_PPM;
	}
	return of_day_ms >= NOISE_EVENING_MS && of_day_ms < NOISE_NIGHT_MS ? noise->evening_ppm : noise->bad_ppm;
}

/* Probes the next cell; returns what the local leg's defect did. `after` is the noise from change_ms on. */
static inline enum defect_move noise_probe(struct noise_line *line, const struct noise *before, const struct noise *after,
					   int64_t change_ms, int64_t *ret_at_ms)
{
	int64_t at_ms = line->cell_ms + noise_below(line->random, NOISE_CELL_MS);
	const struct noise *noise = at_ms < change_ms ? before : after;
	struct sample sample = { .started_ms = at_ms, .leg = LEG_LOCAL, .is_blind = noise->is_blind };
	struct move moves[FOLD_MOVES_MAX];
	bool is_noticed = false;

	line->cell_ms += NOISE_CELL_MS;
	if (noise_below(line->random, 1000000) < noise_bad_ppm(line, noise, at_ms, &is_noticed)) {
		sample.judgement = JUDGED_BAD;
		sample.reason = is_noticed ? REASON_CONTENDED : REASON_NONE;
	}
	*ret_at_ms = at_ms;
	return line_fold_sample(line->fold, &line->rules, &sample, moves) ? moves[0].what : MOVE_NONE;
}

/* False tickets per 1000 line-months of 30 days. */
static inline double noise_false_tickets(const struct noise_model *model, const struct decision_rule *rule, int lines, int days,
					 const struct random_source *random)
{
	int64_t opened = 0, at_ms;

	for (int i = 0; i < lines; i++) {
		struct noise_line line;

		noise_line_init(&line, rule, random);
		while (line.cell_ms < NOISE_START_MS + days * NOISE_DAY_MS) {
			enum defect_move move = noise_probe(&line, &model->noise, &model->noise, INT64_MAX, &at_ms);

			opened += move == MOVE_OPEN || move == MOVE_REOPEN;
		}
		line_fold_free(line.fold);
	}
	return (double)opened * 1000 * 30 / ((double)lines * days);
}

struct fault_found {
	double median_h, p95_h;         /* from the onset to the ticket */
	double day_percent;             /* found within 24 h of the onset */
	double false_proofs_a_week;     /* of a line, while the fault persists and has been found */
	double proof_median_h, proof_p95_h;   /* from the repair, of tickets that were open then */
};

struct fault_times {
	int64_t lasted_ms;
	int64_t found_ms, proven_ms;    /* after onset and repair; JSON_ABSENT: not, or no ticket was open at the repair */
	int64_t false_proofs;
};

static inline struct fault_times noise_one_fault(const struct fault_model *model, const struct decision_rule *rule,
						 const struct random_source *random)
{
	static const struct noise healthy = { 3000, 3000, false, 0, false };
	int64_t day_ms = NOISE_START_MS + NOISE_DAY_MS, onset_ms = day_ms + noise_below(random, NOISE_EVENING_MS);
	int64_t repair_ms = day_ms + NOISE_FAULT_MS + NOISE_NIGHT_MS, opened_ms = INT64_MAX, at_ms;
	struct fault_times times = { repair_ms - onset_ms, JSON_ABSENT, JSON_ABSENT, 0 };
	struct noise_line line;

	noise_line_init(&line, rule, random);
	while (line.cell_ms < repair_ms + NOISE_AFTER_MS) {
		bool is_first = line.cell_ms < onset_ms;
		enum defect_move move = noise_probe(&line, is_first ? &healthy : &model->noise,
						    is_first ? &model->noise : &healthy, is_first ? onset_ms : repair_ms, &at_ms);

		if (move == MOVE_OPEN || move == MOVE_REOPEN)
			opened_ms = at_ms;
		if (opened_ms == at_ms && at_ms >= onset_ms && times.found_ms == JSON_ABSENT)
			times.found_ms = at_ms - onset_ms;
		if (move == MOVE_PROVE && at_ms < repair_ms)
			times.false_proofs++;
		if (move == MOVE_PROVE && at_ms >= repair_ms && opened_ms < repair_ms && times.proven_ms == JSON_ABSENT)
			times.proven_ms = at_ms - repair_ms;
	}
	line_fold_free(line.fold);
	return times;
}

static inline double noise_hours(int64_t ms)
{
	return (double)ms / NOISE_HOUR_MS;
}

static inline struct fault_found noise_find_faults(const struct fault_model *model, const struct decision_rule *rule, int lines,
						   const struct random_source *random)
{
	int64_t *found_ms = xcalloc((size_t)lines, sizeof *found_ms), *proven_ms = xcalloc((size_t)lines, sizeof *proven_ms);
	struct fault_found found = { .day_percent = 0 };
	int64_t false_proofs = 0, lasted_ms = 0;
	int found_count = 0, proven_count = 0, in_a_day = 0;

	for (int i = 0; i < lines; i++) {
		struct fault_times times = noise_one_fault(model, rule, random);

		if (times.found_ms != JSON_ABSENT)
			found_ms[found_count++] = times.found_ms;
		if (times.proven_ms != JSON_ABSENT)
			proven_ms[proven_count++] = times.proven_ms;
		in_a_day += times.found_ms != JSON_ABSENT && times.found_ms <= NOISE_DAY_MS;
		false_proofs += times.false_proofs;
		lasted_ms += times.lasted_ms;
	}
	found.day_percent = 100.0 * in_a_day / lines;
	found.false_proofs_a_week = (double)false_proofs * 7 * NOISE_DAY_MS / (double)lasted_ms;
	if (found_count) {
		found.median_h = noise_hours(statistics_of(found_ms, found_count).median);
		found.p95_h = noise_hours(statistics_percentile(found_ms, found_count, 95));
	}
	if (proven_count) {
		found.proof_median_h = noise_hours(statistics_of(proven_ms, proven_count).median);
		found.proof_p95_h = noise_hours(statistics_percentile(proven_ms, proven_count, 95));
	}
	free(found_ms);
	free(proven_ms);
	return found;
}

#endif
