/* Rounds over the agents of a few lines, with a clock that the test sets. */
#include "collector/derive/contact.h"

#include "collector/derive/quality.h"
#include "collector/store/agents.h"
#include "collector/store/contact.h"
#include "collector/store/measurements.h"
#include "collector/store/tickets.h"
#include "tests/unit/collector/store/sqlite/fixture.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define START_MS  (INT64_C(20000) * 24 * HOUR_MS)   /* agents enrol, the collector listens */
#define LINES     30
#define OFFICE    1                                 /* this line is not always on */

static struct service_plan plan = { .name = "norm-2001", .local_min_bps = 240000, .interval_ms = 15 * MINUTE_MS };
static const struct collector_config config = {
	.service_plans = { .items = &plan, .count = 1 },
	.decision = { .reopen_within_ms = 72 * HOUR_MS, .chronic_reopens = 3, .chronic_within_ms = 14 * 24 * HOUR_MS, .close_of = 24,
		      .verdict_valid = 4, .verdict_cells = 2 },
	.outages = { .outage_from_ms = MINUTE_MS, .coverage_percent = 90 },
	.reliability = { .window_ms = 30 * 24 * HOUR_MS, .outages = 4, .down_ms = 216 * MINUTE_MS, .briefs = 20,
			 .briefs_within_ms = 24 * HOUR_MS },
	.silence = {
		.report_ms = 5 * MINUTE_MS, .late_reports = 2, .silent_reports = 3, .silent_extra_ms = MINUTE_MS,
		.ticket_after_ms = HOUR_MS, .guard_least = 5, .guard_percent = 20, .guard_deviations = 6, .guard_left_percent = 20,
		.hold_reports = 3, .hold_extra_ms = 5 * MINUTE_MS, .check_every_ms = MINUTE_MS,
	},
};

struct bench {
	struct fixture *fixture;
	struct contact_options options;
	struct self_state self;
	int64_t now_ms;
	int64_t quiet[LINES];        /* since when an agent does not report; 0: it does */
	struct line lines[LINES];
	struct agent agents[LINES];
	int64_t spools[LINES];
	int64_t seq;
	int64_t changed_ms;          /* what round told last; 0: nothing */
};

static struct bench *bench;

static struct instant read_clock(void *context)
{
	(void)context;
	return (struct instant){ .realtime_ms = bench->now_ms };
}

static struct self_state read_self(void *arg)
{
	(void)arg;
	return bench->self;
}

static int note_change(struct txn *txn, int64_t from_ms, struct err *err)
{
	(void)txn;
	(void)err;
	bench->changed_ms = from_ms;
	return 0;
}

static struct txn *txn_of(void)
{
	return &bench->fixture->txn;
}

static void enrol_line(int number)
{
	unsigned char hash[TOKEN_HASH_BYTES] = { (unsigned char)number }, key[PUBLIC_KEY_BYTES] = { (unsigned char)number };
	char id[ID_SIZE];
	struct enrolment enrolment = { hash, key, id, "host", "0.1.0", START_MS };

	snprintf(id, sizeof id, "line-%d", number);
	bench->lines[number] = put_line(txn_of(), "42", id);
	bench->lines[number].always_on = number != OFFICE;
	assert_ok(line_put(txn_of(), &bench->lines[number], &err));
	assert_ok(token_put(txn_of(), hash, id, START_MS, START_MS + HOUR_MS, &err));
	assert_ok(agent_enrol(txn_of(), &enrolment, &bench->agents[number], &err));
	assert_ok(spool_number(txn_of(), &bench->agents[number], "u", &bench->spools[number], &err));
}

static int setup(void **state)
{
	if (fixture_open(state) < 0)
		return -1;
	bench = xcalloc(1, sizeof *bench);
	bench->fixture = *state;
	bench->now_ms = START_MS;
	bench->self = (struct self_state){ .looked_ms = START_MS, .listening_ms = START_MS, .failing_ms = JSON_ABSENT };
	bench->options = (struct contact_options){
		.config = &config, .clock = { read_clock, NULL }, .self = read_self, .changed = note_change,
	};
	for (int i = 0; i < LINES; i++)
		enrol_line(i);
	return 0;
}

static int teardown(void **state)
{
	free(bench);
	return fixture_close(state);
}

/* Minutes pass: agents report every five, and a round follows each. */
static void pass(int minutes)
{
	for (int i = 0; i < minutes; i++) {
		bench->now_ms += MINUTE_MS;
		for (int n = 0; n < LINES && bench->now_ms / MINUTE_MS % 5 == 0; n++)
			if (!bench->quiet[n])
				assert_ok(agent_heard(txn_of(), &bench->agents[n], 1, bench->now_ms, &err));
		assert_ok(contact_round(txn_of(), &bench->options, &err));
	}
}

