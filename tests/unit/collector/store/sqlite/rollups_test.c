#include "collector/store/rollups.h"

#include "collector/store/agents.h"
#include "collector/store/measurements.h"
#include "collector/store/tickets.h"
#include "tests/unit/collector/store/sqlite/fixture.h"

#define DAY_MS  ROLLUP_DAY_MS
#define HOUR_MS ROLLUP_HOUR_MS
#define DAY(n)  ((n) * DAY_MS)

static struct txn *txn_of(void **state)
{
	return &((struct fixture *)*state)->txn;
}

static void put(struct txn *txn, const struct line *line, enum leg leg, int64_t started_ms, int64_t throughput_bps)
{
	struct measurement m;

	measurement_init(&m);
	m.leg = (int)leg;
	m.started_ms = started_ms;
	m.throughput_bps = throughput_bps;
	m.judgement = JUDGED_GOOD;
	m.trigger = TRIGGER_SCHEDULE;
	assert_ok(measurement_put(txn, line, 1, started_ms * 2 + (int)leg, &m, &err));
}

static struct line_day day_of(const struct line *line, int64_t number)
{
	return (struct line_day){ line->client_number, line->number, DAY(number) };
}

/* "line number:day " of each day in a state that begins before a day. */
static const char *list(struct txn *txn, enum day_state state, int64_t before_ms, int64_t held_ms)
{
	static char text[128];
	struct line_day days[8];
	int count = days_in(txn, state, before_ms, held_ms, days, 8, NULL);

	text[0] = '\0';
	for (int i = 0; i < count; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%d:%d ", (int)days[i].line_number,
			 (int)(days[i].day_ms / DAY_MS));
	return text;
}

/* What a measurement does to a day that is on its way. */
static const struct {
	const char *name;
	enum day_state before, after;
} marks[] = {
	{ "due stays due",                              DAY_DUE,        DAY_DUE },
	{ "rolled up is due again",                     DAY_MADE,       DAY_DUE },
	{ "late stays late",                            DAY_LATE,       DAY_LATE },
	{ "with its measurements gone it is late",      DAY_RAW_GONE,   DAY_LATE },
	{ "with its hours gone too",                    DAY_HOURS_GONE, DAY_LATE },
};

static void marks_days(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1"), other = put_line(txn, "42", "line-2");

	put(txn, &other, LEG_LOCAL, DAY(9), 1);
	put(txn, &line, LEG_LOCAL, DAY(3) + 5, 1);
	put(txn, &line, LEG_HUB, DAY(3) + 6, 1);
	put(txn, &line, LEG_HUB, DAY(4) - 1, 1);
	put(txn, &line, LEG_HUB, DAY(4), 1);
	assert_string_equal(list(txn, DAY_DUE, INT64_MAX, 0), "1:3 1:4 2:9 ");
	assert_string_equal(list(txn, DAY_DUE, DAY(9), 0), "1:3 1:4 ");
	assert_int_equal(days_in(txn, DAY_DUE, INT64_MAX, 0, (struct line_day[2]){ 0 }, 2, NULL), 2);
	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		struct line_day day = day_of(&line, 3);

		assert_ok(day_set(txn, &day, marks[i].before, &err));
		put(txn, &line, LEG_LOCAL, DAY(3) + 10 + (int64_t)i, 1);
		if (strcmp(list(txn, marks[i].after, DAY(4), 0), "1:3 "))
			fail_msg("%s", marks[i].name);
	}
	assert_ok(day_forget(txn, &(struct line_day){ line.client_number, line.number, DAY(3) }, &err));
	assert_string_equal(list(txn, DAY_LATE, INT64_MAX, 0), "");
}

static void put_ticket(struct txn *txn, const struct line *line, enum ticket_state ticket_state, int64_t defect_from_ms)
{
	struct ticket ticket = { .id = "T-1", .line = "line-1", .line_number = line->number, .state = ticket_state, .holder = "plumbline",
				 .opened_ms = defect_from_ms, .defect_from_ms = defect_from_ms, .fixed_ms = JSON_ABSENT,
				 .proven_ms = JSON_ABSENT, .closed_ms = JSON_ABSENT, .reopened_ms = JSON_ABSENT };
	json_t *evidence = json_object();

	assert_ok(ticket_insert(txn, &ticket, evidence, &err));
	json_decref(evidence);
}

