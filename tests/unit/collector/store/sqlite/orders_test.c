#include "collector/store/orders.h"

#include "collector/store/measurements.h"
#include "tests/unit/collector/store/sqlite/fixture.h"

#define NOW INT64_C(1763800000000)

static struct txn *txn_of(void **state)
{
	return &((struct fixture *)*state)->txn;
}

static void place(struct txn *txn, const struct line *line, const char *id, enum leg leg, int64_t placed_ms)
{
	struct order order = { .leg = leg, .placed_ms = placed_ms, .expires_ms = placed_ms + 1000, .by = "anna" };

	text_copy(order.id, sizeof order.id, id);
	assert_ok(order_put(txn, line, &order, &err));
}

/* Stores a measurement and takes it for the answer to the order that it names. */
static void answer(struct txn *txn, const struct line *line, const char *id, enum leg leg, int64_t started_ms)
{
	struct measurement m;

	measurement_init(&m);
	m.leg = (int)leg;
	m.started_ms = started_ms;
	m.judgement = JUDGED_GOOD;
	m.trigger = TRIGGER_ORDER;
	text_copy(m.order, sizeof m.order, id);
	assert_ok(measurement_put(txn, line, 1, started_ms, &m, &err));
	assert_ok(order_answer(txn, line, 1, started_ms, &m, &err));
}

static void assert_standing(struct txn *txn, const struct line *line, int64_t now_ms, const char *want)
{
	json_t *orders;

	assert_ok(orders_standing(txn, line, now_ms, &orders, &err));
	assert_json(orders, want);
	json_decref(orders);
}

static json_t *list(struct txn *txn, const struct line *line, int64_t now_ms, int64_t from_ms, const char *cursor, int64_t limit)
{
	const struct order_filter filter = { now_ms, from_ms, cursor, limit };
	json_t *page;

	assert_ok(orders_list(txn, line, &filter, &page, &err));
	return page;
}

static void assert_ids(struct txn *txn, const struct line *line, int64_t from_ms, const char *want)
{
	json_t *page = list(txn, line, NOW, from_ms, NULL, 50);
	char ids[256];

	read_ids(page, ids, sizeof ids);
	assert_string_equal(ids, want);
	json_decref(page);
}

static void stands_until_answered_or_expired(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1"), other = put_line(txn, "42", "line-2");

	place(txn, &line, "o-1", LEG_LOCAL, NOW);
	place(txn, &line, "o-2", LEG_HUB, NOW);
	place(txn, &other, "o-3", LEG_HUB, NOW);
	assert_standing(txn, &line, NOW,
			"[{'expires_ms':1763800001000,'id':'o-1','leg':'local','placed_ms':1763800000000},"
			"{'expires_ms':1763800001000,'id':'o-2','leg':'hub','placed_ms':1763800000000}]");
	answer(txn, &line, "o-1", LEG_LOCAL, NOW + 10);
	assert_standing(txn, &line, NOW + 999,
			"[{'expires_ms':1763800001000,'id':'o-2','leg':'hub','placed_ms':1763800000000}]");
	assert_standing(txn, &line, NOW + 1000, "[]");
}

static void shows_how_each_went(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	json_t *page;

	place(txn, &line, "o-1", LEG_LOCAL, NOW);
	place(txn, &line, "o-2", LEG_HUB, NOW);
	place(txn, &line, "o-3", LEG_HUB, NOW + 500);
	answer(txn, &line, "o-1", LEG_LOCAL, NOW + 10);
	page = list(txn, &line, NOW + 1000, 0, NULL, 50);
	assert_json(page, "{'cursor':null,'items':["
		"{'by':'anna','expires_ms':1763800001500,'id':'o-3','leg':'hub','placed_ms':1763800000500,'state':'placed'},"
		"{'answer':{'bytes':0,'duration_us':0,'judgement':'good','kind':'reference','leg':'local','started_ms':1763800000010,'trigger':'order'},"
		"'by':'anna','expires_ms':1763800001000,'id':'o-1','leg':'local','placed_ms':1763800000000,'state':'answered'},"
		"{'by':'anna','expires_ms':1763800001000,'id':'o-2','leg':'hub','placed_ms':1763800000000,'state':'expired'}]}");
	json_decref(page);
}

