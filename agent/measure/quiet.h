/* quiet.h - whether the line is free for a scheduled probe.
 * Units:   bit/s over the look, milliseconds.
 * Source:  methodology 5.1 (K1). Threads: pure. */
#ifndef PLUMBLINE_QUIET_H
#define PLUMBLINE_QUIET_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/measure/traffic.h"

#define QUIET_LOOKS_MAX 6   /* one, and five after postponing */

/* How long to look, and to wait after a busy look: 10 s and 60 s, less where probes come oftener than each 15 min. */
int64_t quiet_look_ms(int64_t interval_ms);
int64_t quiet_wait_ms(int64_t interval_ms);

/* Unknown traffic is no reason to wait. threshold_bps may be 0: none. A look shorter than 10 s may see as many bytes as one
 * of 10 s: a single report of the agent's own would fill it otherwise. */
bool quiet_is_busy(const struct traffic_cross *seen, int64_t threshold_bps, int64_t look_ms);

#endif
