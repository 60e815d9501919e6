/* network.h - the topology as a graph of nodes, and the tree of what each node cannot do without.
 *
 * A node stands for the segment above it together with its equipment. Several parents are redundant uplinks: the node is
 * served while any of them is. The node just above in the dominator tree is the nearest one that lies on every path from
 * the root, so it is the nearest that can cut the node off alone; with a single parent it is that parent.
 *
 * Ownership: borrows the nodes, their ids and their parents' ids; network_close releases the rest.
 * Threads:   pure; read-only once made. Time O(edges x depth) at worst, O(nodes) in a tree; no recursion.
 * Source:    methodology R2. */
#ifndef PLUMBLINE_NETWORK_H
#define PLUMBLINE_NETWORK_H

#include "agent/base/err.h"
#include "collector/base/text_index.h"

#define NETWORK_NONE (-1)

struct network_node {
	const char *id;
	const char *const *parents;   /* ids of nodes of the same network */
	int parent_count;             /* 0: a root */
};

/* Nodes are known by their place in the array. */
struct network {
	const struct network_node *nodes;
	int count;
	struct text_index places;     /* of ids */
	int *first_parent;            /* count + 1: the parents of v are parents[first_parent[v]] up to first_parent[v + 1] */
	int *parents;
	int *order;                   /* every node after all that is above it */
	int *above;                   /* in the dominator tree; NETWORK_NONE for a root, and for what only several roots serve */
	int *depth;                   /* in the dominator tree; 0 without anything above */
};

/* Fails with ERR_INPUT on an id that stands twice, a parent that is no node or stands twice, and a cycle; the message
 * begins with the place, "nodes[3].parents[0]: …", and says what to do. Nothing is left to close then. */
int network_init(struct network *ret_network, const struct network_node *nodes, int count, struct err *err);
void network_close(struct network *network);

/* The node of that id, or NETWORK_NONE. */
int network_find(const struct network *network, const char *id);

#endif
