#include "tests/unit/collector/store/sqlite/fixture.h"

#include <sodium.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "collector/derive/fast.h"
#include "collector/derive/network.h"
#include "collector/store/guard.h"
#include "collector/store/incidents.h"
#include "collector/store/maintenance.h"
#include "collector/store/measurements.h"
#include "collector/store/outages.h"
#include "collector/store/tickets.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define CELL_MS   (15 * MINUTE_MS)
#define START_MS  (INT64_C(20000) * DAY_MS)
#define BRANCHES  10
#define BUILDINGS 5    /* of a branch */
#define CANARIES  2    /* the first lines, at the core */

static struct service_plan plan = {
	.name = "norm-2001", .local_min_bps = 240000, .hub_min_bps = 160000, .interval_ms = CELL_MS,
};
static char canary_0[] = "line-0", canary_1[] = "line-1", *canaries[] = { canary_0, canary_1 };
static char core[] = "core", hub[] = "hub-ix";
static struct served_file files[] = {
	{ .name = core, .leg = LEG_LOCAL, .node = core, .canaries = { canaries, 2 } },
	{ .name = hub, .leg = LEG_HUB, .node = hub },
};
static const struct collector_config config = {
	.service_plans = { .items = &plan, .count = 1 },
	.reference_files = { .items = files, .count = 2 },
	.decision = {
		.open_bad = 8, .open_of = 12, .blind_bad = 8, .blind_of = 12, .open_span_ms = 90 * MINUTE_MS,
		.open_within_ms = 6 * HOUR_MS, .contended_percent = 50, .close_not_good = 2, .close_of = 24, .band_not_good = 8,
		.band_of = 96, .band_ms = 6 * HOUR_MS, .band_share_percent = 70, .band_span_ms = DAY_MS,
		.reopen_within_ms = 72 * HOUR_MS, .chronic_reopens = 3, .chronic_within_ms = 14 * DAY_MS, .suspect_bad = 3,
		.suspect_of = 4, .altered_of = 2, .intact_of = 8, .verdict_valid = 4, .verdict_cells = 2,
	},
	.guard = {
		.bad_min = 5, .bad_percent = 20, .branches = 2, .false_per_million = 1, .base_percent = 2, .base_ms = 28 * DAY_MS,
		.canary_percent = 80, .canary_ms = 7 * DAY_MS,
	},
	.incident_good_percent = 80,
	.keep_measurements_ms = KEEP_MEASUREMENTS_LEAST_MS,
};

/* Letters: g good, b bad, a altered. */
struct scenario {
	const char *name;
	int lines, cells;
	int step;            /* cells a report, when all is prompt */
	void (*draw)(int line, int cell, char ret_letters[LEG_COUNT]);
	const char *want;    /* incidents: "server of core opened 9, 20 proven; " by cells */
	int tickets;         /* neither withdrawn nor, in the end, without their incident */
	const char *outage;  /* its cause; NULL: none */
};

struct run {
	struct fixture *fixture;
	const struct scenario *scenario;
	struct line *lines;
	int64_t seq;
	int64_t now_ms;
};

static void put_topology(struct txn *txn)
{
	const char *const of_core[] = { "core" };
	struct node node = { .id = "core", .kind = "core", .name = "core" };

	assert_ok(node_put(txn, &node, NULL, 0, &err));
	for (int branch = 0; branch < BRANCHES; branch++) {
		char id[ID_SIZE];
		const char *const of_branch[] = { id };

		snprintf(id, sizeof id, "d%d", branch);
		strcpy(node.id, id);
		assert_ok(node_put(txn, &node, of_core, 1, &err));
		for (int building = 0; building < BUILDINGS; building++) {
			snprintf(node.id, sizeof node.id, "d%db%d", branch, building);
			assert_ok(node_put(txn, &node, of_branch, 1, &err));
		}
	}
}

static void put_lines(struct run *run)
{
	struct txn *txn = &run->fixture->txn;

	put_client(txn, "42", "Bakery");
	run->lines = xcalloc((size_t)run->scenario->lines, sizeof *run->lines);
	for (int i = 0; i < run->scenario->lines; i++) {
		struct line line = { .client = "42", .service_plan = "norm-2001", .always_on = true, .node = "core" };

		snprintf(line.id, sizeof line.id, "line-%d", i);
		if (i >= CANARIES)
			snprintf(line.node, sizeof line.node, "d%db%d", i % BRANCHES, i / BRANCHES % BUILDINGS);
		assert_ok(line_put(txn, &line, &err));
		assert_ok(line_get(txn, line.id, &run->lines[i], &err));
	}
}

