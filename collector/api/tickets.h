/* tickets.h - moves of tickets, for other nouns that make them too. */
#ifndef PLUMBLINE_API_TICKETS_H
#define PLUMBLINE_API_TICKETS_H

#include <jansson.h>

#include "collector/api/api.h"
#include "collector/people/custody.h"
#include "collector/store/tickets.h"

/* What a repair was, said by whoever marks something fixed: {cause, done, expense?}. *ret_details is made also when it fails. */
int repair_read(struct api_call *call, json_t **ret_details, struct err *err);

/* The person of the call makes the move: the ticket, its chain, and what is derived from it follow. note and details may be
 * NULL. Fails with ERR_CONFLICT when its state or holder does not allow it. */
int ticket_apply(struct api_call *call, struct txn *txn, struct ticket *ticket, enum custody_move move, const char *note,
		 const json_t *details, struct err *err);

#endif
