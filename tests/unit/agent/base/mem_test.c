#include "agent/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_text_copy(void **state)
{
	static const struct {
		const char *text, *want;
		int want_rc;
	} cases[] = {
		{ "", "", 0 },
		{ "abc", "abc", 0 },
		{ "abcd", "abc", -1 },
		{ "abcdefgh", "abc", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char field[4];

		assert_int_equal(text_copy(field, sizeof field, cases[i].text), cases[i].want_rc);
		assert_string_equal(field, cases[i].want);
	}
}

static void test_allocates(void **state)
{
	char *zeroed = xcalloc(3, 4), *copy = xstrdup("abc");

	(void)state;
	assert_memory_equal(zeroed, "\0\0\0\0\0\0\0\0\0\0\0", 12);
	zeroed = xrealloc(zeroed, 5, 4);
	assert_memory_equal(zeroed, "\0\0\0\0\0\0\0\0\0\0\0", 12);
	assert_string_equal(copy, "abc");
	free(zeroed);
	free(copy);
	free(xcalloc(0, 0));
	free(xrealloc(NULL, 0, 0));
}

/* Through a pointer, so that the compiler does not see that the product overflows. */
static void *(*volatile grow)(void *memory, size_t count, size_t size) = xrealloc;

static void test_ends_the_process_when_memory_is_out(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (!child) {
		close(STDERR_FILENO);
		grow(NULL, SIZE_MAX / 2, 4);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_copy),
		cmocka_unit_test(test_allocates),
		cmocka_unit_test(test_ends_the_process_when_memory_is_out),
	};

	return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