static void put_measurement(struct run *run, int line, int cell, enum leg leg, char letter)
{
	struct txn *txn = &run->fixture->txn;
	struct measurement m;

	measurement_init(&m);
	m.leg = (int)leg;
	strcpy(m.file, leg_names[leg]);
	/* Anywhere in the cell (P1): the draw depends on who and when alone. */
	m.started_ms = START_MS + cell * CELL_MS + (line * 7919 + cell * 104729 + (int)leg * 1299709) % (14 * MINUTE_MS);
	m.threshold_bps = leg == LEG_LOCAL ? plan.local_min_bps : plan.hub_min_bps;
	m.judgement = letter == 'g' ? JUDGED_GOOD : letter == 'a' ? JUDGED_FAILED : JUDGED_BAD;
	m.reason = letter == 'a' ? REASON_ALTERED : REASON_NONE;
	m.sha256_ok = letter != 'a';
	m.cross_rx_bps = 0;
	m.throughput_bps = letter == 'g' ? m.threshold_bps * 2 : m.threshold_bps / 2;
	m.bytes = 1048576;
	m.duration_us = 1000000;
	assert_ok(measurement_put(txn, &run->lines[line], 1, ++run->seq, &m, &err));
	assert_ok(network_note(txn, &config, &run->lines[line], (const struct measurement *const[]){ &m }, 1, &err));
}

/* From 10:03 to 10:13 everything below d3 was interrupted, or, beyond the access network, everything. */
static void put_outage(struct run *run, int line, int from, int to)
{
	const struct line *at = &run->lines[line];
	int64_t from_ms = START_MS + from * CELL_MS, to_ms = START_MS + to * CELL_MS, changed_ms = INT64_MAX;
	int64_t down_ms = START_MS + 10 * HOUR_MS + 3 * MINUTE_MS;
	json_t *alive = json_pack("{s:I, s:I}", "started_ms", from_ms, "ended_ms", to_ms);
	json_t *outage = json_pack("{s:I, s:I, s:s}", "started_ms", down_ms, "ended_ms", down_ms + 10 * MINUTE_MS, "cause",
				   run->scenario->outage);
	bool is_hit = strcmp(run->scenario->outage, "access") || (line >= CANARIES && line % BRANCHES == 3);

	assert_ok(outage_event_put(&run->fixture->txn, at, 1, ++run->seq, "alive", alive, 0, &changed_ms, &err));
	if (is_hit && from_ms <= down_ms && down_ms < to_ms)
		assert_ok(outage_event_put(&run->fixture->txn, at, 1, ++run->seq, "outage", outage, 0, &changed_ms, &err));
	if (changed_ms != INT64_MAX)
		assert_ok(network_note_change(&run->fixture->txn, changed_ms, &err));
	json_decref(alive);
	json_decref(outage);
}

/* One report: what a line measured in these cells. */
static void report(struct run *run, int line, int from, int to)
{
	for (int cell = from; cell < to; cell++) {
		char letters[LEG_COUNT] = { 'g', 'g' };

		run->scenario->draw(line, cell, letters);
		for (int leg = 0; leg < LEG_COUNT; leg++)
			put_measurement(run, line, cell, (enum leg)leg, letters[leg]);
	}
	if (run->scenario->outage)
		put_outage(run, line, from, to);
	assert_ok(derive_fast(&run->fixture->txn, &config, &run->lines[line], START_MS + from * CELL_MS, run->now_ms, &err));
}

/* As network_watch repeats them, until there is nothing to do. */
static void run_rounds(struct run *run)
{
	enum network_stage stage = STAGE_GUARD;

	while (stage != STAGE_NONE) {
		struct network_round *round = network_round_new(&config, run->now_ms, stage);

		assert_ok(network_round_read(&run->fixture->txn, round, &err));
		if (network_round_has_work(round)) {
			assert_ok(network_round_write(&run->fixture->txn, round, &err));
			stage = network_round_next(round);
		} else {
			stage = STAGE_NONE;
		}
		network_round_free(round);
	}
}

/* Every agent reports some cells at a time, as they pass. */
static void arrive_in_order(struct run *run)
{
	int step = run->scenario->step;

	for (int cell = 0; cell < run->scenario->cells; cell += step) {
		run->now_ms = START_MS + (cell + step) * CELL_MS;
		for (int line = 0; line < run->scenario->lines; line++) {
			report(run, line, cell, cell + step);
			if (line % 100 == 50)
				run_rounds(run);
		}
		run_rounds(run);
	}
}

