/* The happy path: the head state is loaded, the new facts are stepped through in the order of event time, the head is saved, and
 * tickets follow the moves. On the way the days' coverage and the changes of the leaf states fall out; a checkpoint is left
 * where a week of event time ends.
 *
 * What can fail: only the store. A state that another version of the fold left cannot be read, nor one that is damaged: then
 * every fact is stepped through. */
#include "collector/derive/fast.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "collector/decide/line_fold.h"
#include "collector/decide/statistics.h"
#include "collector/derive/follow.h"
#include "collector/derive/promise.h"
#include "collector/store/derived.h"
#include "collector/store/guard.h"
#include "collector/store/measurements.h"
#include "collector/web/zone.h"

#define DAY_MS      INT64_C(86400000)
#define WEEK_MS     (7 * DAY_MS)
#define LEAF_CELLS_MAX 1001   /* verdict_cells is less: so long after its newest probe every leaf is unknown */
#define EVIDENCE_MAX   1000   /* what a window may be: WINDOW_MAX of collector_keys.c */
#define REPLAY_MS      (WEEK_MS + DAY_MS)   /* a fact is stepped through from the checkpoint before it, up to a week earlier */

static const struct {
	enum defect defect;
	const char *withdrawn;
} defects[] = {
	{ DEFECT_SLOW_LOCAL, "with what arrived late the line was not slow" },
	{ DEFECT_SLOW_HUB,   "with what arrived late the line was not slow from the hub" },
	{ DEFECT_ALTERED,    "with what arrived late the content was not altered on this line" },
};
#define DERIVED_COUNT (sizeof defects / sizeof defects[0])

/* A list that grows. */
struct moves {
	struct move *items;
	size_t count, room;
};
struct changes {
	struct leaf_change *items;
	size_t count, room;
};

/* One line while it is derived. */
struct derivation {
	struct txn *txn;
	const struct collector_config *config;
	const struct line *line;
	int64_t since_ms;             /* what was derived before it stands */
	struct fold_rules rules;
	struct exemption *exemptions;
	struct line_fold *fold;
	struct sample *samples;       /* the facts since then, in their order */
	size_t sample_count;
	struct mark *marks;
	size_t mark_count;
	struct moves moves[DEFECT_COUNT];
	enum leaf_state leaves[LEG_COUNT];
	struct changes changes;
	struct leg_day days[LEG_COUNT];   /* that is being counted; no cells: none */
};

static int compare_samples(const void *a, const void *b)
{
	return line_fold_compare(a, b);
}

/* The newest state that knows of no fact as old as from_ms: the head, else a checkpoint, else the beginning. */
static int load_fold(struct derivation *derivation, int64_t from_ms, struct err *err)
{
	struct buf bytes = { 0 };
	int64_t newest_ms = JSON_ABSENT;
	int found = fold_head_get(derivation->txn, derivation->line, &bytes, &newest_ms, err);

	if (found > 0 && newest_ms >= from_ms) {
		buf_clear(&bytes);
		found = fold_checkpoint_before(derivation->txn, derivation->line, from_ms, &bytes, &newest_ms, err);
	}
	if (found > 0 && line_fold_load(bytes.data, bytes.length_bytes, &derivation->fold, err) < 0)
		found = 0;
	buf_free(&bytes);
	if (found < 0)
		return -1;
	if (!found)
		derivation->fold = line_fold_new();
	derivation->since_ms = found ? newest_ms + 1 : INT64_MIN;
	return 0;
}

static int load_facts(struct derivation *derivation, struct err *err)
{
	struct txn *txn = derivation->txn;
	const struct line *line = derivation->line;
	size_t exemption_count;

	if (samples_since(txn, line, derivation->since_ms, &derivation->samples, &derivation->sample_count, err) < 0 ||
	    marks_of_line(txn, line, derivation->since_ms, &derivation->marks, &derivation->mark_count, err) < 0 ||
	    exemptions_of_line(txn, line, derivation->since_ms, &derivation->exemptions, &exemption_count, err) < 0)
		return -1;
	if (derivation->sample_count)
		qsort(derivation->samples, derivation->sample_count, sizeof *derivation->samples, compare_samples);
	derivation->rules.exemptions = derivation->exemptions;
	derivation->rules.exemption_count = (int)exemption_count;
	return 0;
}

