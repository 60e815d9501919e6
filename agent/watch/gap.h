/* gap.h - what the time between two rows of the journal meant: power-off, shutdown, suspend, a restart of the agent, a
 * step of the wall clock, or nothing.
 * Times:   as in clock.h; results in UTC milliseconds of the clock at the later row (J3: earlier rows of the same boot are
 *          re-based on it by boottime).
 * Source:  methodology 9.2 (causes), 9.3 (J1 to J3).
 * Threads: pure. */
#ifndef PLUMBLINE_GAP_H
#define PLUMBLINE_GAP_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/watch/outage.h"

#define GAP_SUSPEND_US    INT64_C(5000000)   /* 9.2: boottime grew by so much more than monotonic */
#define GAP_CLOCK_STEP_MS INT64_C(2000)      /* J3 */

/* One row: the agent was watching at this moment. */
struct alive {
	char boot_id[BOOT_ID_SIZE];
	char process_id[BOOT_ID_SIZE];   /* made at each start of the agent */
	struct instant at;
	bool ended_clean;                /* the machine said that it was shutting down */
};

struct gap {
	enum outage_cause cause;         /* CAUSE_POWER, _SHUTDOWN, _SUSPEND, _AGENT, or CAUSE_NONE */
	int64_t started_ms, ended_ms;    /* when nobody watched; ended is the boot moment after a power-off (J2) */
	int64_t clock_step_ms;           /* how far the wall clock jumped within a boot, 0 when it did not (J3) */
};

/* What lies between two rows that follow each other. */
struct gap gap_explain(const struct alive *before, const struct alive *now);

#endif
