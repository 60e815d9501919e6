#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/decide/statistics.h"

static const struct {
	const char *name;
	int64_t values[24];
	int count;
	struct statistics want;
} cases[] = {
	{ "one value is everything",       { 7 }, 1, { 7, 7, 7, 7, 7 } },
	{ "of two the median is the lower", { 9, 1 }, 2, { 1, 1, 1, 1, 9 } },
	{ "of three the middle one",       { 9, 1, 5 }, 3, { 5, 1, 1, 1, 9 } },
	{ "ten: p10 is the first",         { 10, 9, 8, 7, 6, 5, 4, 3, 2, 1 }, 10, { 5, 1, 1, 1, 10 } },
	{ "eleven: p10 is the second",     { 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1 }, 11, { 6, 2, 1, 1, 11 } },
	{ "21: p5 is the second, p95 the last but one",          { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21 }, 21,
	  { 11, 3, 2, 1, 20 } },
	{ "beyond 32 bits",                { INT64_C(1) << 40, (INT64_C(1) << 40) + 1, 0 }, 3, { INT64_C(1) << 40, 0, 0, 0, (INT64_C(1) << 40) + 1 } },
};

static void test_statistics(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t values[24];
		struct statistics got;

		for (int k = 0; k < cases[i].count; k++)
			values[k] = cases[i].values[k];
		got = statistics_of(values, cases[i].count);
		if (got.median != cases[i].want.median || got.p10 != cases[i].want.p10 || got.p5 != cases[i].want.p5 ||
		    got.min != cases[i].want.min || got.p95 != cases[i].want.p95)
			fail_msg("%s", cases[i].name);
	}
}

/* Methodology 11.4: 15 % of the probes at 10 and the rest at 100 Mbit/s: the median hides it, p10 does not. */
static void test_intermittent_fault(void **state)
{
	int64_t values[100];
	struct statistics got;

	(void)state;
	for (int i = 0; i < 100; i++)
		values[i] = i % 20 < 3 ? 10000000 : 100000000;
	got = statistics_of(values, 100);
	assert_int_equal(got.median, 100000000);
	assert_int_equal(got.p10, 10000000);
	assert_int_equal(statistics_percentile(values, 100, 15), 10000000);
	assert_int_equal(statistics_percentile(values, 100, 16), 100000000);
	assert_int_equal(statistics_percentile(values, 100, 100), 100000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statistics),
		cmocka_unit_test(test_intermittent_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
