#include "collector/web/svg.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "collector/web/decorate.h"
#include "collector/web/messages.h"

/* The picture's width is that of the plot: rates stand left of it, in a margin that style.css leaves free. */
#define TOP_PX     14
#define BOTTOM_PX  24
#define MINUTE_MS  INT64_C(60000)
#define HOUR_MS    (60 * MINUTE_MS)
#define DAY_MS     (24 * HOUR_MS)
#define TICKS_MAX  6

struct scale {
	const struct svg_view *view;
	int64_t top_bps;    /* of the vertical axis */
	int64_t step_bps;
	int plot_px;
};

/* Around (0, 0), about 9 px wide. */
static const char *const marks[] = {
	[JUDGED_GOOD] = "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z",             /* disc */
	[JUDGED_MARGINAL] = "M0-4.5L4.5 4H-4.5z",                                   /* triangle */
	[JUDGED_BAD] = "M-4-4L4 4M4-4L-4 4",                                        /* cross */
	[JUDGED_UNRESOLVED] = "M0-4.5L4.5 0L0 4.5L-4.5 0z",                         /* diamond */
	[JUDGED_INVALID] = "M-3.5-3.5H3.5V3.5H-3.5z",                               /* square */
	[JUDGED_FAILED] = "M-4.5-4H4.5L0 4.5z",                                     /* triangle on its head */
	[JUDGED_SKIPPED] = "M0-4V4",                                                /* stroke */
};

static const char *text_at(const json_t *item, const char *name)
{
	const char *text = json_string_value(json_object_get(item, name));

	return text ? text : "";
}

static int64_t number_at(const json_t *item, const char *name)
{
	const json_t *value = json_object_get(item, name);

	return json_is_integer(value) ? json_integer_value(value) : -1;
}

/* How long a stretch of time the item stands for; 0: it is one measurement. */
static int64_t span_of(const json_t *item)
{
	int64_t span_ms = number_at(item, "span_ms");

	return span_ms > 0 ? span_ms : 0;
}

static bool is_shown(const json_t *item, const struct svg_view *view)
{
	int64_t at_ms = number_at(item, "started_ms"), span_ms = span_of(item);

	return !strcmp(text_at(item, "leg"), view->leg) && at_ms <= view->to_ms &&
	       (span_ms ? at_ms + span_ms > view->from_ms : at_ms >= view->from_ms);
}

static bool is_point(const json_t *item, const struct svg_view *view)
{
	return is_shown(item, view) && !span_of(item);
}

static enum judgement judgement_of(const json_t *item)
{
	const char *judgement = text_at(item, "judgement");
	int i = JUDGED_GOOD;

	while (i < JUDGED_SKIPPED && strcmp(judgement, judgement_names[i]))
		i++;
	return (enum judgement)i;
}

/* 1, 2 or 5 times a power of ten, so that at most five steps reach top. */
static int64_t nice_step(int64_t top)
{
	static const int64_t factors[] = { 1, 2, 5 };

	for (int64_t power = 1;; power *= 10)
		for (int i = 0; i < 3; i++)
			if (power * factors[i] * 5 >= top)
				return power * factors[i];
}

static struct scale make_scale(const json_t *items, const struct svg_view *view)
{
	struct scale scale = { .view = view, .plot_px = view->height_px - TOP_PX - BOTTOM_PX };
	int64_t top = view->threshold_bps > 0 ? view->threshold_bps : 1;
	const json_t *item;
	size_t i;

	json_array_foreach((json_t *)items, i, item) {
		int64_t highest_bps = number_at(item, span_of(item) ? "p95_bps" : "throughput_bps");

		if (is_shown(item, view) && highest_bps > top)
			top = highest_bps;
	}
	scale.step_bps = nice_step(top);
	scale.top_bps = (top + scale.step_bps - 1) / scale.step_bps * scale.step_bps;
	return scale;
}

/* Hundredths of a percent of the plot's width. */
static int64_t x_of(const struct scale *scale, int64_t at_ms)
{
	int64_t span_ms = scale->view->to_ms - scale->view->from_ms;

	return span_ms > 0 ? (int64_t)((double)(at_ms - scale->view->from_ms) * 10000 / (double)span_ms) : 5000;
}

