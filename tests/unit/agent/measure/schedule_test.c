#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/base/json.h"
#include "agent/measure/schedule.h"

#define MINUTE_MS   INT64_C(60000)
#define INTERVAL_MS (15 * MINUTE_MS)
#define REPORT_MS   (5 * MINUTE_MS)
#define CELL_MS     INT64_C(1763821800000)   /* a quarter of an hour begins */
#define LONG_UP_US  INT64_C(86400000000)

struct world {
	uint64_t state;
	struct random_source random;
	struct instant now;
	struct schedule schedule;
};

static void begin(struct world *world, uint64_t seed, int64_t realtime_ms, int64_t boottime_us)
{
	world->state = seed;
	world->random = random_seeded(&world->state);
	world->now = (struct instant){ realtime_ms, boottime_us, boottime_us };
}

static void start(struct world *world, int64_t interval_ms, int64_t last_cell_ms)
{
	schedule_init(&world->schedule, interval_ms, REPORT_MS, last_cell_ms, &world->now, &world->random);
}

static struct schedule_step step(struct world *world)
{
	return schedule_step(&world->schedule, &world->now, &world->random);
}

static void pass(struct world *world, int64_t ms)
{
	world->now.realtime_ms += ms;
	world->now.boottime_us += ms * 1000;
	world->now.monotonic_us += ms * 1000;
}

/* Lets time pass until a run is due, takes it, and returns when. */
static int64_t next_run_ms(struct world *world)
{
	for (;;) {
		struct schedule_step due = step(world);

		if (due.run) {
			schedule_ran(&world->schedule);
			return world->now.realtime_ms;
		}
		assert_in_range(due.wait_ms, 1, SCHEDULE_WAIT_MS);
		pass(world, due.wait_ms);
	}
}

static void test_one_run_in_each_cell_at_a_uniform_offset(void **unused)
{
	struct world world;
	int64_t sum_ms = 0, least_ms = INTERVAL_MS, most_ms = 0;

	(void)unused;
	begin(&world, 1, CELL_MS, LONG_UP_US);
	start(&world, INTERVAL_MS, JSON_ABSENT);
	for (int64_t cell = 0; cell < 2000; cell++) {
		int64_t offset_ms = next_run_ms(&world) - CELL_MS - cell * INTERVAL_MS;

		assert_in_range(offset_ms, 0, INTERVAL_MS - 1);
		assert_int_equal(world.schedule.cell_ms, CELL_MS + cell * INTERVAL_MS);
		sum_ms += offset_ms;
		least_ms = offset_ms < least_ms ? offset_ms : least_ms;
		most_ms = offset_ms > most_ms ? offset_ms : most_ms;
	}
	assert_in_range(sum_ms / 2000, INTERVAL_MS * 48 / 100, INTERVAL_MS * 52 / 100);
	assert_true(least_ms < INTERVAL_MS / 100 && most_ms > INTERVAL_MS * 99 / 100);
}

/* Invariant 12. */
static void test_two_agents_do_not_meet_twice_in_a_row(void **unused)
{
	struct world a, b;
	int meetings = 0, in_a_row = 0;

	(void)unused;
	begin(&a, 11, CELL_MS, LONG_UP_US);
	begin(&b, 12, CELL_MS, LONG_UP_US);
	start(&a, INTERVAL_MS, JSON_ABSENT);
	start(&b, INTERVAL_MS, JSON_ABSENT);
	for (int cell = 0; cell < 5000; cell++) {
		if (next_run_ms(&a) / 1000 != next_run_ms(&b) / 1000) {
			in_a_row = 0;
			continue;
		}
		meetings++;
		assert_true(++in_a_row < 2);
	}
	assert_in_range(meetings, 0, 20);   /* 5000 cells of 900 seconds: 5.6 expected */
}

static void test_a_restart_does_not_run_a_cell_again(void **unused)
{
	struct world world;

	(void)unused;
	begin(&world, 3, CELL_MS + MINUTE_MS, LONG_UP_US);
	start(&world, INTERVAL_MS, CELL_MS);
	assert_true(next_run_ms(&world) >= CELL_MS + INTERVAL_MS);

	begin(&world, 3, CELL_MS + MINUTE_MS, LONG_UP_US);
	start(&world, INTERVAL_MS, CELL_MS - INTERVAL_MS);
	assert_in_range(next_run_ms(&world), CELL_MS + MINUTE_MS, CELL_MS + INTERVAL_MS - 1);
}

static void test_a_cell_slept_through_is_not_made_up_for(void **unused)
{
	struct world world;

	(void)unused;
	begin(&world, 4, CELL_MS, LONG_UP_US);
	start(&world, INTERVAL_MS, JSON_ABSENT);
	step(&world);
	pass(&world, 5 * INTERVAL_MS + MINUTE_MS);
	assert_in_range(next_run_ms(&world), CELL_MS + 5 * INTERVAL_MS + MINUTE_MS, CELL_MS + 6 * INTERVAL_MS - 1);
}

