#include "collector/store/clients.h"

#include "tests/unit/collector/store/sqlite/fixture.h"

static struct txn *txn_of(void **state)
{
	return &((struct fixture *)*state)->txn;
}

static void shows_a_client_with_lines(void **state)
{
	struct client client = {
		.id = "42", .name = "ООО «Ромашка»", .tier = "A", .key = true, .manager = "Орлова",
		.contact_name = "Пётр", .contact_phone = "+7 1", .contact_email = "p@romashka.example",
	};
	struct txn *txn = txn_of(state);
	json_t *shown;

	assert_ok(client_put(txn, &client, &err));
	put_line(txn, "other", "line-9");
	put_client(txn, "42", "before");
	assert_ok(line_put(txn, &(struct line){ .id = "line-1", .client = "42", .node = "b1", .service_plan = "p" }, &err));
	assert_ok(client_put(txn, &client, &err));
	assert_ok(client_get(txn, "42", &shown, &err));
	assert_json(shown, "{'contact_email':'p@romashka.example','contact_name':'Пётр','contact_phone':'+7 1','id':'42',"
			   "'key':true,'lines':[{'address':'','agent':null,'always_on':false,'id':'line-1','node':'b1',"
			   "'number':2,'service_plan':'p'}],'manager':'Орлова','name':'ООО «Ромашка»','tier':'A'}");
	json_decref(shown);
	assert_fails(client_get(txn, "43", &shown, &err), ERR_NOT_FOUND, "client 43: unknown");
}

static void puts_lines(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "a", "line-1"), moved = line, there;

	put_client(txn, "b", "b");
	text_copy(moved.client, sizeof moved.client, "b");
	assert_fails(line_put(txn, &moved, &err), ERR_CONFLICT, "line line-1: belongs to client a");
	text_copy(moved.client, sizeof moved.client, "c");
	assert_fails(line_put(txn, &moved, &err), ERR_INPUT, "line line-1: client c is unknown");
	text_copy(line.node, sizeof line.node, "b7");
	line.always_on = false;
	assert_ok(line_put(txn, &line, &err));
	assert_ok(line_get(txn, "line-1", &there, &err));
	assert_string_equal(there.node, "b7");
	assert_string_equal(there.client, "a");
	assert_string_equal(there.address, "Ленина 1");
	assert_false(there.always_on);
	assert_int_equal(there.number, line.number);
	assert_int_equal(there.client_number, line.client_number);
	assert_fails(line_get(txn, "line-2", &there, &err), ERR_NOT_FOUND, "line line-2: unknown");
}

static const struct {
	const char *name, *text, *want;
} searches[] = {
	{ "no text",                       NULL,       "2 1 6 3 4 5 " },
	{ "empty text",                    "",         "2 1 6 3 4 5 " },
	{ "part of a word",                "ром",      "4 5 " },
	{ "any case",                      "РОМ",      "4 5 " },
	{ "mixed case",                    "рОмАшКа",  "4 " },
	{ "inside a word",                 "маш",      "4 " },
	{ "over a space and a quote",      "ооо «р",   "4 " },
	{ "one letter",                    "Б",        "5 " },
	{ "two letters at the end",        "БА",       "5 " },
	{ "two letters over a space",      "я Б",      "5 " },
	{ "yo as ye",                      "елкин",    "3 " },
	{ "ye as yo",                      "ЁЛ",       "3 " },
	{ "another script",                "ΩΜΈ",      "6 " },
	{ "percent is itself",             "%",        "2 " },
	{ "percent matches nothing else",  "р%а",      "" },
	{ "underscore is itself",          "a_b",      "2 " },
	{ "underscore matches nothing else", "р_м",    "" },
	{ "double quote is itself",        "\"c\"",    "2 " },
	{ "no syntax of the index",        "ром OR альфа", "" },
	{ "a star is itself",              "ром*",     "" },
	{ "part of an id",                 "D-0004",   "4 " },
	{ "not over id and name",          "4ооо",     "" },
	{ "not there",                     "василёк",  "" },
};