static int y_of(const struct scale *scale, int64_t bps)
{
	return TOP_PX + scale->plot_px - (int)((double)bps * scale->plot_px / (double)scale->top_bps);
}

static void append_x(struct buf *out, const char *name, int64_t x)
{
	buf_printf(out, " %s=\"%" PRId64 ".%02" PRId64 "%%\"", name, x / 100, x % 100);
}

static void append_rates(struct buf *out, const struct scale *scale)
{
	char text[FORMAT_SIZE];

	for (int64_t bps = 0; bps <= scale->top_bps; bps += scale->step_bps) {
		int y = y_of(scale, bps);

		format_rate(scale->view->reader, bps, text);
		buf_printf(out, "<line class=\"grid\" x1=\"0\" x2=\"100%%\" y1=\"%d\" y2=\"%d\"/>", y, y);
		buf_printf(out, "<text x=\"-6\" y=\"%d\" text-anchor=\"end\">%s</text>", y + 4, text);
	}
}

static int64_t tick_step(int64_t span_ms)
{
	static const int64_t steps[] = {
		5 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS,
		DAY_MS, 2 * DAY_MS, 7 * DAY_MS, 14 * DAY_MS, 30 * DAY_MS, 60 * DAY_MS, 180 * DAY_MS,
	};
	size_t count = sizeof steps / sizeof steps[0];

	for (size_t i = 0; i < count; i++)
		if (span_ms / steps[i] < TICKS_MAX)
			return steps[i];
	return span_ms / TICKS_MAX + 1;
}

static void append_tick(struct buf *out, const struct scale *scale, int64_t at_ms, const char *label)
{
	int64_t x = x_of(scale, at_ms);

	if (x < 0 || x > 10000)
		return;
	buf_append_text(out, "<line class=\"grid\"");
	append_x(out, "x1", x);
	append_x(out, "x2", x);
	buf_printf(out, " y1=\"%d\" y2=\"%d\"/><text", TOP_PX, TOP_PX + scale->plot_px);
	append_x(out, "x", x);
	buf_printf(out, " y=\"%d\" text-anchor=\"middle\">%s</text>", scale->view->height_px - 6, label);
}

/* Ticks at round local times, also after the clocks change; midnight is labelled with its day. */
static void append_times(struct buf *out, const struct scale *scale)
{
	const struct svg_view *view = scale->view;
	const struct zone *zone = view->reader->zone;
	int64_t step_ms = tick_step(view->to_ms - view->from_ms);
	int64_t offset_ms = zone_offset_s(zone, view->from_ms) * 1000;
	int64_t local_to_ms = view->to_ms + zone_offset_s(zone, view->to_ms) * 1000;
	int64_t local_ms = (view->from_ms + offset_ms + step_ms - 1) / step_ms * step_ms;

	for (; local_ms <= local_to_ms; local_ms += step_ms) {
		int64_t at_ms = local_ms - zone_offset_s(zone, local_ms - offset_ms) * 1000;
		char label[FORMAT_SIZE];

		if (local_ms % DAY_MS == 0)
			format_day(view->reader, at_ms, label);
		else
			format_hour(view->reader, at_ms, label);
		append_tick(out, scale, at_ms, label);
	}
}

static void append_threshold(struct buf *out, const struct scale *scale)
{
	const struct svg_view *view = scale->view;
	int y = y_of(scale, view->threshold_bps);
	char text[FORMAT_SIZE];

	if (view->threshold_bps <= 0)
		return;
	format_rate(view->reader, view->threshold_bps, text);
	buf_printf(out, "<line class=\"threshold\" x1=\"0\" x2=\"100%%\" y1=\"%d\" y2=\"%d\"/>", y, y);
	buf_printf(out, "<text class=\"threshold\" x=\"100%%\" y=\"%d\" text-anchor=\"end\">%s %s</text>", y - 5,
		   message_text(view->reader->language, "picture.threshold"), text);
}

