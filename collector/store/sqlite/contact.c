#include "collector/store/contact.h"

#include <stdlib.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "collector/store/sqlite/txn.h"

#define HOUR_MS    INT64_C(3600000)
#define WEEK_HOURS 168

/* An agent says twice a minute that it watches: a week of it. What is older is not looked at. */
#define FACTS_MAX  20000

#define MASS "from_ms, until_ms, agents, ended_ms, is_own"

enum {
	CONTACTS_CLEAR, CONTACTS, CONTACT_PUT, CONTACT_DROP, CONTACT_SILENT_OF, GAP_PUT, GAPS_DROP, HOUR_ADD, HOURS_DROP, HOUR_GET,
	MASS_NEWEST, MASS_AT, MASS_PUT, LEAVES_AT, FACTS, BEAT, STATEMENT_COUNT,
};

static const char *const sql[STATEMENT_COUNT] = {
	[CONTACTS_CLEAR] = "DELETE FROM contact WHERE opened_ms IS NULL"
			   " AND line NOT IN (SELECT line FROM agent WHERE revoked_ms IS NULL)",
	[CONTACTS] = "SELECT number, id, always_on, heard.heard_ms, late_ms, gap_from_ms, silent_ms, opened_ms, returned_ms"
		     " FROM (SELECT line, max(coalesce(last_report_ms, enrolled_ms)) AS heard_ms FROM agent"
		     " WHERE revoked_ms IS NULL GROUP BY line) AS heard JOIN line ON number = heard.line"
		     " LEFT JOIN contact ON contact.line = number ORDER BY number",
	[CONTACT_PUT] = "INSERT INTO contact (line, late_ms, gap_from_ms, silent_ms, opened_ms, returned_ms)"
			" VALUES (:line, :late_ms, :gap_from_ms, :silent_ms, :opened_ms, :returned_ms) ON CONFLICT (line) DO UPDATE"
			" SET late_ms = excluded.late_ms, gap_from_ms = excluded.gap_from_ms, silent_ms = excluded.silent_ms,"
			" opened_ms = excluded.opened_ms, returned_ms = excluded.returned_ms",
	[CONTACT_DROP] = "DELETE FROM contact WHERE line = :line",
	[CONTACT_SILENT_OF] = "SELECT 1 FROM contact WHERE line = :line AND silent_ms IS NOT NULL",
	[GAP_PUT] = "INSERT INTO contact_gap (line, late_ms, silent_ms, returned_ms)"
		    " VALUES (:line, :late_ms, :silent_ms, :returned_ms) ON CONFLICT (line, late_ms) DO NOTHING",
	[GAPS_DROP] = "DELETE FROM contact_gap WHERE returned_ms < :before_ms",
	[HOUR_ADD] = "INSERT INTO contact_hour (hour, late) VALUES (:hour, :late)"
		     " ON CONFLICT (hour) DO UPDATE SET late = contact_hour.late + excluded.late",
	[HOURS_DROP] = "DELETE FROM contact_hour WHERE hour < :hour",
	[HOUR_GET] = "SELECT late FROM contact_hour WHERE hour = :hour",
	[MASS_NEWEST] = "SELECT " MASS " FROM contact_mass ORDER BY from_ms DESC LIMIT 1",
	[MASS_AT] = "SELECT " MASS " FROM contact_mass WHERE from_ms <= :at_ms AND (ended_ms IS NULL OR ended_ms > :at_ms)"
		    " ORDER BY from_ms DESC LIMIT 1",
	[MASS_PUT] = "INSERT INTO contact_mass (from_ms, until_ms, agents, ended_ms, is_own)"
		     " VALUES (:from_ms, :until_ms, :agents, :ended_ms, :is_own) ON CONFLICT (from_ms) DO UPDATE"
		     " SET until_ms = excluded.until_ms, agents = excluded.agents, ended_ms = excluded.ended_ms",
	/* Silent then: kept, and not yet back or back later. Merely late is neither. */
	[LEAVES_AT] = "SELECT number, always_on, away.late_ms, away.silent_ms FROM line LEFT JOIN"
		      " (SELECT line, late_ms, silent_ms FROM contact WHERE late_ms <= :at_ms AND coalesce(returned_ms, :at_ms) >= :at_ms"
		      " UNION ALL SELECT line, late_ms, silent_ms FROM contact_gap WHERE late_ms <= :at_ms AND returned_ms > :at_ms)"
		      " AS away ON away.line = number WHERE EXISTS (SELECT 1 FROM agent WHERE agent.line = number"
		      " AND enrolled_ms <= :at_ms AND (revoked_ms IS NULL OR revoked_ms > :at_ms)) ORDER BY number",
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
		.silent_ms = db_column_optional(statement, 6),
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
	db_bind_optional(statement, ":silent_ms", row->silent_ms);
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

int contact_gap_put(struct txn *txn, const struct contact_row *row, int64_t to_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[GAP_PUT]);

	db_bind_integer(statement, ":line", row->line_number);
	db_bind_integer(statement, ":late_ms", row->late_ms);
	db_bind_integer(statement, ":silent_ms", row->silent_ms);
	db_bind_integer(statement, ":returned_ms", to_ms);
	if (db_run(statement, err) < 0)
		return -1;
	statement = db_statement(txn->db, sql[GAPS_DROP]);
	db_bind_integer(statement, ":before_ms", to_ms - (SILENCE_WEEKS + 1) * WEEK_HOURS * HOUR_MS);
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

static int read_mass(sqlite3_stmt *statement, struct silence_mass *ret_mass, struct err *err)
{
	int rc = db_step(statement, err);

	if (rc > 0)
		*ret_mass = (struct silence_mass){
			.from_ms = db_column_integer(statement, 0),
			.until_ms = db_column_integer(statement, 1),
			.agents = db_column_integer(statement, 2),
			.ended_ms = db_column_optional(statement, 3),
			.is_own = db_column_integer(statement, 4),
		};
	return rc;
}

int silence_mass_newest(struct txn *txn, struct silence_mass *ret_mass, struct err *err)
{
	return read_mass(db_statement(txn->db, sql[MASS_NEWEST]), ret_mass, err);
}

int silence_mass_at(struct txn *txn, int64_t at_ms, struct silence_mass *ret_mass, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[MASS_AT]);

	db_bind_integer(statement, ":at_ms", at_ms);
	return read_mass(statement, ret_mass, err);
}

