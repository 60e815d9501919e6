#include "collector/store/derived.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "collector/store/sqlite/topology_sql.h"
#include "collector/store/sqlite/txn.h"

#define OF_LINE "client = :client AND line = :line"

enum {
	MOVES_FROM, MOVES_DROP, MOVE_PUT, MOVES_VISIT, MARKS, HEAD_GET, HEAD_PUT, CHECKPOINT_BEFORE, CHECKPOINT_PUT, CHECKPOINTS_DROP,
	LEAVES_DROP, LEAF_PUT, LEAVES_AT, DAY_ADD, DAYS_DROP, DAYS_SUM, EXEMPTIONS_DROP, EXEMPTION_PUT, EXEMPTIONS, STATEMENT_COUNT,
};

static const char *const sql[STATEMENT_COUNT] = {
	[MOVES_FROM] = "SELECT at_ms, from_ms, what, samples FROM derived_move WHERE " OF_LINE " AND defect = :defect"
		       " AND at_ms >= :from_ms ORDER BY at_ms, place",
	[MOVES_DROP] = "DELETE FROM derived_move WHERE " OF_LINE " AND defect = :defect AND at_ms >= :from_ms",
	[MOVE_PUT] = "INSERT INTO derived_move (client, line, defect, at_ms, place, what, from_ms, samples)"
		     " VALUES (:client, :line, :defect, :at_ms, :place, :what, :from_ms, :samples)",
	[MOVES_VISIT] = "SELECT client.id AS client, line.id AS line, defect, what, at_ms, from_ms, samples AS window"
			" FROM derived_move AS m JOIN line ON line.number = m.line JOIN client ON client.number = m.client"
			" WHERE at_ms >= :from_ms ORDER BY client.id, line.id, defect, at_ms, place",
	[MARKS] = "SELECT at_ms, defect, action = 'closed' FROM ticket JOIN ticket_move ON ticket_move.ticket = ticket.id"
		  " WHERE line = :line AND action IN ('fixed', 'closed') AND at_ms >= :from_ms ORDER BY at_ms, defect, action DESC",
	[HEAD_GET] = "SELECT state, newest_ms FROM fold_head WHERE " OF_LINE,
	[HEAD_PUT] = "INSERT INTO fold_head (client, line, newest_ms, state) VALUES (:client, :line, :newest_ms, :state)"
		     " ON CONFLICT (client, line) DO UPDATE SET newest_ms = excluded.newest_ms, state = excluded.state",
	[CHECKPOINT_BEFORE] = "SELECT state, newest_ms FROM fold_checkpoint WHERE " OF_LINE " AND newest_ms < :at_ms"
			      " ORDER BY newest_ms DESC LIMIT 1",
	[CHECKPOINT_PUT] = "INSERT INTO fold_checkpoint (client, line, newest_ms, state) VALUES (:client, :line, :newest_ms, :state)"
			   " ON CONFLICT (client, line, newest_ms) DO UPDATE SET state = excluded.state",
	[CHECKPOINTS_DROP] = "DELETE FROM fold_checkpoint WHERE " OF_LINE " AND newest_ms >= :from_ms",
	[LEAVES_DROP] = "DELETE FROM leaf_change WHERE " OF_LINE " AND leg IN (0, 1) AND at_ms >= :from_ms",
	[LEAF_PUT] = "INSERT INTO leaf_change (client, line, leg, at_ms, state) VALUES (:client, :line, :leg, :at_ms, :state)"
		     " ON CONFLICT (client, line, leg, at_ms) DO UPDATE SET state = excluded.state",
	[LEAVES_AT] = "SELECT number, state FROM (SELECT number, (SELECT state FROM leaf_change WHERE client = l.client"
		      " AND line = l.number AND leg = :leg AND at_ms <= :at_ms ORDER BY at_ms DESC LIMIT 1) AS state FROM line AS l)"
		      " AS leaf WHERE state <> :unknown ORDER BY number",
	[DAY_ADD] = "INSERT INTO leg_day (client, line, leg, day, first_ms, cells)"
		    " VALUES (:client, :line, :leg, :day, :first_ms, :cells)"
		    " ON CONFLICT (client, line, leg, day) DO UPDATE SET cells = leg_day.cells + excluded.cells",
	[DAYS_DROP] = "DELETE FROM leg_day WHERE " OF_LINE " AND leg IN (0, 1) AND day >= :from_day",
	[DAYS_SUM] = "SELECT coalesce(sum(cells), 0), min(first_ms), EXISTS (SELECT 1 FROM leg_day WHERE " OF_LINE
		     " AND leg = :leg AND day < :from_day) FROM leg_day WHERE " OF_LINE
		     " AND leg = :leg AND day >= :from_day AND day <= :to_day",
	[EXEMPTIONS_DROP] = "DELETE FROM exemption WHERE leg = :leg AND from_ms >= :from_ms",
	[EXEMPTION_PUT] = "INSERT INTO exemption (leg, from_ms, why, to_ms) VALUES (:leg, :from_ms, :why, :to_ms)",
	[EXEMPTIONS] = "SELECT from_ms, to_ms, leg, why FROM exemption WHERE to_ms > :from_ms"
		       " UNION ALL SELECT from_ms, to_ms, :both_legs, :maintenance FROM maintenance"
		       " WHERE to_ms > :from_ms AND to_ms > from_ms AND node IN (" NODES_ABOVE " SELECT node FROM above)"
		       " ORDER BY 1, 3, 4",
};

