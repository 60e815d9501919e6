/* promise.h - how what a line's service plan promises on each leg is tested.
 * Ownership: rules stay the configuration's. Threads: pure.
 * Source:    methodology S1, U4 (the leg's smallest file is what its reference probe downloads), P2 (capacity probes). */
#ifndef PLUMBLINE_PROMISE_H
#define PLUMBLINE_PROMISE_H

#include "agent/base/measurement.h"
#include "collector/collector_keys.h"
#include "collector/decide/line_fold.h"
#include "collector/store/clients.h"

/* Without a known plan nothing is promised. */
void promises_of_line(const struct collector_config *config, const struct line *line, struct promise ret_promises[LEG_COUNT]);

#endif
