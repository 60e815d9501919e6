#include "agent/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What say() leaves on stderr. */
static void capture(void (*say)(void), char *ret_text, size_t size)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);

	dup2(fileno(file), STDERR_FILENO);
	say();
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	ret_text[fread(ret_text, 1, size - 1, file)] = '\0';
	fclose(file);
}

static void say_all(void)
{
	log_error("e %d", 1);
	log_warning("w %s", "x");
	log_info("i");
	log_debug("d");
}

static void say_long(void)
{
	char text[5000];

	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	log_info("%s", text);
	log_info("after");
}

static void say_lines(void)
{
	log_info("name \"a\n<3>forged\x1b[31m\t\xc2\x9b" "32m\xc2\xa0б\"");
}

static void test_journal_lines(void **state)
{
	char text[256];

	(void)state;
	setenv("JOURNAL_STREAM", "1:1", 1);
	capture(say_all, text, sizeof text);
	assert_string_equal(text, "<3>e 1\n<4>w x\n<6>i\n");
	log_set_level(LOG_DEBUG);
	capture(say_all, text, sizeof text);
	assert_string_equal(text, "<3>e 1\n<4>w x\n<6>i\n<7>d\n");
	log_set_level(LOG_ERROR);
	capture(say_all, text, sizeof text);
	assert_string_equal(text, "<3>e 1\n");
	log_set_level(LOG_INFO);
}

static void test_lines_elsewhere_carry_the_time(void **state)
{
	char text[256];

	(void)state;
	unsetenv("JOURNAL_STREAM");
	capture(say_all, text, sizeof text);
	assert_int_equal(text[10], 'T');
	assert_int_equal(text[23], 'Z');
	assert_memory_equal(text + 24, " error e 1\n", 11);
}

static void test_long_lines_are_cut(void **state)
{
	char text[5000];

	(void)state;
	setenv("JOURNAL_STREAM", "1:1", 1);
	capture(say_long, text, sizeof text);
	assert_int_equal(strcspn(text, "\n"), 2046);
	assert_string_equal(strchr(text, '\n') + 1, "<6>after\n");
}

/* What comes from outside cannot end a line and begin another. */
static void test_an_event_is_one_line(void **state)
{
	char text[256];

	(void)state;
	setenv("JOURNAL_STREAM", "1:1", 1);
	capture(say_lines, text, sizeof text);
	assert_string_equal(text, "<6>name \"a <3>forged [31m   32m\xc2\xa0б\"\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal_lines),
		cmocka_unit_test(test_lines_elsewhere_carry_the_time),
		cmocka_unit_test(test_long_lines_are_cut),
		cmocka_unit_test(test_an_event_is_one_line),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
