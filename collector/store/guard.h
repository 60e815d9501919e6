/* guard.h - what the mass guard counts and found (H5), and what is left to derive again of the network.
 * A cell is named by its beginning. Counts are added once a measurement, so their order does not matter.
 * Times:   _ms UTC milliseconds, event time. Threads: a store thread, inside a job. */
#ifndef PLUMBLINE_STORE_GUARD_H
#define PLUMBLINE_STORE_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/measurement.h"
#include "collector/decide/guard.h"
#include "collector/store/clients.h"

struct txn;

/* The top-level branch of the topology that the line hangs below, by first parents: the node just below the root; its own
 * node where nothing or only the root is above. */
int branch_of_line(struct txn *txn, const struct line *line, char ret_branch[ID_SIZE], struct err *err);

/* Adds to a cell's branch; to the base's day. */
int guard_cell_add(struct txn *txn, enum leg leg, int64_t cell_ms, const char *branch, const struct guard_count *more,
		   struct err *err);
int guard_day_add(struct txn *txn, enum leg leg, int64_t day_ms, const struct guard_count *more, struct err *err);

/* Of each branch; the caller frees. */
int guard_counts(struct txn *txn, enum leg leg, int64_t cell_ms, struct guard_count **ret_counts, int *ret_count,
		 struct err *err);

/* Drops at most limit rows of cells before before_ms; *ret_count: how many. Days stay: they are two rows a day. */
int guard_cells_prune(struct txn *txn, int64_t before_ms, int64_t limit, int64_t *ret_count, struct err *err);

/* The sum over days with from_ms <= day < to_ms; *ret_is_whole: something was counted at or before the first of them. */
int guard_base(struct txn *txn, enum leg leg, int64_t from_ms, int64_t to_ms, struct guard_count *ret_sum, bool *ret_is_whole,
	       struct err *err);

/* What every line showed with from_ms <= started_ms < to_ms: its scheduled samples that are valid, or failed for their content
 * (5.2). */
int guard_samples(struct txn *txn, int64_t from_ms, int64_t to_ms,
		  void (*visit)(void *arg, int64_t line_number, enum leg leg, enum judgement judgement), void *arg,
		  struct err *err);

/* The throughput of a canary's scheduled probes with from_ms <= started_ms < to_ms; the caller frees. */
int guard_figures(struct txn *txn, const struct line *line, enum leg leg, int64_t from_ms, int64_t to_ms,
		  int64_t **ret_figures, int *ret_count, struct err *err);

/* What was found of a cell; kept unless there is nothing to say. */
struct guard_verdict {
	int64_t cell_ms;
	int result;                  /* enum guard_result */
	bool exempt[LEG_COUNT];      /* what the leg showed is not judged */
	bool content[LEG_COUNT];     /* altered content accuses no line */
};
bool guard_verdict_is_empty(const struct guard_verdict *verdict);

/* Those of cells from from_ms up to before to_ms, oldest first; the caller frees. */
int guard_verdicts(struct txn *txn, int64_t from_ms, int64_t to_ms, struct guard_verdict **ret_verdicts, size_t *ret_count,
		   struct err *err);
int guard_verdicts_replace(struct txn *txn, int64_t from_ms, int64_t to_ms, const struct guard_verdict *verdicts, size_t count,
			   struct err *err);

/* What is to be derived again, from when on in event time. */
enum network_work { WORK_GUARD, WORK_EVALUATE };
struct network_due {
	int64_t from_ms;             /* INT64_MAX: nothing */
	int64_t touched_ms, version; /* of what was noted since the work was last done */
};
int network_touch(struct txn *txn, enum network_work work, int64_t from_ms, struct err *err);
int network_due(struct txn *txn, enum network_work work, struct network_due *ret_due, struct err *err);

/* Done as it was seen, up to next_ms; what was noted meanwhile stays to be done. */
int network_did(struct txn *txn, enum network_work work, const struct network_due *seen, int64_t next_ms, struct err *err);

/* Lines whose measurements are to be stepped through again. All with a sample of the leg in a stretch of time: */
int derive_queue_add(struct txn *txn, enum leg leg, int64_t from_ms, int64_t to_ms, struct err *err);

struct derive_item {
	char line[ID_SIZE];
	int64_t from_ms;
};
int derive_queue_get(struct txn *txn, struct derive_item *ret_items, int limit, struct err *err);   /* how many, or -1 */
int derive_queue_drop(struct txn *txn, const char *line, struct err *err);

#endif
