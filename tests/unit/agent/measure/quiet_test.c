#include "agent/measure/quiet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/base/json.h"

static const struct {
	const char *name;
	struct traffic_cross seen;
	int64_t threshold_bps, look_ms;
	bool want;
} cases[] = {
	{ "nothing", { 0, 0 }, 0, 10000, false },
	{ "unknown", { JSON_ABSENT, JSON_ABSENT }, 240000, 10000, false },
	{ "64 kbit/s in", { 64000, 0 }, 0, 10000, false },
	{ "more", { 64001, 0 }, 240000, 10000, true },
	{ "32 kbit/s out", { 0, 32000 }, 240000, 10000, false },
	{ "more", { 0, 32001 }, 0, 10000, true },
	{ "2 % of a fast plan", { 2000000, 2000000 }, 100000000, 10000, false },
	{ "more in", { 2000001, 0 }, 100000000, 10000, true },
	{ "more out", { 0, 2000001 }, 100000000, 10000, true },
	{ "a report within a look of 1 s", { 96000, 64000 }, 240000, 1000, false },
	{ "as many bytes as 10 s may see", { 640000, 320000 }, 0, 1000, false },
	{ "more", { 640010, 0 }, 0, 1000, true },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (quiet_is_busy(&cases[i].seen, cases[i].threshold_bps, cases[i].look_ms) != cases[i].want)
			fail_msg("%zu: %s", i, cases[i].name);
}

static void test_times_follow_the_interval(void **state)
{
	(void)state;
	assert_int_equal(quiet_look_ms(900000), 10000);
	assert_int_equal(quiet_wait_ms(900000), 60000);
	assert_int_equal(quiet_look_ms(86400000), 10000);
	assert_int_equal(quiet_look_ms(10000), 1000);
	assert_int_equal(quiet_wait_ms(15000), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_times_follow_the_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
