#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent/base/json.h"
#include "agent/base/measurement.h"
#include "agent/base/mem.h"
#include "agent/base/sqlite.h"
#include "agent/watch/event.h"
#include "agent/spool/spool.h"
#include "tests/unit/agent/scratch.h"

#define MAX_BYTES (INT64_C(256) << 20)

static struct scratch scratch;
static uint64_t state;
static struct random_source random_source;

static int set_up(void **unused)
{
	(void)unused;
	scratch_make(&scratch);
	state = 42;
	random_source = random_seeded(&state);
	return 0;
}

static int tear_down(void **unused)
{
	(void)unused;
	scratch_remove(&scratch);
	return 0;
}

static struct spool *open_bounded(int64_t max_bytes)
{
	struct spool *spool = NULL;
	struct err err = { 0 };

	if (spool_open(scratch_file(&scratch, "spool.db"), max_bytes, &random_source, &spool, &err) < 0)
		fail_msg("%s", err.message);
	return spool;
}

static struct spool *open_spool(void)
{
	return open_bounded(MAX_BYTES);
}

static int try_append(struct spool *spool, const char *type, json_t *members, int64_t *ret_seq, struct err *err)
{
	struct spool_event event = { "boot-1", type, json_integer_value(json_object_get(members, "started_ms")), members };
	int rc = spool_append(spool, &event, ret_seq, err);

	json_decref(members);
	return rc;
}

static int64_t append(struct spool *spool, const char *type, json_t *members)
{
	struct err err = { 0 };
	int64_t seq = 0;

	if (try_append(spool, type, members, &seq, &err) < 0)
		fail_msg("%s", err.message);
	return seq;
}

static json_t *measured(const char *leg, int64_t started_ms, const char *more_name, const char *more)
{
	return json_pack("{s:s, s:I, s:s, s:s}", "leg", leg, "started_ms", (json_int_t)started_ms, "trigger", "schedule",
			 more_name, more);
}

static int64_t append_measurement(struct spool *spool, const char *leg, int64_t started_ms)
{
	return append(spool, "measurement", measured(leg, started_ms, "file", "local"));
}

static struct spool_state state_of(struct spool *spool)
{
	struct spool_state found;
	struct err err;

	assert_int_equal(spool_state(spool, &found, &err), 0);
	return found;
}

static void acknowledge_at(struct spool *spool, int64_t acked_seq, int64_t at_ms, const json_t *rejected)
{
	struct spool_state now = state_of(spool);
	struct spool_answer answer = { .spool = now.uuid, .acked_seq = acked_seq, .generation = 7, .at_ms = at_ms,
				       .rejected = rejected };
	struct err err = { 0 };

	if (spool_acknowledge(spool, &answer, &err) < 0)
		fail_msg("%s", err.message);
}

static void acknowledge(struct spool *spool, int64_t acked_seq, const json_t *rejected)
{
	acknowledge_at(spool, acked_seq, 5000, rejected);
}

static void expect_batch(struct spool *spool, size_t max_events, size_t max_bytes, size_t count, int64_t first, int64_t last)
{
	struct spool_batch batch;
	struct err err;

	assert_int_equal(spool_batch(spool, max_events, max_bytes, &batch, &err), 0);
	assert_int_equal(batch.count, count);
	assert_int_equal(batch.first_seq, first);
	assert_int_equal(batch.last_seq, last);
	spool_batch_free(&batch);
}

static void test_an_event_is_read_back_as_it_was_made(void **unused)
{
	struct spool *spool = open_spool();
	struct spool_batch batch;
	struct err err;

	(void)unused;
	append(spool, "boot", json_pack("{s:I}", "started_ms", (json_int_t)17));
	append(spool, "alive", json_pack("{s:i}", "n", 2));
	assert_int_equal(spool_batch(spool, 10, 1000, &batch, &err), 0);
	assert_string_equal(buf_text(&batch.events), "{\"seq\":1,\"boot\":\"boot-1\",\"type\":\"boot\",\"started_ms\":17},"
						     "{\"seq\":2,\"boot\":\"boot-1\",\"type\":\"alive\",\"n\":2}");
	spool_batch_free(&batch);
	spool_close(spool);
}

