#include "collector/store/outages.h"

#include "collector/store/agents.h"
#include "tests/unit/collector/store/sqlite/fixture.h"

static struct txn *txn_of(void **state)
{
	return &((struct fixture *)*state)->txn;
}

/* event is JSON written with ' for ". Returns from_ms as it was changed. */
static int64_t put_shifted(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const char *type,
			   const char *event, int64_t shift_ms)
{
	char *text = xstrdup(event);
	int64_t from_ms = INT64_MAX;
	json_t *object;

	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	assert_ok(json_parse(text, strlen(text), &object, &err));
	assert_ok(outage_event_check(type, object, &err));
	assert_ok(outage_event_put(txn, line, spool, seq, type, object, shift_ms, &from_ms, &err));
	json_decref(object);
	free(text);
	return from_ms;
}

static int64_t put(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const char *type, const char *event)
{
	return put_shifted(txn, line, spool, seq, type, event, 0);
}

/* "started-ended/down cause; …", "…" while under way. */
static void assert_outages(struct txn *txn, const struct line *line, int64_t from_ms, const char *want)
{
	struct outage_fact *outages;
	char text[512] = "";
	size_t count;

	assert_ok(outages_of_line(txn, line, from_ms, &outages, &count, &err));
	for (size_t i = 0; i < count; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%lld-%lld/%lld %s; ", (long long)outages[i].started_ms,
			 (long long)outages[i].ended_ms, (long long)outages[i].down_ms, cause_names[outages[i].cause]);
	free(outages);
	assert_string_equal(text, want);
}

static void assert_watched(struct txn *txn, const struct line *line, const char *want)
{
	struct stretch *watched;
	char text[512] = "";
	size_t count;

	assert_ok(watched_of_line(txn, line, 0, &watched, &count, &err));
	for (size_t i = 0; i < count; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%lld-%lld ", (long long)watched[i].from_ms,
			 (long long)watched[i].to_ms);
	free(watched);
	assert_string_equal(text, want);
}

#define UNDER_WAY  "{'started_ms':1000,'cause':'upstream'}"
#define GOES_ON    "{'started_ms':1000,'cause':'access'}"
#define ENDED      "{'started_ms':1000,'ended_ms':9000,'down_ms':7000,'shortest_ms':1,'longest_ms':9000,'cause':'access'}"

static void a_later_report_replaces_one_under_way(void **state)
{
	struct txn *txn = txn_of(state);
	static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	static const char *const events[] = { UNDER_WAY, GOES_ON, ENDED };

	for (int i = 0; i < 6; i++) {
		char id[16];
		struct line line;

		snprintf(id, sizeof id, "line-%d", i);
		line = put_line(txn, "42", id);
		put(txn, &line, 1, 4 + orders[i][0], "outage", events[orders[i][0]]);
		assert_outages(txn, &line, 0, orders[i][0] == 0 ? "1000--1/-1 upstream; " :
			       orders[i][0] == 1 ? "1000--1/-1 access; " : "1000-9000/7000 access; ");
		for (int n = 1; n < 3; n++)
			put(txn, &line, 1, 4 + orders[i][n], "outage", events[orders[i][n]]);
		assert_outages(txn, &line, 0, "1000-9000/7000 access; ");
		assert_outages(txn, &line, 9000, "");
		put(txn, &line, 2, 1, "outage", GOES_ON);
		assert_outages(txn, &line, 0, "1000-9000/7000 access; 1000--1/-1 access; ");
	}
}

static void watching_becomes_the_same_ranges_in_any_order(void **state)
{
	struct txn *txn = txn_of(state);
	static const char *const events[] = {
		"{'started_ms':100000,'ended_ms':200000}", "{'started_ms':200004,'ended_ms':300000}",
		"{'started_ms':150000,'ended_ms':160000}", "{'started_ms':302001,'ended_ms':400000}",
		"{'started_ms':50000,'ended_ms':98000}",
	};

	for (int i = 0; i < 5; i++) {
		char id[16];
		struct line line;

		snprintf(id, sizeof id, "line-%d", i);
		line = put_line(txn, "42", id);
		for (int n = 0; n < 5; n++)
			put(txn, &line, 1, 1 + n, "alive", events[(i + 2 * n) % 5]);
		assert_watched(txn, &line, "50000-300000 302001-400000 ");
	}
}

