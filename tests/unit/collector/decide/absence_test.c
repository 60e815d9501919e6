#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/decide/absence.h"

/* Of a gap from 100 to 200. */
static const struct {
	const char *name;
	struct absence_fact facts[4];
	enum absence want;
	int64_t want_ms;
} cases[] = {
	{ "nothing is known", { { 0 } }, ABSENCE_UNEXPLAINED, 100 },
	{ "it watched all the time", { { 50, 160, ABSENCE_REPORT }, { 160, 250, ABSENCE_REPORT } }, ABSENCE_REPORT, 100 },
	{ "it watched for less than half", { { 50, 149, ABSENCE_REPORT } }, ABSENCE_UNEXPLAINED, 51 },
	{ "the power was off", { { 90, 100, ABSENCE_REPORT }, { 101, 195, ABSENCE_POWER }, { 195, 300, ABSENCE_REPORT } },
	  ABSENCE_POWER, 94 },
	{ "the line was down while it watched", { { 90, 300, ABSENCE_REPORT }, { 101, 195, ABSENCE_ACCESS } }, ABSENCE_ACCESS, 94 },
	{ "the line was down for a part, then we did not answer", { { 90, 300, ABSENCE_REPORT }, { 101, 140, ABSENCE_ACCESS } },
	  ABSENCE_REPORT, 61 },
	{ "an outage that was told of twice counts once",
	  { { 80, 300, ABSENCE_REPORT }, { 101, 130, ABSENCE_ACCESS }, { 101, 140, ABSENCE_ACCESS } }, ABSENCE_REPORT, 61 },
	{ "what lies outside the gap explains nothing", { { 0, 100, ABSENCE_POWER }, { 200, 900, ABSENCE_POWER } },
	  ABSENCE_UNEXPLAINED, 100 },
	{ "of equal parts the one that says less", { { 100, 150, ABSENCE_SUSPEND } }, ABSENCE_UNEXPLAINED, 50 },
};

static void test_largest_part_explains(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t count = 0;
		int64_t ms;

		print_message("%s\n", cases[i].name);
		while (count < 4 && cases[i].facts[count].to_ms)
			count++;
		assert_int_equal(absence_explain(cases[i].facts, count, 100, 200, &ms), cases[i].want);
		assert_int_equal(ms, cases[i].want_ms);
	}
}

static void test_causes(void **state)
{
	(void)state;
	assert_int_equal(absence_of_cause(NULL), ABSENCE_REPORT);
	assert_int_equal(absence_of_cause("power"), ABSENCE_POWER);
	assert_int_equal(absence_of_cause("access"), ABSENCE_ACCESS);
	assert_int_equal(absence_of_cause("upstream"), ABSENCE_REPORT);      /* it watched, and the line was not at fault */
	assert_int_equal(absence_of_cause("unexplained"), ABSENCE_REPORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_largest_part_explains),
		cmocka_unit_test(test_causes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
