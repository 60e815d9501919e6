/* disk_bench: bytes on disk per measurement, with its keys and all that is kept for roll-ups; raw reports not counted.
 *
 *   disk_bench [LINES [DAYS]]
 *
 * Stores the measurements of so many lines, two legs every 15 minutes, in the order in which reports bring them, and weighs the
 * file before and after; rolls them all up, and weighs that. Beside it, the same measurements packed: a day of a line and leg
 * as one blob of differences, as variable-length integers, and the same through zlib. Nothing stores them so: it says what
 * there would be to gain. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/gzip.h"
#include "agent/base/measurement.h"
#include "agent/base/random.h"
#include "agent/base/sqlite.h"
#include "collector/derive/rollup.h"
#include "collector/store/clients.h"
#include "collector/store/measurements.h"
#include "collector/store/store.h"

#define CELL_MS    INT64_C(900000)
#define CELLS_DAY  96
#define DAY_MS     (CELLS_DAY * CELL_MS)
#define STARTED_MS (20416 * DAY_MS)   /* 2025-11-24 */
#define COLUMNS    10

struct fill {
	int lines, days;
	int64_t day;                 /* which one is stored now */
	struct line *all;
};

static _Noreturn void end(const char *what, const struct err *err)
{
	fprintf(stderr, "disk_bench: %s: %s\n", what, err->message);
	exit(4);
}

/* The same for the same line, leg and cell: what a line of its own speed measures, with a slow hour now and then. */
static void make_measurement(int line, int leg, int64_t cell, struct measurement *m)
{
	uint64_t seed = (uint64_t)line * 1000003 + (uint64_t)leg * 7919 + (uint64_t)cell * 104729 + 1;
	struct random_source random = random_seeded(&seed);
	int64_t speed_bps = 20000000 + line * 7000 % 80000000;

	measurement_init(m);
	m->leg = leg;
	m->started_ms = STARTED_MS + cell * CELL_MS + (int64_t)random_below(&random, (uint64_t)CELL_MS);
	m->bytes = 1048576;
	m->throughput_bps = speed_bps - (int64_t)random_below(&random, (uint64_t)speed_bps / 8);
	m->duration_us = m->bytes * 8000000 / m->throughput_bps;
	m->threshold_bps = leg ? 16000000 : 18000000;
	m->first_byte_us = 5000 + (int64_t)random_below(&random, 80000);
	m->cross_rx_bps = (int64_t)random_below(&random, 200000);
	m->judgement = random_below(&random, 100) ? JUDGED_GOOD : JUDGED_BAD;
}

static int make_lines(struct txn *txn, void *arg, struct err *err)
{
	struct fill *fill = arg;

	for (int i = 0; i < fill->lines; i++) {
		struct client client = { .tier = "B" };
		struct line line = { .node = "core", .service_plan = "norm", .always_on = true };

		snprintf(client.id, sizeof client.id, "%d", i);
		snprintf(line.client, sizeof line.client, "%d", i);
		snprintf(line.id, sizeof line.id, "line-%d", i);
		if (client_put(txn, &client, err) < 0 || line_put(txn, &line, err) < 0 || line_get(txn, line.id, &fill->all[i], err) < 0)
			return -1;
	}
	return 0;
}

static int store_day(struct txn *txn, void *arg, struct err *err)
{
	struct fill *fill = arg;

	for (int64_t cell = fill->day * CELLS_DAY; cell < (fill->day + 1) * CELLS_DAY; cell++)
		for (int i = 0; i < fill->lines * LEG_COUNT; i++) {
			struct measurement m;

			make_measurement(i / LEG_COUNT, i % LEG_COUNT, cell, &m);
			if (measurement_put(txn, &fill->all[i / LEG_COUNT], i / LEG_COUNT + 1, 100000 + cell * 3 + i % LEG_COUNT, &m, err) < 0)
				return -1;
		}
	return 0;
}

static int roll_up(struct txn *txn, void *arg, struct err *err)
{
	static const struct collector_config config = {
		.keep_measurements_ms = 3650 * DAY_MS, .keep_hourly_ms = 3650 * DAY_MS, .keep_daily_ms = 3650 * DAY_MS,
		.keep_events_ms = 3650 * DAY_MS,
	};
	const struct fill *fill = arg;
	bool more = true;

	while (more)
		if (rollup_step(txn, &config, STARTED_MS + (fill->days + 1) * DAY_MS, &more, err) < 0)
			return -1;
	return 0;
}

