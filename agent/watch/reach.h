/* reach.h - tries the levels of the ladder: each in its cadence, and all of them when asked for a sweep.
 *
 * Carrier and gateway come from the kernel, the local server and the hub from the URLs of their reference files. Names are
 * looked up anew in their cadence; the last address that was found stays in use. A target that has never answered is
 * tried by ICMP and by TCP in turn.
 *
 * Attempts overlap: what is known first need not have been made first. They are told of in the order in which they
 * were made, each when its fate and that of all before it at its level are known.
 *
 * Units:   _us of boottime.               Source:  methodology 8 (L1), 9.1.
 * Threads: the loop's. */
#ifndef PLUMBLINE_REACH_H
#define PLUMBLINE_REACH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/random.h"
#include "agent/watch/echo.h"
#include "agent/fetch.h"
#include "agent/watch/outage.h"

#define REACH_HOST_SIZE 256

struct reach_rule {
	int64_t every_ms[LEVEL_COUNT];   /* cadence of each level; of names also that of looking up the hub */
	int64_t timeout_ms;              /* of an echo (L1: 3 s) */
	int64_t late_ms;                 /* how much longer an echo listens */
	int64_t service_timeout_ms;      /* of names and HTTP */
};

struct reach_options {
	uv_loop_t *loop;
	struct fetch *fetch;
	struct clock clock;
	struct random_source random;
	const char *interface;           /* NULL: the default route's */
	struct reach_rule rule;
	/* An attempt was made at at_us; in order. */
	void (*attempted)(void *arg, enum ladder_level level, int64_t at_us, bool ok);
	/* The final fate of an echo of the cadence; echoes of sweeps would weigh bad times double. */
	void (*echoed)(void *arg, enum ladder_level level, const struct echo_result *result);
	/* The target of this level is another one now. */
	void (*changed)(void *arg, enum ladder_level level);
	void *arg;
};

struct reach_target {
	char host[REACH_HOST_SIZE];        /* as its URL names it; the gateway's address; "" while there is none */
	struct sockaddr_storage address;   /* AF_UNSPEC while unknown */
	enum echo_way way;
};

struct reach;

/* Fails with ERR_IO. */
int reach_open(const struct reach_options *options, struct reach **ret_reach, struct err *err);

/* What the targets were before this start, so that the same again is no change; level is GATEWAY, LOCAL or HUB. */
void reach_remember(struct reach *reach, enum ladder_level level, const char *host);

/* The reference file of LEVEL_LOCAL or LEVEL_HUB from now on; NULL: there is none. */
void reach_set_url(struct reach *reach, enum ladder_level level, const char *url);

/* Makes the attempts that are due; returns when the next one is. */
int64_t reach_run(struct reach *reach, int64_t now_us);

/* One attempt at every level now. */
void reach_sweep(struct reach *reach);

/* Something other than an attempt of its own has just failed at this level; told of like one. */
void reach_failed(struct reach *reach, enum ladder_level level);

/* Forgets what is under way: the machine slept over it. Also from within attempted and echoed. */
void reach_void(struct reach *reach);

const struct reach_target *reach_peek(const struct reach *reach, enum ladder_level level);   /* GATEWAY, LOCAL or HUB */

/* Everything is released when the loop has run; accepts NULL. */
void reach_close(struct reach *reach);

#endif
