#include "collector/derive/evaluations.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "collector/decide/guard.h"
#include "collector/decide/incident.h"
#include "collector/derive/cells.h"
#include "collector/store/contact.h"
#include "collector/store/derived.h"
#include "collector/store/guard.h"
#include "collector/store/incidents.h"
#include "collector/store/maintenance.h"
#include "collector/store/outages.h"

#define FAST_MS INT64_C(120000)   /* 12.1: two sweeps */

/* Where the states of leaves come from. */
enum view { VIEW_LOCAL, VIEW_HUB, VIEW_OUTAGE, VIEW_SERVER, VIEW_UPSTREAM, VIEW_SILENCE, VIEW_COUNT };

typedef void (*leaf_visitor)(void *arg, int64_t line_number, enum leaf_state state);

static int read_local(struct txn *txn, int64_t at_ms, leaf_visitor visit, void *arg, struct err *err)
{
	return leaves_at(txn, LEG_LOCAL, at_ms, visit, arg, err);
}

static int read_hub(struct txn *txn, int64_t at_ms, leaf_visitor visit, void *arg, struct err *err)
{
	return leaves_at(txn, LEG_HUB, at_ms, visit, arg, err);
}

static int read_access(struct txn *txn, int64_t at_ms, leaf_visitor visit, void *arg, struct err *err)
{
	return outage_leaves_at(txn, OUTAGE_OF_ACCESS, at_ms, visit, arg, err);
}

static int read_server(struct txn *txn, int64_t at_ms, leaf_visitor visit, void *arg, struct err *err)
{
	return outage_leaves_at(txn, OUTAGE_OF_SERVER, at_ms, visit, arg, err);
}

static int read_upstream(struct txn *txn, int64_t at_ms, leaf_visitor visit, void *arg, struct err *err)
{
	return outage_leaves_at(txn, OUTAGE_OF_UPSTREAM, at_ms, visit, arg, err);
}

/* A mass silence that holds at either end; one shorter than a cell is found by neither, and accuses nobody. */
static int silence_exists(struct txn *txn, int64_t from_ms, int64_t to_ms, bool *ret_exist, struct err *err)
{
	struct silence_mass mass;
	int found = silence_mass_at(txn, from_ms, &mass, err);

	if (!found)
		found = silence_mass_at(txn, to_ms - 1, &mass, err);
	*ret_exist = found > 0;
	return found < 0 ? -1 : 0;
}

/* 12.1. What the localiser is asked about has a cause; the hub's leg tells only whether lines are good again, and what is
 * interrupted beyond the access network is no segment's (R5). */
static const struct source {
	int (*read)(struct txn *txn, int64_t at_ms, leaf_visitor visit, void *arg, struct err *err);
	bool is_localised;
	enum incident_cause cause;
	bool hard;                    /* F1 */
	/* Of what comes and goes within a cell: was there any in a stretch of time? */
	int (*exist)(struct txn *txn, int64_t from_ms, int64_t to_ms, bool *ret_exist, struct err *err);
} sources[VIEW_COUNT] = {
	[VIEW_LOCAL]  = { read_local, true, FOUND_SLOW, false, NULL },
	[VIEW_HUB]    = { read_hub, false, FOUND_UPSTREAM, false, NULL },
	[VIEW_OUTAGE] = { read_access, true, FOUND_OUTAGE, true, outages_exist },
	[VIEW_SERVER] = { read_server, false, FOUND_SERVER_OUTAGE, false, outages_exist },
	[VIEW_UPSTREAM] = { read_upstream, false, FOUND_UPSTREAM_OUTAGE, false, outages_exist },
	[VIEW_SILENCE] = { silence_leaves_at, true, FOUND_SILENCE, false, silence_exists },
};

/* What tells whether a line is good again. */
static const enum view view_of_cause[FOUND_COUNT] = {
	[FOUND_SLOW] = VIEW_LOCAL,          [FOUND_OUTAGE] = VIEW_OUTAGE,     [FOUND_SILENCE] = VIEW_SILENCE,
	[FOUND_SERVER] = VIEW_LOCAL,        [FOUND_SERVER_PATH] = VIEW_LOCAL, [FOUND_HUB_SERVER] = VIEW_HUB,
	[FOUND_UPSTREAM] = VIEW_HUB,        [FOUND_CONTENT_LOCAL] = VIEW_LOCAL, [FOUND_CONTENT_HUB] = VIEW_HUB,
	[FOUND_COLLECTOR] = VIEW_LOCAL,     [FOUND_SERVER_OUTAGE] = VIEW_SERVER, [FOUND_UPSTREAM_OUTAGE] = VIEW_UPSTREAM,
};