static void dates_can_be_shifted(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");

	assert_int_equal(put_shifted(txn, &line, 1, 1, "outage", ENDED, 500), 1500);
	put_shifted(txn, &line, 1, 2, "outage", "{'started_ms':20000,'cause':'dns'}", -500);
	put_shifted(txn, &line, 1, 3, "alive", "{'started_ms':1000,'ended_ms':9000}", 500);
	assert_outages(txn, &line, 0, "1500-9500/7000 access; 19500--1/-1 dns; ");
	assert_watched(txn, &line, "1500-9500 ");
}

static void says_when_reliability_may_have_changed(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	int64_t from_ms, to_ms;

	assert_ok(watched_span(txn, &line, &from_ms, &to_ms, &err));
	assert_int_equal(from_ms, JSON_ABSENT);
	assert_int_equal(put(txn, &line, 1, 1, "alive", "{'started_ms':1000,'ended_ms':9000}"), INT64_MAX);
	assert_int_equal(put(txn, &line, 1, 2, "alive", "{'started_ms':9000,'ended_ms':90000}"), INT64_MAX);
	assert_int_equal(put(txn, &line, 1, 3, "alive", "{'started_ms':20000,'ended_ms':30000}"), 20000);
	assert_int_equal(put(txn, &line, 1, 4, "alive", "{'started_ms':86000000,'ended_ms':86500000}"), 86000000);
	assert_int_equal(put(txn, &line, 1, 5, "outage", ENDED), 1000);
	assert_int_equal(put(txn, &line, 1, 6, "latency", "{}"), INT64_MAX);
	assert_int_equal(put(txn, &line, 1, 7, "outage", "{'started_ms':86500000,'cause':'access'}"), 86500000);
	assert_int_equal(put(txn, &line, 1, 8, "alive", "{'started_ms':86500000,'ended_ms':86600000}"), 86500000);
	assert_int_equal(put(txn, &line, 1, 9, "alive", "{'started_ms':86500000,'ended_ms':86700000}"), 86600000);
	assert_ok(watched_span(txn, &line, &from_ms, &to_ms, &err));
	assert_int_equal(from_ms, 1000);
	assert_int_equal(to_ms, 86700000);
}

static void enrol(struct txn *txn, const char *line, unsigned char number)
{
	const unsigned char hash[TOKEN_HASH_BYTES] = { number }, key[PUBLIC_KEY_BYTES] = { number };
	char id[16];
	struct enrolment enrolment = { hash, key, id, "host", "0.1.0", 5 };
	struct agent agent;

	snprintf(id, sizeof id, "agent-%d", number);
	assert_ok(token_put(txn, hash, line, 1, 9, &err));
	assert_ok(agent_enrol(txn, &enrolment, &agent, &err));
}

static void counts_who_lost_power_at_a_node(void **state)
{
	struct txn *txn = txn_of(state);
	struct line first = put_line(txn, "42", "line-1"), second = put_line(txn, "42", "line-2"), elsewhere = put_line(txn, "42", "line-3");
	int64_t rebooted, agents;

	text_copy(elsewhere.node, sizeof elsewhere.node, "b2");
	assert_ok(line_put(txn, &elsewhere, &err));
	enrol(txn, "line-1", 1);
	enrol(txn, "line-2", 2);
	enrol(txn, "line-3", 3);
	put(txn, &first, 1, 1, "outage", "{'started_ms':1000,'ended_ms':50000,'cause':'power'}");
	put(txn, &first, 1, 2, "outage", "{'started_ms':51000,'ended_ms':60000,'cause':'power'}");
	put(txn, &second, 2, 1, "outage", "{'started_ms':1000,'ended_ms':70000,'cause':'power'}");
	put(txn, &second, 2, 2, "outage", "{'started_ms':80000,'ended_ms':90000,'cause':'shutdown'}");
	put(txn, &elsewhere, 3, 1, "outage", "{'started_ms':1000,'ended_ms':50000,'cause':'power'}");
	assert_ok(power_of_node(txn, &first, 0, 60000, &rebooted, &agents, &err));
	assert_int_equal(rebooted, 1);
	assert_int_equal(agents, 2);
	assert_ok(power_of_node(txn, &first, 0, 70000, &rebooted, &agents, &err));
	assert_int_equal(rebooted, 2);
	assert_ok(power_of_node(txn, &first, 71000, 99000, &rebooted, &agents, &err));
	assert_int_equal(rebooted, 0);
}