static void test_a_clock_set_back_does_not_silence_the_agent(void **unused)
{
	struct world world;

	(void)unused;
	begin(&world, 5, CELL_MS, LONG_UP_US);
	start(&world, INTERVAL_MS, JSON_ABSENT);
	next_run_ms(&world);
	world.now.realtime_ms = CELL_MS - 8 * INTERVAL_MS;
	assert_in_range(next_run_ms(&world), CELL_MS - 8 * INTERVAL_MS, CELL_MS - 7 * INTERVAL_MS - 1);
}

/* P3: each row a start; 500 agents spread over what it says. */
static const struct {
	const char *name;
	int64_t boottime_us, interval_ms, spread_ms;
} starts[] = {
	{ "just booted",                     20 * 1000000, INTERVAL_MS, MINUTE_MS },
	{ "just booted, short interval",     20 * 1000000, 5000,        5000 },
	{ "up for long",                     LONG_UP_US,   INTERVAL_MS, 1 },
};

static void test_starts_spread_after_boot(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
		int64_t longest_ms = 0;

		for (uint64_t agent = 1; agent <= 500; agent++) {
			struct world world;
			int64_t start_ms, run_ms;

			begin(&world, agent * 7919, CELL_MS + MINUTE_MS, starts[i].boottime_us);
			start(&world, starts[i].interval_ms, JSON_ABSENT);
			start_ms = (world.schedule.start_us - world.now.boottime_us) / 1000;
			assert_in_range(start_ms, 0, starts[i].spread_ms - 1);
			longest_ms = start_ms > longest_ms ? start_ms : longest_ms;
			assert_int_equal(step(&world).report, start_ms == 0);
			run_ms = next_run_ms(&world);
			assert_true(run_ms >= CELL_MS + MINUTE_MS + start_ms);
		}
		assert_true(longest_ms >= (starts[i].spread_ms - 1) * 9 / 10);
	}
}

static void test_reports_keep_within_a_tenth_of_their_interval(void **unused)
{
	struct world world;
	int64_t least_ms = INT64_MAX, most_ms = 0;

	(void)unused;
	begin(&world, 6, CELL_MS, LONG_UP_US);
	start(&world, INTERVAL_MS, JSON_ABSENT);
	for (int n = 0; n < 500; n++) {
		int64_t before_us = world.now.boottime_us, gap_ms;

		schedule_reported(&world.schedule, &world.now, &world.random);
		while (!step(&world).report) {
			schedule_ran(&world.schedule);
			pass(&world, step(&world).wait_ms);
		}
		gap_ms = (world.now.boottime_us - before_us) / 1000;
		assert_in_range(gap_ms, REPORT_MS * 9 / 10, REPORT_MS * 11 / 10 + 1);
		least_ms = gap_ms < least_ms ? gap_ms : least_ms;
		most_ms = gap_ms > most_ms ? gap_ms : most_ms;
	}
	assert_true(least_ms < REPORT_MS * 91 / 100 && most_ms > REPORT_MS * 109 / 100);
}

static void test_a_step_of_the_clock_moves_no_report(void **unused)
{
	struct world world;

	(void)unused;
	begin(&world, 7, CELL_MS, LONG_UP_US);
	start(&world, INTERVAL_MS, JSON_ABSENT);
	schedule_reported(&world.schedule, &world.now, &world.random);
	world.now.realtime_ms += 2 * 60 * MINUTE_MS;
	assert_false(step(&world).report);
}

static void test_a_shorter_interval_counts_at_once(void **unused)
{
	struct world world;
	int64_t from_ms;

	(void)unused;
	begin(&world, 8, CELL_MS, LONG_UP_US);
	start(&world, INTERVAL_MS, JSON_ABSENT);
	step(&world);
	schedule_change(&world.schedule, 10000, 1000, &world.now, &world.random);
	from_ms = world.now.realtime_ms;
	assert_in_range(next_run_ms(&world), from_ms, from_ms + 9999);
	assert_in_range(next_run_ms(&world), from_ms + 10000, from_ms + 19999);
}

static void test_an_unchanged_interval_does_not_run_a_cell_again(void **unused)
{
	struct world world;

	(void)unused;
	begin(&world, 9, CELL_MS, LONG_UP_US);
	start(&world, INTERVAL_MS, JSON_ABSENT);
	next_run_ms(&world);
	schedule_change(&world.schedule, INTERVAL_MS, 1000, &world.now, &world.random);
	assert_true(next_run_ms(&world) >= CELL_MS + INTERVAL_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_run_in_each_cell_at_a_uniform_offset),
		cmocka_unit_test(test_two_agents_do_not_meet_twice_in_a_row),
		cmocka_unit_test(test_a_restart_does_not_run_a_cell_again),
		cmocka_unit_test(test_a_cell_slept_through_is_not_made_up_for),
		cmocka_unit_test(test_a_clock_set_back_does_not_silence_the_agent),
		cmocka_unit_test(test_starts_spread_after_boot),
		cmocka_unit_test(test_reports_keep_within_a_tenth_of_their_interval),
		cmocka_unit_test(test_a_step_of_the_clock_moves_no_report),
		cmocka_unit_test(test_a_shorter_interval_counts_at_once),
		cmocka_unit_test(test_an_unchanged_interval_does_not_run_a_cell_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
