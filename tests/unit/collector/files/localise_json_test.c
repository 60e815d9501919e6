#include "collector/files/localise_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/json.h"

static int answer(const char *text, json_t **ret_answer, struct err *err)
{
	json_t *input;
	int rc;

	assert_int_equal(json_parse(text, strlen(text), &input, err), 0);
	rc = localise_json(input, ret_answer, err);
	json_decref(input);
	return rc;
}

/* Two buildings on the same two uplinks and a third node that one of the uplinks takes along. */
#define RICH                                                                                                           \
	"{'nodes': [{'id': 's2', 'parents': ['u2', 'u1']}, {'id': 'core', 'parents': []}, {'id': 'u1', 'parents': ['core']},"  \
	" {'id': 'u2', 'parents': ['core']}, {'id': 'c', 'parents': ['u1']}, {'id': 's1', 'parents': ['u1', 'u2']}],"         \
	" 'leaves': [{'id': 'h', 'node': 'core', 'state': 'good', 'hard': true}, {'id': 'k', 'node': 'core', 'state': 'bad'},"  \
	" {'id': 'q', 'node': 'c', 'state': 'good', 'hard': false}, {'id': 'a', 'node': 'c', 'state': 'bad'},"               \
	" {'id': 'b', 'node': 'c', 'state': 'bad'}, {'id': 'd', 'node': 'c', 'state': 'bad'}, {'id': 'i', 'node': 'c', 'state': 'bad'},"   \
	" {'id': 'e', 'node': 's1', 'state': 'bad'}, {'id': 'f', 'node': 's1', 'state': 'bad'}, {'id': 'g', 'node': 's2', 'state': 'bad'}," \
	" {'id': 'j', 'node': 's2', 'state': 'bad'}, {'id': 'n', 'node': 's2', 'state': 'unknown'}]}"
#define EMPTY "{\"culprits\":[],\"isolated\":[],\"hints\":[]}"

/* The rows write ' for ". */
static char *quote(const char *text)
{
	char *quoted = strdup(text);

	for (char *at = quoted; *at; at++)
		if (*at == '\'')
			*at = '"';
	return quoted;
}

