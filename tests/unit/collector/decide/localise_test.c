#include "collector/decide/localise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "agent/base/buf.h"
#include "tests/unit/collector/decide/planted.h"

#define NODES_MAX  40
#define LEAVES_MAX 200

/* A network as the rows write it: "b1<core" is a node with its uplinks, "b1:G3BU" are leaves of it. G good, H hard good,
 * B bad, U unknown; they are called b1.1, b1.2, … */
struct drawn {
	char text[1024];
	char leaf_ids[LEAVES_MAX][24];
	const char *parents[NODES_MAX][4];
	struct network_node nodes[NODES_MAX];
	struct leaf leaves[LEAVES_MAX];
	const char *leaf_nodes[LEAVES_MAX];
	int node_count, leaf_count;
};

static void draw_node(struct drawn *drawn, char *token)
{
	struct network_node *node = &drawn->nodes[drawn->node_count];
	const char **parents = drawn->parents[drawn->node_count++];
	char *place = NULL;

	*node = (struct network_node){ .id = strtok_r(token, "<", &place), .parents = parents };
	while ((parents[node->parent_count] = strtok_r(NULL, ",", &place)))
		node->parent_count++;
}

static void draw_leaves(struct drawn *drawn, char *node)
{
	char *letter = strchr(node, ':');
	int number = 1;

	*letter++ = '\0';
	while (*letter) {
		char kind = *letter++;
		long times = *letter >= '0' && *letter <= '9' ? strtol(letter, &letter, 10) : 1;

		for (; times > 0; times--, number++) {
			int i = drawn->leaf_count++;

			snprintf(drawn->leaf_ids[i], sizeof drawn->leaf_ids[i], "%.10s.%d", node, number);
			drawn->leaf_nodes[i] = node;
			drawn->leaves[i] = (struct leaf){
				.id = drawn->leaf_ids[i], .hard = kind == 'H',
				.state = kind == 'B' ? LEAF_BAD : kind == 'U' ? LEAF_UNKNOWN : LEAF_GOOD,
			};
		}
	}
}

static void draw(struct drawn *drawn, const char *text)
{
	char *place = NULL;

	memset(drawn, 0, sizeof *drawn);
	text_copy(drawn->text, sizeof drawn->text, text);
	for (char *token = strtok_r(drawn->text, " ", &place); token; token = strtok_r(NULL, " ", &place)) {
		if (strchr(token, ':'))
			draw_leaves(drawn, token);
		else
			draw_node(drawn, token);
	}
}

static void write_ids(struct buf *text, const struct network_node *nodes, const int *which, int count)
{
	for (int i = 0; i < count; i++)
		buf_printf(text, "%s%s", i ? "," : "", nodes[which[i]].id);
}

/* "b2 18" with its class when it has several, its contradictions and its alternative; then what is isolated and hinted. */
static void write_answer(struct buf *text, const struct drawn *drawn, const struct localisation *found)
{
	static const char *const hints[] = { [HINT_COMMON_CAUSE] = "common", [HINT_THIN] = "thin" };

	for (int i = 0; i < found->culprit_count; i++) {
		const struct culprit *culprit = &found->culprits[i];

		buf_printf(text, "%s%s %d", i ? "; " : "", drawn->nodes[culprit->node].id, (int)culprit->margin);
		if (culprit->class_count > 1) {
			buf_printf(text, " of ");
			write_ids(text, drawn->nodes, culprit->class, culprit->class_count);
		}
		for (int j = 0; j < culprit->good; j++)
			buf_printf(text, "%s%s", j ? "," : " but ", drawn->leaves[culprit->contradictions[j]].id);
		if (culprit->alternative[0] != NETWORK_NONE) {
			buf_printf(text, " or both ");
			write_ids(text, drawn->nodes, culprit->alternative, 2);
		}
	}
	for (int i = 0; i < found->isolated_count; i++)
		buf_printf(text, "%s%s", i ? "," : " | isolated ", drawn->leaves[found->isolated[i]].id);
	for (int i = 0; i < found->hint_count; i++) {
		buf_printf(text, " | %s %s", hints[found->hints[i].kind], drawn->nodes[found->hints[i].node].id);
		if (found->hints[i].kind == HINT_THIN)
			buf_printf(text, " %d/%d", found->hints[i].bad, found->hints[i].known);
	}
}