/* One moment. */
struct moment {
	struct txn *txn;
	const struct collector_config *config;
	const struct landscape *landscape;
	int64_t at_ms, cell_ms;       /* cell_ms: how long a cell is */
	unsigned causes;              /* that it looks for, as bits */
	enum leaf_state *views[VIEW_COUNT];
	enum leaf_state *filling;
};

static void take_leaf(void *arg, int64_t line_number, enum leaf_state state)
{
	const struct moment *moment = arg;
	int place = landscape_find(moment->landscape, line_number);

	if (place >= 0)
		moment->filling[place] = state;
}

static bool is_asked(const struct moment *moment, int view)
{
	return moment->causes & 1u << sources[view].cause;
}

/* D5: announced work says nothing about what it is done on. */
static void forget_below(void *arg, const char *id)
{
	const struct moment *moment = arg;
	int node = network_find(&moment->landscape->network, id);

	for (int i = 0; node != NETWORK_NONE && i < moment->landscape->line_count; i++)
		for (int view = 0; view < VIEW_COUNT && landscape_is_below(moment->landscape, i, node); view++)
			moment->views[view][i] = LEAF_UNKNOWN;
}

static int read_views(struct moment *moment, struct err *err)
{
	for (int view = 0; view < VIEW_COUNT; view++) {
		if (!is_asked(moment, view))
			continue;
		moment->filling = moment->views[view];
		for (int i = 0; i < moment->landscape->line_count; i++)
			moment->filling[i] = LEAF_UNKNOWN;
		if (sources[view].read(moment->txn, moment->at_ms, take_leaf, moment, err) < 0)
			return -1;
	}
	return maintenance_nodes_at(moment->txn, moment->at_ms, forget_below, moment, err);
}

static enum leaf_state leaf_of(void *arg, enum incident_cause cause, int64_t line)
{
	const struct moment *moment = arg;
	int place = landscape_find(moment->landscape, line);

	return place < 0 ? LEAF_UNKNOWN : moment->views[view_of_cause[cause]][place];
}

static bool has_bad(const enum leaf_state *states, int count)
{
	for (int i = 0; i < count; i++)
		if (states[i] == LEAF_BAD)
			return true;
	return false;
}

static void blame_segments(const struct moment *moment, json_t *blames)
{
	for (int view = 0; view < VIEW_COUNT; view++) {
		const struct source *source = &sources[view];
		json_t *found;

		if (!source->is_localised || !is_asked(moment, view) ||
		    !has_bad(moment->views[view], moment->landscape->line_count))
			continue;
		found = landscape_blames(moment->landscape, moment->views[view], source->hard,
					 incident_cause_names[source->cause]);
		json_array_extend(blames, found);
		json_decref(found);
	}
}

/* Where the leg's server stands, else what its file is called. */
static const char *server_of(const struct collector_config *config, enum leg leg)
{
	const struct served_file *files = config->reference_files.items;

	for (size_t i = 0; i < config->reference_files.count; i++)
		if (files[i].leg == (int)leg)
			return files[i].node ? files[i].node : files[i].name;
	return leg_names[leg];
}

static void blame_server(const struct moment *moment, enum incident_kind kind, enum incident_cause cause, enum leg leg,
			 json_t *lines, json_t *blames)
{
	const char *node = server_of(moment->config, leg);

	json_array_append_new(blames, json_pack("{s:s, s:s, s:s, s:[s], s:[], s:o}", "kind", incident_kind_names[kind], "cause",
						incident_cause_names[cause], "node", node, "class", node, "alternatives",
						"lines", lines));
}

/* R5: an interruption that so many report is one of the server or beyond, and none of theirs. */
static void blame_common(const struct moment *moment, json_t *blames)
{
	static const struct {
		enum view view;
		enum incident_kind kind;
		enum leg leg;
	} rows[] = { { VIEW_SERVER, INCIDENT_SERVER, LEG_LOCAL }, { VIEW_UPSTREAM, INCIDENT_UPSTREAM, LEG_HUB } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const enum leaf_state *states = moment->views[rows[i].view];

		if (is_asked(moment, rows[i].view) && landscape_is_common(moment->landscape, states))
			blame_server(moment, rows[i].kind, sources[rows[i].view].cause, rows[i].leg,
				     landscape_bad_lines(moment->landscape, states), blames);
	}
}

