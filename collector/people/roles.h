/* roles.h - who may do what: one table of role by action.
 * Threads: pure. Source: design, "Security in one paragraph". */
#ifndef PLUMBLINE_ROLES_H
#define PLUMBLINE_ROLES_H

#include <stdbool.h>

#include "collector/store/people.h"

enum action {
	ACTION_SEE,            /* clients, lines, measurements, tickets */
	ACTION_MOVE_TICKETS,   /* accept, mark fixed, close, note */
	ACTION_PLACE_ORDERS,   /* have a line probed now */
	ACTION_PLAN_WORK,      /* announce maintenance, end it */
	ACTION_COUNT
};

bool role_may(enum role role, enum action action);

#endif
