#include "collector/decide/rollup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NONE JSON_ABSENT

#define SAMPLE(at_ms, bps, judged, made_by) \
	{ .started_ms = at_ms, .throughput_bps = bps, .threshold_bps = 1, .judgement = judged, .trigger = made_by }

static const struct {
	const char *name;
	struct sample samples[6];   /* ends with a threshold of 0 */
	struct rollup want;
} cases[] = {
	{ "nothing", { { 0 } }, { 5, 0, 0, 0, 0, { NONE, NONE, NONE, NONE, NONE } } },
	{ "one good", { SAMPLE(1, 70, JUDGED_GOOD, TRIGGER_SCHEDULE) }, { 5, 1, 1, 0, 0, { 70, 70, 70, 70, 70 } } },
	{ "marginal is neither good nor bad, and its figure counts",
	  { SAMPLE(1, 70, JUDGED_GOOD, TRIGGER_SCHEDULE), SAMPLE(2, 60, JUDGED_MARGINAL, TRIGGER_SCHEDULE),
	    SAMPLE(3, 50, JUDGED_BAD, TRIGGER_SCHEDULE) },
	  { 5, 3, 1, 1, 0, { 60, 50, 50, 50, 70 } } },
	{ "what is not valid is unmeasured, and its figure does not count",
	  { SAMPLE(1, 70, JUDGED_UNRESOLVED, TRIGGER_SCHEDULE), SAMPLE(2, 1, JUDGED_INVALID, TRIGGER_SCHEDULE),
	    SAMPLE(3, NONE, JUDGED_FAILED, TRIGGER_SCHEDULE), SAMPLE(4, NONE, JUDGED_SKIPPED, TRIGGER_SCHEDULE) },
	  { 5, 4, 0, 0, 4, { NONE, NONE, NONE, NONE, NONE } } },
	{ "only scheduled ones count: the others gather where it is bad",
	  { SAMPLE(1, 10, JUDGED_BAD, TRIGGER_EXTRA), SAMPLE(2, 11, JUDGED_BAD, TRIGGER_ORDER),
	    SAMPLE(3, 12, JUDGED_BAD, TRIGGER_CHECK), SAMPLE(4, 90, JUDGED_GOOD, TRIGGER_SCHEDULE) },
	  { 5, 1, 1, 0, 0, { 90, 90, 90, 90, 90 } } },
	{ "a valid one without a figure is counted",
	  { SAMPLE(1, NONE, JUDGED_BAD, TRIGGER_SCHEDULE), SAMPLE(2, 90, JUDGED_GOOD, TRIGGER_SCHEDULE) },
	  { 5, 2, 1, 1, 0, { 90, 90, 90, 90, 90 } } },
};

static void test_counts_and_figures(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct rollup got;
		size_t count = 0;

		while (cases[i].samples[count].threshold_bps)
			count++;
		got = rollup_of(cases[i].samples, count, 5);
		if (memcmp(&got, &cases[i].want, sizeof got))
			fail_msg("%s", cases[i].name);
	}
}

static void test_order_does_not_matter(void **state)
{
	struct sample samples[20], turned[20];
	struct rollup a, b;

	(void)state;
	for (int i = 0; i < 20; i++)
		samples[i] = turned[19 - i] = (struct sample){ .started_ms = i, .throughput_bps = i * 7919 % 100,
							       .judgement = i % 7, .trigger = TRIGGER_SCHEDULE };
	a = rollup_of(samples, 20, 0);
	b = rollup_of(turned, 20, 0);
	assert_memory_equal(&a, &b, sizeof a);
}

static void test_parts_a_day_into_hours(void **state)
{
	static const struct { int64_t at_ms; enum trigger trigger; } rows[] = {
		{ 0, TRIGGER_SCHEDULE },                    { ROLLUP_HOUR_MS - 1, TRIGGER_SCHEDULE },
		{ ROLLUP_HOUR_MS, TRIGGER_SCHEDULE },       { 5 * ROLLUP_HOUR_MS, TRIGGER_ORDER },
		{ 24 * ROLLUP_HOUR_MS - 1, TRIGGER_SCHEDULE },
	};
	static const struct { int64_t from_ms, count; } want[] = { { 0, 2 }, { ROLLUP_HOUR_MS, 1 }, { 23 * ROLLUP_HOUR_MS, 1 } };
	const int64_t day_ms = 20000 * ROLLUP_DAY_MS;
	struct rollup hours[ROLLUP_HOURS_OF_DAY];
	struct sample samples[5];

	(void)state;
	for (int i = 0; i < 5; i++)
		samples[i] = (struct sample){ .started_ms = day_ms + rows[i].at_ms, .throughput_bps = 1, .trigger = (int)rows[i].trigger };
	assert_int_equal(rollup_hours(samples, 5, hours), 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(hours[i].from_ms, day_ms + want[i].from_ms);
		assert_int_equal(hours[i].count, want[i].count);
	}
	assert_int_equal(rollup_hours(samples, 0, hours), 0);
	assert_int_equal(rollup_day_of(day_ms + ROLLUP_DAY_MS - 1), day_ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_and_figures),
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_parts_a_day_into_hours),
	};

	return cmocka_run_group_tests_name("rollup", tests, NULL, NULL);
}
