#include "collector/decide/localise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"

/* F2: costs are log-odds. */
#define BLAME_COST_MIN 7
#define GOOD_COST      8
#define BAD_COST_MIN   2
#define BAD_COST_MAX   7
/* F3 */
#define GAIN_MIN    2
#define BAD_MIN     2
#define BAD_PERCENT 70   /* R5 too */
/* F4 */
#define NOISE_FLOOR 0.002
#define ROUNDS      4
/* F6 */
#define MARGIN_HIGH   14
#define MARGIN_MEDIUM LOCALISE_SURE_MARGIN
/* R5 */
#define R5_AGENTS    5

const char *const leaf_state_names[] = { [LEAF_GOOD] = "good", [LEAF_BAD] = "bad", [LEAF_UNKNOWN] = "unknown", NULL };

const char *const confidence_names[] = {
	[CONFIDENCE_HIGH] = "high", [CONFIDENCE_MEDIUM] = "medium", [CONFIDENCE_LOW] = "low", NULL,
};

/* A node, and with every count the leaves below it. */
struct segment {
	int good, bad, hard;     /* known leaves; hard ones are good too */
	int64_t cost, keep;      /* of the cheapest explanation that blames it, and of the cheapest that does not */
	bool blamed;             /* it or a node above it is in the explanation, unless one above is cheaper still */
	int covering;            /* the blamed node that explains its leaves, or NETWORK_NONE */
	int culprit;             /* whose class it is in, or NETWORK_NONE */
	int culprits_below;      /* that hang from it alone */
	int loose, isolated;     /* leaves that no culprit explains, and the bad ones among them */
	bool hinted;             /* a HINT_THIN stands at it or below */
};

struct solver {
	const struct network *network;
	const struct leaf *leaves;
	int leaf_count;
	struct segment *segments;
	int64_t blame_cost, bad_cost;
};

static struct segment *segment_above(const struct solver *solver, int node)
{
	int above = solver->network->above[node];

	return above == NETWORK_NONE ? NULL : &solver->segments[above];
}

static int count_known(const struct segment *segment)
{
	return segment->good + segment->bad;
}

static void count_leaves(struct solver *solver)
{
	const struct network *network = solver->network;

	for (int i = 0; i < solver->leaf_count; i++) {
		const struct leaf *leaf = &solver->leaves[i];
		struct segment *segment = &solver->segments[leaf->node];

		segment->bad += leaf->state == LEAF_BAD;
		segment->good += leaf->state == LEAF_GOOD;
		segment->hard += leaf->state == LEAF_GOOD && leaf->hard;
	}
	for (int i = network->count - 1; i >= 0; i--) {
		const struct segment *segment = &solver->segments[network->order[i]];
		struct segment *above = segment_above(solver, network->order[i]);

		if (!above)
			continue;
		above->bad += segment->bad;
		above->good += segment->good;
		above->hard += segment->hard;
	}
}

/* F2: about one fault in all the segments that anything is known about. */
static int64_t blame_cost(const struct solver *solver)
{
	int64_t segments = 0, cost;

	for (int v = 0; v < solver->network->count; v++)
		segments += count_known(&solver->segments[v]) > 0;
	cost = segments ? 1 + lround(log((double)segments)) : 0;
	return cost < BLAME_COST_MIN ? BLAME_COST_MIN : cost;
}

/* F2: noise is the share of leaves that are bad without any segment's fault. */
static int64_t bad_cost(double noise)
{
	int64_t cost = lround(log(0.98 / noise));

	return cost < BAD_COST_MIN ? BAD_COST_MIN : cost > BAD_COST_MAX ? BAD_COST_MAX : cost;
}

static bool may_be_blamed(const struct segment *segment)
{
	return !segment->hard && segment->bad >= BAD_MIN &&
	       100 * (int64_t)segment->bad >= BAD_PERCENT * (int64_t)count_known(segment);
}

/* F2 and F3, from the lowest node to the root. */
static void weigh(struct solver *solver)
{
	const struct network *network = solver->network;

	for (int v = 0; v < network->count; v++)
		solver->segments[v].keep = 0;
	for (int i = 0; i < solver->leaf_count; i++)
		if (solver->leaves[i].state == LEAF_BAD)
			solver->segments[solver->leaves[i].node].keep += solver->bad_cost;
	for (int i = network->count - 1; i >= 0; i--) {
		struct segment *segment = &solver->segments[network->order[i]];
		struct segment *above = segment_above(solver, network->order[i]);

		segment->cost = solver->blame_cost + GOOD_COST * (int64_t)segment->good;
		segment->blamed = may_be_blamed(segment) && segment->cost + GAIN_MIN <= segment->keep;
		if (above)
			above->keep += segment->blamed ? segment->cost : segment->keep;
	}
}