/* H5's rows. What is left to section 12 is blamed on the core here, on segments by their leaves. */
static int blame_by_guard(const struct moment *moment, const struct guard_verdict *verdict, json_t *blames, struct err *err)
{
	static const struct {
		bool blames;
		enum incident_kind kind;
		enum incident_cause cause;
		enum leg leg;
	} rows[] = {
		[GUARD_CALM]        = { .blames = false },
		[GUARD_SERVER]      = { true, INCIDENT_SERVER, FOUND_SERVER, LEG_LOCAL },
		[GUARD_SERVER_PATH] = { true, INCIDENT_SERVER, FOUND_SERVER_PATH, LEG_LOCAL },
		[GUARD_NETWORK]     = { .blames = false },
		[GUARD_HUB_SERVER]  = { true, INCIDENT_SERVER, FOUND_HUB_SERVER, LEG_HUB },
		[GUARD_UPSTREAM]    = { true, INCIDENT_UPSTREAM, FOUND_UPSTREAM, LEG_HUB },
		[GUARD_CORE]        = { .blames = false },
	};
	json_t *lines;

	if (!rows[verdict->result].blames)
		return 0;
	if (cell_lines(moment->txn, verdict->cell_ms, moment->cell_ms, rows[verdict->result].leg, JUDGED_BAD, &lines, err) < 0)
		return -1;
	blame_server(moment, rows[verdict->result].kind, rows[verdict->result].cause, rows[verdict->result].leg, lines, blames);
	return 0;
}

static int blame_core(const struct moment *moment, const struct guard_verdict *verdict, json_t *blames, struct err *err)
{
	enum leaf_state *states;
	json_t *found, *blame;
	size_t i;

	if (verdict->result != GUARD_CORE)
		return 0;
	states = xcalloc((size_t)moment->landscape->line_count + 1, sizeof *states);
	if (cell_states(moment->txn, moment->landscape, verdict->cell_ms, moment->cell_ms, LEG_LOCAL, states, err) < 0) {
		free(states);
		return -1;
	}
	found = landscape_blames(moment->landscape, states, false, incident_cause_names[FOUND_SLOW]);
	json_array_foreach(found, i, blame)
		if (incident_kind_of(blame) == INCIDENT_CORE)
			json_array_append(blames, blame);
	json_decref(found);
	free(states);
	return 0;
}

/* Several lines got other content at once; one alone is no incident. */
static int blame_content(const struct moment *moment, const struct guard_verdict *verdict, json_t *blames, struct err *err)
{
	static const enum incident_cause causes[LEG_COUNT] = { FOUND_CONTENT_LOCAL, FOUND_CONTENT_HUB };
	json_t *lines;

	for (int leg = 0; leg < LEG_COUNT; leg++) {
		if (!verdict->content[leg])
			continue;
		if (cell_lines(moment->txn, verdict->cell_ms, moment->cell_ms, (enum leg)leg, JUDGED_FAILED, &lines, err) < 0)
			return -1;
		if (json_array_size(lines) > 1)
			blame_server(moment, INCIDENT_SERVER, causes[leg], (enum leg)leg, lines, blames);
		else
			json_decref(lines);
	}
	return 0;
}

