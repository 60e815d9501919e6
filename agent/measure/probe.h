/* probe.h - one probe of one leg, from the request to the judged record.
 * Source:  methodology 2 (T1, T2, T8, T10), 3 (S1), 4, 5 (K2, content and cache, order of judging).
 * Threads: the loop's. One probe at a time per prober: legs never overlap (P1). */
#ifndef PLUMBLINE_PROBE_H
#define PLUMBLINE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/measurement.h"
#include "agent/base/random.h"
#include "agent/fetch.h"
#include "agent/measure/answer.h"

struct probe_request {
	enum leg leg;
	enum trigger trigger;
	const char *file_name;         /* of the reference file */
	const char *url;
	const char *sha256;            /* NULL: the content is not checked */
	int64_t size_bytes;            /* 0: not stated; Content-Length is then taken for it */
	bool nonce_required;
	int64_t threshold_bps;         /* 0: none */
	const char *order;             /* id of the order it answers, or NULL */
	int64_t cell_ms;               /* start of the schedule cell, or JSON_ABSENT */
	const char *interface;         /* bind to it, or NULL */
	bool sees_part;                /* other machines use the line too, and their traffic is not seen (K3) */
	bool in_maintenance;
	struct busy_limits server_busy;
};

struct probe_progress {
	int64_t bytes;
	int64_t total_bytes;           /* 0 while unknown */
	int64_t elapsed_us;
};

struct probe;

/* Starts a probe; request is copied. progress (may be NULL) is called at most every 100 ms, done once with the record:
 * a probe that could not be started is a record too (failed). */
struct probe *probe_start(struct fetch *fetch, const struct clock *clock, const struct random_source *random,
			  const struct probe_request *request,
			  void (*progress)(void *arg, const struct probe_progress *progress),
			  void (*done)(void *arg, const struct measurement *measurement), void *arg);

/* Ends it early without a record; done is not called. Not after done; from progress it may be called. */
void probe_abort(struct probe *probe);

#endif
