#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "collector/decide/incident.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* core[b1[trunk[b2, b3]], o] */
static const char *const of_core[] = { "core" }, *const of_b1[] = { "b1" }, *const of_trunk[] = { "trunk" };
static const struct network_node nodes[] = {
	{ "core", NULL, 0 },       { "b1", of_core, 1 },  { "trunk", of_b1, 1 },
	{ "b2", of_trunk, 1 },     { "b3", of_trunk, 1 }, { "o", of_core, 1 },
};

struct line_states {
	const char *states;   /* of lines 0, 1, 2 …: g, b or anything else */
};

static enum leaf_state leaf(void *arg, enum incident_cause cause, int64_t line)
{
	const struct line_states *lines = arg;

	(void)cause;
	switch ((size_t)line < strlen(lines->states) ? lines->states[line] : 'u') {
	case 'g': return LEAF_GOOD;
	case 'b': return LEAF_BAD;
	default:  return LEAF_UNKNOWN;
	}
}

/* "b2" blames that segment for the lines 0 and 1; "b2+b3" is one class, "b2?" of low confidence, "b2!" has line 2 too;
 * "server" and the like blame those. */
static json_t *make_blame(const char *word)
{
	char text[64], *rest = text, *id;
	json_t *class = json_array(), *blame;
	size_t length = strlen(word);
	bool low = word[length - 1] == '?', more = word[length - 1] == '!';

	snprintf(text, sizeof text, "%.*s", (int)(length - (low || more)), word);
	if (!strcmp(text, "server") || !strcmp(text, "server-path") || !strcmp(text, "server-outage") ||
	    !strcmp(text, "upstream")) {
		json_decref(class);
		return json_pack("{s:s, s:s, s:s, s:[s], s:[], s:[i, i]}", "kind", strcmp(text, "upstream") ? "server" : text,
				 "cause", text, "node", "core", "class", "core", "alternatives", "lines", 0, 1);
	}
	while ((id = strsep(&rest, "+")))
		json_array_append_new(class, json_string(id));
	blame = json_pack("{s:s, s:s, s:s, s:o, s:[], s:i, s:[i, i]}", "kind", strcmp(text, "core") ? "segment" : "core",
			  "cause", "slow", "node", text, "class", class, "alternatives", "margin", low ? 5 : 18, "lines", 1, 0);
	if (more)
		json_array_append_new(json_object_get(blame, "lines"), json_integer(2));
	return blame;
}

static json_t *make_blames(const char *words)
{
	json_t *blames = json_array();
	char text[64], *rest = text, *word;

	snprintf(text, sizeof text, "%s", words);
	while ((word = strsep(&rest, " ")))
		if (*word)
			json_array_append_new(blames, make_blame(word));
	return blames;
}

/* "b2: 1 opened, 4 proven; " */
static void write_incidents(const json_t *incidents, char *text, size_t size)
{
	json_t *incident, *move;
	size_t i, m;

	json_array_foreach((json_t *)incidents, i, incident) {
		snprintf(text + strlen(text), size - strlen(text), "%s:", json_string_value(json_object_get(incident, "node")));
		json_array_foreach(json_object_get(incident, "moves"), m, move)
			snprintf(text + strlen(text), size - strlen(text), " %d %s",
				 (int)json_integer_value(json_object_get(move, "at_ms")),
				 json_string_value(json_object_get(move, "what")));
		snprintf(text + strlen(text), size - strlen(text), "; ");
	}
}

struct script {
	const char *name;
	const char *blames[10];   /* of evaluations 1, 2, …; NULL at the end */
	const char *lines;        /* from the first silent evaluation on */
	const char *want;         /* ended ones, then the open ones */
};

/* Steps through it, saving and loading the state after every evaluation. */
static void run(const struct script *script, const struct network *network)
{
	json_t *state = incident_state_new(), *ended = json_array();
	char got[1024] = "";

	for (int i = 0; script->blames[i]; i++) {
		json_t *blames = make_blames(script->blames[i]), *copy;
		struct line_states lines = { *script->blames[i] ? "bbb" : script->lines };
		const struct evaluation evaluation = { i + 1, blames, network, leaf, &lines, 80, EVALUATION_OF_ALL };
		char *text;

		incident_step(state, &evaluation, ended);
		text = json_dumps(state, JSON_COMPACT);
		copy = json_loads(text, 0, NULL);
		json_decref(state);
		json_decref(blames);
		free(text);
		state = copy;
	}
	write_incidents(ended, got, sizeof got);
	write_incidents(json_object_get(state, "open"), got, sizeof got);
	if (strcmp(got, script->want))
		fail_msg("%s: %s", script->name, got);
	json_decref(ended);
	json_decref(state);
}

