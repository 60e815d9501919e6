#include "agent/base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_suggests_the_nearest(void **state)
{
	static const char *const known[] = { "interval", "interface", "url", "report", "x" };
	static const struct {
		const char *word, *want;
	} cases[] = {
		{ "interval", "interval" },
		{ "intervall", "interval" },
		{ "intrval", "interval" },
		{ "interfaces", "interface" },
		{ "uri", "url" },
		{ "repotr", "report" },
		{ "", NULL },
		{ "schedule", NULL },
		{ "y", NULL },
		{ "a-word-that-is-longer-than-any-name-that-we-know-of", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct nearest nearest = { .word = cases[i].word };

		for (size_t j = 0; j < sizeof known / sizeof known[0]; j++)
			nearest_offer(&nearest, known[j]);
		if (cases[i].want)
			assert_string_equal(nearest.best, cases[i].want);
		else
			assert_null(nearest.best);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_suggests_the_nearest) };

	return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
