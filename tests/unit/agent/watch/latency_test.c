/* L2 on echoes that the test writes down: which bin, which figure, and what an outage leaves out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/base/json.h"
#include "agent/watch/latency.h"

#define SECOND INT64_C(1000000)
#define BIN    (300 * SECOND)
#define SETTLE (10 * SECOND)

static struct latency *open_latency(int64_t now_us)
{
	struct latency *latency = calloc(1, sizeof *latency);

	latency_init(latency, BIN, SETTLE, now_us);
	return latency;
}

/* An echo each 10 s: delays in microseconds, -1 lost. */
static void add_all(struct latency *latency, int64_t from_us, const int64_t *delays, size_t count)
{
	for (size_t i = 0; i < count; i++)
		latency_add(latency, from_us + (int64_t)i * 10 * SECOND, delays[i] < 0 ? LATENCY_LOST : LATENCY_ANSWERED, delays[i]);
}

static const struct {
	const char *name;
	int64_t delays[30];
	size_t count;
	struct latency_figures want;
} cases[] = {
	{ "one lost echo has no delay, and too few were sent to speak of loss", { -1 }, 1,
	  { .sent = 1, .lost = 1, .loss_ppm = JSON_ABSENT, .min_us = JSON_ABSENT, .p50_us = JSON_ABSENT, .p95_us = JSON_ABSENT,
	    .p99_us = JSON_ABSENT, .pdv_us = JSON_ABSENT, .ipdv_us = JSON_ABSENT, .base_us = JSON_ABSENT } },
	{ "one answer is every percentile", { 700 }, 1,
	  { .sent = 1, .loss_ppm = JSON_ABSENT, .min_us = 700, .p50_us = 700, .p95_us = 700, .p99_us = 700, .pdv_us = 0,
	    .ipdv_us = JSON_ABSENT, .base_us = 700 } },
	{ "IPDV is of neighbours that were both answered", { 100, 300, -1, 900, 800 }, 5,
	  { .sent = 5, .lost = 1, .loss_ppm = JSON_ABSENT, .min_us = 100, .p50_us = 300, .p95_us = 900, .p99_us = 900,
	    .pdv_us = 800, .ipdv_us = 150, .base_us = 100 } },
	{ "nineteen are too few for loss", { -1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, 19,
	  { .sent = 19, .lost = 1, .loss_ppm = JSON_ABSENT, .min_us = 1, .p50_us = 1, .p95_us = 1, .p99_us = 1, .base_us = 1 } },
	{ "twenty are enough; p95 is the 19th of 19 answers",
	  { -1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19 }, 20,
	  { .sent = 20, .lost = 1, .loss_ppm = 50000, .min_us = 1, .p50_us = 10, .p95_us = 19, .p99_us = 19, .pdv_us = 18,
	    .ipdv_us = 1, .base_us = 1 } },
};

static void test_figures(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct latency *latency = open_latency(0);
		struct latency_figures got, want = cases[i].want;

		print_message("  %s\n", cases[i].name);
		want.to_us = BIN;
		add_all(latency, SECOND, cases[i].delays, cases[i].count);
		assert_true(latency_take(latency, BIN + SETTLE, false, &got));
		assert_memory_equal(&got, &want, sizeof got);
		assert_false(latency_take(latency, BIN + SETTLE, true, &got));
		free(latency);
	}
}

static void test_a_bin_waits_for_late_answers(void **state)
{
	struct latency *latency = open_latency(0);
	struct latency_figures got;

	(void)state;
	latency_add(latency, 10 * SECOND, LATENCY_ANSWERED, 500);
	latency_add(latency, BIN + SECOND, LATENCY_ANSWERED, 400);
	assert_false(latency_take(latency, BIN + SETTLE - 1, false, &got));
	latency_add(latency, 299 * SECOND, LATENCY_LATE, 4 * SECOND);
	assert_true(latency_take(latency, BIN + SETTLE, false, &got));
	assert_int_equal(got.sent, 2);
	assert_int_equal(got.late, 1);
	assert_int_equal(got.lost, 0);
	assert_int_equal(got.p99_us, 4 * SECOND);
	assert_false(latency_take(latency, BIN + SETTLE, false, &got));
	assert_true(latency_take(latency, BIN + 60 * SECOND, true, &got));   /* stopping */
	assert_int_equal(got.from_us, BIN);
	assert_int_equal(got.to_us, BIN + 60 * SECOND);
	free(latency);
}

