/* The worked cases O-d, O-e and O-f, and their neighbours: what the time between two rows of the journal meant. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/watch/gap.h"

#define DAY_MS    INT64_C(86400000)
#define EVENING   (20000 * DAY_MS + 22 * 3600000 + 10 * 60000)   /* 22:10:00 */
#define MORNING   (20001 * DAY_MS + 7 * 3600000 + 30 * 60000)    /* 07:30:00 next day */
#define SECOND_US INT64_C(1000000)

struct row {
	const char *boot, *process;
	int64_t realtime_ms, boottime_s, monotonic_s;
	bool clean;
};

static const struct {
	const char *name;
	struct row before, now;
	struct gap want;
} cases[] = {
	{ "the next row, 30 s later", { "b1", "p1", EVENING, 1000, 1000, false }, { "b1", "p1", EVENING + 30000, 1030, 1030, false },
	  { CAUSE_NONE, 0, 0, 0 } },
	{ "O-d: power cut at 22:10, booted 07:30, no clean mark", { "b1", "p1", EVENING, 90000, 90000, false },
	  { "b2", "p2", MORNING + 45000, 45, 45, false }, { CAUSE_POWER, EVENING, MORNING, 0 } },
	{ "the same with a clean mark", { "b1", "p1", EVENING, 90000, 90000, true }, { "b2", "p2", MORNING + 45000, 45, 45, false },
	  { CAUSE_SHUTDOWN, EVENING, MORNING, 0 } },
	{ "O-e: laptop closed for an hour", { "b1", "p1", EVENING, 1000, 1000, false },
	  { "b1", "p1", EVENING + 3600000, 4600, 1002, false }, { CAUSE_SUSPEND, EVENING, EVENING + 3600000, 0 } },
	{ "asleep for under 5 s is nothing", { "b1", "p1", EVENING, 1000, 1000, false },
	  { "b1", "p1", EVENING + 30000, 1030, 1026, false }, { CAUSE_NONE, 0, 0, 0 } },
	{ "the agent was restarted", { "b1", "p1", EVENING, 1000, 1000, true }, { "b1", "p2", EVENING + 90000, 1090, 1090, false },
	  { CAUSE_AGENT, EVENING, EVENING + 90000, 0 } },
	{ "O-f: NTP sets the clock 2 h ahead", { "b1", "p1", EVENING, 1000, 1000, false },
	  { "b1", "p1", EVENING + 30000 + 7200000, 1030, 1030, false }, { CAUSE_NONE, 0, 0, 7200000 } },
	{ "the clock goes back while suspended", { "b1", "p1", EVENING, 1000, 1000, false },
	  { "b1", "p1", EVENING + 600000 - 7200000, 1600, 1010, false },
	  { CAUSE_SUSPEND, EVENING - 7200000, EVENING + 600000 - 7200000, -7200000 } },
	{ "a drift of 2 s is no step", { "b1", "p1", EVENING, 1000, 1000, false }, { "b1", "p1", EVENING + 32000, 1030, 1030, false },
	  { CAUSE_NONE, 0, 0, 0 } },
	{ "booted with a clock that is behind", { "b1", "p1", EVENING, 90000, 90000, false },
	  { "b2", "p2", EVENING - DAY_MS, 45, 45, false }, { CAUSE_POWER, EVENING, EVENING, 0 } },
};

static struct alive make_alive(const struct row *row)
{
	struct alive alive = { .at = { row->realtime_ms, row->boottime_s * SECOND_US, row->monotonic_s * SECOND_US },
			       .ended_clean = row->clean };

	snprintf(alive.boot_id, sizeof alive.boot_id, "%s", row->boot);
	snprintf(alive.process_id, sizeof alive.process_id, "%s", row->process);
	return alive;
}

static void test_worked_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct alive before = make_alive(&cases[i].before), now = make_alive(&cases[i].now);
		struct gap got = gap_explain(&before, &now);

		if (got.cause != cases[i].want.cause || got.started_ms != cases[i].want.started_ms ||
		    got.ended_ms != cases[i].want.ended_ms || got.clock_step_ms != cases[i].want.clock_step_ms)
			fail_msg("%s: %s from %" PRId64 " to %" PRId64 ", step %" PRId64, cases[i].name, outage_cause_names[got.cause],
				 got.started_ms, got.ended_ms, got.clock_step_ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_worked_cases) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
