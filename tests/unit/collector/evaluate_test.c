#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/decide/defect.h"
#include "collector/evaluate.h"
#include "collector/store/agents.h"
#include "collector/store/measurements.h"
#include "collector/store/store.h"
#include "collector/store/tickets.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define CELL_MS   (15 * MINUTE_MS)
#define START_MS  (INT64_C(20000) * 24 * HOUR_MS)
#define HUB_MS    (5 * MINUTE_MS)   /* the hub is probed so long after the local server */

static struct service_plan plan = {
	.name = "norm-2001", .local_min_bps = 240000, .hub_min_bps = 160000, .interval_ms = CELL_MS,
};
static const struct collector_config config = {
	.service_plans = { .items = &plan, .count = 1 },
	.decision = {
		.open_bad = 8, .open_of = 12, .open_span_ms = 90 * MINUTE_MS, .open_within_ms = 6 * HOUR_MS,
		.contended_percent = 50, .close_not_good = 2, .close_of = 24, .band_not_good = 8, .band_of = 96,
		.band_ms = 6 * HOUR_MS, .band_share_percent = 70, .band_span_ms = 24 * HOUR_MS,
		.reopen_within_ms = 72 * HOUR_MS, .chronic_reopens = 3, .chronic_within_ms = 14 * 24 * HOUR_MS,
		.suspect_bad = 3, .suspect_of = 4, .verdict_valid = 4, .verdict_cells = 2,
	},
	.capacity_decision = {
		.open_bad = 3, .open_of = 4, .open_span_ms = 6 * HOUR_MS, .open_within_ms = 7 * 24 * HOUR_MS,
		.contended_percent = 50, .close_of = 3, .band_of = 96, .band_ms = 6 * HOUR_MS, .band_share_percent = 70,
		.band_span_ms = 24 * HOUR_MS, .reopen_within_ms = 72 * HOUR_MS, .chronic_reopens = 3,
		.chronic_within_ms = 14 * 24 * HOUR_MS, .suspect_bad = 3, .suspect_of = 4, .verdict_valid = 4,
		.verdict_cells = 2,
	},
	.outages = { .outage_from_ms = MINUTE_MS, .coverage_percent = 90 },
	.reliability = { .window_ms = 30 * 24 * HOUR_MS, .outages = 4, .briefs = 20, .briefs_within_ms = 24 * HOUR_MS },
};

struct fixture {
	char directory[64];
	struct store *store;
	struct line line;
	int64_t spool;
	int64_t seq;
	/* Of the job that runs. */
	const char *local, *hub;          /* one letter a cell: g good, b bad, space nothing; capitals are capacity probes */
	int64_t from_ms;
	int64_t now_ms;
	bool has_agent;
	enum defect defect;
	char id[ID_SIZE];
	enum ticket_state become;
	int64_t at_ms;
	json_t *shown;
};

static void run(struct fixture *fixture, store_job job)
{
	struct err err = { 0 };

	if (store_run(fixture->store, job, fixture, &err) < 0)
		fail_msg("%s", err.message);
}

static int make_line(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;
	static const unsigned char hash[TOKEN_HASH_BYTES] = { 1 }, key[PUBLIC_KEY_BYTES] = { 2 };
	struct client client = { .id = "42", .name = "Bakery", .tier = "B" };
	struct line line = { .id = "line-7", .client = "42", .service_plan = "norm-2001", .always_on = true };
	struct enrolment enrolment = { hash, key, "agent-7", "host", "0.1.0", START_MS };
	struct agent agent;

	if (client_put(txn, &client, err) < 0 || line_put(txn, &line, err) < 0 ||
	    line_get(txn, "line-7", &fixture->line, err) < 0 ||
	    token_put(txn, hash, "line-7", START_MS, START_MS + HOUR_MS, err) < 0 ||
	    agent_enrol(txn, &enrolment, &agent, err) < 0)
		return -1;
	return spool_number(txn, &agent, "00000000-0000-4000-8000-000000000007", &fixture->spool, err);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct store_options options = { .readers = 1 };
	struct err err;
	char path[96];

	assert_true(sodium_init() >= 0);
	strcpy(fixture->directory, "/tmp/evaluate-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	snprintf(path, sizeof path, "%s/collector.db", fixture->directory);
	options.path = path;
	if (store_open(&options, &fixture->store, &err) < 0)
		fail_msg("%s", err.message);
	fixture->has_agent = true;
	run(fixture, make_line);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	static const char *const endings[] = { "", "-wal", "-shm" };
	struct fixture *fixture = *state;
	char path[96];

	store_close(fixture->store, NULL, NULL);
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
		snprintf(path, sizeof path, "%s/collector.db%s", fixture->directory, endings[i]);
		unlink(path);
	}
	rmdir(fixture->directory);
	json_decref(fixture->shown);
	free(fixture);
	return 0;
}