static void answers_count_late_but_once_and_for_their_order_only(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1"), other = put_line(txn, "42", "line-2");
	json_t *page;

	place(txn, &line, "o-1", LEG_LOCAL, NOW);
	answer(txn, &line, "o-9", LEG_LOCAL, NOW + 10);
	answer(txn, &line, "o-1", LEG_HUB, NOW + 20);
	answer(txn, &other, "o-1", LEG_LOCAL, NOW + 30);
	page = list(txn, &line, NOW, 0, NULL, 50);
	assert_null(json_object_get(json_array_get(json_object_get(page, "items"), 0), "answer"));
	json_decref(page);
	answer(txn, &line, "o-1", LEG_LOCAL, NOW + 5000);
	answer(txn, &line, "o-1", LEG_LOCAL, NOW + 6000);
	page = list(txn, &line, NOW + 7000, 0, NULL, 50);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(
		json_array_get(json_object_get(page, "items"), 0), "answer"), "started_ms")), NOW + 5000);
	json_decref(page);
}

static void an_answer_outlives_its_measurement(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	json_t *page;

	place(txn, &line, "o-1", LEG_LOCAL, NOW);
	answer(txn, &line, "o-1", LEG_LOCAL, NOW + 10);
	assert_ok(db_execute(txn->db, "DELETE FROM measurement", &err));
	page = list(txn, &line, NOW, 0, NULL, 50);
	assert_json(page, "{'cursor':null,'items':[{'by':'anna','expires_ms':1763800001000,'id':'o-1','leg':'local',"
			  "'placed_ms':1763800000000,'state':'answered'}]}");
	json_decref(page);
}

static void pages_walk_all(void **state)
{
	static const char *const want[] = { "o-4 ", "o-2 ", "o-3 ", "o-1 " };
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	json_t *page = NULL;

	place(txn, &line, "o-1", LEG_LOCAL, NOW - 5);
	place(txn, &line, "o-2", LEG_LOCAL, NOW);
	place(txn, &line, "o-3", LEG_HUB, NOW);
	place(txn, &line, "o-4", LEG_HUB, NOW + 1);
	for (size_t i = 0; i < 4; i++) {
		json_t *next = list(txn, &line, NOW, 0, json_string_value(json_object_get(page, "cursor")), 1);
		char ids[64];

		read_ids(next, ids, sizeof ids);
		assert_string_equal(ids, want[i]);
		json_decref(page);
		page = next;
	}
	assert_true(json_is_null(json_object_get(page, "cursor")));
	json_decref(page);
	assert_ids(txn, &line, NOW, "o-4 o-2 o-3 ");
	assert_ids(txn, &line, NOW + 2, "");
}

static void refuses_what_is_no_page(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	json_t *page;

	assert_fails(orders_list(txn, &line, &(struct order_filter){ .limit = 0 }, &page, &err), ERR_INPUT,
		     "limit: must lie between 1 and 500");
	assert_fails(orders_list(txn, &line, &(struct order_filter){ .limit = 1, .cursor = "WzFd" }, &page, &err), ERR_INPUT,
		     "cursor: is not from an earlier page");
}

/* What waits for the line's revision is told of an order and of its answer, and of nothing else. */
static void each_change_is_a_revision(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	int64_t before, after;

	assert_ok(lines_revision(txn, &before, &err));
	place(txn, &line, "o-1", LEG_LOCAL, NOW);
	assert_ok(lines_revision(txn, &after, &err));
	assert_int_equal(after, before + 1);
	answer(txn, &line, "o-9", LEG_LOCAL, NOW);
	assert_ok(lines_revision(txn, &after, &err));
	assert_int_equal(after, before + 1);
	answer(txn, &line, "o-1", LEG_LOCAL, NOW + 1);
	assert_ok(lines_revision(txn, &after, &err));
	assert_int_equal(after, before + 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stands_until_answered_or_expired), TEST(shows_how_each_went),
		TEST(answers_count_late_but_once_and_for_their_order_only), TEST(an_answer_outlives_its_measurement),
		TEST(pages_walk_all), TEST(refuses_what_is_no_page), TEST(each_change_is_a_revision),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
