/* planted.h - random networks with known faults, to see how often localise finds exactly these.
 * A network of n nodes has n / 4 segments, the rest are leaves; one leaf in five is unknown. Nought to three faults are
 * planted, each with at least so many known leaves that nothing else explains; what is bad follows from them along the
 * uplinks, not from the dominator tree. Then each known leaf is flipped with the rate of the noise. Draws whose faults
 * nobody could tell from another set are drawn again: several faults that leave no good leaf below a node above them, and
 * a node cut off by two faults together.
 * Ownership: planted_init makes, planted_close releases. Threads: pure; randomness is an input. */
#ifndef PLUMBLINE_PLANTED_H
#define PLUMBLINE_PLANTED_H

#include <stdio.h>
#include <stdlib.h>

#include "agent/base/mem.h"
#include "agent/base/random.h"
#include "collector/decide/localise.h"

#define PLANTED_FAULTS_MAX 3

enum shape { SHAPE_RANDOM, SHAPE_METRO, SHAPE_CHAIN, SHAPE_DUAL_HOMED };
static const char *const shape_names[] = { "random", "metro", "chain", "dual-homed", NULL };

struct planted {
	int segment_count, leaf_count;
	int (*uplinks)[2];             /* of each segment, both before it; NETWORK_NONE where there is none */
	char (*ids)[12];               /* of segments, then leaves */
	const char *(*parents)[2];
	struct network_node *nodes;
	struct network network;
	struct leaf *leaves;
	int *below;                    /* known leaves that fail when the segment does */
	int *killer;                   /* the fault that cut the segment off, or NETWORK_NONE */
	int faults[PLANTED_FAULTS_MAX], fault_count;   /* none below another */
};

static inline int planted_below(const struct random_source *random, int bound)
{
	return (int)random_below(random, (uint64_t)bound);
}

static inline void planted_hang(struct planted *planted, int node, int first, int second)
{
	planted->uplinks[node][0] = first;
	planted->uplinks[node][1] = second;
}

/* districts, streets, houses; leaves hang from houses */
static inline int planted_metro(struct planted *planted, const struct random_source *random)
{
	int count = planted->segment_count, streets = count / 25 + 3, houses = streets + count / 5;

	for (int v = 1; v < count; v++) {
		int parent = v < streets ? 0 : v < houses ? 1 + planted_below(random, streets - 1) :
							    streets + planted_below(random, houses - streets);

		planted_hang(planted, v, parent, NETWORK_NONE);
	}
	return houses;
}

/* pairs of aggregation nodes, three access nodes in five on both of a pair, the others on one */
static inline int planted_dual_homed(struct planted *planted, const struct random_source *random)
{
	int count = planted->segment_count, pairs = count / 10 + 1, access = 1 + 2 * pairs;

	for (int v = 1; v < count; v++) {
		int uplink = 1 + 2 * planted_below(random, pairs);

		if (v < access)
			planted_hang(planted, v, 0, NETWORK_NONE);
		else if (planted_below(random, 5) < 3)
			planted_hang(planted, v, uplink, uplink + 1);
		else
			planted_hang(planted, v, uplink + planted_below(random, 2), NETWORK_NONE);
	}
	return access;
}

/* Returns the first segment that leaves hang from. */
static inline int planted_shape(struct planted *planted, enum shape shape, const struct random_source *random)
{
	planted_hang(planted, 0, NETWORK_NONE, NETWORK_NONE);
	if (shape == SHAPE_METRO)
		return planted_metro(planted, random);
	if (shape == SHAPE_DUAL_HOMED)
		return planted_dual_homed(planted, random);
	for (int v = 1; v < planted->segment_count; v++) {
		bool begins = v == 1 || planted_below(random, 20) == 0;
		int parent = shape == SHAPE_RANDOM ? planted_below(random, v) : begins ? 0 : v - 1;

		planted_hang(planted, v, parent, NETWORK_NONE);
	}
	return 0;
}

static inline void planted_name(struct planted *planted, int first_served, const struct random_source *random)
{
	for (int i = 0; i < planted->segment_count + planted->leaf_count; i++)
		snprintf(planted->ids[i], sizeof planted->ids[i], "%d", i);
	for (int v = 0; v < planted->segment_count; v++) {
		struct network_node *node = &planted->nodes[v];

		*node = (struct network_node){ .id = planted->ids[v], .parents = planted->parents[v] };
		while (node->parent_count < 2 && planted->uplinks[v][node->parent_count] != NETWORK_NONE) {
			planted->parents[v][node->parent_count] = planted->ids[planted->uplinks[v][node->parent_count]];
			node->parent_count++;
		}
	}
	for (int i = 0; i < planted->leaf_count; i++)
		planted->leaves[i] = (struct leaf){
			.id = planted->ids[planted->segment_count + i],
			.node = first_served + planted_below(random, planted->segment_count - first_served),
			.state = planted_below(random, 5) ? LEAF_GOOD : LEAF_UNKNOWN,
		};
}

