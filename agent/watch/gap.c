#include "agent/watch/gap.h"

#include <stdlib.h>
#include <string.h>

/* Another boot: off from the last row to the moment it booted (J2). */
static struct gap explain_reboot(const struct alive *before, const struct alive *now)
{
	int64_t booted_ms = now->at.realtime_ms - now->at.boottime_us / 1000;

	return (struct gap){
		.cause = before->ended_clean ? CAUSE_SHUTDOWN : CAUSE_POWER,
		.started_ms = before->at.realtime_ms,
		/* a clock that was wrong before or after the boot must not turn the interval round */
		.ended_ms = booted_ms > before->at.realtime_ms ? booted_ms : before->at.realtime_ms,
	};
}

struct gap gap_explain(const struct alive *before, const struct alive *now)
{
	int64_t boottime_us = now->at.boottime_us - before->at.boottime_us;
	int64_t asleep_us = boottime_us - (now->at.monotonic_us - before->at.monotonic_us);
	int64_t step_ms = now->at.realtime_ms - before->at.realtime_ms - boottime_us / 1000;
	struct gap gap = { .cause = CAUSE_NONE };

	if (strcmp(before->boot_id, now->boot_id) != 0)
		return explain_reboot(before, now);
	if (asleep_us >= GAP_SUSPEND_US)
		gap.cause = CAUSE_SUSPEND;
	else if (strcmp(before->process_id, now->process_id) != 0)
		gap.cause = CAUSE_AGENT;
	if (llabs(step_ms) > GAP_CLOCK_STEP_MS)
		gap.clock_step_ms = step_ms;
	if (gap.cause != CAUSE_NONE) {
		gap.ended_ms = now->at.realtime_ms;
		gap.started_ms = gap.ended_ms - boottime_us / 1000;
	}
	return gap;
}
