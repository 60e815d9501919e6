#include "collector/derive/rollup.h"

#include "agent/base/random.h"
#include "collector/store/guard.h"
#include "collector/store/measurements.h"
#include "collector/store/rollups.h"
#include "tests/unit/collector/store/sqlite/fixture.h"

#define DAY_MS    ROLLUP_DAY_MS
#define HOUR_MS   ROLLUP_HOUR_MS
#define DAY(n)    ((n) * DAY_MS)
#define MINUTE_MS INT64_C(60000)

static const struct collector_config config = {
	.keep_measurements_ms = 40 * DAY_MS, .keep_hourly_ms = 100 * DAY_MS, .keep_daily_ms = 200 * DAY_MS, .keep_events_ms = 40 * DAY_MS,
};

static struct txn *txn_of(void **state)
{
	return &((struct fixture *)*state)->txn;
}

static void put(struct txn *txn, const struct line *line, int64_t started_ms, int64_t throughput_bps)
{
	struct measurement m;

	measurement_init(&m);
	m.leg = LEG_LOCAL;
	m.started_ms = started_ms;
	m.throughput_bps = throughput_bps;
	m.judgement = JUDGED_GOOD;
	m.trigger = TRIGGER_SCHEDULE;
	assert_ok(measurement_put(txn, line, 1, started_ms, &m, &err));
}

/* Steps until nothing is left to do; returns how many it took. */
static int step(struct txn *txn, int64_t now_ms)
{
	bool more = true;
	int steps = 0;

	for (; more; steps++)
		assert_ok(rollup_step(txn, &config, now_ms, &more, &err));
	return steps;
}

#define COUNT_OF(table) query(txn->db, "SELECT count(*) FROM " table)

/* What is there on a day's way, the day being number 3. */
static const struct {
	const char *name;
	int64_t now_ms, measurements, hours, days, marks;
} ages[] = {
	{ "the day is not over",                     DAY(4) - 1,                 3, 0, 0, 1 },
	{ "its last reports are on their way",       DAY(4) + 14 * MINUTE_MS,    3, 0, 0, 1 },
	{ "rolled up",                               DAY(4) + 15 * MINUTE_MS,    3, 2, 1, 1 },
	{ "measurements stay as long as they are to", DAY(44) - 1,               3, 2, 1, 1 },
	{ "then they go",                            DAY(44),                    0, 2, 1, 1 },
	{ "hours stay longer",                       DAY(104) - 1,               0, 2, 1, 1 },
	{ "then they go",                            DAY(104),                   0, 0, 1, 1 },
	{ "the day stays longest",                   DAY(204) - 1,               0, 0, 1, 1 },
	{ "at last nothing is left",                 DAY(204),                   0, 0, 0, 0 },
};

static void takes_a_day_through_its_life(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");

	put(txn, &line, DAY(3), 5);
	put(txn, &line, DAY(3) + 1, 6);
	put(txn, &line, DAY(4) - 1, 7);
	for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
		step(txn, ages[i].now_ms);
		if (COUNT_OF("measurement") != ages[i].measurements || COUNT_OF("rollup WHERE span = 0") != ages[i].hours ||
		    COUNT_OF("rollup WHERE span = 1") != ages[i].days || COUNT_OF("measured_day") != ages[i].marks)
			fail_msg("%s", ages[i].name);
	}
}

static char *dump_rollups(struct txn *txn)
{
	char text[8192] = "";
	sqlite3_stmt *statement = db_statement(txn->db, "SELECT leg, span, from_ms, count, min_bps, median_bps, p95_bps FROM rollup"
							" ORDER BY leg, span, from_ms");

	while (db_step(statement, NULL) > 0)
		for (int i = 0; i < 7; i++)
			snprintf(text + strlen(text), sizeof text - strlen(text), "%d%c", (int)(db_column_integer(statement, i) % 1000000),
				 i < 6 ? ' ' : '\n');
	return xstrdup(text);
}

