#include "agent/base/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

#define DIGITS_MAX 18   /* as many always fit into an int64_t */

struct unit {
	const char *name;
	int64_t factor;
};

struct quantity {
	const struct unit *units;   /* ends with a row whose name is NULL */
	const char *accepted;       /* for messages */
};

static const struct unit rate_units[] = {
	{ "bit/s", 1 }, { "kbit/s", 1000 }, { "Mbit/s", 1000000 }, { "Gbit/s", 1000000000 },
	{ "B/s", 8 }, { "kB/s", 8000 }, { "KB/s", 8000 }, { "KiB/s", 8 * KIB }, { "MB/s", 8000000 }, { "MiB/s", 8 * MIB },
	{ NULL, 0 },
};

static const struct unit size_units[] = {
	{ "B", 1 }, { "kB", 1000 }, { "KB", 1000 }, { "KiB", KIB }, { "MB", 1000000 }, { "MiB", MIB },
	{ "GB", 1000000000 }, { "GiB", GIB },
	{ NULL, 0 },
};

static const struct unit duration_units[] = {
	{ "ms", 1 }, { "s", SECOND_MS }, { "m", MINUTE_MS }, { "h", HOUR_MS }, { "d", DAY_MS },
	{ NULL, 0 },
};

static const struct quantity rate = {
	rate_units, "bit/s, kbit/s, Mbit/s, Gbit/s, B/s, kB/s (or KB/s), KiB/s, MB/s, MiB/s; for example 30KB/s",
};
static const struct quantity size = {
	size_units, "B, kB (or KB), KiB, MB, MiB, GB, GiB; for example 1.5MiB",
};
static const struct quantity duration = {
	duration_units, "ms, s, m, h, d; for example 15m",
};

/* A decimal number without its point: digits / 10^decimals. */
struct number {
	int64_t digits;
	int decimals;
};

/* Returns where the number ends, or NULL when text does not begin with one that fits. */
static const char *read_number(const char *text, struct number *ret_number)
{
	struct number number = { 0 };
	bool after_point = false;
	int count = 0;

	for (; isdigit((unsigned char)*text) || (*text == '.' && !after_point && count); text++) {
		if (*text == '.') {
			after_point = true;
			if (!isdigit((unsigned char)text[1]))
				return NULL;
			continue;
		}
		if (++count > DIGITS_MAX)
			return NULL;
		number.digits = number.digits * 10 + (*text - '0');
		number.decimals += after_point;
	}
	if (!count)
		return NULL;
	*ret_number = number;
	return text;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
	for (; units->name; units++)
		if (!strcmp(units->name, name))
			return units;
	return NULL;
}

static int parse(const char *text, const struct quantity *quantity, int64_t *ret_value, struct err *err)
{
	struct number number;
	const char *name = read_number(text, &number);
	const struct unit *unit;
	__int128 scaled, divisor = 1;

	if (!name)
		return err_set(err, ERR_INPUT, "\"%.40s\" is not a number of at most %d digits with a unit, write one of %s",
			       text, DIGITS_MAX, quantity->accepted);
	name += strspn(name, " ");
	if (!*name)
		return err_set(err, ERR_INPUT, "\"%.40s\" has no unit, write one of %s", text, quantity->accepted);
	unit = find_unit(quantity->units, name);
	if (!unit)
		return err_set(err, ERR_INPUT, "\"%.40s\": \"%.20s\" is not a known unit, write one of %s", text, name,
			       quantity->accepted);
	for (int i = 0; i < number.decimals; i++)
		divisor *= 10;
	scaled = ((__int128)number.digits * unit->factor + divisor / 2) / divisor;
	if (scaled > INT64_MAX)
		return err_set(err, ERR_INPUT, "\"%.40s\" is too large", text);
	*ret_value = (int64_t)scaled;
	return 0;
}

int units_parse_rate(const char *text, int64_t *ret_bps, struct err *err)
{
	return parse(text, &rate, ret_bps, err);
}

int units_parse_size(const char *text, int64_t *ret_bytes, struct err *err)
{
	return parse(text, &size, ret_bytes, err);
}

int units_parse_duration(const char *text, int64_t *ret_ms, struct err *err)
{
	return parse(text, &duration, ret_ms, err);
}

/* names[i] is 1000^i; a value that rounds to 1000 takes the next unit. */
static void format_thousands(int64_t value, const char *const names[4], char ret_text[UNITS_TEXT_SIZE])
{
	double scaled = (double)value;
	int i = 0;

	for (; i < 3 && scaled >= 999.5; i++)
		scaled /= 1000;
	if (scaled >= 999.5)
		snprintf(ret_text, UNITS_TEXT_SIZE, "%.0f %s", scaled, names[i]);
	else
		snprintf(ret_text, UNITS_TEXT_SIZE, "%.3g %s", scaled, names[i]);
}

void units_format_rate(int64_t bps, char ret_text[UNITS_TEXT_SIZE])
{
	static const char *const names[4] = { "bit/s", "kbit/s", "Mbit/s", "Gbit/s" };

	format_thousands(bps, names, ret_text);
}

void units_format_size(int64_t bytes, char ret_text[UNITS_TEXT_SIZE])
{
	static const char *const names[4] = { "B", "kB", "MB", "GB" };

	format_thousands(bytes, names, ret_text);
}

void units_format_duration(int64_t ms, char ret_text[UNITS_TEXT_SIZE])
{
	static const struct unit units[] = { { "d", DAY_MS }, { "h", HOUR_MS }, { "m", MINUTE_MS }, { "s", SECOND_MS } };

	for (size_t i = 0; i < 3; i++) {
		const struct unit *big = &units[i], *small = &units[i + 1];
		int64_t whole = ms / small->factor + (ms % small->factor >= small->factor / 2);   /* in the small unit */
		int64_t per_big = big->factor / small->factor;

		if (whole < per_big)
			continue;
		if (whole % per_big)
			snprintf(ret_text, UNITS_TEXT_SIZE, "%" PRId64 " %s %" PRId64 " %s", whole / per_big, big->name,
				 whole % per_big, small->name);
		else
			snprintf(ret_text, UNITS_TEXT_SIZE, "%" PRId64 " %s", whole / per_big, big->name);
		return;
	}
	if (ms < SECOND_MS)
		snprintf(ret_text, UNITS_TEXT_SIZE, "%" PRId64 " ms", ms);
	else
		snprintf(ret_text, UNITS_TEXT_SIZE, "%.3g s", (double)ms / 1000);
}
