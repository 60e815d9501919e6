#include "collector/store/incidents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "collector/api/input.h"
#include "collector/api/orders.h"
#include "collector/api/routes.h"
#include "collector/api/tickets.h"
#include "collector/store/orders.h"

#define LIMIT_MAX    500
#define LIMIT_PRESET 50
#define TICKETS_MAX  500
#define ORDERS_MAX   50     /* lines probed at once after a repair: their server is not to be filled by us */
#define NOTE_SIZE    2001

int incidents_read(struct api_call *call, struct txn *txn, struct err *err)
{
	struct incident_filter filter;
	char cursor[1024];

	if (query_choice(call, "state", incident_state_names, &filter.state, err) < 0 ||
	    query_text(call, "cursor", cursor, sizeof cursor, &filter.cursor, err) < 0 ||
	    query_integer(call, "limit", 1, LIMIT_MAX, LIMIT_PRESET, &filter.limit, err) < 0)
		return -1;
	return incidents_list(txn, &filter, &call->answer, err);
}

/* The incident with its tickets as a list shows them, and what this person may say of it. */
static int show(struct api_call *call, struct txn *txn, const char *id, struct err *err)
{
	const struct ticket_filter filter = { .incident = id, .limit = TICKETS_MAX };
	bool may = role_may((enum role)call->session.person.role, ACTION_MOVE_TICKETS);
	const char *state;
	json_t *tickets;

	if (incident_show(txn, id, &call->answer, err) < 0 || tickets_list(txn, &filter, &tickets, err) < 0)
		return -1;
	json_object_set_new(call->answer, "children", tickets);
	state = json_string_value(json_object_get(call->answer, "state"));
	may = may && strcmp(state, "closed") && strcmp(state, "withdrawn");
	json_object_set_new(call->answer, "may_move", json_boolean(may));
	return 0;
}

int incident_read(struct api_call *call, struct txn *txn, struct err *err)
{
	return show(call, txn, call->match.parameters[0], err);
}

/* What is said, on its way from the read step to the write step: "fixed", "closed" or "note". */
struct saying {
	const char *action;
	char note[NOTE_SIZE];
	json_t *details;      /* of a repair */
};

static void free_saying(void *state)
{
	struct saying *saying = state;

	json_decref(saying->details);
	free(saying);
}

static const char *find_action(const char *move)
{
	static const char *const moves[][2] = { { "fixed", "fixed" }, { "close", "closed" }, { "note", "note" } };

	for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
		if (!strcmp(move, moves[i][0]))
			return moves[i][1];
	return NULL;
}

int incident_move_read(struct api_call *call, struct txn *txn, struct err *err)
{
	struct saying *saying = xcalloc(1, sizeof *saying);
	const char *move = call->match.parameters[1];

	(void)txn;
	call->state = saying;
	call->free_state = free_saying;
	saying->action = find_action(move);
	if (!saying->action)
		return err_set(err, ERR_NOT_FOUND, "an incident has no move \"%s\"", move);
	if (input_text(call, "note", !strcmp(move, "note"), saying->note, sizeof saying->note, err) < 0)
		return -1;
	return strcmp(move, "fixed") ? 0 : repair_read(call, &saying->details, err);
}

static int say(struct api_call *call, struct txn *txn, const char *id, const struct saying *saying, struct err *err)
{
	json_t *said = json_pack("{s:I, s:s, s:s}", "at_ms", (json_int_t)call->now.realtime_ms, "action", saying->action, "by",
				 call->session.person.name);
	int rc;

	if (saying->note[0])
		json_object_set_new(said, "note", json_string(saying->note));
	if (saying->details)
		json_object_update(said, saying->details);
	rc = incident_say(txn, id, said, err);
	json_decref(said);
	return rc;
}

/* Who repaired the segment repaired what the ticket is about: it is theirs now, and said to be fixed. One whose state does not
 * allow it stays as it is. */
static int fix_ticket(struct api_call *call, struct txn *txn, const char *id, const struct saying *saying, struct err *err)
{
	struct ticket ticket;

	if (ticket_get(txn, id, &ticket, err) < 0)
		return -1;
	if (strcmp(ticket.holder, call->session.person.name) || ticket.state == TICKET_OPEN) {
		if (ticket_apply(call, txn, &ticket, CUSTODY_ACCEPT, NULL, NULL, err) < 0)
			return err->code == ERR_CONFLICT ? 0 : -1;
	}
	if (ticket_apply(call, txn, &ticket, CUSTODY_FIXED, saying->note, saying->details, err) < 0)
		return err->code == ERR_CONFLICT ? 0 : -1;
	return 0;
}

static int order_probes(struct api_call *call, struct txn *txn, const char *id, int *left, struct err *err)
{
	struct line line;
	bool has_agent;

	if (line_get(txn, id, &line, err) < 0 || line_has_agent(txn, &line, &has_agent, err) < 0)
		return -1;
	if (!has_agent || (*left)-- <= 0)
		return 0;
	return orders_place(call, txn, &line, ORDER_BOTH_LEGS, err);
}

/* A repair is a claim (D6): its tickets are said to be fixed, and lines affected are probed at once. */
static int claim_repair(struct api_call *call, struct txn *txn, const char *id, const struct saying *saying, struct err *err)
{
	json_t *incident, *item;
	int left = ORDERS_MAX, rc = 0;
	size_t i;

	if (incident_show(txn, id, &incident, err) < 0)
		return -1;
	json_array_foreach(json_object_get(incident, "tickets"), i, item)
		if (rc == 0)
			rc = fix_ticket(call, txn, json_string_value(item), saying, err);
	json_array_foreach(json_object_get(incident, "lines"), i, item)
		if (rc == 0)
			rc = order_probes(call, txn, json_string_value(item), &left, err);
	json_decref(incident);
	call->committed = orders_wake;
	return rc;
}

int incident_move_write(struct api_call *call, struct txn *txn, struct err *err)
{
	const struct saying *saying = call->state;
	const char *id = call->match.parameters[0];

	if (say(call, txn, id, saying, err) < 0 || (saying->details && claim_repair(call, txn, id, saying, err) < 0))
		return -1;
	snprintf(call->location, sizeof call->location, "/incidents/%s", id);
	return show(call, txn, id, err);
}
