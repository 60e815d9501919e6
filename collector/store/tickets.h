/* tickets.h - defect tickets: at most one that is not closed or withdrawn for a line and defect, which the database
 * itself guarantees.
 * Times: opened, proven and re-opened in event time (when the measurement was made), moves by people in wall time.
 * Threads: a store thread, inside a job. */
#ifndef PLUMBLINE_TICKETS_H
#define PLUMBLINE_TICKETS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "collector/decide/move.h"
#include "collector/store/clients.h"

struct txn;

enum ticket_state {   /* stored as numbers: new ones go last */
	TICKET_OPEN, TICKET_ACCEPTED, TICKET_FIXED, TICKET_RETURNED, TICKET_PROVEN, TICKET_CLOSED, TICKET_WITHDRAWN,
};
extern const char *const ticket_state_names[];   /* "open", …, NULL */

struct ticket {
	char id[ID_SIZE];
	char client[ID_SIZE];
	char line[ID_SIZE];
	int64_t line_number;
	int defect;               /* enum defect */
	int leg;                  /* enum leg, or JSON_ABSENT where the defect has none */
	int state;                /* enum ticket_state */
	char holder[ID_SIZE];     /* never empty */
	int64_t opened_ms;        /* event time of the measurement that completed the rule */
	int64_t defect_from_ms;   /* event time of the first bad measurement of that window */
	int64_t fixed_ms;         /* JSON_ABSENT, or when a person marked it fixed */
	int64_t proven_ms, closed_ms;
	int64_t reopened_ms;      /* the last time */
	int64_t reopen_count;
	bool chronic;             /* D7 */
	bool unverified;          /* closed without proof (D6) */
	bool retrospective;       /* opened and over before its reports arrived */
};

/* The ticket of a line and defect that is neither closed nor withdrawn. Returns 1 when there is one, 0 when not, -1. */
int ticket_find_open(struct txn *txn, const struct line *line, enum defect defect, struct ticket *ret_ticket,
		     struct err *err);

/* Every ticket of a line and defect, withdrawn ones too, by opened_ms; the caller frees *ret_tickets. */
int tickets_of_defect(struct txn *txn, const struct line *line, enum defect defect, struct ticket **ret_tickets,
		      size_t *ret_count, struct err *err);

int ticket_get(struct txn *txn, const char *id, struct ticket *ret_ticket, struct err *err);   /* ERR_NOT_FOUND */

/* evidence is borrowed and kept as it is at this moment. ERR_CONFLICT when one is open already. */
int ticket_insert(struct txn *txn, const struct ticket *ticket, const json_t *evidence, struct err *err);

/* Writes what may change: state, holder, times, counts, flags. ERR_CONFLICT when it would be a second unclosed one,
 * ERR_NOT_FOUND. */
int ticket_update(struct txn *txn, const struct ticket *ticket, struct err *err);

/* Adds evidence that came later (of a re-opening, of the proof) beside what is there: {"at_ms", "what", …}. */
int ticket_add_evidence(struct txn *txn, const struct ticket *ticket, const json_t *evidence, struct err *err);

/* One entry of the ticket's chain: who did what, when, and what it left: {action, at_ms, by, holder, state, note …}. */
struct ticket_move {
	const char *action;       /* "opened", "accepted", "fixed", "proven", "closed", "reopened", "returned", "revised",
				   * "withdrawn", "note" */
	const char *by;           /* a person's name, or "plumbline" */
	int64_t at_ms;
	const char *note;         /* or NULL */
	const json_t *details;    /* cause, done, expense …; or NULL */
};
int ticket_add_move(struct txn *txn, const struct ticket *ticket, const struct ticket_move *move, struct err *err);

struct ticket_filter {
	const char *state;        /* a state's name, "unclosed" for all that are neither closed nor withdrawn; NULL: any */
	const char *client, *line, *holder, *incident;   /* NULL: any */
	const char *cursor;
	int64_t limit;            /* 1 to 500 */
};

/* {"items": [{id, client, client_name, line, defect, leg, state, holder, opened_ms, fixed_ms?, proven_ms?, closed_ms?,
 * reopen_count, chronic, retrospective, incident?, culprit?}], "cursor"}, newest first; culprit is the incident's segment. */
int tickets_list(struct txn *txn, const struct ticket_filter *filter, json_t **ret_page, struct err *err);

/* One ticket in that shape with evidence {measurements: […], …, later: […]} and custody: [moves]. ERR_NOT_FOUND. */
int ticket_show(struct txn *txn, const char *id, json_t **ret_ticket, struct err *err);

#endif