int silence_mass_put(struct txn *txn, const struct silence_mass *mass, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[MASS_PUT]);

	db_bind_integer(statement, ":from_ms", mass->from_ms);
	db_bind_integer(statement, ":until_ms", mass->until_ms);
	db_bind_integer(statement, ":agents", mass->agents);
	db_bind_optional(statement, ":ended_ms", mass->ended_ms);
	db_bind_integer(statement, ":is_own", mass->is_own);
	return db_run(statement, err);
}

/* Merely late, silent since before the mass, or switched off at will: nobody knows. */
static enum leaf_state leaf_of(sqlite3_stmt *statement, const struct silence_mass *mass, int64_t at_ms)
{
	int64_t late_ms = db_column_optional(statement, 2), silent_ms = db_column_optional(statement, 3);

	if (late_ms == JSON_ABSENT)
		return LEAF_GOOD;
	if (db_column_integer(statement, 1) && silent_ms != JSON_ABSENT && silent_ms <= at_ms && silence_mass_has(mass, late_ms))
		return LEAF_BAD;
	return LEAF_UNKNOWN;
}

int silence_leaves_at(struct txn *txn, int64_t at_ms, void (*visit)(void *arg, int64_t line_number, enum leaf_state state),
		      void *arg, struct err *err)
{
	struct silence_mass mass;
	sqlite3_stmt *statement;
	int rc = silence_mass_at(txn, at_ms, &mass, err);

	if (rc <= 0 || mass.is_own)
		return rc < 0 ? -1 : 0;
	statement = db_statement(txn->db, sql[LEAVES_AT]);
	db_bind_integer(statement, ":at_ms", at_ms);
	while ((rc = db_step(statement, err)) > 0) {
		enum leaf_state state = leaf_of(statement, &mass, at_ms);

		if (state != LEAF_UNKNOWN)
			visit(arg, db_column_integer(statement, 0), state);
	}
	return rc;
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
