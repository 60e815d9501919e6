#include "collector/derive/follow.h"

#include <sodium.h>

#include "collector/store/derived.h"
#include "collector/store/tickets.h"
#include "tests/unit/collector/store/sqlite/fixture.h"

#define HOUR_MS INT64_C(3600000)
#define MOVES_MAX 8

/* Moves of one defect in hours, drawn as "o10 p20 r30 x35": open, prove, reopen, return. An opening rests on two hours. */
static size_t draw(const char *text, struct move ret_moves[MOVES_MAX])
{
	size_t count = 0;

	while (*text) {
		char letter = *text++;
		int64_t hour = strtol(text, (char **)&text, 10);

		ret_moves[count++] = (struct move){
			.at_ms = hour * HOUR_MS, .from_ms = (hour - 2) * HOUR_MS, .defect = DEFECT_UNRELIABLE,
			.what = letter == 'o' ? MOVE_OPEN : letter == 'p' ? MOVE_PROVE : letter == 'r' ? MOVE_REOPEN : MOVE_RETURN,
		};
		text += *text == ' ';
	}
	return count;
}

static int make_evidence(void *arg, struct txn *txn, const struct move *move, json_t **ret_evidence, struct err *err)
{
	int *made = arg;

	(void)txn;
	(void)err;
	++*made;
	*ret_evidence = json_pack("{s:I}", "rests_on", (json_int_t)(move->from_ms / HOUR_MS));
	return 0;
}

/* What is known at an hour of everything since another. Returns how often evidence was asked for. */
static int follow(struct txn *txn, const struct line *line, int64_t since_hour, const char *drawn, int64_t now_hour)
{
	struct move moves[MOVES_MAX];
	int made = 0;
	const struct follow follow = {
		.line = line, .defect = DEFECT_UNRELIABLE, .moves = moves, .count = draw(drawn, moves),
		.since_ms = since_hour * HOUR_MS, .now_ms = now_hour * HOUR_MS, .chronic_reopens = 3,
		.chronic_within_ms = 14 * 24 * HOUR_MS, .withdrawn = "it was not", .evidence = make_evidence, .arg = &made,
	};

	assert_ok(tickets_follow(txn, &follow, &err));
	return made;
}

/* "open 10 olga", …, by the time of opening; with proven, closed, re-opened and what is flagged. */
static void assert_tickets(struct txn *txn, const struct line *line, const char *want)
{
	struct ticket *tickets;
	size_t count;
	char got[512] = "";

	assert_ok(tickets_of_defect(txn, line, DEFECT_UNRELIABLE, &tickets, &count, &err));
	for (size_t i = 0; i < count; i++) {
		const struct ticket *t = &tickets[i];
		size_t length = strlen(got);

		length += (size_t)snprintf(got + length, sizeof got - length, "%s%s %d %s", i ? ", " : "", ticket_state_names[t->state],
					   (int)(t->opened_ms / HOUR_MS), t->holder);
		if (t->proven_ms != JSON_ABSENT)
			length += (size_t)snprintf(got + length, sizeof got - length, " p%d", (int)(t->proven_ms / HOUR_MS));
		if (t->closed_ms != JSON_ABSENT)
			length += (size_t)snprintf(got + length, sizeof got - length, " c%d", (int)(t->closed_ms / HOUR_MS));
		if (t->reopened_ms != JSON_ABSENT)
			length += (size_t)snprintf(got + length, sizeof got - length, " r%d", (int)(t->reopened_ms / HOUR_MS));
		snprintf(got + length, sizeof got - length, "%s%s%s", t->retrospective ? " retrospective" : "",
			 t->chronic ? " chronic" : "", t->unverified ? " unverified" : "");
	}
	free(tickets);
	assert_string_equal(got, want);
}

/* "opened 10, revised 12", … of the ticket opened as the n-th; notes in brackets. */
static void assert_chain(struct txn *txn, const struct line *line, size_t place, const char *want)
{
	struct ticket *tickets;
	json_t *shown, *entry;
	size_t count, i;
	char got[512] = "";

	assert_ok(tickets_of_defect(txn, line, DEFECT_UNRELIABLE, &tickets, &count, &err));
	assert_true(place < count);
	assert_ok(ticket_show(txn, tickets[place].id, &shown, &err));
	json_array_foreach(json_object_get(shown, "custody"), i, entry) {
		const char *note = json_string_value(json_object_get(entry, "note"));

		snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s %d", i ? ", " : "",
			 json_string_value(json_object_get(entry, "action")),
			 (int)(json_integer_value(json_object_get(entry, "at_ms")) / HOUR_MS));
		if (note)
			snprintf(got + strlen(got), sizeof got - strlen(got), " (%s)", note);
	}
	json_decref(shown);
	free(tickets);
	assert_string_equal(got, want);
}

