#include "agent/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_grows_and_stays_terminated(void **state)
{
	struct buf buf = { 0 };

	(void)state;
	assert_string_equal(buf_text(&buf), "");
	buf_printf(&buf, "%s", "");
	assert_string_equal(buf_text(&buf), "");
	for (int i = 0; i < 1000; i++) {
		buf_append(&buf, "a\0b", 3);
		buf_printf(&buf, "%03d", i);
		assert_int_equal(buf.length_bytes, (i + 1) * 6);
		assert_int_equal(buf.data[buf.length_bytes], 0);
		assert_true(buf.length_bytes < buf.capacity_bytes);
	}
	assert_memory_equal(buf.data + 5994, "a\0b999", 7);
	buf_free(&buf);
	assert_null(buf.data);
}

static void test_reserve_consume_clear(void **state)
{
	struct buf buf = { 0 };

	(void)state;
	buf_append(&buf, NULL, 0);
	assert_string_equal(buf.data, "");
	memcpy(buf_reserve(&buf, 100), "0123456789", 11);
	buf.length_bytes += 10;
	buf_consume(&buf, 0);
	buf_consume(&buf, 4);
	assert_string_equal(buf_text(&buf), "456789");
	assert_int_equal(buf.length_bytes, 6);
	buf_consume(&buf, 6);
	assert_string_equal(buf_text(&buf), "");
	buf_append_text(&buf, "x");
	buf_clear(&buf);
	assert_string_equal(buf_text(&buf), "");
	assert_non_null(buf.data);
	buf_free(&buf);
	buf_clear(&buf);
}

static void test_take_leaves_it_empty(void **state)
{
	struct buf buf = { 0 };
	char *text = buf_take(&buf);

	(void)state;
	assert_string_equal(text, "");
	free(text);
	buf_append_text(&buf, "given");
	text = buf_take(&buf);
	assert_string_equal(text, "given");
	assert_null(buf.data);
	assert_int_equal(buf.capacity_bytes, 0);
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_and_stays_terminated),
		cmocka_unit_test(test_reserve_consume_clear),
		cmocka_unit_test(test_take_leaves_it_empty),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
