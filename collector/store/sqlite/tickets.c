#include "collector/store/tickets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/measurement.h"
#include "agent/base/mem.h"
#include "collector/store/sqlite/cursor.h"
#include "collector/store/sqlite/txn.h"

const char *const ticket_state_names[] = { "open", "accepted", "fixed", "returned", "proven", "closed", "withdrawn", NULL };

/* As the index ticket_unclosed of schema.c has it. */
#define UNCLOSED "state NOT IN (5, 6)"
static_assert(TICKET_CLOSED == 5 && TICKET_WITHDRAWN == 6, "states are stored as numbers");

#define SHOWN                                                                                                            \
	"ticket.id, client.id AS client, client.name AS client_name, line.id AS line, defect, leg, state, holder, opened_ms," \
	" defect_from_ms, fixed_ms, proven_ms, closed_ms, reopened_ms, reopen_count, chronic, unverified, retrospective"
#define SHOWN_TOO ", incident, (SELECT node FROM incident WHERE incident.id = ticket.incident) AS culprit"
#define FROM " FROM ticket JOIN line ON line.number = ticket.line JOIN client ON client.number = line.client "
#define READ "SELECT " SHOWN ", line.number" FROM
#define SHOW "SELECT " SHOWN SHOWN_TOO FROM

enum {
	TICKET_PUT, TICKET_UPDATE, TICKET_GET, TICKET_FIND_OPEN, TICKETS_OF_DEFECT, TICKET_SHOW, TICKETS_PAGE, EVIDENCE_PUT,
	EVIDENCE_OF, MOVE_PUT, MOVES_OF, STATEMENT_COUNT,
};

static const char *const sql[STATEMENT_COUNT] = {
	[TICKET_PUT] = "INSERT INTO ticket (id, line, defect, leg, state, holder, opened_ms, defect_from_ms, fixed_ms,"
		       " proven_ms, closed_ms, reopened_ms, reopen_count, chronic, unverified, retrospective)"
		       " SELECT :id, number, :defect, :leg, :state, :holder, :opened_ms, :defect_from_ms, :fixed_ms,"
		       " :proven_ms, :closed_ms, :reopened_ms, :reopen_count, :chronic, :unverified, :retrospective"
		       " FROM line WHERE id = :line",
	[TICKET_UPDATE] = "UPDATE ticket SET state = :state, holder = :holder, opened_ms = :opened_ms,"
			  " defect_from_ms = :defect_from_ms, fixed_ms = :fixed_ms, proven_ms = :proven_ms,"
			  " closed_ms = :closed_ms, reopened_ms = :reopened_ms, reopen_count = :reopen_count,"
			  " chronic = :chronic, unverified = :unverified, retrospective = :retrospective WHERE id = :id",
	[TICKET_GET] = READ "WHERE ticket.id = :id",
	[TICKET_FIND_OPEN] = READ "WHERE ticket.line = :line AND defect = :defect AND " UNCLOSED,
	[TICKETS_OF_DEFECT] = READ "WHERE ticket.line = :line AND defect = :defect ORDER BY opened_ms, ticket.id",
	[TICKET_SHOW] = SHOW "WHERE ticket.id = :id",
	[TICKETS_PAGE] = SHOW "WHERE (:after_id IS NULL OR (opened_ms, ticket.id) < (:after_ms, :after_id))"
			      " AND (:state IS NULL OR state = :state) AND (NOT :unclosed OR " UNCLOSED ")"
			      " AND (:client IS NULL OR client.id = :client) AND (:line IS NULL OR line.id = :line)"
			      " AND (:holder IS NULL OR holder = :holder) AND (:incident IS NULL OR incident = :incident)"
			      " ORDER BY opened_ms DESC, ticket.id DESC LIMIT :limit",
	[EVIDENCE_PUT] = "INSERT INTO ticket_evidence (ticket, place, evidence) VALUES (:ticket,"
			 " (SELECT count(*) FROM ticket_evidence WHERE ticket = :ticket), :evidence)",
	[EVIDENCE_OF] = "SELECT evidence FROM ticket_evidence WHERE ticket = :ticket ORDER BY place",
	[MOVE_PUT] = "INSERT INTO ticket_move (ticket, place, action, at_ms, person, holder, state, note, details)"
		     " VALUES (:ticket, (SELECT count(*) FROM ticket_move WHERE ticket = :ticket), :action, :at_ms,"
		     " :person, :holder, :state, :note, :details)",
	[MOVES_OF] = "SELECT action, at_ms, person AS \"by\", holder, state, note, details FROM ticket_move"
		     " WHERE ticket = :ticket ORDER BY place",
};

