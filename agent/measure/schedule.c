#include "agent/measure/schedule.h"

#include "agent/base/json.h"

#define RECENT_BOOT_US  INT64_C(300000000)   /* a start this soon after boot may be one of many */
#define START_SPREAD_MS 60000

static int64_t lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Uniform in [from, to). */
static int64_t draw(int64_t from, int64_t to, const struct random_source *random)
{
	return from + (int64_t)random_below(random, (uint64_t)(to - from));
}

void schedule_init(struct schedule *schedule, int64_t interval_ms, int64_t report_ms, int64_t last_cell_ms,
		   const struct instant *now, const struct random_source *random)
{
	*schedule = (struct schedule){ .interval_ms = interval_ms, .report_ms = report_ms, .cell_ms = last_cell_ms,
				       .run_ms = JSON_ABSENT, .start_us = now->boottime_us };
	if (now->boottime_us < RECENT_BOOT_US)
		schedule->start_us += 1000 * draw(0, lesser(START_SPREAD_MS, interval_ms), random);
	schedule->report_us = schedule->start_us;
}

void schedule_change(struct schedule *schedule, int64_t interval_ms, int64_t report_ms, const struct instant *now,
		     const struct random_source *random)
{
	if (interval_ms != schedule->interval_ms && schedule->run_ms != JSON_ABSENT)
		schedule->cell_ms = JSON_ABSENT;   /* the run that was drawn may lie outside the new cell */
	schedule->interval_ms = interval_ms;
	if (report_ms == schedule->report_ms)
		return;
	schedule->report_ms = report_ms;
	schedule_reported(schedule, now, random);
}

static void enter_cell(struct schedule *schedule, const struct instant *now, const struct random_source *random)
{
	int64_t end_ms = schedule->cell_ms + schedule->interval_ms;
	int64_t from_ms = now->realtime_ms;

	if (now->boottime_us < schedule->start_us)
		from_ms += (schedule->start_us - now->boottime_us) / 1000;
	schedule->run_ms = from_ms < end_ms ? draw(from_ms, end_ms, random) : JSON_ABSENT;
}

struct schedule_step schedule_step(struct schedule *schedule, const struct instant *now,
				   const struct random_source *random)
{
	int64_t cell_ms = now->realtime_ms - now->realtime_ms % schedule->interval_ms;
	struct schedule_step step = { .wait_ms = SCHEDULE_WAIT_MS };

	if (cell_ms != schedule->cell_ms) {
		schedule->cell_ms = cell_ms;
		enter_cell(schedule, now, random);
	}
	step.run = schedule->run_ms != JSON_ABSENT && schedule->run_ms <= now->realtime_ms;
	if (schedule->run_ms > now->realtime_ms)
		step.wait_ms = lesser(step.wait_ms, schedule->run_ms - now->realtime_ms);
	step.wait_ms = lesser(step.wait_ms, cell_ms + schedule->interval_ms - now->realtime_ms);
	step.report = schedule->report_us <= now->boottime_us;
	if (!step.report)
		step.wait_ms = lesser(step.wait_ms, (schedule->report_us - now->boottime_us + 999) / 1000);
	return step;
}

void schedule_ran(struct schedule *schedule)
{
	schedule->run_ms = JSON_ABSENT;
}

void schedule_reported(struct schedule *schedule, const struct instant *now, const struct random_source *random)
{
	int64_t tenth_us = schedule->report_ms * 100;

	schedule->report_us = now->boottime_us + draw(9 * tenth_us, 11 * tenth_us + 1, random);
}
