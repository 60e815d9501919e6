#include "collector/people/roles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_everybody_sees_and_a_viewer_does_nothing(void **state)
{
	(void)state;
	for (int role = 0; role < ROLE_COUNT; role++) {
		assert_true(role_may((enum role)role, ACTION_SEE));
		assert_int_equal(role_may((enum role)role, ACTION_MOVE_TICKETS), role != ROLE_VIEWER);
		assert_int_equal(role_may((enum role)role, ACTION_PLACE_ORDERS), role != ROLE_VIEWER);
		assert_int_equal(role_may((enum role)role, ACTION_PLAN_WORK), role != ROLE_VIEWER && role != ROLE_MANAGER);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everybody_sees_and_a_viewer_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
