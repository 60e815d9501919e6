#include "collector/decide/skew.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/base/json.h"

#define NOW_MS  INT64_C(1790000000000)
#define DAY_MS  INT64_C(86400000)
#define YEAR_2020_MS INT64_C(1577836800000)

static void test_dates_that_can_be(void **state)
{
	static const struct {
		const char *name;
		int64_t at_ms;
		bool want;
	} cases[] = {
		{ "now",                        NOW_MS,              true },
		{ "a month late",               NOW_MS - 30 * DAY_MS, true },
		{ "a day ahead",                NOW_MS + DAY_MS,     true },
		{ "more than a day ahead",      NOW_MS + DAY_MS + 1, false },
		{ "the first moment of 2020",   YEAR_2020_MS,        true },
		{ "the last one of 2019",       YEAR_2020_MS - 1,    false },
		{ "1970",                       0,                   false },
	};
	const struct arrival arrival = { NOW_MS, 0, "" };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (skew_is_trusted(&arrival, cases[i].at_ms) != cases[i].want)
			fail_msg("%s", cases[i].name);
}

static void test_dates_by_boottime(void **state)
{
	static const struct {
		const char *name;
		struct arrival arrival;
		const char *boot;
		int64_t boottime_us;
		int64_t want_ms;   /* JSON_ABSENT: not to be found out */
	} cases[] = {
		{ "an hour before it was sent", { NOW_MS, INT64_C(7200000000), "b1" }, "b1", INT64_C(3600000000), NOW_MS - 3600000 },
		{ "when it was sent",           { NOW_MS, 5000, "b1" }, "b1", 5000, NOW_MS },
		{ "in another boot",            { NOW_MS, 5000, "b2" }, "b1", 4000, JSON_ABSENT },
		{ "in no boot that is named",   { NOW_MS, 5000, "" }, "", 4000, JSON_ABSENT },
		{ "the report does not say when it was sent", { NOW_MS, JSON_ABSENT, "b1" }, "b1", 4000, JSON_ABSENT },
		{ "after it was sent",          { NOW_MS, 5000, "b1" }, "b1", 5001, JSON_ABSENT },
		{ "before the boot",            { NOW_MS, 5000, "b1" }, "b1", -1, JSON_ABSENT },
		{ "before 2020",                { NOW_MS, (NOW_MS - YEAR_2020_MS + 1) * 1000, "b1" }, "b1", 0, JSON_ABSENT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t got_ms = JSON_ABSENT;

		if (skew_rebase(&cases[i].arrival, cases[i].boot, cases[i].boottime_us, &got_ms) != (cases[i].want_ms >= 0) ||
		    got_ms != cases[i].want_ms)
			fail_msg("%s: %lld", cases[i].name, (long long)got_ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates_that_can_be),
		cmocka_unit_test(test_dates_by_boottime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
