#include "collector/files/topology_csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct topology_csv *ret_topology, struct buf *ret_faults)
{
	struct err err = { 0 };
	int rc = topology_csv_parse("t.csv", text, strlen(text), ret_topology, ret_faults, &err);

	if (rc < 0) {
		assert_int_equal(err.code, ERR_INPUT);
		assert_memory_equal(err.message, buf_text(ret_faults), strcspn(buf_text(ret_faults), "\n"));
	}
	return rc;
}

static void test_reads_parents_before_children(void **state)
{
	static const struct {
		const char *text, *want;   /* id(kind,name)<parents */
	} cases[] = {
		{ "node,kind,parents,name\n", "" },
		{ "node,kind,parents,name\ncore,pop,,Ядро\n", "core(pop,Ядро)<" },
		{ "node,kind,parents,name\nb2,building,b1,\nb1,building,core,\ncore,pop,,\n",
		  "core(pop,core)< b1(building,b1)<core b2(building,b2)<b1" },
		{ "node,kind,parents,name\nb1,building,u1;u2,B\nu1,switch,core,\nu2,switch,core,\ncore,pop,,\n",
		  "core(pop,core)< u1(switch,u1)<core u2(switch,u2)<core b1(building,B)<u1,u2" },
		{ "node;kind;parents;name\r\ncore;pop;;\r\nu1;switch;core;\r\nb1;building;\" u1 ; core ;\";\r\n",
		  "core(pop,core)< u1(switch,u1)<core b1(building,b1)<u1,core" },
		{ "parents,name,kind,node\n,,pop,a\n,,pop,b\n", "a(pop,a)< b(pop,b)<" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf faults = { 0 }, drawn = { 0 };
		struct topology_csv topology;

		if (parse(cases[i].text, &topology, &faults) < 0)
			fail_msg("%s", buf_text(&faults));
		for (size_t n = 0; n < topology.node_count; n++) {
			const struct topology_node *node = &topology.nodes[n];

			buf_printf(&drawn, "%s%s(%s,%s)<", n ? " " : "", node->node.id, node->node.kind, node->node.name);
			for (size_t p = 0; p < node->parent_count; p++)
				buf_printf(&drawn, "%s%s", p ? "," : "", node->parents[p]);
		}
		assert_string_equal(buf_text(&drawn), cases[i].want);
		topology_csv_free(&topology);
		buf_free(&drawn);
		buf_free(&faults);
	}
}

static void test_names_every_fault(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "node,kind,name\n", "t.csv:1:1: parents: this column is missing, add it\n" },
		{ "node,kind,parents,name\na,pop,b;c,\nb,pop,d,\n",
		  "t.csv:2:7: parents: \"c\" is no node of this file, add it or correct the name\n"
		  "t.csv:3:7: parents: \"d\" is no node of this file, add it or correct the name\n" },
		{ "node,kind,parents,name\na,pop,,\nb,pop,a;a,\n", "t.csv:3:7: parents: \"a\" stands here twice, remove one\n" },
		{ "node,kind,parents,name\na,pop,,\na,pop,,\n", "t.csv:3:1: node: \"a\" stands in line 2 already, remove one\n" },
		{ "node,kind,parents,name\na,pop,a,\n", "t.csv:2:7: parents: a under a is a cycle, remove a parent\n" },
		{ "node,kind,parents,name\nx,pop,a,\na,pop,b,\nb,pop,c,\nc,pop,a,\nd,pop,e,\ne,pop,d,\n",
		  "t.csv:5:7: parents: a under b under c under a is a cycle, remove a parent\n"
		  "t.csv:7:7: parents: d under e under d is a cycle, remove a parent\n" },
		{ "node,kind,parents,name\n,,,x\n\"a;b\",pop,,\n",
		  "t.csv:2:2: kind: is empty, fill it in\nt.csv:2:1: node: is empty, fill it in\n"
		  "t.csv:3:1: node: \"a;b\" has a \";\", which separates parents: choose another id\n" },
		{ "node,kind,parents,name\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,pop,,\n",
		  "t.csv:2:1: node: longer than 63 bytes, shorten it\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct topology_csv topology;
		struct buf faults = { 0 };

		assert_int_equal(parse(cases[i].text, &topology, &faults), -1);
		assert_string_equal(buf_text(&faults), cases[i].want);
		buf_free(&faults);
	}
}

/* A chain that is written from its far end: no recursion, and each node is seen once. */
static void test_long_chains(void **state)
{
	struct buf text = { 0 }, faults = { 0 };
	struct topology_csv topology;

	(void)state;
	buf_append_text(&text, "node,kind,parents,name\n");
	for (int i = 100000; i > 0; i--)
		buf_printf(&text, "n%d,switch,n%d,\n", i, i - 1);
	buf_append_text(&text, "n0,pop,,\n");
	assert_int_equal(parse(buf_text(&text), &topology, &faults), 0);
	assert_int_equal(topology.node_count, 100001);
	assert_string_equal(topology.nodes[0].node.id, "n0");
	assert_string_equal(topology.nodes[100000].parents[0], "n99999");
	topology_csv_free(&topology);
	buf_free(&text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_parents_before_children),
		cmocka_unit_test(test_names_every_fault),
		cmocka_unit_test(test_long_chains),
	};

	return cmocka_run_group_tests_name("topology_csv", tests, NULL, NULL);
}
