#include "collector/web/zone.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/mem.h"

/* TZif: a header and data with 32-bit times, then (version 2) the same with 64-bit times, all big-endian:
 *
 *   "TZif" version[1] reserved[15] isut[4] isstd[4] leap[4] times[4] types[4] chars[4]       the header
 *   time[8] x times   type[1] x times   {offset_s[4] is_dst[1] name[1]} x types   …          the data
 */
#define HEADER_BYTES   44
#define TYPE_BYTES     6
#define FILE_BYTES_MAX 65536
#define DAY_MS         INT64_C(86400000)

struct zone {
	size_t count;
	int64_t first_offset_s;       /* before the first transition */
	struct transition {
		int64_t at_s;
		int64_t offset_s;
	} transitions[];
};

struct counts {
	size_t isut, isstd, leap, times, types, chars;
};

static uint64_t read_big(const unsigned char *bytes, int length)
{
	uint64_t value = 0;

	while (length--)
		value = value << 8 | *bytes++;
	return value;
}

static size_t data_bytes(const struct counts *counts, size_t time_bytes)
{
	return counts->times * (time_bytes + 1) + counts->types * TYPE_BYTES + counts->chars +
	       counts->leap * (time_bytes + 4) + counts->isstd + counts->isut;
}

/* Reads a header at *at and steps over it; fails unless its data, too, lies within the file. */
static int read_header(const struct buf *file, size_t *at, size_t time_bytes, struct counts *ret)
{
	const unsigned char *header = (const unsigned char *)file->data + *at;

	if (*at + HEADER_BYTES > file->length_bytes || memcmp(header, "TZif", 4) || header[4] < '2')
		return -1;
	*ret = (struct counts){
		.isut = read_big(header + 20, 4),  .isstd = read_big(header + 24, 4), .leap = read_big(header + 28, 4),
		.times = read_big(header + 32, 4), .types = read_big(header + 36, 4), .chars = read_big(header + 40, 4),
	};
	*at += HEADER_BYTES;
	return !ret->types || data_bytes(ret, time_bytes) > file->length_bytes - *at ? -1 : 0;
}

static int64_t type_offset_s(const unsigned char *types, size_t index)
{
	return (int32_t)read_big(types + index * TYPE_BYTES, 4);
}

static int parse(const struct buf *file, struct zone **ret_zone)
{
	const unsigned char *times, *indexes, *types;
	struct counts counts;
	struct zone *zone;
	size_t at = 0;

	if (read_header(file, &at, 4, &counts) < 0)
		return -1;
	at += data_bytes(&counts, 4);
	if (read_header(file, &at, 8, &counts) < 0)
		return -1;
	times = (const unsigned char *)file->data + at;
	indexes = times + counts.times * 8;
	types = indexes + counts.times;
	for (size_t i = 0; i < counts.times; i++)
		if (indexes[i] >= counts.types)
			return -1;
	zone = xcalloc(1, sizeof *zone + counts.times * sizeof zone->transitions[0]);
	zone->count = counts.times;
	zone->first_offset_s = type_offset_s(types, 0);
	for (size_t i = 0; i < counts.times; i++)
		zone->transitions[i] = (struct transition){
			.at_s = (int64_t)read_big(times + i * 8, 8), .offset_s = type_offset_s(types, indexes[i]),
		};
	*ret_zone = zone;
	return 0;
}

static int read_file(const char *path, struct buf *ret_file, struct err *err)
{
	FILE *stream = fopen(path, "re");
	int rc = 0;

	if (!stream)
		return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	ret_file->length_bytes = fread(buf_reserve(ret_file, FILE_BYTES_MAX), 1, FILE_BYTES_MAX, stream);
	if (ferror(stream))
		rc = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	fclose(stream);
	return rc;
}

int zone_load(const char *name, struct zone **ret_zone, struct err *err)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_/";
	struct buf file = { 0 };
	char path[128];
	int rc;

	if (!*name || *name == '/' || strlen(name) > 64 || name[strspn(name, letters)])
		return err_set(err, ERR_INPUT, "%s: not the name of a time zone, such as Europe/Moscow", name);
	snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
	rc = read_file(path, &file, err);
	if (rc == 0 && parse(&file, ret_zone) < 0)
		rc = err_set(err, ERR_INPUT, "%s: not a TZif file of version 2 or later", path);
	buf_free(&file);
	return rc;
}

void zone_free(struct zone *zone)
{
	free(zone);
}

int64_t zone_offset_s(const struct zone *zone, int64_t utc_ms)
{
	size_t low = 0, high = zone ? zone->count : 0;
	int64_t utc_s = utc_ms / 1000;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (zone->transitions[middle].at_s <= utc_s)
			low = middle + 1;
		else
			high = middle;
	}
	if (low)
		return zone->transitions[low - 1].offset_s;
	return zone ? zone->first_offset_s : 0;
}

int64_t zone_to_utc_ms(const struct zone *zone, int64_t local_ms)
{
	int64_t before_ms = local_ms - zone_offset_s(zone, local_ms - DAY_MS) * 1000;
	int64_t after_ms = local_ms - zone_offset_s(zone, local_ms + DAY_MS) * 1000;

	if (before_ms + zone_offset_s(zone, before_ms) * 1000 == local_ms)
		return before_ms;
	return after_ms + zone_offset_s(zone, after_ms) * 1000 == local_ms ? after_ms : before_ms;
}
