#include "collector/people/brake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WINDOW_US 60000000

static struct brake *make(void)
{
	static uint64_t seed;
	struct random_source random;

	seed = 7;
	random = random_seeded(&seed);
	return brake_new(2, WINDOW_US, &random);
}

static void test_third_attempt_within_the_window_waits_for_its_end(void **state)
{
	struct brake *brake = make();

	(void)state;
	assert_int_equal(brake_attempt(brake, "anna", 1000), 0);
	assert_int_equal(brake_attempt(brake, "anna", 2000), 0);
	assert_int_equal(brake_attempt(brake, "anna", 3000), WINDOW_US - 2000);
	assert_int_equal(brake_attempt(brake, "anna", 1000 + WINDOW_US - 1), 1);
	assert_int_equal(brake_attempt(brake, "anna", 1000 + WINDOW_US), 0);
	brake_free(brake);
}

static void test_names_do_not_disturb_each_other(void **state)
{
	struct brake *brake = make();

	(void)state;
	for (int i = 0; i < 5; i++)
		brake_attempt(brake, "anna", 0);
	assert_int_equal(brake_attempt(brake, "boris", 0), 0);
	brake_free(brake);
}

static void test_good_attempt_starts_the_name_anew(void **state)
{
	struct brake *brake = make();

	(void)state;
	brake_attempt(brake, "anna", 0);
	brake_attempt(brake, "anna", 0);
	brake_clear(brake, "anna");
	assert_int_equal(brake_attempt(brake, "anna", 5), 0);
	assert_int_equal(brake_attempt(brake, "anna", 6), 0);
	assert_int_equal(brake_attempt(brake, "anna", 7), WINDOW_US - 2);
	brake_free(brake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_third_attempt_within_the_window_waits_for_its_end),
		cmocka_unit_test(test_names_do_not_disturb_each_other),
		cmocka_unit_test(test_good_attempt_starts_the_name_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
