#include "agent/measure/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/base/json.h"

#define NOVEMBER INT64_C(1793491200000)   /* 2026-11-01T00:00Z */
#define DECEMBER INT64_C(1796083200000)
#define HOUR     INT64_C(3600000)

static const struct {
	const char *name;
	int64_t used_bytes, now_ms;
	enum budget_level level;
	int64_t left_bytes;
} levels[] = {
	{ "nothing used", 0, NOVEMBER, BUDGET_ALL, 1000 },
	{ "just below 80 %", 799, NOVEMBER, BUDGET_ALL, 201 },
	{ "80 %: no capacity probes", 800, NOVEMBER, BUDGET_NO_CAPACITY, 200 },
	{ "just below 95 %", 949, NOVEMBER, BUDGET_NO_CAPACITY, 51 },
	{ "95 %: once an hour", 950, NOVEMBER, BUDGET_HOURLY, 50 },
	{ "more than there was", 1200, NOVEMBER, BUDGET_HOURLY, 0 },
	{ "the last millisecond of the month", 950, DECEMBER - 1, BUDGET_HOURLY, 50 },
	{ "a new month", 950, DECEMBER, BUDGET_ALL, 1000 },
	{ "a clock that stands in 1970", 950, 0, BUDGET_HOURLY, 50 },
};

static void test_levels(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
		struct budget budget = { .limit_bytes = 1000 };

		budget_spend(&budget, levels[i].used_bytes, NOVEMBER);
		if (budget_level(&budget, levels[i].now_ms) != levels[i].level ||
		    budget_left(&budget, levels[i].now_ms) != levels[i].left_bytes)
			fail_msg("%s: level %d, left %ld", levels[i].name, budget_level(&budget, levels[i].now_ms),
				 (long)budget_left(&budget, levels[i].now_ms));
	}
}

static void test_spending(void **state)
{
	struct budget budget = { .limit_bytes = 1000 };

	(void)state;
	budget_spend(&budget, 300, NOVEMBER);
	budget_spend(&budget, 300, DECEMBER - 1);
	assert_int_equal(budget.used_bytes, 600);
	budget_spend(&budget, 100, DECEMBER);
	assert_int_equal(budget.used_bytes, 100);
	budget_spend(&budget, 100, NOVEMBER);   /* a clock set back */
	assert_int_equal(budget.used_bytes, 200);
}

static void test_reference_probes_once_an_hour(void **state)
{
	struct budget budget = { .limit_bytes = 1000 };

	(void)state;
	budget_spend(&budget, 949, NOVEMBER);
	assert_true(budget_allows_reference(&budget, NOVEMBER + 1, NOVEMBER));
	budget_spend(&budget, 1, NOVEMBER);
	assert_true(budget_allows_reference(&budget, NOVEMBER + 1, JSON_ABSENT));
	assert_false(budget_allows_reference(&budget, NOVEMBER + HOUR - 1, NOVEMBER));
	assert_true(budget_allows_reference(&budget, NOVEMBER + HOUR, NOVEMBER + HOUR - 1));
}

static void test_text_and_back(void **state)
{
	static const char *const wrong[] = { "", "2026-11", "2026-13 1", "2026-00 1", "2026-11 -1", "2026-11 1x", "x" };
	struct budget budget = { .limit_bytes = 1000 }, read = { 0 };
	char text[BUDGET_TEXT_SIZE];
	struct err err;

	(void)state;
	budget_spend(&budget, 5800000000, NOVEMBER);
	budget_format(&budget, text);
	assert_string_equal(text, "2026-11 5800000000");
	assert_int_equal(budget_parse(text, &read, &err), 0);
	assert_int_equal(read.month, budget.month);
	assert_int_equal(read.used_bytes, budget.used_bytes);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(budget_parse(wrong[i], &read, &err), -1);
	assert_string_equal(err.message, "budget: \"x\" is not a month and bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_spending),
		cmocka_unit_test(test_reference_probes_once_an_hour),
		cmocka_unit_test(test_text_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
