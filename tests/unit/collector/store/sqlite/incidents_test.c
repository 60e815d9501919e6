#include "tests/unit/collector/store/sqlite/fixture.h"

#include "agent/base/measurement.h"
#include "collector/decide/incident.h"
#include "collector/store/incidents.h"
#include "collector/store/tickets.h"

#define NOW INT64_C(1700000000000)

static struct txn *txn_of(void **state)
{
	return &((struct fixture *)*state)->txn;
}

/* An incident as the fold leaves it, for the lines 1 and 2. */
static json_t *make(const char *id, const char *node, int64_t opened_ms, int64_t proven_ms, int margin)
{
	json_t *incident = json_pack("{s:s, s:s+, s:s, s:s, s:s, s:[s], s:[[s, s]], s:i, s:I, s:I, s:I, s:[{s:I, s:s, s:s}], s:[i, i]}",
				     "id", id, "key", node, id + 1, "kind", "segment", "cause", "slow", "node", node, "class", node,
				     "alternatives", "u1", "u2", "margin", margin, "from_ms", opened_ms - 1, "opened_ms", opened_ms,
				     "last_ms", opened_ms + 5, "moves", "at_ms", opened_ms, "what", "opened", "node", node, "lines", 1, 2);

	if (proven_ms)
		json_object_set_new(incident, "proven_ms", json_integer(proven_ms));
	return incident;
}

static void replace(struct txn *txn, int64_t from_ms, int64_t to_ms, json_t *incidents)
{
	assert_ok(incidents_replace(txn, from_ms, to_ms, incidents, NOW, &err));
	json_decref(incidents);
}

/* "id state …" newest first. */
static void assert_list(struct txn *txn, const char *want)
{
	const struct incident_filter filter = { .limit = 100 };
	char got[256] = "";
	json_t *page, *incident;
	size_t i;

	assert_ok(incidents_list(txn, &filter, &page, &err));
	json_array_foreach(json_object_get(page, "items"), i, incident)
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s %s ",
			 json_string_value(json_object_get(incident, "id")),
			 json_string_value(json_object_get(incident, "state")));
	assert_string_equal(got, want);
	json_decref(page);
}

static void shows_what_the_contract_says(void **state)
{
	struct txn *txn = txn_of(state);
	json_t *incident;

	put_line(txn, "42", "line-1");
	put_line(txn, "42", "line-2");
	replace(txn, 0, NOW, json_pack("[o]", make("I-1", "b2", 100, 0, 18)));
	assert_ok(incident_show(txn, "I-1", &incident, &err));
	assert_json(incident, "{'alternatives':[['u1','u2']],'cause':'slow','confidence':'high','culprits':['b2'],'from_ms':99,'history':"
			      "[{'at_ms':100,'node':'b2','what':'opened'}],'id':'I-1','kind':'segment','last_ms':105,'lines':"
			      "['line-1','line-2'],'margin':18,'node':'b2','opened_ms':100,'said':[],'state':'open','tickets':[],"
			      "'unverified':false}");
	json_decref(incident);
	assert_fails(incident_show(txn, "I-9", &incident, &err), ERR_NOT_FOUND, "incident I-9: unknown");
}

static void late_facts_change_history(void **state)
{
	struct txn *txn = txn_of(state);

	replace(txn, 0, 200, json_pack("[o, o]", make("I-1", "b2", 100, 0, 18), make("I-2", "b9", 150, 160, 18)));
	assert_list(txn, "I-2 proven I-1 open ");
	/* It opened earlier than was known: the same incident. The other never was. */
	replace(txn, 50, 200, json_pack("[o]", make("I-3", "b2", 90, 0, 18)));
	assert_list(txn, "I-2 withdrawn I-1 open ");
	/* It was after all. */
	replace(txn, 120, 200, json_pack("[o, o]", make("I-3", "b2", 90, 0, 18), make("I-2", "b9", 150, 160, 18)));
	assert_list(txn, "I-2 proven I-1 open ");
	/* What opened outside the stretch stays. */
	replace(txn, 300, 400, json_array());
	assert_list(txn, "I-2 proven I-1 open ");
}

static void people_have_their_say(void **state)
{
	struct txn *txn = txn_of(state);
	json_t *fixed = json_pack("{s:i, s:s, s:s, s:s}", "at_ms", 300, "action", "fixed", "by", "olga", "done", "spliced");
	json_t *closed = json_pack("{s:i, s:s, s:s}", "at_ms", 400, "action", "closed", "by", "olga");
	json_t *incident, *later;

	replace(txn, 0, 200, json_pack("[o]", make("I-1", "b2", 100, 0, 18)));
	assert_ok(incident_say(txn, "I-1", fixed, &err));
	assert_ok(incident_say(txn, "I-1", closed, &err));
	assert_list(txn, "I-1 closed ");
	assert_fails(incident_say(txn, "I-1", fixed, &err), ERR_CONFLICT, "incident I-1: it is closed");
	assert_ok(incident_show(txn, "I-1", &incident, &err));
	assert_int_equal(json_integer_value(json_object_get(incident, "fixed_ms")), 300);
	assert_true(json_is_true(json_object_get(incident, "unverified")));
	assert_int_equal(json_array_size(json_object_get(incident, "said")), 2);
	json_decref(incident);
	/* Blamed again after it was closed: open again, and what was said stays. */
	later = make("I-1", "b2", 100, 0, 18);
	json_object_set_new(later, "last_ms", json_integer(500));
	replace(txn, 300, 500, json_pack("[o]", later));
	assert_list(txn, "I-1 open ");
	json_decref(fixed);
	json_decref(closed);
}