/* Nothing arrived while it happened; then everything, the lines in another order, each line's halves the wrong way round. */
static void arrive_late(struct run *run)
{
	int lines = run->scenario->lines, half = run->scenario->cells / 2;

	run->now_ms = START_MS + run->scenario->cells * CELL_MS;
	for (int i = 0; i < lines; i++) {
		int line = (int)((int64_t)i * 617 % lines);

		report(run, line, half, run->scenario->cells);
		if (i % 3 == 0)
			report(run, line, 0, half);
		if (i % 200 == 100)
			run_rounds(run);
	}
	for (int i = lines - 1; i >= 0; i--)
		if (i % 3)
			report(run, (int)((int64_t)i * 617 % lines), 0, half);
	run_rounds(run);
}

static int add_text(const json_t *row, void *arg)
{
	char *text = json_dumps(row, JSON_COMPACT | JSON_SORT_KEYS);

	buf_printf(arg, "%s\n", text);
	free(text);
	return 0;
}

/* What was derived, in a form that must not depend on the order of arrival. */
static char *history(struct run *run)
{
	struct txn *txn = &run->fixture->txn;
	struct buf text = { 0 };

	assert_ok(incidents_visit(txn, 0, add_text, &text, &err));
	assert_ok(evaluations_visit(txn, 0, add_text, &text, &err));
	return buf_take(&text);
}

static int cell_of(const json_t *row, const char *name)
{
	return (int)((json_integer_value(json_object_get(row, name)) - START_MS) / CELL_MS);
}

static void assert_incidents(struct run *run, const char *want)
{
	const struct incident_filter filter = { .limit = 100 };
	json_t *page, *incident;
	char got[512] = "";
	size_t i;

	assert_ok(incidents_list(&run->fixture->txn, &filter, &page, &err));
	json_array_foreach(json_object_get(page, "items"), i, incident) {
		const char *state = json_string_value(json_object_get(incident, "state"));

		if (!strcmp(state, "withdrawn"))
			continue;
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s of %s opened %d, %s %d; ",
			 json_string_value(json_object_get(incident, "cause")),
			 json_string_value(json_object_get(incident, "node")), cell_of(incident, "opened_ms"), state,
			 json_object_get(incident, "proven_ms") ? cell_of(incident, "proven_ms") : 0);
	}
	if (strcmp(got, want))
		fail_msg("%s: %s", run->scenario->name, got);
	json_decref(page);
}

static void assert_ticket_count(struct run *run)
{
	int64_t tickets = query(run->fixture->txn.db, "SELECT count(*) FROM ticket WHERE state <> 6");
	int64_t children = query(run->fixture->txn.db, "SELECT count(*) FROM ticket WHERE state <> 6 AND incident IS NOT NULL");

	if (tickets != run->scenario->tickets || children != run->scenario->tickets)
		fail_msg("%s: %d tickets, %d of them in an incident", run->scenario->name, (int)tickets, (int)children);
}

static char *play(const struct scenario *scenario, void (*arrive)(struct run *run), bool no_ticket_ever)
{
	struct run run = { .scenario = scenario };
	void *state;
	char *text;

	fixture_open(&state);
	run.fixture = state;
	put_topology(&run.fixture->txn);
	put_lines(&run);
	arrive(&run);
	assert_incidents(&run, scenario->want);
	assert_ticket_count(&run);
	if (no_ticket_ever)
		assert_int_equal(query(run.fixture->txn.db, "SELECT count(*) FROM ticket"), scenario->tickets);
	text = history(&run);
	free(run.lines);
	fixture_close(&state);
	return text;
}

static void check(const struct scenario *scenario)
{
	char *in_order = play(scenario, arrive_in_order, true), *late = play(scenario, arrive_late, false);

	assert_string_equal(in_order, late);
	free(in_order);
	free(late);
}

/* 13.4. From cell 12 to 23 the server is overloaded: three quarters of the lines are slow to it, and the canaries beside it. */
static void draw_overload(int line, int cell, char ret_letters[LEG_COUNT])
{
	if (cell >= 12 && cell < 24 && (line < CANARIES || (line * 31 + cell) % 4))
		ret_letters[LEG_LOCAL] = 'b';
}

static void test_overloaded_server(void **state)
{
	static const struct scenario scenario = {
		"overloaded server", 1000, 32, 4, draw_overload, "server of core opened 14, proven 28; ", 0, NULL,
	};

	(void)state;
	check(&scenario);
}