static void answer(struct drawn *drawn, struct buf *ret_text)
{
	struct localisation found;
	struct network network;
	struct err err;

	assert_int_equal(network_init(&network, drawn->nodes, drawn->node_count, &err), 0);
	for (int i = 0; i < drawn->leaf_count; i++)
		drawn->leaves[i].node = network_find(&network, drawn->leaf_nodes[i]);
	found = localise(&network, drawn->leaves, drawn->leaf_count);
	buf_clear(ret_text);
	write_answer(ret_text, drawn, &found);
	localisation_free(&found);
	network_close(&network);
}

static const struct {
	const char *name, *network, *want;
} cases[] = {
	{ "W1 buildings one behind the other", "core b1<core b2<b1 b3<b2 b1:G3 b2:B3 b3:B3", "b2 18" },
	{ "W2 buildings behind a common trunk", "core b1<core trunk<b1 b2<trunk b3<trunk b1:G3 b2:B3 b3:B3", "trunk 7" },
	{ "W3 buildings each on a segment of its own: the good ones acquit what is above",
	  "core b1<core b2<b1 b3<b1 b1:G3 b2:B3 b3:B3", "b2 11; b3 11 | common b1" },
	{ "W4 one good leaf among nine bad", "core b1<core b2<b1 b1:G5 b2:B9G", "b2 39 but b2.10" },
	{ "W5 a lone bad leaf", "core b1<core b2<b1 b1:G5 b2:G9B", " | isolated b2.10" },
	{ "W6 two faults", "core d1<core d2<core b1<d1 b2<d1 b3<d2 b4<d2 b1:B4 b2:G4 b3:G4 b4:B4", "b1 17; b4 17" },
	{ "W7 nobody known in between", "core b1<core b2<b1 b3<b2 b1:GG b2:UU b3:B3", "b2 11 of b2,b3" },
	{ "W8 everything", "core b1<core b2<core b1:B3 b2:B3", "core 7" },
	{ "W9 two of three siblings", "core d1<core x<d1 y<d1 z<d1 o<core x:B5 y:B5 z:GG o:G3", "x 23; y 23 | common d1" },
	{ "W10 too thin", "core b1<core b2<b1 b1:G4 b2:BBG", " | isolated b2.1,b2.2 | thin b2 2/3" },
	{ "W11 a good dual-homed building says nothing about either uplink",
	  "core u1<core u2<core b1<u1,u2 c1<u1 c2<u2 b1:G3 c1:B3 c2:G3", "u1 11 of u1,c1" },
	{ "W12 both uplinks down would have taken the good one too",
	  "core u1<core u2<core b1<u1,u2 c1<u1 c2<u2 b1:B3 c1:B3 c2:G3", "b1 11; u1 11 of u1,c1" },

	{ "nothing at all", "", "" },
	{ "nobody known", "core b<core b:UUU", "" },
	{ "all good", "core b<core core:G b:G5", "" },
	{ "leaves of the root alone", "core core:BB", "core 5" },
	{ "a single bad leaf never blames", "core b<core b:B core:G", " | isolated b.1" },
	{ "two do", "core b<core b:BB core:G", "b 5" },
	{ "two roots are never blamed together", "r1 r2 b<r1,r2 r1:B3 r2:B3 b:B3", "b 11; r1 11; r2 11" },
	{ "70 % bad is enough", "core b<core core:G9 b:B7G3", "b 11 but b.10,b.8,b.9" },
	{ "less is not, however cheap", "core b<core core:G9 b:B9G4",
	  " | isolated b.1,b.2,b.3,b.4,b.5,b.6,b.7,b.8,b.9 | thin b 9/13" },
	{ "half of the leaves of a node are worth a hint, the lowest such node has it",
	  "core d<core b<d core:G9 d:G9 b:BBGG", " | isolated b.1,b.2 | thin b 2/4" },
	{ "less than half are noise", "core b<core core:G9 b:BBG3", " | isolated b.1,b.2" },
	{ "three blamed siblings beside one good leaf are one fault and one wrong leaf",
	  "core d<core x<d y<d z<d core:G9 d:G x:B3 y:B3 z:B3", "d 6 but d.1" },
	{ "unless that leaf cannot be wrong", "core d<core x<d y<d z<d core:G9 d:H x:B3 y:B3 z:B3",
	  "x 11; y 11; z 11 | common d" },
	{ "a hard good leaf outweighs any number of bad ones", "core b<core core:G9 b:B20H",
	  " | isolated b.1,b.10,b.11,b.12,b.13,b.14,b.15,b.16,b.17,b.18,b.19,b.2,b.20,b.3,b.4,b.5,b.6,b.7,b.8,b.9 | thin b 20/21" },
	{ "hard says nothing of a bad leaf's own", "core b<core core:H b:BBB", "b 11" },
	{ "with much noise two bad leaves are noise too", "core b<core n<core core:G2 b:BB n:G90B10",
	  " | isolated b.1,b.2,n.100,n.91,n.92,n.93,n.94,n.95,n.96,n.97,n.98,n.99 | thin b 2/2" },
	{ "a gain of 2 is the least that blames: 47 beside 7 x 7",
	  "core d<core d1<d d2<d d3<d d4<d d5<d d6<d d7<d "
	  "core:G9 d:G5 d1:B3 d2:B3 d3:B3 d4:B3 d5:B3 d6:B3 d7:B3",
	  "d 2 but d.1,d.2,d.3,d.4,d.5" },
	{ "a gain of 1 does not: 55 beside 8 x 7",
	  "core d<core d1<d d2<d d3<d d4<d d5<d d6<d d7<d d8<d "
	  "core:G9 d:G6 d1:B3 d2:B3 d3:B3 d4:B3 d5:B3 d6:B3 d7:B3 d8:B3",
	  "d1 11; d2 11; d3 11; d4 11; d5 11; d6 11; d7 11; d8 11 | common d" },
	{ "a tie does not: 63 beside 9 x 7",
	  "core d<core d1<d d2<d d3<d d4<d d5<d d6<d d7<d d8<d d9<d "
	  "core:G9 d:G7 d1:B3 d2:B3 d3:B3 d4:B3 d5:B3 d6:B3 d7:B3 d8:B3 d9:B3",
	  "d1 11; d2 11; d3 11; d4 11; d5 11; d6 11; d7 11; d8 11; d9 11 | common d" },

	{ "three buildings on the same two uplinks: perhaps both uplinks",
	  "core u1<core u2<core s1<u1,u2 s2<u2,u1 s3<u1,u2 core:G4 s1:B3 s2:B3 s3:B3",
	  "s1 11 or both u1,u2; s2 11 or both u1,u2; s3 11 or both u1,u2" },
	{ "two buildings are no cheaper", "core u1<core u2<core s1<u1,u2 s2<u1,u2 core:G4 s1:B3 s2:B3", "s1 11; s2 11" },
	{ "they are when one uplink is blamed already",
	  "core u1<core u2<core c<u1 s1<u1,u2 s2<u1,u2 core:G4 c:B4 s1:B3 s2:B3",
	  "u1 17 of u1,c; s1 11 or both u1,u2; s2 11 or both u1,u2" },
	{ "what contradicts the blamed uplink does not contradict the pair again",
	  "core u1<core u2<core c<u1 s1<u1,u2 s2<u1,u2 core:G4 c:B9G s1:B3 s2:B3",
	  "u1 39 of u1,c but c.10; s1 11 or both u1,u2; s2 11 or both u1,u2" },
	{ "a good building on the same two uplinks",
	  "core u1<core u2<core s1<u1,u2 s2<u1,u2 s3<u1,u2 s4<u1,u2 core:G4 s1:B3 s2:B3 s3:B3 s4:GG", "s1 11; s2 11; s3 11" },
	{ "a good building on one of them", "core u1<core u2<core c<u2 s1<u1,u2 s2<u1,u2 s3<u1,u2 core:G4 s1:B3 s2:B3 s3:B3 c:G",
	  "s1 11; s2 11; s3 11" },
	{ "a good building that hangs from both by a detour",
	  "core u1<core u2<core y<u2 z<u1,y s1<u1,u2 s2<u1,u2 s3<u1,u2 core:G4 s1:B3 s2:B3 s3:B3 z:G", "s1 11; s2 11; s3 11" },
	{ "an uplink behind the other one would be blamed alone",
	  "core u1<core u2<u1 s1<u1,u2 s2<u1,u2 s3<u1,u2 core:G4 u1:H s1:B3 s2:B3 s3:B3", "s1 11; s2 11; s3 11" },
};

