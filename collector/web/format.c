#include "collector/web/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "collector/web/messages.h"

#define NBSP "\xc2\xa0"   /* keeps a figure and its unit on one line */

struct unit {
	int64_t size;
	const char *key;
};

/* From the smallest on. */
static const struct unit rates[] = {
	{ 1, "unit.bps" }, { 1000, "unit.kbps" }, { 1000000, "unit.mbps" }, { 1000000000, "unit.gbps" },
};
static const struct unit sizes[] = {
	{ 1, "unit.b" }, { 1000, "unit.kb" }, { 1000000, "unit.mb" }, { 1000000000, "unit.gb" },
};
static const struct unit short_durations[] = { { 1, "unit.us" }, { 1000, "unit.ms" }, { 1000000, "unit.s" } };
static const struct unit long_durations[] = {
	{ 1, "unit.s" }, { 60, "unit.min" }, { 3600, "unit.h" }, { 86400, "unit.d" },
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static size_t fitting_unit(const struct unit *units, size_t count, int64_t value)
{
	size_t i = count - 1;

	while (i > 0 && value < units[i].size)
		i--;
	return i;
}

/* "94.1" of 94190 thousandths and the like: whole and fraction, without zeros at the end. */
static void format_digits(const struct reader *reader, int64_t value, int64_t size, char ret_text[FORMAT_SIZE])
{
	int64_t whole = value / size, parts = whole >= 100 || size == 1 ? 1 : whole >= 10 ? 10 : 100;
	int64_t fraction = value % size / (size / parts ? size / parts : 1);
	const char *point = strcmp(reader->language, "ru") ? "." : ",";

	while (parts > 1 && fraction % 10 == 0) {
		fraction /= 10;
		parts /= 10;
	}
	if (parts == 1)
		snprintf(ret_text, FORMAT_SIZE, "%" PRId64, whole);
	else
		snprintf(ret_text, FORMAT_SIZE, "%" PRId64 "%s%0*" PRId64, whole, point, parts == 10 ? 1 : 2, fraction);
}

static void format_with_unit(const struct reader *reader, const struct unit *units, size_t count, int64_t value,
			     char ret_text[FORMAT_SIZE])
{
	const struct unit *unit = &units[fitting_unit(units, count, value)];
	char digits[FORMAT_SIZE];

	format_digits(reader, value, unit->size, digits);
	snprintf(ret_text, FORMAT_SIZE, "%.24s" NBSP "%s", digits, message_text(reader->language, unit->key));
}

void format_rate(const struct reader *reader, int64_t bps, char ret_text[FORMAT_SIZE])
{
	format_with_unit(reader, rates, COUNT(rates), bps, ret_text);
}

void format_size(const struct reader *reader, int64_t bytes, char ret_text[FORMAT_SIZE])
{
	format_with_unit(reader, sizes, COUNT(sizes), bytes, ret_text);
}

void format_duration(const struct reader *reader, int64_t us, char ret_text[FORMAT_SIZE])
{
	int64_t s = us / 1000000, rest;
	size_t unit;
	int length;

	if (s < 60) {
		format_with_unit(reader, short_durations, COUNT(short_durations), us, ret_text);
		return;
	}
	unit = fitting_unit(long_durations, COUNT(long_durations), s);
	length = snprintf(ret_text, FORMAT_SIZE, "%" PRId64 NBSP "%s", s / long_durations[unit].size,
			  message_text(reader->language, long_durations[unit].key));
	rest = s % long_durations[unit].size / long_durations[unit - 1].size;
	if (rest)
		snprintf(ret_text + length, FORMAT_SIZE - (size_t)length, NBSP "%" PRId64 NBSP "%s", rest,
			 message_text(reader->language, long_durations[unit - 1].key));
}

static struct tm civil(const struct reader *reader, int64_t utc_ms)
{
	time_t local = utc_ms / 1000 + zone_offset_s(reader->zone, utc_ms);
	struct tm parts = { 0 };

	gmtime_r(&local, &parts);
	return parts;
}

static const char *month(const struct reader *reader, const struct tm *parts)
{
	char key[16];

	snprintf(key, sizeof key, "month.%02u", (unsigned)parts->tm_mon % 12 + 1);
	return message_text(reader->language, key);
}

void format_time(const struct reader *reader, int64_t utc_ms, char ret_text[FORMAT_SIZE])
{
	struct tm parts = civil(reader, utc_ms);

	snprintf(ret_text, FORMAT_SIZE, "%d" NBSP "%s %d" NBSP "%02d:%02d", parts.tm_mday, month(reader, &parts),
		 parts.tm_year + 1900, parts.tm_hour, parts.tm_min);
}

void format_day(const struct reader *reader, int64_t utc_ms, char ret_text[FORMAT_SIZE])
{
	struct tm parts = civil(reader, utc_ms);

	snprintf(ret_text, FORMAT_SIZE, "%d" NBSP "%s", parts.tm_mday, month(reader, &parts));
}

void format_hour(const struct reader *reader, int64_t utc_ms, char ret_text[FORMAT_SIZE])
{
	struct tm parts = civil(reader, utc_ms);

	snprintf(ret_text, FORMAT_SIZE, "%02d:%02d", parts.tm_hour, parts.tm_min);
}

void format_percent(const struct reader *reader, int64_t percent, char ret_text[FORMAT_SIZE])
{
	(void)reader;
	snprintf(ret_text, FORMAT_SIZE, "%" PRId64 NBSP "%%", percent);
}

void format_ppm(const struct reader *reader, int64_t ppm, char ret_text[FORMAT_SIZE])
{
	const char *point = strcmp(reader->language, "ru") ? "." : ",";

	snprintf(ret_text, FORMAT_SIZE, "%" PRId64 "%s%03" PRId64 NBSP "%%", ppm / 10000, point, ppm % 10000 / 10);
}
