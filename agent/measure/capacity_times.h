/* capacity_times.h - when the next capacity probe is due.
 *
 * Gaps are drawn from an exponential distribution with a mean of 6 h, not below 36 min and not above 15 h; and one probe
 * lies between 19 and 23 o'clock of each local day, when lines are fullest.
 *
 * Units:   UTC milliseconds; what the local clock is ahead of UTC in seconds.
 * Source:  methodology 6 (P2, P5). Threads: pure. */
#ifndef PLUMBLINE_CAPACITY_TIMES_H
#define PLUMBLINE_CAPACITY_TIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/random.h"

struct capacity_times {
	int64_t next_ms;
	int64_t evening_ms;
};

void capacity_times_init(struct capacity_times *times, int64_t now_ms, int64_t ahead_s, const struct random_source *random);

/* Whether one is due; what was due is then drawn anew. */
bool capacity_times_take(struct capacity_times *times, int64_t now_ms, int64_t ahead_s, const struct random_source *random);

/* P5: whether the collector has been away for too long; collector_ms is when it last answered. */
bool capacity_times_are_over(int64_t collector_ms, int64_t now_ms);

#endif