/* Joins figures that follow each other; where none came for four times the usual interval, nothing is known. */
static void append_line(struct buf *out, const json_t *items, const struct scale *scale)
{
	int64_t last_ms = -1, last_bps = -1, first_ms = -1, count = 0;
	int64_t gap_ms;
	const json_t *item;
	size_t i;

	json_array_foreach((json_t *)items, i, item) {
		if (!is_point(item, scale->view))
			continue;
		last_ms = number_at(item, "started_ms");
		first_ms = count++ ? first_ms : last_ms;
	}
	gap_ms = count > 1 ? 4 * (last_ms - first_ms) / (count - 1) : 0;
	json_array_foreach((json_t *)items, i, item) {
		int64_t at_ms = number_at(item, "started_ms"), bps = number_at(item, "throughput_bps");

		if (!is_point(item, scale->view))
			continue;
		if (bps >= 0 && last_bps >= 0 && at_ms - last_ms <= gap_ms) {
			buf_append_text(out, "<line class=\"course\"");
			append_x(out, "x1", x_of(scale, last_ms));
			append_x(out, "x2", x_of(scale, at_ms));
			buf_printf(out, " y1=\"%d\" y2=\"%d\"/>", y_of(scale, last_bps), y_of(scale, bps));
		}
		last_ms = at_ms;
		last_bps = bps;
	}
}

/* One point, with its text for the pointer. Without a figure it stands on the time axis. */
static void append_point(struct buf *out, const json_t *item, const struct scale *scale)
{
	const struct reader *reader = scale->view->reader;
	int64_t bps = number_at(item, "throughput_bps"), at_ms = number_at(item, "started_ms");
	enum judgement judgement = judgement_of(item);
	char time[FORMAT_SIZE], rate[FORMAT_SIZE] = "";

	format_time(reader, at_ms, time);
	if (bps >= 0)
		format_rate(reader, bps, rate);
	buf_append_text(out, "<svg");
	append_x(out, "x", x_of(scale, at_ms));
	buf_printf(out, " y=\"%d\"><path class=\"mark %s\" d=\"%s\"><title>%s: %s%s%s</title></path></svg>",
		   y_of(scale, bps > 0 ? bps : 0), judgement_names[judgement], marks[judgement], time, rate,
		   *rate ? ", " : "", decorate_word(reader, "judgement", judgement_names[judgement]));
}

/* What is between the lowest and the 95th percentile, in words too. */
static void append_range_text(struct buf *out, const json_t *item, const struct reader *reader)
{
	static const struct { const char *member, *message; } figures[] = {
		{ "throughput_bps", "evidence.minimum" }, { "p10_bps", "evidence.p10" }, { "median_bps", "evidence.median" },
		{ "p95_bps", "rollup.p95" },
	};
	char text[FORMAT_SIZE];

	format_time(reader, number_at(item, "started_ms"), text);
	buf_printf(out, "<title>%s.", text);
	for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
		if (number_at(item, figures[i].member) < 0)
			continue;
		format_rate(reader, number_at(item, figures[i].member), text);
		buf_printf(out, " %s: %s.", message_text(reader->language, figures[i].message), text);
	}
	buf_printf(out, " %s: %" PRId64 ", %s: %" PRId64 ", %s: %" PRId64 "</title>", decorate_word(reader, "judgement", "bad"),
		   number_at(item, "bad"), message_text(reader->language, "quality.unmeasured"), number_at(item, "unmeasured"),
		   message_text(reader->language, "rollup.count"), number_at(item, "count"));
}

/* A stretch of time: a bar from the lowest figure to the 95th percentile with a line at the median, and, when any was bad, the
 * mark of that at the lowest. Where nothing could be measured, a bar on the time axis. */
static void append_range(struct buf *out, const json_t *item, const struct scale *scale)
{
	int64_t at_ms = number_at(item, "started_ms"), low_bps = number_at(item, "throughput_bps");
	int64_t from = x_of(scale, at_ms), to = x_of(scale, at_ms + span_of(item)), gap;
	int low = y_of(scale, low_bps > 0 ? low_bps : 0), median = y_of(scale, number_at(item, "median_bps"));
	int high = low_bps < 0 ? low - 3 : y_of(scale, number_at(item, "p95_bps"));
	bool is_bad = number_at(item, "bad") > 0;

	from = from < 0 ? 0 : from;
	to = to > 10000 ? 10000 : to;
	gap = (to - from) / 8;
	buf_printf(out, "<g><rect class=\"range %s\"", low_bps < 0 ? "unmeasured" : is_bad ? "bad" : "good");
	append_x(out, "x", from + gap);
	append_x(out, "width", to - from - 2 * gap);
	buf_printf(out, " y=\"%d\" height=\"%d\"/>", high, low > high ? low - high : 1);
	if (low_bps >= 0) {
		buf_append_text(out, "<line class=\"median\"");
		append_x(out, "x1", from + gap);
		append_x(out, "x2", to - gap);
		buf_printf(out, " y1=\"%d\" y2=\"%d\"/>", median, median);
	}
	if (is_bad) {
		buf_append_text(out, "<svg");
		append_x(out, "x", (from + to) / 2);
		buf_printf(out, " y=\"%d\"><path class=\"mark bad\" d=\"%s\"/></svg>", low, marks[JUDGED_BAD]);
	}
	append_range_text(out, item, scale->view->reader);
	buf_append_text(out, "</g>");
}