/* The verdict of the cell that ends now. */
static int blame_by_verdict(const struct moment *moment, json_t *blames, struct err *err)
{
	struct guard_verdict *verdicts;
	size_t count;
	int rc = 0;

	if (guard_verdicts(moment->txn, moment->at_ms - moment->cell_ms, moment->at_ms, &verdicts, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count && rc == 0; i++)
		if (blame_by_guard(moment, &verdicts[i], blames, err) < 0 || blame_core(moment, &verdicts[i], blames, err) < 0 ||
		    blame_content(moment, &verdicts[i], blames, err) < 0)
			rc = -1;
	free(verdicts);
	return rc;
}

/* Q3: silence that is the collector's own fault. */
static int blame_collector(const struct moment *moment, json_t *blames, struct err *err)
{
	struct silence_mass mass;
	int found = silence_mass_at(moment->txn, moment->at_ms, &mass, err);

	if (found > 0 && mass.is_own)
		json_array_append_new(blames, json_pack("{s:s, s:s, s:s, s:[s], s:[], s:[]}", "kind",
							incident_kind_names[INCIDENT_COLLECTOR], "cause",
							incident_cause_names[FOUND_COLLECTOR], "node", "collector", "class", "collector",
							"alternatives", "lines"));
	return found < 0 ? -1 : 0;
}

static int find_blames(struct moment *moment, json_t *blames, struct err *err)
{
	if (read_views(moment, err) < 0 ||
	    (moment->causes == EVALUATION_OF_ALL && blame_by_verdict(moment, blames, err) < 0) ||
	    (moment->causes & 1u << FOUND_COLLECTOR && blame_collector(moment, blames, err) < 0))
		return -1;
	blame_common(moment, blames);
	blame_segments(moment, blames);
	return 0;
}

/* What the evaluations make. */
struct making {
	json_t *state, *ended, *evaluations;
};

static int evaluate(struct moment *moment, const struct making *making, struct err *err)
{
	json_t *blames = json_array();
	bool was_empty = incident_state_is_empty(making->state);
	const struct evaluation evaluation = {
		.at_ms = moment->at_ms, .blames = blames, .network = &moment->landscape->network, .leaf = leaf_of, .arg = moment,
		.good_percent = moment->config->incident_good_percent, .causes = moment->causes,
	};
	int rc = find_blames(moment, blames, err);

	if (rc == 0) {
		incident_step(making->state, &evaluation, making->ended);
		if (!was_empty || !incident_state_is_empty(making->state))
			json_array_append_new(making->evaluations, json_pack("{s:I, s:O, s:o}", "at_ms", moment->at_ms, "blames",
									     blames, "state", json_deep_copy(making->state)));
	}
	json_decref(blames);
	return rc;
}

/* Within a cell, up to before to_ms: every two sweeps, where there is anything to see. */
static int evaluate_within(struct moment *moment, int64_t from_ms, int64_t to_ms, const struct making *making, struct err *err)
{
	moment->causes = 0;
	for (int view = 0; view < VIEW_COUNT; view++) {
		bool exist = false;

		if (sources[view].exist && sources[view].exist(moment->txn, from_ms, to_ms, &exist, err) < 0)
			return -1;
		moment->causes |= exist ? 1u << sources[view].cause : 0;
	}
	if (moment->causes & 1u << FOUND_SILENCE)
		moment->causes |= 1u << FOUND_COLLECTOR;
	for (moment->at_ms = from_ms - from_ms % FAST_MS + FAST_MS; moment->causes && moment->at_ms < to_ms; moment->at_ms += FAST_MS)
		if (evaluate(moment, making, err) < 0)
			return -1;
	return 0;
}

static int evaluate_cell(struct moment *moment, int64_t end_ms, const struct making *making, struct err *err)
{
	if (evaluate_within(moment, end_ms - moment->cell_ms, end_ms, making, err) < 0)
		return -1;
	moment->at_ms = end_ms;
	moment->causes = EVALUATION_OF_ALL;
	return evaluate(moment, making, err);
}

/* The same history gives the same ids. Crockford's base 32, as tickets have. */
static void name_incidents(json_t *incidents)
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	json_t *incident;
	size_t i;

	json_array_foreach(incidents, i, incident) {
		const char *key = json_string_value(json_object_get(incident, "key"));
		unsigned char hash[crypto_hash_sha256_BYTES];
		uint64_t bits = 0;
		char id[11] = "I-";

		crypto_hash_sha256(hash, (const unsigned char *)key, strlen(key));
		for (int n = 0; n < 5; n++)
			bits = bits << 8 | hash[n];
		for (int n = 0; n < 8; n++, bits >>= 5)
			id[2 + n] = digits[bits & 31];
		json_object_set_new(incident, "id", json_string(id));
	}
}

int evaluations_make(struct txn *txn, const struct collector_config *config, const struct landscape *landscape,
		     int64_t first_ms, int count, int64_t to_ms, json_t **ret_evaluations, json_t **ret_incidents, struct err *err)
{
	struct moment moment = {
		.txn = txn, .config = config, .landscape = landscape, .cell_ms = collector_config_cell_ms(config),
	};
	int64_t after_ms = first_ms + (count - 1) * moment.cell_ms;
	struct making making = { NULL, json_array(), json_array() };
	int rc = evaluation_state_before(txn, first_ms - moment.cell_ms + 1, &making.state, err);

	for (int view = 0; view < VIEW_COUNT; view++)
		moment.views[view] = xcalloc((size_t)landscape->line_count + 1, sizeof **moment.views);
	for (int i = 0; i < count && rc == 0; i++)
		rc = evaluate_cell(&moment, first_ms + i * moment.cell_ms, &making, err);
	if (rc == 0 && to_ms < after_ms + moment.cell_ms)
		rc = evaluate_within(&moment, after_ms, to_ms + 1, &making, err);
	for (int view = 0; view < VIEW_COUNT; view++)
		free(moment.views[view]);
	if (rc == 0) {
		json_array_extend(making.ended, json_object_get(making.state, "open"));
		name_incidents(making.ended);
		*ret_evaluations = json_incref(making.evaluations);
		*ret_incidents = json_incref(making.ended);
	}
	json_decref(making.state);
	json_decref(making.evaluations);
	json_decref(making.ended);
	return rc;
}