static void fall_silent(int first, int count)
{
	for (int n = first; n < first + count; n++)
		bench->quiet[n] = bench->now_ms;
}

static void say(int number, const char *type, const char *cause, int64_t from_ms, int64_t to_ms)
{
	json_t *event = json_pack("{s:I, s:I}", "started_ms", (json_int_t)from_ms, "ended_ms", (json_int_t)to_ms);

	if (cause)
		json_object_set_new(event, "cause", json_string(cause));
	assert_ok(event_put(txn_of(), &bench->lines[number], bench->spools[number], ++bench->seq, type, event, &err));
	json_decref(event);
}

/* It reports again, and says that it has been watching for a while. */
static void come_back(int first, int count)
{
	for (int n = first; n < first + count; n++) {
		bench->quiet[n] = 0;
		assert_ok(agent_heard(txn_of(), &bench->agents[n], 1, bench->now_ms, &err));
		say(n, "alive", NULL, bench->now_ms - 5000, bench->now_ms + 25000);
	}
}

static json_t *tickets(void)
{
	const struct ticket_filter filter = { .limit = 100 };
	json_t *page;

	assert_ok(tickets_list(txn_of(), &filter, &page, &err));
	return page;
}

/* "line-0 no-contact open, …", newest first. */
static void assert_tickets(const char *want)
{
	json_t *page = tickets(), *ticket;
	char got[512] = "";
	size_t i;

	json_array_foreach(json_object_get(page, "items"), i, ticket)
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s %s %s", i ? ", " : "",
			 json_string_value(json_object_get(ticket, "line")), json_string_value(json_object_get(ticket, "defect")),
			 json_string_value(json_object_get(ticket, "state")));
	json_decref(page);
	assert_string_equal(got, want);
}

/* The newest ticket's evidence that came later, of its first addition. */
static json_t *later_contact(json_t **ret_shown)
{
	json_t *page = tickets();
	const char *id = json_string_value(json_object_get(json_array_get(json_object_get(page, "items"), 0), "id"));

	assert_ok(ticket_show(txn_of(), id, ret_shown, &err));
	json_decref(page);
	return json_object_get(json_array_get(json_object_get(json_object_get(*ret_shown, "evidence"), "later"), 0), "contact");
}

static bool is_active(void)
{
	struct silence_mass mass = silence_mass_none;

	assert_int_not_equal(({ struct err err; silence_mass_newest(txn_of(), &mass, &err); }), -1);
	return silence_guard_is_active(&mass);
}

static void test_silent_line_gets_a_ticket_after_an_hour(void **state)
{
	bool is_silent;

	(void)state;
	pass(30);
	fall_silent(0, 2);
	pass(59);
	assert_ok(contact_is_silent(txn_of(), &bench->lines[0], &is_silent, &err));
	assert_true(is_silent);
	assert_tickets("");
	pass(1);
	assert_tickets("line-0 no-contact open");   /* the office's is off at will */
	pass(600);
	assert_tickets("line-0 no-contact open");
}

