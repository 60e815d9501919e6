/* incidents.h - incidents as they were derived (decide/incident.h), what people said of them, and their tickets.
 *
 * What is derived can be made again: incidents are replaced from a time on. One that is derived with another key than before,
 * because a late fact changed when it opened, keeps its id; one that is not derived any more is withdrawn, never deleted.
 * Times:   _ms UTC milliseconds, event time; what people say, wall time. Threads: a store thread, inside a job. */
#ifndef PLUMBLINE_INCIDENTS_H
#define PLUMBLINE_INCIDENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "collector/store/clients.h"

struct txn;

/* The state after the last evaluation before at_ms; a new one when there was none. */
int evaluation_state_before(struct txn *txn, int64_t at_ms, json_t **ret_state, struct err *err);

/* Replaces those with from_ms <= at_ms <= to_ms by [{at_ms, blames, state}]. */
int evaluations_replace(struct txn *txn, int64_t from_ms, int64_t to_ms, const json_t *evaluations, struct err *err);

/* Drops at most limit of those before before_ms; *ret_count: how many. Incidents stay. */
int evaluations_prune(struct txn *txn, int64_t before_ms, int64_t limit, int64_t *ret_count, struct err *err);

/* Replaces the incidents that opened within [from_ms, to_ms] and updates those that opened before: incidents is all that were
 * open at or after from_ms, each with its "id" should it be new. now_ms: when the collector learnt of it. */
int incidents_replace(struct txn *txn, int64_t from_ms, int64_t to_ms, const json_t *incidents, int64_t now_ms,
		      struct err *err);

/* Gives the tickets of the lines affected to their incidents (12.5): those of slow-local that lasted while a segment or the
 * core was blamed, surely enough. Looks at incidents that are open or were at from_ms or later. */
int incidents_adopt_tickets(struct txn *txn, int64_t from_ms, struct err *err);

extern const char *const incident_state_names[];   /* "open", "proven", "closed", "withdrawn", NULL */

struct incident_filter {
	const char *state;        /* a state's name; NULL: any */
	const char *cursor;
	int64_t limit;            /* 1 to 500 */
};

/* {"items": [{id, kind, cause, node, culprits: [ids], alternatives, confidence?, state, from_ms, opened_ms, last_ms,
 * proven_ms?, fixed_ms?, closed_ms?, lines: [ids], tickets: [ids]}], "cursor"}, newest first. culprits cannot be told apart
 * by what was measured, uppermost first; closed without proof: unverified; "withdrawn" is also one that became part of
 * another, merged_into. */
int incidents_list(struct txn *txn, const struct incident_filter *filter, json_t **ret_page, struct err *err);

/* One in that shape with history: [{at_ms, what, node}] and said: [{at_ms, action, by, note?, …}]. ERR_NOT_FOUND. */
int incident_show(struct txn *txn, const char *id, json_t **ret_incident, struct err *err);

/* What a person says: "fixed", "closed" or "note", in the shape above. ERR_CONFLICT when its state does not allow it. */
int incident_say(struct txn *txn, const char *id, const json_t *said, struct err *err);

/* Every derived incident by opening and key, then every evaluation, in a form that does not depend on the order in which
 * facts arrived. */
int incidents_visit(struct txn *txn, int64_t from_ms, int (*visit)(const json_t *incident, void *arg), void *arg,
		    struct err *err);
int evaluations_visit(struct txn *txn, int64_t from_ms, int (*visit)(const json_t *evaluation, void *arg), void *arg,
		      struct err *err);

#endif
