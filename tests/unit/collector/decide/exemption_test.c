#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/measurement.h"
#include "collector/decide/exemption.h"

static const struct exemption list[] = {
	{ 100, 200, LEG_HUB, EXEMPT_SERVER },
	{ 150, 300, EXEMPT_BOTH_LEGS, EXEMPT_MAINTENANCE },
	{ 400, 500, LEG_LOCAL, EXEMPT_CONTENT },
	{ 600, INT64_MAX, LEG_LOCAL, EXEMPT_SERVER },
};

static const struct {
	const char *name;
	int leg;
	int64_t at_ms;
	bool is_content;
	int want;   /* place in the list; -1 for none */
} cases[] = {
	{ "before all",                           LEG_HUB,   99,  false, -1 },
	{ "as it begins",                         LEG_HUB,   100, false, 0 },
	{ "not the other leg",                    LEG_LOCAL, 100, false, -1 },
	{ "content too",                          LEG_HUB,   100, true,  0 },
	{ "the first of two",                     LEG_HUB,   199, false, 0 },
	{ "as the first ends",                    LEG_HUB,   200, false, 1 },
	{ "both legs",                            LEG_LOCAL, 299, false, 1 },
	{ "as the last ends",                     LEG_LOCAL, 300, false, -1 },
	{ "content only",                         LEG_LOCAL, 450, true,  2 },
	{ "speed is judged while content is not", LEG_LOCAL, 450, false, -1 },
	{ "while it lasts",                       LEG_LOCAL, INT64_MAX - 1, false, 3 },
};

static void test_exemption(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct exemption *got = exemption_at(list, 4, cases[i].leg, cases[i].at_ms, cases[i].is_content);

		if (got != (cases[i].want < 0 ? NULL : &list[cases[i].want]))
			fail_msg("%s", cases[i].name);
	}
	assert_null(exemption_at(NULL, 0, LEG_HUB, 1, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exemption),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