static void test_cases(void **state)
{
	struct buf text = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct drawn drawn;

		draw(&drawn, cases[i].network);
		answer(&drawn, &text);
		print_message("%s\n", cases[i].name);
		assert_string_equal(buf_text(&text), cases[i].want);
	}
	buf_free(&text);
}

static void shuffle(void *array, int count, size_t size, const struct random_source *random)
{
	char *bytes = array, kept[64];

	assert_true(size <= sizeof kept);
	for (size_t i = (size_t)count; i > 1; i--) {
		char *last = bytes + (i - 1) * size, *other = bytes + random_below(random, i) * size;

		memcpy(kept, last, size);
		memmove(last, other, size);
		memcpy(other, kept, size);
	}
}

/* Invariant: the answer rests on ids and states, not on who stands where in the file. */
static void test_order_in_the_file_changes_nothing(void **state)
{
	uint64_t seed = 3;
	struct random_source random = random_seeded(&seed);
	struct buf text = { 0 };

	(void)state;
	for (size_t i = 0; i < 20 * sizeof cases / sizeof *cases; i++) {
		struct drawn drawn;
		uint64_t same;

		draw(&drawn, cases[i / 20].network);
		shuffle(drawn.nodes, drawn.node_count, sizeof *drawn.nodes, &random);
		same = seed;   /* leaves and what they hang from in the same way */
		shuffle(drawn.leaves, drawn.leaf_count, sizeof *drawn.leaves, &random);
		seed = same;
		shuffle(drawn.leaf_nodes, drawn.leaf_count, sizeof *drawn.leaf_nodes, &random);
		answer(&drawn, &text);
		assert_string_equal(buf_text(&text), cases[i / 20].want);
	}
	buf_free(&text);
}

