#include "collector/derive/reliable.h"

#include "collector/derive/outages.h"
#include "collector/store/agents.h"
#include "collector/store/outages.h"
#include "collector/store/tickets.h"
#include "tests/unit/collector/store/sqlite/fixture.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define START_MS  (INT64_C(20000) * DAY_MS)
#define NOW_MS    (START_MS + 40 * DAY_MS)

static struct service_plan plan = { .name = "norm-2001", .reliability = PROFILE_NORM_2001, .interval_ms = 15 * MINUTE_MS };
static const struct collector_config config = {
	.service_plans = { .items = &plan, .count = 1 },
	.decision = { .reopen_within_ms = 3 * DAY_MS, .chronic_reopens = 3, .chronic_within_ms = 14 * DAY_MS },
	.outages = { .brief_from_ms = 10000, .outage_from_ms = MINUTE_MS, .merge_gap_ms = 2 * MINUTE_MS, .site_power_percent = 60,
		     .site_power_within_ms = 2 * MINUTE_MS, .coverage_percent = 90 },
	.reliability = { .window_ms = 30 * DAY_MS, .outages = 4, .down_ms = 216 * MINUTE_MS, .briefs = 20,
			 .briefs_within_ms = DAY_MS, .proof_ms = 14 * DAY_MS, .proof_outages = 1, .proof_down_ms = 20 * MINUTE_MS,
			 .proof_step_ms = DAY_MS, .reopen_within_ms = 3 * DAY_MS },
	.report_ms = 5 * MINUTE_MS,
};

static struct txn *txn_of(void **state)
{
	return &((struct fixture *)*state)->txn;
}

/* An event, and what follows from it. ended_ms may be JSON_ABSENT. */
static void put(struct txn *txn, const struct line *line, int64_t seq, const char *type, const char *cause, int64_t started_ms,
		int64_t ended_ms)
{
	json_t *event = json_pack("{s:I, s:s?}", "started_ms", (json_int_t)started_ms, "cause", cause);
	int64_t from_ms = INT64_MAX;

	if (ended_ms != JSON_ABSENT)
		json_object_set_new(event, "ended_ms", json_integer(ended_ms));
	assert_ok(outage_event_put(txn, line, 1, seq, type, event, 0, &from_ms, &err));
	json_decref(event);
	if (from_ms != INT64_MAX)
		assert_ok(derive_reliable(txn, &config, line, from_ms, NOW_MS, &err));
}

static void watch(struct txn *txn, const struct line *line, int from_day, int to_day)
{
	for (int day = from_day; day < to_day; day++)
		put(txn, line, 1 + day, "alive", NULL, START_MS + day * DAY_MS, START_MS + (day + 1) * DAY_MS);
}

/* The line's tickets, "state reopen_count; …", newest first. */
static void assert_tickets(struct txn *txn, const char *want)
{
	const struct ticket_filter filter = { .limit = 100 };
	json_t *page, *ticket;
	char text[256] = "";
	size_t i;

	assert_ok(tickets_list(txn, &filter, &page, &err));
	json_array_foreach(json_object_get(page, "items"), i, ticket) {
		assert_string_equal(json_string_value(json_object_get(ticket, "defect")), "unreliable");
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s %d; ", json_string_value(json_object_get(ticket, "state")),
			 (int)json_integer_value(json_object_get(ticket, "reopen_count")));
	}
	json_decref(page);
	assert_string_equal(text, want);
}

static void assert_value(struct txn *txn, const struct line *line, int64_t now_ms, enum value want, bool is_young)
{
	struct reliability reliability;

	assert_ok(reliability_of_line(txn, &config, line, now_ms, &reliability, &err));
	assert_string_equal(value_names[reliability.value], value_names[want]);
	assert_int_equal(reliability.is_young, is_young);
}

static void a_quiet_line_is_reliable_once_it_was_watched(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1"), other;

	assert_value(txn, &line, NOW_MS, VALUE_UNMEASURED, false);
	watch(txn, &line, 30, 40);
	assert_value(txn, &line, NOW_MS, VALUE_GOOD, true);
	assert_value(txn, &line, NOW_MS + 10 * MINUTE_MS, VALUE_GOOD, true);
	assert_value(txn, &line, NOW_MS + DAY_MS, VALUE_GOOD, true);
	assert_value(txn, &line, NOW_MS + 2 * DAY_MS, VALUE_UNMEASURED, true);
	assert_tickets(txn, "");

	other = put_line(txn, "42", "line-2");
	text_copy(other.service_plan, sizeof other.service_plan, "none");
	watch(txn, &other, 30, 40);
	assert_value(txn, &other, NOW_MS, VALUE_UNMEASURED, true);
}

static void an_outage_opens_a_ticket_and_quiet_days_prove_it(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");

	watch(txn, &line, 0, 9);
	put(txn, &line, 100, "outage", "access", START_MS + HOUR_MS, START_MS + HOUR_MS + MINUTE_MS);
	assert_tickets(txn, "open 0; ");
	assert_value(txn, &line, START_MS + 9 * DAY_MS, VALUE_BAD, true);
	watch(txn, &line, 9, 40);
	assert_tickets(txn, "proven 0; ");
	assert_value(txn, &line, NOW_MS, VALUE_GOOD, false);
	put(txn, &line, 101, "outage", "access", NOW_MS - HOUR_MS, NOW_MS);
	assert_tickets(txn, "open 1; ");
	assert_value(txn, &line, NOW_MS, VALUE_BAD, false);
}

static void a_late_report_undoes_what_an_outage_under_way_seemed_to_be(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");

	watch(txn, &line, 30, 40);
	put(txn, &line, 100, "outage", "access", START_MS + 39 * DAY_MS, JSON_ABSENT);
	assert_tickets(txn, "open 0; ");
	put(txn, &line, 101, "outage", "access", START_MS + 39 * DAY_MS, START_MS + 39 * DAY_MS + 30000);
	assert_tickets(txn, "withdrawn 0; ");
	assert_value(txn, &line, NOW_MS, VALUE_GOOD, true);
}

static void what_is_not_the_access_network_opens_nothing(void **state)
{
	static const char *const causes[] = { "carrier", "gateway", "local-server", "upstream", "http", "power", "suspend", "clock" };
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");

	watch(txn, &line, 0, 40);
	for (int i = 0; i < 8; i++)
		put(txn, &line, 100 + i, "outage", causes[i], START_MS + (30 + i) * DAY_MS, START_MS + (30 + i) * DAY_MS + HOUR_MS);
	assert_tickets(txn, "");
	assert_value(txn, &line, NOW_MS, VALUE_GOOD, false);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
	static const struct CMUnitTest tests[] = {
		TEST(a_quiet_line_is_reliable_once_it_was_watched),
		TEST(an_outage_opens_a_ticket_and_quiet_days_prove_it),
		TEST(a_late_report_undoes_what_an_outage_under_way_seemed_to_be),
		TEST(what_is_not_the_access_network_opens_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
