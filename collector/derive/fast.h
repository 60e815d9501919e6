/* fast.h - what new measurements of a line mean: samples through decide/line_fold to moves, and tickets after them.
 *
 * The happy path: a report's measurements are stored; the line's head state is loaded, the new samples are stepped through,
 * the head is saved, tickets follow the moves. When a sample is older than the head, or people's marks, exemptions or the
 * service plan changed in the past, the newest checkpoint before is loaded instead and everything since is read again.
 * It can be repeated at any time and changes nothing the second time. A crash before the commit leaves neither the
 * measurements nor their consequences.
 * Threads: a store thread, inside a writing job. */
#ifndef PLUMBLINE_FAST_H
#define PLUMBLINE_FAST_H

#include <stdint.h>

#include "agent/base/err.h"
#include "collector/collector_keys.h"
#include "collector/store/clients.h"

struct txn;

/* from_ms: event time of the oldest fact that is new or changed, a measurement, a mark or an exemption. History from before the
 * measurements that are kept stands: there is nothing left to step through again. */
int derive_fast(struct txn *txn, const struct collector_config *config, const struct line *line, int64_t from_ms,
		int64_t now_ms, struct err *err);

#endif
