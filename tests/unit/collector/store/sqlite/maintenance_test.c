#include "collector/store/maintenance.h"

#include "tests/unit/collector/store/sqlite/fixture.h"

#define NOW INT64_C(1763800000000)

static struct txn *txn_of(void **state)
{
	return &((struct fixture *)*state)->txn;
}

static void put_node(struct txn *txn, const char *id, const char *first_parent, const char *second_parent)
{
	const char *const parents[] = { first_parent, second_parent };
	struct node node = { .kind = "building", .name = "Building" };

	text_copy(node.id, sizeof node.id, id);
	assert_ok(node_put(txn, &node, parents, (size_t)(first_parent != NULL) + (second_parent != NULL), &err));
}

/* core above u1 and u2, b1 on both, b2 on u2. */
static void put_nodes(struct txn *txn)
{
	put_node(txn, "core", NULL, NULL);
	put_node(txn, "u1", "core", NULL);
	put_node(txn, "u2", "core", NULL);
	put_node(txn, "b1", "u1", "u2");
	put_node(txn, "b2", "u2", NULL);
}

static struct line put_line_on(struct txn *txn, const char *id, const char *node)
{
	struct line line = put_line(txn, "42", id);

	text_copy(line.node, sizeof line.node, node);
	assert_ok(line_put(txn, &line, &err));
	return line;
}

static void plan(struct txn *txn, const char *id, const char *node, int64_t from_ms, int64_t to_ms)
{
	struct maintenance work = { .announced_ms = NOW, .from_ms = from_ms, .to_ms = to_ms, .by = "anna", .note = "fibre" };

	text_copy(work.id, sizeof work.id, id);
	text_copy(work.node, sizeof work.node, node);
	assert_ok(maintenance_put(txn, &work, &err));
}

static void assert_windows(struct txn *txn, const struct line *line, int64_t after_ms, const char *want)
{
	json_t *windows;

	assert_ok(maintenance_of_line(txn, line, after_ms, &windows, &err));
	assert_json(windows, want);
	json_decref(windows);
}

static void reaches_every_line_below(void **state)
{
	struct txn *txn = txn_of(state);
	struct line both, one;

	put_nodes(txn);
	both = put_line_on(txn, "line-1", "b1");
	one = put_line_on(txn, "line-2", "b2");
	plan(txn, "m-1", "u1", NOW + 10, NOW + 20);
	assert_windows(txn, &both, NOW, "[{'from_ms':1763800000010,'to_ms':1763800000020}]");
	assert_windows(txn, &one, NOW, "[]");
	plan(txn, "m-2", "core", NOW + 5, NOW + 30);
	assert_windows(txn, &both, NOW, "[{'from_ms':1763800000005,'to_ms':1763800000030},{'from_ms':1763800000010,'to_ms':1763800000020}]");
	assert_windows(txn, &one, NOW + 30, "[]");
}

static void visit_number(void *arg, int64_t number)
{
	*(int64_t *)arg = *(int64_t *)arg * 10 + number;
}

static void tells_the_agents_below_only(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line;
	int64_t before, after, numbers = 0;

	put_nodes(txn);
	line = put_line_on(txn, "line-1", "b1");
	put_line_on(txn, "line-2", "b2");
	assert_ok(lines_revision(txn, &before, &err));
	plan(txn, "m-1", "u1", NOW + 10, NOW + 20);
	assert_ok(lines_revision(txn, &after, &err));
	assert_true(after > before);
	assert_ok(lines_below(txn, "u1", visit_number, &numbers, &err));
	assert_int_equal(numbers, line.number);
	assert_ok(maintenance_end(txn, "m-1", NOW + 15, &err));
	assert_ok(lines_revision(txn, &before, &err));
	assert_true(before > after);
}

static void lists_each_with_its_state(void **state)
{
	struct txn *txn = txn_of(state);
	const struct maintenance_filter filter = { .now_ms = NOW + 15, .limit = 2 };
	struct maintenance_filter next = filter;
	json_t *page, *second;

	put_nodes(txn);
	put_line_on(txn, "line-1", "b1");
	plan(txn, "m-1", "u1", NOW + 1, NOW + 5);
	plan(txn, "m-2", "b1", NOW + 10, NOW + 20);
	plan(txn, "m-3", "b2", NOW + 50, NOW + 60);
	assert_ok(maintenance_end(txn, "m-3", NOW + 15, &err));
	assert_ok(maintenance_list(txn, &filter, &page, &err));
	assert_json(json_object_get(page, "items"),
		"[{'announced_ms':1763800000000,'by':'anna','from_ms':1763800000050,'id':'m-3','lines':0,'node':'b2',"
		"'node_name':'Building','note':'fibre','state':'called-off','to_ms':1763800000050},"
		"{'announced_ms':1763800000000,'by':'anna','from_ms':1763800000010,'id':'m-2','lines':1,'node':'b1',"
		"'node_name':'Building','note':'fibre','state':'running','to_ms':1763800000020}]");
	next.cursor = json_string_value(json_object_get(page, "cursor"));
	assert_ok(maintenance_list(txn, &next, &second, &err));
	json_decref(page);
	page = second;
	assert_json(json_object_get(json_array_get(json_object_get(page, "items"), 0), "state"), "'over'");
	assert_true(json_is_null(json_object_get(page, "cursor")));
	json_decref(page);
}

static void ends_early_once(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line;

	put_nodes(txn);
	line = put_line_on(txn, "line-1", "b1");
	plan(txn, "m-1", "b1", NOW + 10, NOW + 20);
	assert_ok(maintenance_end(txn, "m-1", NOW + 12, &err));
	assert_windows(txn, &line, NOW, "[{'from_ms':1763800000010,'to_ms':1763800000012}]");
	assert_fails(maintenance_end(txn, "m-1", NOW + 13, &err), ERR_CONFLICT, "maintenance m-1: is over already");
	assert_fails(maintenance_end(txn, "m-9", NOW, &err), ERR_NOT_FOUND, "maintenance m-9: unknown");
}

static void called_off_it_exempts_nothing(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line;

	put_nodes(txn);
	line = put_line_on(txn, "line-1", "b1");
	plan(txn, "m-1", "b1", NOW + 10, NOW + 20);
	assert_ok(maintenance_end(txn, "m-1", NOW + 5, &err));
	assert_windows(txn, &line, NOW, "[]");
}

static void refuses_an_unknown_node(void **state)
{
	const struct maintenance work = { .id = "m-1", .node = "b9", .from_ms = NOW, .to_ms = NOW + 1, .by = "anna", .note = "" };

	assert_fails(maintenance_put(txn_of(state), &work, &err), ERR_INPUT, "node b9: unknown");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reaches_every_line_below), TEST(tells_the_agents_below_only), TEST(lists_each_with_its_state),
		TEST(ends_early_once),          TEST(called_off_it_exempts_nothing), TEST(refuses_an_unknown_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
