#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/base/column.h"

static const struct {
	const char *text;
	int width;
	const char *want;
} cases[] = {
	{ "", 0, "" },
	{ "", 2, "  " },
	{ "hub", 5, "hub  " },
	{ "hub", 3, "hub" },
	{ "longer", 3, "longer" },
	{ "узел", 6, "узел  " },
	{ "узел", 4, "узел" },
	{ "5 €", 5, "5 €  " },
};

static void test_pads_characters(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *got;
		size_t length;
		FILE *stream = open_memstream(&got, &length);

		column_print(stream, cases[i].text, cases[i].width);
		fclose(stream);
		assert_string_equal(got, cases[i].want);
		free(got);
	}
	assert_int_equal(column_width("узел €"), 6);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_pads_characters) };

	return cmocka_run_group_tests_name("column", tests, NULL, NULL);
}
