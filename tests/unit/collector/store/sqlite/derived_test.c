#include "collector/store/derived.h"

#include "collector/store/tickets.h"
#include "tests/unit/collector/store/sqlite/fixture.h"

static struct txn *txn_of(void **state)
{
	return &((struct fixture *)*state)->txn;
}

/* "open 5", …, oldest first. */
static void assert_moves(struct txn *txn, const struct line *line, enum defect defect, int64_t from_ms, const char *want)
{
	static const char *const names[] = { "none", "open", "reopen", "prove", "return" };
	struct move *moves;
	size_t count;
	char got[256] = "";

	assert_ok(moves_from(txn, line, defect, from_ms, &moves, &count, &err));
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(moves[i].defect, defect);
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s %d, ", names[moves[i].what], (int)moves[i].at_ms);
	}
	free(moves);
	assert_string_equal(got, want);
}

static int append_text(const json_t *move, void *arg)
{
	json_array_append((json_t *)arg, (json_t *)move);
	return json_array_size(arg) == 3;
}

static void moves_are_replaced_from_a_time_on(void **state)
{
	static const struct move first[] = {
		{ 10, 2, DEFECT_SLOW_HUB, MOVE_OPEN, 12 }, { 20, 11, DEFECT_SLOW_HUB, MOVE_PROVE, 24 },
		{ 20, 12, DEFECT_SLOW_HUB, MOVE_REOPEN, 12 },
	};
	static const struct move second[] = { { 15, 11, DEFECT_SLOW_HUB, MOVE_RETURN, 4 } };
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-2"), other = put_line(txn, "41", "line-1");
	json_t *visited = json_array();

	assert_moves(txn, &line, DEFECT_SLOW_HUB, INT64_MIN, "");
	assert_ok(moves_replace(txn, &line, DEFECT_SLOW_HUB, INT64_MIN, first, 3, &err));
	assert_ok(moves_replace(txn, &other, DEFECT_SLOW_HUB, INT64_MIN, first, 1, &err));
	assert_moves(txn, &line, DEFECT_SLOW_HUB, INT64_MIN, "open 10, prove 20, reopen 20, ");
	assert_moves(txn, &line, DEFECT_SLOW_HUB, 11, "prove 20, reopen 20, ");
	assert_moves(txn, &line, DEFECT_SLOW_LOCAL, INT64_MIN, "");
	assert_ok(moves_replace(txn, &line, DEFECT_SLOW_HUB, 11, second, 1, &err));
	assert_moves(txn, &line, DEFECT_SLOW_HUB, INT64_MIN, "open 10, return 15, ");
	assert_moves(txn, &other, DEFECT_SLOW_HUB, INT64_MIN, "open 10, ");

	assert_ok(moves_visit(txn, 11, append_text, visited, &err));
	assert_json(visited, "[{'at_ms':15,'client':'42','defect':'slow-hub','from_ms':11,'line':'line-2','what':'return','window':4}]");
	assert_int_equal(moves_visit(txn, INT64_MIN, append_text, visited, NULL), 1);   /* what visit returned */
	assert_string_equal(json_string_value(json_object_get(json_array_get(visited, 1), "line")), "line-1");
	json_decref(visited);
}

