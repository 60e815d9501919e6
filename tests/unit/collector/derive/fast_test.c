#include "collector/store/derived.h"
#include "tests/unit/collector/derive/fixture.h"

/* D8: the digest is that of the evidence's other members, keys in order; "later" is not part of it. */
static void assert_sealed(const json_t *evidence)
{
	json_t *rest = json_deep_copy(evidence);
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof hash + 1], *text;

	json_object_del(rest, "later");
	json_object_del(rest, "sha256");
	text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS);
	crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
	assert_string_equal(json_string_value(json_object_get(evidence, "sha256")), sodium_bin2hex(hex, sizeof hex, hash, sizeof hash));
	free(text);
	json_decref(rest);
}

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
	assert_string_equal(json_string_value(json_object_get(evidence, "layer")), "tcp_payload");
	assert_true(json_is_null(json_object_get(evidence, "culprit")));
	assert_sealed(evidence);
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
	collector_config_free(&config);
	setup(&other);
	report(other, 0, B8 G24, G8 G24);
	show_newest(other);
	assert_string_equal(((struct fixture *)other)->id, id);
	teardown(&other);
	config_from_text(yaml, &config);
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

	plan()->local_min_bps = 80000000;
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
}

/* Letters from cell on, each so many minutes after its cell's probe: what arrives late between what is known. */
static void late_between(struct fixture *fixture, int cell, int minutes, const char *local)
{
	fixture->local = local;
	fixture->hub = "";
	fixture->from_ms = START_MS + cell * CELL_MS + minutes * MINUTE_MS;
	fixture->now_ms = START_MS + 2000 * CELL_MS;
	run(fixture, ingest);
}

static void test_late_good_ones_withdraw_and_late_bad_ones_bring_back(void **state)
{
	struct fixture *fixture = *state;
	char id[ID_SIZE];

	report(fixture, 0, "b b b b b b b b", "");
	assert_tickets(fixture, "slow-local open");
	strcpy(id, show_newest(fixture) ? fixture->id : "");
	late_between(fixture, 1, 0, "g g g g g g g");
	assert_tickets(fixture, "slow-local withdrawn");
	assert_chain(fixture, "opened plumbline, withdrawn plumbline");
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(fixture->shown, "custody"), 1), "note")),
			    "with what arrived late the line was not slow");
	late_between(fixture, 0, 3, "b b b b b b b b");
	assert_tickets(fixture, "slow-local open");
	show_newest(fixture);
	assert_string_equal(fixture->id, id);
}

/* An agent that lay still for a week brings what it measured then. */
static void test_a_week_late_and_over_is_retrospective(void **state)
{
	struct fixture *fixture = *state;

	report(fixture, 800, G24, G24);
	late_between(fixture, 0, 0, "gggg" B8 G24);
	assert_tickets(fixture, "slow-local proven");
	assert_true(json_is_true(json_object_get(show_newest(fixture), "retrospective")));
	assert_int_equal(number(fixture->shown, "opened_ms"), START_MS + 11 * CELL_MS);
	assert_int_equal(number(fixture->shown, "proven_ms"), START_MS + 35 * CELL_MS);
}

static void test_late_bad_ones_date_it_back(void **state)
{
	struct fixture *fixture = *state;

	report(fixture, 20, B8, G8);
	late_between(fixture, 4, 0, "gggg" B8);
	assert_tickets(fixture, "slow-local open");
	assert_chain(fixture, "opened plumbline, revised plumbline, opened plumbline");
	assert_int_equal(number(fixture->shown, "opened_ms"), START_MS + 15 * CELL_MS);
	assert_int_equal(json_array_size(json_object_get(json_object_get(fixture->shown, "evidence"), "later")), 1);
}

/* What is said of a ticket counts from then on, also when older measurements arrive after it. */
static void test_a_claim_stands_between_what_arrives_late(void **state)
{
	struct fixture *fixture = *state;

	report(fixture, 0, B8, "");
	person_says(fixture, TICKET_FIXED, START_MS + 20 * CELL_MS);
	report(fixture, 21, "bb", "");
	assert_tickets(fixture, "slow-local fixed");
	late_between(fixture, 8, 0, B8);
	assert_tickets(fixture, "slow-local fixed");
	report(fixture, 23, "b", "");
	assert_tickets(fixture, "slow-local returned");
}

static void test_altered_content_is_a_defect_of_its_own(void **state)
{
	struct fixture *fixture = *state;
	json_t *evidence;

	report(fixture, 0, "ggaa", "gggg");
	assert_tickets(fixture, "altered open");
	evidence = json_object_get(show_newest(fixture), "evidence");
	assert_int_equal(json_array_size(json_object_get(evidence, "measurements")), 2);
	assert_int_equal(number(json_object_get(evidence, "rule"), "altered"), 2);
	report(fixture, 4, G8, G8);
	assert_tickets(fixture, "altered proven");
}

static int exempt_server(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;
	const struct exemption exemption = { START_MS, START_MS + 6 * CELL_MS, LEG_LOCAL, EXEMPT_SERVER };

	if (exemptions_replace(txn, LEG_LOCAL, INT64_MIN, &exemption, 1, err) < 0)
		return -1;
	return derive_fast(txn, &config, &fixture->line, START_MS, fixture->now_ms, err);
}

static void test_what_turns_out_exempt_is_withdrawn(void **state)
{
	struct fixture *fixture = *state;

	report(fixture, 0, B8 "bbbbb", "");
	assert_tickets(fixture, "slow-local open");
	run(fixture, exempt_server);
	assert_tickets(fixture, "slow-local withdrawn");
	report(fixture, 13, "b", "");
	assert_tickets(fixture, "slow-local open");
	assert_int_equal(json_array_size(json_object_get(json_object_get(show_newest(fixture), "evidence"), "measurements")), 8);
}

static int damage_states(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;
	const struct buf bytes = { .data = "another version", .length_bytes = 15 };

	return fold_head_put(txn, &fixture->line, &bytes, fixture->from_ms, err);
}

static void test_a_state_that_cannot_be_read_is_made_again(void **state)
{
	struct fixture *fixture = *state;

	report(fixture, 0, "bbbbbbb", "");
	run(fixture, damage_states);
	report(fixture, 7, "b", "");
	assert_tickets(fixture, "slow-local open");
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
		CASE(test_late_good_ones_withdraw_and_late_bad_ones_bring_back),
		CASE(test_a_week_late_and_over_is_retrospective),
		CASE(test_late_bad_ones_date_it_back),
		CASE(test_a_claim_stands_between_what_arrives_late),
		CASE(test_altered_content_is_a_defect_of_its_own),
		CASE(test_what_turns_out_exempt_is_withdrawn),
		CASE(test_a_state_that_cannot_be_read_is_made_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
