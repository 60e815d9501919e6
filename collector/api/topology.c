#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "collector/api/routes.h"
#include "collector/derive/landscape.h"
#include "collector/store/derived.h"
#include "collector/store/incidents.h"

#define INCIDENTS_MAX 500

/* What is known of the lines below each node. */
struct node_counts {
	int lines, good, bad;
};

struct survey {
	const struct landscape *landscape;
	struct node_counts *counts;   /* by node */
};

static void take_leaf(void *arg, int64_t line_number, enum leaf_state state)
{
	struct survey *survey = arg;
	int place = landscape_find(survey->landscape, line_number);
	int node = place < 0 ? NETWORK_NONE : survey->landscape->lines[place].node;

	for (; node != NETWORK_NONE; node = survey->landscape->network.above[node]) {
		survey->counts[node].good += state == LEAF_GOOD;
		survey->counts[node].bad += state == LEAF_BAD;
	}
}

static void count_lines(struct survey *survey)
{
	const struct landscape *landscape = survey->landscape;

	for (int i = 0; i < landscape->line_count; i++)
		for (int node = landscape->lines[i].node; node != NETWORK_NONE; node = landscape->network.above[node])
			survey->counts[node].lines++;
}

static bool is_blamed(const json_t *incidents, const char *node)
{
	json_t *incident, *culprit;
	size_t i, n;

	json_array_foreach((json_t *)incidents, i, incident) {
		const char *confidence = json_string_value(json_object_get(incident, "confidence"));

		if (confidence && !strcmp(confidence, "low"))
			continue;
		json_array_foreach(json_object_get(incident, "culprits"), n, culprit)
			if (!strcmp(json_string_value(culprit), node))
				return true;
	}
	return false;
}

/* Bad while an incident blames it, good when anything is known below it, else unmeasured. */
static void add_quality(json_t *node, const struct node_counts *counts, const json_t *incidents)
{
	int known = counts->good + counts->bad;
	const char *quality = is_blamed(incidents, json_string_value(json_object_get(node, "id"))) ? "bad" :
			      known ? "good" : "unmeasured";

	json_object_set_new(node, "quality", json_string(quality));
	json_object_set_new(node, "coverage", json_integer(counts->lines ? 100 * known / counts->lines : 0));
	json_object_set_new(node, "lines", json_integer(counts->lines));
	json_object_set_new(node, "good_lines", json_integer(counts->good));
	json_object_set_new(node, "bad_lines", json_integer(counts->bad));
}

static int survey_nodes(struct txn *txn, struct survey *survey, int64_t now_ms, json_t **ret_items, struct err *err)
{
	const struct incident_filter filter = { .state = "open", .limit = INCIDENTS_MAX };
	json_t *items = json_object_get(survey->landscape->topology, "items"), *page, *node;
	size_t i;

	count_lines(survey);
	if (leaves_at(txn, LEG_LOCAL, now_ms, take_leaf, survey, err) < 0 || incidents_list(txn, &filter, &page, err) < 0)
		return -1;
	json_array_foreach(items, i, node)
		add_quality(node, &survey->counts[i], json_object_get(page, "items"));
	json_decref(page);
	*ret_items = json_incref(items);
	return 0;
}

int topology_read(struct api_call *call, struct txn *txn, struct err *err)
{
	struct landscape landscape;
	struct survey survey = { .landscape = &landscape };
	json_t *items;
	int rc;

	if (landscape_load(txn, &landscape, err) < 0)
		return -1;
	survey.counts = xcalloc((size_t)landscape.network.count + 1, sizeof *survey.counts);
	rc = survey_nodes(txn, &survey, call->now.realtime_ms, &items, err);
	if (rc == 0)
		call->answer = json_pack("{s:o, s:n}", "items", items, "cursor");
	free(survey.counts);
	landscape_close(&landscape);
	return rc;
}
