#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/base/json.h"
#include "agent/base/measurement.h"
#include "agent/measure/estimate.h"

static const struct {
	const char *name;
	struct estimate_facts facts;
	struct estimate want;
} cases[] = {
	{ "T1 leaves the first read and everything before it out",
	  { 0, 500000, 1500000, 1048576, 48576, false }, { 8000000, 5592405, false } },
	{ "one read brought it all: t6 = t5, B = B5",
	  { 0, 100000, 100000, 1000, 1000, false }, { JSON_ABSENT, 80000, true } },
	{ "a body just under 0.2 s", { 0, 0, 199999, 1000000, 0, false }, { 40000200, 40000200, true } },
	{ "a body of 0.2 s", { 0, 0, 200000, 1000000, 0, false }, { 40000000, 40000000, false } },
	{ "stalled: all bytes until it was given up",
	  { 1000000, 2000000, 32000000, 30000, 30000, true }, { 8000, 7741, false } },
	{ "stalled at once: nothing is proven", { 0, 60000000, 60000000, 10, 10, true }, { JSON_ABSENT, 1, true } },
	{ "no time at all is cut at what a record holds",
	  { 7, 7, 7, 10, 10, false }, { JSON_ABSENT, MEASUREMENT_RATE_MAX_BPS, true } },
	{ "a microsecond is cut at what a record holds",
	  { 0, 0, 1, 1000000, 0, false }, { MEASUREMENT_RATE_MAX_BPS, MEASUREMENT_RATE_MAX_BPS, true } },
	{ "a terabyte does not overflow",
	  { 0, 0, INT64_C(80000000), INT64_C(1000000000000), 0, false },
	  { INT64_C(100000000000), INT64_C(100000000000), false } },
	{ "rates are rounded down", { 0, 0, 3000000, 1, 0, false }, { 2, 2, false } },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct estimate got = estimate_rates(&cases[i].facts);

		if (got.rate_body_bps != cases[i].want.rate_body_bps || got.rate_user_bps != cases[i].want.rate_user_bps ||
		    got.short_transfer != cases[i].want.short_transfer)
			fail_msg("%s: body %ld, user %ld, short %d", cases[i].name, (long)got.rate_body_bps,
				 (long)got.rate_user_bps, got.short_transfer);
	}
}

/* Section 13, invariant 1. */
static void test_setup_time_never_changes_the_rate_of_the_body(void **state)
{
	(void)state;
	for (int64_t setup_us = 0; setup_us < 60000000; setup_us = setup_us * 3 + 1) {
		struct estimate_facts facts = { 0, setup_us, setup_us + 700000, 1048576, 1448, false };

		assert_int_equal(estimate_rates(&facts).rate_body_bps, 11967177);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_setup_time_never_changes_the_rate_of_the_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
