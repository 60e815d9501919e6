#include "agent/measure/capacity_times.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MIDNIGHT INT64_C(1793491200000)   /* 2026-11-01T00:00Z */
#define MINUTE   INT64_C(60000)
#define HOUR     (60 * MINUTE)
#define DAY      (24 * HOUR)
#define MOSCOW_S 10800

static int64_t local_hour(int64_t now_ms, int64_t ahead_s)
{
	return (now_ms + ahead_s * 1000) % DAY / HOUR;
}

/* 200 days, a look each minute: gaps within their bounds, their mean as drawn, one in each evening. */
static void test_a_long_run(void **state)
{
	uint64_t seed = 7;
	struct random_source random = random_seeded(&seed);
	struct capacity_times times;
	int taken = 0, by_gap = 0, evenings = 0;
	int64_t last_gap_ms = MIDNIGHT;

	(void)state;
	capacity_times_init(&times, MIDNIGHT, MOSCOW_S, &random);
	for (int64_t now = MIDNIGHT; now < MIDNIGHT + 200 * DAY; now += MINUTE) {
		bool gap_is_due = now >= times.next_ms, evening_is_due = now >= times.evening_ms;
		int64_t hour = local_hour(now, MOSCOW_S);

		if (!capacity_times_take(&times, now, MOSCOW_S, &random))
			continue;
		taken++;
		assert_true(gap_is_due || evening_is_due);
		if (gap_is_due) {
			assert_in_range(now - last_gap_ms, 36 * MINUTE, 15 * HOUR + MINUTE);
			last_gap_ms = now;
			by_gap++;
		}
		if (evening_is_due) {
			assert_in_range(hour, 19, 23);
			evenings++;
		}
	}
	assert_int_equal(evenings, 200);
	assert_in_range(by_gap, 800, 1000);   /* 6 h less what the upper bound cuts off: about 5.5 h */
	assert_in_range(taken, by_gap, by_gap + evenings);
}

static void test_a_start_in_the_evening(void **state)
{
	uint64_t seed = 1;
	struct random_source random = random_seeded(&seed);
	struct capacity_times times;

	(void)state;
	capacity_times_init(&times, MIDNIGHT + 22 * HOUR, 0, &random);
	assert_in_range(times.evening_ms, MIDNIGHT + 22 * HOUR, MIDNIGHT + 23 * HOUR - 1);
	capacity_times_init(&times, MIDNIGHT + 23 * HOUR, 0, &random);
	assert_in_range(times.evening_ms, MIDNIGHT + DAY + 19 * HOUR, MIDNIGHT + DAY + 23 * HOUR - 1);
}

static void test_an_evening_slept_through_is_gone(void **state)
{
	uint64_t seed = 1;
	struct random_source random = random_seeded(&seed);
	struct capacity_times times = { .next_ms = MIDNIGHT + 40 * HOUR, .evening_ms = MIDNIGHT + 20 * HOUR };

	(void)state;
	assert_false(capacity_times_take(&times, MIDNIGHT + 30 * HOUR, 0, &random));
	assert_in_range(times.evening_ms, MIDNIGHT + DAY + 19 * HOUR, MIDNIGHT + DAY + 23 * HOUR - 1);
}

static void test_a_clock_set_back_is_no_long_silence(void **state)
{
	uint64_t seed = 1;
	struct random_source random = random_seeded(&seed);
	struct capacity_times times;

	(void)state;
	capacity_times_init(&times, MIDNIGHT, 0, &random);
	assert_false(capacity_times_take(&times, MIDNIGHT - 300 * DAY, 0, &random));
	assert_in_range(times.next_ms, MIDNIGHT - 300 * DAY, MIDNIGHT - 300 * DAY + 15 * HOUR);
	assert_in_range(times.evening_ms, MIDNIGHT - 300 * DAY, MIDNIGHT - 299 * DAY);
}

static void test_a_week_without_the_collector(void **state)
{
	(void)state;
	assert_false(capacity_times_are_over(MIDNIGHT, MIDNIGHT + 7 * DAY));
	assert_true(capacity_times_are_over(MIDNIGHT, MIDNIGHT + 7 * DAY + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_long_run),
		cmocka_unit_test(test_a_start_in_the_evening),
		cmocka_unit_test(test_an_evening_slept_through_is_gone),
		cmocka_unit_test(test_a_clock_set_back_is_no_long_silence),
		cmocka_unit_test(test_a_week_without_the_collector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