/* A random network with up to three faults and 3 % of noise, one good leaf in ten hard. */
static void plant(struct planted *planted, int round, const struct random_source *random)
{
	planted_init(planted, (enum shape)(round % 4), 60 + round % 5 * 60, random);
	planted_draw(planted, round / 4 % 4, 3, 30, random);
	for (int i = 0; i < planted->leaf_count; i++)
		planted->leaves[i].hard = planted->leaves[i].state == LEAF_GOOD && planted_below(random, 10) == 0;
}

/* Margins of culprits by node, so that answers under different names can be compared. */
static void sum_up(const struct planted *planted, int64_t *ret_margins, int *ret_isolated)
{
	struct localisation found = localise(&planted->network, planted->leaves, planted->leaf_count);

	memset(ret_margins, 0, (size_t)planted->segment_count * sizeof *ret_margins);
	for (int i = 0; i < found.culprit_count; i++)
		ret_margins[found.culprits[i].node] = found.culprits[i].margin;
	*ret_isolated = found.isolated_count;
	localisation_free(&found);
}

static void test_other_names_change_nothing(void **state)
{
	uint64_t seed = 5;
	struct random_source random = random_seeded(&seed);

	(void)state;
	for (int round = 0; round < 200; round++) {
		int64_t before[100], after[100];
		int isolated_before, isolated_after;
		struct planted planted;

		plant(&planted, round, &random);
		sum_up(&planted, before, &isolated_before);
		/* Nodes, their parents and leaves point to these. */
		shuffle(planted.ids, planted.segment_count + planted.leaf_count, sizeof *planted.ids, &random);
		sum_up(&planted, after, &isolated_after);
		assert_memory_equal(before, after, (size_t)planted.segment_count * sizeof *before);
		assert_int_equal(isolated_before, isolated_after);
		planted_close(&planted);
	}
}

