/* The same facts in any order, through the jobs that take in reports: the same derived history, byte for byte. */
#include "collector/api/reports.h"

#include <sodium.h>

#include "collector/api/routes.h"
#include "collector/derive/outages.h"
#include "collector/store/derived.h"
#include "collector/store/sqlite/schema.h"
#include "tests/unit/collector/config.h"
#include "tests/unit/collector/store/sqlite/fixture.h"

#define LINES      20
#define HOUR_MS    INT64_C(3600000)
#define DAY_MS     (24 * HOUR_MS)
#define START_MS   (INT64_C(20004) * DAY_MS)
#define CELLS      (7 * 24)         /* of an hour: over an end of a week */
#define BATCH      24               /* events of a report */
#define EVENTS     (3 * CELLS)      /* of a line */
#define REPORTS    (LINES * EVENTS / BATCH)
#define DELIVERIES (2 * REPORTS)

static const char yaml[] = "service_plans:\n  - {name: norm-2001, local_min: 30KB/s, hub_min: 20KB/s, interval: 1h}\n";
static struct collector_config config;

/* A generator of one's own: the same on every machine. */
static uint32_t draw(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static bool happens(uint32_t *seed, uint32_t percent)
{
	return draw(seed) % 100 < percent;
}

struct world {
	struct txn *txn;
	char agents[LINES][ID_SIZE];
	json_t *events[LINES][EVENTS];
	int64_t received_ms;
	int deliveries;
};

static json_t *make_event(int64_t seq, enum leg leg, int64_t at_ms, uint32_t *seed, uint32_t bad_percent, bool altered)
{
	static const char *const other[] = { "unresolved", "skipped", "invalid", "failed" };
	bool is_bad = happens(seed, bad_percent);
	const char *judgement = altered ? "failed" : happens(seed, 4) ? other[draw(seed) % 4] : is_bad ? "bad" : "good";
	json_t *event = json_pack("{s:I, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:s}",
				  "seq", (json_int_t)seq, "type", "measurement", "boot", "b", "leg", leg_names[leg], "file", "f",
				  "started_ms", (json_int_t)at_ms, "boottime_us", (json_int_t)(at_ms - START_MS) * 1000,
				  "duration_us", (json_int_t)1000000, "bytes", (json_int_t)1048576, "judgement", judgement,
				  "throughput_bps", (json_int_t)(is_bad ? 100000 + (int64_t)draw(seed) % 5000 : 9000000),
				  "threshold_bps", (json_int_t)160000, "trigger", happens(seed, 3) ? "extra" : "schedule");

	assert_non_null(event);
	if (altered || (is_bad && happens(seed, 20)))
		json_object_set_new(event, "reason", json_string(altered ? "altered" : "contended"));
	if (!happens(seed, 10))
		json_object_set_new(event, "cross_rx_bps", json_integer(0));
	return event;
}

/* An hour that the agent watched, or an interruption in it. */
static json_t *make_watched(int64_t seq, int64_t hour_ms, uint32_t *seed)
{
	static const char *const causes[] = { "access", "access", "gateway", "local-server", "upstream", "power", "agent" };
	int64_t down_ms = (20 + draw(seed) % 2400) * INT64_C(1000), at_ms = hour_ms + (int64_t)(draw(seed) % 1000) * 1000;

	if (!happens(seed, 8))
		return json_pack("{s:I, s:s, s:s, s:I, s:I}", "seq", (json_int_t)seq, "type", "alive", "boot", "b", "started_ms",
				 (json_int_t)hour_ms, "ended_ms", (json_int_t)(hour_ms + HOUR_MS));
	return json_pack("{s:I, s:s, s:s, s:I, s:I, s:I, s:s}", "seq", (json_int_t)seq, "type", "outage", "boot", "b", "started_ms",
			 (json_int_t)at_ms, "ended_ms", (json_int_t)(at_ms + down_ms), "down_ms", (json_int_t)down_ms, "cause",
			 causes[draw(seed) % (sizeof causes / sizeof causes[0])]);
}

/* Health with stretches of fault on one leg or both, now and then altered content, and outages. */
static void make_history(struct world *world, int line, uint32_t seed)
{
	uint32_t bad[LEG_COUNT] = { 2, 2 };
	int until = 0;
	int64_t seq = 0;

	for (int cell = 0; cell < CELLS; cell++) {
		if (cell >= until) {
			bool faulty = happens(&seed, 50);

			until = cell + 6 + (int)(draw(&seed) % 60);
			bad[LEG_LOCAL] = faulty && happens(&seed, 60) ? 85 : 2;
			bad[LEG_HUB] = faulty && happens(&seed, 60) ? 85 : 2;
		}
		for (enum leg leg = 0; leg < LEG_COUNT; leg++) {
			int64_t at_ms = START_MS + cell * HOUR_MS + (int64_t)(draw(&seed) % 3600) * 1000;
			bool altered = line % 4 == 0 && cell % 100 > 90 && leg == LEG_HUB;

			world->events[line][seq] = make_event(seq + 1, leg, at_ms, &seed, bad[leg], altered);
			seq++;
		}
		world->events[line][seq] = make_watched(seq + 1, START_MS + cell * HOUR_MS, &seed);
		seq++;
	}
}

static void enrol(struct txn *txn, int number, char ret_agent[ID_SIZE])
{
	unsigned char hash[TOKEN_HASH_BYTES] = { (unsigned char)(number + 1) }, key[PUBLIC_KEY_BYTES] = { (unsigned char)(number + 1) };
	struct enrolment enrolment = { hash, key, ret_agent, "host", "0.1.0", START_MS };
	struct agent agent;
	char id[ID_SIZE];

	snprintf(id, sizeof id, "line-%02d", number);
	put_line(txn, "42", id);
	snprintf(ret_agent, ID_SIZE, "agent-%02d", number);
	assert_ok(token_put(txn, hash, id, START_MS, START_MS + 1000, &err));
	assert_ok(agent_enrol(txn, &enrolment, &agent, &err));
}

static json_t *make_report(const struct world *world, int line, int first, int count, int64_t generation)
{
	json_t *events = json_array();
	char spool[UUID_SIZE];

	snprintf(spool, sizeof spool, "00000000-0000-4000-8000-%012d", line);
	for (int i = first; i < first + count && i < EVENTS; i++)
		json_array_append(events, world->events[line][i]);
	return json_pack("{s:s, s:I, s:I, s:I, s:o}", "spool", spool, "sent_ms", (json_int_t)world->received_ms, "sent_boottime_us",
			 (json_int_t)1, "generation", (json_int_t)generation, "events", events);
}

/* What the two steps of POST /agent/v1/reports do. */
static void deliver(struct world *world, int line, int first, int count)
{
	struct api api = { .options = { .config = &config } };
	struct api_call call = { .api = &api, .now = { .realtime_ms = world->received_ms }, .body = "-", .body_bytes = 1 };
	char digest[32];

	snprintf(digest, sizeof digest, "delivery %d", world->deliveries++);
	call.headers[HEADER_CONTENT_DIGEST] = call.headers[HEADER_SIGNATURE] = call.headers[HEADER_SIGNATURE_INPUT] = digest;
	assert_ok(agent_get(world->txn, world->agents[line], &call.agent, &err));
	call.input = make_report(world, line, first, count, call.agent.generation);
	assert_ok(reports_read(&call, world->txn, &err));
	assert_ok(reports_write(&call, world->txn, &err));
	assert_int_equal(json_array_size(json_object_get(call.answer, "rejected")), 0);
	world->received_ms += 1000;
	json_decref(call.input);
	json_decref(call.answer);
	call.free_state(call.state);
}

/* The line's first event once more, as one that comes after all others. */
static void deliver_again(struct world *world, int line, int times)
{
	json_t *event = world->events[line][0];

	json_object_set_new(event, "seq", json_integer(EVENTS + 1 + times));
	deliver(world, line, 0, 1);
}

static void deliver_report(struct world *world, int report)
{
	deliver(world, report % LINES, report / LINES * BATCH, BATCH);
}

static void as_they_happened(struct world *world)
{
	for (int i = 0; i < REPORTS; i++)
		deliver_report(world, i);
}

static void newest_first(struct world *world)
{
	for (int i = REPORTS; i-- > 0;)
		deliver_report(world, i);
}

static void shuffled_and_twice(struct world *world)
{
	int order[DELIVERIES];
	uint32_t seed = 77;

	for (int i = 0; i < DELIVERIES; i++)
		order[i] = i % REPORTS;
	for (int i = DELIVERIES - 1; i > 0; i--) {
		int other = (int)(draw(&seed) % (uint32_t)(i + 1)), report = order[i];

		order[i] = order[other];
		order[other] = report;
	}
	for (int i = 0; i < DELIVERIES; i++)
		deliver_report(world, order[i]);
}

/* Every third report of a line comes only when all others are there, in other portions. */
static void a_third_late_in_other_portions(struct world *world)
{
	for (int i = 0; i < REPORTS; i++)
		if (i / LINES % 3)
			deliver_report(world, i);
	for (int line = LINES; line-- > 0;)
		for (int first = 0; first < EVENTS; first += 100)
			deliver(world, line, first, 100);
}

/* Each report's transaction is lost once before it succeeds. */
static void with_crashes(struct world *world)
{
	for (int i = 0; i < REPORTS; i++) {
		assert_ok(db_execute(world->txn->db, "SAVEPOINT crash", &err));
		deliver_report(world, i % 2 ? REPORTS - 1 - i : i);
		db_reset(world->txn->db);
		assert_ok(db_execute(world->txn->db, "ROLLBACK TO crash", &err));
		assert_ok(db_execute(world->txn->db, "RELEASE crash", &err));
		deliver_report(world, i % 2 ? REPORTS - 1 - i : i);
	}
	as_they_happened(world);
}

/* Now and then a clock that was never set, or one far ahead: J4. */
static void with_wrong_clocks(struct world *world)
{
	static const int64_t wrong_ms[] = { 1000, START_MS + 2000 * DAY_MS };

	for (int i = 0; i < REPORTS; i++) {
		deliver_report(world, i);
		if (i % 9 == 0)
			json_object_set_new(world->events[i % LINES][0], "started_ms", json_integer(wrong_ms[i / 9 % 2]));
		if (i % 9 == 0)
			deliver_again(world, i % LINES, i);
	}
}

static int append_move(const json_t *move, void *arg)
{
	char *text = json_dumps(move, JSON_COMPACT | JSON_SORT_KEYS);

	buf_printf(arg, "%s\n", text);
	free(text);
	return 0;
}

/* Rows of what else was derived. */
static void append_rows(struct txn *txn, const char *sql, struct buf *text)
{
	sqlite3_stmt *statement;

	assert_int_equal(sqlite3_prepare_v2(db_handle(txn->db), sql, -1, &statement, NULL), SQLITE_OK);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(statement); i++)
			buf_printf(text, "%s ", sqlite3_column_text(statement, i));
		buf_append_text(text, "\n");
	}
	sqlite3_finalize(statement);
}

