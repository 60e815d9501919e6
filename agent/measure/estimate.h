/* estimate.h - time stamps and bytes of one transfer to the rates that they prove.
 * Units:   monotonic microseconds in; bits per second out, cut at what a record can hold.
 * Source:  methodology 2 (T1, T2, T8, T10). Threads: pure. */
#ifndef PLUMBLINE_ESTIMATE_H
#define PLUMBLINE_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

struct estimate_facts {
	int64_t t0_us, t5_us, t6_us;   /* start, first and last body byte; of a stalled one t6 is when it was given up */
	int64_t bytes;                 /* B, of the body; at least 1 */
	int64_t first_read_bytes;      /* B5: they came with t5 and cost no measured time */
	bool stalled;                  /* began, then stalled or hit its deadline (T10) */
};

struct estimate {
	int64_t rate_body_bps;         /* T1; JSON_ABSENT where the first read brought everything */
	int64_t rate_user_bps;         /* T2 */
	bool short_transfer;           /* T8: the body took less than 0.2 s, only rate_user_bps is proven, as a lower bound */
};

struct estimate estimate_rates(const struct estimate_facts *facts);

#endif
