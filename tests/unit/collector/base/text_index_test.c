#include "collector/base/text_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

static void test_finds_the_first_place(void **state)
{
	static char texts[1000][16];
	struct text_index index;

	(void)state;
	text_index_init(&index, 1000);
	assert_true(text_index_find(&index, "text-0") == TEXT_INDEX_NONE);
	for (size_t i = 0; i < 1000; i++) {
		snprintf(texts[i], sizeof texts[i], "text-%zu", i);
		assert_true(text_index_add(&index, texts[i], i) == TEXT_INDEX_NONE);
	}
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(text_index_find(&index, texts[i]), i);
		assert_int_equal(text_index_add(&index, texts[i], 7), i);
	}
	assert_true(text_index_find(&index, "text-1000") == TEXT_INDEX_NONE);
	text_index_close(&index);
	text_index_init(&index, 0);
	assert_true(text_index_find(&index, "") == TEXT_INDEX_NONE);
	text_index_close(&index);
}

static void test_tells_long_alike_ids_apart_quickly(void **state)
{
	enum { COUNT = 100000 };
	static char texts[COUNT][32];
	struct text_index index;
	clock_t start = clock();

	(void)state;
	text_index_init(&index, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(texts[i], sizeof texts[i], "building-with-a-name-%06zu", i);
		assert_true(text_index_add(&index, texts[i], i) == TEXT_INDEX_NONE);
	}
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(text_index_find(&index, texts[i]), i);
	text_index_close(&index);
	/* Hundredths of a second; comparing each with each takes most of a minute. */
	assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_the_first_place),
		cmocka_unit_test(test_tells_long_alike_ids_apart_quickly),
	};

	return cmocka_run_group_tests_name("text_index", tests, NULL, NULL);
}