static void test_the_file_is_its_owners_and_keeps_its_uuid(void **unused)
{
	struct spool *spool = open_spool();
	struct spool_state first = state_of(spool);
	struct stat file;

	(void)unused;
	spool_close(spool);
	assert_int_equal(stat(scratch_file(&scratch, "spool.db"), &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	spool = open_spool();
	assert_string_equal(state_of(spool).uuid, first.uuid);
	assert_int_equal(strlen(first.uuid), 36);
	spool_close(spool);

	unlink(scratch_file(&scratch, "spool.db"));
	spool = open_spool();
	assert_string_not_equal(state_of(spool).uuid, first.uuid);
	spool_close(spool);
}

static void test_batches_are_bounded_by_count_and_bytes(void **unused)
{
	struct spool *spool = open_spool();

	(void)unused;
	expect_batch(spool, 10, 1000, 0, 0, 0);
	for (int n = 0; n < 5; n++)
		append(spool, "alive", json_pack("{s:i}", "n", n));   /* 50 bytes each */
	expect_batch(spool, 10, 1000, 5, 1, 5);
	expect_batch(spool, 3, 1000, 3, 1, 3);
	expect_batch(spool, 10, 101, 2, 1, 2);
	expect_batch(spool, 10, 10, 1, 1, 1);   /* an event longer than the bound travels alone */
	expect_batch(spool, 0, 1000, 0, 0, 0);
	spool_close(spool);
}

static void test_what_is_acknowledged_is_not_sent_again(void **unused)
{
	struct spool *spool = open_spool();
	struct spool_state found;

	(void)unused;
	assert_int_equal(state_of(spool).generation, JSON_ABSENT);
	for (int n = 0; n < 4; n++)
		append(spool, "alive", json_pack("{s:i}", "n", n));
	acknowledge(spool, 3, NULL);
	expect_batch(spool, 10, 1000, 1, 4, 4);
	spool_close(spool);

	spool = open_spool();
	found = state_of(spool);
	assert_int_equal(found.generation, 7);
	assert_int_equal(found.acked_seq, 3);
	assert_int_equal(found.reported_ms, 5000);
	assert_int_equal(found.waiting, 1);
	spool_close(spool);
}

static void test_a_seq_is_never_used_again(void **unused)
{
	struct spool *spool = open_spool();

	(void)unused;
	assert_int_equal(append(spool, "alive", json_object()), 1);
	assert_int_equal(append(spool, "alive", json_object()), 2);
	acknowledge(spool, 2, NULL);
	expect_batch(spool, 10, 1000, 0, 0, 0);
	spool_close(spool);
	spool = open_spool();
	assert_int_equal(append(spool, "alive", json_object()), 3);
	spool_close(spool);
}

static void test_rejected_events_are_set_aside_and_shown(void **unused)
{
	struct spool *spool = open_spool();
	json_t *rejected = json_pack("[{s:i, s:s}]", "seq", 2, "detail", "bytes: must be an integer");
	json_t *shown;
	struct err err;

	(void)unused;
	for (int n = 0; n < 3; n++)
		append_measurement(spool, "local", n);
	acknowledge(spool, 2, rejected);
	json_decref(rejected);
	assert_int_equal(spool_set_aside(spool, 3, "cannot be read", &err), 0);
	assert_int_equal(state_of(spool).waiting, 0);
	assert_int_equal(state_of(spool).set_aside, 2);
	assert_int_equal(spool_rejected(spool, &shown, &err), 0);
	rejected = json_pack("[{s:i, s:s, s:s}, {s:i, s:s, s:s}]", "seq", 2, "type", "measurement", "detail",
			     "bytes: must be an integer", "seq", 3, "type", "measurement", "detail", "cannot be read");
	assert_true(json_equal(shown, rejected));
	json_decref(rejected);
	json_decref(shown);
	spool_close(spool);
}

static size_t count_since(struct spool *spool, int64_t since_ms)
{
	json_t *array;
	struct err err;
	size_t count;

	assert_int_equal(spool_measurements(spool, since_ms, &array, &err), 0);
	count = json_array_size(array);
	json_decref(array);
	return count;
}

static void test_measurements_stay_readable_beside_the_writer(void **unused)
{
	struct spool *spool = open_spool(), *reader;
	json_t *newest;
	struct err err;

	(void)unused;
	append_measurement(spool, "local", 1000);
	append_measurement(spool, "hub", 2000);
	append(spool, "alive", json_object());
	acknowledge(spool, 3, NULL);
	append_measurement(spool, "local", 3000);

	assert_int_equal(spool_open_reading(scratch_file(&scratch, "spool.db"), &reader, &err), 0);
	assert_int_equal(count_since(reader, 0), 3);
	assert_int_equal(count_since(reader, 2000), 2);
	assert_int_equal(spool_newest(reader, "local", &newest, &err), 0);
	assert_int_equal(json_integer_value(json_object_get(newest, "seq")), 4);
	json_decref(newest);
	append_measurement(spool, "local", 4000);
	assert_int_equal(count_since(reader, 0), 4);
	spool_close(reader);
	spool_close(spool);
}

static void test_texts_are_kept(void **unused)
{
	struct spool *spool = open_spool();
	char text[8] = "x";
	struct err err;

	(void)unused;
	assert_int_equal(spool_kept(spool, "budget", text, sizeof text, &err), 0);
	assert_string_equal(text, "");
	assert_int_equal(spool_keep(spool, "budget", "one", &err), 0);
	assert_int_equal(spool_keep(spool, "budget", "two", &err), 0);
	assert_int_equal(spool_kept(spool, "budget", text, sizeof text, &err), 0);
	assert_string_equal(text, "two");
	spool_close(spool);
}

static void test_cells_and_orders_are_found(void **unused)
{
	struct spool *spool = open_spool();
	json_t *newest;
	int64_t cell_ms;
	struct err err;
	int answered;

	(void)unused;
	assert_int_equal(spool_newest_cell(spool, &cell_ms, &err), 0);
	assert_int_equal(cell_ms, JSON_ABSENT);
	assert_int_equal(spool_newest(spool, "hub", &newest, &err), 0);
	assert_true(json_is_null(newest));
	append(spool, "measurement", json_pack("{s:s, s:i}", "trigger", "schedule", "cell_ms", 900000));
	append(spool, "measurement", json_pack("{s:s, s:s}", "trigger", "order", "order", "o-1"));
	append(spool, "measurement", json_pack("{s:s, s:s}", "trigger", "schedule", "kind", "capacity"));   /* has no cell */
	assert_int_equal(spool_newest_cell(spool, &cell_ms, &err), 0);
	assert_int_equal(cell_ms, 900000);
	assert_int_equal(spool_order_answered(spool, "o-1", &answered, &err), 0);
	assert_int_equal(answered, 1);
	assert_int_equal(spool_order_answered(spool, "o-2", &answered, &err), 0);
	assert_int_equal(answered, 0);
	spool_close(spool);
}

static void test_a_fault_is_shown_until_the_next_acknowledgement(void **unused)
{
	struct spool *spool = open_spool();
	struct err err;

	(void)unused;
	assert_string_equal(state_of(spool).fault, "");
	assert_int_equal(spool_note_fault(spool, "no route to host", 4000, &err), 0);
	assert_string_equal(state_of(spool).fault, "no route to host");
	assert_int_equal(state_of(spool).fault_ms, 4000);
	acknowledge(spool, 0, NULL);
	assert_string_equal(state_of(spool).fault, "");
	spool_close(spool);
}

/* --- what stays, and what goes --- */

static const char *const types[] = { "measurement", "alive", "latency", "boot", "outage" };

#define TYPE_COUNT ((int)(sizeof types / sizeof types[0]))

/* Of each type: how many events are in the file, and how many its "dropped" events name. Read from the file itself. */
struct stock {
	int64_t stored[TYPE_COUNT], lost[TYPE_COUNT];
	int dropped_events;
};

static int type_index(const char *type)
{
	for (int i = 0; i < TYPE_COUNT; i++)
		if (!strcmp(types[i], type))
			return i;
	fail_msg("%s", type);
	return 0;
}

static void count_lost(const char *body, struct stock *stock)
{
	json_t *event, *entry;
	struct err err;
	size_t i;

	assert_int_equal(json_parse(body, strlen(body), &event, &err), 0);
	json_array_foreach(json_object_get(event, "lost"), i, entry) {
		assert_string_equal(json_string_value(json_object_get(entry, "reason")), "full");
		stock->lost[type_index(json_string_value(json_object_get(entry, "type")))] +=
			json_integer_value(json_object_get(entry, "count"));
	}
	json_decref(event);
	stock->dropped_events++;
}

static struct stock take_stock(void)
{
	struct stock stock = { 0 };
	sqlite3_stmt *select;
	struct db *db;
	struct err err;

	assert_int_equal(db_open(scratch_file(&scratch, "spool.db"), true, &db, &err), 0);
	select = db_statement(db, "SELECT type, body FROM event");
	while (db_step(select, &err) > 0)
		if (!strcmp(db_column_text(select, 0), "dropped"))
			count_lost(db_column_text(select, 1), &stock);
		else
			stock.stored[type_index(db_column_text(select, 0))]++;
	db_close(db);
	return stock;
}

static json_t *sized(int n, size_t bytes)
{
	char filling[1024] = "";

	memset(filling, 'x', bytes);
	return json_pack("{s:i, s:s}", "started_ms", n, "filling", filling);
}

/* How many are made of each type, mixed; so many types from the left then have losses, and all before the last of those
 * are gone but for the newest few that came after. */
static const struct {
	const char *name;
	int made[5];   /* measurement, alive, latency, boot, outage */
	int lossy;
} floods[] = {
	{ "everything fits",                         { 50, 50, 50, 5, 5 },      0 },
	{ "measurements make room for measurements", { 900, 0, 0, 0, 0 },       1 },
	{ "measurements make room for the rest",     { 300, 150, 120, 10, 10 }, 1 },
	{ "then what the watch saw",                 { 100, 400, 350, 10, 10 }, 3 },
	{ "then boots, and outages last",            { 50, 50, 50, 50, 700 },   5 },
};

static void make_flood(struct spool *spool, const int made[5])
{
	int left[5], more = 1;

	memcpy(left, made, sizeof left);
	for (int n = 0; more; n++) {
		more = 0;
		for (int i = 0; i < TYPE_COUNT; i++) {
			if (left[i] > 0)
				append(spool, types[i], sized(n, 300));
			more |= left[i]-- > 1;
		}
	}
}

static void test_at_its_bound_the_least_important_goes_and_is_counted(void **state_)
{
	for (size_t f = 0; f < sizeof floods / sizeof floods[0]; f++) {
		struct spool *spool = open_bounded(200000);
		struct stock stock;
		struct stat file;

		make_flood(spool, floods[f].made);
		spool_close(spool);
		assert_int_equal(stat(scratch_file(&scratch, "spool.db"), &file), 0);
		assert_true(file.st_size < 250000);
		stock = take_stock();
		assert_int_equal(stock.dropped_events, floods[f].lossy ? 1 : 0);
		for (int i = 0; i < TYPE_COUNT; i++)
			if (stock.stored[i] + stock.lost[i] != floods[f].made[i] || (i >= floods[f].lossy && stock.lost[i]) ||
			    (i + 1 == floods[f].lossy && (!stock.lost[i] || !stock.stored[i])))
				fail_msg("%s: of %d %s events %d are stored, %d were dropped", floods[f].name,
					 floods[f].made[i], types[i], (int)stock.stored[i], (int)stock.lost[i]);
		tear_down(state_);
		set_up(state_);
	}
}

/* The first entry of the newest "dropped" event that waits. */
static json_t *read_dropped(struct spool *spool, int64_t *ret_seq)
{
	json_t *events, *event, *found = NULL;
	struct buf text = { 0 };
	struct spool_batch batch;
	struct err err;
	size_t i;

	assert_int_equal(spool_batch(spool, 100000, SIZE_MAX, &batch, &err), 0);
	buf_printf(&text, "[%s]", buf_text(&batch.events));
	assert_int_equal(json_parse(text.data, text.length_bytes, &events, &err), 0);
	json_array_foreach(events, i, event)
		if (!strcmp(json_string_value(json_object_get(event, "type")), "dropped")) {
			json_decref(found);
			found = json_incref(json_array_get(json_object_get(event, "lost"), 0));
			*ret_seq = json_integer_value(json_object_get(event, "seq"));
		}
	json_decref(events);
	buf_free(&text);
	spool_batch_free(&batch);
	return found;
}

static void test_a_dropped_says_what_and_when(void **unused)
{
	struct spool *spool = open_bounded(200000);
	struct stock stock;
	json_t *entry;
	int64_t seq;

	(void)unused;
	for (int n = 0; n < 600; n++)
		append(spool, "measurement", sized(1000 + n, 300));
	spool_close(spool);
	stock = take_stock();
	spool = open_bounded(MAX_BYTES);
	entry = read_dropped(spool, &seq);
	assert_int_equal(json_integer_value(json_object_get(entry, "count")), stock.lost[0]);
	assert_int_equal(json_integer_value(json_object_get(entry, "first_seq")), 1);
	assert_int_equal(json_integer_value(json_object_get(entry, "last_seq")), stock.lost[0] + (stock.lost[0] > seq));
	assert_int_equal(json_integer_value(json_object_get(entry, "from_ms")), 1000);
	assert_int_equal(json_integer_value(json_object_get(entry, "to_ms")), 1000 + stock.lost[0] - 1);
	json_decref(entry);
	spool_close(spool);
}

/* A report that nobody answered may have arrived: what it carried is neither dropped nor changed, also after a restart. */
static void test_what_was_sent_is_neither_dropped_nor_changed(void **unused)
{
	struct spool *spool = open_bounded(200000);
	int64_t first_dropped, second_dropped;
	struct stock stock;
	int made = 10;

	(void)unused;
	for (int n = 0; n < made; n++)
		append(spool, "measurement", sized(n, 300));
	expect_batch(spool, 10, SIZE_MAX, 10, 1, 10);
	spool_close(spool);
	spool = open_bounded(200000);
	for (; made < 600; made++)
		append(spool, "measurement", sized(made, 300));
	expect_batch(spool, 10, SIZE_MAX, 10, 1, 10);
	spool_close(spool);

	spool = open_bounded(MAX_BYTES);   /* now everything is sent, and the answer is lost */
	json_decref(read_dropped(spool, &first_dropped));
	spool_close(spool);
	spool = open_bounded(200000);
	for (; made < 1200; made++)
		append(spool, "measurement", sized(made, 300));
	spool_close(spool);
	spool = open_bounded(MAX_BYTES);
	json_decref(read_dropped(spool, &second_dropped));
	spool_close(spool);
	assert_true(second_dropped > first_dropped);
	stock = take_stock();
	assert_int_equal(stock.dropped_events, 2);
	assert_int_equal(stock.stored[0] + stock.lost[0], made);
}

static int64_t count_events(void)
{
	sqlite3_stmt *select;
	struct db *db;
	struct err err;
	int64_t count;

	assert_int_equal(db_open(scratch_file(&scratch, "spool.db"), true, &db, &err), 0);
	select = db_statement(db, "SELECT count(*) FROM event");
	assert_int_equal(db_step(select, &err), 1);
	count = db_column_integer(select, 0);
	db_close(db);
	return count;
}

#define DAY_MS INT64_C(86400000)

static void test_what_was_acknowledged_stays_for_a_week(void **unused)
{
	struct spool *spool = open_spool();

	(void)unused;
	for (int day = 1; day <= 10; day++) {
		for (int n = 0; n < 3; n++)
			append(spool, n ? "alive" : "measurement", sized(day, 10));
		append(spool, "outage", json_pack("{s:I}", "started_ms", (json_int_t)(day * DAY_MS)));
		acknowledge_at(spool, day * 4, day * DAY_MS, NULL);
	}
	assert_int_equal(count_events(), 8 * 4 + 2);   /* of the days 3 to 10, and all outages */
	acknowledge_at(spool, 40, 36 * DAY_MS + 1, NULL);
	acknowledge_at(spool, 40, 36 * DAY_MS + 1, NULL);
	assert_int_equal(count_events(), 9);           /* of the first outage not even a word */
	assert_int_equal(state_of(spool).waiting, 0);
	spool_close(spool);
}

static void test_what_was_acknowledged_stays_within_an_eighth(void **unused)
{
	struct spool *spool = open_bounded(80000);
	int64_t kept;

	(void)unused;
	for (int n = 1; n <= 100; n++) {
		append(spool, "alive", sized(n, 400));
		acknowledge(spool, n, NULL);
	}
	kept = count_events();
	assert_in_range(kept, 10000 / 470 - 1, 10000 / 450 + 1);
	spool_close(spool);
}

static void test_what_was_acknowledged_can_be_sent_again(void **unused)
{
	struct spool *spool = open_spool();
	json_t *rejected = json_pack("[{s:i, s:s}]", "seq", 5, "detail", "leg: is missing");
	struct err err;
	bool is_kept;

	(void)unused;
	for (int n = 1; n <= 12; n++)
		append_measurement(spool, "local", n);
	acknowledge(spool, 4, NULL);
	acknowledge(spool, 8, rejected);
	json_decref(rejected);
	expect_batch(spool, 100, 10000, 4, 9, 12);
	assert_int_equal(spool_resend(spool, 4, &err), 0);
	expect_batch(spool, 100, 10000, 8, 4, 12);     /* without the one that was rejected */
	assert_int_equal(state_of(spool).acked_seq, 3);
	assert_int_equal(spool_resend(spool, 100, &err), 0);
	expect_batch(spool, 100, 10000, 8, 4, 12);
	acknowledge(spool, 12, NULL);
	assert_int_equal(state_of(spool).waiting, 0);
	assert_int_equal(spool_resend(spool, 1, &err), 0);
	expect_batch(spool, 100, 10000, 11, 1, 12);
	assert_int_equal(spool_keeps(spool, 4, 6, &is_kept, &err), 0);
	assert_true(is_kept);
	assert_int_equal(spool_keeps(spool, 5, 6, &is_kept, &err), 0);
	assert_false(is_kept);
	assert_int_equal(spool_keeps(spool, 13, 20, &is_kept, &err), 0);
	assert_false(is_kept);
	spool_close(spool);
}

/* --- thirty days without a collector: the events that an agent makes, their figures as long as they get --- */

static json_t *full_measurement(int n)
{
	struct measurement m;

	measurement_init(&m);
	m.leg = n % 2;
	text_copy(m.file, sizeof m.file, "local-64m.example.org");
	m.cell_ms = m.started_ms = INT64_C(1763821800000) + n;
	m.boottime_us = INT64_C(2592000000000);
	m.duration_us = m.steady_from_us = m.steady_us = 34952533;
	m.bytes = m.bytes_spent = 1073741824;
	m.rate_body_bps = m.rate_user_bps = m.rate_steady_bps = m.rate_max1s_bps = 12345678901;
	m.throughput_bps = m.threshold_bps = m.link_bps = 12345678901;
	m.dns_us = m.connect_us = m.tls_us = m.first_byte_us = 12345678;
	m.http_status = 200;
	text_copy(m.peer, sizeof m.peer, "[2001:db8:1234:5678:9abc:def0:1234:5678]:65535");
	text_copy(m.interface, sizeof m.interface, "enp0s31f6.4094");
	m.sha256_ok = 1;
	m.cross_rx_bps = m.cross_tx_bps = 123456789;
	m.lower_bound = 0;
	m.family = 6;
	m.connections = 8;
	m.cpu_percent = 100;
	memset(m.trace, '7', sizeof m.trace - 1);
	memset(m.tcp, '7', sizeof m.tcp - 1);
	m.judgement = JUDGED_UNRESOLVED;
	m.reason = REASON_SHORT_TRANSFER;
	return measurement_to_json(&m);
}

static const struct event_boot boot = { "0f8fad5b-d9cb-469f-a165-70867728950e", { INT64_C(1763821800000), INT64_C(2592000000000), 0 } };

static json_t *full_alive(int n)
{
	return event_alive(&boot, boot.ref.boottime_us - n, boot.ref.boottime_us, 1);
}

static json_t *full_latency(int n)
{
	const struct latency_figures figures = {
		.from_us = boot.ref.boottime_us - n, .to_us = boot.ref.boottime_us, .sent = 300, .lost = 100, .late = 100,
		.loss_ppm = 333333, .min_us = 12345678, .p50_us = 12345678, .p95_us = 12345678, .p99_us = 12345678,
		.pdv_us = 12345678, .ipdv_us = 12345678, .base_us = 12345678, .unavailable_us = 123456789,
	};
	const struct reach_target target = { .host = "files.a-provider-with-a-long-name.example", .way = ECHO_TCP };

	return event_latency(&boot, LEVEL_GATEWAY, &target, &figures);
}

static json_t *full_outage(int n)
{
	const struct outage outage = {
		.cause = CAUSE_LOCAL_SERVER, .started_us = boot.ref.boottime_us - n, .ended_us = boot.ref.boottime_us,
		.down_us = INT64_C(86400000000), .shortest_us = INT64_C(86400000000), .longest_us = INT64_C(86400000000),
	};

	return event_outage(&boot, &outage);
}

#define DAYS 30

static const struct {
	const char *type;
	json_t *(*make)(int n);
	int a_day;
} life[] = {
	{ "measurement", full_measurement, 2 * 96 },      /* two legs each 15 min */
	{ "alive",       full_alive,       2 * 1440 },    /* each 30 s */
	{ "latency",     full_latency,     2 * 288 + 96 }, /* gateway and local server each 5 min, hub each 15 */
	{ "outage",      full_outage,      2 * 48 },      /* a line that falls over twice an hour; said when it does, and when it is over */
};

/* Everything that one day makes, in one transaction. */
static void live_a_day(struct spool *spool)
{
	static struct spool_event events[8192];
	size_t count = 0;
	int64_t first_seq;
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof life / sizeof life[0]; i++)
		for (int n = 0; n < life[i].a_day; n++)
			events[count++] = (struct spool_event){ boot.id, life[i].type,
								INT64_C(1763821800000), life[i].make(n) };
	if (spool_append_all(spool, events, count, &first_seq, &err) < 0)
		fail_msg("%s", err.message);
	for (size_t i = 0; i < count; i++)
		json_decref((json_t *)(uintptr_t)events[i].members);
}

static void test_thirty_days_without_a_collector_lose_nothing(void **unused)
{
	struct spool *spool = open_spool();
	int64_t made = 0;
	struct stat file;

	(void)unused;
	for (size_t i = 0; i < sizeof life / sizeof life[0]; i++)
		made += life[i].a_day * DAYS;
	for (int day = 0; day < DAYS; day++)
		live_a_day(spool);
	assert_int_equal(state_of(spool).waiting, made);
	spool_close(spool);
	assert_int_equal(stat(scratch_file(&scratch, "spool.db"), &file), 0);
	print_message("%d days: %d events, %.1f MB, %d bytes each\n", DAYS, (int)made, (double)file.st_size / 1e6,
		      (int)(file.st_size / made));
	assert_true(file.st_size < MAX_BYTES / 4);
}

static void set_file_bound(rlim_t bytes)
{
	struct rlimit limit = { bytes, RLIM_INFINITY };

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Every bound up to the length of a good append: whichever write fails, nothing is kept and the next try works. */
static void test_a_disk_that_fails_keeps_nothing_and_spends_no_seq(void **unused)
{
	struct spool *spool = open_spool();
	int64_t seq = 0;
	struct err err;

	(void)unused;
	signal(SIGXFSZ, SIG_IGN);
	append(spool, "alive", json_object());
	spool_close(spool);
	spool = open_spool();
	for (rlim_t bound = 0; bound < 8192; bound += 512) {
		set_file_bound(bound);
		assert_int_equal(try_append(spool, "alive", json_object(), &seq, &err), -1);
		assert_int_equal(err.code, ERR_IO);
		assert_non_null(strstr(err.message, "spool "));
		set_file_bound(RLIM_INFINITY);
	}
	assert_int_equal(append(spool, "alive", json_object()), 2);
	expect_batch(spool, 10, 1000, 2, 1, 2);
	spool_close(spool);
}

static void test_opening_says_what_is_wrong(void **unused)
{
	struct spool *spool;
	struct db *db;
	struct err err;

	(void)unused;
	assert_int_equal(spool_open("/proc/none/spool.db", MAX_BYTES, &random_source, &spool, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.message, "spool: /proc/none/spool.db: No such file or directory");

	assert_int_equal(spool_open_reading(scratch_file(&scratch, "spool.db"), &spool, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.message, "there is none, the daemon has not run yet"));

	assert_int_equal(db_open(scratch.file, false, &db, &err), 0);
	assert_int_equal(spool_open_reading(scratch.file, &spool, &err), -1);
	assert_non_null(strstr(err.message, "empty, the daemon has not run yet"));
	assert_int_equal(db_execute(db, "PRAGMA user_version = 2", &err), 0);
	db_close(db);
	assert_int_equal(spool_open(scratch.file, MAX_BYTES, &random_source, &spool, &err), -1);
	assert_non_null(strstr(err.message, "made by a newer version of plumbline-agent"));
}

/* Appends, and says each seq once it counts as made, until it is killed. */
static _Noreturn void write_until_killed(int fd)
{
	struct spool *spool = open_spool();

	for (;;) {
		int64_t seq = append_measurement(spool, "local", 1);

		if (write(fd, &seq, sizeof seq) != sizeof seq)
			_exit(1);
	}
}

static void test_what_counted_as_made_survives_a_kill(void **unused)
{
	int64_t first = 1;

	(void)unused;
	for (int round = 0; round < 5; round++) {
		int64_t seq = 0, last = 0;
		int ends[2];
		struct spool *spool;
		struct spool_state found;
		pid_t writer;

		assert_int_equal(pipe(ends), 0);
		writer = fork();
		if (writer == 0)
			write_until_killed(ends[1]);
		close(ends[1]);
		while (last < first + 20 && read(ends[0], &seq, sizeof seq) == sizeof seq)
			last = seq;
		kill(writer, SIGKILL);
		while (read(ends[0], &seq, sizeof seq) == sizeof seq)
			last = seq;
		close(ends[0]);
		waitpid(writer, NULL, 0);

		spool = open_spool();
		found = state_of(spool);
		assert_in_range(found.waiting, last - first + 1, last - first + 2);   /* one may be stored and unsaid */
		acknowledge(spool, last + 1, NULL);
		first = append(spool, "alive", json_object());
		assert_in_range(first, last + 1, last + 2);
		acknowledge(spool, first, NULL);
		first++;
		spool_close(spool);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_an_event_is_read_back_as_it_was_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_file_is_its_owners_and_keeps_its_uuid, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_batches_are_bounded_by_count_and_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_acknowledged_is_not_sent_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_seq_is_never_used_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rejected_events_are_set_aside_and_shown, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_measurements_stay_readable_beside_the_writer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_texts_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cells_and_orders_are_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_fault_is_shown_until_the_next_acknowledgement, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_at_its_bound_the_least_important_goes_and_is_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_dropped_says_what_and_when, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_was_sent_is_neither_dropped_nor_changed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_was_acknowledged_stays_for_a_week, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_was_acknowledged_stays_within_an_eighth, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_was_acknowledged_can_be_sent_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_thirty_days_without_a_collector_lose_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_disk_that_fails_keeps_nothing_and_spends_no_seq, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_opening_says_what_is_wrong, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_counted_as_made_survives_a_kill, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
