#include "collector/files/localise_json.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "collector/decide/localise.h"

/* What localise wants; ids point into the input. */
struct input {
	struct network_node *nodes;
	const char **parents;       /* of all nodes */
	struct leaf *leaves;
	int node_count, leaf_count;
};

static int read_text(const json_t *value, const char **ret_text)
{
	if (!json_is_string(value) || !json_string_length(value))
		return -1;
	*ret_text = json_string_value(value);
	return 0;
}

static int read_node(const json_t *item, int place, struct network_node *node, const char **ret_parents, struct err *err)
{
	const json_t *parents = json_object_get(item, "parents"), *parent;
	size_t i;

	if (read_text(json_object_get(item, "id"), &node->id) < 0)
		return err_set(err, ERR_INPUT, "nodes[%d].id: must be a text, give the node one of its own", place);
	if (!json_is_array(parents))
		return err_set(err, ERR_INPUT, "nodes[%d].parents: must be an array of ids, give [] for a root", place);
	node->parents = ret_parents;
	json_array_foreach(parents, i, parent) {
		if (read_text(parent, &ret_parents[i]) < 0)
			return err_set(err, ERR_INPUT, "nodes[%d].parents[%zu]: must be a text, the id of a node", place, i);
		node->parent_count++;
	}
	return 0;
}

static int read_nodes(const json_t *list, struct input *input, struct err *err)
{
	size_t i, edges = 0;
	const json_t *item;

	if (!json_is_array(list))
		return err_set(err, ERR_INPUT, "nodes: must be an array, give one");
	json_array_foreach(list, i, item)
		edges += json_array_size(json_object_get(item, "parents"));
	input->nodes = xcalloc(json_array_size(list), sizeof *input->nodes);
	input->parents = xcalloc(edges, sizeof *input->parents);
	edges = 0;
	json_array_foreach(list, i, item) {
		if (read_node(item, (int)i, &input->nodes[i], input->parents + edges, err) < 0)
			return -1;
		edges += (size_t)input->nodes[i].parent_count;
	}
	input->node_count = (int)json_array_size(list);
	return 0;
}

static int read_state(const json_t *value, enum leaf_state *ret_state)
{
	for (int i = 0; json_is_string(value) && leaf_state_names[i]; i++) {
		if (!strcmp(json_string_value(value), leaf_state_names[i])) {
			*ret_state = (enum leaf_state)i;
			return 0;
		}
	}
	return -1;
}

static int read_leaf(const json_t *item, int place, const struct network *network, struct leaf *leaf, struct err *err)
{
	const json_t *hard = json_object_get(item, "hard");
	const char *node;

	if (read_text(json_object_get(item, "id"), &leaf->id) < 0)
		return err_set(err, ERR_INPUT, "leaves[%d].id: must be a text, give the leaf one of its own", place);
	if (read_text(json_object_get(item, "node"), &node) < 0)
		return err_set(err, ERR_INPUT, "leaves[%d].node: must be a text, the id of a node", place);
	leaf->node = network_find(network, node);
	if (leaf->node == NETWORK_NONE)
		return err_set(err, ERR_INPUT, "leaves[%d].node: \"%.60s\" is no node, add it or correct the name", place, node);
	if (read_state(json_object_get(item, "state"), &leaf->state) < 0)
		return err_set(err, ERR_INPUT, "leaves[%d].state: must be one of: good, bad, unknown", place);
	if (hard && !json_is_boolean(hard))
		return err_set(err, ERR_INPUT, "leaves[%d].hard: must be true or false", place);
	leaf->hard = json_is_true(hard);
	return 0;
}

static int check_leaf_ids(const struct input *input, struct err *err)
{
	struct text_index places;
	int rc = 0;

	text_index_init(&places, (size_t)input->leaf_count);
	for (int i = 0; i < input->leaf_count && rc == 0; i++) {
		size_t first = text_index_add(&places, input->leaves[i].id, (size_t)i);

		if (first != TEXT_INDEX_NONE)
			rc = err_set(err, ERR_INPUT, "leaves[%d].id: \"%.60s\" stands in leaves[%zu] already, remove one", i,
				     input->leaves[i].id, first);
	}
	text_index_close(&places);
	return rc;
}

