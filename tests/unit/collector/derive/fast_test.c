#include "tests/unit/collector/derive/fixture.h"

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

static void test_deriving_again_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	char *before, *after;

	report(fixture, 0, B8 G24 B8, G8 G24 G8);
	assert_chain(fixture, "opened plumbline, proven plumbline, reopened plumbline");
	before = json_dumps(fixture->shown, JSON_SORT_KEYS);
	run(fixture, derive_again);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_opens_with_evidence),
		CASE(test_deriving_again_changes_nothing),
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
