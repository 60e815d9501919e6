#include "agent/measure/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_adds_to_the_slice_of_its_time(void **state)
{
	struct trace trace = { 0 };

	(void)state;
	trace_add(&trace, 0, 1);
	trace_add(&trace, 99999, 10);
	trace_add(&trace, 100000, 100);
	trace_add(&trace, 9999999, 1000);
	trace_add(&trace, 10000000, 10000);   /* later than the last slice */
	assert_int_equal(trace.bytes[0], 11);
	assert_int_equal(trace.bytes[1], 100);
	assert_int_equal(trace_sum(&trace, 0, TRACE_SLICES), 1111);
	assert_int_equal(trace_sum(&trace, 1, 2), 100);
	assert_int_equal(trace_sum(&trace, 7, 7), 0);
}

static void test_marks_the_slice_that_ended(void **state)
{
	struct trace trace = { 0 };

	(void)state;
	trace_mark_disorder(&trace, 0);
	trace_mark_disorder(&trace, 302000);     /* the timer is a little late */
	trace_mark_disorder(&trace, 10000000);
	trace_mark_disorder(&trace, 10060000);
	for (int i = 0; i < TRACE_SLICES; i++)
		assert_int_equal(trace.disordered[i], i == 0 || i == 2 || i == 99);
}

static const struct {
	const char *text;
	int count;
	int64_t bytes[4];
} texts[] = {
	{ "", 0, { 0 } },
	{ "0", 1, { 0 } },
	{ "z 10 0 7fx9s", 4, { 35, 36, 0, 12500272 } },
	{ "zzzzzzzzz", 1, { 101559956668415 } },
};

static void test_text_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct trace trace = { 0 }, read;
		char text[TRACE_TEXT_SIZE];
		struct err err;
		int count;

		memcpy(trace.bytes, texts[i].bytes, sizeof texts[i].bytes);
		trace_format(&trace, texts[i].count, text);
		assert_string_equal(text, texts[i].text);
		assert_int_equal(trace_parse(text, &read, &count, &err), 0);
		assert_int_equal(count, texts[i].count);
		assert_memory_equal(&read, &trace, sizeof read);
	}
}

/* The longest text fits, whatever a link may carry. */
static void test_is_bounded(void **state)
{
	struct trace trace, read;
	char text[TRACE_TEXT_SIZE];
	struct err err;
	int count;

	(void)state;
	for (int i = 0; i < TRACE_SLICES; i++)
		trace.bytes[i] = INT64_MAX;
	trace_format(&trace, TRACE_SLICES, text);
	assert_int_equal(strlen(text), TRACE_SLICES * 10 - 1);
	assert_int_equal(trace_parse(text, &read, &count, &err), 0);
	assert_int_equal(read.bytes[99], 101559956668415);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ " 1", "trace: slice 1 is not a number in base 36" },
		{ "1 ", "trace: slice 1 is not a number in base 36" },
		{ "1  2", "trace: slice 2 is not a number in base 36" },
		{ "1 A", "trace: slice 2 is not a number in base 36" },
		{ "-1", "trace: slice 1 is not a number in base 36" },
		{ "1000000000", "trace: slice 1 is not a number in base 36" },
	};
	char many[300] = "";
	struct trace trace;
	struct err err;
	int count;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(trace_parse(cases[i].text, &trace, &count, &err), -1);
		assert_string_equal(err.message, cases[i].message);
	}
	for (int i = 0; i <= TRACE_SLICES; i++)
		strcat(many, i ? " 1" : "1");
	assert_int_equal(trace_parse(many, &trace, &count, &err), -1);
	assert_string_equal(err.message, "trace: more than 100 slices");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adds_to_the_slice_of_its_time),
		cmocka_unit_test(test_marks_the_slice_that_ended),
		cmocka_unit_test(test_text_and_back),
		cmocka_unit_test(test_is_bounded),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