static const char *const move_names[] = {
	[MOVE_NONE] = "", [MOVE_OPEN] = "open", [MOVE_REOPEN] = "reopen", [MOVE_PROVE] = "prove", [MOVE_RETURN] = "return", NULL,
};
static const struct row_choice choices[] = { { "defect", defect_names }, { "what", move_names }, { NULL, NULL } };

static sqlite3_stmt *statement_of_line(struct txn *txn, int number, const struct line *line)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[number]);

	db_bind_integer(statement, ":client", line->client_number);
	db_bind_integer(statement, ":line", line->number);
	return statement;
}

static sqlite3_stmt *statement_of_defect(struct txn *txn, int number, const struct line *line, enum defect defect)
{
	sqlite3_stmt *statement = statement_of_line(txn, number, line);

	db_bind_integer(statement, ":defect", defect);
	return statement;
}

/* Reads every row into an array of items that grows; read_row fills one. */
static int read_rows(sqlite3_stmt *statement, size_t item_size, void (*read_row)(sqlite3_stmt *statement, void *ret_item),
		     void *ret_items, size_t *ret_count, struct err *err)
{
	char *items = NULL;
	size_t count = 0, room = 0;
	int rc;

	while ((rc = db_step(statement, err)) > 0) {
		if (count == room) {
			room = room ? room * 2 : 8;
			items = xrealloc(items, room, item_size);
		}
		read_row(statement, items + count++ * item_size);
	}
	if (rc < 0) {
		free(items);
		return -1;
	}
	memcpy(ret_items, &items, sizeof items);
	*ret_count = count;
	return 0;
}

static void read_move(sqlite3_stmt *statement, void *ret_item)
{
	*(struct move *)ret_item = (struct move){
		.at_ms = db_column_integer(statement, 0),
		.from_ms = db_column_integer(statement, 1),
		.what = (enum defect_move)db_column_integer(statement, 2),
		.window = (int)db_column_integer(statement, 3),
	};
}

int moves_from(struct txn *txn, const struct line *line, enum defect defect, int64_t from_ms, struct move **ret_moves,
	       size_t *ret_count, struct err *err)
{
	sqlite3_stmt *statement = statement_of_defect(txn, MOVES_FROM, line, defect);

	db_bind_integer(statement, ":from_ms", from_ms);
	if (read_rows(statement, sizeof **ret_moves, read_move, ret_moves, ret_count, err) < 0)
		return -1;
	for (size_t i = 0; i < *ret_count; i++)
		(*ret_moves)[i].defect = defect;
	return 0;
}

