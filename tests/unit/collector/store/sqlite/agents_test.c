#include "collector/store/agents.h"

#include "agent/base/random.h"
#include "tests/unit/collector/store/sqlite/fixture.h"

#define NOW INT64_C(1763800000000)

static const unsigned char token[TOKEN_HASH_BYTES] = { 7, 0, 7 };
static const unsigned char other_token[TOKEN_HASH_BYTES] = { 8 };
static const unsigned char key[PUBLIC_KEY_BYTES] = { 1, 0, 2 };
static const unsigned char other_key[PUBLIC_KEY_BYTES] = { 3 };

static struct txn *txn_of(void **state)
{
	return &((struct fixture *)*state)->txn;
}

static struct agent enrol(struct txn *txn, const unsigned char *token_hash, const char *id, int64_t now_ms)
{
	struct enrolment enrolment = { token_hash, key, id, "host", "0.1.0", now_ms };
	struct agent agent;

	assert_ok(token_put(txn, token_hash, "line-1", now_ms, now_ms + 1, &err));
	assert_ok(agent_enrol(txn, &enrolment, &agent, &err));
	return agent;
}

/* One after the other, on a token that lives until NOW + 1000. */
static const struct {
	const char *name;
	const unsigned char *token, *key;
	const char *id;
	int64_t at_ms;
	const char *want_id;
	enum err_code want;
	const char *message;
} enrolments[] = {
	{ "unknown token",          other_token, key,       "x", NOW,        NULL, ERR_UNAUTHORIZED, "join token: unknown" },
	{ "expired",                token,       key,       "x", NOW + 1000, NULL, ERR_UNAUTHORIZED, "join token: expired" },
	{ "in its last moment",     token,       key,       "a", NOW + 999,  "a",  0, NULL },
	{ "the same key again",     token,       key,       "b", NOW + 999,  "a",  0, NULL },
	{ "and after the end",      token,       key,       "b", NOW + 5000, "a",  0, NULL },
	{ "another key",            token,       other_key, "b", NOW + 999,  NULL, ERR_CONFLICT,
	  "join token: was used by another key" },
};

static void enrols_once(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");

	assert_ok(token_put(txn, token, "line-1", NOW, NOW + 1000, &err));
	for (size_t i = 0; i < sizeof enrolments / sizeof enrolments[0]; i++) {
		struct enrolment enrolment = { enrolments[i].token, enrolments[i].key, enrolments[i].id, "h", "v",
					       enrolments[i].at_ms };
		struct agent agent;

		if (!enrolments[i].want_id) {
			assert_fails(agent_enrol(txn, &enrolment, &agent, &err), enrolments[i].want, enrolments[i].message);
			continue;
		}
		assert_ok(agent_enrol(txn, &enrolment, &agent, &err));
		assert_string_equal(agent.id, enrolments[i].want_id);
		assert_string_equal(agent.line, "line-1");
		assert_int_equal(agent.line_number, line.number);
		assert_int_equal(agent.client_number, line.client_number);
		assert_memory_equal(agent.public_key, key, PUBLIC_KEY_BYTES);
		assert_int_equal(agent.generation, 1);
		assert_int_equal(agent.revoked_ms, JSON_ABSENT);
	}
	assert_int_equal(query(txn->db, "SELECT count(*) FROM agent"), 1);
	assert_fails(token_put(txn, other_token, "line-2", NOW, NOW, &err), ERR_NOT_FOUND, "line line-2: unknown");
}