/* The line's outages and availability over all days. */
static void append_outages(const struct world *world, int number, struct buf *text)
{
	const struct stretch period = { START_MS, START_MS + CELLS * HOUR_MS };
	struct outage_history history;
	struct availability availability;
	struct line line;
	char id[ID_SIZE];
	json_t *shown;

	snprintf(id, sizeof id, "line-%02d", number);
	assert_ok(line_get(world->txn, id, &line, &err));
	assert_ok(outages_read_history(world->txn, &config, &line, period.from_ms, &history, &err));
	availability = outage_availability(&history, period.from_ms, period.to_ms);
	shown = json_pack("[o, o]", outages_to_json(&history, &period),
			  availability_to_json(&config.outages, &availability, &period));
	append_move(shown, text);
	json_decref(shown);
	outage_history_free(&history);
}

static void make_world(struct world *world, struct txn *txn, uint32_t seed)
{
	*world = (struct world){ .txn = txn, .received_ms = START_MS + 30 * DAY_MS };
	for (int line = 0; line < LINES; line++) {
		enrol(txn, line, world->agents[line]);
		make_history(world, line, seed + (uint32_t)line * 7919);
	}
}

static void end_world(struct world *world)
{
	for (int line = 0; line < LINES; line++)
		for (int i = 0; i < EVENTS; i++)
			json_decref(world->events[line][i]);
}