static int put(struct txn *txn, struct fixture *fixture, enum leg leg, const char *letters, int64_t from_ms, struct err *err)
{
	for (int cell = 0; letters && letters[cell]; cell++) {
		struct measurement m;

		if (letters[cell] == ' ')
			continue;
		measurement_init(&m);
		m.leg = (int)leg;
		strcpy(m.file, leg_names[leg]);
		m.started_ms = from_ms + cell * CELL_MS;
		m.threshold_bps = leg == LEG_LOCAL ? plan.local_min_bps : plan.hub_min_bps;
		m.kind = strchr("GB", letters[cell]) ? KIND_CAPACITY : KIND_REFERENCE;
		m.judgement = strchr("gG", letters[cell]) ? JUDGED_GOOD : JUDGED_BAD;
		m.throughput_bps = m.judgement == JUDGED_GOOD ? m.threshold_bps * 2 : m.threshold_bps / 2 + cell;
		m.bytes = 1048576;
		m.duration_us = 1000000;
		if (measurement_put(txn, &fixture->line, fixture->spool, ++fixture->seq, &m, err) < 0)
			return -1;
	}
	return 0;
}

static int64_t first_ms(const char *letters, int64_t from_ms)
{
	return letters && *letters ? from_ms : INT64_MAX;
}

/* What the ingest of a report does: stores, then evaluates from the oldest new one of each leg. */
static int ingest(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;
	int64_t from_ms[LEG_COUNT] = {
		first_ms(fixture->local, fixture->from_ms), first_ms(fixture->hub, fixture->from_ms + HUB_MS),
	};

	if (put(txn, fixture, LEG_LOCAL, fixture->local, fixture->from_ms, err) < 0 ||
	    put(txn, fixture, LEG_HUB, fixture->hub, fixture->from_ms + HUB_MS, err) < 0)
		return -1;
	return evaluate_line(txn, &config, &fixture->line, from_ms, fixture->now_ms, err);
}

/* Everything once more. */
static int evaluate_again(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;

	return evaluate_line(txn, &config, &fixture->line, (int64_t[LEG_COUNT]){ START_MS, START_MS + HUB_MS }, fixture->now_ms,
			     err);
}

/* Both legs from cell on: letters of the local leg and of the hub. */
static void report(struct fixture *fixture, int cell, const char *local, const char *hub)
{
	fixture->local = local;
	fixture->hub = hub;
	fixture->from_ms = START_MS + cell * CELL_MS;
	fixture->now_ms = fixture->from_ms + (int64_t)strlen(local) * CELL_MS;
	run(fixture, ingest);
}

static int list(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;
	struct ticket_filter filter = { .limit = 100 };

	json_decref(fixture->shown);
	fixture->shown = NULL;
	return tickets_list(txn, &filter, &fixture->shown, err);
}

/* "slow-local open, …", newest first. */
static void assert_tickets(struct fixture *fixture, const char *want)
{
	char got[256] = "";
	json_t *ticket;
	size_t i;

	run(fixture, list);
	json_array_foreach(json_object_get(fixture->shown, "items"), i, ticket)
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s %s", i ? ", " : "",
			 json_string_value(json_object_get(ticket, "defect")),
			 json_string_value(json_object_get(ticket, "state")));
	assert_string_equal(got, want);
}

static int show(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;

	json_decref(fixture->shown);
	fixture->shown = NULL;
	return ticket_show(txn, fixture->id, &fixture->shown, err);
}

