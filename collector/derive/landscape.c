#include "collector/derive/landscape.h"

#include <stdlib.h>

#include "agent/base/mem.h"
#include "collector/decide/incident.h"

static size_t count_parents(const json_t *items)
{
	json_t *node;
	size_t count = 0, i;

	json_array_foreach((json_t *)items, i, node)
		count += json_array_size(json_object_get(node, "parents"));
	return count;
}

static void fill_nodes(struct landscape *landscape, const json_t *items)
{
	const char **next = landscape->parents;
	json_t *node, *parent;
	size_t i, n;

	json_array_foreach((json_t *)items, i, node) {
		json_t *parents = json_object_get(node, "parents");

		landscape->nodes[i] = (struct network_node){
			.id = json_string_value(json_object_get(node, "id")),
			.parents = next,
			.parent_count = (int)json_array_size(parents),
		};
		json_array_foreach(parents, n, parent)
			*next++ = json_string_value(parent);
	}
}

static int load_network(struct txn *txn, struct landscape *landscape, struct err *err)
{
	const json_t *items;

	if (topology_get(txn, &landscape->topology, err) < 0)
		return -1;
	items = json_object_get(landscape->topology, "items");
	landscape->nodes = xcalloc(json_array_size(items) + 1, sizeof *landscape->nodes);
	landscape->parents = xcalloc(count_parents(items) + 1, sizeof *landscape->parents);
	fill_nodes(landscape, items);
	return network_init(&landscape->network, landscape->nodes, (int)json_array_size(items), err) < 0 ?
	       err_wrap(err, "topology") : 0;
}

static void add_line(void *arg, int64_t number, const char *id, const char *node)
{
	struct landscape *landscape = arg;
	struct landscape_line *line;

	if ((landscape->line_count & (landscape->line_count - 1)) == 0)   /* a power of two, or none: room doubles */
		landscape->lines = xrealloc(landscape->lines, 2 * (size_t)landscape->line_count + 1, sizeof *landscape->lines);
	line = &landscape->lines[landscape->line_count++];
	*line = (struct landscape_line){ .number = number, .node = network_find(&landscape->network, node) };
	text_copy(line->id, sizeof line->id, id);
}

int landscape_load(struct txn *txn, struct landscape *ret_landscape, struct err *err)
{
	struct landscape landscape = { .line_count = 0 };

	if (load_network(txn, &landscape, err) < 0 || lines_visit(txn, add_line, &landscape, err) < 0) {
		landscape_close(&landscape);
		return -1;
	}
	*ret_landscape = landscape;
	return 0;
}

void landscape_close(struct landscape *landscape)
{
	network_close(&landscape->network);
	free(landscape->lines);
	free(landscape->nodes);
	free(landscape->parents);
	json_decref(landscape->topology);
	*landscape = (struct landscape){ .line_count = 0 };
}

static int compare_number(const void *key, const void *line)
{
	int64_t number = *(const int64_t *)key, other = ((const struct landscape_line *)line)->number;

	return (number > other) - (number < other);
}

int landscape_find(const struct landscape *landscape, int64_t line_number)
{
	const struct landscape_line *line = landscape->line_count ?
		bsearch(&line_number, landscape->lines, (size_t)landscape->line_count, sizeof *landscape->lines, compare_number) : NULL;

	return line ? (int)(line - landscape->lines) : -1;
}

bool landscape_is_below(const struct landscape *landscape, int place, int upper)
{
	int node = landscape->lines[place].node;

	while (node != NETWORK_NONE && node != upper)
		node = landscape->network.above[node];
	return node == upper && node != NETWORK_NONE;
}

static json_t *bad_lines_below(const struct landscape *landscape, const enum leaf_state *states, int node)
{
	json_t *lines = json_array();

	for (int i = 0; i < landscape->line_count; i++)
		if (states[i] == LEAF_BAD && landscape_is_below(landscape, i, node))
			json_array_append_new(lines, json_integer(landscape->lines[i].number));
	return lines;
}

static json_t *ids_of(const struct network *network, const int *nodes, int count)
{
	json_t *ids = json_array();

	for (int i = 0; i < count; i++)
		json_array_append_new(ids, json_string(network->nodes[nodes[i]].id));
	return ids;
}

static json_t *make_blame(const struct landscape *landscape, const enum leaf_state *states, const char *cause,
			  const struct culprit *culprit)
{
	const struct network *network = &landscape->network;
	bool is_root = network->above[culprit->node] == NETWORK_NONE && network->nodes[culprit->node].parent_count == 0;
	json_t *alternatives = json_array();

	if (culprit->alternative[0] != NETWORK_NONE)
		json_array_append_new(alternatives, ids_of(network, culprit->alternative, 2));
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:o}",
			 "kind", incident_kind_names[is_root ? INCIDENT_CORE : INCIDENT_SEGMENT], "cause", cause,
			 "node", network->nodes[culprit->node].id,
			 "class", ids_of(network, culprit->class, culprit->class_count),
			 "alternatives", alternatives, "margin", (json_int_t)culprit->margin,
			 "lines", bad_lines_below(landscape, states, culprit->node));
}

/* Of the lines that the topology has; the caller frees. */
static struct leaf *make_leaves(const struct landscape *landscape, const enum leaf_state *states, bool hard, int *ret_count)
{
	struct leaf *leaves = xcalloc((size_t)landscape->line_count + 1, sizeof *leaves);
	int count = 0;

	for (int i = 0; i < landscape->line_count; i++) {
		const struct landscape_line *line = &landscape->lines[i];

		if (line->node != NETWORK_NONE)
			leaves[count++] = (struct leaf){ line->id, line->node, states[i], hard };
	}
	*ret_count = count;
	return leaves;
}

bool landscape_is_common(const struct landscape *landscape, const enum leaf_state *states)
{
	int count;
	struct leaf *leaves = make_leaves(landscape, states, false, &count);
	bool is_common = localise_is_common(&landscape->network, leaves, count);

	free(leaves);
	return is_common;
}

json_t *landscape_bad_lines(const struct landscape *landscape, const enum leaf_state *states)
{
	json_t *lines = json_array();

	for (int i = 0; i < landscape->line_count; i++)
		if (states[i] == LEAF_BAD)
			json_array_append_new(lines, json_integer(landscape->lines[i].number));
	return lines;
}

json_t *landscape_blames(const struct landscape *landscape, const enum leaf_state *states, bool hard, const char *cause)
{
	int count;
	struct leaf *leaves = make_leaves(landscape, states, hard, &count);
	json_t *blames = json_array();
	struct localisation found;

	found = localise(&landscape->network, leaves, count);
	for (int i = 0; i < found.culprit_count; i++)
		json_array_append_new(blames, make_blame(landscape, states, cause, &found.culprits[i]));
	localisation_free(&found);
	free(leaves);
	return blames;
}
