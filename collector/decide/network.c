#include "collector/decide/network.h"

#include <stdlib.h>

#include "agent/base/mem.h"

static void allocate(struct network *network)
{
	size_t count = (size_t)network->count, edges = 0;

	for (size_t v = 0; v < count; v++)
		edges += (size_t)network->nodes[v].parent_count;
	text_index_init(&network->places, count);
	network->first_parent = xcalloc(count + 1, sizeof(int));
	network->parents = xcalloc(edges, sizeof(int));
	network->order = xcalloc(count, sizeof(int));
	network->above = xcalloc(count, sizeof(int));
	network->depth = xcalloc(count, sizeof(int));
}

static int index_ids(struct network *network, struct err *err)
{
	for (int v = 0; v < network->count; v++) {
		const char *id = network->nodes[v].id;
		size_t first = text_index_add(&network->places, id, (size_t)v);

		if (first != TEXT_INDEX_NONE)
			return err_set(err, ERR_INPUT, "nodes[%d].id: \"%.60s\" stands in nodes[%zu] already, remove one", v, id,
				       first);
	}
	return 0;
}

static int add_parent(struct network *network, int node, int which, struct err *err)
{
	const char *id = network->nodes[node].parents[which];
	int start = network->first_parent[node], end = start + which;
	int parent = network_find(network, id);

	if (parent == NETWORK_NONE)
		return err_set(err, ERR_INPUT, "nodes[%d].parents[%d]: \"%.60s\" is no node, add it or correct the name", node,
			       which, id);
	for (int i = start; i < end; i++)
		if (network->parents[i] == parent)
			return err_set(err, ERR_INPUT, "nodes[%d].parents[%d]: \"%.60s\" stands here twice, remove one", node,
				       which, id);
	network->parents[end] = parent;
	return 0;
}

static int resolve_parents(struct network *network, struct err *err)
{
	for (int v = 0; v < network->count; v++) {
		for (int i = 0; i < network->nodes[v].parent_count; i++)
			if (add_parent(network, v, i, err) < 0)
				return -1;
		network->first_parent[v + 1] = network->first_parent[v] + network->nodes[v].parent_count;
	}
	return 0;
}

/* A walk up from a node: path holds the nodes on the way, each with the parent that is to be tried next. */
struct walk {
	int *path, path_length;
	struct {
		enum { UNSEEN, ON_PATH, DONE } colour;
		int next_parent;
	} *nodes;
	int ordered;
};

/* The path's upper end has a parent that is on the path. */
static int fail_cycle(const struct network *network, const struct walk *walk, int parent, struct err *err)
{
	int node = walk->path[walk->path_length - 1];
	int length = 1;

	while (walk->path[walk->path_length - length] != parent)
		length++;
	return err_set(err, ERR_INPUT, "nodes[%d].parents[%d]: \"%.60s\" is below \"%.60s\" already, remove a parent from this "
		       "cycle of %d", node, walk->nodes[node].next_parent - 1, network->nodes[parent].id,
		       network->nodes[node].id, length);
}

static void step_onto(struct walk *walk, int node)
{
	walk->nodes[node].colour = ON_PATH;
	walk->path[walk->path_length++] = node;
}

/* Depth first: what is done goes into the order, after all that is above it. */
static int walk_up(struct network *network, struct walk *walk, int from, struct err *err)
{
	step_onto(walk, from);
	while (walk->path_length) {
		int node = walk->path[walk->path_length - 1];

		if (walk->nodes[node].next_parent == network->nodes[node].parent_count) {
			walk->nodes[node].colour = DONE;
			network->order[walk->ordered++] = node;
			walk->path_length--;
			continue;
		}
		int parent = network->parents[network->first_parent[node] + walk->nodes[node].next_parent++];
		if (walk->nodes[parent].colour == ON_PATH)
			return fail_cycle(network, walk, parent, err);
		if (walk->nodes[parent].colour == UNSEEN)
			step_onto(walk, parent);
	}
	return 0;
}

static int order_nodes(struct network *network, struct err *err)
{
	struct walk walk = { .path = xcalloc((size_t)network->count, sizeof *walk.path),
			     .nodes = xcalloc((size_t)network->count, sizeof *walk.nodes) };
	int rc = 0;

	for (int v = 0; v < network->count && rc == 0; v++)
		if (walk.nodes[v].colour == UNSEEN)
			rc = walk_up(network, &walk, v, err);
	free(walk.path);
	free(walk.nodes);
	return rc;
}

/* The lowest that is above both, or one of the two. */
static int find_common(const struct network *network, int a, int b)
{
	while (a != b && a != NETWORK_NONE && b != NETWORK_NONE) {
		if (network->depth[a] >= network->depth[b])
			a = network->above[a];
		else
			b = network->above[b];
	}
	return a == b ? a : NETWORK_NONE;
}

/* R2. */
static void find_dominators(struct network *network)
{
	for (int i = 0; i < network->count; i++) {
		int node = network->order[i];
		int first = network->first_parent[node], end = network->first_parent[node + 1];
		int above = first < end ? network->parents[first] : NETWORK_NONE;

		for (int p = first + 1; p < end; p++)
			above = find_common(network, above, network->parents[p]);
		network->above[node] = above;
		network->depth[node] = above == NETWORK_NONE ? 0 : network->depth[above] + 1;
	}
}

int network_init(struct network *ret_network, const struct network_node *nodes, int count, struct err *err)
{
	struct network network = { .nodes = nodes, .count = count };

	allocate(&network);
	if (index_ids(&network, err) < 0 || resolve_parents(&network, err) < 0 || order_nodes(&network, err) < 0) {
		network_close(&network);
		return -1;
	}
	find_dominators(&network);
	*ret_network = network;
	return 0;
}

void network_close(struct network *network)
{
	text_index_close(&network->places);
	free(network->first_parent);
	free(network->parents);
	free(network->order);
	free(network->above);
	free(network->depth);
	*network = (struct network){ 0 };
}

int network_find(const struct network *network, const char *id)
{
	size_t place = text_index_find(&network->places, id);

	return place == TEXT_INDEX_NONE ? NETWORK_NONE : (int)place;
}