/* Long after, what the overload was found from is gone but for the measurements, and one more arrives of then. */
static void arrive_and_age(struct run *run)
{
	struct txn *txn = &run->fixture->txn;
	int64_t count;

	arrive_in_order(run);
	run->now_ms += config.keep_measurements_ms + 2 * DAY_MS;
	assert_ok(network_prune(txn, &config, run->now_ms, 10, &count, &err));
	assert_int_equal(count, 10);
	assert_ok(network_prune(txn, &config, run->now_ms, 100000, &count, &err));
	assert_int_equal(query(txn->db, "SELECT count(*) FROM guard_cell"), 0);
	assert_int_equal(query(txn->db, "SELECT count(*) FROM evaluation"), 0);
	assert_ok(network_prune(txn, &config, run->now_ms, 10, &count, &err));
	assert_int_equal(count, 0);
	put_measurement(run, 0, 13, LEG_LOCAL, 'b');
	run_rounds(run);
}

static void test_what_is_too_old_stays_as_it_was_found(void **state)
{
	static const struct scenario scenario = {
		"overloaded server, long ago", 200, 32, 4, draw_overload, "server of core opened 14, proven 28; ", 0, false,
	};

	(void)state;
	free(play(&scenario, arrive_and_age, true));
}

/* The link to building d3b2 is slow from cell 4 to 27: 4 lines of 200. */
static void draw_segment(int line, int cell, char ret_letters[LEG_COUNT])
{
	if (cell >= 4 && cell < 28 && line >= CANARIES && line % BRANCHES == 3 && line / BRANCHES % BUILDINGS == 2)
		ret_letters[LEG_LOCAL] = ret_letters[LEG_HUB] = 'b';
}

static void test_slow_segment(void **state)
{
	static const struct scenario scenario = {
		"slow segment", 200, 72, 4, draw_segment, "slow of d3b2 opened 8, proven 51; ", 4, NULL,
	};

	(void)state;
	check(&scenario);
}

static void draw_upstream(int line, int cell, char ret_letters[LEG_COUNT])
{
	if (cell >= 4 && cell < 20 && line % 3)
		ret_letters[LEG_HUB] = 'b';
}

static void test_upstream(void **state)
{
	static const struct scenario scenario = {
		"upstream", 100, 28, 4, draw_upstream, "upstream of hub-ix opened 6, proven 23; ", 0, NULL,
	};

	(void)state;
	check(&scenario);
}

/* Both legs of nearly all lines: the localiser blames the core. */
static void draw_core(int line, int cell, char ret_letters[LEG_COUNT])
{
	if (cell >= 4 && cell < 20 && line >= CANARIES && (line + cell) % 16)
		ret_letters[LEG_LOCAL] = ret_letters[LEG_HUB] = 'b';
}

static void test_core(void **state)
{
	static const struct scenario scenario = { "core", 100, 28, 4, draw_core, "slow of core opened 6, proven 23; ", 0, NULL };

	(void)state;
	check(&scenario);
}

/* A middlebox puts something else into what 10 lines get. */
static void draw_altered(int line, int cell, char ret_letters[LEG_COUNT])
{
	if (cell >= 4 && cell < 12 && line % 10 == 5)
		ret_letters[LEG_LOCAL] = 'a';
}

static void test_altered_content(void **state)
{
	static const struct scenario scenario = {
		"altered content", 100, 20, 1, draw_altered, "content-local of core opened 6, proven 15; ", 0, NULL,
	};

	(void)state;
	check(&scenario);
}

/* One line alone is its own matter: a ticket without an incident. */
static void draw_lone(int line, int cell, char ret_letters[LEG_COUNT])
{
	if (cell >= 4 && line == 17)
		ret_letters[LEG_LOCAL] = 'b';
}

static void test_lone_line(void **state)
{
	static const struct scenario scenario = { "lone line", 50, 20, 4, draw_lone, "", 1, NULL };
	struct run run = { .scenario = &scenario };
	void *opened;

	(void)state;
	fixture_open(&opened);
	run.fixture = opened;
	put_topology(&run.fixture->txn);
	put_lines(&run);
	arrive_in_order(&run);
	assert_incidents(&run, "");
	assert_int_equal(query(run.fixture->txn.db, "SELECT count(*) FROM ticket WHERE incident IS NULL"), 1);
	free(run.lines);
	fixture_close(&opened);
}

static void draw_good(int line, int cell, char ret_letters[LEG_COUNT])
{
	(void)line;
	(void)cell;
	(void)ret_letters;
}

/* Shorter than a cell: seen by looking every two sweeps. */
static void test_outage(void **state)
{
	static const struct scenario scenario = {
		"outage", 100, 48, 4, draw_good, "outage of d3 opened 40, proven 41; ", 0, "access",
	};

	(void)state;
	check(&scenario);
}