/* Agent a is revoked and was heard at NOW + 9, b only enrolled at NOW. */
static void check_pages(struct txn *txn)
{
	static const struct {
		const char *name;
		int64_t heard_from_ms, heard_before_ms;
		const char *ids;
	} cases[] = {
		{ "all, a page each", 0, 0, "a b " },
		{ "heard since then: the revoked one does not count", NOW + 1, NOW + 100, "" },
		{ "not heard since then", 0, NOW + 1, "b " },
		{ "up to then", 0, NOW, "" },
	};
	struct agent_filter bad = { .cursor = "WzFd", .limit = 1 };
	json_t *page;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct agent_filter filter = { cases[i].heard_from_ms, cases[i].heard_before_ms, NULL, 1 };
		char ids[64] = "", cursor[256];

		do {
			assert_ok(agents_list(txn, &filter, &page, &err));
			read_ids(page, ids + strlen(ids), sizeof ids - strlen(ids));
			filter.cursor = json_string_value(json_object_get(page, "cursor"));
			if (filter.cursor) {
				text_copy(cursor, sizeof cursor, filter.cursor);
				filter.cursor = cursor;
			}
			json_decref(page);
		} while (filter.cursor);
		print_message("%s\n", cases[i].name);
		assert_string_equal(ids, cases[i].ids);
	}
	assert_fails(agents_list(txn, &bad, &page, &err), ERR_INPUT, "cursor: is not from an earlier page");
}

static void lists_and_revokes(void **state)
{
	struct txn *txn = txn_of(state);
	struct agent agent;
	json_t *shown;

	put_line(txn, "42", "line-1");
	enrol(txn, token, "b", NOW);
	agent = enrol(txn, other_token, "a", NOW + 1);
	assert_ok(agent_heard(txn, &agent, 5, NOW + 9, &err));
	assert_ok(client_get(txn, "42", &shown, &err));
	assert_string_equal(json_string_value(json_object_get(
		json_array_get(json_object_get(shown, "lines"), 0), "agent")), "a");
	json_decref(shown);

	assert_ok(agent_revoke(txn, "a", NOW + 10, &err));
	assert_ok(agent_revoke(txn, "a", NOW + 11, &err));
	assert_fails(agent_revoke(txn, "c", NOW, &err), ERR_NOT_FOUND, "agent c: unknown");
	assert_ok(agent_get(txn, "a", &agent, &err));
	assert_int_equal(agent.revoked_ms, NOW + 10);
	assert_int_equal(agent.generation, 5);
	assert_fails(agent_get(txn, "c", &agent, &err), ERR_NOT_FOUND, "agent c: unknown");
	assert_ok(agents_list(txn, &(struct agent_filter){ 0 }, &shown, &err));
	assert_json(shown, "{'cursor':null,'items':[{'enrolled_ms':1763800000001,'host':'host','id':'a','last_report_ms':1763800000009,"
			   "'line':'line-1','revoked_ms':1763800000010,'version':'0.1.0'},"
			   "{'enrolled_ms':1763800000000,'host':'host','id':'b','line':'line-1','version':'0.1.0'}]}");
	json_decref(shown);
	check_pages(txn);
	assert_ok(client_get(txn, "42", &shown, &err));
	assert_string_equal(json_string_value(json_object_get(
		json_array_get(json_object_get(shown, "lines"), 0), "agent")), "b");
	json_decref(shown);
}

static struct report_fact make_report(const struct agent *agent, const char *digest, int64_t received_ms)
{
	return (struct report_fact){ .agent = agent, .spool = "u", .received_ms = received_ms, .sent_ms = 1,
				     .content_digest = digest, .signature_input = "i", .signature = "s",
				     .body = "a\0b", .body_bytes = 3 };
}

static void keeps_reports_once(void **state)
{
	struct txn *txn = txn_of(state);
	struct agent agent;
	struct report_fact report;
	int64_t count;

	put_line(txn, "42", "line-1");
	agent = enrol(txn, token, "a", NOW);
	for (int i = 0; i < 2; i++) {
		report = make_report(&agent, "one", NOW + i);
		report.copied = i == 1;   /* the same bytes later: a replay, no copied disk */
		assert_ok(report_put(txn, &report, &err));
	}
	assert_int_equal(query(txn->db, "SELECT count(*) FROM report WHERE body = x'610062'"), 1);
	assert_int_equal(query(txn->db, "SELECT count(copied_ms) FROM agent"), 0);
	report = make_report(&agent, "two", NOW + 2);
	report.copied = true;
	assert_ok(report_put(txn, &report, &err));
	assert_int_equal(query(txn->db, "SELECT copied_ms FROM agent"), NOW + 2);
	report = make_report(&agent, "three", NOW + 3);
	assert_ok(report_put(txn, &report, &err));

	assert_ok(reports_prune(txn, NOW + 3, 1, &count, &err));
	assert_int_equal(count, 1);
	assert_int_equal(query(txn->db, "SELECT min(received_ms) FROM report"), NOW + 2);
	assert_ok(reports_prune(txn, NOW + 3, 100, &count, &err));
	assert_int_equal(count, 1);
	assert_ok(reports_prune(txn, NOW + 3, 100, &count, &err));
	assert_int_equal(count, 0);
	assert_int_equal(query(txn->db, "SELECT count(*) FROM report"), 1);
}

