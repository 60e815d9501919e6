#include "collector/api/tickets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "collector/api/input.h"
#include "collector/api/orders.h"
#include "collector/api/routes.h"
#include "collector/derive/fast.h"
#include "collector/derive/reliable.h"
#include "collector/people/custody.h"

#define LIMIT_MAX    500
#define LIMIT_PRESET 50
#define TEXT_SIZE    2001

/* A move on its way from the read step to the write step. */
struct moving {
	enum custody_move move;
	char note[TEXT_SIZE];
	json_t *details;
};

static void free_moving(void *state)
{
	struct moving *moving = state;

	json_decref(moving->details);
	free(moving);
}

static int read_state(struct api_call *call, char *buffer, size_t size, const char **ret_state, struct err *err)
{
	if (query_text(call, "state", buffer, size, ret_state, err) < 0)
		return -1;
	if (*ret_state && !strcmp(*ret_state, "unclosed"))
		return 0;
	return query_choice(call, "state", ticket_state_names, ret_state, err);
}

int tickets_read(struct api_call *call, struct txn *txn, struct err *err)
{
	char state[32], client[ID_SIZE], line[ID_SIZE], holder[ID_SIZE], incident[ID_SIZE], cursor[1024];
	struct ticket_filter filter;

	if (read_state(call, state, sizeof state, &filter.state, err) < 0 ||
	    query_text(call, "client", client, sizeof client, &filter.client, err) < 0 ||
	    query_text(call, "line", line, sizeof line, &filter.line, err) < 0 ||
	    query_text(call, "holder", holder, sizeof holder, &filter.holder, err) < 0 ||
	    query_text(call, "incident", incident, sizeof incident, &filter.incident, err) < 0 ||
	    query_text(call, "cursor", cursor, sizeof cursor, &filter.cursor, err) < 0 ||
	    query_integer(call, "limit", 1, LIMIT_MAX, LIMIT_PRESET, &filter.limit, err) < 0)
		return -1;
	return tickets_list(txn, &filter, &call->answer, err);
}

/* What a move's maker said stands among the move's own members: {action, by, …, cause, done, expense}. */
static void raise_details(const json_t *custody)
{
	json_t *move;
	size_t i;

	json_array_foreach(custody, i, move) {
		json_object_update_missing(move, json_object_get(move, "details"));
		json_object_del(move, "details");
	}
}

/* What was measured at once when somebody reported a repair: the first answer (D6). */
static int show_orders(struct api_call *call, struct txn *txn, const struct ticket *ticket, struct err *err)
{
	struct line line;

	if (ticket->fixed_ms == JSON_ABSENT)
		return 0;
	if (line_get(txn, ticket->line, &line, err) < 0)
		return -1;
	return orders_show_last(call, txn, &line, ticket->fixed_ms, call->answer, err);
}

/* The ticket as the API shows it, with the moves that this person may make. */
static int show(struct api_call *call, struct txn *txn, const char *id, struct err *err)
{
	const struct person *person = &call->session.person;
	struct ticket ticket;

	if (ticket_get(txn, id, &ticket, err) < 0 || ticket_show(txn, id, &call->answer, err) < 0)
		return -1;
	raise_details(json_object_get(call->answer, "custody"));
	if (ticket.defect == DEFECT_SLOW_LOCAL && !json_object_get(call->answer, "culprit"))   /* D8, 12.5 */
		json_object_set_new(call->answer, "culprit", json_string("client drop"));
	json_object_set_new(call->answer, "moves", role_may((enum role)person->role, ACTION_MOVE_TICKETS) ?
			    custody_allowed(&ticket, person->name) : json_object());
	return show_orders(call, txn, &ticket, err);
}

int ticket_read(struct api_call *call, struct txn *txn, struct err *err)
{
	return show(call, txn, call->match.parameters[0], err);
}