static void put_ticket(struct txn *txn, const struct line *line, const char *id, int64_t from_ms)
{
	struct ticket ticket = {
		.line_number = line->number, .defect = DEFECT_SLOW_LOCAL, .leg = LEG_LOCAL, .state = TICKET_OPEN,
		.holder = "plumbline", .opened_ms = from_ms + 10, .defect_from_ms = from_ms, .fixed_ms = JSON_ABSENT,
		.proven_ms = JSON_ABSENT, .closed_ms = JSON_ABSENT, .reopened_ms = JSON_ABSENT,
	};
	json_t *evidence = json_object();

	text_copy(ticket.id, sizeof ticket.id, id);
	text_copy(ticket.line, sizeof ticket.line, line->id);
	assert_ok(ticket_insert(txn, &ticket, evidence, &err));
	json_decref(evidence);
}

static void tickets_become_children(void **state)
{
	struct txn *txn = txn_of(state);
	struct line first = put_line(txn, "42", "line-1"), second = put_line(txn, "42", "line-2"),
		    third = put_line(txn, "42", "line-3");
	const struct ticket_filter filter = { .incident = "I-1", .limit = 9 };
	json_t *incident, *page;
	char ids[64];

	put_ticket(txn, &first, "t1", 95);
	put_ticket(txn, &second, "t2", 106);   /* began when nothing was blamed any more */
	put_ticket(txn, &third, "t3", 95);     /* hangs elsewhere */
	replace(txn, 0, 200, json_pack("[o]", make("I-1", "b2", 100, 0, 5)));
	assert_ok(incidents_adopt_tickets(txn, 0, &err));
	assert_int_equal(query(txn->db, "SELECT count(incident) FROM ticket"), 0);   /* F6: possible only */
	replace(txn, 0, 200, json_pack("[o]", make("I-1", "b2", 100, 0, 7)));
	assert_ok(incidents_adopt_tickets(txn, 0, &err));
	assert_ok(tickets_list(txn, &filter, &page, &err));
	read_ids(page, ids, sizeof ids);
	assert_string_equal(ids, "t1 ");
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(page, "items"), 0), "culprit")), "b2");
	json_decref(page);
	assert_ok(incident_show(txn, "I-1", &incident, &err));
	assert_int_equal(json_array_size(json_object_get(incident, "tickets")), 1);
	json_decref(incident);
	replace(txn, 0, 200, json_array());   /* withdrawn: the ticket is the client's alone */
	assert_ok(incidents_adopt_tickets(txn, 0, &err));
	assert_int_equal(query(txn->db, "SELECT count(incident) FROM ticket"), 0);
}

static void evaluations_are_kept(void **state)
{
	struct txn *txn = txn_of(state);
	json_t *list = json_pack("[{s:i, s:[], s:{s:[], s:[i]}}, {s:i, s:[], s:{s:[], s:[]}}]", "at_ms", 10, "blames", "state", "open",
				 "pending", 7, "at_ms", 20, "blames", "state", "open", "pending");
	json_t *fold;

	assert_ok(evaluations_replace(txn, 0, 100, list, &err));
	assert_ok(evaluation_state_before(txn, 10, &fold, &err));
	assert_true(incident_state_is_empty(fold));
	json_decref(fold);
	assert_ok(evaluation_state_before(txn, 20, &fold, &err));
	assert_json(fold, "{'open':[],'pending':[7]}");
	json_decref(fold);
	json_decref(list);
	list = json_array();
	assert_ok(evaluations_replace(txn, 10, 10, list, &err));
	assert_int_equal(query(txn->db, "SELECT count(*) FROM evaluation"), 1);
	json_decref(list);
}

static void pages_of_incidents(void **state)
{
	struct txn *txn = txn_of(state);
	struct incident_filter filter = { .limit = 1, .state = "open" };
	json_t *page, *next;
	char ids[64];

	replace(txn, 0, 200, json_pack("[o, o, o]", make("I-1", "b1", 100, 0, 9), make("I-2", "b2", 110, 120, 9),
				       make("I-3", "b3", 120, 0, 9)));
	assert_ok(incidents_list(txn, &filter, &page, &err));
	read_ids(page, ids, sizeof ids);
	assert_string_equal(ids, "I-3 ");
	filter.cursor = json_string_value(json_object_get(page, "cursor"));
	assert_ok(incidents_list(txn, &filter, &next, &err));
	read_ids(next, ids, sizeof ids);
	assert_string_equal(ids, "I-1 ");
	assert_true(json_is_null(json_object_get(next, "cursor")));
	json_decref(page);
	json_decref(next);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(shows_what_the_contract_says), CASE(late_facts_change_history), CASE(people_have_their_say),
		CASE(tickets_become_children),      CASE(evaluations_are_kept),      CASE(pages_of_incidents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
