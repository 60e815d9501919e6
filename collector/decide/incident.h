/* incident.h - evaluations to incidents: one cause is one incident, whatever its answers look like on the way.
 *
 * The happy path: the network is evaluated again and again, in the order of event time; each evaluation blames nobody, some
 * segments, or a server. What two evaluations in a row blame opens an incident. While it is open, an answer above it moves it
 * up (others below are merged into it), one below narrows it, in both cases once two evaluations agree. When nothing of it was
 * blamed in two evaluations, and at least 80 % of the lines that it affected and that are measured are good, it is proven gone.
 *
 * The state is JSON, small while all is well, and can be kept: what follows depends on nothing but it and the evaluations to
 * come. A fact that arrives late is taken in by going on from a state saved before it.
 *
 *   blame:    {"kind", "cause", "node", "class": [ids], "alternatives": [[ids]], "margin", "lines": [numbers]}
 *   incident: a blame with {"key", "from_ms", "opened_ms", "last_ms", "moves": [{"at_ms", "what", "node"}]} and, once it
 *             ended, "proven_ms" or "merged": the other's key
 *   state:    {"open": [incidents], "pending": [blames]}
 *
 * Times:   _ms UTC milliseconds, event time. from_ms: the first evaluation that blamed it, last_ms: the newest.
 * Threads: pure.
 * Source:  methodology 12.5, 13 (4: a server's overload makes at most one). */
#ifndef PLUMBLINE_INCIDENT_H
#define PLUMBLINE_INCIDENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "collector/decide/localise.h"
#include "collector/decide/network.h"

/* Stored as numbers: new ones go last. */
enum incident_kind {
	INCIDENT_SEGMENT, INCIDENT_SERVER, INCIDENT_UPSTREAM, INCIDENT_CORE, INCIDENT_COLLECTOR, INCIDENT_KIND_COUNT
};
extern const char *const incident_kind_names[];   /* "segment", "server", "upstream", "core", "collector", NULL */

/* What made it known. Stored as numbers: new ones go last. */
enum incident_cause {
	FOUND_SLOW, FOUND_OUTAGE, FOUND_SILENCE, FOUND_SERVER, FOUND_SERVER_PATH, FOUND_HUB_SERVER, FOUND_UPSTREAM,
	FOUND_CONTENT_LOCAL, FOUND_CONTENT_HUB, FOUND_COLLECTOR,
	FOUND_SERVER_OUTAGE, FOUND_UPSTREAM_OUTAGE, FOUND_COUNT
};
extern const char *const incident_cause_names[];   /* "slow", …, NULL */

struct evaluation {
	int64_t at_ms;
	const json_t *blames;             /* strongest first */
	const struct network *network;    /* as it is now */
	/* How a line is, as to what caused the incident. */
	enum leaf_state (*leaf)(void *arg, enum incident_cause cause, int64_t line);
	void *arg;
	int64_t good_percent;             /* 80 */
	/* The causes that it looked for, as bits 1 << cause: what others made known is neither blamed nor silent in it. */
	unsigned causes;
};
#define EVALUATION_OF_ALL (~0u)

json_t *incident_state_new(void);
bool incident_state_is_empty(const json_t *state);

/* Steps through one evaluation later than those before. The incidents that ended are appended to ended. */
void incident_step(json_t *state, const struct evaluation *evaluation, json_t *ended);

/* Of a blame or an incident. */
enum incident_kind incident_kind_of(const json_t *blame);
enum incident_cause incident_cause_of(const json_t *blame);

/* Is the confidence too low to send anybody (F6)? Such an incident is listed as possible, and takes no tickets. */
bool incident_is_possible_only(const json_t *blame);

#endif
