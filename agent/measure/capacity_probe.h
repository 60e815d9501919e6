/* capacity_probe.h - one capacity probe of one leg, from the requests to the judged record.
 * Source:  methodology 2 (T3, T6 to T8, T10), 3 (S2 to S8), 4, 5 (K2, content and cache, order of judging).
 * Threads: the loop's. One probe at a time per agent: legs never overlap (P1). */
#ifndef PLUMBLINE_CAPACITY_PROBE_H
#define PLUMBLINE_CAPACITY_PROBE_H

#include "agent/measure/link.h"
#include "agent/measure/probe.h"

struct capacity_request {
	struct probe_request probe;   /* threshold_bps above 0 */
	long ip_version;              /* CURL_IPRESOLVE_...: fixed for a probe, so that each record is of one version */
	int64_t bytes_allowed;        /* what is left of the month (P4) */
	int64_t discard_bytes;        /* S6 */
	const char *carrier;          /* S8: the interface that leads to the server, as far as it is known; or "" */
	const char *sys;              /* LINK_SYS, but for tests */
};

struct capacity_probe;

/* As probe_start. bytes_total of its progress is 0: a capacity probe ends by time (CAPACITY_LONGEST_US) or earlier. */
struct capacity_probe *capacity_probe_start(struct fetch *fetch, const struct clock *clock,
					    const struct random_source *random, const struct capacity_request *request,
					    void (*progress)(void *arg, const struct probe_progress *progress),
					    void (*done)(void *arg, const struct measurement *measurement), void *arg);

/* Ends it early without a record; done is not called. */
void capacity_probe_abort(struct capacity_probe *probe);

#endif
