/* steady.h - the rate of a download once it fills the line: the window of full load, what was measured in it, and whether
 * that is the line's rate or only a lower bound.
 *
 * Full load lasts from the first byte of the last connection to the end of the first one (T6). T3's window begins half a
 * second or ten round trips later, when TCP has found the rate and a shaper's bucket is empty, and later still where
 * discard_bytes says that the bucket is larger (S6). It does not begin where bytes wait for a lost segment: they would
 * be delivered all at once inside it, and the line would look faster than it is.
 *
 * Units:   microseconds since the probe's first byte, bytes, bit/s.
 * Source:  methodology 2 (T3, T4, T6, T7, T8), 3 (S5, S6). Threads: pure. */
#ifndef PLUMBLINE_STEADY_H
#define PLUMBLINE_STEADY_H

#include <stdint.h>

#include "agent/base/measurement.h"
#include "agent/measure/trace.h"

struct steady_facts {
	const struct trace *trace;   /* of all connections together */
	int64_t loaded_us;           /* first byte of the last connection; JSON_ABSENT: it has not come */
	int64_t until_us;            /* now, or when the first connection finished */
	int64_t rtt_us;              /* smallest seen; 0: unknown */
	int64_t discard_bytes;       /* S6 */
	int64_t window_bytes;        /* receive windows of all connections together, at their largest; 0: unknown */
};

struct steady {
	int64_t from_us, to_us;      /* on slice boundaries; equal: no window */
	int64_t rate_bps;            /* T3; 0 without a window */
	int64_t max1s_bps;           /* T4; 0 where the window is shorter than 1 s */
	int64_t last1s_bps;          /* S4, of the last 1 s; 0 likewise, and while that cannot be told for bytes held back */
	enum reason doubt;           /* REASON_NONE; REASON_TOO_SHORT, WINDOW_LIMITED, SLOW_START: only a lower bound */
};

/* T3's ramp: what is left out before the line is full. */
int64_t steady_ramp_us(int64_t rtt_us);

struct steady steady_find(const struct steady_facts *facts);

#endif
