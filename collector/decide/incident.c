#include "collector/decide/incident.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"

#define SILENT_EVALUATIONS 2

const char *const incident_kind_names[] = { "segment", "server", "upstream", "core", "collector", NULL };
const char *const incident_cause_names[] = {
	"slow", "outage", "silence", "server", "server-path", "hub-server", "upstream", "content-local", "content-hub", "collector",
	"server-outage", "upstream-outage", NULL,
};
static_assert(sizeof incident_cause_names / sizeof incident_cause_names[0] == FOUND_COUNT + 1, "every cause has a name");

static int find_name(const char *const *names, const char *name)
{
	int i = 0;

	while (names[i] && strcmp(names[i], name))
		i++;
	return i;
}

static const char *text_at(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static int64_t number_at(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

enum incident_kind incident_kind_of(const json_t *blame)
{
	return (enum incident_kind)find_name(incident_kind_names, text_at(blame, "kind"));
}

enum incident_cause incident_cause_of(const json_t *blame)
{
	return (enum incident_cause)find_name(incident_cause_names, text_at(blame, "cause"));
}

bool incident_is_possible_only(const json_t *blame)
{
	const json_t *margin = json_object_get(blame, "margin");

	return margin && localise_confidence(json_integer_value(margin)) == CONFIDENCE_LOW;
}

json_t *incident_state_new(void)
{
	return json_pack("{s:[], s:[]}", "open", "pending");
}

bool incident_state_is_empty(const json_t *state)
{
	return !json_array_size(json_object_get(state, "open")) && !json_array_size(json_object_get(state, "pending"));
}

/* How a blame lies to an incident, or to one of the evaluation before. */
enum relation { UNRELATED, SAME, ABOVE, BELOW };

static bool is_of_network(const json_t *blame)
{
	enum incident_kind kind = incident_kind_of(blame);

	return kind == INCIDENT_SEGMENT || kind == INCIDENT_CORE;
}

static bool share_node(const json_t *a, const json_t *b)
{
	json_t *node, *other;
	size_t i, j;

	json_array_foreach(json_object_get(a, "class"), i, node)
		json_array_foreach(json_object_get(b, "class"), j, other)
			if (json_equal(node, other))
				return true;
	return false;
}

static bool is_above(const struct network *network, int upper, int lower)
{
	while (lower != NETWORK_NONE && network->depth[lower] > network->depth[upper])
		lower = network->above[lower];
	return lower == upper;
}

/* A server and the way to it are told apart by a canary, which may change its mind; slow or dead is one cause, too. */
static enum incident_cause family_of(const json_t *blame)
{
	enum incident_cause cause = incident_cause_of(blame);

	switch (cause) {
	case FOUND_SERVER_PATH:
	case FOUND_SERVER_OUTAGE:
		return FOUND_SERVER;
	case FOUND_UPSTREAM_OUTAGE:
		return FOUND_UPSTREAM;
	default:
		return cause;
	}
}

static enum relation relate(const struct network *network, const json_t *blame, const json_t *incident)
{
	int upper, lower;

	if (is_of_network(blame) != is_of_network(incident))
		return UNRELATED;
	if (!is_of_network(blame))
		return family_of(blame) == family_of(incident) ? SAME : UNRELATED;
	if (share_node(blame, incident))
		return SAME;
	upper = network_find(network, text_at(blame, "node"));
	lower = network_find(network, text_at(incident, "node"));
	if (upper == NETWORK_NONE || lower == NETWORK_NONE)
		return UNRELATED;
	if (is_above(network, upper, lower))
		return ABOVE;
	return is_above(network, lower, upper) ? BELOW : UNRELATED;
}

static int compare_integers(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Adds the blame's lines to the incident's: rising, each once. */
static void add_lines(json_t *incident, const json_t *blame)
{
	const json_t *old = json_object_get(incident, "lines"), *more = json_object_get(blame, "lines");
	size_t count = 0, capacity = json_array_size(old) + json_array_size(more);
	int64_t *numbers = xcalloc(capacity + 1, sizeof *numbers);
	json_t *lines = json_array(), *line;
	size_t i;

	json_array_foreach((json_t *)old, i, line)
		numbers[count++] = json_integer_value(line);
	json_array_foreach((json_t *)more, i, line)
		numbers[count++] = json_integer_value(line);
	qsort(numbers, count, sizeof *numbers, compare_integers);
	for (i = 0; i < count; i++)
		if (i == 0 || numbers[i] != numbers[i - 1])
			json_array_append_new(lines, json_integer(numbers[i]));
	json_object_set_new(incident, "lines", lines);
	free(numbers);
}

static void add_move(json_t *incident, int64_t at_ms, const char *what)
{
	json_array_append_new(json_object_get(incident, "moves"),
			      json_pack("{s:I, s:s, s:O}", "at_ms", at_ms, "what", what, "node",
					json_object_get(incident, "node")));
}

/* What is blamed becomes what the incident is about. As long as that is the same, its best margin counts: a fault that is
 * half repaired was no less sure. */
static void adopt(json_t *incident, const json_t *blame, enum relation relation)
{
	static const char *const members[] = { "kind", "cause", "node", "class", "alternatives" };
	const json_t *margin = json_object_get(blame, "margin");

	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
		json_object_set(incident, members[i], json_object_get(blame, members[i]));
	if (margin && (relation != SAME || json_integer_value(margin) > number_at(incident, "margin")))
		json_object_set(incident, "margin", (json_t *)margin);
	add_lines(incident, blame);
	json_object_del(incident, "wanted");
}

/* Did the evaluation before already want this answer of it? If not, it is noted. */
static bool persists(json_t *incident, const json_t *blame)
{
	if (!strcmp(text_at(incident, "wanted"), text_at(blame, "node")))
		return true;
	json_object_set(incident, "wanted", json_object_get(blame, "node"));
	return false;
}

static void take(json_t *incident, const json_t *blame, enum relation relation, int64_t at_ms)
{
	char *node = xstrdup(text_at(incident, "node"));

	json_object_set_new(incident, "last_ms", json_integer(at_ms));
	json_object_set_new(incident, "silent", json_integer(0));
	if (relation == SAME || persists(incident, blame)) {
		adopt(incident, blame, relation);
		if (strcmp(node, text_at(incident, "node")))
			add_move(incident, at_ms, relation == BELOW ? "narrowed" : relation == ABOVE ? "moved-up" : "renamed");
	}
	free(node);
}

/* The open incidents while an evaluation is stepped through. */
struct step {
	json_t *state, *ended;
	const struct evaluation *evaluation;
	bool *matched;     /* by place in open */
	json_t *pending;   /* for the next evaluation */
};

static json_t *open_at(const struct step *step, size_t i)
{
	return json_array_get(json_object_get(step->state, "open"), i);
}

static size_t open_count(const struct step *step)
{
	return json_array_size(json_object_get(step->state, "open"));
}

/* The one that the blame is about: the same, else the oldest below it, else one above it. They stand in the order in which
 * they opened. */
static size_t find_open(const struct step *step, const json_t *blame, enum relation *ret_relation)
{
	static const enum relation order[] = { SAME, ABOVE, BELOW };

	for (size_t wanted = 0; wanted < sizeof order / sizeof order[0]; wanted++)
		for (size_t i = 0; i < open_count(step); i++)
			if (!step->matched[i] &&
			    relate(step->evaluation->network, blame, open_at(step, i)) == order[wanted]) {
				*ret_relation = order[wanted];
				return i;
			}
	return open_count(step);
}

/* The others that the same answer explains are merged into the first, once two evaluations agree. */
static void take_others(struct step *step, const json_t *blame, json_t *first)
{
	for (size_t i = 0; i < open_count(step); i++) {
		json_t *incident = open_at(step, i);
		enum relation relation = relate(step->evaluation->network, blame, incident);

		if (step->matched[i] || relation == UNRELATED || relation == BELOW)
			continue;
		step->matched[i] = true;
		json_object_set_new(incident, "last_ms", json_integer(step->evaluation->at_ms));
		if (!persists(incident, blame))
			continue;
		add_lines(first, incident);
		json_object_set(incident, "merged", json_object_get(first, "key"));
		add_move(incident, step->evaluation->at_ms, "merged");
	}
}

static void open_incident(struct step *step, const json_t *blame, const json_t *before)
{
	int64_t at_ms = step->evaluation->at_ms;
	json_t *incident = json_copy((json_t *)blame);

	json_object_set_new(incident, "key", json_sprintf("%s %s %" PRId64, text_at(blame, "cause"), text_at(blame, "node"),
							  at_ms));
	json_object_set(incident, "from_ms", json_object_get(before, "at_ms"));
	json_object_set_new(incident, "opened_ms", json_integer(at_ms));
	json_object_set_new(incident, "last_ms", json_integer(at_ms));
	json_object_set_new(incident, "silent", json_integer(0));
	json_object_set_new(incident, "moves", json_array());
	add_lines(incident, before);
	add_move(incident, at_ms, "opened");
	json_array_append_new(json_object_get(step->state, "open"), incident);
}

/* Nothing open is like it: it was blamed in the evaluation before, or waits for the next. */
static void take_new(struct step *step, const json_t *blame)
{
	json_t *before, *waiting;
	size_t i;

	json_array_foreach(json_object_get(step->state, "pending"), i, before) {
		if (relate(step->evaluation->network, blame, before) == SAME) {
			open_incident(step, blame, before);
			return;
		}
	}
	waiting = json_copy((json_t *)blame);
	json_object_set_new(waiting, "at_ms", json_integer(step->evaluation->at_ms));
	json_array_append_new(step->pending, waiting);
}

/* The same may be slow and interrupted at once: what this evaluation blamed already is one incident. */
static bool is_blamed_already(const struct step *step, const json_t *blame)
{
	for (size_t i = 0; i < open_count(step); i++) {
		if (!step->matched[i] || relate(step->evaluation->network, blame, open_at(step, i)) != SAME)
			continue;
		add_lines(open_at(step, i), blame);
		return true;
	}
	return false;
}

static void take_blame(struct step *step, const json_t *blame)
{
	enum relation relation = UNRELATED;
	size_t place;

	if (is_blamed_already(step, blame))
		return;
	place = find_open(step, blame, &relation);
	if (place == open_count(step)) {
		take_new(step, blame);
		return;
	}
	step->matched[place] = true;
	take(open_at(step, place), blame, relation, step->evaluation->at_ms);
	take_others(step, blame, open_at(step, place));
}

/* 12.5: enough of the affected lines that anything is known about are good again. Where no line shows it, silence must do. */
static bool is_verified(const struct evaluation *evaluation, const json_t *incident)
{
	enum incident_cause cause = incident_cause_of(incident);
	int64_t known = 0, good = 0;
	json_t *line;
	size_t i;

	json_array_foreach(json_object_get(incident, "lines"), i, line) {
		enum leaf_state state = evaluation->leaf(evaluation->arg, cause, json_integer_value(line));

		known += state != LEAF_UNKNOWN;
		good += state == LEAF_GOOD;
	}
	if (!json_array_size(json_object_get(incident, "lines")))
		return true;
	return known > 0 && 100 * good >= evaluation->good_percent * known;
}

static void be_silent(struct step *step, json_t *incident)
{
	int64_t silent = number_at(incident, "silent") + 1;

	json_object_del(incident, "wanted");
	json_object_set_new(incident, "silent", json_integer(silent));
	if (silent < SILENT_EVALUATIONS || !is_verified(step->evaluation, incident))
		return;
	json_object_set_new(incident, "proven_ms", json_integer(step->evaluation->at_ms));
	add_move(incident, step->evaluation->at_ms, "proven");
}

static void remove_ended(struct step *step)
{
	json_t *open = json_object_get(step->state, "open"), *still = json_array(), *incident;
	size_t i;

	json_array_foreach(open, i, incident) {
		bool ended = json_object_get(incident, "proven_ms") || json_object_get(incident, "merged");

		json_array_append(ended ? step->ended : still, incident);
	}
	json_object_set_new(step->state, "open", still);
}

static bool is_looked_for(const struct evaluation *evaluation, const json_t *blame)
{
	return evaluation->causes & 1u << incident_cause_of(blame);
}

/* What waits for an evaluation of its own cause goes on waiting, unless it was opened just now. */
static void keep_waiting(struct step *step)
{
	json_t *before, *incident;
	size_t i, n;

	json_array_foreach(json_object_get(step->state, "pending"), i, before) {
		bool is_open = false;

		json_array_foreach(json_object_get(step->state, "open"), n, incident)
			is_open = is_open || relate(step->evaluation->network, before, incident) == SAME;
		if (!is_open && !is_looked_for(step->evaluation, before))
			json_array_append(step->pending, before);
	}
}

void incident_step(json_t *state, const struct evaluation *evaluation, json_t *ended)
{
	size_t before = json_array_size(json_object_get(state, "open")), i;
	size_t most = before + json_array_size(evaluation->blames);
	struct step step = {
		.state = state, .ended = ended, .evaluation = evaluation, .pending = json_array(),
		.matched = xcalloc(most + 1, sizeof *step.matched),
	};
	json_t *blame;

	json_array_foreach((json_t *)evaluation->blames, i, blame)
		take_blame(&step, blame);
	for (i = 0; i < before; i++)
		if (!step.matched[i] && is_looked_for(evaluation, open_at(&step, i)))
			be_silent(&step, open_at(&step, i));
	keep_waiting(&step);
	json_object_set_new(state, "pending", step.pending);
	remove_ended(&step);
	free(step.matched);
}