static void test_journal_settles_the_ticket(void **state)
{
	static const struct {
		const char *name;
		const char *type, *what;   /* of the whole gap */
		const char *want, *cause;
	} cases[] = {
		{ "it was watching", "alive", NULL, "line-0 no-contact withdrawn", NULL },
		{ "the hub was away, the line was not", "outage", "upstream", "line-0 no-contact withdrawn", NULL },
		{ "its power was off", "outage", "power", "line-0 no-contact proven", "power" },
		{ "it slept", "outage", "suspend", "line-0 no-contact proven", "suspend" },
		{ "the line was down", "outage", "access", "line-0 no-contact proven", "access" },
		{ "it says nothing", NULL, NULL, "line-0 no-contact proven", "unexplained" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		json_t *shown, *contact;

		print_message("%s\n", cases[i].name);
		if (i) {
			teardown(state);
			setup(state);
		}
		pass(30);
		fall_silent(0, 1);
		pass(90);
		if (cases[i].type)
			say(0, cases[i].type, cases[i].what, bench->quiet[0], bench->now_ms - 10000);
		come_back(0, 1);
		pass(1);
		assert_tickets(cases[i].want);
		contact = later_contact(&shown);
		if (cases[i].cause)
			assert_string_equal(json_string_value(json_object_get(contact, "cause")), cases[i].cause);
		json_decref(shown);
		pass(60);
		assert_tickets(cases[i].want);
	}
}

/* The first report of the one that is back may hold only the beginning of what it has to say. */
static void test_journal_is_waited_for(void **state)
{
	(void)state;
	pass(30);
	fall_silent(0, 1);
	pass(90);
	say(0, "alive", NULL, bench->quiet[0], bench->quiet[0] + MINUTE_MS);
	bench->quiet[0] = 0;
	assert_ok(agent_heard(txn_of(), &bench->agents[0], 1, bench->now_ms, &err));
	pass(1);
	assert_tickets("line-0 no-contact open");
	say(0, "alive", NULL, START_MS, bench->now_ms);
	pass(1);
	assert_tickets("line-0 no-contact withdrawn");

	/* It never says: not for longer than it takes to be silent. */
	fall_silent(2, 1);
	pass(90);
	bench->quiet[2] = 0;
	assert_ok(agent_heard(txn_of(), &bench->agents[2], 1, bench->now_ms, &err));
	pass(14);
	assert_tickets("line-2 no-contact open, line-0 no-contact withdrawn");
	pass(1);
	assert_tickets("line-2 no-contact proven, line-0 no-contact withdrawn");
}

static void test_same_ticket_opens_again(void **state)
{
	json_t *page;

	(void)state;
	pass(30);
	for (int i = 0; i < 2; i++) {
		fall_silent(0, 1);
		pass(90);
		assert_tickets("line-0 no-contact open");
		come_back(0, 1);
		pass(5);
		assert_tickets("line-0 no-contact proven");
	}
	page = tickets();
	assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(page, "items"), 0), "reopen_count")), 1);
	json_decref(page);
}

/* Q4. */
static void test_start_opens_nothing(void **state)
{
	(void)state;
	pass(30);
	fall_silent(0, LINES);
	bench->now_ms += 10 * HOUR_MS;                  /* nobody listened */
	bench->self.listening_ms = bench->now_ms;
	for (int n = 0; n < LINES; n++)
		bench->quiet[n] = n == 3;
	pass(19);
	assert_tickets("");
	pass(40);
	assert_tickets("");
	pass(1);
	assert_tickets("line-3 no-contact open");       /* an hour of listening without a word */
}

static void count_leaf(void *arg, int64_t line_number, enum leaf_state state)
{
	int *counts = arg;

	(void)line_number;
	counts[state]++;
}

static void assert_leaves(int64_t at_ms, int good, int bad)
{
	int counts[3] = { 0 };

	assert_ok(silence_leaves_at(txn_of(), at_ms, count_leaf, counts, &err));
	assert_int_equal(counts[LEAF_GOOD], good);
	assert_int_equal(counts[LEAF_BAD], bad);
}

/* Q3. Ten of thirty, one of them the office that does not count. */
static void test_many_at_once_get_no_tickets(void **state)
{
	int64_t fell_ms;

	(void)state;
	pass(30);
	fall_silent(20, 1);                             /* long before: none of them */
	pass(30);
	fell_ms = bench->now_ms;
	fall_silent(OFFICE, 10);
	pass(20);
	assert_true(is_active());
	assert_int_equal(bench->changed_ms > fell_ms, true);
	assert_leaves(bench->now_ms, 19, 9);
	pass(600);
	assert_tickets("");

	come_back(OFFICE, 8);
	pass(2);
	assert_false(is_active());
	pass(55);
	assert_tickets("");
	pass(5);
	assert_tickets("line-20 no-contact open, line-9 no-contact open, line-10 no-contact open");
	assert_leaves(bench->now_ms, 0, 0);
	assert_leaves(fell_ms + 60 * MINUTE_MS, 19, 9); /* as it was */
	assert_leaves(fell_ms - MINUTE_MS, 0, 0);
}

/* What is usual is learnt: a few that become late, and not what a mass brings. */
static void test_hours_are_counted(void **state)
{
	int64_t late[SILENCE_WEEKS];
	int64_t hour;
	struct err err;

	(void)state;
	pass(60);
	hour = bench->now_ms / HOUR_MS;
	fall_silent(20, 3);
	pass(30);
	fall_silent(0, 10);
	pass(29);
	assert_int_equal(contact_hours(txn_of(), hour + 168, late, &err), 1);
	assert_int_equal(late[0], 3);
	assert_int_equal(contact_hours(txn_of(), hour + 169, late, &err), 0);
}