/* From the root down: what lies above explains what lies below. */
static void cover(struct solver *solver)
{
	for (int i = 0; i < solver->network->count; i++) {
		int node = solver->network->order[i];
		const struct segment *above = segment_above(solver, node);
		struct segment *segment = &solver->segments[node];

		segment->covering = above ? above->covering : NETWORK_NONE;
		if (segment->covering == NETWORK_NONE && segment->blamed)
			segment->covering = node;
	}
}

static bool is_isolated(const struct solver *solver, const struct leaf *leaf)
{
	return leaf->state == LEAF_BAD && solver->segments[leaf->node].covering == NETWORK_NONE;
}

/* F4: what this explanation leaves as noise. */
static double background(const struct solver *solver)
{
	int known = 0, isolated = 0;

	for (int i = 0; i < solver->leaf_count; i++) {
		const struct leaf *leaf = &solver->leaves[i];

		known += leaf->state != LEAF_UNKNOWN && solver->segments[leaf->node].covering == NETWORK_NONE;
		isolated += is_isolated(solver, leaf);
	}
	return fmax(NOISE_FLOOR, (isolated + 0.4) / (known + 200));
}

static void explain(struct solver *solver)
{
	int64_t next = bad_cost(NOISE_FLOOR);

	for (int round = 0; round < ROUNDS && solver->bad_cost != next; round++) {
		solver->bad_cost = next;
		weigh(solver);
		cover(solver);
		next = bad_cost(background(solver));
	}
}

/* F5: climbs while the node above has the same known leaves. The class goes to where ret_class points. */
static struct culprit make_culprit(const struct solver *solver, int lowest, int *ret_class)
{
	const struct segment *segments = solver->segments;
	const int *above = solver->network->above;
	int top = lowest, count = 1;

	for (; above[top] != NETWORK_NONE && count_known(&segments[above[top]]) == count_known(&segments[lowest]); count++)
		top = above[top];
	for (int i = count - 1, node = lowest; i >= 0; i--, node = above[node])
		ret_class[i] = node;
	return (struct culprit){
		.node = top, .class = ret_class, .class_count = count,
		.margin = segments[lowest].keep - segments[lowest].cost,
		.bad = segments[lowest].bad, .good = segments[lowest].good,
		.alternative = { NETWORK_NONE, NETWORK_NONE },
	};
}

static int compare_nodes(const struct network *network, int left, int right)
{
	return strcmp(network->nodes[left].id, network->nodes[right].id);
}

static int compare_culprits(const void *a, const void *b, void *network)
{
	const struct culprit *left = a, *right = b;

	if (left->margin != right->margin)
		return left->margin < right->margin ? 1 : -1;
	return compare_nodes(network, left->node, right->node);
}

/* The classes go to the beginning of the lists. Returns their length. */
static int collect_culprits(struct solver *solver, struct localisation *made)
{
	int count = solver->network->count, used = 0;

	for (int v = 0; v < count; v++)
		made->culprit_count += solver->segments[v].covering == v;
	made->culprits = xcalloc((size_t)made->culprit_count, sizeof *made->culprits);
	for (int v = 0, i = 0; v < count; v++) {
		solver->segments[v].culprit = NETWORK_NONE;
		if (solver->segments[v].covering != v)
			continue;
		made->culprits[i] = make_culprit(solver, v, made->lists + used);
		used += made->culprits[i++].class_count;
	}
	qsort_r(made->culprits, (size_t)made->culprit_count, sizeof *made->culprits, compare_culprits,
		(void *)(uintptr_t)solver->network);
	for (int i = 0; i < made->culprit_count; i++)
		for (int j = 0; j < made->culprits[i].class_count; j++)
			solver->segments[made->culprits[i].class[j]].culprit = i;
	return used;
}

static int culprit_of(const struct solver *solver, const struct leaf *leaf)
{
	int covering = solver->segments[leaf->node].covering;

	return covering == NETWORK_NONE ? NETWORK_NONE : solver->segments[covering].culprit;
}

/* Those of no culprit first, then by culprit, then by id. */
static int compare_leaves(const void *a, const void *b, void *context)
{
	const struct solver *solver = context;
	const struct leaf *left = &solver->leaves[*(const int *)a], *right = &solver->leaves[*(const int *)b];
	int difference = culprit_of(solver, left) - culprit_of(solver, right);

	return difference ? difference : strcmp(left->id, right->id);
}