/* 96 measurements of two days, in any order, with a step after each few of them. */
static char *roll_up_in_order(struct txn *txn, uint64_t seed, int every, const char *id)
{
	struct random_source random = random_seeded(&seed);
	struct line line = put_line(txn, id, id);
	int order[96];

	for (int i = 0; i < 96; i++)
		order[i] = i;
	for (int i = 95; i > 0 && seed; i--) {
		int other = (int)random_below(&random, (uint64_t)i + 1), kept = order[i];

		order[i] = order[other];
		order[other] = kept;
	}
	for (int i = 0; i < 96; i++) {
		put(txn, &line, DAY(3) + order[i] * 30 * MINUTE_MS, 1000 + order[i] * 7919 % 500);
		if (i % every == 0)
			step(txn, DAY(6));
	}
	step(txn, DAY(6));
	return dump_rollups(txn);
}

static void late_facts_give_the_same(void **state)
{
	struct txn *txn = txn_of(state);
	char *prompt = roll_up_in_order(txn, 0, 96, "a");

	assert_int_equal(COUNT_OF("rollup"), 50);
	for (uint64_t seed = 1; seed <= 3; seed++) {
		char *late;

		assert_ok(db_execute(txn->db, "DELETE FROM rollup; DELETE FROM measurement; DELETE FROM measured_day", &err));
		txn->marked_line = 0;
		late = roll_up_in_order(txn, seed, 1 + (int)seed, "a");
		assert_string_equal(late, prompt);
		free(late);
	}
	free(prompt);
}

static void what_is_too_late_goes_uncounted(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");

	put(txn, &line, DAY(3), 50);
	step(txn, DAY(50));
	put(txn, &line, DAY(3) + 1, 1);     /* the others of its day are gone */
	put(txn, &line, DAY(5), 40);        /* as old, but the first of its day */
	put(txn, &line, DAY(5) + 1, 41);
	step(txn, DAY(50));
	assert_int_equal(COUNT_OF("measurement"), 0);
	assert_int_equal(query(txn->db, "SELECT min_bps FROM rollup WHERE span = 1 AND from_ms = 3 * 86400000"), 50);
	assert_int_equal(query(txn->db, "SELECT count FROM rollup WHERE span = 1 AND from_ms = 5 * 86400000"), 2);
	assert_int_equal(COUNT_OF("measured_day WHERE state = 3"), 2);
}

static void goes_in_small_steps(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	bool more;

	for (int64_t i = 0; i < 5000; i++)
		put(txn, &line, DAY(3) + i * 17000, 100 + i);
	assert_ok(rollup_step(txn, &config, DAY(50), &more, &err));
	assert_true(more);
	assert_int_equal(COUNT_OF("measurement"), 5000);   /* rolled up at once: a day is the least */
	assert_int_equal(query(txn->db, "SELECT count FROM rollup WHERE span = 1"), 5000);
	for (int64_t left = 3000; left > 0; left -= ROLLUP_STEP_ROWS) {
		assert_ok(rollup_step(txn, &config, DAY(50), &more, &err));
		assert_true(more);
		assert_int_equal(COUNT_OF("measurement"), left);
	}
	assert_ok(rollup_step(txn, &config, DAY(50), &more, &err));
	assert_false(more);
	assert_int_equal(COUNT_OF("measurement"), 0);
	assert_int_equal(step(txn, DAY(50)), 1);
}

static void what_cells_counted_goes_a_day_after_their_measurements(void **state)
{
	static const struct guard_count count = { .valid = 1 };
	struct txn *txn = txn_of(state);

	assert_ok(guard_cell_add(txn, LEG_LOCAL, DAY(3), "b1", &count, &err));
	assert_ok(guard_day_add(txn, LEG_LOCAL, DAY(3), &count, &err));
	step(txn, DAY(44));
	assert_int_equal(COUNT_OF("guard_cell"), 1);
	step(txn, DAY(44) + 1);
	assert_int_equal(COUNT_OF("guard_cell"), 0);
	assert_int_equal(COUNT_OF("guard_day"), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(takes_a_day_through_its_life),    TEST(late_facts_give_the_same),
		TEST(what_is_too_late_goes_uncounted), TEST(goes_in_small_steps),
		TEST(what_cells_counted_goes_a_day_after_their_measurements),
	};

	return cmocka_run_group_tests_name("derive/rollup", tests, NULL, NULL);
}