static size_t append_points(struct buf *out, const json_t *items, const struct scale *scale)
{
	const json_t *item;
	size_t i, count = 0;

	json_array_foreach((json_t *)items, i, item) {
		if (!is_shown(item, scale->view))
			continue;
		if (span_of(item))
			append_range(out, item, scale);
		else
			append_point(out, item, scale);
		count++;
	}
	return count;
}

/* So many measurements were judged like this, those that were rolled up among them. */
static int64_t count_judged(const json_t *items, const struct svg_view *view, enum judgement judgement)
{
	const json_t *item;
	int64_t count = 0;
	size_t i;

	json_array_foreach((json_t *)items, i, item) {
		int64_t good = number_at(item, "good"), bad = number_at(item, "bad");

		if (is_point(item, view))
			count += judgement_of(item) == judgement;
		else if (is_shown(item, view) && judgement <= JUDGED_BAD)
			count += judgement == JUDGED_GOOD ? good
			       : judgement == JUDGED_BAD ? bad
			       : number_at(item, "count") - good - bad - number_at(item, "unmeasured");
	}
	return count;
}

static int64_t count_unmeasured(const json_t *items, const struct svg_view *view)
{
	const json_t *item;
	int64_t count = 0;
	size_t i;

	json_array_foreach((json_t *)items, i, item)
		if (is_shown(item, view) && span_of(item))
			count += number_at(item, "unmeasured");
	return count;
}

static void append_description(struct buf *out, const json_t *items, const struct svg_view *view)
{
	int64_t unmeasured = count_unmeasured(items, view);
	char from[FORMAT_SIZE], to[FORMAT_SIZE];

	format_time(view->reader, view->from_ms, from);
	format_time(view->reader, view->to_ms, to);
	buf_printf(out, "<title>%s: %s</title><desc>%s – %s.", message_text(view->reader->language, "picture.title"),
		   decorate_word(view->reader, "leg", view->leg), from, to);
	for (int i = JUDGED_GOOD; i <= JUDGED_SKIPPED; i++) {
		int64_t count = count_judged(items, view, (enum judgement)i);

		if (count)
			buf_printf(out, " %s: %" PRId64 ".", decorate_word(view->reader, "judgement", judgement_names[i]), count);
	}
	if (unmeasured)
		buf_printf(out, " %s: %" PRId64 ".", message_text(view->reader->language, "quality.unmeasured"), unmeasured);
	buf_append_text(out, "</desc>");
}

void svg_throughput(const json_t *items, const struct svg_view *view, struct buf *ret_svg)
{
	struct scale scale = make_scale(items, view);

	buf_printf(ret_svg, "<svg class=\"picture\" role=\"img\" width=\"100%%\" "
		   "height=\"%d\">", view->height_px);
	append_description(ret_svg, items, view);
	append_rates(ret_svg, &scale);
	append_times(ret_svg, &scale);
	append_line(ret_svg, items, &scale);
	append_threshold(ret_svg, &scale);
	if (!append_points(ret_svg, items, &scale))
		buf_printf(ret_svg, "<text x=\"50%%\" y=\"%d\" text-anchor=\"middle\">%s</text>", view->height_px / 2,
			   message_text(view->reader->language, "picture.none"));
	buf_append_text(ret_svg, "</svg>");
}

void svg_mark(enum judgement judgement, struct buf *ret_svg)
{
	buf_printf(ret_svg, "<svg class=\"legend-mark\" width=\"14\" height=\"14\" viewBox=\"-7 -7 14 14\" "
		   "aria-hidden=\"true\"><path class=\"mark %s\" d=\"%s\"/></svg>", judgement_names[judgement], marks[judgement]);
}
