#include "collector/derive/network.h"

#include <stdlib.h>

#include "agent/base/mem.h"
#include "collector/derive/cells.h"
#include "collector/derive/evaluations.h"
#include "collector/derive/fast.h"
#include "collector/derive/landscape.h"
#include "collector/store/derived.h"
#include "collector/store/guard.h"
#include "collector/store/incidents.h"
#include "collector/store/maintenance.h"

#define CELLS_MAX       500   /* of a round: what it read must not be old when it writes */
#define EVALUATIONS_MAX 200
#define LINES_MAX       20    /* of a writing job: reports wait for it */
#define BEFORE_MS       INT64_C(86400000)   /* what a round reads before the first cell that it judges */

/* Counts of one leg, kept until another cell, another day begins. */
struct tally {
	struct guard_count cell, day;
	int64_t cell_ms, day_ms;
};

struct noting {
	struct txn *txn;
	char branch[ID_SIZE];        /* of the line */
	json_t *windows;             /* of work on what is above it */
	int64_t oldest_ms;           /* of what was counted */
	struct tally tallies[LEG_COUNT];
};

/* Announced work is announced before it starts, so before anything measured meanwhile arrives. */
static bool is_worked_on(const struct noting *noting, int64_t at_ms)
{
	const json_t *window;
	size_t i;

	json_array_foreach(noting->windows, i, window)
		if (json_integer_value(json_object_get(window, "from_ms")) <= at_ms &&
		    json_integer_value(json_object_get(window, "to_ms")) > at_ms)
			return true;
	return false;
}

static int write_cell(const struct noting *noting, enum leg leg, struct err *err)
{
	const struct tally *tally = &noting->tallies[leg];

	return guard_count_is_empty(&tally->cell) ? 0
	     : guard_cell_add(noting->txn, leg, tally->cell_ms, noting->branch, &tally->cell, err);
}

static int write_day(const struct noting *noting, enum leg leg, struct err *err)
{
	const struct tally *tally = &noting->tallies[leg];

	return guard_count_is_empty(&tally->day) ? 0 : guard_day_add(noting->txn, leg, tally->day_ms, &tally->day, err);
}

/* Begins the cell and the day of a measurement, unless they are those of the last one. */
static int come_to(struct noting *noting, enum leg leg, int64_t cell_ms, int64_t day_ms, struct err *err)
{
	struct tally *tally = &noting->tallies[leg];

	if (cell_ms != tally->cell_ms) {
		if (write_cell(noting, leg, err) < 0)
			return -1;
		tally->cell = (struct guard_count){ 0 };
		tally->cell_ms = cell_ms;
	}
	if (day_ms != tally->day_ms) {
		if (write_day(noting, leg, err) < 0)
			return -1;
		tally->day = (struct guard_count){ 0 };
		tally->day_ms = day_ms;
	}
	return 0;
}

static int count_measurement(struct noting *noting, const struct collector_config *config, const struct measurement *m,
			     struct err *err)
{
	struct guard_count count = guard_count_of(m);
	int64_t length_ms = collector_config_cell_ms(config), base_day_ms = config->guard.base_ms / GUARD_BASE_DAYS;
	int64_t at_ms = m->started_ms;
	struct tally *tally = &noting->tallies[m->leg];

	if (guard_count_is_empty(&count) || is_worked_on(noting, at_ms))
		return 0;
	if (come_to(noting, (enum leg)m->leg, at_ms - at_ms % length_ms, at_ms - at_ms % base_day_ms, err) < 0)
		return -1;
	guard_count_add(&tally->cell, &count);
	guard_count_add(&tally->day, &count);
	noting->oldest_ms = at_ms < noting->oldest_ms ? at_ms : noting->oldest_ms;
	return 0;
}

static int count_all(struct noting *noting, const struct collector_config *config, const struct measurement *const *list,
		     size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (count_measurement(noting, config, list[i], err) < 0)
			return -1;
	for (enum leg leg = 0; leg < LEG_COUNT; leg++)
		if (write_cell(noting, leg, err) < 0 || write_day(noting, leg, err) < 0)
			return -1;
	return noting->oldest_ms == INT64_MAX ? 0 : network_touch(noting->txn, WORK_GUARD, noting->oldest_ms, err);
}