static const struct row_choice choices[] = {
	{ "defect", defect_names }, { "leg", leg_names }, { "state", ticket_state_names }, { "chronic", row_flag },
	{ "unverified", row_flag }, { "retrospective", row_flag }, { NULL, NULL },
};

/* Steps a statement of READ. Returns 1, 0 or -1. */
static int read_ticket(sqlite3_stmt *statement, struct ticket *ret_ticket, struct err *err)
{
	int rc = db_step(statement, err);

	if (rc <= 0)
		return rc;
	text_copy(ret_ticket->id, sizeof ret_ticket->id, db_column_text(statement, 0));
	text_copy(ret_ticket->client, sizeof ret_ticket->client, db_column_text(statement, 1));
	text_copy(ret_ticket->line, sizeof ret_ticket->line, db_column_text(statement, 3));
	ret_ticket->defect = (int)db_column_integer(statement, 4);
	ret_ticket->leg = (int)db_column_optional(statement, 5);
	ret_ticket->state = (int)db_column_integer(statement, 6);
	text_copy(ret_ticket->holder, sizeof ret_ticket->holder, db_column_text(statement, 7));
	ret_ticket->opened_ms = db_column_integer(statement, 8);
	ret_ticket->defect_from_ms = db_column_integer(statement, 9);
	ret_ticket->fixed_ms = db_column_optional(statement, 10);
	ret_ticket->proven_ms = db_column_optional(statement, 11);
	ret_ticket->closed_ms = db_column_optional(statement, 12);
	ret_ticket->reopened_ms = db_column_optional(statement, 13);
	ret_ticket->reopen_count = db_column_integer(statement, 14);
	ret_ticket->chronic = db_column_integer(statement, 15);
	ret_ticket->unverified = db_column_integer(statement, 16);
	ret_ticket->retrospective = db_column_integer(statement, 17);
	ret_ticket->line_number = db_column_integer(statement, 18);
	return 1;
}

int ticket_find_open(struct txn *txn, const struct line *line, enum defect defect, struct ticket *ret_ticket,
		     struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[TICKET_FIND_OPEN]);

	db_bind_integer(statement, ":line", line->number);
	db_bind_integer(statement, ":defect", defect);
	return read_ticket(statement, ret_ticket, err);
}

int tickets_of_defect(struct txn *txn, const struct line *line, enum defect defect, struct ticket **ret_tickets,
		      size_t *ret_count, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[TICKETS_OF_DEFECT]);
	struct ticket *tickets = NULL;
	size_t count = 0;
	int rc;

	db_bind_integer(statement, ":line", line->number);
	db_bind_integer(statement, ":defect", defect);
	do {
		tickets = xrealloc(tickets, count + 1, sizeof *tickets);
		rc = read_ticket(statement, &tickets[count], err);
		count += rc > 0;
	} while (rc > 0);
	if (rc < 0) {
		free(tickets);
		return -1;
	}
	*ret_tickets = tickets;
	*ret_count = count;
	return 0;
}

int ticket_get(struct txn *txn, const char *id, struct ticket *ret_ticket, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[TICKET_GET]);
	int rc;

	db_bind_text(statement, ":id", id);
	rc = read_ticket(statement, ret_ticket, err);
	if (rc == 0)
		return err_set(err, ERR_NOT_FOUND, "ticket %s: unknown", id);
	return rc < 0 ? -1 : 0;
}