static void tickets_hold_days(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1"), other = put_line(txn, "42", "line-2");

	for (int64_t day = 1; day <= 5; day++)
		put(txn, &line, LEG_LOCAL, DAY(day), 1);
	put(txn, &other, LEG_LOCAL, DAY(5), 1);
	put_ticket(txn, &line, TICKET_FIXED, DAY(5) + 7);
	assert_string_equal(list(txn, DAY_DUE, INT64_MAX, 2 * DAY_MS), "1:1 1:2 2:5 ");
	assert_string_equal(list(txn, DAY_DUE, INT64_MAX, 0), "1:1 1:2 1:3 1:4 1:5 2:5 ");
	assert_ok(db_execute(txn->db, "UPDATE ticket SET state = 5", &err));
	assert_string_equal(list(txn, DAY_DUE, INT64_MAX, 2 * DAY_MS), "1:1 1:2 1:3 1:4 1:5 2:5 ");
}

static void reads_and_drops_a_day(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	struct line_day day = day_of(&line, 3);
	struct sample *samples;
	int64_t dropped;
	size_t count;

	put(txn, &line, LEG_LOCAL, DAY(3) - 1, 1);
	put(txn, &line, LEG_LOCAL, DAY(4), 2);
	put(txn, &line, LEG_HUB, DAY(3) + 1, 3);
	for (int64_t i = 299; i >= 0; i--)
		put(txn, &line, LEG_LOCAL, DAY(3) + i, 100 + i);
	assert_ok(day_samples(txn, &day, LEG_LOCAL, &samples, &count, &err));
	assert_int_equal(count, 300);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(samples[i].started_ms, DAY(3) + (int64_t)i);
		assert_int_equal(samples[i].throughput_bps, 100 + (int64_t)i);
		assert_int_equal(samples[i].judgement, JUDGED_GOOD);
		assert_int_equal(samples[i].trigger, TRIGGER_SCHEDULE);
	}
	free(samples);
	assert_ok(day_drop_measurements(txn, &day, 200, &dropped, &err));
	assert_int_equal(dropped, 200);
	assert_ok(day_drop_measurements(txn, &day, 200, &dropped, &err));
	assert_int_equal(dropped, 101);
	assert_int_equal(query(txn->db, "SELECT count(*) FROM measurement"), 2);
}

static struct rollup rollup(int64_t from_ms, int64_t low_bps, int64_t bad)
{
	return (struct rollup){ .from_ms = from_ms, .count = 4, .good = 4 - bad, .bad = bad,
				.bps = { low_bps + 2, low_bps + 1, low_bps, low_bps, low_bps + 9 } };
}

static void replaces_roll_ups(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	struct line_day day = day_of(&line, 3), next = day_of(&line, 4);
	struct rollup hours[] = { rollup(DAY(3), 10, 0), rollup(DAY(3) + HOUR_MS, 20, 0) };
	struct rollup whole = rollup(DAY(3), 10, 0), after = rollup(DAY(4), 5, 0);
	int64_t dropped;

	assert_ok(rollups_replace(txn, &next, LEG_LOCAL, SPAN_HOUR, &after, 1, &err));
	assert_ok(rollups_replace(txn, &day, LEG_LOCAL, SPAN_DAY, &whole, 1, &err));
	assert_ok(rollups_replace(txn, &day, LEG_LOCAL, SPAN_HOUR, hours, 2, &err));
	assert_ok(rollups_replace(txn, &day, LEG_HUB, SPAN_HOUR, hours, 2, &err));
	assert_ok(rollups_replace(txn, &day, LEG_LOCAL, SPAN_HOUR, hours + 1, 1, &err));
	assert_int_equal(query(txn->db, "SELECT count(*) FROM rollup"), 5);
	assert_ok(day_drop_rollups(txn, &day, SPAN_HOUR, &dropped, &err));
	assert_int_equal(dropped, 3);
	assert_ok(day_drop_rollups(txn, &day, SPAN_DAY, &dropped, &err));
	assert_int_equal(dropped, 1);
	assert_int_equal(query(txn->db, "SELECT from_ms FROM rollup"), DAY(4));
}

/* "leg started_ms/hour[+hours of span] lowest judgement" of each item. */
static void describe(const json_t *items, char *ret_text, size_t size)
{
	const json_t *item;
	size_t i;

	ret_text[0] = '\0';
	json_array_foreach((json_t *)items, i, item)
		snprintf(ret_text + strlen(ret_text), size - strlen(ret_text), "%c%d+%d:%d ",
			 json_string_value(json_object_get(item, "leg"))[0],
			 (int)(json_integer_value(json_object_get(item, "started_ms")) / HOUR_MS),
			 (int)(json_integer_value(json_object_get(item, "span_ms")) / HOUR_MS),
			 (int)json_integer_value(json_object_get(item, "throughput_bps")));
}