static void test_unknown_leaves_change_nothing(void **state)
{
	uint64_t seed = 7;
	struct random_source random = random_seeded(&seed);

	(void)state;
	for (int round = 0; round < 200; round++) {
		int64_t before[100], after[100];
		int isolated_before, isolated_after, more;
		struct planted planted;

		plant(&planted, round, &random);
		sum_up(&planted, before, &isolated_before);
		more = planted.leaf_count / 2;
		planted.leaves = xrealloc(planted.leaves, (size_t)(planted.leaf_count + more), sizeof *planted.leaves);
		for (int i = 0; i < more; i++)
			planted.leaves[planted.leaf_count++] =
				(struct leaf){ .id = "more", .node = planted_below(&random, planted.segment_count),
					       .state = LEAF_UNKNOWN, .hard = i % 2 };
		sum_up(&planted, after, &isolated_after);
		assert_memory_equal(before, after, (size_t)planted.segment_count * sizeof *before);
		assert_int_equal(isolated_before, isolated_after);
		planted_close(&planted);
	}
}

static bool is_below(const struct network *network, int node, int other)
{
	while (node != NETWORK_NONE && node != other)
		node = network->above[node];
	return node == other;
}

static void check_culprit(const struct planted *planted, const struct culprit *culprit)
{
	int bad = 0, good = 0;

	for (int i = 0; i < planted->leaf_count; i++) {
		const struct leaf *leaf = &planted->leaves[i];

		if (!is_below(&planted->network, leaf->node, culprit->node))
			continue;
		bad += leaf->state == LEAF_BAD;
		good += leaf->state == LEAF_GOOD;
		assert_false(leaf->state == LEAF_GOOD && leaf->hard);
	}
	assert_int_equal(culprit->bad, bad);
	assert_int_equal(culprit->good, good);
	assert_true(bad >= 2 && 10 * bad >= 7 * (bad + good));
	assert_true(culprit->margin >= 2);
	for (int i = 0; i < good; i++) {
		const struct leaf *leaf = &planted->leaves[culprit->contradictions[i]];

		assert_true(leaf->state == LEAF_GOOD && is_below(&planted->network, leaf->node, culprit->node));
	}
	assert_int_equal(culprit->class[0], culprit->node);
	for (int i = 1; i < culprit->class_count; i++)
		assert_int_equal(planted->network.above[culprit->class[i]], culprit->class[i - 1]);
}

/* F1, F3: no culprit above a hard good leaf, none against the guards; every bad leaf is explained once or isolated. */
static void test_every_answer_keeps_the_guards(void **state)
{
	uint64_t seed = 9;
	struct random_source random = random_seeded(&seed);

	(void)state;
	for (int round = 0; round < 400; round++) {
		struct localisation found;
		struct planted planted;
		int bad = 0, explained = 0;

		plant(&planted, round, &random);
		found = localise(&planted.network, planted.leaves, planted.leaf_count);
		for (int i = 0; i < planted.leaf_count; i++)
			bad += planted.leaves[i].state == LEAF_BAD;
		for (int i = 0; i < found.culprit_count; i++) {
			check_culprit(&planted, &found.culprits[i]);
			explained += found.culprits[i].bad;
			assert_true(i == 0 || found.culprits[i - 1].margin >= found.culprits[i].margin);
		}
		assert_int_equal(explained + found.isolated_count, bad);
		localisation_free(&found);
		planted_close(&planted);
	}
}

#define CHAIN 100000

