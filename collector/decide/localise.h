/* localise.h - which segments explain a set of good and bad leaves.
 *
 * The happy path: leaves are counted up the network's dominator tree, the cheapest set of blamed nodes is found from the
 * lowest node to the root, and read off from the root down. What is bad under no blamed node is isolated; its share is the
 * noise that a second round weighs bad leaves with. A node that the known leaves cannot tell from the one above it is
 * reported together with that one.
 *
 * Nodes and leaves are known by their places in the caller's arrays. The answer does not depend on these places: lists
 * are in the order of margins, then of ids.
 * Ownership: localise makes the answer, localisation_free releases it; ids stay the caller's.
 * Threads:   pure. Time and memory O(nodes + leaves), for each pair of uplinks offered as an alternative (R3) once O(edges) more;
 *            no recursion.
 * Source:    methodology F1 (leaves), F2 (costs), F3 (guards), F4 (noise), F5 (class), F6 (confidence), F7 (hints), R2, R3, R5. */
#ifndef PLUMBLINE_LOCALISE_H
#define PLUMBLINE_LOCALISE_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/decide/network.h"

enum leaf_state { LEAF_GOOD, LEAF_BAD, LEAF_UNKNOWN };
extern const char *const leaf_state_names[];   /* "good", "bad", "unknown", NULL */

struct leaf {
	const char *id;
	int node;                /* that it hangs from */
	enum leaf_state state;
	bool hard;               /* of a good one: nothing above it can have failed (F1) */
};

struct culprit {
	int node;                /* the uppermost of its class */
	const int *class;        /* nodes that the known leaves cannot tell apart, downwards (F5) */
	int class_count;
	int64_t margin;          /* by how much blaming is cheaper than the best explanation without it */
	int bad, good;           /* known leaves below */
	const int *contradictions;   /* those good leaves */
	int alternative[2];      /* R3: two uplinks that together explain it and its siblings; NETWORK_NONE when there are none */
};

enum hint_kind {
	HINT_COMMON_CAUSE,       /* several culprits hang from this node */
	HINT_THIN,               /* bad leaves meet below this node, too few to blame it */
};

struct hint {
	enum hint_kind kind;
	int node;
	int bad, known;          /* of HINT_THIN: leaves below that no culprit explains, and how many of them are bad */
};

struct localisation {
	struct culprit *culprits;
	int culprit_count;
	const int *isolated;     /* bad leaves that no culprit explains: each its own line's matter */
	int isolated_count;
	struct hint *hints;
	int hint_count;
	int *lists;              /* what the lists above point into */
};

struct localisation localise(const struct network *network, const struct leaf *leaves, int count);
void localisation_free(struct localisation *localisation);

/* F6. */
enum confidence { CONFIDENCE_HIGH, CONFIDENCE_MEDIUM, CONFIDENCE_LOW };
extern const char *const confidence_names[];   /* "high", "medium", "low", NULL */
enum confidence localise_confidence(int64_t margin);
#define LOCALISE_SURE_MARGIN 7   /* the least that is not low */

/* R5, to be asked before localise looks at the hub: is what lies beyond the access network at fault? */
struct agent_legs {
	int node;
	enum leaf_state local, hub;
};
bool localise_is_upstream(const struct network *network, const struct agent_legs *agents, int count);

/* R5 of what was interrupted beyond the access network: do so many agents say so, or all of fewer, that it is one cause? */
bool localise_is_common(const struct network *network, const struct leaf *leaves, int count);

#endif
