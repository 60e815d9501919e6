#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/uplink/backoff.h"

static uint64_t state;
static struct random_source random_source;

static int seed(void **unused)
{
	(void)unused;
	state = 20261122;
	random_source = random_seeded(&state);
	return 0;
}

/* Each row: the longest and the mean wait of 2000 trials after that many failures in a row. */
static const struct {
	int failures;
	int64_t ceiling_ms;
} rows[] = { { 1, 1000 }, { 2, 2000 }, { 3, 4000 }, { 9, 256000 }, { 10, 300000 }, { 40, 300000 } };

static void test_waits_are_uniform_below_a_doubling_ceiling(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t longest_ms = 0, sum_ms = 0;

		for (int trial = 0; trial < 2000; trial++) {
			struct backoff backoff = { .first_ms = BACKOFF_FIRST_MS, .longest_ms = BACKOFF_LONGEST_MS };
			int64_t wait_ms = 0;

			for (int n = 0; n < rows[i].failures; n++)
				wait_ms = backoff_fail(&backoff, 0, &random_source);
			assert_in_range(wait_ms, 0, rows[i].ceiling_ms);
			longest_ms = wait_ms > longest_ms ? wait_ms : longest_ms;
			sum_ms += wait_ms;
		}
		assert_true(longest_ms > rows[i].ceiling_ms * 99 / 100);
		assert_in_range(sum_ms / 2000, rows[i].ceiling_ms * 47 / 100, rows[i].ceiling_ms * 53 / 100);
	}
}

static void test_retry_after_is_obeyed_up_to_an_hour(void **unused)
{
	struct backoff backoff = { .first_ms = BACKOFF_FIRST_MS, .longest_ms = BACKOFF_LONGEST_MS };

	(void)unused;
	assert_in_range(backoff_fail(&backoff, 60000, &random_source), 60000, 61000);
	assert_in_range(backoff_fail(&backoff, 86400000, &random_source), 3600000, 3602000);
}

static void test_success_begins_anew(void **unused)
{
	struct backoff backoff = { .first_ms = BACKOFF_FIRST_MS, .longest_ms = BACKOFF_LONGEST_MS };

	(void)unused;
	for (int n = 0; n < 8; n++)
		backoff_fail(&backoff, 0, &random_source);
	backoff_succeed(&backoff);
	assert_in_range(backoff_fail(&backoff, 0, &random_source), 0, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_waits_are_uniform_below_a_doubling_ceiling, seed),
		cmocka_unit_test_setup(test_retry_after_is_obeyed_up_to_an_hour, seed),
		cmocka_unit_test_setup(test_success_begins_anew, seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