/* *ret_history: the moves, outages and availability; *ret_rest: leaf states, coverage, the states to go on from. Returns how many moves. */
static int derive_all(uint32_t seed, void (*deliver_all)(struct world *world), struct buf *ret_history, struct buf *ret_rest)
{
	struct world *world = xcalloc(1, sizeof *world);
	struct fixture *fixture;
	void *state;
	int moves;

	fixture_open(&state);
	fixture = state;
	make_world(world, &fixture->txn, seed);
	deliver_all(world);
	assert_ok(moves_visit(world->txn, INT64_MIN, append_move, ret_history, &err));
	for (int line = 0; line < LINES; line++)
		append_outages(world, line, ret_history);
	append_rows(world->txn, "SELECT line, leg, at_ms, state FROM leaf_change ORDER BY 1, 2, 3", ret_rest);
	append_rows(world->txn, "SELECT line, leg, day, first_ms, cells FROM leg_day ORDER BY 1, 2, 3", ret_rest);
	append_rows(world->txn, "SELECT line, newest_ms, hex(state) FROM fold_head ORDER BY 1", ret_rest);
	append_rows(world->txn, "SELECT line, newest_ms, hex(state) FROM fold_checkpoint ORDER BY 1, 2", ret_rest);
	/* One ticket stands for each episode, at the time that the moves say. */
	assert_int_equal(query(world->txn->db, "SELECT count(*) FROM ticket WHERE state <> 6"),
			 query(world->txn->db, "SELECT count(*) FROM derived_move AS m WHERE what = 1 AND EXISTS (SELECT 1 FROM ticket AS t"
					       " WHERE t.line = m.line AND t.defect = m.defect AND opened_ms = at_ms AND state <> 6)"));
	moves = (int)query(world->txn->db, "SELECT count(*) FROM derived_move");
	end_world(world);
	free(world);
	fixture_close(&state);
	return moves;
}