/* Day 2 has only its day left, day 3 has lost its measurements, day 4 is there. */
static struct line put_history(struct txn *txn)
{
	struct line line = put_line(txn, "42", "line-1");
	struct rollup hours[3][2] = {
		{ rollup(DAY(2), 1, 0), rollup(DAY(2) + HOUR_MS, 2, 0) },
		{ rollup(DAY(3), 30, 1), rollup(DAY(3) + HOUR_MS, 20, 0) },
		{ rollup(DAY(4), 40, 0), rollup(DAY(4) + HOUR_MS, 41, 0) },
	};
	static const enum day_state states[] = { DAY_HOURS_GONE, DAY_RAW_GONE, DAY_MADE };

	for (int i = 0; i < 3; i++) {
		struct line_day day = day_of(&line, 2 + i);
		struct rollup whole = rollup(day.day_ms, 10 * (2 + i), i == 1);
		int64_t dropped;

		put(txn, &line, LEG_LOCAL, day.day_ms + 2 * HOUR_MS, 7);
		assert_ok(rollups_replace(txn, &day, LEG_LOCAL, SPAN_DAY, &whole, 1, &err));
		if (i > 0)
			assert_ok(rollups_replace(txn, &day, LEG_LOCAL, SPAN_HOUR, hours[i], 2, &err));
		if (i < 2)
			assert_ok(day_drop_measurements(txn, &day, 9, &dropped, &err));
		assert_ok(day_set(txn, &day, states[i], &err));
	}
	put(txn, &line, LEG_LOCAL, DAY(5), 6);
	return line;
}

static const struct {
	const char *name;
	bool overview;
	int64_t from_ms, to_ms, points;
	const char *want;
} series[] = {
	{ "days, then hours, then measurements", false, DAY(2), DAY(6), 960, "l48+24:20 l72+1:30 l73+1:20 l98+0:7 l120+0:6 " },
	{ "only what is asked for", false, DAY(3) + HOUR_MS, DAY(4), 960, "l73+1:20 " },
	{ "an hour that reaches into it", false, DAY(3) + HOUR_MS - 1, DAY(4), 960, "l72+1:30 l73+1:20 " },
	{ "a day that reaches into it", false, DAY(2) + 5, DAY(3), 960, "l48+24:20 " },
	{ "the lowest of each stretch", false, DAY(3), DAY(3) + 4 * HOUR_MS, 1, "l73+1:20 " },
	{ "days when a stretch is as long", false, DAY(2), DAY(6), 4, "l48+24:20 l72+24:30 l98+0:7 l120+0:6 " },
	{ "the lowest of several days", false, DAY(2), DAY(4), 1, "l48+24:20 " },
	{ "measurements only", false, DAY(4), DAY(6), 960, "l98+0:7 l120+0:6 " },
	{ "overview: days as far as they are made", true, DAY(2), DAY(6), 960, "l48+24:20 l72+24:30 l96+24:40 l120+0:6 " },
	{ "overview of what is not rolled up", true, DAY(5), DAY(6), 960, "l120+0:6 " },
};

static void shows_roll_ups_where_measurements_are_gone(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_history(txn);

	for (size_t i = 0; i < sizeof series / sizeof series[0]; i++) {
		char got[256];
		json_t *page;

		assert_ok((series[i].overview ? measurements_overview : measurements_series)(
			txn, &line, series[i].from_ms, series[i].to_ms, series[i].points, &page, &err));
		describe(json_object_get(page, "items"), got, sizeof got);
		if (strcmp(got, series[i].want))
			fail_msg("%s: %s", series[i].name, got);
		json_decref(page);
	}
}