static int find_move(const char *name, enum custody_move *ret_move, struct err *err)
{
	for (enum custody_move move = 0; move < CUSTODY_COUNT; move++) {
		if (!strcmp(name, custody_move_names[move])) {
			*ret_move = move;
			return 0;
		}
	}
	return err_set(err, ERR_NOT_FOUND, "a ticket has no move \"%s\"", name);
}

int repair_read(struct api_call *call, json_t **ret_details, struct err *err)
{
	static const struct {
		const char *name;
		bool required;
	} fields[] = { { "cause", true }, { "done", true }, { "expense", false } };
	char text[TEXT_SIZE];
	int rc = 0;

	*ret_details = json_object();
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		if (input_text(call, fields[i].name, fields[i].required, text, sizeof text, err) < 0)
			rc = -1;
		else if (text[0])
			json_object_set_new(*ret_details, fields[i].name, json_string(text));
	}
	return rc;
}

int ticket_move_read(struct api_call *call, struct txn *txn, struct err *err)
{
	struct moving *moving = xcalloc(1, sizeof *moving);

	(void)txn;
	call->state = moving;
	call->free_state = free_moving;
	if (find_move(call->match.parameters[1], &moving->move, err) < 0 ||
	    input_text(call, "note", moving->move == CUSTODY_NOTE, moving->note, sizeof moving->note, err) < 0)
		return -1;
	return moving->move == CUSTODY_FIXED ? repair_read(call, &moving->details, err) : 0;
}

/* A repair is a claim: the line is probed at once. One without an agent has nobody to do it. */
static int order_probes(struct api_call *call, struct txn *txn, const struct line *line, struct err *err)
{
	bool has_agent;

	if (line_has_agent(txn, line, &has_agent, err) < 0)
		return -1;
	if (!has_agent)
		return 0;
	call->committed = orders_wake;
	return orders_place(call, txn, line, ORDER_BOTH_LEGS, err);
}

/* That it was said to be fixed or closed is a fact of the line's history. */
static int mark_line(struct api_call *call, struct txn *txn, const struct ticket *ticket, enum custody_move move,
		     struct err *err)
{
	int64_t now_ms = call->now.realtime_ms;
	struct line line;

	if (move != CUSTODY_FIXED && move != CUSTODY_CLOSE)
		return 0;
	if (line_get(txn, ticket->line, &line, err) < 0 ||
	    derive_fast(txn, call->api->options.config, &line, now_ms, now_ms, err) < 0 ||
	    derive_reliable(txn, call->api->options.config, &line, now_ms, now_ms, err) < 0)
		return -1;
	return move == CUSTODY_FIXED ? order_probes(call, txn, &line, err) : 0;
}

int ticket_apply(struct api_call *call, struct txn *txn, struct ticket *ticket, enum custody_move move, const char *note,
		 const json_t *details, struct err *err)
{
	static const char *const actions[CUSTODY_COUNT] = {
		[CUSTODY_ACCEPT] = "accepted", [CUSTODY_FIXED] = "fixed", [CUSTODY_CLOSE] = "closed", [CUSTODY_NOTE] = "note",
	};
	const char *person = call->session.person.name;
	const struct ticket_move entry = {
		.action = actions[move], .by = person, .at_ms = call->now.realtime_ms, .note = note && note[0] ? note : NULL,
		.details = details,
	};

	if (custody_apply(move, person, call->now.realtime_ms, ticket, err) < 0 || ticket_update(txn, ticket, err) < 0 ||
	    ticket_add_move(txn, ticket, &entry, err) < 0)
		return -1;
	return mark_line(call, txn, ticket, move, err);
}

int ticket_move_write(struct api_call *call, struct txn *txn, struct err *err)
{
	const struct moving *moving = call->state;
	struct ticket ticket;

	if (ticket_get(txn, call->match.parameters[0], &ticket, err) < 0 ||
	    ticket_apply(call, txn, &ticket, moving->move, moving->note, moving->details, err) < 0)
		return -1;
	snprintf(call->location, sizeof call->location, "/tickets/%s", ticket.id);
	return show(call, txn, ticket.id, err);
}
