/* request.h - one request to the collector's agent API: prepared on a libcurl handle, its answer read and bounded.
 * Who runs the handle (the loop's fetch, or a command that waits) is up to the caller; the handle and its connection are
 * used again by the next request.
 * Source:    contract, conventions (problem+json) and 3. TLS everywhere but loopback (design, security).
 * Ownership: request_init makes it in place, request_free releases it.     Threads: one owner. */
#ifndef PLUMBLINE_REQUEST_H
#define PLUMBLINE_REQUEST_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"

struct identity;

#define REQUEST_ANSWER_BYTES 1048576   /* the longest answer that is read */

struct request {
	CURL *easy;
	struct curl_slist *headers;
	struct buf body;            /* as sent; the caller fills it before request_prepare */
	struct buf answer;
	char url[640];              /* of the collector */
	char *ca_file;              /* NULL: the system's */
	char why[CURL_ERROR_SIZE];
};

/* collector_url is scheme://host[:port]; http only to loopback. Fails with ERR_USAGE, saying what is wrong with it. */
int request_init(struct request *request, const char *collector_url, const char *ca_file, struct err *err);
void request_free(struct request *request);

/* Describes the next request: a POST when the body is not empty, else a GET. Earlier headers and answer are gone. */
void request_prepare(struct request *request, const char *path);
void request_add_header(struct request *request, const char *name, const char *value);

/* Signs what was prepared as this agent's; path as it was given to request_prepare. Fails with ERR_INPUT. */
int request_sign(struct request *request, const struct identity *identity, const char *path, int64_t realtime_ms,
		 struct err *err);

/* After the transfer: 0 when the answer has status 200 or 304. Else -1 with the problem's detail as the message and the
 * status as the code: ERR_UNREACHABLE (no answer), ERR_INPUT (400), ERR_UNAUTHORIZED, ERR_FORBIDDEN, ERR_NOT_FOUND,
 * ERR_CONFLICT, ERR_TOO_LARGE, ERR_BUSY (429, 503); ERR_UNREACHABLE for any answer that the collector did not write. */
int request_finish(struct request *request, CURLcode result, struct err *err);

/* Of the answer: its status, a header ("" when there is none; valid until the next request), Retry-After or 0. */
long request_status(const struct request *request);
const char *request_answer_header(const struct request *request, const char *name);
int64_t request_retry_after_ms(const struct request *request);

#endif
