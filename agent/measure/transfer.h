/* transfer.h - one HTTP download for measuring: a fresh connection, nothing cached, followed or decoded, and our own
 * time stamps.
 * Units:     monotonic microseconds (_us), milliseconds (_ms), bytes; JSON_ABSENT where a point was not reached.
 * Ownership: a transfer frees itself after done; transfer_abort frees it early. Threads: the loop's.
 * Source:    methodology 2 (t0 to t6, T1, T5, T10) and 4 (options). */
#ifndef PLUMBLINE_TRANSFER_H
#define PLUMBLINE_TRANSFER_H

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/measurement.h"
#include "agent/fetch.h"

/* Answer headers that say something about the measurement. */
enum transfer_header {
	HEADER_AGE,
	HEADER_X_CACHE,
	HEADER_CACHE_STATUS,
	HEADER_CONTENT_ENCODING,
	HEADER_NONCE,
	HEADER_LOAD,
	HEADER_COUNT
};

struct transfer_request {
	const char *url;
	const char *interface;      /* binds to it; NULL: whichever the route takes */
	long ip_version;            /* CURL_IPRESOLVE_… */
	int64_t max_bytes;          /* a longer body is not the content (REASON_ALTERED); 0: unbounded */
	int64_t deadline_ms;        /* of the whole transfer */
	long stall_bytes_per_s;     /* slower than this for stall_s is stalled; 0 s: unguarded */
	long stall_s;
	bool head_only;             /* asks what the answer would be: content_length, and no body */
	void (*body)(void *arg, const void *bytes, size_t length);   /* of a 200 only; may be NULL; must not abort */
};

struct transfer_result {
	enum reason failure;        /* REASON_NONE: status 200 and the whole body, or the head; REASON_STALLED; REASON_DNS … */
	int64_t t0_us;              /* start */
	int64_t t4_us;              /* connected, before the request is sent */
	int64_t t5_us;              /* first body byte */
	int64_t t6_us;              /* last body byte; of a stalled one, when it was given up (T10) */
	int64_t ended_us;
	int64_t dns_us, connect_us, tls_us, first_byte_us;   /* T5 */
	int64_t bytes;              /* of the body, as received */
	int64_t first_read_bytes;   /* B5: what arrived together with the first */
	int64_t content_length;     /* as announced */
	int64_t http_status;
	char peer[64];              /* address and port */
	char peer_ip[INET6_ADDRSTRLEN], local_ip[INET6_ADDRSTRLEN];
	char headers[HEADER_COUNT][160];   /* "" when not there; repeated ones joined by ", "; cut */
	char detail[CURL_ERROR_SIZE];      /* curl's words about a failure, or "" */
};

struct transfer;

/* Fails with ERR_INTERNAL; everything in request is copied. done comes once, from the loop; after it
 * returns the transfer is gone. */
int transfer_start(struct fetch *fetch, const struct clock *clock, const struct transfer_request *request,
		   void (*done)(void *arg, const struct transfer_result *result), void *arg,
		   struct transfer **ret_transfer, struct err *err);

/* How far it is: bytes, content_length and t0_us are kept up to date, the rest is filled at the end. */
const struct transfer_result *transfer_peek(const struct transfer *transfer);

/* Its socket, for looking at it while the transfer runs, or -1 before there is one. */
int transfer_socket(const struct transfer *transfer);

/* Ends it without done. */
void transfer_abort(struct transfer *transfer);

/* Ends it without done, because enough was received: *ret_result is complete but for t6_us, which is the newest byte's,
 * and its failure is none. */
void transfer_stop(struct transfer *transfer, struct transfer_result *ret_result);

/* max(60 s, 3 x size / threshold), at most six hours; a size of 0 stands for the reference file's 1 MiB (U4). */
int64_t transfer_deadline_ms(int64_t size_bytes, int64_t threshold_bps);

#endif