/* O-g: nobody's outage, and one incident. */
static void test_dead_server(void **state)
{
	static const struct scenario scenarios[] = {
		{ "dead server", 100, 48, 4, draw_good, "server-outage of core opened 40, proven 41; ", 0, "local-server" },
		{ "dead file server", 100, 48, 4, draw_good, "server-outage of core opened 40, proven 41; ", 0, "http" },
		{ "dead upstream", 100, 48, 4, draw_good, "upstream-outage of hub-ix opened 40, proven 41; ", 0, "upstream" },
		{ "names", 100, 48, 4, draw_good, "", 0, "dns" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
		check(&scenarios[i]);
}

/* What is planned is no incident, and nobody's ticket. */
static void test_maintenance(void **state)
{
	static const struct scenario scenario = { "maintenance", 100, 48, 4, draw_good, "", 0, "access" };
	const struct maintenance work = {
		.id = "m-1", .node = "d3", .announced_ms = START_MS, .from_ms = START_MS + 10 * HOUR_MS, .to_ms = START_MS + 11 * HOUR_MS,
		.by = "olga", .note = "",
	};
	struct run run = { .scenario = &scenario };
	void *opened;

	(void)state;
	fixture_open(&opened);
	run.fixture = opened;
	put_topology(&run.fixture->txn);
	put_lines(&run);
	assert_ok(maintenance_put(&run.fixture->txn, &work, &err));
	arrive_in_order(&run);
	assert_incidents(&run, "");
	assert_int_equal(query(run.fixture->txn.db, "SELECT sum(valid) FROM guard_cell WHERE branch = 'd3' AND leg = 0"), 44 * 10);
	free(run.lines);
	fixture_close(&opened);
}

/* One report: what is of one cell counts together, of each leg apart, and what was measured during announced work not at all. */
static void test_noted_together(void **state)
{
	static const struct scenario scenario = { .name = "one report", .lines = 1 };
	static const int64_t at_ms[] = { START_MS, START_MS + 1, START_MS + CELL_MS, START_MS + 2 * CELL_MS, START_MS + 2 };
	const struct maintenance work = {
		.id = "m-1", .node = "core", .announced_ms = START_MS, .from_ms = START_MS + CELL_MS, .to_ms = START_MS + 2 * CELL_MS,
		.by = "olga", .note = "",
	};
	struct measurement reported[5];
	const struct measurement *list[5];
	struct run run = { .scenario = &scenario };
	void *opened;

	(void)state;
	fixture_open(&opened);
	run.fixture = opened;
	put_topology(&run.fixture->txn);
	put_lines(&run);
	assert_ok(maintenance_put(&run.fixture->txn, &work, &err));
	for (int i = 0; i < 5; i++) {
		measurement_init(&reported[i]);
		reported[i].started_ms = at_ms[i];
		reported[i].leg = i == 1 ? LEG_HUB : LEG_LOCAL;
		reported[i].judgement = JUDGED_BAD;
		list[i] = &reported[i];
	}
	assert_ok(network_note(&run.fixture->txn, &config, &run.lines[0], list, 5, &err));
	assert_int_equal(query(run.fixture->txn.db, "SELECT count(*) FROM guard_cell"), 3);
	assert_int_equal(query(run.fixture->txn.db, "SELECT bad FROM guard_cell WHERE leg = 0 ORDER BY cell_ms LIMIT 1"), 2);
	assert_int_equal(query(run.fixture->txn.db, "SELECT sum(bad) FROM guard_cell WHERE leg = 0"), 3);
	assert_int_equal(query(run.fixture->txn.db, "SELECT bad FROM guard_day WHERE leg = 0"), 3);
	assert_int_equal(query(run.fixture->txn.db, "SELECT bad FROM guard_day WHERE leg = 1"), 1);
	assert_int_equal(query(run.fixture->txn.db, "SELECT touched_ms FROM network_due WHERE work = 0"), START_MS);
	free(run.lines);
	fixture_close(&opened);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lone_line),  cmocka_unit_test(test_slow_segment),    cmocka_unit_test(test_upstream),
		cmocka_unit_test(test_core),       cmocka_unit_test(test_altered_content), cmocka_unit_test(test_overloaded_server),
		cmocka_unit_test(test_outage),     cmocka_unit_test(test_maintenance),     cmocka_unit_test(test_dead_server),
		cmocka_unit_test(test_what_is_too_old_stays_as_it_was_found),
		cmocka_unit_test(test_noted_together),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