int moves_replace(struct txn *txn, const struct line *line, enum defect defect, int64_t from_ms, const struct move *moves,
		  size_t count, struct err *err)
{
	sqlite3_stmt *statement = statement_of_defect(txn, MOVES_DROP, line, defect);
	int64_t place = 0;

	db_bind_integer(statement, ":from_ms", from_ms);
	if (db_run(statement, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		place = i && moves[i].at_ms == moves[i - 1].at_ms ? place + 1 : 0;
		statement = statement_of_defect(txn, MOVE_PUT, line, defect);
		db_bind_integer(statement, ":at_ms", moves[i].at_ms);
		db_bind_integer(statement, ":place", place);
		db_bind_integer(statement, ":what", moves[i].what);
		db_bind_integer(statement, ":from_ms", moves[i].from_ms);
		db_bind_integer(statement, ":samples", moves[i].window);
		if (db_run(statement, err) < 0)
			return -1;
	}
	return 0;
}

int moves_visit(struct txn *txn, int64_t from_ms, int (*visit)(const json_t *move, void *arg), void *arg, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[MOVES_VISIT]);
	int rc;

	db_bind_integer(statement, ":from_ms", from_ms);
	while ((rc = db_step(statement, err)) > 0) {
		json_t *move = row_to_json(statement, choices);

		rc = visit(move, arg);
		json_decref(move);
		if (rc) {
			sqlite3_reset(statement);
			return rc;
		}
	}
	return rc;
}

static void read_mark(sqlite3_stmt *statement, void *ret_item)
{
	*(struct mark *)ret_item = (struct mark){
		.at_ms = db_column_integer(statement, 0),
		.defect = (enum defect)db_column_integer(statement, 1),
		.kind = db_column_integer(statement, 2) ? MARK_CLOSED : MARK_FIXED,
	};
}

int marks_of_line(struct txn *txn, const struct line *line, int64_t from_ms, struct mark **ret_marks, size_t *ret_count,
		  struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[MARKS]);

	db_bind_integer(statement, ":line", line->number);
	db_bind_integer(statement, ":from_ms", from_ms);
	return read_rows(statement, sizeof **ret_marks, read_mark, ret_marks, ret_count, err);
}

static int read_state(sqlite3_stmt *statement, struct buf *ret_bytes, int64_t *ret_newest_ms, struct err *err)
{
	int rc = db_step(statement, err);

	if (rc <= 0)
		return rc;
	buf_append(ret_bytes, sqlite3_column_blob(statement, 0), (size_t)sqlite3_column_bytes(statement, 0));
	*ret_newest_ms = db_column_integer(statement, 1);
	sqlite3_reset(statement);
	return 1;
}

static int write_state(struct txn *txn, int number, const struct line *line, const struct buf *bytes, int64_t newest_ms,
		       struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, number, line);

	db_bind_integer(statement, ":newest_ms", newest_ms);
	db_bind_bytes(statement, ":state", bytes->data, bytes->length_bytes);
	return db_run(statement, err);
}

int fold_head_get(struct txn *txn, const struct line *line, struct buf *ret_bytes, int64_t *ret_newest_ms, struct err *err)
{
	return read_state(statement_of_line(txn, HEAD_GET, line), ret_bytes, ret_newest_ms, err);
}

int fold_head_put(struct txn *txn, const struct line *line, const struct buf *bytes, int64_t newest_ms, struct err *err)
{
	return write_state(txn, HEAD_PUT, line, bytes, newest_ms, err);
}

int fold_checkpoint_before(struct txn *txn, const struct line *line, int64_t at_ms, struct buf *ret_bytes,
			   int64_t *ret_newest_ms, struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, CHECKPOINT_BEFORE, line);

	db_bind_integer(statement, ":at_ms", at_ms);
	return read_state(statement, ret_bytes, ret_newest_ms, err);
}

int fold_checkpoint_put(struct txn *txn, const struct line *line, const struct buf *bytes, int64_t newest_ms, struct err *err)
{
	return write_state(txn, CHECKPOINT_PUT, line, bytes, newest_ms, err);
}

int fold_checkpoints_drop(struct txn *txn, const struct line *line, int64_t from_ms, struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, CHECKPOINTS_DROP, line);

	db_bind_integer(statement, ":from_ms", from_ms);
	return db_run(statement, err);
}

