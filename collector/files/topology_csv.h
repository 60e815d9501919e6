/* topology_csv.h - topology.csv (contract, section 2): nodes and the nodes above them, a row a node.
 * parents are separated by ";" and must stand in the same file; a root has none. No node is above itself. A node without a
 * name is called by its id.
 * Ownership: topology_csv_parse makes the array, topology_csv_free releases it. Threads: pure. */
#ifndef PLUMBLINE_TOPOLOGY_CSV_H
#define PLUMBLINE_TOPOLOGY_CSV_H

#include <stddef.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "collector/store/clients.h"

struct topology_node {
	struct node node;
	const char **parents;   /* ids, pointing into other nodes of the same array */
	size_t parent_count;
};

struct topology_csv {
	struct topology_node *nodes;   /* parents before their children */
	size_t node_count;
};

/* The whole file or nothing: with any fault it returns -1 with ERR_INPUT, and *ret_faults has a line
 * "name:LINE:COLUMN: what, what to do" for every one. name stands for the file. */
int topology_csv_parse(const char *name, const char *bytes, size_t length, struct topology_csv *ret_topology,
		       struct buf *ret_faults, struct err *err);
void topology_csv_free(struct topology_csv *topology);

#endif
