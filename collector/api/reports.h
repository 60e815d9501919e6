/* reports.h - what an agent sends: read, checked, stored once.
 *
 * The happy path: report_read takes the body apart on a reader thread; on the writer the report's bytes are kept, each
 * event whose (spool, seq) is new is stored, and what it means for the line is derived, all in one transaction. Everything may
 * be repeated.
 * Source:  contract section 3; methodology 13, rule 7; J4 (dates that cannot be).
 * Threads: the functions here are pure. */
#ifndef PLUMBLINE_REPORTS_H
#define PLUMBLINE_REPORTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/measurement.h"
#include "agent/base/random.h"

#define REPORT_EVENTS_MAX 1000
#define REPORT_EVENT_MAX_BYTES 16384

/* What a report's generation says, beside the one that its agent should send. */
enum generation_means {
	GENERATION_NEXT,       /* as expected: the agent gets the following one */
	GENERATION_REPEATED,   /* the one before: the answer to it was lost */
	GENERATION_COPIED,     /* older: the disk was copied or restored */
	GENERATION_AHEAD,      /* given out by a later state of this database: it was restored from a backup */
};
enum generation_means generation_compare(int64_t expected, int64_t reported);

struct event_type;

struct report_event {
	int64_t seq;
	const struct event_type *type;
	const json_t *object;            /* borrowed from the body; NULL, once read, when a report has only measurements */
	char boot[BOOT_ID_SIZE];         /* that it happened in, or "" */
	bool is_measurement;
	struct measurement measurement;
	bool counted;                    /* set by the writer: it was new */
};

struct report {
	char spool[UUID_SIZE];
	char boot[BOOT_ID_SIZE];         /* that it was sent in, or "" */
	int64_t sent_ms;
	int64_t sent_boottime_us;        /* or JSON_ABSENT */
	int64_t generation;
	int64_t acked_seq;               /* of the last event, 0 without events */
	int64_t missing_from;            /* set by the writer: the events from here to the first are not here; or 0 */
	struct report_event *events;     /* the good ones */
	size_t event_count;
	json_t *rejected;                /* [{seq, detail}]: the bad ones */
};

/* Fails with ERR_INPUT when the report as a whole cannot be read, noting what in faults. body must outlive *ret_report. */
int report_read(const json_t *body, struct report *ret_report, json_t *faults, struct err *err);
void report_close(struct report *report);

#endif
