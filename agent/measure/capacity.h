/* capacity.h - how a capacity probe is made: which file, how many connections, how long, and on what machine.
 * Units:   bytes, bit/s, microseconds; JSON_ABSENT where unknown.
 * Source:  methodology 3 (S2 to S5, S8). Threads: pure. */
#ifndef PLUMBLINE_CAPACITY_H
#define PLUMBLINE_CAPACITY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/measure/steady.h"

#define CAPACITY_CONNECTIONS_MAX 8
#define CAPACITY_LONGEST_US      INT64_C(10000000)   /* S3, from the first byte */

/* S2: promises that the reference file cannot test. */
bool capacity_is_for(int64_t threshold_bps);

/* S5: 1, 4 or 8. */
int capacity_connections(int64_t threshold_bps);

/* S3: the smallest file that lasts 1.25 times as long as ramp and 2 s at the threshold; the largest when there is no such
 * file but this one outlasts ramp and 1 s (T7). Returns its index, or -1 when the leg has none. Sizes of 0 are unknown. */
int capacity_choose_file(const int64_t *sizes_bytes, int count, int64_t threshold_bps, int64_t rtt_us);

enum capacity_step {
	CAPACITY_GO_ON,
	CAPACITY_STOP_GOOD,     /* S4 */
	CAPACITY_STOP_CAP,      /* S3: ten seconds */
	CAPACITY_STOP_BUDGET,   /* P4: the bytes that it may take are used up */
};

struct capacity_progress {
	const struct steady *steady;   /* so far */
	int64_t elapsed_us;            /* since the first byte */
	int64_t bytes;
	int64_t bytes_allowed;
	int64_t threshold_bps;
};
enum capacity_step capacity_step(const struct capacity_progress *progress);

/* S8. */
struct capacity_host {
	int64_t link_bps;        /* JSON_ABSENT: not known */
	bool is_wireless;
	int64_t cpu_percent;     /* of one core, during the probe */
};

/* Whether the network card is fast enough; asked before a byte is spent. */
bool capacity_can_carry(const struct capacity_host *host, int64_t threshold_bps);

/* Whether the machine may have bounded the figure. */
bool capacity_is_held_by(const struct capacity_host *host);

#endif
