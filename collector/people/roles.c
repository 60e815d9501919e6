#include "collector/people/roles.h"

bool role_may(enum role role, enum action action)
{
	static const bool allowed[ROLE_COUNT][ACTION_COUNT] = {
		[ROLE_VIEWER]   = { [ACTION_SEE] = true },
		[ROLE_TECH]     = { [ACTION_SEE] = true, [ACTION_MOVE_TICKETS] = true, [ACTION_PLACE_ORDERS] = true,
				    [ACTION_PLAN_WORK] = true },
		[ROLE_MANAGER]  = { [ACTION_SEE] = true, [ACTION_MOVE_TICKETS] = true, [ACTION_PLACE_ORDERS] = true },
		[ROLE_DIRECTOR] = { [ACTION_SEE] = true, [ACTION_MOVE_TICKETS] = true, [ACTION_PLACE_ORDERS] = true,
				    [ACTION_PLAN_WORK] = true },
		[ROLE_ADMIN]    = { [ACTION_SEE] = true, [ACTION_MOVE_TICKETS] = true, [ACTION_PLACE_ORDERS] = true,
				    [ACTION_PLAN_WORK] = true },
	};

	return allowed[role][action];
}
