#include "collector/web/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct {
	const char *name, *zone;
	int64_t utc_ms, want_s;
} cases[] = {
	{ "Moscow, winter",                           "Europe/Moscow", 1768478400000, 10800 },   /* 2026-01-15 */
	{ "Moscow, summer: no daylight saving",       "Europe/Moscow", 1784116800000, 10800 },   /* 2026-07-15 */
	{ "Moscow, 2012: one hour more",              "Europe/Moscow", 1342353600000, 14400 },
	{ "Berlin, winter",                           "Europe/Berlin", 1768478400000, 3600 },
	{ "Berlin, summer",                           "Europe/Berlin", 1784116800000, 7200 },
	{ "Berlin, a moment before summer time",      "Europe/Berlin", 1774745999999, 3600 },    /* 2026-03-29 01:00 UTC */
	{ "Berlin, the moment summer time begins",    "Europe/Berlin", 1774746000000, 7200 },
	{ "Berlin, a moment before winter time",      "Europe/Berlin", 1792889999999, 7200 },    /* 2026-10-25 01:00 UTC */
	{ "Berlin, the moment winter time begins",    "Europe/Berlin", 1792890000000, 3600 },
	{ "before the first transition",              "Europe/Berlin", -4000000000000, 3208 },
	{ "west of Greenwich",                        "America/New_York", 1768478400000, -18000 },
	{ "a zone without transitions",               "UTC", 1784116800000, 0 },
};

static void finds_the_offset(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct zone *zone;
		struct err err;
		int64_t offset_s;

		if (zone_load(cases[i].zone, &zone, &err) < 0)
			fail_msg("%s: %s", cases[i].name, err.message);
		offset_s = zone_offset_s(zone, cases[i].utc_ms);
		if (offset_s != cases[i].want_s)
			fail_msg("%s: %lld s", cases[i].name, (long long)offset_s);
		zone_free(zone);
	}
	assert_int_equal(zone_offset_s(NULL, 1784116800000), 0);
}

static void finds_the_time_of_a_clock(void **state)
{
	static const struct {
		const char *name, *zone;
		int64_t local_ms, want_ms;
	} rows[] = {
		{ "no summer time", "Europe/Moscow", 1784127600000, 1784116800000 },
		{ "summer", "Europe/Berlin", 1784124000000, 1784116800000 },
		{ "an hour shown twice is the first one", "Europe/Berlin", 1792895400000, 1792888200000 },
		{ "an hour that is skipped counts on", "Europe/Berlin", 1774751400000, 1774747800000 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct zone *zone;
		struct err err;

		if (zone_load(rows[i].zone, &zone, &err) < 0)
			fail_msg("%s: %s", rows[i].name, err.message);
		if (zone_to_utc_ms(zone, rows[i].local_ms) != rows[i].want_ms)
			fail_msg("%s: %lld", rows[i].name, (long long)zone_to_utc_ms(zone, rows[i].local_ms));
		zone_free(zone);
	}
}

static const struct {
	const char *name;
	enum err_code code;
	const char *want;
} faults[] = {
	{ "", ERR_INPUT, ": not the name of a time zone, such as Europe/Moscow" },
	{ "/etc/passwd", ERR_INPUT, "/etc/passwd: not the name of a time zone, such as Europe/Moscow" },
	{ "../../../etc/passwd", ERR_INPUT, "../../../etc/passwd: not the name of a time zone, such as Europe/Moscow" },
	{ "Europe/Atlantis", ERR_IO, "/usr/share/zoneinfo/Europe/Atlantis: No such file or directory" },
	{ "Europe", ERR_IO, "/usr/share/zoneinfo/Europe: Is a directory" },
	{ "zone1970-tab", ERR_IO, "/usr/share/zoneinfo/zone1970-tab: No such file or directory" },
	{ "leapseconds", ERR_INPUT, "/usr/share/zoneinfo/leapseconds: not a TZif file of version 2 or later" },
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		struct zone *zone = NULL;
		struct err err;

		assert_int_equal(zone_load(faults[i].name, &zone, &err), -1);
		assert_int_equal(err.code, faults[i].code);
		assert_string_equal(err.message, faults[i].want);
		assert_null(zone);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(finds_the_offset), cmocka_unit_test(finds_the_time_of_a_clock), cmocka_unit_test(refuses) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
