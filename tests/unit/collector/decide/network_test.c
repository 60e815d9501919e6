#include "collector/decide/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/base/random.h"

#define NODES_MAX   8
#define PARENTS_MAX 3

struct drawn {
	const char *id, *parents[PARENTS_MAX];
};

static int draw(const struct drawn *drawn, struct network_node *ret_nodes)
{
	int count = 0;

	for (; count < NODES_MAX && drawn[count].id; count++) {
		ret_nodes[count] = (struct network_node){ .id = drawn[count].id, .parents = drawn[count].parents };
		while (ret_nodes[count].parent_count < PARENTS_MAX && drawn[count].parents[ret_nodes[count].parent_count])
			ret_nodes[count].parent_count++;
	}
	return count;
}

static void test_above_is_what_no_path_avoids(void **state)
{
	static const struct {
		const char *name;
		struct drawn nodes[NODES_MAX];
		const char *above[NODES_MAX];   /* "": nothing */
	} cases[] = {
		{ "no node", { { 0 } }, { 0 } },
		{ "a root alone", { { "core", { 0 } } }, { "" } },
		{ "a tree, whatever the order of its nodes",
		  { { "b2", { "b1" } }, { "b1", { "core" } }, { "core", { 0 } }, { "b3", { "b1" } } },
		  { "b1", "core", "", "b1" } },
		{ "either uplink will do, so only what both hang from counts",
		  { { "core", { 0 } }, { "u1", { "core" } }, { "u2", { "core" } }, { "b1", { "u1", "u2" } }, { "c", { "b1" } } },
		  { "", "core", "core", "core", "b1" } },
		{ "an uplink that hangs from the other one",
		  { { "core", { 0 } }, { "u1", { "core" } }, { "u2", { "u1" } }, { "b1", { "u2", "u1" } } },
		  { "", "core", "u1", "u1" } },
		{ "three uplinks of different depth",
		  { { "core", { 0 } }, { "d", { "core" } }, { "u1", { "d" } }, { "u2", { "d" } }, { "x", { "u2" } },
		    { "b", { "u1", "u2", "x" } } },
		  { "", "core", "d", "d", "u2", "d" } },
		{ "two roots: nothing cuts off what both serve",
		  { { "r1", { 0 } }, { "r2", { 0 } }, { "b", { "r1", "r2" } }, { "c", { "b" } } }, { "", "", "", "b" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct network_node nodes[NODES_MAX];
		int count = draw(cases[i].nodes, nodes);
		struct network network;
		struct err err;

		print_message("%s\n", cases[i].name);
		assert_int_equal(network_init(&network, nodes, count, &err), 0);
		for (int v = 0; v < count; v++) {
			int above = network.above[network_find(&network, nodes[v].id)];

			assert_string_equal(above == NETWORK_NONE ? "" : nodes[above].id, cases[i].above[v]);
		}
		assert_int_equal(network_find(&network, "nobody"), NETWORK_NONE);
		network_close(&network);
	}
}

static void test_names_what_is_wrong_and_where(void **state)
{
	static const struct {
		struct drawn nodes[NODES_MAX];
		const char *want;
	} cases[] = {
		{ { { "a", { 0 } }, { "b", { "a" } }, { "a", { "b" } } },
		  "nodes[2].id: \"a\" stands in nodes[0] already, remove one" },
		{ { { "a", { 0 } }, { "b", { "a", "c" } } },
		  "nodes[1].parents[1]: \"c\" is no node, add it or correct the name" },
		{ { { "a", { 0 } }, { "b", { "a", "a" } } }, "nodes[1].parents[1]: \"a\" stands here twice, remove one" },
		{ { { "a", { "a" } } },
		  "nodes[0].parents[0]: \"a\" is below \"a\" already, remove a parent from this cycle of 1" },
		{ { { "core", { 0 } }, { "x", { "a" } }, { "a", { "core", "b" } }, { "b", { "c" } }, { "c", { "a" } } },
		  "nodes[4].parents[0]: \"a\" is below \"c\" already, remove a parent from this cycle of 3" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct network_node nodes[NODES_MAX];
		struct network network;
		struct err err;

		assert_int_equal(network_init(&network, nodes, draw(cases[i].nodes, nodes), &err), -1);
		assert_int_equal(err.code, ERR_INPUT);
		assert_string_equal(err.message, cases[i].want);
	}
}

#define GRAPH_NODES 24

/* Is v still served with one node away? */
static bool is_served(const struct network *network, int v, int away)
{
	bool served[GRAPH_NODES] = { 0 };

	for (int i = 0; i < network->count; i++) {
		int node = network->order[i];

		served[node] = network->nodes[node].parent_count == 0;
		for (int p = network->first_parent[node]; p < network->first_parent[node + 1]; p++)
			served[node] |= served[network->parents[p]];
		served[node] &= node != away;
	}
	return served[v];
}

static bool is_above(const struct network *network, int v, int other)
{
	while (v != NETWORK_NONE && v != other)
		v = network->above[v];
	return v == other;
}

/* Against the definition: one dominates another when taking it away cuts the other off. */
static void test_random_graphs_against_taking_each_node_away(void **state)
{
	uint64_t seed = 41;
	struct random_source random = random_seeded(&seed);

	(void)state;
	for (int graph = 0; graph < 300; graph++) {
		char ids[GRAPH_NODES][4];
		const char *parents[GRAPH_NODES][PARENTS_MAX];
		struct network_node nodes[GRAPH_NODES];
		struct network network;
		struct err err;

		for (int v = 0; v < GRAPH_NODES; v++) {
			snprintf(ids[v], sizeof ids[v], "%d", v);
			nodes[v] = (struct network_node){ .id = ids[v], .parents = parents[v] };
			/* Parents have smaller numbers, each at most once. */
			for (int p = v - 1 - (int)random_below(&random, 4); p >= 0 && nodes[v].parent_count < PARENTS_MAX;
			     p -= 1 + (int)random_below(&random, 9))
				parents[v][nodes[v].parent_count++] = ids[p];
		}
		assert_int_equal(network_init(&network, nodes, GRAPH_NODES, &err), 0);
		for (int v = 0; v < GRAPH_NODES; v++)
			for (int away = 0; away < GRAPH_NODES; away++)
				assert_int_equal(is_above(&network, v, away), !is_served(&network, v, away));
		network_close(&network);
	}
}

/* As deep as it is long, named from the lower end; closed to a ring it is a cycle. */
static void test_long_chain(void **state)
{
	enum { LENGTH = 100000 };
	static char ids[LENGTH][8];
	static const char *parents[LENGTH];
	static struct network_node nodes[LENGTH];
	struct network network;
	struct err err;

	(void)state;
	for (int v = 0; v < LENGTH; v++) {
		snprintf(ids[v], sizeof ids[v], "%d", v);
		parents[v] = ids[(v + 1) % LENGTH];
		nodes[v] = (struct network_node){ ids[v], &parents[v], v + 1 < LENGTH };
	}
	assert_int_equal(network_init(&network, nodes, LENGTH, &err), 0);
	assert_int_equal(network.depth[0], LENGTH - 1);
	network_close(&network);

	nodes[LENGTH - 1].parent_count = 1;
	assert_int_equal(network_init(&network, nodes, LENGTH, &err), -1);
	assert_string_equal(err.message, "nodes[99999].parents[0]: \"0\" is below \"99999\" already, remove a parent from this "
			    "cycle of 100000");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_above_is_what_no_path_avoids),
		cmocka_unit_test(test_names_what_is_wrong_and_where),
		cmocka_unit_test(test_random_graphs_against_taking_each_node_away),
		cmocka_unit_test(test_long_chain),
	};

	return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