static void numbers_spools(void **state)
{
	struct txn *txn = txn_of(state);
	struct agent first, second;
	int64_t numbers[4];

	put_line(txn, "42", "line-1");
	first = enrol(txn, token, "a", NOW);
	second = enrol(txn, other_token, "b", NOW);
	assert_ok(spool_number(txn, &first, "u1", &numbers[0], &err));
	assert_ok(spool_number(txn, &first, "u2", &numbers[1], &err));
	assert_ok(spool_number(txn, &second, "u1", &numbers[2], &err));
	assert_ok(spool_number(txn, &first, "u1", &numbers[3], &err));
	assert_int_equal(numbers[0], numbers[3]);
	assert_int_not_equal(numbers[0], numbers[1]);
	assert_int_not_equal(numbers[0], numbers[2]);
	assert_int_not_equal(numbers[1], numbers[2]);
}

static bool take(struct txn *txn, int64_t spool, int64_t seq)
{
	bool fresh;

	assert_ok(spool_take(txn, spool, seq, &fresh, &err));
	return fresh;
}

static const struct {
	const char *name;
	int64_t seqs[8];
	const char *fresh;   /* one letter a seq: y or n */
	int64_t ranges;
} takes[] = {
	{ "rising",                 { 1, 2, 3, 4 },             "yyyy",     1 },
	{ "falling",                { 4, 3, 2, 1 },             "yyyy",     1 },
	{ "each twice",             { 1, 1, 2, 2, 3, 3 },       "ynynyn",   1 },
	{ "with a hole",            { 1, 2, 5, 6 },             "yyyy",     2 },
	{ "the hole filled",        { 1, 2, 4, 5, 3, 3, 1, 5 }, "yyyyynnn", 1 },
	{ "even ones, then odd",    { 2, 4, 6, 8, 7, 5, 3, 4 }, "yyyyyyyn", 1 },
	{ "zero and the largest",   { 0, INT64_MAX - 1, 0, INT64_MAX - 1 }, "yynn", 2 },
};

static void takes_each_seq_once(void **state)
{
	struct txn *txn = txn_of(state);

	for (size_t i = 0; i < sizeof takes / sizeof takes[0]; i++) {
		int64_t spool = (int64_t)i + 1;
		char count[128];

		for (size_t k = 0; takes[i].fresh[k]; k++)
			if (take(txn, spool, takes[i].seqs[k]) != (takes[i].fresh[k] == 'y'))
				fail_msg("%s: at %zu", takes[i].name, k);
		snprintf(count, sizeof count, "SELECT count(*) FROM spool_range WHERE spool = %d", (int)spool);
		if (query(txn->db, count) != takes[i].ranges)
			fail_msg("%s: %d ranges", takes[i].name, (int)query(txn->db, count));
	}
}

/* Of a spool with 5 to 7 and 12 taken. */
static const struct {
	const char *name;
	int64_t first, last;
	bool fresh;
	int64_t ranges;
} runs[] = {
	{ "before all",                     1, 3,   true,  3 },
	{ "up to the next",                 1, 4,   true,  2 },
	{ "from the one before",            8, 10,  true,  2 },
	{ "between two, touching both",     8, 11,  true,  1 },
	{ "after all",                      20, 30, true,  3 },
	{ "the same again",                 5, 7,   false, 2 },
	{ "its first was taken",            7, 9,   false, 2 },
	{ "its last was taken",             3, 5,   false, 2 },
	{ "one in the middle was taken",    9, 14,  false, 2 },
	{ "all of it and more was taken",   1, 40,  false, 2 },
};

