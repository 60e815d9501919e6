#include "collector/store/tickets.h"

#include "agent/base/measurement.h"
#include "tests/unit/collector/store/sqlite/fixture.h"

#define NOW INT64_C(1763800000000)

static struct txn *txn_of(void **state)
{
	return &((struct fixture *)*state)->txn;
}

static struct ticket make_ticket(const struct line *line, const char *id, enum defect defect, int64_t opened_ms)
{
	struct ticket ticket = {
		.line_number = line->number, .defect = (int)defect, .leg = LEG_HUB, .state = TICKET_OPEN, .holder = "plumbline",
		.opened_ms = opened_ms, .defect_from_ms = opened_ms - 10, .fixed_ms = JSON_ABSENT, .proven_ms = JSON_ABSENT,
		.closed_ms = JSON_ABSENT, .reopened_ms = JSON_ABSENT,
	};

	text_copy(ticket.id, sizeof ticket.id, id);
	text_copy(ticket.client, sizeof ticket.client, line->client);
	text_copy(ticket.line, sizeof ticket.line, line->id);
	return ticket;
}

static struct ticket insert(struct txn *txn, const struct line *line, const char *id, enum defect defect, int64_t opened_ms)
{
	struct ticket ticket = make_ticket(line, id, defect, opened_ms);
	json_t *evidence = json_pack("{s:[]}", "measurements");

	assert_ok(ticket_insert(txn, &ticket, evidence, &err));
	json_decref(evidence);
	return ticket;
}

static void keeps_all_members(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	struct ticket ticket = insert(txn, &line, "t1", DEFECT_SLOW_HUB, NOW), there;

	ticket.state = TICKET_FIXED;
	memcpy(ticket.holder, "olga\0\0\0\0", 9);
	ticket.fixed_ms = NOW + 1;
	ticket.proven_ms = NOW + 2;
	ticket.closed_ms = NOW + 3;
	ticket.reopened_ms = NOW + 4;
	ticket.reopen_count = 5;
	ticket.chronic = ticket.unverified = ticket.retrospective = true;
	assert_ok(ticket_update(txn, &ticket, &err));
	memset(&there, 0, sizeof there);
	assert_ok(ticket_get(txn, "t1", &there, &err));
	assert_memory_equal(&there, &ticket, sizeof there);
	assert_fails(ticket_get(txn, "t2", &there, &err), ERR_NOT_FOUND, "ticket t2: unknown");
	ticket.id[1] = '2';
	assert_fails(ticket_update(txn, &ticket, &err), ERR_NOT_FOUND, "ticket t2: unknown");
}

/* Whether a second ticket of the same line and defect may open while the first is in this state. */
static const struct {
	enum ticket_state state;
	bool may_open;
} states[] = {
	{ TICKET_OPEN, false },   { TICKET_ACCEPTED, false }, { TICKET_FIXED, false }, { TICKET_RETURNED, false },
	{ TICKET_PROVEN, false }, { TICKET_CLOSED, true },    { TICKET_WITHDRAWN, true },
};

static void one_unclosed_ticket_a_defect(void **state)
{
	static const char message[] = "line line-1: has a ticket for slow-hub that is not closed";
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1"), other = put_line(txn, "42", "line-2");
	struct ticket first = insert(txn, &line, "t1", DEFECT_SLOW_HUB, NOW);
	struct ticket second = make_ticket(&line, "t2", DEFECT_SLOW_HUB, NOW), found;
	json_t *evidence = json_object();

	insert(txn, &line, "t3", DEFECT_SLOW_LOCAL, NOW);
	insert(txn, &other, "t4", DEFECT_SLOW_HUB, NOW);
	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
		first.state = (int)states[i].state;
		assert_ok(ticket_update(txn, &first, &err));
		assert_ok(db_execute(txn->db, "SAVEPOINT try", &err));
		if (states[i].may_open)
			assert_ok(ticket_insert(txn, &second, evidence, &err));
		else
			assert_fails(ticket_insert(txn, &second, evidence, &err), ERR_CONFLICT, message);
		assert_ok(db_execute(txn->db, "ROLLBACK TO try", &err));
		assert_int_equal(ticket_find_open(txn, &line, DEFECT_SLOW_HUB, &found, NULL), !states[i].may_open);
	}
	assert_ok(ticket_insert(txn, &second, evidence, &err));
	first.state = TICKET_OPEN;
	assert_fails(ticket_update(txn, &first, &err), ERR_CONFLICT, message);
	json_decref(evidence);
}