static void searches_any_case(void **state)
{
	static const struct {
		const char *id, *name;
	} clients[] = {
		{ "id-0001", "«Альфа»" }, { "id-0002", "100% a_b \"c\"" }, { "id-0003", "Ёлкин & Ко" },
		{ "id-0004", "ООО «Ромашка»" }, { "id-0005", "ромовая баба" }, { "id-0006", "Ωμέγα" },
	};
	struct txn *txn = txn_of(state);

	for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++)
		put_client(txn, clients[i].id, clients[i].name);
	for (size_t i = 0; i < sizeof searches / sizeof searches[0]; i++) {
		struct client_filter filter = { .text = searches[i].text, .limit = 10 };
		char ids[128] = "";
		const json_t *item;
		json_t *page;
		size_t k;

		assert_ok(clients_search(txn, &filter, &page, &err));
		json_array_foreach(json_object_get(page, "items"), k, item)
			snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s ",
				 json_string_value(json_object_get(item, "id")) + 6);
		if (strcmp(ids, searches[i].want))
			fail_msg("%s: %s", searches[i].name, ids);
		assert_true(json_is_null(json_object_get(page, "cursor")));
		json_decref(page);
	}
}

static void finds_the_new_name_only(void **state)
{
	struct client_filter filter = { .text = "ромашка", .limit = 1 };
	struct txn *txn = txn_of(state);
	json_t *page;

	put_client(txn, "1", "Ромашка");
	put_client(txn, "1", "Василёк");
	assert_ok(clients_search(txn, &filter, &page, &err));
	assert_json(page, "{'cursor':null,'items':[]}");
	json_decref(page);
	filter.text = "васил";
	assert_ok(clients_search(txn, &filter, &page, &err));
	assert_int_equal(json_array_size(json_object_get(page, "items")), 1);
	json_decref(page);
}

static void filters(void **state)
{
	static const struct {
		const char *tier, *manager, *text, *want;
	} cases[] = {
		{ "A", NULL, NULL, "1 2 " }, { NULL, "Орлова", NULL, "1 3 " }, { "A", "Орлова", NULL, "1 " },
		{ "A", NULL, "фирма 2", "2 " }, { "C", NULL, NULL, "" }, { NULL, "орлова", NULL, "" },
	};
	static const struct client clients[] = {
		{ .id = "1", .name = "Фирма 1", .tier = "A", .manager = "Орлова" },
		{ .id = "2", .name = "Фирма 2", .tier = "A", .manager = "Белов" },
		{ .id = "3", .name = "Фирма 3", .tier = "B", .manager = "Орлова" },
	};
	struct txn *txn = txn_of(state);
	char ids[64];
	json_t *page;

	for (size_t i = 0; i < 3; i++)
		assert_ok(client_put(txn, &clients[i], &err));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct client_filter filter = { cases[i].text, cases[i].tier, cases[i].manager, NULL, 10 };

		assert_ok(clients_search(txn, &filter, &page, &err));
		read_ids(page, ids, sizeof ids);
		assert_string_equal(ids, cases[i].want);
		json_decref(page);
	}
}

/* 40 clients, many with the same name, in pages of 7; between pages one comes before the cursor, which must not show, and
 * one behind it, which must. */
static void walks_all_while_rows_come(void **state)
{
	struct client_filter filter = { .limit = 7 };
	struct txn *txn = txn_of(state);
	int seen[40] = { 0 }, late = 0, pages = 0;
	char id[16], name[32], cursor[256];
	json_t *page, *item, *next;
	size_t i;

	for (int n = 0; n < 40; n++) {
		snprintf(id, sizeof id, "n%02d", n);
		snprintf(name, sizeof name, "Имя %d", n % 3);
		put_client(txn, id, name);
	}
	do {
		assert_ok(clients_search(txn, &filter, &page, &err));
		json_array_foreach(json_object_get(page, "items"), i, item) {
			const char *text = json_string_value(json_object_get(item, "id"));

			if (text[0] == 'n')
				seen[atoi(text + 1)]++;
			else
				late += text[0] == 'z' ? 1 : 1000;
		}
		snprintf(id, sizeof id, "a%d", pages);
		put_client(txn, id, "Аист");
		snprintf(id, sizeof id, "z%d", pages);
		if (pages++ < 3)
			put_client(txn, id, "Яблоко");
		next = json_object_get(page, "cursor");
		if (json_is_string(next))
			snprintf(cursor, sizeof cursor, "%s", json_string_value(next));
		filter.cursor = json_is_string(next) ? cursor : NULL;
		json_decref(page);
	} while (filter.cursor);
	for (int n = 0; n < 40; n++)
		assert_int_equal(seen[n], 1);
	assert_int_equal(late, 3);
	assert_int_equal(pages, 7);
}

