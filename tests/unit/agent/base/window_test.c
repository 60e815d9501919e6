#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/base/window.h"

static bool is_x(const void *stream, int index)
{
	return ((const char *)stream)[index] == 'x';
}

static const struct {
	const char *name, *stream;
	int n;
	struct window want;
} cases[] = {
	{ "nothing there yet",                 "",         4, { 0, 0, 0, -1, -1 } },
	{ "a young stream is looked at whole", "x.x",      4, { 0, 3, 2, 0, 2 } },
	{ "exactly n",                         ".xx.",     4, { 0, 4, 2, 1, 2 } },
	{ "what is older than n is not seen",  "xxx..x.",  4, { 3, 4, 1, 5, 5 } },
	{ "no hit",                            "xx....",   4, { 2, 4, 0, -1, -1 } },
	{ "all hits",                          ".xxxx",    4, { 1, 4, 4, 1, 4 } },
	{ "a window of none",                  "xx",       0, { 2, 0, 0, -1, -1 } },
};

static void test_window(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct window got = window_last(cases[i].stream, (int)strlen(cases[i].stream), cases[i].n, is_x);

		if (memcmp(&got, &cases[i].want, sizeof got))
			fail_msg("%s: first %d length %d hits %d from %d to %d", cases[i].name, got.first, got.length, got.hits,
				 got.first_hit, got.last_hit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