/* What was derived from the facts that are stepped through now is made again. Of the day of the newest fact before only that
 * fact and older ones were counted: a checkpoint ends its week. */
static int drop_derived(struct derivation *derivation, struct err *err)
{
	int64_t newest_ms = line_fold_newest_ms(derivation->fold);
	int64_t first_day = newest_ms == JSON_ABSENT ? INT64_MIN : newest_ms / DAY_MS + 1;

	if (fold_checkpoints_drop(derivation->txn, derivation->line, derivation->since_ms, err) < 0)
		return -1;
	return leg_days_drop(derivation->txn, derivation->line, first_day, err);
}

/* At most one checkpoint a week: the state at its end. */
static int leave_checkpoint(struct derivation *derivation, int64_t at_ms, struct err *err)
{
	int64_t newest_ms = line_fold_newest_ms(derivation->fold);
	int64_t week_ms = newest_ms / WEEK_MS * WEEK_MS;
	struct buf bytes = { 0 };
	int rc;

	if (newest_ms == JSON_ABSENT || at_ms < week_ms + WEEK_MS)
		return 0;
	line_fold_save(derivation->fold, &bytes);
	rc = fold_checkpoints_drop(derivation->txn, derivation->line, week_ms, err);
	if (rc == 0)
		rc = fold_checkpoint_put(derivation->txn, derivation->line, &bytes, newest_ms, err);
	buf_free(&bytes);
	return rc;
}

static void note_leaf(struct derivation *derivation, enum leg leg, int64_t at_ms)
{
	struct changes *changes = &derivation->changes;
	enum leaf_state state = line_fold_leaf(derivation->fold, &derivation->rules, leg, at_ms);

	if (state == derivation->leaves[leg])
		return;
	derivation->leaves[leg] = state;
	if (changes->count == changes->room) {
		changes->room = changes->room ? changes->room * 2 : 8;
		changes->items = xrealloc(changes->items, changes->room, sizeof *changes->items);
	}
	changes->items[changes->count++] = (struct leaf_change){ at_ms, leg, state };
}

/* A leaf changes without any new fact too, when its newest probes grow old (F1). It is looked at a cell after the newest
 * fact, two cells after it, and so on. */
static void pass_time(struct derivation *derivation, int64_t until_ms)
{
	int64_t newest_ms = line_fold_newest_ms(derivation->fold);

	for (enum leg leg = 0; leg < LEG_COUNT && newest_ms != JSON_ABSENT; leg++) {
		int64_t cell_ms = derivation->rules.promises[leg].cell_ms;

		for (int i = 1; derivation->leaves[leg] != LEAF_UNKNOWN; i++) {
			int64_t at_ms = newest_ms + i * cell_ms + 1;

			if (at_ms >= until_ms || i > LEAF_CELLS_MAX)
				break;
			note_leaf(derivation, leg, at_ms);
		}
	}
}

static int write_day(struct derivation *derivation, enum leg leg, struct err *err)
{
	struct leg_day *day = &derivation->days[leg];
	int rc = day->cells ? leg_day_add(derivation->txn, derivation->line, day, err) : 0;

	day->cells = 0;
	return rc;
}

static int64_t newest_of_stream_ms(const struct derivation *derivation, enum leg leg)
{
	int count;
	const struct sample *stream = line_fold_stream(derivation->fold, leg, &count);

	return count ? stream[count - 1].started_ms : JSON_ABSENT;
}

/* Counts the sample that was taken into its leg's stream when it is the first of its cell. before_ms: of the newest until
 * then. */
static int count_cell(struct derivation *derivation, enum leg leg, int64_t before_ms, struct err *err)
{
	int64_t at_ms = newest_of_stream_ms(derivation, leg);
	int64_t cell_ms = derivation->rules.promises[leg].cell_ms;
	struct leg_day *day = &derivation->days[leg];

	if (at_ms == before_ms || (before_ms != JSON_ABSENT && at_ms / cell_ms == before_ms / cell_ms))
		return 0;
	if (day->cells && day->day != at_ms / DAY_MS && write_day(derivation, leg, err) < 0)
		return -1;
	if (!day->cells)
		*day = (struct leg_day){ .leg = leg, .day = at_ms / DAY_MS, .first_ms = at_ms };
	day->cells++;
	return 0;
}

