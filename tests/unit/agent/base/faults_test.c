#include "agent/base/faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_lists_and_ends(void **state)
{
	struct buf lines = { 0 };
	struct faults faults;
	struct err err = { 0 };

	(void)state;
	buf_append_text(&lines, "earlier\n");
	faults = faults_of("a.yaml", &lines);
	assert_int_equal(faults_end(&faults, ERR_USAGE, &err), 0);
	fault_add(&faults, 1, 2, "what %s", "x");
	assert_int_equal(faults_end(&faults, ERR_USAGE, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_string_equal(err.message, "a.yaml:1:2: what x");
	fault_add(&faults, 3, 4, "y");
	fault_add(&faults, 3, 5, "z");
	assert_int_equal(faults_end(&faults, ERR_INPUT, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	assert_string_equal(err.message, "a.yaml:1:2: what x (and 2 more)");
	assert_string_equal(buf_text(&lines), "earlier\na.yaml:1:2: what x\na.yaml:3:4: y\na.yaml:3:5: z\n");
	buf_free(&lines);
}

static void test_list_is_bounded(void **state)
{
	struct buf lines = { 0 };
	struct faults faults = faults_of("f", &lines);
	struct err err = { 0 };
	size_t count = 0;

	(void)state;
	for (size_t i = 1; i <= FAULTS_MAX + 5; i++)
		fault_add(&faults, i, 1, "x");
	for (const char *at = buf_text(&lines); (at = strchr(at, '\n')); at++)
		count++;
	assert_int_equal(count, FAULTS_MAX + 1);
	assert_non_null(strstr(buf_text(&lines), "f:10000:1: x\nf:10001:1: more faults than are listed, mend those above first\n"));
	assert_int_equal(faults_end(&faults, ERR_INPUT, &err), -1);
	assert_string_equal(err.message, "f:1:1: x (and 10004 more)");
	buf_free(&lines);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists_and_ends),
		cmocka_unit_test(test_list_is_bounded),
	};

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
