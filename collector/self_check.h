/* self_check.h - could this collector hear its agents? It asks itself through its public address, as an agent would, and looks
 * at its own commits, disk and clock; who judges silence asks for the result.
 * Ownership: self_check_new makes it; store and config stay the caller's.
 * Threads:   the loop's; the request runs on a thread of the loop's pool. self_check_state from any.
 * Source:    methodology Q3, Q4. */
#ifndef PLUMBLINE_SELF_CHECK_H
#define PLUMBLINE_SELF_CHECK_H

#include <uv.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "collector/collector_keys.h"
#include "collector/decide/silence.h"
#include "collector/store/store.h"

#define SELF_CHECK_URL_SIZE 2048

/* The address that is asked: check_url, else public_url, else what listen says, on loopback where that is any address. port: the
 * one that is listened on. Fails with ERR_USAGE when it is too long. */
int self_check_url(const struct collector_config *config, int port, char ret_url[SELF_CHECK_URL_SIZE], struct err *err);

struct self_check_options {
	uv_loop_t *loop;
	struct store *store;
	const struct collector_config *config;
	struct clock clock;
};

struct self_check;

struct self_check *self_check_new(const struct self_check_options *options);

/* Looks at once, then every check_every. port: the one that is listened on. Fails with ERR_USAGE. */
int self_check_start(struct self_check *check, int port, struct err *err);
struct self_state self_check_state(struct self_check *check);

/* No look begins from now on; a request under way is cut off. */
void self_check_stop(struct self_check *check);   /* accepts NULL */
void self_check_free(struct self_check *check);   /* after the loop ended; accepts NULL */

#endif