static int read_leaves(const json_t *list, const struct network *network, struct input *input, struct err *err)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(list))
		return err_set(err, ERR_INPUT, "leaves: must be an array, give one");
	input->leaves = xcalloc(json_array_size(list), sizeof *input->leaves);
	json_array_foreach(list, i, item)
		if (read_leaf(item, (int)i, network, &input->leaves[i], err) < 0)
			return -1;
	input->leaf_count = (int)json_array_size(list);
	return check_leaf_ids(input, err);
}

static json_t *write_nodes(const struct network *network, const int *nodes, int count)
{
	json_t *ids = json_array();

	for (int i = 0; i < count; i++)
		json_array_append_new(ids, json_string(network->nodes[nodes[i]].id));
	return ids;
}

static json_t *write_leaves(const struct leaf *leaves, const int *which, int count)
{
	json_t *ids = json_array();

	for (int i = 0; i < count; i++)
		json_array_append_new(ids, json_string(leaves[which[i]].id));
	return ids;
}

static json_t *write_culprit(const struct network *network, const struct leaf *leaves, const struct culprit *culprit)
{
	json_t *alternatives = json_array();

	if (culprit->alternative[0] != NETWORK_NONE)
		json_array_append_new(alternatives, write_nodes(network, culprit->alternative, 2));
	return json_pack("{s:s, s:o, s:I, s:s, s:i, s:i, s:o, s:o}", "node", network->nodes[culprit->node].id,
			 "class", write_nodes(network, culprit->class, culprit->class_count),
			 "margin", (json_int_t)culprit->margin,
			 "confidence", confidence_names[localise_confidence(culprit->margin)],
			 "bad", culprit->bad, "good", culprit->good,
			 "contradictions", write_leaves(leaves, culprit->contradictions, culprit->good),
			 "alternatives", alternatives);
}

static json_t *write_hint(const struct network *network, const struct hint *hint)
{
	const char *id = network->nodes[hint->node].id;

	if (hint->kind == HINT_COMMON_CAUSE)
		return json_sprintf("common cause at the downstream side of %s", id);
	return json_sprintf("%d of %d leaves below %s are bad, too few to blame it", hint->bad, hint->known, id);
}

static json_t *write_answer(const struct network *network, const struct leaf *leaves, const struct localisation *found)
{
	json_t *culprits = json_array(), *hints = json_array();

	for (int i = 0; i < found->culprit_count; i++)
		json_array_append_new(culprits, write_culprit(network, leaves, &found->culprits[i]));
	for (int i = 0; i < found->hint_count; i++)
		json_array_append_new(hints, write_hint(network, &found->hints[i]));
	return json_pack("{s:o, s:o, s:o}", "culprits", culprits,
			 "isolated", write_leaves(leaves, found->isolated, found->isolated_count), "hints", hints);
}

static int answer_network(const json_t *object, json_t **ret_answer, struct err *err)
{
	struct network network = { 0 };
	struct localisation found;
	struct input input = { 0 };
	int rc = -1;

	if (read_nodes(json_object_get(object, "nodes"), &input, err) < 0 ||
	    network_init(&network, input.nodes, input.node_count, err) < 0 ||
	    read_leaves(json_object_get(object, "leaves"), &network, &input, err) < 0)
		goto out;
	found = localise(&network, input.leaves, input.leaf_count);
	*ret_answer = write_answer(&network, input.leaves, &found);
	localisation_free(&found);
	rc = 0;
out:
	network_close(&network);
	free(input.leaves);
	free(input.parents);
	free(input.nodes);
	return rc;
}

static int answer_list(const json_t *list, json_t **ret_answer, struct err *err)
{
	json_t *answers = json_array(), *answer;
	const json_t *item;
	struct err why;
	size_t i;

	json_array_foreach(list, i, item) {
		if (!json_is_object(item)) {
			err_set(err, ERR_INPUT, "[%zu]: must be an object with nodes and leaves", i);
			goto fail;
		}
		if (answer_network(item, &answer, &why) < 0) {
			err_set(err, why.code, "[%zu].%s", i, why.message);
			goto fail;
		}
		json_array_append_new(answers, answer);
	}
	*ret_answer = answers;
	return 0;
fail:
	json_decref(answers);
	return -1;
}

int localise_json(const json_t *input, json_t **ret_answer, struct err *err)
{
	if (json_is_array(input))
		return answer_list(input, ret_answer, err);
	if (!json_is_object(input))
		return err_set(err, ERR_INPUT, "must be an object with nodes and leaves, or an array of such");
	return answer_network(input, ret_answer, err);
}