int network_note(struct txn *txn, const struct collector_config *config, const struct line *line,
		 const struct measurement *const *list, size_t count, struct err *err)
{
	struct noting noting = { .txn = txn, .oldest_ms = INT64_MAX };
	int64_t from_ms = INT64_MAX;
	int rc;

	for (size_t i = 0; i < count; i++)
		from_ms = list[i]->started_ms < from_ms ? list[i]->started_ms : from_ms;
	if (branch_of_line(txn, line, noting.branch, err) < 0 ||
	    maintenance_of_line(txn, line, from_ms, &noting.windows, err) < 0)
		return -1;
	rc = count_all(&noting, config, list, count, err);
	json_decref(noting.windows);
	return rc;
}

int network_note_change(struct txn *txn, int64_t from_ms, struct err *err)
{
	return network_touch(txn, WORK_EVALUATE, from_ms, err);
}

/* A cell is judged, and the network evaluated, with the measurements made then. */
static int64_t oldest_judged(const struct collector_config *config, int64_t now_ms)
{
	return now_ms - config->keep_measurements_ms;
}

int network_prune(struct txn *txn, const struct collector_config *config, int64_t now_ms, int64_t limit, int64_t *ret_count,
		  struct err *err)
{
	int64_t before_ms = oldest_judged(config, now_ms) - BEFORE_MS, cells, evaluations;

	if (guard_cells_prune(txn, before_ms, limit, &cells, err) < 0 ||
	    evaluations_prune(txn, before_ms, limit - cells, &evaluations, err) < 0)
		return -1;
	*ret_count = cells + evaluations;
	return 0;
}

struct network_round {
	const struct collector_config *config;
	int64_t now_ms;
	enum network_stage stage;     /* first the one asked for, then what there is to do */
	struct network_due due;
	int64_t from_ms;              /* the cells from then on, or the evaluations */
	int64_t length_ms;            /* of a cell */
	int count;
	struct guard_verdict *verdicts;
	json_t *evaluations, *incidents;
};

struct network_round *network_round_new(const struct collector_config *config, int64_t now_ms, enum network_stage stage)
{
	struct network_round *round = xcalloc(1, sizeof *round);

	round->config = config;
	round->now_ms = now_ms;
	round->stage = stage;
	round->length_ms = collector_config_cell_ms(config);
	return round;
}

void network_round_free(struct network_round *round)
{
	if (!round)
		return;
	free(round->verdicts);
	json_decref(round->evaluations);
	json_decref(round->incidents);
	free(round);
}

bool network_round_has_work(const struct network_round *round)
{
	return round->stage != STAGE_NONE;
}

/* How many cells of length_ms begin from from_ms up to to_ms, at most so many. */
static int count_cells(const struct network_round *round, int64_t to_ms, int most)
{
	int64_t count = (to_ms - round->from_ms) / round->length_ms + 1;

	return count > most ? most : (int)count;
}

static int64_t end_of_cell(const struct network_round *round, int64_t at_ms)
{
	return (at_ms + round->length_ms - 1) / round->length_ms * round->length_ms;
}

/* A canary's word reaches the cells beside its own (H4). */
static int read_guard(struct txn *txn, struct network_round *round, const struct landscape *landscape, struct err *err)
{
	round->from_ms = round->due.from_ms - round->due.from_ms % round->length_ms - round->length_ms;
	round->count = count_cells(round, round->now_ms, CELLS_MAX);
	round->verdicts = xcalloc((size_t)round->count, sizeof *round->verdicts);
	return cells_judge(txn, round->config, landscape, round->from_ms, round->count, round->verdicts, err);
}

/* The ends of cells at or after what changed, up to now. */
static int read_evaluations(struct txn *txn, struct network_round *round, const struct landscape *landscape, struct err *err)
{
	round->from_ms = end_of_cell(round, round->due.from_ms);
	round->count = round->from_ms > round->now_ms ? 0 : count_cells(round, round->now_ms, EVALUATIONS_MAX);
	return evaluations_make(txn, round->config, landscape, round->from_ms, round->count, round->now_ms, &round->evaluations,
				&round->incidents, err);
}