static void note_leaf(void *arg, int64_t line_number, enum leaf_state state)
{
	char *text = arg;

	snprintf(text + strlen(text), 256 - strlen(text), "%lld %s; ", (long long)line_number, leaf_state_names[state]);
}

static void lists_leaves_at_a_time(void **state)
{
	static const struct {
		const char *outage, *alive, *want[OUTAGE_PLACE_COUNT];   /* of the access, the server, upstream */
	} rows[] = {
		{ NULL, "{'started_ms':0,'ended_ms':9000}", { "good; ", "good; ", "good; " } },
		{ "{'started_ms':1000,'ended_ms':5001,'cause':'access'}", "{'started_ms':0,'ended_ms':9000}", { "bad; ", "", "" } },
		{ "{'started_ms':1000,'ended_ms':5000,'cause':'access'}", "{'started_ms':0,'ended_ms':9000}",
		  { "good; ", "good; ", "good; " } },
		{ "{'started_ms':5001,'ended_ms':5002,'cause':'carrier'}", "{'started_ms':0,'ended_ms':9000}",
		  { "good; ", "good; ", "good; " } },
		{ "{'started_ms':1000,'ended_ms':9000,'cause':'gateway'}", NULL, { "bad; ", "", "" } },
		{ "{'started_ms':1000,'ended_ms':9000,'cause':'local-server'}", "{'started_ms':0,'ended_ms':9000}",
		  { "good; ", "bad; ", "good; " } },
		{ "{'started_ms':1000,'cause':'http'}", "{'started_ms':0,'ended_ms':9000}", { "good; ", "bad; ", "good; " } },
		{ "{'started_ms':1000,'cause':'upstream'}", "{'started_ms':0,'ended_ms':9000}", { "good; ", "good; ", "bad; " } },
		{ "{'started_ms':1000,'cause':'dns'}", "{'started_ms':0,'ended_ms':9000}", { "good; ", "", "good; " } },
		{ "{'started_ms':1000,'ended_ms':9000,'cause':'power'}", "{'started_ms':0,'ended_ms':1000}", { "", "", "" } },
		{ "{'started_ms':1000,'ended_ms':9000,'cause':'clock'}", NULL, { "", "", "" } },
		{ "{'started_ms':1000,'cause':'access'}", "{'started_ms':0,'ended_ms':9000}", { "bad; ", "", "" } },
		{ "{'started_ms':1000,'cause':'access'}", "{'started_ms':0,'ended_ms':5000}", { "", "", "" } },
	};
	struct txn *txn = txn_of(state);
	char want[OUTAGE_PLACE_COUNT][256] = { "" };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char id[16];
		struct line line;

		snprintf(id, sizeof id, "line-%zu", i);
		line = put_line(txn, "42", id);
		if (rows[i].outage)
			put(txn, &line, 1, 1, "outage", rows[i].outage);
		if (rows[i].alive)
			put(txn, &line, 1, 2, "alive", rows[i].alive);
		for (int place = 0; place < OUTAGE_PLACE_COUNT; place++)
			if (*rows[i].want[place])
				snprintf(want[place] + strlen(want[place]), sizeof want[place] - strlen(want[place]), "%lld %s",
					 (long long)line.number, rows[i].want[place]);
	}
	for (int place = 0; place < OUTAGE_PLACE_COUNT; place++) {
		char text[256] = "";

		assert_ok(outage_leaves_at(txn, (enum outage_place)place, 5000, note_leaf, text, &err));
		assert_string_equal(text, want[place]);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
	static const struct CMUnitTest tests[] = {
		TEST(a_later_report_replaces_one_under_way),
		TEST(watching_becomes_the_same_ranges_in_any_order),
		TEST(dates_can_be_shifted),
		TEST(says_when_reliability_may_have_changed),
		TEST(counts_who_lost_power_at_a_node),
		TEST(lists_leaves_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
