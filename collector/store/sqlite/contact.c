#include "collector/store/contact.h"

#include <stdlib.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "collector/store/sqlite/txn.h"

#define WEEK_HOURS 168

/* An agent says twice a minute that it watches: a week of it. What is older is not looked at. */
#define FACTS_MAX  20000

enum {
	CONTACTS_CLEAR, CONTACTS, CONTACT_PUT, CONTACT_DROP, CONTACT_SILENT_OF, HOUR_ADD, HOURS_DROP, HOUR_GET, STATE_GET, STATE_PUT,
	FACTS, BEAT, STATEMENT_COUNT,
};

static const char *const sql[STATEMENT_COUNT] = {
	[CONTACTS_CLEAR] = "DELETE FROM contact WHERE line NOT IN (SELECT line FROM agent WHERE revoked_ms IS NULL)",
	[CONTACTS] = "SELECT number, id, always_on, heard.heard_ms, late_ms, gap_from_ms, is_silent, opened_ms, returned_ms"
		     " FROM (SELECT line, max(coalesce(last_report_ms, enrolled_ms)) AS heard_ms FROM agent"
		     " WHERE revoked_ms IS NULL GROUP BY line) AS heard JOIN line ON number = heard.line"
		     " LEFT JOIN contact ON contact.line = number ORDER BY number",
	[CONTACT_PUT] = "INSERT INTO contact (line, late_ms, gap_from_ms, is_silent, opened_ms, returned_ms)"
			" VALUES (:line, :late_ms, :gap_from_ms, :is_silent, :opened_ms, :returned_ms) ON CONFLICT (line) DO UPDATE"
			" SET late_ms = excluded.late_ms, gap_from_ms = excluded.gap_from_ms, is_silent = excluded.is_silent,"
			" opened_ms = excluded.opened_ms, returned_ms = excluded.returned_ms",
	[CONTACT_DROP] = "DELETE FROM contact WHERE line = :line",
	[CONTACT_SILENT_OF] = "SELECT 1 FROM contact WHERE line = :line AND is_silent",
	[HOUR_ADD] = "INSERT INTO contact_hour (hour, late) VALUES (:hour, :late)"
		     " ON CONFLICT (hour) DO UPDATE SET late = contact_hour.late + excluded.late",
	[HOURS_DROP] = "DELETE FROM contact_hour WHERE hour < :hour",
	[HOUR_GET] = "SELECT late FROM contact_hour WHERE hour = :hour",
	[STATE_GET] = "SELECT guard_from_ms, guard_until_ms, guard_agents, guard_ended_ms, own_fault_ms FROM contact_state"
		      " WHERE one = 1",
	[STATE_PUT] = "INSERT INTO contact_state (one, guard_from_ms, guard_until_ms, guard_agents, guard_ended_ms, own_fault_ms)"
		      " VALUES (1, :guard_from_ms, :guard_until_ms, :guard_agents, :guard_ended_ms, :own_fault_ms)"
		      " ON CONFLICT (one) DO UPDATE SET guard_from_ms = excluded.guard_from_ms,"
		      " guard_until_ms = excluded.guard_until_ms, guard_agents = excluded.guard_agents,"
		      " guard_ended_ms = excluded.guard_ended_ms, own_fault_ms = excluded.own_fault_ms",
	[FACTS] = "SELECT from_ms, to_ms, cause FROM (SELECT type, json_extract(event, '$.started_ms') AS from_ms,"
		  " json_extract(event, '$.ended_ms') AS to_ms, json_extract(event, '$.cause') AS cause FROM (SELECT type, event"
		  " FROM event WHERE client = :client AND line = :line ORDER BY spool DESC, seq DESC LIMIT :limit) AS newest"
		  " WHERE type IN ('alive', 'outage')) AS told WHERE to_ms > :from_ms ORDER BY from_ms, to_ms, cause",
	[BEAT] = "INSERT INTO contact_beat (one, at_ms) VALUES (1, :now_ms) ON CONFLICT (one) DO UPDATE SET at_ms = excluded.at_ms",
};

static void read_row(sqlite3_stmt *statement, struct contact_row *row)
{
	*row = (struct contact_row){
		.line_number = db_column_integer(statement, 0),
		.always_on = db_column_integer(statement, 2),
		.heard_ms = db_column_integer(statement, 3),
		.late_ms = db_column_optional(statement, 4),
		.gap_from_ms = db_column_optional(statement, 5),
		.is_silent = db_column_integer(statement, 6),
		.opened_ms = db_column_optional(statement, 7),
		.returned_ms = db_column_optional(statement, 8),
	};
	text_copy(row->line, sizeof row->line, db_column_text(statement, 1));
}

int contacts_read(struct txn *txn, struct contact_row **ret_rows, size_t *ret_count, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[CONTACTS_CLEAR]);
	struct contact_row *rows = NULL;
	size_t count = 0, size = 0;
	int rc;

	if (db_run(statement, err) < 0)
		return -1;
	statement = db_statement(txn->db, sql[CONTACTS]);
	while ((rc = db_step(statement, err)) > 0) {
		if (count == size) {
			size = size ? 2 * size : 64;
			rows = xrealloc(rows, size, sizeof *rows);
		}
		read_row(statement, &rows[count++]);
	}
	if (rc < 0) {
		free(rows);
		return -1;
	}
	*ret_rows = rows;
	*ret_count = count;
	return 0;
}