static int64_t weigh(const char *path)
{
	struct err err;
	struct stat stat_of;
	struct db *db;

	if (db_open(path, false, &db, &err) < 0 || db_execute(db, "PRAGMA wal_checkpoint(TRUNCATE)", &err) < 0)
		end(path, &err);
	db_close(db);
	if (stat(path, &stat_of) < 0)
		return 0;
	return stat_of.st_size;
}

static void append_integer(struct buf *buf, int64_t value)
{
	uint64_t rest = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
	unsigned char byte;

	for (; rest >= 0x80; rest >>= 7) {
		byte = (unsigned char)(rest | 0x80);
		buf_append(buf, &byte, 1);
	}
	byte = (unsigned char)rest;
	buf_append(buf, &byte, 1);
}

/* Column after column, each value as its difference from the one before. */
static void pack_day(int line, int leg, int64_t day, struct buf *ret_blob)
{
	int64_t values[CELLS_DAY][COLUMNS];

	for (int i = 0; i < CELLS_DAY; i++) {
		int64_t cell = day * CELLS_DAY + i;
		struct measurement m;

		make_measurement(line, leg, cell, &m);
		const int64_t row[COLUMNS] = { m.started_ms, cell * 3, m.judgement * 64 + m.reason, m.trigger * 4 + m.kind, m.throughput_bps,
					       m.threshold_bps, m.bytes, m.duration_us, m.first_byte_us, m.cross_rx_bps };

		for (int k = 0; k < COLUMNS; k++)
			values[i][k] = row[k];
	}
	for (int k = 0; k < COLUMNS; k++)
		for (int i = 0; i < CELLS_DAY; i++)
			append_integer(ret_blob, values[i][k] - (i ? values[i - 1][k] : 0));
}

/* Bytes of all blobs: pages that are not full would come on top. */
static int64_t weigh_packed(const struct fill *fill, bool squeezed)
{
	int64_t bytes = 0;

	for (int64_t day = 0; day < fill->days; day++)
		for (int i = 0; i < fill->lines * LEG_COUNT; i++) {
			struct buf blob = { 0 }, small = { 0 };
			struct err err;

			pack_day(i / LEG_COUNT, i % LEG_COUNT, day, &blob);
			if (squeezed && gzip_pack(blob.data, blob.length_bytes, &small, &err) < 0)
				end("gzip", &err);
			bytes += (int64_t)(squeezed ? small.length_bytes : blob.length_bytes);
			buf_free(&blob);
			buf_free(&small);
		}
	return bytes;
}

static void remove_file(const char *path)
{
	static const char *const endings[] = { "", "-wal", "-shm" };
	char name[128];

	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
		snprintf(name, sizeof name, "%s%s", path, endings[i]);
		unlink(name);
	}
}

int main(int argc, char **argv)
{
	struct fill fill = { .lines = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1000, .days = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 11 };
	char dir[] = "/var/tmp/plumbline-disk-XXXXXX", path[64];
	int64_t empty_bytes, full_bytes, rolled_bytes;
	struct store *store;
	struct err err;
	double rows;

	if (fill.lines < 1 || fill.days < 1 || !mkdtemp(dir)) {
		fprintf(stderr, "usage: disk_bench [LINES [DAYS]]\n");
		return 2;
	}
	rows = (double)fill.lines * LEG_COUNT * CELLS_DAY * fill.days;
	fill.all = calloc((size_t)fill.lines, sizeof *fill.all);
	snprintf(path, sizeof path, "%s/collector.db", dir);
	if (!fill.all || store_open(&(struct store_options){ .path = path, .readers = 1 }, &store, &err) < 0 ||
	    store_run(store, make_lines, &fill, &err) < 0)
		end(path, &err);
	empty_bytes = weigh(path);
	for (; fill.day < fill.days; fill.day++)
		if (store_run(store, store_day, &fill, &err) < 0)
			end(path, &err);
	full_bytes = weigh(path);
	if (store_run(store, roll_up, &fill, &err) < 0)
		end(path, &err);
	rolled_bytes = weigh(path);
	store_close(store, NULL, NULL);
	printf("%.0f measurements of %d lines: %.1f bytes each on disk; their roll-ups by hour and day %.1f more\n", rows, fill.lines,
	       (double)(full_bytes - empty_bytes) / rows, (double)(rolled_bytes - full_bytes) / rows);
	printf("packed, a day of a line and leg in one blob: %.1f bytes each; through zlib %.1f\n",
	       (double)weigh_packed(&fill, false) / rows, (double)weigh_packed(&fill, true) / rows);
	remove_file(path);
	rmdir(dir);
	free(fill.all);
	return 0;
}