static void keep_moves(struct derivation *derivation, const struct move *moves, int count)
{
	for (int i = 0; i < count; i++) {
		struct moves *list = &derivation->moves[moves[i].defect];

		if (list->count == list->room) {
			list->room = list->room ? list->room * 2 : 4;
			list->items = xrealloc(list->items, list->room, sizeof *list->items);
		}
		list->items[list->count++] = moves[i];
	}
}

/* Up to just before a fact: time passes, and where a week ends there is a checkpoint. */
static int come_to(struct derivation *derivation, int64_t at_ms, struct err *err)
{
	pass_time(derivation, at_ms);
	return leave_checkpoint(derivation, at_ms, err);
}

static int step_sample(struct derivation *derivation, const struct sample *sample, struct err *err)
{
	struct move moves[FOLD_MOVES_MAX];
	enum leg leg = (enum leg)sample->leg;
	int64_t before_ms;

	if (come_to(derivation, sample->started_ms, err) < 0)
		return -1;
	before_ms = newest_of_stream_ms(derivation, leg);
	keep_moves(derivation, moves, line_fold_sample(derivation->fold, &derivation->rules, sample, moves));
	for (enum leg other = 0; other < LEG_COUNT; other++)
		note_leaf(derivation, other, sample->started_ms);
	return count_cell(derivation, leg, before_ms, err);
}

static int step_mark(struct derivation *derivation, const struct mark *mark, struct err *err)
{
	if (come_to(derivation, mark->at_ms, err) < 0)
		return -1;
	line_fold_mark(derivation->fold, mark);
	return 0;
}

/* Marks before samples of the same time. */
static int step_through(struct derivation *derivation, struct err *err)
{
	size_t mark = 0;

	for (enum leg leg = 0; leg < LEG_COUNT; leg++) {
		int64_t newest_ms = line_fold_newest_ms(derivation->fold);

		derivation->leaves[leg] = newest_ms == JSON_ABSENT ? LEAF_UNKNOWN
					: line_fold_leaf(derivation->fold, &derivation->rules, leg, newest_ms);
	}
	for (size_t i = 0; i < derivation->sample_count; i++) {
		for (; mark < derivation->mark_count && derivation->marks[mark].at_ms <= derivation->samples[i].started_ms; mark++)
			if (step_mark(derivation, &derivation->marks[mark], err) < 0)
				return -1;
		if (step_sample(derivation, &derivation->samples[i], err) < 0)
			return -1;
	}
	for (; mark < derivation->mark_count; mark++)
		if (step_mark(derivation, &derivation->marks[mark], err) < 0)
			return -1;
	pass_time(derivation, INT64_MAX);
	return 0;
}

/* Evidence of a move: its window's samples, what they come to, and the other leg beside them. */

static enum leg leg_of(const struct move *move)
{
	return move->defect == DEFECT_SLOW_HUB ? LEG_HUB : LEG_LOCAL;
}

static json_t *describe_rule(const struct promise *promise, const struct move *move, const struct sample *window, int count)
{
	const struct decision_rule *rule = promise->rule;
	const struct open_rule open = defect_open_rule(rule, window, count);
	int64_t not_good = move->window == rule->close_of ? rule->close_not_good : rule->band_not_good;

	if (move->defect == DEFECT_ALTERED)
		return json_pack("{s:i}", move->what == MOVE_PROVE ? "intact" : "altered", move->window);
	if (move->what == MOVE_PROVE)
		return json_pack("{s:I, s:i}", "not_good", (json_int_t)not_good, "of", move->window);
	if (move->what == MOVE_RETURN)
		return json_pack("{s:I, s:I}", "bad", (json_int_t)rule->suspect_bad, "of", (json_int_t)rule->suspect_of);
	return json_pack("{s:I, s:I, s:I, s:I}", "bad", (json_int_t)open.bad, "of", (json_int_t)open.of, "span_ms",
			 (json_int_t)rule_scaled_ms(rule->open_span_ms, promise->interval_ms), "within_ms",
			 (json_int_t)rule_scaled_ms(rule->open_within_ms, promise->interval_ms));
}

