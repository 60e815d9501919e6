#include "agent/base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef int parse_function(const char *text, int64_t *ret_value, struct err *err);
typedef void format_function(int64_t value, char ret_text[UNITS_TEXT_SIZE]);

static void test_parses(void **state)
{
	static const struct {
		parse_function *parse;
		const char *text;
		int64_t want;
	} cases[] = {
		{ units_parse_rate, "0bit/s", 0 },
		{ units_parse_rate, "30KB/s", 240000 },
		{ units_parse_rate, "30kB/s", 240000 },
		{ units_parse_rate, "30 KiB/s", 245760 },
		{ units_parse_rate, "20 Mbit/s", 20000000 },
		{ units_parse_rate, "1.5Gbit/s", 1500000000 },
		{ units_parse_rate, "9B/s", 72 },
		{ units_parse_rate, "64 kbit/s", 64000 },
		{ units_parse_rate, "0.1MB/s", 800000 },
		{ units_parse_rate, "1MiB/s", 8388608 },
		{ units_parse_rate, "0.5bit/s", 1 },
		{ units_parse_rate, "0.49bit/s", 0 },
		{ units_parse_size, "1.5 MiB", 1572864 },
		{ units_parse_size, "12B", 12 },
		{ units_parse_size, "1KB", 1000 },
		{ units_parse_size, "1kB", 1000 },
		{ units_parse_size, "1KiB", 1024 },
		{ units_parse_size, "2MB", 2000000 },
		{ units_parse_size, "256MiB", 268435456 },
		{ units_parse_size, "1GB", 1000000000 },
		{ units_parse_size, "1  GiB", 1073741824 },
		{ units_parse_size, "8589934591GiB", 9223372035781033984 },
		{ units_parse_duration, "10ms", 10 },
		{ units_parse_duration, "1s", 1000 },
		{ units_parse_duration, "5m", 300000 },
		{ units_parse_duration, "0.5 h", 1800000 },
		{ units_parse_duration, "30d", 2592000000 },
		{ units_parse_duration, "0.33333333333333333s", 333 },
		{ units_parse_duration, "999999999999999999ms", 999999999999999999 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err err = { 0 };
		int64_t value = -7;

		if (cases[i].parse(cases[i].text, &value, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.message);
		if (value != cases[i].want)
			fail_msg("%s: %lld", cases[i].text, (long long)value);
	}
}

#define RATES     "write one of bit/s, kbit/s, Mbit/s, Gbit/s, B/s, kB/s (or KB/s), KiB/s, MB/s, MiB/s; for example 30KB/s"
#define SIZES     "write one of B, kB (or KB), KiB, MB, MiB, GB, GiB; for example 1.5MiB"
#define DURATIONS "write one of ms, s, m, h, d; for example 15m"
#define NO_NUMBER " is not a number of at most 18 digits with a unit, "

static void test_refuses(void **state)
{
	static const struct {
		parse_function *parse;
		const char *text, *want;
	} cases[] = {
		{ units_parse_rate, "", "\"\"" NO_NUMBER RATES },
		{ units_parse_rate, "30", "\"30\" has no unit, " RATES },
		{ units_parse_size, "1.5 ", "\"1.5 \" has no unit, " SIZES },
		{ units_parse_duration, "900", "\"900\" has no unit, " DURATIONS },
		{ units_parse_duration, "15min", "\"15min\": \"min\" is not a known unit, " DURATIONS },
		{ units_parse_duration, "5m ", "\"5m \": \"m \" is not a known unit, " DURATIONS },
		{ units_parse_duration, "1h 30m", "\"1h 30m\": \"h 30m\" is not a known unit, " DURATIONS },
		{ units_parse_rate, "30KB", "\"30KB\": \"KB\" is not a known unit, " RATES },
		{ units_parse_rate, "30 mbit/s", "\"30 mbit/s\": \"mbit/s\" is not a known unit, " RATES },
		{ units_parse_size, "1.2.3MB", "\"1.2.3MB\": \".3MB\" is not a known unit, " SIZES },
		{ units_parse_size, "1e3MB", "\"1e3MB\": \"e3MB\" is not a known unit, " SIZES },
		{ units_parse_size, "-1MB", "\"-1MB\"" NO_NUMBER SIZES },
		{ units_parse_size, " 1MB", "\" 1MB\"" NO_NUMBER SIZES },
		{ units_parse_size, ".5MB", "\".5MB\"" NO_NUMBER SIZES },
		{ units_parse_size, "1.MB", "\"1.MB\"" NO_NUMBER SIZES },
		{ units_parse_size, "MB", "\"MB\"" NO_NUMBER SIZES },
		{ units_parse_size, "1000000000000000000B", "\"1000000000000000000B\"" NO_NUMBER SIZES },
		{ units_parse_size, "8589934592GiB", "\"8589934592GiB\" is too large" },
		{ units_parse_duration, "999999999999999999d", "\"999999999999999999d\" is too large" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err err = { 0 };
		int64_t value = -7;

		assert_int_equal(cases[i].parse(cases[i].text, &value, &err), -1);
		assert_int_equal(err.code, ERR_INPUT);
		assert_string_equal(err.message, cases[i].want);
		assert_int_equal(value, -7);
	}
}

static void test_formats(void **state)
{
	static const struct {
		format_function *format;
		int64_t value;
		const char *want;
	} cases[] = {
		{ units_format_rate, 0, "0 bit/s" },
		{ units_format_rate, 999, "999 bit/s" },
		{ units_format_rate, 1000, "1 kbit/s" },
		{ units_format_rate, 240000, "240 kbit/s" },
		{ units_format_rate, 999499, "999 kbit/s" },
		{ units_format_rate, 999500, "1 Mbit/s" },
		{ units_format_rate, 94100000, "94.1 Mbit/s" },
		{ units_format_rate, INT64_C(2500000000000), "2500 Gbit/s" },
		{ units_format_size, 1048576, "1.05 MB" },
		{ units_format_size, INT64_MAX, "9223372037 GB" },
		{ units_format_duration, 0, "0 ms" },
		{ units_format_duration, 999, "999 ms" },
		{ units_format_duration, 1000, "1 s" },
		{ units_format_duration, 12345, "12.3 s" },
		{ units_format_duration, 59499, "59.5 s" },
		{ units_format_duration, 59500, "1 m" },
		{ units_format_duration, 320000, "5 m 20 s" },
		{ units_format_duration, 3599500, "1 h" },
		{ units_format_duration, 5400000, "1 h 30 m" },
		{ units_format_duration, 86399999, "1 d" },
		{ units_format_duration, INT64_C(2592000000), "30 d" },
		{ units_format_duration, INT64_MAX, "106751991167 d 7 h" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[UNITS_TEXT_SIZE];

		cases[i].format(cases[i].value, text);
		assert_string_equal(text, cases[i].want);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parses),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_formats),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