/* The lower half of a chain fails; every tenth node has a leaf. */
static void *localise_chain(void *arg)
{
	char (*ids)[8] = xcalloc(CHAIN, sizeof *ids);
	const char **parents = xcalloc(CHAIN, sizeof *parents);
	struct network_node *nodes = xcalloc(CHAIN, sizeof *nodes);
	struct leaf *leaves = xcalloc(CHAIN / 10, sizeof *leaves);
	struct localisation *found = arg;
	struct network network;
	struct err err;

	for (int v = 0; v < CHAIN; v++) {
		snprintf(ids[v], sizeof ids[v], "%d", v);
		parents[v] = v ? ids[v - 1] : NULL;
		nodes[v] = (struct network_node){ ids[v], &parents[v], v > 0 };
	}
	for (int i = 0; i < CHAIN / 10; i++)
		leaves[i] = (struct leaf){ ids[i], 10 * i, i < CHAIN / 20 ? LEAF_GOOD : LEAF_BAD, false };
	if (network_init(&network, nodes, CHAIN, &err) == 0) {
		*found = localise(&network, leaves, CHAIN / 10);
		network_close(&network);
	}
	free(ids);
	free(parents);
	free(nodes);
	free(leaves);
	return NULL;
}

static void test_long_chain_on_a_small_stack(void **state)
{
	struct localisation found = { 0 };
	pthread_attr_t small;
	pthread_t thread;

	(void)state;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 * 1024);
	assert_int_equal(pthread_create(&thread, &small, localise_chain, &found), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&small);
	assert_int_equal(found.culprit_count, 1);
	assert_int_equal(found.culprits[0].node, CHAIN / 2 - 9);   /* the first after the last good leaf */
	assert_int_equal(found.culprits[0].class_count, 10);
	assert_int_equal(found.culprits[0].bad, CHAIN / 20);
	localisation_free(&found);
}

/* Far below what localise_bench prints and the methodology states, so that only a real loss fails. */
static void test_finds_planted_faults_through_noise(void **state)
{
	static const struct {
		int nodes, leaves_min, noise, draws;
		int percent_min;
	} rows[] = {
		{ 100, 3, 0, 300, 98 },  { 100, 3, 10, 300, 93 },  { 100, 3, 20, 300, 87 },  { 100, 3, 50, 300, 75 },
		{ 1000, 3, 0, 100, 97 }, { 1000, 3, 10, 100, 90 }, { 1000, 3, 20, 100, 82 }, { 1000, 3, 50, 100, 60 },
		{ 1000, 10, 0, 100, 97 }, { 1000, 10, 50, 100, 65 },
	};
	uint64_t seed = 11;
	struct random_source random = random_seeded(&seed);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (int shape = 0; shape_names[shape]; shape++) {
			int found = planted_score((enum shape)shape, rows[i].nodes, rows[i].leaves_min, rows[i].noise, rows[i].draws,
						  &random);

			print_message("%d nodes, faults of %d leaves, noise %d per mille, %s: %d of %d\n", rows[i].nodes,
				      rows[i].leaves_min, rows[i].noise, shape_names[shape], found, rows[i].draws);
			assert_true(100 * found >= rows[i].percent_min * rows[i].draws);
		}
	}
}