/* What a person does with the n-th ticket. */
static void person_does(struct txn *txn, const struct line *line, size_t place, const char *action, int64_t hour)
{
	const struct ticket_move move = { .action = action, .by = "olga", .at_ms = hour * HOUR_MS };
	struct ticket *tickets, *ticket;
	size_t count;

	assert_ok(tickets_of_defect(txn, line, DEFECT_UNRELIABLE, &tickets, &count, &err));
	ticket = &tickets[place];
	if (!strcmp(action, "accepted"))
		ticket->state = TICKET_ACCEPTED, strcpy(ticket->holder, "olga");
	if (!strcmp(action, "fixed"))
		ticket->state = TICKET_FIXED, ticket->fixed_ms = hour * HOUR_MS;
	if (!strcmp(action, "closed"))
		ticket->unverified = ticket->state != TICKET_PROVEN, ticket->state = TICKET_CLOSED, ticket->closed_ms = hour * HOUR_MS;
	assert_ok(ticket_update(txn, ticket, &err));
	assert_ok(ticket_add_move(txn, ticket, &move, &err));
	free(tickets);
}

static struct txn *begin(void **state, struct line *ret_line)
{
	struct txn *txn = &((struct fixture *)*state)->txn;

	assert_true(sodium_init() >= 0);
	*ret_line = put_line(txn, "42", "line-1");
	return txn;
}

static void new_moves_at_the_end_are_made(void **state)
{
	struct line line;
	struct txn *txn = begin(state, &line);

	assert_int_equal(follow(txn, &line, 0, "o10", 11), 1);
	assert_tickets(txn, &line, "open 10 plumbline");
	person_does(txn, &line, 0, "accepted", 12);
	person_does(txn, &line, 0, "fixed", 13);
	assert_int_equal(follow(txn, &line, 11, "x15", 16), 1);
	assert_tickets(txn, &line, "returned 10 olga");
	assert_int_equal(follow(txn, &line, 16, "p20", 21), 1);
	assert_tickets(txn, &line, "proven 10 olga p20");
	person_does(txn, &line, 0, "closed", 22);
	assert_int_equal(follow(txn, &line, 21, "r30", 31), 1);
	assert_tickets(txn, &line, "open 10 plumbline r30");
	assert_chain(txn, &line, 0, "opened 10, accepted 12, fixed 13, returned 15 (still bad after the repair was reported), "
		     "proven 20 (recovered with no repair reported), closed 22, reopened 30");
}

static void the_same_again_changes_nothing(void **state)
{
	struct line line;
	struct txn *txn = begin(state, &line);

	follow(txn, &line, 0, "o10 p20", 11);
	assert_int_equal(follow(txn, &line, 0, "o10 p20", 40), 0);
	assert_int_equal(follow(txn, &line, 15, "p20", 50), 0);
	assert_tickets(txn, &line, "proven 10 plumbline p20");
	assert_chain(txn, &line, 0, "opened 10, proven 20 (recovered with no repair reported)");
}

static void a_third_reopening_is_chronic(void **state)
{
	struct line line;
	struct txn *txn = begin(state, &line);

	follow(txn, &line, 0, "o10 p20 r30 p40 r50 p60", 61);
	assert_tickets(txn, &line, "proven 10 plumbline p60 r50 retrospective");
	follow(txn, &line, 61, "r70", 71);
	assert_tickets(txn, &line, "open 10 plumbline r70 chronic");
}

static void three_in_longer_than_two_weeks_are_not(void **state)
{
	struct line line;
	struct txn *txn = begin(state, &line);

	follow(txn, &line, 0, "o10 p20 r30 p40 r200 p210 r367", 368);
	assert_tickets(txn, &line, "open 10 plumbline r367");
}

