/* server.h - an HTTP/1.1 server on a libuv loop: reads whole requests, hands them over, writes the answers.
 *
 * Knows nothing of Plumbline. llhttp in strict mode parses; what it lets pass and should not (folded lines, chunked on
 * HTTP/1.0, no Host or two, a contradicting absolute target, CONNECT, Upgrade, trailers, unbounded heads) is refused here:
 * one answer (RFC 9457), then the connection closes. One request at a time per connection; pipelined ones wait.
 * Bounds: 8 KiB of target, 32 KiB and 100 headers of head, max_body_bytes of body. A client over max_connections is not
 * refused: it waits in the kernel's queue until another one leaves.
 *
 * The process must ignore SIGPIPE: libuv writes to sockets whose peer may be gone.
 *
 * Ownership: a request belongs to the server and stays valid until it was answered or its cancelled callback ran.
 * Threads:   the loop's. */
#ifndef PLUMBLINE_HTTP_SERVER_H
#define PLUMBLINE_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "agent/base/err.h"

struct http_server;
struct http_request;
struct tls_context;   /* tls.h */

struct http_server_options {
	const char *address;            /* numeric IPv4 or IPv6 */
	int port;                       /* 0: any free one, see http_server_port */
	struct tls_context *tls;        /* NULL: plain; must outlive the server */
	int64_t max_connections;
	int64_t max_body_bytes;
	int64_t head_timeout_ms;        /* from the first byte of a request to its last header */
	int64_t body_timeout_ms;        /* without any progress, of a request's body or of an answer */
	int64_t idle_timeout_ms;        /* kept alive without a request */
	void (*handle)(void *arg, struct http_request *request);   /* a whole request is there */
	void *arg;
};

/* Starts listening. Fails with ERR_USAGE when the address is none, with ERR_IO when it is in use and the like; the loop
 * must then still run once to let go of the handles. */
int http_server_start(uv_loop_t *loop, const struct http_server_options *options, struct http_server **ret_server,
		      struct err *err);
int http_server_port(const struct http_server *server);

/* Stops accepting; requests under way are answered for at most drain_ms; then closes all and calls stopped, the last that
 * is heard of the server. */
void http_server_stop(struct http_server *server, int64_t drain_ms, void (*stopped)(void *arg), void *arg);

/* The request. Texts are NUL-terminated; path is percent-decoded nowhere (see url.h). */
const char *http_request_method(const struct http_request *request);
const char *http_request_path(const struct http_request *request);           /* "/a/b", as sent */
const char *http_request_query(const struct http_request *request);          /* without "?", or NULL */
/* The first header of this name, in any case; NULL: not there. */
const char *http_request_header(const struct http_request *request, const char *name);
const void *http_request_body(const struct http_request *request, size_t *ret_length);
const char *http_request_peer(const struct http_request *request);           /* "192.0.2.1:1234" */

/* The owner's own pointer. cancelled is called when the connection broke before the answer; after it the request is gone.
 * With cancelled NULL the owner is not told: the request stays until it is answered, which then goes nowhere. A client
 * that ends its side of the connection before the answer counts as gone; one that has already sent its next request is
 * looked at again only after the answer. */
void http_request_set_owner(struct http_request *request, void *owner, void (*cancelled)(void *owner));
void *http_request_owner(const struct http_request *request);

/* Adds a header to the answer; name and value are copied, control characters become spaces. Content-Length, Date and
 * Connection are the server's own. */
void http_reply_header(struct http_request *request, const char *name, const char *value);

/* Answers and gives the request back. body is copied. A HEAD request gets the head only. */
void http_reply(struct http_request *request, int status, const void *body, size_t body_bytes);

/* Answers with a body of known length that is produced while it is sent: produce fills at most size bytes of ret_bytes and
 * returns how many (0 before the end breaks the connection off). ended is called once, whether the whole went out or
 * not; before this returns when the connection is broken. */
void http_reply_stream(struct http_request *request, int status, int64_t body_bytes,
		       size_t (*produce)(void *arg, int64_t offset, void *ret_bytes, size_t size),
		       void (*ended)(void *arg), void *arg);

const char *http_status_text(int status);

#endif