static void takes_runs_whole_or_not_at_all(void **state)
{
	struct txn *txn = txn_of(state);

	for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
		int64_t spool = (int64_t)i + 1;
		char count[128];
		bool fresh;

		assert_ok(spool_take_run(txn, spool, 5, 7, &fresh, &err));
		assert_true(take(txn, spool, 12));
		assert_ok(spool_take_run(txn, spool, runs[i].first, runs[i].last, &fresh, &err));
		snprintf(count, sizeof count, "SELECT count(*) FROM spool_range WHERE spool = %d", (int)spool);
		if (fresh != runs[i].fresh || query(txn->db, count) != runs[i].ranges)
			fail_msg("%s: %d ranges", runs[i].name, (int)query(txn->db, count));
		for (int64_t seq = runs[i].first; fresh && seq <= runs[i].last; seq++)
			assert_false(take(txn, spool, seq));
	}
}

static const struct {
	const char *name;
	int64_t seqs[8];     /* taken; 0 ends them */
	int64_t first;       /* of the report that was taken last */
	int64_t want;
} gaps[] = {
	{ "all from the first on",             { 1, 2, 3 },       1, 1 },
	{ "it continues what is here",         { 1, 2, 3 },       3, 3 },
	{ "nothing is here before it",         { 7, 8 },          7, 1 },
	{ "something is missing before it",    { 1, 2, 3, 7, 8 }, 7, 4 },
	{ "the next report does not ask again", { 1, 2, 7, 8, 9 }, 9, 9 },
	{ "one that was never taken",          { 1, 2 },          5, 5 },
};

static void finds_what_is_missing_before_a_report(void **state)
{
	struct txn *txn = txn_of(state);

	for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++) {
		int64_t from;

		for (size_t k = 0; gaps[i].seqs[k]; k++)
			take(txn, (int64_t)i + 1, gaps[i].seqs[k]);
		assert_ok(spool_gap(txn, (int64_t)i + 1, gaps[i].first, &from, &err));
		if (from != gaps[i].want)
			fail_msg("%s: %d", gaps[i].name, (int)from);
	}
}

static void tells_whether_a_line_has_an_agent(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	bool has;

	assert_ok(line_has_agent(txn, &line, &has, &err));
	assert_false(has);
	enrol(txn, token, "a", NOW);
	assert_ok(line_has_agent(txn, &line, &has, &err));
	assert_true(has);
	assert_ok(agent_revoke(txn, "a", NOW, &err));
	assert_ok(line_has_agent(txn, &line, &has, &err));
	assert_false(has);
}

static void refuses_seqs_out_of_range(void **state)
{
	struct txn *txn = txn_of(state);
	bool fresh;

	assert_fails(spool_take(txn, 1, -1, &fresh, &err), ERR_INPUT, "seq: must lie between 0 and 9223372036854775806");
	assert_fails(spool_take(txn, 1, INT64_MAX, &fresh, &err), ERR_INPUT,
		     "seq: must lie between 0 and 9223372036854775806");
}

/* 3000 numbers of 0 to 499 by chance, against a plain table. */
static void takes_any_permutation(void **state)
{
	struct txn *txn = txn_of(state);
	uint64_t seed = 20261122;
	struct random_source random = random_seeded(&seed);
	bool taken[500] = { false };

	for (int i = 0; i < 3000; i++) {
		size_t seq = random_below(&random, 500);

		assert_int_equal(take(txn, 1, (int64_t)seq), !taken[seq]);
		taken[seq] = true;
	}
	for (size_t seq = 0; seq < 500; seq++)
		assert_int_equal(take(txn, 1, (int64_t)seq), !taken[seq]);
	assert_int_equal(query(txn->db, "SELECT count(*) FROM spool_range WHERE first_seq = 0 AND last_seq = 499"), 1);
	assert_int_equal(query(txn->db, "SELECT count(*) FROM spool_range"), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(enrols_once),         TEST(lists_and_revokes),         TEST(keeps_reports_once),   TEST(numbers_spools),
		TEST(takes_each_seq_once), TEST(takes_runs_whole_or_not_at_all), TEST(refuses_seqs_out_of_range), TEST(takes_any_permutation),
		TEST(finds_what_is_missing_before_a_report), TEST(tells_whether_a_line_has_an_agent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