/* D8. Bad and contended are those of the window; the figures are of the samples that have one. */
static json_t *describe_statistics(const struct sample *samples, int count)
{
	int64_t *values = xcalloc((size_t)count + 1, sizeof *values);
	int figures = 0, bad = 0, contended = 0;
	json_t *object;

	for (int i = 0; i < count; i++) {
		bad += samples[i].judgement == JUDGED_BAD;
		contended += samples[i].reason == REASON_CONTENDED;
		if (samples[i].throughput_bps != JSON_ABSENT)
			values[figures++] = samples[i].throughput_bps;
	}
	object = json_pack("{s:i, s:i, s:i}", "valid", count, "bad", bad, "contended", contended);
	if (count && samples[count - 1].threshold_bps != JSON_ABSENT)
		json_object_set_new(object, "threshold_bps", json_integer(samples[count - 1].threshold_bps));
	if (figures) {
		struct statistics statistics = statistics_of(values, figures);

		json_object_set_new(object, "median_bps", json_integer(statistics.median));
		json_object_set_new(object, "p10_bps", json_integer(statistics.p10));
		json_object_set_new(object, "p5_bps", json_integer(statistics.p5));
		json_object_set_new(object, "min_bps", json_integer(statistics.min));
	}
	free(values);
	return object;
}

/* Drops what was exempt, keeping the order; returns how many stay. */
static int drop_exempt(const struct derivation *derivation, enum leg leg, struct sample *samples, int count)
{
	int kept = 0;

	for (int i = 0; i < count; i++)
		if (!exemption_at(derivation->exemptions, derivation->rules.exemption_count, (int)leg, samples[i].started_ms,
				  false))
			samples[kept++] = samples[i];
	return kept;
}

/* The newest samples up to the move that its leg was judged by, at most limit; twice as many are read to find them among those
 * that were exempt. */
static int read_window(const struct derivation *derivation, const struct move *move, enum leg leg, int limit,
		       struct sample *samples, struct err *err)
{
	bool by_capacity = derivation->rules.promises[leg].by_capacity;
	enum sample_stream stream = move->defect == DEFECT_ALTERED ? STREAM_ALL : by_capacity ? STREAM_FAST : STREAM_VALID;
	int count = samples_before(derivation->txn, derivation->line, leg, move->at_ms + 1, stream, samples, 2 * limit, err);

	if (count < 0)
		return -1;
	count = drop_exempt(derivation, leg, samples, count);
	if (count > limit)
		memmove(samples, samples + count - limit, (size_t)limit * sizeof *samples);
	return count < limit ? count : limit;
}

static int drop_older(struct sample *samples, int count, int64_t from_ms)
{
	int first = 0;

	while (first < count && samples[first].started_ms < from_ms)
		first++;
	memmove(samples, samples + first, (size_t)(count - first) * sizeof *samples);
	return count - first;
}

/* The digest of the rest as it is kept, so that a copy can be compared with what the ticket rested on. */
static void seal(json_t *evidence)
{
	char *text = json_dumps(evidence, JSON_COMPACT | JSON_SORT_KEYS);
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof hash + 1];

	crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
	json_object_set_new(evidence, "sha256", json_string(sodium_bin2hex(hex, sizeof hex, hash, sizeof hash)));
	free(text);
}

static json_t *put_together(const struct derivation *derivation, const struct move *move, const struct sample *window, int count,
			    json_t *measurements, json_t *beside)
{
	const struct service_plan *plan = collector_config_find_plan(derivation->config, derivation->line->service_plan);
	enum leg leg = leg_of(move), other = leg == LEG_LOCAL ? LEG_HUB : LEG_LOCAL;
	const struct promise *promise = &derivation->rules.promises[leg];
	json_t *evidence = json_pack("{s:o, s:o, s:O, s:O, s:I, s:s, s:n}",
				     "rule", describe_rule(promise, move, window, count),
				     "statistics", describe_statistics(window, count),
				     "measurements", measurements,
				     leg_names[other], beside,
				     "interval_ms", (json_int_t)promise->interval_ms,
				     "layer", layer_names[plan ? plan->layer : 0],
				     "culprit");

	seal(evidence);
	return evidence;
}