static void marks_are_what_people_said_of_a_defect(void **state)
{
	static const struct {
		const char *ticket, *action;
		int64_t at_ms;
	} said[] = { { "t1", "opened", 5 }, { "t1", "fixed", 7 }, { "t2", "closed", 6 }, { "t1", "closed", 9 }, { "t1", "note", 9 } };
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	json_t *evidence = json_object();
	struct mark *marks;
	size_t count;

	for (int i = 0; i < 2; i++) {
		struct ticket ticket = { .line_number = line.number, .defect = i ? DEFECT_SLOW_HUB : DEFECT_SLOW_LOCAL, .holder = "x" };

		snprintf(ticket.id, sizeof ticket.id, "t%d", i + 1);
		text_copy(ticket.line, sizeof ticket.line, line.id);
		assert_ok(ticket_insert(txn, &ticket, evidence, &err));
		for (size_t k = 0; k < sizeof said / sizeof said[0]; k++) {
			struct ticket_move move = { .action = said[k].action, .by = "olga", .at_ms = said[k].at_ms };

			if (!strcmp(said[k].ticket, ticket.id))
				assert_ok(ticket_add_move(txn, &ticket, &move, &err));
		}
	}
	json_decref(evidence);
	assert_ok(marks_of_line(txn, &line, 6, &marks, &count, &err));
	assert_int_equal(count, 3);
	assert_true(marks[0].at_ms == 6 && marks[0].defect == DEFECT_SLOW_HUB && marks[0].kind == MARK_CLOSED);
	assert_true(marks[1].at_ms == 7 && marks[1].defect == DEFECT_SLOW_LOCAL && marks[1].kind == MARK_FIXED);
	assert_true(marks[2].at_ms == 9 && marks[2].kind == MARK_CLOSED);
	free(marks);
	assert_ok(marks_of_line(txn, &line, 10, &marks, &count, &err));
	assert_int_equal(count, 0);
	free(marks);
}

static void assert_state(struct buf *bytes, int64_t newest_ms, const char *want, int64_t want_ms)
{
	assert_string_equal(buf_text(bytes), want);
	assert_int_equal(newest_ms, want_ms);
	buf_clear(bytes);
}

static void states_are_kept(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	struct buf bytes = { 0 }, got = { 0 };
	int64_t newest_ms = 0;

	assert_int_equal(fold_head_get(txn, &line, &got, &newest_ms, NULL), 0);
	assert_int_equal(fold_checkpoint_before(txn, &line, 100, &got, &newest_ms, NULL), 0);
	for (int i = 1; i <= 3; i++) {
		buf_clear(&bytes);
		buf_printf(&bytes, "state %d", i);
		assert_ok(fold_head_put(txn, &line, &bytes, i * 10, &err));
		assert_ok(fold_checkpoint_put(txn, &line, &bytes, i * 10, &err));
	}
	assert_int_equal(fold_head_get(txn, &line, &got, &newest_ms, NULL), 1);
	assert_state(&got, newest_ms, "state 3", 30);
	assert_int_equal(fold_checkpoint_before(txn, &line, 10, &got, &newest_ms, NULL), 0);
	assert_int_equal(fold_checkpoint_before(txn, &line, 30, &got, &newest_ms, NULL), 1);
	assert_state(&got, newest_ms, "state 2", 20);
	assert_ok(fold_checkpoints_drop(txn, &line, 20, &err));
	assert_int_equal(fold_checkpoint_before(txn, &line, 100, &got, &newest_ms, NULL), 1);
	assert_state(&got, newest_ms, "state 1", 10);
	buf_free(&bytes);
	buf_free(&got);
}

static void append_leaf(void *arg, int64_t line_number, enum leaf_state leaf)
{
	char *text = arg;

	snprintf(text + strlen(text), 64 - strlen(text), "%d %s, ", (int)line_number, leaf_state_names[leaf]);
}

static void leaves_have_a_state_at_a_time(void **state)
{
	static const struct leaf_change changes[] = {
		{ 10, LEG_LOCAL, LEAF_GOOD }, { 20, LEG_LOCAL, LEAF_BAD }, { 20, LEG_HUB, LEAF_GOOD }, { 30, LEG_LOCAL, LEAF_UNKNOWN },
	};
	static const struct {
		const char *name;
		enum leg leg;
		int64_t at_ms;
		const char *want;
	} cases[] = {
		{ "before all",               LEG_LOCAL, 9,  "" },
		{ "at the change",            LEG_LOCAL, 10, "1 good, 2 good, " },
		{ "until the next",           LEG_LOCAL, 29, "1 bad, 2 bad, " },
		{ "unknown ones are left out", LEG_LOCAL, 30, "2 bad, " },
		{ "of the other leg",         LEG_HUB,   90, "1 good, 2 good, " },
	};
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1"), other = put_line(txn, "42", "line-2");

	put_line(txn, "42", "line-3");
	assert_ok(leaf_changes_replace(txn, &line, 0, changes, 4, &err));
	assert_ok(leaf_changes_replace(txn, &other, 0, changes, 4, &err));
	assert_ok(leaf_changes_replace(txn, &other, 30, NULL, 0, &err));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char got[64] = "";

		assert_ok(leaves_at(txn, cases[i].leg, cases[i].at_ms, append_leaf, got, &err));
		if (strcmp(got, cases[i].want))
			fail_msg("%s: %s", cases[i].name, got);
	}
}

