/* schedule.h - what is due when: one probe run in each cell of the interval, at an offset drawn anew; reports with jitter.
 *
 * A cell begins at the wall clock rounded down to the interval, so that all agents and the collector number cells alike.
 * When a cell is entered its run is drawn uniformly over what is left of it. A cell that was slept through is not made
 * up for; a clock that steps puts the agent into another cell, which is then drawn like any other. Reports follow the
 * boot clock, which does not step.
 *
 * Units:   realtime in UTC milliseconds, boottime in microseconds.
 * Source:  methodology P1 (jittered cells), P3 (start after boot); a report interval varies by 10 %.
 * Threads: pure. */
#ifndef PLUMBLINE_SCHEDULE_H
#define PLUMBLINE_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/random.h"

#define SCHEDULE_WAIT_MS 60000   /* the longest wait: a step of the wall clock or a resume is noticed after it */

struct schedule {
	int64_t interval_ms, report_ms;
	int64_t cell_ms;          /* the cell that was entered last, or JSON_ABSENT */
	int64_t run_ms;           /* when its run is due, or JSON_ABSENT: it has none any more */
	int64_t start_us;         /* boottime before which nothing is due (P3) */
	int64_t report_us;        /* boottime at which the next report is due */
};

/* last_cell_ms: the cell of the newest run before this start, or JSON_ABSENT; it gets no second one. */
void schedule_init(struct schedule *schedule, int64_t interval_ms, int64_t report_ms, int64_t last_cell_ms,
		   const struct instant *now, const struct random_source *random);

/* Changes the intervals; what is due is drawn anew. */
void schedule_change(struct schedule *schedule, int64_t interval_ms, int64_t report_ms, const struct instant *now,
		     const struct random_source *random);

struct schedule_step {
	bool run;            /* a probe run is due; call schedule_ran when it begins */
	bool report;         /* a report is due; call schedule_reported when it is sent */
	int64_t wait_ms;     /* ask again after this long; what is due already does not shorten it */
};
struct schedule_step schedule_step(struct schedule *schedule, const struct instant *now,
				   const struct random_source *random);

void schedule_ran(struct schedule *schedule);
void schedule_reported(struct schedule *schedule, const struct instant *now, const struct random_source *random);

#endif
