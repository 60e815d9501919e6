/* custody.h - what a person may do with a ticket, by its state (contract 4).
 *
 *   open, returned ── accept ──> accepted ── fixed ──> fixed ──(D6)──> proven ── close ──> closed
 *                        ^           │ another person takes it over
 *                        └───────────┘
 * Closing before the proof is allowed and leaves the ticket labelled unverified (D6).
 * Threads: pure. */
#ifndef PLUMBLINE_CUSTODY_H
#define PLUMBLINE_CUSTODY_H

#include <jansson.h>

#include "agent/base/err.h"
#include "collector/store/tickets.h"

enum custody_move { CUSTODY_ACCEPT, CUSTODY_FIXED, CUSTODY_CLOSE, CUSTODY_NOTE, CUSTODY_COUNT };
extern const char *const custody_move_names[];   /* "accept", "fixed", "close", "note", NULL */

/* Changes the ticket as the move does. Fails with ERR_CONFLICT, saying why, when its state or holder does not allow it. */
int custody_apply(enum custody_move move, const char *person, int64_t now_ms, struct ticket *ticket, struct err *err);

/* The moves that this person could make now: {"accept": true, "note": true}. */
json_t *custody_allowed(const struct ticket *ticket, const char *person);

#endif
