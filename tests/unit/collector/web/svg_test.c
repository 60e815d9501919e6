#include "collector/web/svg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define MINUTE_MS    INT64_C(60000)
#define HOUR_MS      (60 * MINUTE_MS)
#define NBSP         "\xc2\xa0"

static const int64_t begin_ms = 1795305600000;   /* 2026-11-22 00:00 UTC */
static const struct reader english = { "en", NULL };

static void add(json_t *items, const char *leg, int64_t at_ms, int64_t bps, const char *judgement)
{
	json_t *item = json_pack("{s:s, s:I, s:s}", "leg", leg, "started_ms", (json_int_t)at_ms, "judgement", judgement);

	if (bps >= 0)
		json_object_set_new(item, "throughput_bps", json_integer(bps));
	json_array_append_new(items, item);
}

static json_t *make_items(void)
{
	json_t *items = json_array();

	add(items, "local", begin_ms + 1 * HOUR_MS, 94000000, "good");
	add(items, "hub", begin_ms + 1 * HOUR_MS, 61000000, "good");
	add(items, "local", begin_ms + 2 * HOUR_MS, 82000000, "marginal");
	add(items, "local", begin_ms + 3 * HOUR_MS, 41000000, "bad");
	add(items, "local", begin_ms + 4 * HOUR_MS, -1, "failed");
	add(items, "local", begin_ms + 5 * HOUR_MS, 90000000, "\"><script>");
	add(items, "local", begin_ms + 99 * HOUR_MS, 90000000, "good");
	return items;
}

static struct svg_view make_view(void)
{
	return (struct svg_view){ .reader = &english, .leg = "local", .threshold_bps = 80000000, .from_ms = begin_ms,
				  .to_ms = begin_ms + 6 * HOUR_MS, .height_px = 138 };
}

static size_t count(const char *text, const char *part)
{
	size_t found = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		found++;
	return found;
}

/* The plot is 100 px high, from y = 14 to 114, and reaches from 0 to 100 Mbit/s. */
static void draws_one_leg(void **state)
{
	static const char *const wanted[] = {
		"<title>Throughput: In our network</title>",
		"<desc>22" NBSP "Nov 2026" NBSP "00:00 – 22" NBSP "Nov 2026" NBSP "06:00. good: 1. marginal: 1. bad: 1. failed: 1.",
		"<line class=\"threshold\" x1=\"0\" x2=\"100%\" y1=\"34\" y2=\"34\"/>",
		">threshold 80" NBSP "Mbit/s</text>",
		"<svg x=\"16.66%\" y=\"20\"><path class=\"mark good\"",
		"<svg x=\"33.33%\" y=\"32\"><path class=\"mark marginal\"",
		"<svg x=\"50.00%\" y=\"73\"><path class=\"mark bad\" d=\"M-4-4L4 4M4-4L-4 4\"><title>22" NBSP "Nov 2026" NBSP
		"03:00: 41" NBSP "Mbit/s, bad</title>",
		"<svg x=\"66.66%\" y=\"114\"><path class=\"mark failed\"",
		"text-anchor=\"middle\">22" NBSP "Nov</text>",
		"text-anchor=\"middle\">06:00</text>",
		">100" NBSP "Mbit/s</text>",
	};
	json_t *items = make_items();
	struct svg_view view = make_view();
	struct buf svg = { 0 };

	(void)state;
	svg_throughput(items, &view, &svg);
	for (size_t i = 0; i < COUNT(wanted); i++)
		if (!strstr(buf_text(&svg), wanted[i]))
			fail_msg("no %s in %s", wanted[i], buf_text(&svg));
	assert_int_equal(count(buf_text(&svg), "class=\"mark"), 5);
	assert_int_equal(count(buf_text(&svg), "class=\"course\""), 2);   /* not across the one without a figure */
	assert_null(strstr(buf_text(&svg), "script"));
	buf_free(&svg);
	json_decref(items);
}

static void leaves_gaps_open(void **state)
{
	json_t *items = json_array();
	struct svg_view view = make_view();
	struct buf svg = { 0 };

	(void)state;
	for (int i = 0; i < 10; i++)
		add(items, "local", begin_ms + i * 5 * MINUTE_MS, 94000000, "good");
	add(items, "local", begin_ms + 5 * HOUR_MS, 94000000, "good");
	svg_throughput(items, &view, &svg);
	assert_int_equal(count(buf_text(&svg), "class=\"course\""), 9);
	buf_free(&svg);
	json_decref(items);
}

static void add_rollup(json_t *items, int64_t at_ms, int64_t span_ms, int64_t low_bps, int64_t bad, int64_t unmeasured)
{
	json_t *item = json_pack("{s:s, s:I, s:I, s:i, s:I, s:I, s:I}", "leg", "local", "started_ms", (json_int_t)at_ms, "span_ms",
				 (json_int_t)span_ms, "count", 10, "good", (json_int_t)(10 - bad - unmeasured), "bad", (json_int_t)bad,
				 "unmeasured", (json_int_t)unmeasured);

	if (low_bps >= 0)
		json_object_update_new(item, json_pack("{s:I, s:I, s:I, s:I}", "throughput_bps", (json_int_t)low_bps, "p10_bps",
						       (json_int_t)low_bps, "median_bps", (json_int_t)(2 * low_bps), "p95_bps",
						       (json_int_t)(4 * low_bps)));
	json_array_append_new(items, item);
}