static void test_fold(void **state)
{
	static const struct script scripts[] = {
		{ "one evaluation opens nothing", { "b2", "", "" }, "gg", "" },
		{ "two do", { "b2", "b2" }, "", "b2: 2 opened; " },
		{ "not two with a gap", { "b2", "", "b2" }, "gg", "" },
		{ "it stays while it is blamed", { "b2", "b2", "b2", "b2" }, "", "b2: 2 opened; " },
		{ "silence alone proves nothing", { "b2", "b2", "", "", "", "" }, "uu", "b2: 2 opened; " },
		{ "nor do bad lines", { "b2", "b2", "", "", "", "" }, "gb", "b2: 2 opened; " },
		{ "silence twice and good lines do", { "b2", "b2", "", "" }, "gg", "b2: 2 opened 4 proven; " },
		{ "those that are not measured do not count", { "b2", "b2", "", "" }, "gu", "b2: 2 opened 4 proven; " },
		{ "one silent evaluation is too few", { "b2", "b2", "", "b2", "" }, "gg", "b2: 2 opened; " },
		{ "after the proof it is another incident", { "b2", "b2", "", "", "b2", "b2" }, "gg",
		  "b2: 2 opened 4 proven; b2: 6 opened; " },
		{ "an answer above moves it up once it persists", { "b2", "b2", "trunk", "trunk" }, "",
		  "trunk: 2 opened 4 moved-up; " },
		{ "not for one evaluation", { "b2", "b2", "trunk", "b2" }, "", "b2: 2 opened; " },
		{ "two below are merged", { "b2 b3", "b2 b3", "trunk", "trunk" }, "",
		  "b3: 2 opened 4 merged; trunk: 2 opened 4 moved-up; " },
		{ "an answer below narrows it once it persists", { "trunk", "trunk", "b3", "b3" }, "",
		  "b3: 2 opened 4 narrowed; " },
		{ "narrowed to two: the second is one of its own", { "trunk", "trunk", "b2 b3", "b2 b3" }, "",
		  "b2: 2 opened 4 narrowed; b3: 4 opened; " },
		{ "up to the core", { "b1", "b1", "core", "core" }, "", "core: 2 opened 4 moved-up; " },
		{ "a class that shares a node is the same", { "b2", "trunk+b2", "trunk+b2" }, "", "trunk: 2 opened; " },
		{ "and is renamed while open", { "b2", "b2", "trunk+b2" }, "", "trunk: 2 opened 3 renamed; " },
		{ "a fault elsewhere is another", { "b2", "b2 o", "b2 o" }, "", "b2: 2 opened; o: 3 opened; " },
		{ "an answer that grew before it persisted", { "b2", "trunk", "trunk" }, "", "trunk: 3 opened; " },
		{ "server and the way to it are one", { "server", "server-path", "server" }, "", "core: 2 opened; " },
		{ "a server that is slow and dies, too", { "server", "server-outage", "server-outage", "server" }, "", "core: 2 opened; " },
		{ "slow and dead at once is one", { "server server-outage", "server server-outage", "server server-outage" }, "",
		  "core: 2 opened; " },
		{ "and so is a segment that two things show", { "b2 b2!", "b2 b2!", "b2 b2!", "b2! b2" }, "", "b2: 2 opened; " },
		{ "a server is no segment", { "server", "server", "core", "core" }, "uu", "core: 2 opened; core: 4 opened; " },
		{ "upstream is no server", { "server", "upstream" }, "", "" },
	};
	struct network network;
	struct err err;

	(void)state;
	assert_int_equal(network_init(&network, nodes, COUNT(nodes), &err), 0);
	for (size_t i = 0; i < COUNT(scripts); i++)
		run(&scripts[i], &network);
	network_close(&network);
}

static void test_lines_and_margin(void **state)
{
	json_t *fold = incident_state_new(), *ended = json_array(), *incident, *lines;
	const char *const blames[] = { "b2?", "b2?", "b2!", "b2?" };
	struct network network;
	struct err err;

	(void)state;
	assert_int_equal(network_init(&network, nodes, COUNT(nodes), &err), 0);
	for (int i = 0; i < 4; i++) {
		struct line_states states = { "bbb" };
		json_t *list = make_blames(blames[i]);
		const struct evaluation evaluation = { i + 1, list, &network, leaf, &states, 80, EVALUATION_OF_ALL };

		incident_step(fold, &evaluation, ended);
		json_decref(list);
		incident = json_array_get(json_object_get(fold, "open"), 0);
		if (i == 1)
			assert_true(incident_is_possible_only(incident));
	}
	assert_false(incident_is_possible_only(incident));   /* its best margin counts */
	lines = json_object_get(incident, "lines");
	assert_int_equal(json_array_size(lines), 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(json_integer_value(json_array_get(lines, (size_t)i)), i);
	assert_int_equal(json_integer_value(json_object_get(incident, "from_ms")), 1);
	assert_int_equal(json_integer_value(json_object_get(incident, "last_ms")), 4);
	assert_string_equal(json_string_value(json_object_get(incident, "key")), "slow b2 2");
	json_decref(ended);
	json_decref(fold);
	network_close(&network);
}

/* An evaluation that looks for outages only says nothing about slow lines. */
static void test_causes_apart(void **state)
{
	json_t *fold = incident_state_new(), *ended = json_array(), *slow = make_blames("b2"), *none = json_array();
	struct line_states good = { "gg" };
	struct evaluation evaluation = { .leaf = leaf, .arg = &good, .good_percent = 80 };
	struct network network;
	struct err err;

	(void)state;
	assert_int_equal(network_init(&network, nodes, COUNT(nodes), &err), 0);
	evaluation.network = &network;
	for (int i = 0; i < 6; i++) {
		bool fast = i % 2;

		evaluation.at_ms = i;
		evaluation.causes = fast ? 1u << FOUND_OUTAGE : EVALUATION_OF_ALL;
		evaluation.blames = fast ? none : slow;
		incident_step(fold, &evaluation, ended);
		assert_int_equal(json_array_size(json_object_get(fold, "open")), i >= 2);
	}
	evaluation.causes = 1u << FOUND_OUTAGE;
	evaluation.blames = none;
	for (int i = 6; i < 10; i++) {
		evaluation.at_ms = i;
		incident_step(fold, &evaluation, ended);
	}
	assert_int_equal(json_array_size(json_object_get(fold, "open")), 1);
	json_decref(slow);
	json_decref(none);
	json_decref(ended);
	json_decref(fold);
	network_close(&network);
}

int main(void)
{
	const struct CMUnitTest tests[] = { 
		cmocka_unit_test(test_fold), cmocka_unit_test(test_lines_and_margin), cmocka_unit_test(test_causes_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