/* What may change of a ticket. */
static void bind_ticket(sqlite3_stmt *statement, const struct ticket *ticket)
{
	db_bind_text(statement, ":id", ticket->id);
	db_bind_integer(statement, ":state", ticket->state);
	db_bind_text(statement, ":holder", ticket->holder);
	db_bind_integer(statement, ":opened_ms", ticket->opened_ms);
	db_bind_integer(statement, ":defect_from_ms", ticket->defect_from_ms);
	db_bind_optional(statement, ":fixed_ms", ticket->fixed_ms);
	db_bind_optional(statement, ":proven_ms", ticket->proven_ms);
	db_bind_optional(statement, ":closed_ms", ticket->closed_ms);
	db_bind_optional(statement, ":reopened_ms", ticket->reopened_ms);
	db_bind_integer(statement, ":reopen_count", ticket->reopen_count);
	db_bind_integer(statement, ":chronic", ticket->chronic);
	db_bind_integer(statement, ":unverified", ticket->unverified);
	db_bind_integer(statement, ":retrospective", ticket->retrospective);
}

static int write_ticket(struct txn *txn, sqlite3_stmt *statement, const struct ticket *ticket, struct err *err)
{
	if (db_run(statement, err) == 0)
		return 0;
	if (sqlite3_extended_errcode(db_handle(txn->db)) == SQLITE_CONSTRAINT_UNIQUE)
		return err_set(err, ERR_CONFLICT, "line %s: has a ticket for %s that is not closed", ticket->line,
			       defect_names[ticket->defect]);
	return err_wrap(err, "ticket %s", ticket->id);
}

/* evidence is copied as text: later changes of the object do not reach it. */
static int put_evidence(struct txn *txn, const char *ticket, const json_t *evidence, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[EVIDENCE_PUT]);
	char *text = json_dumps(evidence, JSON_COMPACT);
	int rc;

	db_bind_text(statement, ":ticket", ticket);
	db_bind_text(statement, ":evidence", text);
	rc = db_run(statement, err);
	free(text);
	return rc;
}

int ticket_insert(struct txn *txn, const struct ticket *ticket, const json_t *evidence, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[TICKET_PUT]);

	bind_ticket(statement, ticket);
	db_bind_text(statement, ":line", ticket->line);
	db_bind_integer(statement, ":defect", ticket->defect);
	db_bind_optional(statement, ":leg", ticket->leg);
	if (write_ticket(txn, statement, ticket, err) < 0)
		return -1;
	if (!db_changes(txn->db))
		return err_set(err, ERR_INPUT, "ticket %s: line %s is unknown", ticket->id, ticket->line);
	return put_evidence(txn, ticket->id, evidence, err);
}

int ticket_update(struct txn *txn, const struct ticket *ticket, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[TICKET_UPDATE]);

	bind_ticket(statement, ticket);
	if (write_ticket(txn, statement, ticket, err) < 0)
		return -1;
	return db_changes(txn->db) ? 0 : err_set(err, ERR_NOT_FOUND, "ticket %s: unknown", ticket->id);
}

int ticket_add_evidence(struct txn *txn, const struct ticket *ticket, const json_t *evidence, struct err *err)
{
	return put_evidence(txn, ticket->id, evidence, err);
}

int ticket_add_move(struct txn *txn, const struct ticket *ticket, const struct ticket_move *move, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[MOVE_PUT]);
	char *details = move->details ? json_dumps(move->details, JSON_COMPACT) : NULL;
	int rc;

	db_bind_text(statement, ":ticket", ticket->id);
	db_bind_text(statement, ":action", move->action);
	db_bind_integer(statement, ":at_ms", move->at_ms);
	db_bind_text(statement, ":person", move->by);
	db_bind_text(statement, ":holder", ticket->holder);
	db_bind_integer(statement, ":state", ticket->state);
	db_bind_text(statement, ":note", move->note);
	db_bind_text(statement, ":details", details);
	rc = db_run(statement, err);
	free(details);
	return rc;
}

