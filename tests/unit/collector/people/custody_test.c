#include "collector/people/custody.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/json.h"

#define NOW 5000
#define REFUSED (-1)

static struct ticket make(int in_state, const char *holder)
{
	struct ticket ticket = { .id = "t-1", .state = in_state, .fixed_ms = JSON_ABSENT, .closed_ms = JSON_ABSENT };

	strcpy(ticket.holder, holder);
	return ticket;
}

static void test_moves_of_boris_by_state_and_holder(void **state)
{
	static const struct {
		int from;
		const char *holder;
		enum custody_move move;
		int want;
	} cases[] = {
		{ TICKET_OPEN,      "dispatch", CUSTODY_ACCEPT, TICKET_ACCEPTED },
		{ TICKET_RETURNED,  "boris",    CUSTODY_ACCEPT, TICKET_ACCEPTED },
		{ TICKET_ACCEPTED,  "anna",     CUSTODY_ACCEPT, TICKET_ACCEPTED },
		{ TICKET_ACCEPTED,  "boris",    CUSTODY_ACCEPT, REFUSED },
		{ TICKET_FIXED,     "anna",     CUSTODY_ACCEPT, REFUSED },
		{ TICKET_PROVEN,    "anna",     CUSTODY_ACCEPT, REFUSED },
		{ TICKET_CLOSED,    "anna",     CUSTODY_ACCEPT, REFUSED },
		{ TICKET_WITHDRAWN, "anna",     CUSTODY_ACCEPT, REFUSED },
		{ TICKET_ACCEPTED,  "boris",    CUSTODY_FIXED,  TICKET_FIXED },
		{ TICKET_RETURNED,  "boris",    CUSTODY_FIXED,  TICKET_FIXED },
		{ TICKET_ACCEPTED,  "anna",     CUSTODY_FIXED,  REFUSED },
		{ TICKET_OPEN,      "boris",    CUSTODY_FIXED,  REFUSED },
		{ TICKET_FIXED,     "boris",    CUSTODY_FIXED,  REFUSED },
		{ TICKET_PROVEN,    "boris",    CUSTODY_FIXED,  REFUSED },
		{ TICKET_PROVEN,    "anna",     CUSTODY_CLOSE,  TICKET_CLOSED },
		{ TICKET_OPEN,      "anna",     CUSTODY_CLOSE,  TICKET_CLOSED },
		{ TICKET_FIXED,     "anna",     CUSTODY_CLOSE,  TICKET_CLOSED },
		{ TICKET_CLOSED,    "anna",     CUSTODY_CLOSE,  REFUSED },
		{ TICKET_WITHDRAWN, "anna",     CUSTODY_CLOSE,  REFUSED },
		{ TICKET_CLOSED,    "anna",     CUSTODY_NOTE,   TICKET_CLOSED },
		{ TICKET_OPEN,      "anna",     CUSTODY_NOTE,   TICKET_OPEN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct ticket ticket = make(cases[i].from, cases[i].holder);
		struct err err;
		int got = custody_apply(cases[i].move, "boris", NOW, &ticket, &err) < 0 ? REFUSED : ticket.state;

		if (got != cases[i].want)
			fail_msg("%s from %s: %d", custody_move_names[cases[i].move], ticket_state_names[cases[i].from], got);
		if (got == REFUSED && (err.code != ERR_CONFLICT || ticket.state != cases[i].from))
			fail_msg("row %zu: a refusal is a conflict and changes nothing", i);
	}
}

static void test_what_moves_leave_on_the_ticket(void **state)
{
	struct ticket ticket = make(TICKET_OPEN, "dispatch");
	struct err err;

	(void)state;
	assert_int_equal(custody_apply(CUSTODY_ACCEPT, "boris", NOW, &ticket, &err), 0);
	assert_string_equal(ticket.holder, "boris");
	assert_int_equal(custody_apply(CUSTODY_FIXED, "boris", NOW, &ticket, &err), 0);
	assert_int_equal(ticket.fixed_ms, NOW);
	assert_string_equal(ticket.holder, "boris");

	ticket.state = TICKET_PROVEN;
	assert_int_equal(custody_apply(CUSTODY_CLOSE, "anna", NOW + 1, &ticket, &err), 0);
	assert_int_equal(ticket.closed_ms, NOW + 1);
	assert_false(ticket.unverified);

	ticket = make(TICKET_FIXED, "boris");
	assert_int_equal(custody_apply(CUSTODY_CLOSE, "anna", NOW, &ticket, &err), 0);
	assert_true(ticket.unverified);   /* D6 */
}

static void test_refusals_say_why(void **state)
{
	struct ticket ticket = make(TICKET_CLOSED, "anna");
	struct err err;

	(void)state;
	custody_apply(CUSTODY_CLOSE, "boris", NOW, &ticket, &err);
	assert_string_equal(err.message, "ticket t-1: it is closed, which does not allow \"close\"");
	ticket = make(TICKET_ACCEPTED, "anna");
	custody_apply(CUSTODY_FIXED, "boris", NOW, &ticket, &err);
	assert_string_equal(err.message, "ticket t-1: anna holds it; accept it before you mark it fixed");
}

static void test_allowed_moves_are_named(void **state)
{
	struct ticket ticket = make(TICKET_ACCEPTED, "boris");
	json_t *moves = custody_allowed(&ticket, "boris");

	(void)state;
	assert_int_equal(json_object_size(moves), 3);
	assert_true(json_is_true(json_object_get(moves, "fixed")));
	assert_true(json_is_true(json_object_get(moves, "close")));
	assert_true(json_is_true(json_object_get(moves, "note")));
	assert_int_equal(ticket.state, TICKET_ACCEPTED);
	json_decref(moves);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves_of_boris_by_state_and_holder),
		cmocka_unit_test(test_what_moves_leave_on_the_ticket),
		cmocka_unit_test(test_refusals_say_why),
		cmocka_unit_test(test_allowed_moves_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