static void test_answers(void **state)
{
	static const struct {
		const char *name, *input, *want;
	} cases[] = {
		{ "nothing", "{'nodes': [], 'leaves': []}", EMPTY },
		{ "no network", "[]", "[]" },
		{ "two networks, in their order",
		  "[{'nodes': [], 'leaves': []}, {'nodes': [{'id': 'a', 'parents': []}], 'leaves': "
		  "[{'id': 'x', 'node': 'a', 'state': 'bad'}]}]",
		  "[" EMPTY ",{'culprits':[],'isolated':['x'],'hints':[]}]" },
		{ "every member", RICH,
		  "{'culprits':["
		  "{'node':'u1','class':['u1','c'],'margin':5,'confidence':'low','bad':4,'good':1,"
		  "'contradictions':['q'],'alternatives':[]},"
		  "{'node':'s1','class':['s1'],'margin':3,'confidence':'low','bad':2,'good':0,"
		  "'contradictions':[],'alternatives':[['u1','u2']]},"
		  "{'node':'s2','class':['s2'],'margin':3,'confidence':'low','bad':2,'good':0,"
		  "'contradictions':[],'alternatives':[['u1','u2']]}],"
		  "'isolated':['k'],'hints':[]}" },
		{ "hints are sentences",
		  "{'nodes': [{'id': 'd', 'parents': []}, {'id': 'x', 'parents': ['d']}, {'id': 'y', 'parents': ['d']}, "
		  "{'id': 'z', 'parents': ['d']}], 'leaves': [{'id': 'h', 'node': 'd', 'state': 'good', 'hard': true}, "
		  "{'id': 'x1', 'node': 'x', 'state': 'bad'}, {'id': 'x2', 'node': 'x', 'state': 'bad'}, "
		  "{'id': 'x3', 'node': 'x', 'state': 'bad'}, {'id': 'y1', 'node': 'y', 'state': 'bad'}, "
		  "{'id': 'y2', 'node': 'y', 'state': 'bad'}, {'id': 'y3', 'node': 'y', 'state': 'bad'}, "
		  "{'id': 'z1', 'node': 'z', 'state': 'bad'}, {'id': 'z2', 'node': 'z', 'state': 'bad'}, "
		  "{'id': 'z3', 'node': 'z', 'state': 'good'}]}",
		  "{'culprits':["
		  "{'node':'x','class':['x'],'margin':5,'confidence':'low','bad':3,'good':0,'contradictions':[],'alternatives':[]},"
		  "{'node':'y','class':['y'],'margin':5,'confidence':'low','bad':3,'good':0,'contradictions':[],'alternatives':[]}],"
		  "'isolated':['z1','z2'],'hints':['common cause at the downstream side of d',"
		  "'2 of 3 leaves below z are bad, too few to blame it']}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *input = quote(cases[i].input), *want = quote(cases[i].want), *text;
		json_t *answered = NULL;
		struct err err;

		print_message("%s\n", cases[i].name);
		assert_int_equal(answer(input, &answered, &err), 0);
		text = json_dumps(answered, JSON_COMPACT);
		assert_string_equal(text, want);
		json_decref(answered);
		free(text);
		free(input);
		free(want);
	}
}

#define ROOT       "{'nodes': [{'id': 'core', 'parents': []}], "
#define GOOD_LEAF  "{'id': 'a', 'node': 'core', 'state': 'good'}"

static void test_names_the_fault_by_its_path(void **state)
{
	static const struct {
		const char *input, *want;
	} cases[] = {
		{ "7", "must be an object with nodes and leaves, or an array of such" },
		{ "[7]", "[0]: must be an object with nodes and leaves" },
		{ "{}", "nodes: must be an array, give one" },
		{ "{'nodes': {}, 'leaves': []}", "nodes: must be an array, give one" },
		{ ROOT "'leaves': 1}", "leaves: must be an array, give one" },
		{ "{'nodes': [7], 'leaves': []}", "nodes[0].id: must be a text, give the node one of its own" },
		{ "{'nodes': [{'id': '', 'parents': []}], 'leaves': []}", "nodes[0].id: must be a text, give the node one of its own" },
		{ "{'nodes': [{'id': 'a'}], 'leaves': []}", "nodes[0].parents: must be an array of ids, give [] for a root" },
		{ "{'nodes': [{'id': 'a', 'parents': [1]}], 'leaves': []}",
		  "nodes[0].parents[0]: must be a text, the id of a node" },
		{ "{'nodes': [{'id': 'a', 'parents': []}, {'id': 'a', 'parents': []}], 'leaves': []}",
		  "nodes[1].id: \"a\" stands in nodes[0] already, remove one" },
		{ "{'nodes': [{'id': 'a', 'parents': ['b']}], 'leaves': []}",
		  "nodes[0].parents[0]: \"b\" is no node, add it or correct the name" },
		{ "{'nodes': [{'id': 'a', 'parents': ['b']}, {'id': 'b', 'parents': ['a']}], 'leaves': []}",
		  "nodes[1].parents[0]: \"a\" is below \"b\" already, remove a parent from this cycle of 2" },
		{ ROOT "'leaves': [{'node': 'core', 'state': 'good'}]}",
		  "leaves[0].id: must be a text, give the leaf one of its own" },
		{ ROOT "'leaves': [{'id': 'a', 'state': 'good'}]}", "leaves[0].node: must be a text, the id of a node" },
		{ ROOT "'leaves': [{'id': 'a', 'node': 'b2', 'state': 'good'}]}",
		  "leaves[0].node: \"b2\" is no node, add it or correct the name" },
		{ ROOT "'leaves': [{'id': 'a', 'node': 'core', 'state': 'slow'}]}",
		  "leaves[0].state: must be one of: good, bad, unknown" },
		{ ROOT "'leaves': [{'id': 'a', 'node': 'core'}]}", "leaves[0].state: must be one of: good, bad, unknown" },
		{ ROOT "'leaves': [{'id': 'a', 'node': 'core', 'state': 'good', 'hard': 1}]}",
		  "leaves[0].hard: must be true or false" },
		{ ROOT "'leaves': [" GOOD_LEAF ", " GOOD_LEAF "]}", "leaves[1].id: \"a\" stands in leaves[0] already, remove one" },
		{ "[" ROOT "'leaves': []}, " ROOT "'leaves': [" GOOD_LEAF ", " GOOD_LEAF "]}]",
		  "[1].leaves[1].id: \"a\" stands in leaves[0] already, remove one" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *input = quote(cases[i].input);
		json_t *answered = NULL;
		struct err err;

		assert_int_equal(answer(input, &answered, &err), -1);
		assert_int_equal(err.code, ERR_INPUT);
		assert_string_equal(err.message, cases[i].want);
		assert_null(answered);
		free(input);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_names_the_fault_by_its_path),
	};

	return cmocka_run_group_tests_name("localise_json", tests, NULL, NULL);
}
