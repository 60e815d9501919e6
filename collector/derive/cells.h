/* cells.h - judges cells of event time by what all lines showed in them (decide/guard).
 * Threads: a store thread, inside a job.
 * Source:  methodology 7 (H4, H5), 5.2, 12.4 R5. */
#ifndef PLUMBLINE_CELLS_H
#define PLUMBLINE_CELLS_H

#include <stdint.h>

#include "agent/base/err.h"
#include "collector/collector_keys.h"
#include "collector/derive/landscape.h"
#include "collector/store/guard.h"

struct txn;

/* The verdict of every cell from first_ms on, count of them, empty ones too. */
int cells_judge(struct txn *txn, const struct collector_config *config, const struct landscape *landscape, int64_t first_ms,
		int count, struct guard_verdict *ret_verdicts, struct err *err);

/* What each line of the landscape showed in the cell, by its place: bad where a probe was. */
int cell_states(struct txn *txn, const struct landscape *landscape, int64_t cell_ms, int64_t length_ms, enum leg leg,
		enum leaf_state *ret_states, struct err *err);

/* The numbers of the lines whose content was altered, or that were bad, in the cell. */
int cell_lines(struct txn *txn, int64_t cell_ms, int64_t length_ms, enum leg leg, enum judgement judgement,
	       json_t **ret_lines, struct err *err);

#endif