static int read_due(struct txn *txn, struct network_round *round, enum network_work work, struct err *err)
{
	int64_t oldest_ms = oldest_judged(round->config, round->now_ms);

	if (network_due(txn, work, &round->due, err) < 0)
		return -1;
	if (round->due.from_ms < oldest_ms)
		round->due.from_ms = oldest_ms;
	return 0;
}

static int has_cells(struct txn *txn, struct network_round *round, struct err *err)
{
	return read_due(txn, round, WORK_GUARD, err) < 0 ? -1 : round->due.from_ms <= round->now_ms;
}

static int has_lines(struct txn *txn, struct network_round *round, struct err *err)
{
	struct derive_item item;

	(void)round;
	return derive_queue_get(txn, &item, 1, err);
}

/* Where something changed in a cell that has not ended, tickets may still find their incident. */
static int has_evaluations(struct txn *txn, struct network_round *round, struct err *err)
{
	const struct network_due *due = &round->due;

	if (read_due(txn, round, WORK_EVALUATE, err) < 0)
		return -1;
	return due->touched_ms != INT64_MAX ||
	       (due->from_ms <= round->now_ms && end_of_cell(round, due->from_ms) <= round->now_ms);
}

/* First what accuses no line, then the lines, then the network. */
static int find_work(struct txn *txn, struct network_round *round, struct err *err)
{
	static int (*const has_work[STAGE_NONE])(struct txn *, struct network_round *, struct err *) = {
		[STAGE_GUARD] = has_cells, [STAGE_LINES] = has_lines, [STAGE_EVALUATE] = has_evaluations,
	};
	int found = 0;

	for (; round->stage < STAGE_NONE; round->stage++) {
		found = has_work[round->stage](txn, round, err);
		if (found)
			break;
	}
	return found < 0 ? -1 : 0;
}

int network_round_read(struct txn *txn, void *arg, struct err *err)
{
	struct network_round *round = arg;
	struct landscape landscape;
	int rc;

	if (find_work(txn, round, err) < 0)
		return -1;
	if (round->stage != STAGE_GUARD && round->stage != STAGE_EVALUATE)
		return 0;
	if (landscape_load(txn, &landscape, err) < 0)
		return -1;
	rc = round->stage == STAGE_GUARD ? read_guard(txn, round, &landscape, err) :
	     read_evaluations(txn, round, &landscape, err);
	landscape_close(&landscape);
	return rc;
}

/* One stretch a cell: how they are cut must not depend on what was judged together. */
static int write_exemptions(struct txn *txn, const struct network_round *round, enum leg leg, struct err *err)
{
	struct guard_verdict *verdicts;
	struct exemption *list;
	size_t verdict_count, count = 0;
	int rc;

	if (guard_verdicts(txn, round->from_ms, INT64_MAX, &verdicts, &verdict_count, err) < 0)
		return -1;
	list = xcalloc(2 * verdict_count + 1, sizeof *list);
	for (size_t i = 0; i < verdict_count; i++) {
		struct exemption exemption = {
			verdicts[i].cell_ms, verdicts[i].cell_ms + round->length_ms, (int)leg, EXEMPT_SERVER,
		};

		if (verdicts[i].exempt[leg])
			list[count++] = exemption;
		exemption.why = EXEMPT_CONTENT;
		if (verdicts[i].content[leg])
			list[count++] = exemption;
	}
	rc = exemptions_replace(txn, leg, round->from_ms, list, count, err);
	free(list);
	free(verdicts);
	return rc;
}

/* Of each cell: how it was stored, or empty. */
static int read_stored(struct txn *txn, const struct network_round *round, struct guard_verdict **ret_stored, struct err *err)
{
	struct guard_verdict *sparse, *stored;
	size_t count;

	if (guard_verdicts(txn, round->from_ms, round->from_ms + round->count * round->length_ms, &sparse, &count, err) < 0)
		return -1;
	stored = xcalloc((size_t)round->count, sizeof *stored);
	for (size_t i = 0; i < count; i++) {
		int64_t place = (sparse[i].cell_ms - round->from_ms) / round->length_ms;

		if (sparse[i].cell_ms % round->length_ms == 0)   /* else a cell of another length, from before */
			stored[place] = sparse[i];
	}
	free(sparse);
	*ret_stored = stored;
	return 0;
}