static inline void planted_init(struct planted *planted, enum shape shape, int count, const struct random_source *random)
{
	struct err err;
	size_t segments = (size_t)count / 4, leaves = (size_t)count - segments;

	*planted = (struct planted){ .segment_count = (int)segments, .leaf_count = (int)leaves };
	planted->uplinks = xcalloc(segments, sizeof *planted->uplinks);
	planted->ids = xcalloc((size_t)count, sizeof *planted->ids);
	planted->parents = xcalloc(segments, sizeof *planted->parents);
	planted->nodes = xcalloc(segments, sizeof *planted->nodes);
	planted->leaves = xcalloc(leaves, sizeof *planted->leaves);
	planted->below = xcalloc(segments, sizeof *planted->below);
	planted->killer = xcalloc(segments, sizeof *planted->killer);
	planted_name(planted, planted_shape(planted, shape, random), random);
	if (network_init(&planted->network, planted->nodes, planted->segment_count, &err) < 0)
		abort();
	for (int i = 0; i < planted->leaf_count; i++)
		planted->below[planted->leaves[i].node] += planted->leaves[i].state != LEAF_UNKNOWN;
	for (int v = planted->segment_count - 1; v > 0; v--)
		if (planted->network.above[v] != NETWORK_NONE)
			planted->below[planted->network.above[v]] += planted->below[v];
}

static inline void planted_close(struct planted *planted)
{
	network_close(&planted->network);
	free(planted->uplinks);
	free(planted->ids);
	free(planted->parents);
	free(planted->nodes);
	free(planted->leaves);
	free(planted->below);
	free(planted->killer);
}

static inline bool planted_is_fault(const struct planted *planted, int node)
{
	for (int i = 0; i < planted->fault_count; i++)
		if (planted->faults[i] == node)
			return true;
	return false;
}

/* What is cut off, and by whom. Faults below others are dropped. False when two faults together cut a node off. */
static inline bool planted_spread(struct planted *planted)
{
	int kept = 0;

	for (int v = 0; v < planted->segment_count; v++) {
		const int *up = planted->uplinks[v];
		int first = up[0] == NETWORK_NONE ? NETWORK_NONE : planted->killer[up[0]];
		int second = up[1] == NETWORK_NONE ? first : planted->killer[up[1]];
		bool is_cut = first != NETWORK_NONE && second != NETWORK_NONE;

		if (is_cut && first != second)
			return false;
		planted->killer[v] = is_cut ? first : planted_is_fault(planted, v) ? v : NETWORK_NONE;
	}
	for (int i = 0; i < planted->fault_count; i++)
		if (planted->killer[planted->faults[i]] == planted->faults[i])
			planted->faults[kept++] = planted->faults[i];
	planted->fault_count = kept;
	return true;
}

/* Is there a good leaf below every node that has several faults below it? */
static inline bool planted_is_plain(const struct planted *planted)
{
	size_t count = (size_t)planted->segment_count;
	int *good = xcalloc(count, sizeof *good), *faults = xcalloc(count, sizeof *faults);
	bool plain = true;

	for (int i = 0; i < planted->leaf_count; i++) {
		const struct leaf *leaf = &planted->leaves[i];

		good[leaf->node] |= leaf->state != LEAF_UNKNOWN && planted->killer[leaf->node] == NETWORK_NONE;
	}
	for (int v = planted->segment_count - 1; v >= 0; v--) {
		faults[v] += planted->killer[v] == v;
		plain &= good[v] || faults[v] < 2;
		for (int i = 0; i < 2; i++) {
			if (planted->uplinks[v][i] == NETWORK_NONE)
				continue;
			good[planted->uplinks[v][i]] |= good[v];
			faults[planted->uplinks[v][i]] += faults[v];
		}
	}
	free(good);
	free(faults);
	return plain;
}

/* Plants up to so many faults and sets every known leaf; noise in per mille. */
static inline void planted_draw(struct planted *planted, int fault_count, int leaves_min, int noise,
				const struct random_source *random)
{
	do {
		planted->fault_count = 0;
		for (int tries = 0; tries < 5000 && planted->fault_count < fault_count; tries++) {
			int node = 1 + planted_below(random, planted->segment_count - 1);

			if (planted->below[node] >= leaves_min && !planted_is_fault(planted, node))
				planted->faults[planted->fault_count++] = node;
		}
	} while (!planted_spread(planted) || !planted_is_plain(planted));
	for (int i = 0; i < planted->leaf_count; i++) {
		struct leaf *leaf = &planted->leaves[i];
		bool bad = planted->killer[leaf->node] != NETWORK_NONE;

		if (leaf->state != LEAF_UNKNOWN)
			leaf->state = bad != (planted_below(random, 1000) < noise) ? LEAF_BAD : LEAF_GOOD;
	}
}

/* As many culprits as faults, each fault in the class of another culprit. */
static inline bool planted_is_found(const struct planted *planted, const struct localisation *found)
{
	int hits = 0;

	for (int i = 0; i < found->culprit_count; i++) {
		bool hit = false;

		for (int j = 0; j < found->culprits[i].class_count; j++)
			hit |= planted_is_fault(planted, found->culprits[i].class[j]);
		hits += hit;
	}
	return hits == found->culprit_count && hits == planted->fault_count;
}

/* How many of so many draws are found exactly; a new network every tenth draw. */
static inline int planted_score(enum shape shape, int count, int leaves_min, int noise, int draws,
				const struct random_source *random)
{
	int found_exactly = 0;

	for (int i = 0; i < draws; i += 10) {
		struct planted planted;

		planted_init(&planted, shape, count, random);
		for (int j = i; j < draws && j < i + 10; j++) {
			struct localisation found;

			planted_draw(&planted, planted_below(random, PLANTED_FAULTS_MAX + 1), leaves_min, noise, random);
			found = localise(&planted.network, planted.leaves, planted.leaf_count);
			found_exactly += planted_is_found(&planted, &found);
			localisation_free(&found);
		}
		planted_close(&planted);
	}
	return found_exactly;
}

#endif