static int bind_state(sqlite3_stmt *statement, const char *state, struct err *err)
{
	bool unclosed = state && !strcmp(state, "unclosed");

	db_bind_integer(statement, ":unclosed", unclosed);
	if (!state || unclosed)
		return 0;
	for (int i = 0; ticket_state_names[i]; i++) {
		if (strcmp(state, ticket_state_names[i]))
			continue;
		db_bind_integer(statement, ":state", i);
		return 0;
	}
	return err_set(err, ERR_INPUT, "state: must be a ticket's state or unclosed");
}

int tickets_list(struct txn *txn, const struct ticket_filter *filter, json_t **ret_page, struct err *err)
{
	static const char *const members[] = { "opened_ms", "id", NULL };
	sqlite3_stmt *statement = db_statement(txn->db, sql[TICKETS_PAGE]);
	json_t *key = NULL;
	int rc = -1;

	if (limit_check(filter->limit, err) < 0 || bind_state(statement, filter->state, err) < 0 ||
	    cursor_bind(statement, filter->cursor, &key, err) < 0)
		goto out;
	db_bind_text(statement, ":client", filter->client);
	db_bind_text(statement, ":line", filter->line);
	db_bind_text(statement, ":holder", filter->holder);
	db_bind_text(statement, ":incident", filter->incident);
	db_bind_integer(statement, ":limit", filter->limit + 1);
	if (rows_to_json(statement, choices, ret_page, err) < 0)
		goto out;
	cursor_end_page(*ret_page, filter->limit, members);
	rc = 0;
out:
	json_decref(key);
	return rc;
}

/* Evidence of the opening, with what came later in its "later". */
static int show_evidence(struct txn *txn, const char *id, json_t *ticket, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[EVIDENCE_OF]);
	json_t *later = json_array();
	json_t *evidence;
	int rc;

	db_bind_text(statement, ":ticket", id);
	while ((rc = db_step(statement, err)) > 0) {
		const char *text = db_column_text(statement, 0);

		if (json_parse(text, strlen(text), &evidence, err) < 0) {
			rc = err_wrap(err, "ticket %s: evidence", id);
			break;
		}
		if (json_object_get(ticket, "evidence")) {
			json_array_append_new(later, evidence);
		} else {
			json_object_set(evidence, "later", later);
			json_object_set_new(ticket, "evidence", evidence);
		}
	}
	json_decref(later);
	return rc;
}

static int show_moves(struct txn *txn, const char *id, json_t *ticket, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[MOVES_OF]);
	json_t *moves = json_array();
	int rc;

	json_object_set_new(ticket, "custody", moves);
	db_bind_text(statement, ":ticket", id);
	while ((rc = db_step(statement, err)) > 0) {
		json_t *move = row_to_json(statement, choices);
		json_t *text = json_object_get(move, "details");
		json_t *details;

		json_array_append_new(moves, move);
		if (!text)
			continue;
		if (json_parse(json_string_value(text), json_string_length(text), &details, err) < 0)
			return err_wrap(err, "ticket %s: custody", id);
		json_object_set_new(move, "details", details);
	}
	return rc;
}

int ticket_show(struct txn *txn, const char *id, json_t **ret_ticket, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[TICKET_SHOW]);
	json_t *ticket;
	int rc;

	db_bind_text(statement, ":id", id);
	rc = db_step(statement, err);
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "ticket %s: unknown", id);
	ticket = row_to_json(statement, choices);
	if (show_evidence(txn, id, ticket, err) < 0 || show_moves(txn, id, ticket, err) < 0) {
		json_decref(ticket);
		return -1;
	}
	*ret_ticket = ticket;
	return 0;
}
