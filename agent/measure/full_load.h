/* full_load.h - fills a line with parallel downloads of one file, and listens: a byte trace and what the kernel knows.
 *
 * It ends when the last second was good enough (S4), after ten seconds (S3), when the bytes it may take are used up, or
 * with the first connection that finishes or fails (T6). Nothing is judged here.
 *
 * Units:     monotonic microseconds, bytes, bit/s; JSON_ABSENT where a point was not reached.
 * Ownership: frees itself after done; full_load_abort frees it early. Threads: the loop's.
 * Source:    methodology 2 (T3, T6), 3 (S3 to S5, S8), 4 (byte trace, TCP_INFO). */
#ifndef PLUMBLINE_FULL_LOAD_H
#define PLUMBLINE_FULL_LOAD_H

#include <stdbool.h>

#include "agent/measure/capacity.h"
#include "agent/measure/steady.h"
#include "agent/measure/tcp_log.h"
#include "agent/measure/trace.h"
#include "agent/measure/transfer.h"

#define FULL_LOAD_SAMPLE_MS 100

struct full_load_request {
	struct transfer_request transfer;                  /* of each connection, but for url, body and arg */
	const char *urls[CAPACITY_CONNECTIONS_MAX];        /* one a connection: each carries a nonce of its own */
	int connections;
	int64_t threshold_bps;
	int64_t bytes_allowed;
	int64_t discard_bytes;                             /* S6 */
	void (*body)(void *arg, const void *bytes, size_t length);   /* of the first connection; may be NULL */
};

struct full_load_result {
	struct transfer_result transfers[CAPACITY_CONNECTIONS_MAX];
	int connections;
	int speaker;               /* whose transfer tells how it went: the one that failed or finished, else the first */
	enum capacity_step ended_by;   /* CAPACITY_GO_ON: the speaker ended by itself */
	struct steady steady;
	int64_t t0_us, first_us, ended_us;   /* first_us: the first byte on any connection */
	int64_t bytes;             /* of body, all connections */
	int64_t bytes_spent;       /* as the kernel counts them, headers of HTTP and bytes never read included */
	int64_t cpu_percent;       /* of one core, since the first byte */
	struct trace trace;
	int slices;                /* of the trace, the last one begun */
	struct tcp_log tcp;
};

struct full_load_progress {
	int64_t bytes;
	int64_t elapsed_us;        /* since the first byte */
};

struct full_load;

/* Fails with ERR_INTERNAL; request is copied. progress (may be NULL) comes every 100 ms, done once, from the loop. */
int full_load_start(struct fetch *fetch, const struct clock *clock, const struct full_load_request *request,
		    void (*progress)(void *arg, const struct full_load_progress *progress),
		    void (*done)(void *arg, const struct full_load_result *result), void *arg,
		    struct full_load **ret_load, struct err *err);

/* Ends it without done. */
void full_load_abort(struct full_load *load);

#endif