/* Lines are stepped through again from a cell on whose exemption changed. Returns whether any did. */
static int queue_lines(struct txn *txn, const struct network_round *round, const struct guard_verdict *stored, struct err *err)
{
	int changed = 0;

	for (int i = 0; i < round->count; i++) {
		const struct guard_verdict *is = &round->verdicts[i], *was = &stored[i];

		if (is->result != was->result && network_touch(txn, WORK_EVALUATE, is->cell_ms, err) < 0)
			return -1;
		for (int leg = 0; leg < LEG_COUNT; leg++) {
			if (is->exempt[leg] == was->exempt[leg] && is->content[leg] == was->content[leg])
				continue;
			changed = 1;
			if (derive_queue_add(txn, (enum leg)leg, is->cell_ms, is->cell_ms + round->length_ms, err) < 0)
				return -1;
		}
	}
	return changed;
}

static int write_guard(struct txn *txn, const struct network_round *round, struct err *err)
{
	int64_t next_ms = round->from_ms + round->count * round->length_ms;
	struct guard_verdict *stored;
	int changed;

	if (read_stored(txn, round, &stored, err) < 0)
		return -1;
	changed = queue_lines(txn, round, stored, err);
	free(stored);
	if (changed < 0 ||
	    guard_verdicts_replace(txn, round->from_ms, next_ms, round->verdicts, (size_t)round->count, err) < 0)
		return -1;
	for (int leg = 0; changed && leg < LEG_COUNT; leg++)
		if (write_exemptions(txn, round, (enum leg)leg, err) < 0)
			return -1;
	return network_did(txn, WORK_GUARD, &round->due, next_ms > round->now_ms ? INT64_MAX : next_ms + round->length_ms, err);
}

static int derive_line(struct txn *txn, const struct network_round *round, const struct derive_item *item, struct err *err)
{
	struct line line;

	if (line_get(txn, item->line, &line, err) < 0 ||
	    derive_fast(txn, round->config, &line, item->from_ms, round->now_ms, err) < 0)
		return -1;
	return derive_queue_drop(txn, item->line, err);
}

static int write_lines(struct txn *txn, const struct network_round *round, struct err *err)
{
	struct derive_item items[LINES_MAX];
	int count = derive_queue_get(txn, items, LINES_MAX, err);

	for (int i = 0; i < count; i++)
		if (derive_line(txn, round, &items[i], err) < 0)
			return -1;
	return count < 0 ? -1 : 0;
}

/* The first of them may lie within the first cell, the last in the one that has not ended. */
static int write_evaluations(struct txn *txn, const struct network_round *round, struct err *err)
{
	int64_t last_ms = round->from_ms + (round->count - 1) * round->length_ms;
	int64_t first_ms = round->from_ms - round->length_ms + 1;
	int64_t to_ms = round->now_ms < last_ms + round->length_ms ? round->now_ms : last_ms;

	if (to_ms >= first_ms && (evaluations_replace(txn, first_ms, to_ms, round->evaluations, err) < 0 ||
				  incidents_replace(txn, first_ms, to_ms, round->incidents, round->now_ms, err) < 0))
		return -1;
	if (incidents_adopt_tickets(txn, first_ms, err) < 0)
		return -1;
	return network_did(txn, WORK_EVALUATE, &round->due, last_ms + 1, err);
}

int network_round_write(struct txn *txn, void *arg, struct err *err)
{
	static int (*const write[STAGE_NONE])(struct txn *, const struct network_round *, struct err *) = {
		[STAGE_GUARD] = write_guard, [STAGE_LINES] = write_lines, [STAGE_EVALUATE] = write_evaluations,
	};
	const struct network_round *round = arg;

	return write[round->stage](txn, round, err);
}

enum network_stage network_round_next(const struct network_round *round)
{
	bool is_whole = round->from_ms + round->count * round->length_ms > round->now_ms;

	return round->stage == STAGE_LINES || !is_whole ? round->stage : round->stage + 1;
}