static void refuses_the_impossible(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	struct ticket ticket = make_ticket(&line, "t1", DEFECT_ALTERED, NOW);
	json_t *evidence = json_object();

	ticket.holder[0] = '\0';
	assert_fails(ticket_insert(txn, &ticket, evidence, &err), ERR_CONFLICT,
		     "ticket t1: CHECK constraint failed: holder <> ''");
	text_copy(ticket.line, sizeof ticket.line, "line-9");
	assert_fails(ticket_insert(txn, &ticket, evidence, &err), ERR_INPUT, "ticket t1: line line-9 is unknown");
	json_decref(evidence);
}

static void lists_those_of_a_defect(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1"), other = put_line(txn, "42", "line-2");
	struct ticket ticket, *tickets;
	size_t count;

	ticket = insert(txn, &line, "t2", DEFECT_ALTERED, NOW + 100);
	ticket.state = TICKET_WITHDRAWN;
	assert_ok(ticket_update(txn, &ticket, &err));
	insert(txn, &line, "t1", DEFECT_ALTERED, NOW);
	insert(txn, &line, "t3", DEFECT_SLOW_HUB, NOW);
	insert(txn, &other, "t4", DEFECT_ALTERED, NOW);
	assert_ok(tickets_of_defect(txn, &line, DEFECT_ALTERED, &tickets, &count, &err));
	assert_int_equal(count, 2);
	assert_string_equal(tickets[0].id, "t1");
	assert_string_equal(tickets[1].id, "t2");
	assert_int_equal(tickets[1].state, TICKET_WITHDRAWN);
	free(tickets);
	assert_ok(tickets_of_defect(txn, &other, DEFECT_SLOW_HUB, &tickets, &count, &err));
	assert_int_equal(count, 0);
	free(tickets);
}

static void shows_evidence_and_custody(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	struct ticket ticket = make_ticket(&line, "t1", DEFECT_UNRELIABLE, NOW);
	json_t *evidence = json_pack("{s:[i]}", "measurements", 7), *later = json_pack("{s:s}", "what", "proof");
	json_t *details = json_pack("{s:s}", "cause", "вода"), *shown;

	ticket.leg = JSON_ABSENT;
	assert_ok(ticket_insert(txn, &ticket, evidence, &err));
	json_object_clear(evidence);
	assert_ok(ticket_add_move(txn, &ticket, &(struct ticket_move){ "opened", "plumbline", NOW, NULL, NULL }, &err));
	ticket.state = TICKET_FIXED;
	text_copy(ticket.holder, sizeof ticket.holder, "olga");
	assert_ok(ticket_add_move(txn, &ticket, &(struct ticket_move){ "fixed", "olga", NOW + 5, "сухо", details }, &err));
	assert_ok(ticket_add_evidence(txn, &ticket, later, &err));
	assert_ok(ticket_add_evidence(txn, &ticket, later, &err));
	assert_ok(ticket_show(txn, "t1", &shown, &err));
	assert_json(shown, "{'chronic':false,'client':'42','client_name':'42','custody':["
			   "{'action':'opened','at_ms':1763800000000,'by':'plumbline','holder':'plumbline','state':'open'},"
			   "{'action':'fixed','at_ms':1763800000005,'by':'olga','details':{'cause':'вода'},'holder':'olga',"
			   "'note':'сухо','state':'fixed'}],'defect':'unreliable','defect_from_ms':1763799999990,"
			   "'evidence':{'later':[{'what':'proof'},{'what':'proof'}],'measurements':[7]},'holder':'plumbline',"
			   "'id':'t1','line':'line-1','opened_ms':1763800000000,'reopen_count':0,'retrospective':false,"
			   "'state':'open','unverified':false}");
	json_decref(shown);
	assert_fails(ticket_show(txn, "t2", &shown, &err), ERR_NOT_FOUND, "ticket t2: unknown");
	json_decref(details);
	json_decref(later);
	json_decref(evidence);
}