static void days_are_summed(void **state)
{
	static const struct leg_day days[] = {
		{ LEG_LOCAL, 5, 5 * 86400000 + 7, 90 }, { LEG_LOCAL, 5, 5 * 86400000 + 9, 6 }, { LEG_LOCAL, 6, 6 * 86400000, 50 },
		{ LEG_HUB, 6, 6 * 86400000, 1 },
	};
	static const struct {
		const char *name;
		int64_t from_day, to_day, cells, begin_ms;
	} cases[] = {
		{ "all: begins with the first probe",           1, 9, 146, 5 * 86400000 + 7 },
		{ "there were some before: with the first day", 6, 9, 50,  6 * 86400000 },
		{ "up to a day",                                5, 5, 96,  5 * 86400000 + 7 },
		{ "none",                                       1, 4, 0,   JSON_ABSENT },
	};
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");

	for (size_t i = 0; i < sizeof days / sizeof days[0]; i++)
		assert_ok(leg_day_add(txn, &line, &days[i], &err));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t cells, begin_ms;

		assert_ok(leg_days_sum(txn, &line, LEG_LOCAL, cases[i].from_day, cases[i].to_day, &cells, &begin_ms, &err));
		if (cells != cases[i].cells || begin_ms != cases[i].begin_ms)
			fail_msg("%s: %d cells from %lld", cases[i].name, (int)cells, (long long)begin_ms);
	}
	assert_ok(leg_days_drop(txn, &line, 6, &err));
	assert_int_equal(query(txn->db, "SELECT sum(cells) FROM leg_day"), 96);
}

static void exemptions_are_those_that_end_later(void **state)
{
	static const struct exemption local[] = {
		{ 10, 20, LEG_LOCAL, EXEMPT_SERVER }, { 30, INT64_MAX, LEG_LOCAL, EXEMPT_CONTENT },
	};
	static const struct exemption hub[] = { { 15, 25, LEG_HUB, EXEMPT_SERVER } };
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	struct exemption *list;
	size_t count;

	assert_ok(exemptions_replace(txn, LEG_LOCAL, INT64_MIN, local, 2, &err));
	assert_ok(exemptions_replace(txn, LEG_HUB, INT64_MIN, hub, 1, &err));
	assert_ok(exemptions_of_line(txn, &line, 20, &list, &count, &err));
	assert_int_equal(count, 2);
	assert_true(list[0].from_ms == 15 && list[0].to_ms == 25 && list[0].leg == LEG_HUB && list[0].why == EXEMPT_SERVER);
	assert_true(list[1].from_ms == 30 && list[1].to_ms == INT64_MAX && list[1].why == EXEMPT_CONTENT);
	free(list);
	assert_ok(exemptions_replace(txn, LEG_LOCAL, 30, NULL, 0, &err));
	assert_ok(exemptions_of_line(txn, &line, INT64_MIN, &list, &count, &err));
	assert_int_equal(count, 2);
	assert_int_equal(list[0].from_ms, 10);
	free(list);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(moves_are_replaced_from_a_time_on),
		CASE(marks_are_what_people_said_of_a_defect),
		CASE(states_are_kept),
		CASE(leaves_have_a_state_at_a_time),
		CASE(days_are_summed),
		CASE(exemptions_are_those_that_end_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