/* The only or newest ticket, shown whole. */
static json_t *show_newest(struct fixture *fixture)
{
	run(fixture, list);
	strcpy(fixture->id, json_string_value(json_object_get(json_array_get(json_object_get(fixture->shown, "items"), 0), "id")));
	run(fixture, show);
	return fixture->shown;
}

static void assert_chain(struct fixture *fixture, const char *want)
{
	char got[256] = "";
	json_t *move;
	size_t i;

	json_array_foreach(json_object_get(show_newest(fixture), "custody"), i, move)
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s %s", i ? ", " : "",
			 json_string_value(json_object_get(move, "action")), json_string_value(json_object_get(move, "by")));
	assert_string_equal(got, want);
}

/* A person's move: fixed or closed. */
static int claim(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;
	struct ticket_move move = { .action = ticket_state_names[fixture->become], .by = "olga", .at_ms = fixture->at_ms };
	struct ticket ticket;

	if (ticket_get(txn, fixture->id, &ticket, err) < 0)
		return -1;
	ticket.state = (int)fixture->become;
	strcpy(ticket.holder, "pavel");
	if (fixture->become == TICKET_FIXED)
		ticket.fixed_ms = fixture->at_ms;
	else
		ticket.closed_ms = fixture->at_ms;
	return ticket_update(txn, &ticket, err) < 0 ? -1 : ticket_add_move(txn, &ticket, &move, err);
}

static void person_says(struct fixture *fixture, enum ticket_state become, int64_t at_ms)
{
	show_newest(fixture);
	fixture->become = become;
	fixture->at_ms = at_ms;
	run(fixture, claim);
}

static int64_t number(const json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

#define B8  "bbbbbbbb"
#define G8  "gggggggg"
#define G24 G8 G8 G8

static void test_opens_with_evidence(void **state)
{
	struct fixture *fixture = *state;
	json_t *ticket, *evidence, *statistics;

	report(fixture, 0, "gggg" "bbbbbbb", "gggg" "ggggggg");
	assert_tickets(fixture, "");
	report(fixture, 11, "b", "g");
	assert_tickets(fixture, "slow-local open");
	assert_chain(fixture, "opened plumbline");
	ticket = fixture->shown;
	assert_string_equal(json_string_value(json_object_get(ticket, "holder")), "plumbline");
	assert_int_equal(number(ticket, "opened_ms"), START_MS + 11 * CELL_MS);
	assert_int_equal(strlen(fixture->id), 10);
	evidence = json_object_get(ticket, "evidence");
	assert_int_equal(json_array_size(json_object_get(evidence, "measurements")), 12);
	assert_int_equal(json_array_size(json_object_get(evidence, "hub")), 11);
	assert_int_equal(number(evidence, "interval_ms"), CELL_MS);
	assert_int_equal(number(json_object_get(evidence, "rule"), "bad"), 8);
	assert_int_equal(number(json_object_get(evidence, "rule"), "span_ms"), 90 * MINUTE_MS);
	statistics = json_object_get(evidence, "statistics");
	assert_int_equal(number(statistics, "bad"), 8);
	assert_int_equal(number(statistics, "valid"), 12);
	assert_int_equal(number(statistics, "contended"), 0);
	assert_int_equal(number(statistics, "threshold_bps"), 240000);
	assert_int_equal(number(statistics, "min_bps"), 120000);   /* the one of cell 0 of the second report */
	assert_int_equal(number(statistics, "median_bps"), 120008);
}

static void test_evaluating_again_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	char *before, *after;

	report(fixture, 0, B8 G24 B8, G8 G24 G8);
	assert_chain(fixture, "opened plumbline, proven plumbline, reopened plumbline");
	before = json_dumps(fixture->shown, JSON_SORT_KEYS);
	run(fixture, evaluate_again);
	after = json_dumps(show_newest(fixture), JSON_SORT_KEYS);
	assert_string_equal(before, after);
	free(before);
	free(after);
	assert_tickets(fixture, "slow-local open");
}

static void test_both_legs_slow_is_one_local_ticket(void **state)
{
	struct fixture *fixture = *state;

	report(fixture, 0, "gggg" B8 B8, "gggg" B8 B8);
	assert_tickets(fixture, "slow-local open");
}

