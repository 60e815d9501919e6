#include "agent/measure/load_delay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/base/json.h"

#define ANSWERS 8

static const struct {
	const char *name;
	int count;
	int64_t us[ANSWERS];
	int64_t p50_us, p95_us;
} ranks[] = {
	{ "no answer",            0, { 0 },                      JSON_ABSENT, JSON_ABSENT },
	{ "four are too few",     4, { 1, 2, 3, 4 },             JSON_ABSENT, JSON_ABSENT },
	{ "the middle of five",   5, { 50, 10, 40, 20, 30 },     30, 50 },
	{ "the lower of two",     6, { 60, 10, 50, 20, 40, 30 }, 30, 60 },
	{ "all alike",            5, { 7, 7, 7, 7, 7 },          7, 7 },
};

static struct delays delays_of(const int64_t *us, int count, int64_t sent)
{
	struct delays delays = { .sent = sent, .lost = sent - count };

	for (int i = 0; i < count; i++)
		delays_add(&delays, us[i]);
	return delays;
}

static void test_ranks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++) {
		struct delays delays = delays_of(ranks[i].us, ranks[i].count, ANSWERS);

		if (delays_rank(&delays, 50) != ranks[i].p50_us || delays_rank(&delays, 95) != ranks[i].p95_us)
			fail_msg("%s: p50 %ld, p95 %ld", ranks[i].name, (long)delays_rank(&delays, 50), (long)delays_rank(&delays, 95));
	}
}

static void test_more_answers_than_there_is_room(void **state)
{
	struct delays delays = { 0 };

	(void)state;
	for (int i = 0; i < LOAD_DELAY_ANSWERS_MAX + 10; i++)
		delays_add(&delays, i);
	assert_int_equal(delays.count, LOAD_DELAY_ANSWERS_MAX);
	assert_int_equal(delays_rank(&delays, 100), LOAD_DELAY_ANSWERS_MAX - 1);
}

static const int64_t fast[] = { 10, 11, 12, 13, 14 }, slow[] = { 500, 510, 520, 530, 540 };

static const struct {
	const char *name;
	const int64_t *idle, *loaded;
	int idle_count, loaded_count;
	int64_t want_us;
} increases[] = {
	{ "a queue",                       fast, slow, 5, 5, 508 },
	{ "no queue",                      fast, fast, 5, 5, 0 },
	{ "less than nothing is nothing",  slow, fast, 5, 5, 0 },
	{ "nothing answered before",       fast, slow, 0, 5, JSON_ABSENT },
	{ "nothing answered meanwhile",    fast, slow, 5, 0, JSON_ABSENT },
};

static void test_increases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof increases / sizeof increases[0]; i++) {
		struct load_delay delay = { .idle = delays_of(increases[i].idle, increases[i].idle_count, 5),
					    .loaded = delays_of(increases[i].loaded, increases[i].loaded_count, 5) };
		struct measurement record;

		measurement_init(&record);
		load_delay_record(&delay, &record);
		if (record.loaded_increase_us != increases[i].want_us)
			fail_msg("%s: %ld", increases[i].name, (long)record.loaded_increase_us);
	}
}

static void test_the_record(void **state)
{
	struct load_delay delay = { .idle = delays_of(fast, 5, 20), .loaded = delays_of(slow, 5, 7), .http = delays_of(slow, 5, 0),
				    .way = LOAD_WAY_TCP };
	struct measurement record;

	(void)state;
	measurement_init(&record);
	load_delay_record(&delay, &record);
	assert_int_equal(record.idle_p50_us, 12);
	assert_int_equal(record.loaded_p50_us, 520);
	assert_int_equal(record.loaded_p95_us, 540);
	assert_int_equal(record.loaded_http_p50_us, 520);
	assert_int_equal(record.loaded_way, LOAD_WAY_TCP);
	assert_int_equal(record.loaded_sent, 7);
	assert_int_equal(record.loaded_lost, 2);
}

static void test_a_load_that_never_was(void **state)
{
	struct load_delay delay = { .idle = delays_of(fast, 5, 20) };
	struct measurement record;

	(void)state;
	measurement_init(&record);
	load_delay_record(&delay, &record);
	assert_int_equal(record.idle_p50_us, 12);
	assert_int_equal(record.loaded_sent, JSON_ABSENT);
	assert_int_equal(record.loaded_way, LOAD_WAY_NONE);
}

static void test_what_a_promise_affords(void **state)
{
	(void)state;
	assert_true(load_delay_affords_http(4000001, false));     /* the least that a capacity probe tests */
	assert_false(load_delay_affords_http(2799999, false));
	assert_false(load_delay_affords_http(26799999, true));    /* certificates each time */
	assert_true(load_delay_affords_http(26800000, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_more_answers_than_there_is_room),
		cmocka_unit_test(test_increases),
		cmocka_unit_test(test_the_record),
		cmocka_unit_test(test_a_load_that_never_was),
		cmocka_unit_test(test_what_a_promise_affords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
