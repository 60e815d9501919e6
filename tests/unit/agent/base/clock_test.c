#include "agent/base/clock.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_formats_utc(void **state)
{
	static const struct {
		int64_t realtime_ms;
		const char *want;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1, "1970-01-01T00:00:00.001Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ -1000, "1969-12-31T23:59:59.000Z" },
		{ INT64_C(1795360588007), "2026-11-22T15:16:28.007Z" },
		{ INT64_C(951782400000), "2000-02-29T00:00:00.000Z" },
		{ INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[CLOCK_TEXT_SIZE];

		clock_format_utc(cases[i].realtime_ms, text);
		assert_string_equal(text, cases[i].want);
	}
}

static struct instant read_fixed(void *context)
{
	return *(struct instant *)context;
}

static void test_a_clock_is_an_input(void **state)
{
	struct instant set = { 1, 2, 3 };
	struct clock clock = { read_fixed, &set };

	(void)state;
	assert_int_equal(clock_now(&clock).boottime_us, 2);
	set.boottime_us = 7;
	assert_int_equal(clock_now(&clock).boottime_us, 7);
}

static void test_the_system_clock_goes_on(void **state)
{
	struct clock clock = clock_system();
	struct instant first = clock_now(&clock), second = clock_now(&clock);

	(void)state;
	assert_true(first.realtime_ms > INT64_C(1577836800000));   /* 2020 */
	assert_true(second.monotonic_us >= first.monotonic_us);
	assert_true(second.boottime_us >= second.monotonic_us);
}

static void test_boot_id_is_a_uuid(void **state)
{
	char id[BOOT_ID_SIZE];
	struct err err = { 0 };

	(void)state;
	assert_int_equal(clock_boot_id(id, &err), 0);
	assert_int_equal(strlen(id), 36);
	for (size_t i = 0; i < 36; i++)
		assert_true(i == 8 || i == 13 || i == 18 || i == 23 ? id[i] == '-' : isxdigit((unsigned char)id[i]));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats_utc),
		cmocka_unit_test(test_a_clock_is_an_input),
		cmocka_unit_test(test_the_system_clock_goes_on),
		cmocka_unit_test(test_boot_id_is_a_uuid),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