/* Four hours of six: good, bad, unmeasured, and a point after them. One reaches in from the left. */
static void draws_roll_ups_as_bars(void **state)
{
	static const char *const wanted[] = {
		"00:00 – 22" NBSP "Nov 2026" NBSP "06:00. good: 18. bad: 3. unmeasured: 10.</desc>",
		"<g><rect class=\"range good\" x=\"1.04%\" width=\"6.25%\" y=\"34\" height=\"60\"/>"
		"<line class=\"median\" x1=\"1.04%\" x2=\"7.29%\" y1=\"74\" y2=\"74\"/><title>",
		"<g><rect class=\"range bad\" x=\"18.74%\" width=\"12.51%\" y=\"74\" height=\"30\"/>",
		"<svg x=\"24.99%\" y=\"104\"><path class=\"mark bad\"",
		"<title>22" NBSP "Nov 2026" NBSP "01:00. Lowest: 10" NBSP "Mbit/s. 10th percentile: 10" NBSP "Mbit/s. Median: 20" NBSP
		"Mbit/s. 95th percentile: 40" NBSP "Mbit/s. bad: 3, unmeasured: 0, probes: 10</title>",
		"<rect class=\"range unmeasured\" x=\"35.41%\"",
		"y=\"111\" height=\"3\"/><title>",
	};
	struct svg_view view = make_view();
	json_t *items = json_array();
	struct buf svg = { 0 };

	(void)state;
	add_rollup(items, begin_ms - 9 * HOUR_MS, HOUR_MS, 90000000, 0, 0);
	add_rollup(items, begin_ms - HOUR_MS / 2, HOUR_MS, 20000000, 0, 0);
	add_rollup(items, begin_ms + HOUR_MS, HOUR_MS, 10000000, 3, 0);
	add_rollup(items, begin_ms + 2 * HOUR_MS, HOUR_MS, -1, 0, 10);
	add(items, "local", begin_ms + 5 * HOUR_MS, 94000000, "good");
	svg_throughput(items, &view, &svg);
	for (size_t i = 0; i < COUNT(wanted); i++)
		if (!strstr(buf_text(&svg), wanted[i]))
			fail_msg("no %s in %s", wanted[i], buf_text(&svg));
	assert_int_equal(count(buf_text(&svg), "class=\"range"), 3);
	assert_int_equal(count(buf_text(&svg), "class=\"course\""), 0);
	buf_free(&svg);
	json_decref(items);
}

static void draws_nothing_measured(void **state)
{
	struct svg_view view = make_view();
	struct buf svg = { 0 };

	(void)state;
	view.threshold_bps = 0;
	view.to_ms = view.from_ms;
	svg_throughput(NULL, &view, &svg);
	assert_non_null(strstr(buf_text(&svg), "No figures in this period"));
	assert_null(strstr(buf_text(&svg), "class=\"threshold\""));
	buf_free(&svg);
}

/* Ticks are at round local hours on both sides of a change of the clocks. */
static void keeps_local_time_across_a_clock_change(void **state)
{
	struct svg_view view = make_view();
	struct reader reader = { .language = "en" };
	struct buf svg = { 0 };
	struct zone *zone;
	struct err err;

	(void)state;
	assert_int_equal(zone_load("Europe/Berlin", &zone, &err), 0);
	reader.zone = zone;
	view.reader = &reader;
	view.from_ms = 1774652400000;             /* 2026-03-28 00:00 in Berlin */
	view.to_ms = view.from_ms + 47 * HOUR_MS;   /* 2026-03-30 00:00, after a day of 23 hours */
	svg_throughput(NULL, &view, &svg);
	for (int day = 28; day <= 30; day++) {
		char label[64];

		snprintf(label, sizeof label, ">%d" NBSP "Mar</text>", day);
		assert_int_equal(count(buf_text(&svg), label), 1);
	}
	assert_int_equal(count(buf_text(&svg), ">12:00</text>"), 2);
	zone_free(zone);
	buf_free(&svg);
}

static void every_judgement_has_its_own_mark(void **state)
{
	struct buf marks[JUDGED_SKIPPED + 1] = { 0 };

	(void)state;
	for (int i = JUDGED_GOOD; i <= JUDGED_SKIPPED; i++) {
		svg_mark((enum judgement)i, &marks[i]);
		for (int other = JUDGED_GOOD; other < i; other++)
			assert_string_not_equal(strstr(buf_text(&marks[i]), " d="), strstr(buf_text(&marks[other]), " d="));
	}
	for (int i = JUDGED_GOOD; i <= JUDGED_SKIPPED; i++)
		buf_free(&marks[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_one_leg),
		cmocka_unit_test(leaves_gaps_open),
		cmocka_unit_test(draws_roll_ups_as_bars),
		cmocka_unit_test(draws_nothing_measured),
		cmocka_unit_test(keeps_local_time_across_a_clock_change),
		cmocka_unit_test(every_judgement_has_its_own_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