/* Isolated leaves and contradictions: what the explanation does not explain. */
static void collect_leaves(struct solver *solver, struct localisation *made, int *list)
{
	int count = 0;

	for (int i = 0; i < solver->leaf_count; i++) {
		const struct leaf *leaf = &solver->leaves[i];
		bool isolated = is_isolated(solver, leaf);

		made->isolated_count += isolated;
		if (isolated || (leaf->state == LEAF_GOOD && solver->segments[leaf->node].covering != NETWORK_NONE))
			list[count++] = i;
	}
	qsort_r(list, (size_t)count, sizeof *list, compare_leaves, solver);
	made->isolated = list;
	list += made->isolated_count;
	for (int i = 0; i < made->culprit_count; i++) {
		made->culprits[i].contradictions = list;
		list += made->culprits[i].good;
	}
}

/* A culprit with two uplinks. */
struct homing {
	int uplinks[2];   /* in the order of their ids */
	int culprit;
};

static int compare_homings(const void *a, const void *b)
{
	const struct homing *left = a, *right = b;

	for (int i = 0; i < 2; i++)
		if (left->uplinks[i] != right->uplinks[i])
			return left->uplinks[i] < right->uplinks[i] ? -1 : 1;
	return 0;
}

/* Of the class, only the uppermost can have a blamed sibling: below it the node above has no leaf of anybody else. An
 * uplink that the other one hangs from would be cheaper to blame alone. */
static bool is_dual_homed(const struct network *network, const struct culprit *culprit, int *ret_uplinks)
{
	const int *parents = &network->parents[network->first_parent[culprit->node]];
	int above = network->above[culprit->node];

	if (network->nodes[culprit->node].parent_count != 2 || parents[0] == above || parents[1] == above)
		return false;
	bool in_order = compare_nodes(network, parents[0], parents[1]) < 0;
	ret_uplinks[0] = parents[!in_order];
	ret_uplinks[1] = parents[in_order];
	return true;
}

/* How many good leaves are cut off when both fail. */
static int count_good_without(const struct solver *solver, const int *uplinks)
{
	const struct network *network = solver->network;
	bool *cut = xcalloc((size_t)network->count, sizeof *cut);
	int good = 0;

	for (int i = 0; i < network->count; i++) {
		int node = network->order[i];
		int parent = network->first_parent[node], end = network->first_parent[node + 1];
		bool is_root = parent == end;

		while (parent < end && cut[network->parents[parent]])
			parent++;
		cut[node] = node == uplinks[0] || node == uplinks[1] || (!is_root && parent == end);
	}
	for (int i = 0; i < solver->leaf_count; i++)
		good += solver->leaves[i].state == LEAF_GOOD && cut[solver->leaves[i].node];
	free(cut);
	return good;
}

/* R3: blaming both costs less than blaming each sibling, and contradicts no good leaf that blaming one of them does not
 * contradict already. */
static bool explains(const struct solver *solver, const int *uplinks, int siblings)
{
	int more_blamed = 0, contradicted = 0;

	for (int i = 0; i < 2; i++) {
		const struct segment *uplink = &solver->segments[uplinks[i]];

		if (uplink->culprit == NETWORK_NONE && uplink->covering == NETWORK_NONE)
			more_blamed++;
		else
			contradicted += uplink->good;
	}
	return more_blamed < siblings && count_good_without(solver, uplinks) == contradicted;
}

static void find_alternatives(const struct solver *solver, struct localisation *made)
{
	struct homing *homings = xcalloc((size_t)made->culprit_count, sizeof *homings);
	int count = 0, end;

	for (int i = 0; i < made->culprit_count; i++)
		if (!made->culprits[i].good && is_dual_homed(solver->network, &made->culprits[i], homings[count].uplinks))
			homings[count++].culprit = i;
	qsort(homings, (size_t)count, sizeof *homings, compare_homings);
	for (int start = 0; start < count; start = end) {
		const int *uplinks = homings[start].uplinks;

		for (end = start + 1; end < count && !compare_homings(&homings[start], &homings[end]); end++)
			;
		if (end - start < 2 || !explains(solver, uplinks, end - start))
			continue;
		for (int i = start; i < end; i++)
			memcpy(made->culprits[homings[i].culprit].alternative, uplinks, sizeof homings[i].uplinks);
	}
	free(homings);
}

static void add_hint(struct localisation *made, enum hint_kind kind, int node, const struct segment *segment)
{
	made->hints[made->hint_count++] =
		(struct hint){ .kind = kind, .node = node, .bad = segment->isolated, .known = segment->loose };
}

/* F7: culprits with the same single parent. */
static void hint_common_causes(struct solver *solver, struct localisation *made)
{
	const struct network *network = solver->network;

	for (int i = 0; i < made->culprit_count; i++) {
		int node = made->culprits[i].node;

		if (network->nodes[node].parent_count == 1 && ++segment_above(solver, node)->culprits_below == 2)
			add_hint(made, HINT_COMMON_CAUSE, network->above[node], segment_above(solver, node));
	}
}

