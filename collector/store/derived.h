/* derived.h - what was derived from the facts of a line, kept so that it need not be derived again: the moves of its defects,
 * the state to go on from, and when it was good or bad for localisation. All of it can be thrown away and made again.
 * Times:   event time. Threads: a store thread, inside a job. */
#ifndef PLUMBLINE_DERIVED_H
#define PLUMBLINE_DERIVED_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/measurement.h"
#include "collector/decide/exemption.h"
#include "collector/decide/localise.h"
#include "collector/decide/move.h"
#include "collector/store/clients.h"

struct txn;

/* The moves of one defect with at_ms >= from_ms, oldest first; the caller frees *ret_moves. */
int moves_from(struct txn *txn, const struct line *line, enum defect defect, int64_t from_ms, struct move **ret_moves,
	       size_t *ret_count, struct err *err);

/* Replaces those with at_ms >= from_ms. */
int moves_replace(struct txn *txn, const struct line *line, enum defect defect, int64_t from_ms, const struct move *moves,
		  size_t count, struct err *err);

/* Every move with at_ms >= from_ms by line, defect and time, to visit one at a time: what the history of all lines comes to.
 * visit gets {client, line, defect, what, at_ms, from_ms, window}, borrowed, and nothing that depends on the order in which
 * facts arrived; a non-zero return ends it with that value. */
int moves_visit(struct txn *txn, int64_t from_ms, int (*visit)(const json_t *move, void *arg), void *arg, struct err *err);

/* What people said of the tickets of the line's defects (fixed, closed), oldest first; the caller frees. */
int marks_of_line(struct txn *txn, const struct line *line, int64_t from_ms, struct mark **ret_marks, size_t *ret_count,
		  struct err *err);

/* The head is the state after the newest fact; checkpoints are copies of it, one a week, for facts that arrive late. */
int fold_head_get(struct txn *txn, const struct line *line, struct buf *ret_bytes, int64_t *ret_newest_ms,
		  struct err *err);   /* 1, 0 when there is none, -1 */
int fold_head_put(struct txn *txn, const struct line *line, const struct buf *bytes, int64_t newest_ms, struct err *err);
int fold_checkpoint_before(struct txn *txn, const struct line *line, int64_t at_ms, struct buf *ret_bytes,
			   int64_t *ret_newest_ms, struct err *err);   /* 1, 0 when there is none, -1 */
int fold_checkpoint_put(struct txn *txn, const struct line *line, const struct buf *bytes, int64_t newest_ms, struct err *err);
int fold_checkpoints_drop(struct txn *txn, const struct line *line, int64_t from_ms, struct err *err);

/* Changes of the line's leaf state (12.1) as the fold found them; a line without any is unknown. */
struct leaf_change {
	int64_t at_ms;
	enum leg leg;
	enum leaf_state state;
};
int leaf_changes_replace(struct txn *txn, const struct line *line, int64_t from_ms, const struct leaf_change *changes,
			 size_t count, struct err *err);
/* The state of every line at a time, each line once; those unknown are left out. */
int leaves_at(struct txn *txn, enum leg leg, int64_t at_ms, void (*visit)(void *arg, int64_t line_number, enum leaf_state state),
	      void *arg, struct err *err);

/* Coverage by day: how many cells of a leg's promise held a valid probe, and when the first of them was made. A day is that of
 * UTC, counted from 1970. */
struct leg_day {
	enum leg leg;
	int64_t day;
	int64_t first_ms;
	int64_t cells;
};
int leg_day_add(struct txn *txn, const struct line *line, const struct leg_day *more, struct err *err);
int leg_days_drop(struct txn *txn, const struct line *line, int64_t from_day, struct err *err);

/* Those of from_day to to_day together: *ret_cells, and when coverage begins: at the first probe, or at from_day when there
 * was one before; JSON_ABSENT without any. */
int leg_days_sum(struct txn *txn, const struct line *line, enum leg leg, int64_t from_day, int64_t to_day, int64_t *ret_cells,
		 int64_t *ret_begin_ms, struct err *err);

/* Exemptions of a leg for all lines (H5). exemptions_of_line adds the maintenance of the nodes above the line; by from_ms,
 * those that end after from_ms; the caller frees. */
int exemptions_replace(struct txn *txn, enum leg leg, int64_t from_ms, const struct exemption *list, size_t count,
		       struct err *err);
int exemptions_of_line(struct txn *txn, const struct line *line, int64_t from_ms, struct exemption **ret_list,
		       size_t *ret_count, struct err *err);

#endif
