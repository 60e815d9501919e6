#include "collector/api/routes.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "/api/v1"

static const struct api_route routes[] = {
	{ "POST",   "/agent/v1/enroll",                   API_ANYONE, 0, enroll_read, enroll_write, NULL },
	{ "POST",   "/agent/v1/reports",                  API_AGENT,  0, reports_read, reports_write, NULL },
	{ "GET",    "/agent/v1/instruction",              API_AGENT,  0, instruction_read, NULL, NULL },

	{ "GET",    "/",                                  API_PERSON, ACTION_SEE, home_show, NULL, "clients" },
	{ "GET",    "/login",                             API_ANYONE, 0, login_show, NULL, "login" },
	{ "POST",   PREFIX "/session",                    API_ANYONE, 0, session_read, session_write, "login" },
	{ "DELETE", PREFIX "/session",                    API_PERSON, ACTION_SEE, NULL, session_end, NULL },
	{ "POST",   "/session/end",                       API_PERSON, ACTION_SEE, NULL, session_end, "login" },

	{ "GET",    PREFIX "/clients",                    API_PERSON, ACTION_SEE, clients_read, NULL, "clients" },
	{ "GET",    PREFIX "/clients/{id}",               API_PERSON, ACTION_SEE, client_read, NULL, "client" },
	{ "GET",    PREFIX "/agents",                     API_PERSON, ACTION_SEE, agents_read, NULL, "agents" },
	{ "GET",    PREFIX "/lines/{id}/measurements",    API_PERSON, ACTION_SEE, measurements_read, NULL, NULL },
	{ "GET",    PREFIX "/lines/{id}/history",         API_PERSON, ACTION_SEE, history_read, NULL, "history" },
	{ "GET",    PREFIX "/lines/{id}/outages",         API_PERSON, ACTION_SEE, outages_read, NULL, NULL },
	{ "GET",    PREFIX "/lines/{id}/orders",          API_PERSON, ACTION_SEE, orders_read, NULL, NULL },
	{ "POST",   PREFIX "/lines/{id}/orders",          API_PERSON, ACTION_PLACE_ORDERS, order_place_read,
	  order_place_write, "history" },
	{ "GET",    PREFIX "/maintenance",                API_PERSON, ACTION_SEE, maintenance_read, NULL, "maintenance" },
	{ "POST",   PREFIX "/maintenance",                API_PERSON, ACTION_PLAN_WORK, maintenance_plan_read,
	  maintenance_plan_write, "maintenance" },
	{ "POST",   PREFIX "/maintenance/{id}/end",       API_PERSON, ACTION_PLAN_WORK, NULL, maintenance_end_write,
	  "maintenance" },
	{ "GET",    PREFIX "/tickets",                    API_PERSON, ACTION_SEE, tickets_read, NULL, "tickets" },
	{ "GET",    PREFIX "/tickets/{id}",               API_PERSON, ACTION_SEE, ticket_read, NULL, "ticket" },
	{ "POST",   PREFIX "/tickets/{id}/{move}",        API_PERSON, ACTION_MOVE_TICKETS, ticket_move_read,
	  ticket_move_write, "ticket" },

	{ "GET",    PREFIX "/incidents",                  API_PERSON, ACTION_SEE, incidents_read, NULL, "incidents" },
	{ "GET",    PREFIX "/incidents/{id}",             API_PERSON, ACTION_SEE, incident_read, NULL, "incident" },
	{ "POST",   PREFIX "/incidents/{id}/{move}",      API_PERSON, ACTION_MOVE_TICKETS, incident_move_read,
	  incident_move_write, "incident" },
	{ "GET",    PREFIX "/topology",                   API_PERSON, ACTION_SEE, topology_read, NULL, NULL },

	{ "GET",    "/readyz",                            API_ANYONE, 0, ready_read, NULL, NULL },
};

static int fail_no_path(struct api_call *call, struct txn *txn, struct err *err)
{
	(void)txn;
	return err_set(err, ERR_NOT_FOUND, "there is nothing at %s", call->path);
}

static int fail_no_method(struct api_call *call, struct txn *txn, struct err *err)
{
	(void)txn;
	call->status = 405;
	return err_set(err, ERR_INPUT, "%s is not for %s, it takes %s", call->path, call->method, call->allow);
}

static const struct api_route no_path = { "GET", "", API_ANYONE, 0, fail_no_path, NULL, "problem" };
static const struct api_route no_method = { "GET", "", API_ANYONE, 0, fail_no_method, NULL, "problem" };

static enum route_found find(struct api_call *call, const char *path)
{
	size_t index;
	enum route_found found = route_find(routes, sizeof routes / sizeof routes[0], sizeof routes[0], call->method, path,
					    &index, &call->match, call->allow, sizeof call->allow);

	if (found == ROUTE_FOUND) {
		call->route = &routes[index];
		call->allow[0] = '\0';
	}
	return found;
}

static bool is_for_programs(const char *path)
{
	return !strncmp(path, PREFIX "/", sizeof PREFIX) || !strncmp(path, "/agent/", 7);
}

void routes_find(struct api_call *call)
{
	enum route_found found = find(call, call->path);
	char path[2048];

	if (found == ROUTE_NO_PATH && !is_for_programs(call->path) &&
	    snprintf(path, sizeof path, PREFIX "%s", call->path) < (int)sizeof path) {
		found = find(call, path);
		if (found == ROUTE_FOUND && !call->route->page)
			found = ROUTE_NO_PATH;
	}
	if (found == ROUTE_NO_PATH)
		call->route = &no_path;
	else if (found == ROUTE_NO_METHOD)
		call->route = &no_method;
	call->is_page = call->route->page && !is_for_programs(call->path);
}