int contact_put(struct txn *txn, const struct contact_row *row, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[CONTACT_PUT]);

	db_bind_integer(statement, ":line", row->line_number);
	db_bind_integer(statement, ":late_ms", row->late_ms);
	db_bind_integer(statement, ":gap_from_ms", row->gap_from_ms);
	db_bind_integer(statement, ":is_silent", row->is_silent);
	db_bind_optional(statement, ":opened_ms", row->opened_ms);
	db_bind_optional(statement, ":returned_ms", row->returned_ms);
	return db_run(statement, err);
}

int contact_drop(struct txn *txn, int64_t line_number, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[CONTACT_DROP]);

	db_bind_integer(statement, ":line", line_number);
	return db_run(statement, err);
}

int contact_is_silent(struct txn *txn, const struct line *line, bool *ret_is, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[CONTACT_SILENT_OF]);
	int rc;

	db_bind_integer(statement, ":line", line->number);
	rc = db_step(statement, err);
	if (rc < 0)
		return -1;
	*ret_is = rc > 0;
	return 0;
}

int contact_hour_add(struct txn *txn, int64_t hour, int64_t late, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[HOUR_ADD]);

	db_bind_integer(statement, ":hour", hour);
	db_bind_integer(statement, ":late", late);
	if (db_run(statement, err) < 0)
		return -1;
	statement = db_statement(txn->db, sql[HOURS_DROP]);
	db_bind_integer(statement, ":hour", hour - SILENCE_WEEKS * WEEK_HOURS);
	return db_run(statement, err);
}

int contact_hours(struct txn *txn, int64_t hour, int64_t ret_late[SILENCE_WEEKS], struct err *err)
{
	int known = 0;

	for (int week = 1; week <= SILENCE_WEEKS; week++) {
		sqlite3_stmt *statement = db_statement(txn->db, sql[HOUR_GET]);
		int rc;

		db_bind_integer(statement, ":hour", hour - week * WEEK_HOURS);
		rc = db_step(statement, err);
		if (rc < 0)
			return -1;
		if (rc > 0)
			ret_late[known++] = db_column_integer(statement, 0);
	}
	return known;
}

int contact_state_get(struct txn *txn, struct contact_state *ret_state, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[STATE_GET]);
	int rc = db_step(statement, err);

	if (rc < 0)
		return -1;
	*ret_state = (struct contact_state){
		.guard = { .from_ms = JSON_ABSENT, .until_ms = JSON_ABSENT, .ended_ms = JSON_ABSENT }, .own_fault_ms = JSON_ABSENT,
	};
	if (rc > 0)
		*ret_state = (struct contact_state){
			.guard = {
				.from_ms = db_column_optional(statement, 0), .until_ms = db_column_optional(statement, 1),
				.agents = db_column_integer(statement, 2), .ended_ms = db_column_optional(statement, 3),
			},
			.own_fault_ms = db_column_optional(statement, 4),
		};
	return 0;
}

int contact_state_put(struct txn *txn, const struct contact_state *state, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[STATE_PUT]);

	db_bind_optional(statement, ":guard_from_ms", state->guard.from_ms);
	db_bind_optional(statement, ":guard_until_ms", state->guard.until_ms);
	db_bind_integer(statement, ":guard_agents", state->guard.agents);
	db_bind_optional(statement, ":guard_ended_ms", state->guard.ended_ms);
	db_bind_optional(statement, ":own_fault_ms", state->own_fault_ms);
	return db_run(statement, err);
}

int absence_facts(struct txn *txn, const struct line *line, int64_t from_ms, int64_t to_ms, struct absence_fact **ret_facts,
		  size_t *ret_count, int64_t *ret_newest_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[FACTS]);
	struct absence_fact *facts = xcalloc(FACTS_MAX, sizeof *facts);
	int64_t newest_ms = JSON_ABSENT;
	size_t count = 0;
	int rc;

	db_bind_integer(statement, ":client", line->client_number);
	db_bind_integer(statement, ":line", line->number);
	db_bind_integer(statement, ":limit", FACTS_MAX);
	db_bind_integer(statement, ":from_ms", from_ms);
	while ((rc = db_step(statement, err)) > 0) {
		struct absence_fact fact = { db_column_integer(statement, 0), db_column_integer(statement, 1), ABSENCE_REPORT };

		if (sqlite3_column_type(statement, 2) != SQLITE_NULL)
			fact.what = absence_of_cause(db_column_text(statement, 2));
		if (fact.to_ms > newest_ms)
			newest_ms = fact.to_ms;
		if (fact.from_ms < to_ms)
			facts[count++] = fact;
	}
	if (rc < 0) {
		free(facts);
		return -1;
	}
	*ret_facts = facts;
	*ret_count = count;
	*ret_newest_ms = newest_ms;
	return 0;
}

int contact_beat(struct txn *txn, int64_t now_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[BEAT]);

	db_bind_integer(statement, ":now_ms", now_ms);
	return db_run(statement, err);
}