static void refuses_what_is_no_page(void **state)
{
	/* Not base64; not JSON; another list's cursor; a name that no client can have. */
	static const char *const cursors[] = { "", "!", "AAAA", "W10", "WzEsIngiXQ", "WyJhIiwiYiIsImMiXQ" };
	struct txn *txn = txn_of(state);
	json_t *page;

	for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++)
		assert_fails(clients_search(txn, &(struct client_filter){ .cursor = cursors[i], .limit = 1 }, &page, &err),
			     ERR_INPUT, "cursor: is not from an earlier page");
	assert_fails(clients_search(txn, &(struct client_filter){ .limit = 0 }, &page, &err), ERR_INPUT,
		     "limit: must lie between 1 and 500");
	assert_fails(clients_search(txn, &(struct client_filter){ .limit = 501 }, &page, &err), ERR_INPUT,
		     "limit: must lie between 1 and 500");
}

static void replaces_nodes(void **state)
{
	static const char *const two[] = { "core", "b0" };
	struct txn *txn = txn_of(state);
	json_t *topology;
	bool exists;

	assert_ok(node_put(txn, &(struct node){ .id = "b1", .kind = "building", .name = "Дом 1" }, two, 2, &err));
	assert_ok(node_put(txn, &(struct node){ .id = "core", .kind = "core", .name = "" }, NULL, 0, &err));
	assert_ok(topology_get(txn, &topology, &err));
	assert_json(topology, "{'items':[{'id':'b1','kind':'building','name':'Дом 1','parents':['core','b0']},"
			      "{'id':'core','kind':'core','name':'','parents':[]}]}");
	json_decref(topology);
	assert_ok(node_put(txn, &(struct node){ .id = "b1", .kind = "house", .name = "1" }, two, 1, &err));
	assert_ok(topology_get(txn, &topology, &err));
	assert_json(topology, "{'items':[{'id':'b1','kind':'house','name':'1','parents':['core']},"
			      "{'id':'core','kind':'core','name':'','parents':[]}]}");
	json_decref(topology);
	assert_ok(node_exists(txn, "core", &exists, &err));
	assert_true(exists);
	assert_ok(node_exists(txn, "b0", &exists, &err));
	assert_false(exists);
}

static void note_number(int64_t number, void *arg)
{
	char *text = arg;

	snprintf(text + strlen(text), 32, "%d ", (int)number);
}

static void assert_changed(struct txn *txn, int64_t since, const char *want)
{
	char numbers[128] = "";

	assert_ok(lines_changed(txn, since, note_number, numbers, &err));
	assert_string_equal(numbers, want);
}

static void a_change_of_plan_is_a_revision(void **state)
{
	struct txn *txn = txn_of(state);
	struct line first, second;
	int64_t revision;

	assert_ok(lines_revision(txn, &revision, &err));
	assert_int_equal(revision, 0);
	first = put_line(txn, "42", "line-1");
	second = put_line(txn, "42", "line-2");
	assert_ok(lines_revision(txn, &revision, &err));
	assert_int_equal(revision, 2);
	assert_changed(txn, 0, "1 2 ");

	strcpy(first.address, "elsewhere");
	assert_ok(line_put(txn, &first, &err));
	assert_changed(txn, 2, "");
	strcpy(first.service_plan, "office-100");
	assert_ok(line_put(txn, &first, &err));
	assert_changed(txn, 2, "1 ");
	assert_ok(line_touch(txn, &second, &err));
	assert_changed(txn, 2, "1 2 ");
	assert_changed(txn, 3, "2 ");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(shows_a_client_with_lines), TEST(puts_lines),         TEST(searches_any_case),
		TEST(finds_the_new_name_only),   TEST(filters),            TEST(walks_all_while_rows_come),
		TEST(refuses_what_is_no_page),   TEST(replaces_nodes),
		TEST(a_change_of_plan_is_a_revision),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