static void what_never_was_is_withdrawn(void **state)
{
	struct line line;
	struct txn *txn = begin(state, &line);

	follow(txn, &line, 0, "o10", 11);
	person_does(txn, &line, 0, "accepted", 12);
	assert_int_equal(follow(txn, &line, 5, "", 13), 0);
	assert_tickets(txn, &line, "withdrawn 10 olga");
	assert_chain(txn, &line, 0, "opened 10, accepted 12, withdrawn 13 (it was not)");
	follow(txn, &line, 5, "", 14);
	assert_chain(txn, &line, 0, "opened 10, accepted 12, withdrawn 13 (it was not)");
	/* It comes back: the ticket too, with who held it. */
	follow(txn, &line, 5, "o10", 15);
	assert_tickets(txn, &line, "accepted 10 olga");
	assert_chain(txn, &line, 0, "opened 10, accepted 12, withdrawn 13 (it was not), opened 10");
}

static void times_change_and_the_name_stays(void **state)
{
	struct line line;
	struct txn *txn = begin(state, &line);

	follow(txn, &line, 0, "o10 p40", 41);
	follow(txn, &line, 5, "o8 p40", 45);
	assert_tickets(txn, &line, "proven 8 plumbline p40 retrospective");
	assert_chain(txn, &line, 0, "opened 10, proven 40 (recovered with no repair reported), "
		     "revised 45 (a late report changed what is known), opened 8");
	follow(txn, &line, 20, "p30", 46);
	assert_tickets(txn, &line, "proven 8 plumbline p30 retrospective");
	follow(txn, &line, 20, "", 47);
	assert_tickets(txn, &line, "open 8 plumbline");
}

static void what_nobody_closed_is_the_same_defect(void **state)
{
	struct line line;
	struct txn *txn = begin(state, &line);

	follow(txn, &line, 0, "o100", 101);
	person_does(txn, &line, 0, "closed", 102);
	/* A week late: another episode before; nobody had closed it when the one after began. */
	follow(txn, &line, 5, "o10 p20 r100", 150);
	assert_tickets(txn, &line, "closed 10 plumbline c102 r100 unverified");
}

static void an_episode_before_a_closed_one_gets_its_own(void **state)
{
	struct line line;
	struct txn *txn = begin(state, &line);

	follow(txn, &line, 0, "o10 p20", 21);
	person_does(txn, &line, 0, "closed", 22);
	follow(txn, &line, 30, "o200", 201);
	assert_tickets(txn, &line, "closed 10 plumbline p20 c22 retrospective, open 200 plumbline");
	person_does(txn, &line, 1, "closed", 202);
	follow(txn, &line, 210, "o400", 401);
	/* The second never was; what a person said of it is still a fact. */
	follow(txn, &line, 150, "o400", 500);
	assert_tickets(txn, &line, "closed 10 plumbline p20 c22 retrospective, withdrawn 200 plumbline c202 unverified, "
		       "open 400 plumbline");
}

static void an_episode_that_split_gets_a_second_ticket(void **state)
{
	struct line line;
	struct txn *txn = begin(state, &line);

	follow(txn, &line, 0, "o10", 11);
	person_does(txn, &line, 0, "closed", 50);
	follow(txn, &line, 5, "o10 p20 o200 p230", 240);
	assert_tickets(txn, &line, "closed 10 plumbline p20 c50, proven 200 plumbline p230 retrospective");
	follow(txn, &line, 5, "o10 p20", 250);
	assert_tickets(txn, &line, "closed 10 plumbline p20 c50, withdrawn 200 plumbline p230 retrospective");
}

/* A ticket that was dated back keeps its name; an episode that begins where it did needs another one. */
static void names_do_not_meet(void **state)
{
	struct line line;
	struct txn *txn = begin(state, &line);
	struct ticket *tickets;
	size_t count;

	follow(txn, &line, 0, "o100", 101);
	follow(txn, &line, 0, "o10", 110);
	person_does(txn, &line, 0, "closed", 20);
	follow(txn, &line, 15, "o100", 120);
	assert_tickets(txn, &line, "closed 10 plumbline c20 unverified, open 100 plumbline");
	assert_ok(tickets_of_defect(txn, &line, DEFECT_UNRELIABLE, &tickets, &count, &err));
	assert_string_not_equal(tickets[0].id, tickets[1].id);
	free(tickets);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(new_moves_at_the_end_are_made),
		CASE(the_same_again_changes_nothing),
		CASE(a_third_reopening_is_chronic),
		CASE(three_in_longer_than_two_weeks_are_not),
		CASE(what_never_was_is_withdrawn),
		CASE(times_change_and_the_name_stays),
		CASE(what_nobody_closed_is_the_same_defect),
		CASE(an_episode_before_a_closed_one_gets_its_own),
		CASE(an_episode_that_split_gets_a_second_ticket),
		CASE(names_do_not_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