static void test_order_does_not_matter(void **state)
{
	static void (*const orders[])(struct world *world) = {
		newest_first, shuffled_and_twice, a_third_late_in_other_portions, with_crashes,
	};
	struct buf want = { 0 }, want_rest = { 0 };

	(void)state;
	assert_in_range(derive_all(2026, as_they_happened, &want, &want_rest), 30, 1000);
	for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
		struct buf got = { 0 }, got_rest = { 0 };

		derive_all(2026, orders[i], &got, &got_rest);
		assert_string_equal(buf_text(&got), buf_text(&want));
		assert_string_equal(buf_text(&got_rest), buf_text(&want_rest));
		buf_free(&got);
		buf_free(&got_rest);
	}
	buf_free(&want);
	buf_free(&want_rest);
}

static void test_wrong_clocks_move_nothing(void **state)
{
	struct buf want = { 0 }, got = { 0 }, rest = { 0 };

	(void)state;
	derive_all(7, as_they_happened, &want, &rest);
	derive_all(7, with_wrong_clocks, &got, &rest);
	assert_string_equal(buf_text(&got), buf_text(&want));
	buf_free(&want);
	buf_free(&got);
	buf_free(&rest);
}

static int set_up(void **state)
{
	(void)state;
	config_from_text(yaml, &config);
	return sodium_init() < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	collector_config_free(&config);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_wrong_clocks_move_nothing),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