int leaf_changes_replace(struct txn *txn, const struct line *line, int64_t from_ms, const struct leaf_change *changes,
			 size_t count, struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, LEAVES_DROP, line);

	db_bind_integer(statement, ":from_ms", from_ms);
	if (db_run(statement, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		statement = statement_of_line(txn, LEAF_PUT, line);
		db_bind_integer(statement, ":leg", changes[i].leg);
		db_bind_integer(statement, ":at_ms", changes[i].at_ms);
		db_bind_integer(statement, ":state", changes[i].state);
		if (db_run(statement, err) < 0)
			return -1;
	}
	return 0;
}

int leaves_at(struct txn *txn, enum leg leg, int64_t at_ms, void (*visit)(void *arg, int64_t line_number, enum leaf_state state),
	      void *arg, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[LEAVES_AT]);
	int rc;

	db_bind_integer(statement, ":leg", leg);
	db_bind_integer(statement, ":at_ms", at_ms);
	db_bind_integer(statement, ":unknown", LEAF_UNKNOWN);
	while ((rc = db_step(statement, err)) > 0)
		visit(arg, db_column_integer(statement, 0), (enum leaf_state)db_column_integer(statement, 1));
	return rc;
}

int leg_day_add(struct txn *txn, const struct line *line, const struct leg_day *more, struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, DAY_ADD, line);

	db_bind_integer(statement, ":leg", more->leg);
	db_bind_integer(statement, ":day", more->day);
	db_bind_integer(statement, ":first_ms", more->first_ms);
	db_bind_integer(statement, ":cells", more->cells);
	return db_run(statement, err);
}

int leg_days_drop(struct txn *txn, const struct line *line, int64_t from_day, struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, DAYS_DROP, line);

	db_bind_integer(statement, ":from_day", from_day);
	return db_run(statement, err);
}

int leg_days_sum(struct txn *txn, const struct line *line, enum leg leg, int64_t from_day, int64_t to_day, int64_t *ret_cells,
		 int64_t *ret_begin_ms, struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, DAYS_SUM, line);

	db_bind_integer(statement, ":leg", leg);
	db_bind_integer(statement, ":from_day", from_day);
	db_bind_integer(statement, ":to_day", to_day);
	if (db_step(statement, err) < 0)
		return -1;
	*ret_cells = db_column_integer(statement, 0);
	*ret_begin_ms = db_column_integer(statement, 2) ? from_day * INT64_C(86400000) : db_column_optional(statement, 1);
	sqlite3_reset(statement);
	return 0;
}

int exemptions_replace(struct txn *txn, enum leg leg, int64_t from_ms, const struct exemption *list, size_t count,
		       struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[EXEMPTIONS_DROP]);

	db_bind_integer(statement, ":leg", leg);
	db_bind_integer(statement, ":from_ms", from_ms);
	if (db_run(statement, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		statement = db_statement(txn->db, sql[EXEMPTION_PUT]);
		db_bind_integer(statement, ":leg", leg);
		db_bind_integer(statement, ":from_ms", list[i].from_ms);
		db_bind_integer(statement, ":to_ms", list[i].to_ms);
		db_bind_integer(statement, ":why", list[i].why);
		if (db_run(statement, err) < 0)
			return -1;
	}
	return 0;
}

static void read_exemption(sqlite3_stmt *statement, void *ret_item)
{
	*(struct exemption *)ret_item = (struct exemption){
		.from_ms = db_column_integer(statement, 0),
		.to_ms = db_column_integer(statement, 1),
		.leg = (int)db_column_integer(statement, 2),
		.why = (enum exemption_why)db_column_integer(statement, 3),
	};
}

int exemptions_of_line(struct txn *txn, const struct line *line, int64_t from_ms, struct exemption **ret_list,
		       size_t *ret_count, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[EXEMPTIONS]);

	db_bind_text(statement, ":node", line->node);
	db_bind_integer(statement, ":both_legs", EXEMPT_BOTH_LEGS);
	db_bind_integer(statement, ":maintenance", EXEMPT_MAINTENANCE);
	db_bind_integer(statement, ":from_ms", from_ms);
	return read_rows(statement, sizeof **ret_list, read_exemption, ret_list, ret_count, err);
}