/* Bad outweighs marginal, which outweighs good; what nobody could measure is judged nothing. */
static const struct {
	int64_t count, good, bad, unmeasured, min_bps;
	const char *want;
} judged[] = {
	{ 4, 3, 1, 0, 10, "{'bad':1,'count':4,'good':3,'judgement':'bad','leg':'hub','median_bps':10,'p10_bps':10,'p5_bps':10,"
			  "'p95_bps':10,'span_ms':86400000,'started_ms':259200000,'throughput_bps':10,'unmeasured':0}" },
	{ 4, 3, 0, 0, 10, "{'bad':0,'count':4,'good':3,'judgement':'marginal','leg':'hub','median_bps':10,'p10_bps':10,'p5_bps':10,"
			  "'p95_bps':10,'span_ms':86400000,'started_ms':259200000,'throughput_bps':10,'unmeasured':0}" },
	{ 4, 3, 0, 1, 10, "{'bad':0,'count':4,'good':3,'judgement':'good','leg':'hub','median_bps':10,'p10_bps':10,'p5_bps':10,"
			  "'p95_bps':10,'span_ms':86400000,'started_ms':259200000,'throughput_bps':10,'unmeasured':1}" },
	{ 4, 0, 0, 4, JSON_ABSENT, "{'bad':0,'count':4,'good':0,'leg':'hub','span_ms':86400000,'started_ms':259200000,"
				   "'unmeasured':4}" },
};

static void says_what_a_roll_up_amounts_to(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	struct line_day day = day_of(&line, 3);

	for (size_t i = 0; i < sizeof judged / sizeof judged[0]; i++) {
		int64_t bps = judged[i].min_bps;
		struct rollup whole = { DAY(3), judged[i].count, judged[i].good, judged[i].bad, judged[i].unmeasured,
					{ bps, bps, bps, bps, bps } };
		json_t *items = json_array();

		assert_ok(rollups_replace(txn, &day, LEG_HUB, SPAN_DAY, &whole, 1, &err));
		assert_ok(rollups_append(txn, &line, DAY(3), DAY(4), DAY_MS, items, &err));
		assert_json(json_array_get(items, 0), judged[i].want);
		json_decref(items);
	}
}

static int64_t make_spool(struct txn *txn, struct line *line)
{
	unsigned char token[TOKEN_HASH_BYTES] = { 1 }, key[PUBLIC_KEY_BYTES] = { 2 };
	struct agent agent;
	int64_t spool;

	*line = put_line(txn, "42", "line-1");
	assert_ok(token_put(txn, token, line->id, 0, 10, &err));
	assert_ok(agent_enrol(txn, &(struct enrolment){ .token_hash = token, .public_key = key, .new_agent_id = "a-1", .host = "h",
							.version = "0", .now_ms = 1 }, &agent, &err));
	assert_ok(spool_number(txn, &agent, "11111111-1111-4111-8111-111111111111", &spool, &err));
	return spool;
}

static void prunes_events_by_when_they_came(void **state)
{
	static const struct {
		const char *name;
		int64_t before_ms, limit, left;
	} steps[] = {
		{ "nothing is as old", DAY(3), 100, 8 },
		{ "no more than asked for", DAY(4), 1, 7 },
		{ "the rest of that day, but outages stay", DAY(4), 100, 6 },
		{ "and once more", DAY(4), 100, 6 },
		{ "all days", DAY(9), 100, 2 },
	};
	struct txn *txn = txn_of(state);
	json_t *event = json_object();
	struct line line;
	int64_t spool = make_spool(txn, &line);

	/* 1 to 3 came on day 3, the others on day 4. */
	for (int64_t seq = 1; seq <= 8; seq++)
		assert_ok(event_put(txn, &line, spool, seq, seq == 2 || seq == 7 ? "outage" : "alive", event, &err));
	json_decref(event);
	assert_ok(events_mark(txn, spool, 1, DAY(3), &err));
	assert_ok(events_mark(txn, spool, 3, DAY(4) - 1, &err));
	assert_ok(events_mark(txn, spool, 4, DAY(4), &err));
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		int64_t count;

		assert_ok(events_prune(txn, steps[i].before_ms, steps[i].limit, &count, &err));
		if (query(txn->db, "SELECT count(*) FROM event") != steps[i].left)
			fail_msg("%s: %d are left", steps[i].name, (int)query(txn->db, "SELECT count(*) FROM event"));
	}
	assert_int_equal(query(txn->db, "SELECT count(*) FROM spool_day"), 0);
	assert_int_equal(query(txn->db, "SELECT count(*) FROM event WHERE type = 'outage'"), 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(marks_days),          TEST(tickets_hold_days),
		TEST(reads_and_drops_a_day), TEST(replaces_roll_ups),
		TEST(shows_roll_ups_where_measurements_are_gone), TEST(says_what_a_roll_up_amounts_to),
		TEST(prunes_events_by_when_they_came),
	};

	return cmocka_run_group_tests_name("rollups", tests, NULL, NULL);
}
