/* uplink.h - carries the spool to the collector.
 *
 * A report is a signed POST of the oldest waiting events; an empty one is the sign of life. Its answer deletes what the
 * collector has made durable, and names the instruction in force. While events wait, report follows report. What fails is
 * tried again, longer and longer apart, with the same generation: a lost answer costs nothing.
 *
 * A collector whose database was restored from a backup asks for what it has lost: what is still kept waits again.
 *
 * A report that the collector cannot read (400, 413) is halved until one event is alone. Should an empty report then be
 * read, that event was to blame and is set aside; else the fault lies elsewhere and the event stays.
 *
 * Source:  contract 3; methodology J5, P3. Threads: the loop's. */
#ifndef PLUMBLINE_UPLINK_H
#define PLUMBLINE_UPLINK_H

#include <stddef.h>
#include <uv.h>

#include "agent/uplink/backoff.h"
#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/random.h"
#include "agent/fetch.h"
#include "agent/uplink/identity.h"
#include "agent/spool/spool.h"

#define UPLINK_BATCH_EVENTS 200
#define UPLINK_BATCH_BYTES  524288   /* before compression */

struct uplink;

/* What it points to outlives the uplink. */
struct uplink_options {
	uv_loop_t *loop;
	struct fetch *fetch;
	struct clock clock;
	struct random_source random;
	struct spool *spool;
	const struct identity *identity;
	const char *boot;              /* the kernel's id of this boot: what boottimes are compared within (J4) */
	const char *collector_url;
	const char *ca_file;           /* or NULL */
	struct backoff backoff;
	void (*reported)(void *arg, const char *etag);   /* a report was taken; etag is of the instruction in force, or "" */
	void *arg;
};

/* Fails with ERR_USAGE when the URL will not do. */
int uplink_open(const struct uplink_options *options, struct uplink **ret_uplink, struct err *err);

/* Reports now, unless a report is under way or waits to be tried again. */
void uplink_report(struct uplink *uplink);

/* Ends what is under way; closed is called once everything is released. */
void uplink_close(struct uplink *uplink, void (*closed)(void *arg), void *arg);

#endif
