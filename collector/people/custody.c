#include "collector/people/custody.h"

#include <string.h>

#include "agent/base/mem.h"

const char *const custody_move_names[] = { "accept", "fixed", "close", "note", NULL };

#define IN(state) (1u << (state))
#define ANY_STATE (~0u)

static const unsigned from_states[CUSTODY_COUNT] = {
	[CUSTODY_ACCEPT] = IN(TICKET_OPEN) | IN(TICKET_ACCEPTED) | IN(TICKET_RETURNED),
	[CUSTODY_FIXED]  = IN(TICKET_ACCEPTED) | IN(TICKET_RETURNED),
	[CUSTODY_CLOSE]  = IN(TICKET_OPEN) | IN(TICKET_ACCEPTED) | IN(TICKET_FIXED) | IN(TICKET_RETURNED) | IN(TICKET_PROVEN),
	[CUSTODY_NOTE]   = ANY_STATE,
};

static int check_holder(enum custody_move move, const char *person, const struct ticket *ticket, struct err *err)
{
	bool holds = !strcmp(ticket->holder, person);

	if (move == CUSTODY_ACCEPT && ticket->state == TICKET_ACCEPTED && holds)
		return err_set(err, ERR_CONFLICT, "ticket %s: you hold it already", ticket->id);
	if (move == CUSTODY_FIXED && !holds)
		return err_set(err, ERR_CONFLICT, "ticket %s: %s holds it; accept it before you mark it fixed", ticket->id,
			       ticket->holder);
	return 0;
}

int custody_apply(enum custody_move move, const char *person, int64_t now_ms, struct ticket *ticket, struct err *err)
{
	if (!(from_states[move] & IN(ticket->state)))
		return err_set(err, ERR_CONFLICT, "ticket %s: it is %s, which does not allow \"%s\"", ticket->id,
			       ticket_state_names[ticket->state], custody_move_names[move]);
	if (check_holder(move, person, ticket, err) < 0)
		return -1;
	switch (move) {
	case CUSTODY_ACCEPT:
		ticket->state = TICKET_ACCEPTED;
		text_copy(ticket->holder, sizeof ticket->holder, person);
		break;
	case CUSTODY_FIXED:
		ticket->state = TICKET_FIXED;
		ticket->fixed_ms = now_ms;
		break;
	case CUSTODY_CLOSE:
		ticket->unverified = ticket->state != TICKET_PROVEN;   /* D6 */
		ticket->state = TICKET_CLOSED;
		ticket->closed_ms = now_ms;
		break;
	case CUSTODY_NOTE:
	case CUSTODY_COUNT:
		break;
	}
	return 0;
}

json_t *custody_allowed(const struct ticket *ticket, const char *person)
{
	json_t *moves = json_object();

	for (enum custody_move move = 0; move < CUSTODY_COUNT; move++) {
		struct ticket after = *ticket;
		struct err why;

		if (custody_apply(move, person, 0, &after, &why) == 0)
			json_object_set_new(moves, custody_move_names[move], json_true());
	}
	return moves;
}
