/* attempt.h - one attempt at a name, or at a file server by HTTP; libcurl does both, so that nothing blocks the loop.
 *
 * A name is looked up by a transfer that stops where it would connect; the address it would connect to is the answer. HTTP is
 * a HEAD request on a fresh connection.
 *
 * Ownership: an attempt frees itself after done; attempt_cancel frees it early. Threads: the loop's.
 * Source:    methodology 9.1, 9.2 (DNS, HTTP). */
#ifndef PLUMBLINE_ATTEMPT_H
#define PLUMBLINE_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "agent/base/err.h"
#include "agent/fetch.h"

struct attempt;

struct attempt_result {
	bool ok;
	struct sockaddr_storage address;   /* of a name that was found, with the URL's port; else AF_UNSPEC */
};

typedef void attempt_done(void *arg, struct attempt *attempt, const struct attempt_result *result);

/* Looks up the host of url, which may be an address. Fails with ERR_INTERNAL. */
int attempt_name(struct fetch *fetch, const char *url, int64_t timeout_ms, attempt_done *done, void *arg,
		 struct attempt **ret_attempt, struct err *err);

/* ok: the server answered 2xx or 3xx, or that it is busy (429, 503), which is no interruption. Fails with ERR_INTERNAL. */
int attempt_http(struct fetch *fetch, const char *url, const char *interface, int64_t timeout_ms, attempt_done *done, void *arg,
		 struct attempt **ret_attempt, struct err *err);

/* Ends it without done. Not from within done; accepts NULL. */
void attempt_cancel(struct attempt *attempt);

#endif