static void filters(void **state)
{
	static const struct {
		const char *state, *client, *line, *holder, *want;
	} cases[] = {
		{ NULL, NULL, NULL, NULL, "t4 t3 t2 t1 " }, { "unclosed", NULL, NULL, NULL, "t4 t3 t1 " },
		{ "closed", NULL, NULL, NULL, "t2 " },      { "open", NULL, NULL, NULL, "t4 t1 " },
		{ NULL, "43", NULL, NULL, "t4 " },          { "open", "42", NULL, NULL, "t1 " },
		{ NULL, NULL, "line-2", NULL, "t3 " },      { NULL, NULL, NULL, "olga", "t3 " },
		{ NULL, "44", NULL, NULL, "" },             { "open", NULL, NULL, "olga", "" },
	};
	struct txn *txn = txn_of(state);
	struct line first = put_line(txn, "42", "line-1"), second = put_line(txn, "42", "line-2"),
		    third = put_line(txn, "43", "line-3");
	struct ticket ticket;
	char ids[64];
	json_t *page;

	insert(txn, &first, "t1", DEFECT_SLOW_LOCAL, NOW);
	ticket = insert(txn, &first, "t2", DEFECT_ALTERED, NOW + 1);
	ticket.state = TICKET_CLOSED;
	assert_ok(ticket_update(txn, &ticket, &err));
	ticket = insert(txn, &second, "t3", DEFECT_SLOW_LOCAL, NOW + 2);
	ticket.state = TICKET_ACCEPTED;
	text_copy(ticket.holder, sizeof ticket.holder, "olga");
	assert_ok(ticket_update(txn, &ticket, &err));
	insert(txn, &third, "t4", DEFECT_SLOW_LOCAL, NOW + 3);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct ticket_filter filter = {
			.state = cases[i].state, .client = cases[i].client, .line = cases[i].line, .holder = cases[i].holder, .limit = 9,
		};

		assert_ok(tickets_list(txn, &filter, &page, &err));
		read_ids(page, ids, sizeof ids);
		assert_string_equal(ids, cases[i].want);
		assert_true(json_is_null(json_object_get(page, "cursor")));
		json_decref(page);
	}
	assert_fails(tickets_list(txn, &(struct ticket_filter){ .state = "OPEN", .limit = 1 }, &page, &err), ERR_INPUT,
		     "state: must be a ticket's state or unclosed");
	assert_fails(tickets_list(txn, &(struct ticket_filter){ .cursor = "WyJhIiwiYiJd", .limit = 1 }, &page, &err),
		     ERR_INPUT, "cursor: is not from an earlier page");
	assert_fails(tickets_list(txn, &(struct ticket_filter){ .limit = 501 }, &page, &err), ERR_INPUT,
		     "limit: must lie between 1 and 500");
}

/* 30 tickets, three at each moment, in pages of 4; between pages a newer one comes, which must not disturb. */
static void walks_all_while_tickets_open(void **state)
{
	struct ticket_filter filter = { .limit = 4 };
	struct txn *txn = txn_of(state);
	int seen[30] = { 0 }, pages = 0;
	char id[16], line_id[16], cursor[256];
	json_t *page, *item, *next;
	struct line line;
	size_t i;

	for (int n = 0; n < 30; n++) {
		snprintf(id, sizeof id, "t%d", n);
		snprintf(line_id, sizeof line_id, "line-%d", n);
		line = put_line(txn, "42", line_id);
		insert(txn, &line, id, DEFECT_SLOW_LOCAL, NOW + n / 3);
	}
	do {
		assert_ok(tickets_list(txn, &filter, &page, &err));
		json_array_foreach(json_object_get(page, "items"), i, item)
			seen[atoi(json_string_value(json_object_get(item, "id")) + 1)]++;
		snprintf(id, sizeof id, "n%d", pages);
		snprintf(line_id, sizeof line_id, "new-%d", pages);
		line = put_line(txn, "42", line_id);
		insert(txn, &line, id, DEFECT_SLOW_LOCAL, NOW + 1000 + pages++);
		next = json_object_get(page, "cursor");
		if (json_is_string(next))
			snprintf(cursor, sizeof cursor, "%s", json_string_value(next));
		filter.cursor = json_is_string(next) ? cursor : NULL;
		json_decref(page);
	} while (filter.cursor);
	for (int n = 0; n < 30; n++)
		assert_int_equal(seen[n], 1);
	assert_int_equal(pages, 8);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keeps_all_members),         TEST(one_unclosed_ticket_a_defect), TEST(refuses_the_impossible),
		TEST(lists_those_of_a_defect), TEST(shows_evidence_and_custody),   TEST(filters),
		TEST(walks_all_while_tickets_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