static int make_evidence(void *arg, struct txn *txn, const struct move *move, json_t **ret_evidence, struct err *err)
{
	const struct derivation *derivation = arg;
	enum leg leg = leg_of(move), other = leg == LEG_LOCAL ? LEG_HUB : LEG_LOCAL;
	int limit = move->window > 0 && move->window < EVIDENCE_MAX ? move->window : EVIDENCE_MAX;
	struct sample *window = xcalloc(2 * (size_t)limit, sizeof *window);
	struct sample *beside = xcalloc(2 * (size_t)limit, sizeof *beside);
	json_t *measurements = NULL, *others = NULL;
	int count = read_window(derivation, move, leg, limit, window, err);
	int other_count = read_window(derivation, move, other, limit, beside, err);
	int rc = -1;

	if (count < 0 || other_count < 0)
		goto out;
	if (move->defect == DEFECT_ALTERED)
		count = drop_older(window, count, move->from_ms);
	other_count = drop_older(beside, other_count, count ? window[0].started_ms : move->from_ms);
	if (measurements_get(txn, derivation->line, leg, window, count, &measurements, err) < 0 ||
	    measurements_get(txn, derivation->line, other, beside, other_count, &others, err) < 0)
		goto out;
	*ret_evidence = put_together(derivation, move, window, count, measurements, others);
	rc = 0;
out:
	json_decref(measurements);
	json_decref(others);
	free(window);
	free(beside);
	return rc;
}

static int follow_moves(struct derivation *derivation, int64_t now_ms, struct err *err)
{
	for (size_t i = 0; i < DERIVED_COUNT; i++) {
		const struct moves *moves = &derivation->moves[defects[i].defect];
		const struct decision_rule *rule = &derivation->config->decision;
		const struct follow follow = {
			.line = derivation->line, .defect = defects[i].defect, .moves = moves->items, .count = moves->count,
			.since_ms = derivation->since_ms, .now_ms = now_ms, .chronic_reopens = rule->chronic_reopens,
			.chronic_within_ms = rule->chronic_within_ms, .withdrawn = defects[i].withdrawn,
			.evidence = make_evidence, .arg = derivation,
		};

		if (tickets_follow(derivation->txn, &follow, err) < 0)
			return -1;
	}
	return 0;
}

static int save(struct derivation *derivation, struct err *err)
{
	struct buf bytes = { 0 };
	int rc = -1;

	for (enum leg leg = 0; leg < LEG_COUNT; leg++)
		if (write_day(derivation, leg, err) < 0)
			return -1;
	if (leaf_changes_replace(derivation->txn, derivation->line, derivation->since_ms, derivation->changes.items,
				 derivation->changes.count, err) < 0)
		return -1;
	line_fold_save(derivation->fold, &bytes);
	rc = fold_head_put(derivation->txn, derivation->line, &bytes, line_fold_newest_ms(derivation->fold), err);
	buf_free(&bytes);
	return rc;
}

int derive_fast(struct txn *txn, const struct collector_config *config, const struct line *line, int64_t from_ms,
		int64_t now_ms, struct err *err)
{
	struct derivation derivation = { .txn = txn, .config = config, .line = line };
	int64_t oldest_ms = now_ms - config->keep_measurements_ms + REPLAY_MS;
	int rc = -1;

	if (from_ms < oldest_ms)
		from_ms = oldest_ms;
	promises_of_line(config, line, derivation.rules.promises);
	derivation.rules.offset_s = zone_offset_s;
	derivation.rules.zone = config->zone;
	if (load_fold(&derivation, from_ms, err) < 0 || load_facts(&derivation, err) < 0 ||
	    drop_derived(&derivation, err) < 0 || step_through(&derivation, err) < 0 || save(&derivation, err) < 0 ||
	    follow_moves(&derivation, now_ms, err) < 0 || network_touch(txn, WORK_EVALUATE, from_ms, err) < 0)
		goto out;
	rc = 0;
out:
	if (rc < 0)
		err_wrap(err, "line %s", line->id);
	line_fold_free(derivation.fold);
	free(derivation.exemptions);
	free(derivation.samples);
	free(derivation.marks);
	free(derivation.changes.items);
	for (int defect = 0; defect < DEFECT_COUNT; defect++)
		free(derivation.moves[defect].items);
	return rc;
}