/* While the collector cannot hear, it judges nothing, and says once that many are silent. */
static void test_own_fault_freezes_everything(void **state)
{
	struct silence_mass mass;
	struct err err;

	(void)state;
	pass(30);
	fall_silent(0, LINES);
	bench->self.faults = 1u << OWN_ADDRESS;
	bench->self.failing_ms = bench->now_ms;
	pass(200);
	assert_tickets("");
	assert_int_equal(silence_mass_newest(txn_of(), &mass, &err), 1);
	assert_true(mass.is_own && silence_guard_is_active(&mass));
	assert_leaves(bench->now_ms, 0, 0);

	come_back(0, LINES);
	bench->self = (struct self_state){ .looked_ms = bench->now_ms, .listening_ms = bench->now_ms, .failing_ms = JSON_ABSENT };
	pass(1);
	assert_false(is_active());
	pass(120);
	assert_tickets("");
}

static void test_before_the_first_look_nothing_is_judged(void **state)
{
	(void)state;
	bench->self.looked_ms = JSON_ABSENT;
	fall_silent(0, 1);
	pass(300);
	assert_tickets("");
}

/* V1: a ticket for silence makes no line bad. */
static void test_silent_line_is_unmeasured(void **state)
{
	json_t *quality;

	(void)state;
	pass(30);
	fall_silent(0, 1);
	pass(90);
	assert_tickets("line-0 no-contact open");
	assert_ok(quality_of_line(txn_of(), &config, &bench->lines[0], true, bench->now_ms, &quality, &err));
	assert_string_equal(json_string_value(json_object_get(quality, "good")), "unmeasured");
	assert_string_equal(json_string_value(json_object_get(quality, "reason")), "silent");
	json_decref(quality);
}

/* An agent that is replaced is not missed; where none is left, neither is the line. */
static void test_revoked_agents_are_not_missed(void **state)
{
	(void)state;
	pass(30);
	fall_silent(0, 1);
	pass(30);
	assert_ok(agent_revoke(txn_of(), "line-0", bench->now_ms, &err));
	pass(120);
	assert_tickets("");
	assert_int_equal(query(txn_of()->db, "SELECT count(*) FROM contact"), 0);
}

/* A host was replaced, and its agent left as it was. */
static void test_line_is_heard_by_any_of_its_agents(void **state)
{
	unsigned char hash[TOKEN_HASH_BYTES] = { 100 }, key[PUBLIC_KEY_BYTES] = { 100 };
	struct enrolment enrolment = { hash, key, "another", "host", "0.1.0", START_MS };
	struct agent old = bench->agents[0];

	(void)state;
	assert_ok(token_put(txn_of(), hash, "line-0", START_MS, START_MS + HOUR_MS, &err));
	assert_ok(agent_enrol(txn_of(), &enrolment, &bench->agents[0], &err));
	assert_ok(agent_heard(txn_of(), &old, 1, START_MS + MINUTE_MS, &err));
	pass(120);
	assert_tickets("");
	fall_silent(0, 1);
	pass(60);
	assert_tickets("line-0 no-contact open");
}

static void test_describes_an_agent(void **state)
{
	static const struct {
		const char *name, *agent, *want;
	} cases[] = {
		{ "never reported", "{\"enrolled_ms\":1000}", "{'contact':'late','contact_since_ms':601000,'enrolled_ms':1000}" },
		{ "fresh", "{\"enrolled_ms\":1,\"last_report_ms\":500000}",
		  "{'contact':'fresh','contact_since_ms':500000,'enrolled_ms':1,'last_report_ms':500000}" },
		{ "revoked", "{\"enrolled_ms\":1,\"revoked_ms\":2}", "{'enrolled_ms':1,'revoked_ms':2}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		json_t *agent = json_loads(cases[i].agent, 0, NULL);

		contact_describe(agent, &config.silence, 700000);
		print_message("%s\n", cases[i].name);
		assert_json(agent, cases[i].want);
		json_decref(agent);
	}
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_silent_line_gets_a_ticket_after_an_hour),
		CASE(test_journal_settles_the_ticket),
		CASE(test_journal_is_waited_for),
		CASE(test_same_ticket_opens_again),
		CASE(test_start_opens_nothing),
		CASE(test_many_at_once_get_no_tickets),
		CASE(test_hours_are_counted),
		CASE(test_own_fault_freezes_everything),
		CASE(test_before_the_first_look_nothing_is_judged),
		CASE(test_silent_line_is_unmeasured),
		CASE(test_revoked_agents_are_not_missed),
		CASE(test_line_is_heard_by_any_of_its_agents),
		cmocka_unit_test(test_describes_an_agent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