static void test_order_of_arrival_changes_nothing(void **state)
{
	static const int64_t sent_s[] = { 30, 10, 40, 20 }, delays[] = { 300, 100, 500, 200 };
	struct latency *latency = open_latency(0);
	struct latency_figures got;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		latency_add(latency, sent_s[i] * SECOND, LATENCY_ANSWERED, delays[i]);
	assert_true(latency_take(latency, BIN, true, &got));
	assert_int_equal(got.ipdv_us, (100 + 100 + 200) / 3);
	free(latency);
}

static void test_an_outage_is_unavailable_time_and_no_loss(void **state)
{
	struct latency *latency = open_latency(0);
	struct latency_figures got;

	(void)state;
	for (int s = 0; s < 600; s += 10) {
		bool lost = s >= 200 && s < 400;

		latency_add(latency, s * SECOND, lost ? LATENCY_LOST : LATENCY_ANSWERED, 1000);
		if (s >= 220 && s < 420)
			latency_unavailable(latency, 200 * SECOND);
		if (s == 310) {
			assert_true(latency_take(latency, s * SECOND, false, &got));
			assert_int_equal(got.sent, 20);
			assert_int_equal(got.loss_ppm, 0);
			assert_int_equal(got.unavailable_us, 100 * SECOND);
		}
		if (s == 420)
			latency_available(latency, 400 * SECOND);
	}
	assert_true(latency_take(latency, 610 * SECOND, false, &got));
	assert_int_equal(got.lost, 0);
	assert_int_equal(got.unavailable_us, 100 * SECOND);
	free(latency);
}

static void test_ten_percent_loss_is_kept(void **state)
{
	struct latency *latency = open_latency(0);
	struct latency_figures got;

	(void)state;
	for (int i = 0; i < 30; i++)
		latency_add(latency, i * 10 * SECOND, i % 3 ? LATENCY_ANSWERED : LATENCY_LOST, 1000);
	assert_true(latency_take(latency, BIN + SETTLE, false, &got));
	assert_int_equal(got.loss_ppm, 333333);
	free(latency);
}

static void test_base_is_the_minimum_of_a_day(void **state)
{
	struct latency *latency = open_latency(0);
	struct latency_figures got;

	(void)state;
	for (int hour = 0; hour < 26; hour++) {
		latency_add(latency, (hour * 3600 + 5) * SECOND, LATENCY_ANSWERED, hour ? 5000 + hour : 10);
		assert_true(latency_take(latency, 0, true, &got));
		assert_int_equal(got.base_us, hour < 24 ? 10 : 5000 + hour - 23);
	}
	free(latency);
}

static void test_more_than_fits_is_counted(void **state)
{
	struct latency *latency = open_latency(0);
	struct latency_figures got;

	(void)state;
	for (int i = 0; i < LATENCY_SAMPLES_MAX + 100; i++)
		latency_add(latency, SECOND + i, i % 2 ? LATENCY_ANSWERED : LATENCY_LOST, 7);
	for (int i = 0; i < 10 * LATENCY_EPISODES_MAX; i++) {
		latency_unavailable(latency, (100 + i) * SECOND);
		latency_available(latency, (100 + i) * SECOND + 1);
	}
	assert_true(latency_take(latency, BIN + SETTLE, false, &got));
	assert_int_equal(got.sent, LATENCY_SAMPLES_MAX + 100);
	assert_int_equal(got.loss_ppm, 500000);
	assert_int_equal(latency->episode_count, 0);
	free(latency);
}

static void test_json_leaves_out_what_is_not_known(void **state)
{
	struct latency *latency = open_latency(0);
	struct latency_figures got;
	json_t *object;
	char *text;

	(void)state;
	latency_add(latency, SECOND, LATENCY_LOST, 0);
	assert_true(latency_take(latency, BIN, true, &got));
	object = latency_figures_to_json(&got);
	text = json_dumps(object, JSON_COMPACT);
	assert_string_equal(text, "{\"sent\":1,\"lost\":1,\"late\":0,\"unavailable_us\":0}");
	free(text);
	json_decref(object);
	free(latency);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_a_bin_waits_for_late_answers),
		cmocka_unit_test(test_order_of_arrival_changes_nothing),
		cmocka_unit_test(test_an_outage_is_unavailable_time_and_no_loss),
		cmocka_unit_test(test_ten_percent_loss_is_kept),
		cmocka_unit_test(test_base_is_the_minimum_of_a_day),
		cmocka_unit_test(test_more_than_fits_is_counted),
		cmocka_unit_test(test_json_leaves_out_what_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