/* F7: the lowest nodes below which isolated leaves meet. */
static void hint_thin_evidence(struct solver *solver, struct localisation *made)
{
	const struct network *network = solver->network;

	for (int i = 0; i < solver->leaf_count; i++) {
		const struct leaf *leaf = &solver->leaves[i];
		struct segment *segment = &solver->segments[leaf->node];

		segment->loose += leaf->state != LEAF_UNKNOWN && segment->covering == NETWORK_NONE;
		segment->isolated += is_isolated(solver, leaf);
	}
	for (int i = network->count - 1; i >= 0; i--) {
		struct segment *segment = &solver->segments[network->order[i]];
		struct segment *above = segment_above(solver, network->order[i]);

		if (!segment->hinted && segment->isolated >= BAD_MIN && 2 * segment->isolated >= segment->loose) {
			add_hint(made, HINT_THIN, network->order[i], segment);
			segment->hinted = true;
		}
		if (!above)
			continue;
		above->loose += segment->loose;
		above->isolated += segment->isolated;
		above->hinted |= segment->hinted;
	}
}

static int compare_hints(const void *a, const void *b, void *network)
{
	const struct hint *left = a, *right = b;

	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	return compare_nodes(network, left->node, right->node);
}

/* A hint takes at least two culprits or two isolated leaves that no other hint of its kind has. */
static void collect_hints(struct solver *solver, struct localisation *made)
{
	made->hints = xcalloc((size_t)(made->culprit_count + made->isolated_count) / 2, sizeof *made->hints);
	hint_common_causes(solver, made);
	hint_thin_evidence(solver, made);
	qsort_r(made->hints, (size_t)made->hint_count, sizeof *made->hints, compare_hints, (void *)(uintptr_t)solver->network);
}

struct localisation localise(const struct network *network, const struct leaf *leaves, int count)
{
	struct localisation made = { .lists = xcalloc((size_t)network->count + (size_t)count, sizeof *made.lists) };
	struct solver solver = {
		.network = network, .leaves = leaves, .leaf_count = count,
		.segments = xcalloc((size_t)network->count, sizeof *solver.segments),
	};
	int classes;

	count_leaves(&solver);
	solver.blame_cost = blame_cost(&solver);
	explain(&solver);
	classes = collect_culprits(&solver, &made);
	collect_leaves(&solver, &made, made.lists + classes);
	find_alternatives(&solver, &made);
	collect_hints(&solver, &made);
	free(solver.segments);
	return made;
}

void localisation_free(struct localisation *localisation)
{
	free(localisation->culprits);
	free(localisation->hints);
	free(localisation->lists);
	*localisation = (struct localisation){ 0 };
}

enum confidence localise_confidence(int64_t margin)
{
	if (margin >= MARGIN_HIGH)
		return CONFIDENCE_HIGH;
	return margin >= MARGIN_MEDIUM ? CONFIDENCE_MEDIUM : CONFIDENCE_LOW;
}

/* The node just below the root that each node is below. */
static int *find_branches(const struct network *network)
{
	int *branches = xcalloc((size_t)network->count, sizeof *branches);

	for (int i = 0; i < network->count; i++) {
		int node = network->order[i];

		branches[node] = network->depth[node] <= 1 ? node : branches[network->above[node]];
	}
	return branches;
}

/* R5: what agents say of one thing that all of them use. */
struct opinion {
	int judged, failing;
	int first;        /* branch where it fails */
	bool several;
};

static void hear(struct opinion *opinion, int branch, enum leaf_state state)
{
	opinion->judged += state != LEAF_UNKNOWN;
	if (state != LEAF_BAD)
		return;
	opinion->several |= opinion->failing > 0 && branch != opinion->first;
	opinion->first = branch;
	opinion->failing++;
}

static bool is_common(const struct opinion *opinion, int least)
{
	return opinion->several && opinion->failing >= least &&
	       100 * (int64_t)opinion->failing >= BAD_PERCENT * (int64_t)opinion->judged;
}

bool localise_is_upstream(const struct network *network, const struct agent_legs *agents, int count)
{
	int *branches = find_branches(network);
	struct opinion opinion = { 0 };

	for (int i = 0; i < count; i++)
		if (agents[i].local == LEAF_GOOD)
			hear(&opinion, branches[agents[i].node], agents[i].hub);
	free(branches);
	return is_common(&opinion, R5_AGENTS);
}

bool localise_is_common(const struct network *network, const struct leaf *leaves, int count)
{
	int *branches = find_branches(network);
	struct opinion opinion = { 0 };

	for (int i = 0; i < count; i++)
		hear(&opinion, branches[leaves[i].node], leaves[i].state);
	free(branches);
	return is_common(&opinion, opinion.judged < R5_AGENTS ? opinion.judged : R5_AGENTS);
}
