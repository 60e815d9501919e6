/* landscape.h - the topology with the lines that hang from it, as one transaction sees them.
 * Ownership: landscape_load makes it, landscape_close releases it; all zero is an empty one.
 * Threads:   a store thread, inside a job; read-only once made. */
#ifndef PLUMBLINE_LANDSCAPE_H
#define PLUMBLINE_LANDSCAPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "collector/decide/localise.h"
#include "collector/decide/network.h"
#include "collector/store/clients.h"

struct txn;

struct landscape_line {
	int64_t number;
	char id[ID_SIZE];
	int node;             /* NETWORK_NONE: the topology does not have it */
};

struct landscape {
	struct network network;
	struct landscape_line *lines;   /* by number */
	int line_count;
	json_t *topology;               /* what the network's nodes point into */
	struct network_node *nodes;
	const char **parents;
};

int landscape_load(struct txn *txn, struct landscape *ret_landscape, struct err *err);
void landscape_close(struct landscape *landscape);

/* Its place in lines, or -1. */
int landscape_find(const struct landscape *landscape, int64_t line_number);

/* Does the line hang below the node, or from it? */
bool landscape_is_below(const struct landscape *landscape, int place, int node);

/* Which segments explain these states, one a line, and the lines behind each: [blame] as decide/incident has them; hard as
 * F1 has it. cause: "slow" …. */
json_t *landscape_blames(const struct landscape *landscape, const enum leaf_state *states, bool hard, const char *cause);

/* Has what these states tell of one cause beyond the access network (R5)? */
bool landscape_is_common(const struct landscape *landscape, const enum leaf_state *states);

/* The numbers of the lines that are bad. */
json_t *landscape_bad_lines(const struct landscape *landscape, const enum leaf_state *states);

#endif