static void test_confidence(void **state)
{
	static const struct {
		int margin;
		const char *want;
	} rows[] = { { 2, "low" }, { 6, "low" }, { 7, "medium" }, { 13, "medium" }, { 14, "high" }, { 1000, "high" } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(confidence_names[localise_confidence(rows[i].margin)], rows[i].want);
}

/* "GB" is an agent whose local leg is good and whose hub leg is bad. */
static void test_upstream(void **state)
{
	static const struct {
		const char *name, *agents;
		bool want;
	} rows[] = {
		{ "nobody", "", false },
		{ "five in two branches", "x:GB x:GB x:GB x:GB y:GB", true },
		{ "deeper in the branches", "x1:GB x1:GB x:GB x:GB y1:GB", true },
		{ "four", "x:GB x:GB x:GB y:GB", false },
		{ "five in one branch", "x:GB x1:GB x:GB x1:GB x:GB", false },
		{ "one of them on the root itself", "core:GB x:GB x:GB x:GB x:GB", true },
		{ "70 % of seven in ten", "x:GB x:GB x:GB x:GB x:GB y:GB y:GB y:GG y:GG y:GG", true },
		{ "less than 70 %", "x:GB x:GB x:GB x:GB x:GB y:GB y:GG y:GG y:GG", false },
		{ "whose local leg is bad or unknown says nothing", "x:GB x:GB x:GB x:GB y:GB y:BB y:BG y:UG y:UB", true },
		{ "nor does an unknown hub leg", "x:GB x:GB x:GB x:GB y:GB y:GU y:GU y:GU", true },
		{ "bad local legs are no hub's fault", "x:BB x:BB x:BB x:BB y:BB", false },
	};
	struct drawn drawn;
	struct network network;
	struct err err;

	(void)state;
	draw(&drawn, "core x<core y<core x1<x y1<y");
	assert_int_equal(network_init(&network, drawn.nodes, drawn.node_count, &err), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct agent_legs agents[16];
		char text[128], *place = NULL;
		int count = 0;

		text_copy(text, sizeof text, rows[i].agents);
		for (char *token = strtok_r(text, " ", &place); token; token = strtok_r(NULL, " ", &place)) {
			char *legs = strchr(token, ':');
			enum leaf_state states[2];

			*legs++ = '\0';
			for (int leg = 0; leg < 2; leg++)
				states[leg] = legs[leg] == 'G' ? LEAF_GOOD : legs[leg] == 'B' ? LEAF_BAD : LEAF_UNKNOWN;
			agents[count++] = (struct agent_legs){ network_find(&network, token), states[0], states[1] };
		}
		print_message("%s\n", rows[i].name);
		assert_int_equal(localise_is_upstream(&network, agents, count), rows[i].want);
	}
	network_close(&network);
}

static void test_common(void **state)
{
	static const struct {
		const char *name, *agents;
		bool want;
	} rows[] = {
		{ "nobody", "", false },
		{ "one", "x:B", false },
		{ "five in two branches", "x:B x:B x:B x:B y:B", true },
		{ "five in one", "x:B x:B x:B x1:B x1:B", false },
		{ "all of two", "x:B y:B", true },
		{ "all of four that are known", "x:B x:B y:U y:B y:B", true },
		{ "but three of four", "x:B x:B y:G y:B", false },
		{ "five of seven", "x:B x:B x:B x:B y:B y:G y:G", true },
		{ "five of eight", "x:B x:B x:B x:B y:B y:G y:G y:G", false },
	};
	struct drawn drawn;
	struct network network;
	struct err err;

	(void)state;
	draw(&drawn, "core x<core y<core x1<x y1<y");
	assert_int_equal(network_init(&network, drawn.nodes, drawn.node_count, &err), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct leaf leaves[16];
		char text[128], *place = NULL;
		int count = 0;

		text_copy(text, sizeof text, rows[i].agents);
		for (char *token = strtok_r(text, " ", &place); token; token = strtok_r(NULL, " ", &place)) {
			char *letter = strchr(token, ':');

			*letter++ = '\0';
			leaves[count++] = (struct leaf){ "", network_find(&network, token),
				*letter == 'G' ? LEAF_GOOD : *letter == 'B' ? LEAF_BAD : LEAF_UNKNOWN, false };
		}
		print_message("%s\n", rows[i].name);
		assert_int_equal(localise_is_common(&network, leaves, count), rows[i].want);
	}
	network_close(&network);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_order_in_the_file_changes_nothing),
		cmocka_unit_test(test_other_names_change_nothing),
		cmocka_unit_test(test_unknown_leaves_change_nothing),
		cmocka_unit_test(test_every_answer_keeps_the_guards),
		cmocka_unit_test(test_long_chain_on_a_small_stack),
		cmocka_unit_test(test_finds_planted_faults_through_noise),
		cmocka_unit_test(test_confidence),
		cmocka_unit_test(test_upstream),
		cmocka_unit_test(test_common),
	};

	return cmocka_run_group_tests_name("localise", tests, NULL, NULL);
}
