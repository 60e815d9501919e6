#include "agent/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_a_seed_repeats(void **state)
{
	uint64_t one = 1, again = 1, other = 2;
	struct random_source sources[] = { random_seeded(&one), random_seeded(&again), random_seeded(&other) };
	unsigned char bytes[3][13];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		random_fill(&sources[i], bytes[i], sizeof bytes[i]);
	assert_memory_equal(bytes[0], bytes[1], sizeof bytes[0]);
	assert_memory_not_equal(bytes[0], bytes[2], sizeof bytes[0]);
}

static void test_below_is_uniform_and_below(void **state)
{
	uint64_t seed = 42;
	struct random_source source = random_seeded(&seed);
	int counts[10] = { 0 };

	(void)state;
	for (int i = 0; i < 10000; i++)
		counts[random_below(&source, 10)]++;
	for (size_t i = 0; i < 10; i++)
		assert_in_range(counts[i], 850, 1150);   /* 1000 within five standard deviations */
	assert_int_equal(random_below(&source, 1), 0);
	assert_true(random_below(&source, UINT64_MAX) < UINT64_MAX);
}

/* Gives the words of a list in turn. */
static void fill_listed(void *context, void *ret_bytes, size_t length)
{
	const uint64_t **next = context;

	assert_int_equal(length, sizeof **next);
	memcpy(ret_bytes, (*next)++, length);
}

static void test_below_passes_over_biased_words(void **state)
{
	static const uint64_t words[] = { UINT64_MAX, UINT64_MAX - 5, 25 };
	const uint64_t *next = words;
	struct random_source source = { fill_listed, &next };

	(void)state;
	assert_int_equal(random_below(&source, 10), 5);
	assert_ptr_equal(next, words + 3);
}

static void fill_with_ff(void *context, void *ret_bytes, size_t length)
{
	(void)context;
	memset(ret_bytes, 0xff, length);
}

static void fill_with_1f(void *context, void *ret_bytes, size_t length)
{
	(void)context;
	memset(ret_bytes, 0x1f, length);
}

static void test_hex_and_uuid(void **state)
{
	struct random_source ff = { fill_with_ff, NULL }, low = { fill_with_1f, NULL };
	char text[UUID_SIZE];

	(void)state;
	random_hex(&low, 3, text);
	assert_string_equal(text, "1f1f1f");
	random_hex(&low, 0, text);
	assert_string_equal(text, "");
	random_uuid(&ff, text);
	assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
	random_uuid(&low, text);
	assert_string_equal(text, "1f1f1f1f-1f1f-4f1f-9f1f-1f1f1f1f1f1f");
}

static void test_the_system_source_differs(void **state)
{
	struct random_source source = random_system();
	char first[UUID_SIZE], second[UUID_SIZE];

	(void)state;
	random_uuid(&source, first);
	random_uuid(&source, second);
	assert_string_not_equal(first, second);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_seed_repeats),
		cmocka_unit_test(test_below_is_uniform_and_below),
		cmocka_unit_test(test_below_passes_over_biased_words),
		cmocka_unit_test(test_hex_and_uuid),
		cmocka_unit_test(test_the_system_source_differs),
	};

	return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
