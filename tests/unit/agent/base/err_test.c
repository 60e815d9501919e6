#include "agent/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_set_and_wrap(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(err_set(&err, ERR_IO, "spool %s: %d", "/tmp/x", 7), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.message, "spool /tmp/x: 7");
	assert_int_equal(err_wrap(&err, "agent %d", 3), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.message, "agent 3: spool /tmp/x: 7");
}

static void test_long_messages_are_cut(void **state)
{
	char text[1000];
	struct err err;

	(void)state;
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	err_set(&err, ERR_INPUT, "%s", text);
	assert_int_equal(strlen(err.message), sizeof err.message - 1);
	err_wrap(&err, "head");
	assert_int_equal(strlen(err.message), sizeof err.message - 1);
	assert_memory_equal(err.message, "head: xxx", 9);
	err_set(&err, ERR_INPUT, "tail");
	err_wrap(&err, "%s", text);
	assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

static void test_exit_codes(void **state)
{
	static const int want[ERR_COUNT] = {
		[ERR_INTERNAL] = 4,     [ERR_USAGE] = 2,     [ERR_INPUT] = 2,     [ERR_TOO_LARGE] = 2, [ERR_UNSUPPORTED] = 2,
		[ERR_IO] = 4,           [ERR_UNREACHABLE] = 3, [ERR_UNAUTHORIZED] = 1, [ERR_FORBIDDEN] = 1,
		[ERR_NOT_FOUND] = 1,    [ERR_CONFLICT] = 1,  [ERR_BUSY] = 3,      [ERR_DAMAGED] = 4,
	};

	(void)state;
	for (int code = 1; code < ERR_COUNT; code++) {
		struct err err = { .code = (enum err_code)code };

		assert_int_equal(err_exit_code(&err), want[code]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_and_wrap),
		cmocka_unit_test(test_long_messages_are_cut),
		cmocka_unit_test(test_exit_codes),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
