/* listener.h - listens for the instruction: one request is always with the collector, which answers when there is another.
 *
 * So an order reaches this agent within a second, whatever lies between reports, and through any firewall. What fails is
 * tried again, longer and longer apart and with jitter (P3); an answer that brings nothing and comes before its time
 * counts as such a failure, lest this agent asks without end. The connection is another than that of reports.
 *
 * Source:  contract 3 (instruction with wait). Threads: the loop's. */
#ifndef PLUMBLINE_LISTENER_H
#define PLUMBLINE_LISTENER_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "agent/uplink/backoff.h"
#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/random.h"
#include "agent/fetch.h"
#include "agent/uplink/identity.h"

#define LISTENER_WAIT_S    300    /* how long the collector is asked to hold a request: under what firewalls forget, with keep-alives */
#define LISTENER_SPREAD_MS 1000   /* many agents may have been answered at the same moment */

struct listener;

/* What it points to outlives the listener. */
struct listener_options {
	uv_loop_t *loop;
	struct fetch *fetch;
	struct clock clock;
	struct random_source random;
	const struct identity *identity;
	const char *collector_url;
	const char *ca_file;           /* or NULL */
	const char *etag;              /* of the instruction in force, or "" */
	int64_t delay_ms;              /* before the first request (P3) */
	struct backoff backoff;
	void (*instruct)(void *arg, const char *etag, const char *text, size_t length);   /* called with a new one */
	void *arg;
};

/* Fails with ERR_USAGE when the URL will not do. */
int listener_open(const struct listener_options *options, struct listener **ret_listener, struct err *err);

/* The collector says elsewhere, in its answer to a report, that this one is in force: unless it was received, asks now. */
void listener_expect(struct listener *listener, const char *etag);

/* Ends what is under way; closed is called once everything is released. */
void listener_close(struct listener *listener, void (*closed)(void *arg), void *arg);

#endif
