/* watch.h - the agent's watch over reachability: tries the ladder, keeps the journal, and reports what it saw.
 *
 *   outage      an interruption with its cause, or a gap in which nobody watched (power, shutdown, suspend, agent); of one
 *               that is down an early event without ended_ms comes first, at most one, which that of its end replaces
 *   alive       an interval in which the agent was watching; coverage rests on these
 *   latency     a bin of delay and loss of one target
 *   clock_step  the wall clock jumped
 *
 * Ownership: watch_open makes it, watch_close releases it once the loop has run.
 * Units:     _ms durations, _us boottime; dates in UTC milliseconds.
 * Source:    methodology 2 (T10), 8 (L1, L2), 9 (O1 to O5, J1 to J3).
 * Threads:   the loop's. */
#ifndef PLUMBLINE_WATCH_H
#define PLUMBLINE_WATCH_H

#include <jansson.h>
#include <stdint.h>
#include <uv.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/measurement.h"
#include "agent/base/random.h"
#include "agent/fetch.h"
#include "agent/watch/outage.h"
#include "agent/watch/watch_rule.h"

struct watch_options {
	uv_loop_t *loop;
	struct fetch *fetch;
	struct clock clock;
	struct random_source random;
	const char *boot_id;
	const char *journal_path;     /* outlives the watch */
	const char *interface;        /* NULL: the default route's */
	struct watch_rule rule;
	/* Takes over event, which carries its times and, where it was an earlier one, its boot. */
	void (*emit)(void *arg, const char *type, json_t *event);
	void *arg;
};

struct watch;

/* Explains first what happened since the journal's last row, by calls of emit. Fails with ERR_IO. */
int watch_open(const struct watch_options *options, struct watch **ret_watch, struct err *err);

/* The reference file of LEVEL_LOCAL or LEVEL_HUB, whose host is watched; NULL: none. */
void watch_set_url(struct watch *watch, enum ladder_level level, const char *url);

/* A transfer of this leg's reference file has failed, for this reason: evidence beside the watch's own attempts (T10). */
void watch_transfer_failed(struct watch *watch, enum leg leg, enum reason reason);

/* At most one alive event in so long from now on. */
void watch_set_alive(struct watch *watch, int64_t alive_ms);

/* {"cause", "since_ms"} of the interruption under way, if there is one, "levels", "targets"; the journal keeps it too, for
 * commands beside the daemon. */
json_t *watch_status(const struct watch *watch);

/* Ends the watch with the mark of a clean end in the journal; emits what it has not reported. Must come before fetch_close;
 * accepts NULL. */
void watch_close(struct watch *watch);

#endif