static void test_hub_alone(void **state)
{
	struct fixture *fixture = *state;
	json_t *evidence;

	report(fixture, 0, "gggg" G8, "gggg" B8);
	assert_tickets(fixture, "slow-hub open");
	evidence = json_object_get(show_newest(fixture), "evidence");
	assert_int_equal(json_array_size(json_object_get(evidence, "measurements")), 12);
	assert_int_equal(json_array_size(json_object_get(evidence, "local")), 11);
}

static void test_proof_after_a_repair(void **state)
{
	struct fixture *fixture = *state;

	report(fixture, 0, B8, G8);
	person_says(fixture, TICKET_FIXED, START_MS + 10 * CELL_MS);
	report(fixture, 8, G24, G24);   /* the first three are older than the claim, or as old */
	assert_tickets(fixture, "slow-local fixed");
	report(fixture, 32, "ggg", "ggg");
	assert_tickets(fixture, "slow-local proven");
	assert_chain(fixture, "opened plumbline, fixed olga, proven plumbline");
	assert_int_equal(number(fixture->shown, "proven_ms"), START_MS + 34 * CELL_MS);
}

static void test_failed_proof_returns_to_the_fixer(void **state)
{
	struct fixture *fixture = *state;

	report(fixture, 0, B8, G8);
	person_says(fixture, TICKET_FIXED, START_MS + 8 * CELL_MS - 1);
	report(fixture, 8, "bgb", "ggg");
	assert_tickets(fixture, "slow-local fixed");
	report(fixture, 11, "b", "g");
	assert_tickets(fixture, "slow-local returned");
	assert_chain(fixture, "opened plumbline, fixed olga, returned plumbline");
	assert_string_equal(json_string_value(json_object_get(fixture->shown, "holder")), "olga");
}

static void test_recovery_without_repair_is_labelled(void **state)
{
	struct fixture *fixture = *state;
	json_t *moves;

	report(fixture, 0, B8 G24, G8 G24);
	assert_tickets(fixture, "slow-local proven");
	moves = json_object_get(show_newest(fixture), "custody");
	assert_string_equal(json_string_value(json_object_get(json_array_get(moves, 1), "note")),
			    "recovered with no repair reported");
}

static void test_closed_reopens_within_72_h_only(void **state)
{
	struct fixture *fixture = *state;
	char id[ID_SIZE];

	report(fixture, 0, B8 G24, G8 G24);
	person_says(fixture, TICKET_CLOSED, START_MS + 32 * CELL_MS);
	strcpy(id, fixture->id);
	report(fixture, 32, B8, G8);
	assert_tickets(fixture, "slow-local open");
	show_newest(fixture);
	assert_string_equal(fixture->id, id);
	assert_int_equal(number(fixture->shown, "reopen_count"), 1);
	report(fixture, 40, G24, G24);
	person_says(fixture, TICKET_CLOSED, START_MS + 64 * CELL_MS);
	report(fixture, 64 + 72 * 4, "gggg" B8, "gggg" G8);
	assert_tickets(fixture, "slow-local open, slow-local closed");
	show_newest(fixture);
	assert_string_not_equal(fixture->id, id);
}

static void test_third_reopening_is_chronic(void **state)
{
	struct fixture *fixture = *state;

	report(fixture, 0, B8 G24 B8 G24 B8, "");
	assert_true(json_is_false(json_object_get(show_newest(fixture), "chronic")));
	report(fixture, 72, G24 B8, "");
	assert_true(json_is_true(json_object_get(show_newest(fixture), "chronic")));
	assert_int_equal(number(fixture->shown, "reopen_count"), 3);
}

static void test_a_week_late_gives_the_same_ticket(void **state)
{
	struct fixture *fixture = *state;
	char id[ID_SIZE];
	void *other = NULL;

	for (int cell = 0; cell < 8; cell++)
		report(fixture, cell, "b", "g");
	show_newest(fixture);
	strcpy(id, fixture->id);
	setup(&other);
	report(other, 0, B8 G24, G8 G24);
	show_newest(other);
	assert_string_equal(((struct fixture *)other)->id, id);
	teardown(&other);
}

