/* reply.h - the head of an answer, and the answer to a request that is refused.
 * Ownership: appends to the caller's buffers. Threads: pure.
 * Source:    RFC 9112 (head), RFC 9110 5.6.7 (Date), RFC 9457 (problem details). */
#ifndef PLUMBLINE_HTTP_REPLY_H
#define PLUMBLINE_HTTP_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/buf.h"

struct reply_head {
	int status;
	int64_t body_bytes;
	int64_t now_s;             /* UTC seconds since 1970 */
	bool keep_alive;
	const struct buf *headers; /* as reply_add_header left them */
};

/* Content-Length is left out where no body may follow: 204 and 304. */
void reply_write_head(struct buf *out, const struct reply_head *head);

/* False for the statuses that never have a body. */
bool reply_may_have_body(int status);

/* Control characters become spaces, so that no value can begin another header. */
void reply_add_header(struct buf *headers, const char *name, const char *value);

/* detail is constant text without quotes. */
void reply_write_problem(struct buf *body, int status, const char *detail);

#endif
