/* rollup.h - measurements to roll-ups, and what is old enough out of the database: the work of a job that comes by every
 * few minutes.
 *
 * The happy path: ingest marks the day of each measurement. Once that day is over, its hours and the day itself are rolled up
 * from its measurements, and again whenever one arrives late. After keep_measurements the measurements go, after
 * keep_hourly the hours, after keep_daily the day. A measurement that arrives later than its day's others were
 * kept is too late to be counted and goes with the next step.
 *
 * What the network was judged by (derive/network.h) goes after the measurements that it was judged from.
 *
 * Steps:   each handles about ROLLUP_STEP_ROWS rows, so that reports get their turn between them. A day of a line is the
 *          least it does at once.
 * Held:    of a line with a ticket that is not closed, measurements stay from the longest history that decisions look back on
 *          before its defect began.
 * Threads: a store thread, inside a writing job. */
#ifndef PLUMBLINE_DERIVE_ROLLUP_H
#define PLUMBLINE_DERIVE_ROLLUP_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "collector/collector_keys.h"

struct txn;

#define ROLLUP_STEP_ROWS 2000

/* One step. *ret_more: there is more to do at once. */
int rollup_step(struct txn *txn, const struct collector_config *config, int64_t now_ms, bool *ret_more, struct err *err);

#endif
