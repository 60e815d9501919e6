/* request.h - one HTTP request from its first byte to its last: parsed by llhttp, then held against the rules that
 * llhttp leaves to its user.
 *
 * The head is kept as it came (at most REQUEST_HEAD_MAX_BYTES). llhttp marks where target and headers lie in it and
 * pauses at its end; then texts are terminated in place, the rules for a whole head are applied, and the body begins.
 *
 * Ownership: request_new makes it, request_free releases it with all texts.   Threads: the loop's; no I/O.
 * Source:    RFC 9110, RFC 9112; llhttp 8.1 in strict mode. */
#ifndef PLUMBLINE_HTTP_REQUEST_H
#define PLUMBLINE_HTTP_REQUEST_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "collector/http/server.h"

#define REQUEST_TARGET_MAX_BYTES 8192
#define REQUEST_HEAD_MAX_BYTES 32768
#define REQUEST_HEADERS_MAX 100

struct connection;

/* A stretch of the head. */
struct span {
	size_t offset, length;
};

struct header {
	struct span name_span, value_span;
	const char *name, *value;   /* once the head is complete */
};

enum request_progress { REQUEST_INCOMPLETE, REQUEST_WHOLE, REQUEST_REFUSED };

struct http_request {
	llhttp_t parser;
	int64_t max_body_bytes;
	struct buf head, body;
	struct span target;
	struct header headers[REQUEST_HEADERS_MAX];
	size_t header_count;
	const char *path, *query;
	bool head_complete;
	bool keep_alive;            /* the client wants, and may, send another request */
	bool expects_continue;      /* waits for "100 Continue" before it sends the body */
	int refusal_status;         /* of REQUEST_REFUSED, with a constant text */
	const char *refusal_detail;
	char peer[64];

	struct connection *connection;   /* NULL: it broke, and the owner asked not to be told */
	void *owner;
	void (*cancelled)(void *owner);
	struct buf reply_headers;
	int64_t stream_offset, stream_bytes;
	size_t (*produce)(void *arg, int64_t offset, void *ret_bytes, size_t size);
	void (*ended)(void *arg);
	void *stream_arg;
};

struct http_request *request_new(int64_t max_body_bytes);
void request_free(struct http_request *request);   /* accepts NULL */

/* Takes the next bytes. *ret_used says how many belong to this request: all of them while it is incomplete; after
 * REQUEST_WHOLE the rest is the next request. After REQUEST_REFUSED nothing more can be read on this connection. */
enum request_progress request_feed(struct http_request *request, const char *bytes, size_t length, size_t *ret_used);

bool request_is_head(const struct http_request *request);   /* HEAD: the answer has no body */

#endif