static void test_over_before_it_was_known(void **state)
{
	struct fixture *fixture = *state;

	report(fixture, 0, B8, G8);
	report(fixture, 8, G24, G24);
	assert_true(json_is_false(json_object_get(show_newest(fixture), "retrospective")));
	report(fixture, 32, B8 G24, "");
	assert_true(json_is_true(json_object_get(show_newest(fixture), "retrospective")));
}

/* A promise that 1 MiB cannot show (S1): a few capacity probes a day, by a rule of their own; reference probes accuse nobody. */
static void test_fast_promise_is_judged_by_capacity_probes(void **state)
{
	struct fixture *fixture = *state;
	const struct service_plan slow = plan;

	plan.local_min_bps = 80000000;
	report(fixture, 0, "bbbbbbbbbbbb", "");
	assert_tickets(fixture, "");
	report(fixture, 20, "B               B", "");
	assert_tickets(fixture, "");
	report(fixture, 50, "B", "");
	assert_tickets(fixture, "slow-local open");
	report(fixture, 60, "G         G", "");
	assert_tickets(fixture, "slow-local open");
	report(fixture, 80, "G", "");
	assert_tickets(fixture, "slow-local proven");
	plan = slow;
}

static int look(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;

	json_decref(fixture->shown);
	fixture->shown = NULL;
	return quality_of_line(txn, &config, &fixture->line, fixture->has_agent, fixture->now_ms, &fixture->shown, err);
}

static void assert_quality(struct fixture *fixture, int cell, const char *want)
{
	char *got;

	fixture->now_ms = START_MS + cell * CELL_MS + 10 * MINUTE_MS;
	run(fixture, look);
	got = json_dumps(fixture->shown, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(got, want);
	free(got);
}

static void test_quality(void **state)
{
	struct fixture *fixture = *state;

	fixture->has_agent = false;
	assert_quality(fixture, 0, "{\"coverage\":0,\"fast\":{\"hub\":\"unmeasured\",\"local\":\"unmeasured\"},"
		       "\"good\":\"unmeasured\",\"reason\":\"no-agent\",\"reliable\":\"unmeasured\"}");
	fixture->has_agent = true;
	report(fixture, 0, G8, G8);
	assert_quality(fixture, 8, "{\"coverage\":100,\"fast\":{\"hub\":\"good\",\"local\":\"good\"},"
		       "\"good\":\"unmeasured\",\"reason\":\"little-watched\",\"reliable\":\"unmeasured\"}");
	report(fixture, 8, G8, "g g g g ");
	assert_quality(fixture, 16, "{\"coverage\":75,\"fast\":{\"hub\":\"good\",\"local\":\"good\"},"
		       "\"good\":\"unmeasured\",\"reason\":\"little-watched\",\"reliable\":\"unmeasured\"}");
	report(fixture, 16, B8, G8);
	assert_quality(fixture, 24, "{\"coverage\":83,\"fast\":{\"hub\":\"good\",\"local\":\"bad\"},"
		       "\"good\":\"bad\",\"reason\":\"slow-local\",\"reliable\":\"unmeasured\"}");
}

/* The agent's clock was a year ahead for a while; now it has been silent for three cells. */
static void test_what_is_dated_ahead_hides_no_silence(void **state)
{
	struct fixture *fixture = *state;

	report(fixture, 0, G8, G8);
	report(fixture, 4 * 24 * 365, G8, G8);
	assert_quality(fixture, 11, "{\"coverage\":72,\"fast\":{\"hub\":\"unmeasured\",\"local\":\"unmeasured\"},"
		       "\"good\":\"unmeasured\",\"reason\":\"silent\",\"reliable\":\"unmeasured\"}");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_opens_with_evidence),
		CASE(test_evaluating_again_changes_nothing),
		CASE(test_both_legs_slow_is_one_local_ticket),
		CASE(test_hub_alone),
		CASE(test_proof_after_a_repair),
		CASE(test_failed_proof_returns_to_the_fixer),
		CASE(test_recovery_without_repair_is_labelled),
		CASE(test_closed_reopens_within_72_h_only),
		CASE(test_third_reopening_is_chronic),
		CASE(test_a_week_late_gives_the_same_ticket),
		CASE(test_over_before_it_was_known),
		CASE(test_fast_promise_is_judged_by_capacity_probes),
		CASE(test_quality),
		CASE(test_what_is_dated_ahead_hides_no_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
