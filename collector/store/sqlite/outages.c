#include "collector/store/outages.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "collector/store/sqlite/txn.h"

#define TIME_MS_MAX  INT64_C(32503680000000)   /* the year 3000 */
#define DAY_MS       INT64_C(86400000)
#define WATCH_GAP_MS INT64_C(2000)             /* J3: two dates of one moment may differ by so much within a boot */

#define OF_LINE " WHERE client = :client AND line = :line "

enum {
	OUTAGE_PUT, OUTAGE_REPLACE, OUTAGES_OF_LINE, WATCH_FIND, WATCH_DROP, WATCH_PUT, WATCHED_OF_LINE, WATCHED_SPAN,
	POWER_REBOOTED, POWER_AGENTS, LEAVES_AT, EXIST, STATEMENT_COUNT,
};

static const char *const sql[STATEMENT_COUNT] = {
	/* What was replaced before it arrived is not stored: the same event is kept as it came beside this table. */
	[OUTAGE_PUT] = "INSERT INTO outage (client, line, started_ms, spool, seq, cause, ended_ms, down_ms, shortest_ms, longest_ms)"
		       " SELECT :client, :line, :started_ms, :spool, :seq, :cause, :ended_ms, :down_ms, :shortest_ms, :longest_ms"
		       " WHERE :ended_ms IS NOT NULL OR NOT EXISTS (SELECT 1 FROM outage" OF_LINE "AND started_ms = :started_ms"
		       " AND spool = :spool AND (seq > :seq OR ended_ms IS NOT NULL))"
		       " ON CONFLICT DO NOTHING",
	[OUTAGE_REPLACE] = "DELETE FROM outage" OF_LINE "AND started_ms = :started_ms AND spool = :spool"
			   " AND ended_ms IS NULL AND (seq < :seq OR :ended_ms IS NOT NULL)",
	[OUTAGES_OF_LINE] = "SELECT started_ms, ended_ms, down_ms, cause FROM outage" OF_LINE
			    "AND (ended_ms > :from_ms OR ended_ms IS NULL)"
			    " ORDER BY started_ms, ended_ms IS NULL, ended_ms, cause, down_ms",
	[WATCH_FIND] = "SELECT min(from_ms), max(to_ms), (SELECT max(to_ms) FROM watch" OF_LINE "),"
		       " EXISTS (SELECT 1 FROM outage" OF_LINE "AND ended_ms IS NULL) FROM watch" OF_LINE
		       "AND from_ms <= :to_ms AND to_ms >= :from_ms",
	[WATCH_DROP] = "DELETE FROM watch" OF_LINE "AND from_ms >= :from_ms AND from_ms <= :to_ms",
	[WATCH_PUT] = "INSERT INTO watch (client, line, from_ms, to_ms) VALUES (:client, :line, :from_ms, :to_ms)",
	[WATCHED_OF_LINE] = "SELECT from_ms, to_ms FROM watch" OF_LINE "AND to_ms > :from_ms ORDER BY from_ms",
	[WATCHED_SPAN] = "SELECT min(from_ms), max(to_ms) FROM watch" OF_LINE,
	[POWER_REBOOTED] = "SELECT count(DISTINCT outage.line) FROM line JOIN outage ON outage.client = line.client"
			   " AND outage.line = line.number WHERE line.node = :node AND outage.cause = :power"
			   " AND outage.ended_ms BETWEEN :from_ms AND :to_ms",
	[POWER_AGENTS] = "SELECT count(DISTINCT agent.line) FROM line JOIN agent ON agent.line = line.number"
			 " WHERE line.node = :node AND agent.revoked_ms IS NULL",
	/* An outage under way is known to last as long as the line was watched. */
	[LEAVES_AT] = "SELECT line, min(state) FROM ("
		      "SELECT line, CASE WHEN 1 << cause & :bad THEN 0 WHEN 1 << cause & :unknown THEN 1 ELSE 2 END"
		      " AS state FROM outage WHERE cause <= :agent AND started_ms <= :at_ms AND (ended_ms > :at_ms OR (ended_ms IS NULL AND EXISTS"
		      " (SELECT 1 FROM watch WHERE watch.client = outage.client AND watch.line = outage.line"
		      " AND from_ms <= :at_ms AND to_ms > :at_ms)))"
		      " UNION ALL SELECT line, 2 FROM watch WHERE from_ms <= :at_ms AND to_ms > :at_ms)"
		      " GROUP BY line ORDER BY line",
	[EXIST] = "SELECT EXISTS (SELECT 1 FROM outage WHERE ended_ms > :from_ms AND started_ms < :to_ms)"
		  " OR EXISTS (SELECT 1 FROM outage WHERE ended_ms IS NULL AND started_ms < :to_ms)",
};

static sqlite3_stmt *statement_of_line(struct txn *txn, int number, const struct line *line)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[number]);

	db_bind_integer(statement, ":client", line->client_number);
	db_bind_integer(statement, ":line", line->number);
	return statement;
}

/* --- events --- */

struct event {
	int64_t started_ms, ended_ms, down_ms, shortest_ms, longest_ms;
	int cause;
};

static const struct json_field alive_fields[] = {
	{ "started_ms", JSON_FIELD_INTEGER, true, offsetof(struct event, started_ms), 0, 0, TIME_MS_MAX, NULL },
	{ "ended_ms", JSON_FIELD_INTEGER, true, offsetof(struct event, ended_ms), 0, 0, TIME_MS_MAX, NULL },
};

static const struct json_field outage_fields[] = {
	{ "started_ms", JSON_FIELD_INTEGER, true, offsetof(struct event, started_ms), 0, 0, TIME_MS_MAX, NULL },
	{ "ended_ms", JSON_FIELD_INTEGER, false, offsetof(struct event, ended_ms), 0, 0, TIME_MS_MAX, NULL },
	{ "cause", JSON_FIELD_CHOICE, true, offsetof(struct event, cause), 0, 0, 0, cause_names },
	{ "down_ms", JSON_FIELD_INTEGER, false, offsetof(struct event, down_ms), 0, 0, TIME_MS_MAX, NULL },
	{ "shortest_ms", JSON_FIELD_INTEGER, false, offsetof(struct event, shortest_ms), 0, 0, TIME_MS_MAX, NULL },
	{ "longest_ms", JSON_FIELD_INTEGER, false, offsetof(struct event, longest_ms), 0, 0, TIME_MS_MAX, NULL },
};

static int put_outage(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const struct event *event,
		      int64_t *ret_from_ms, struct err *err);
static int put_alive(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const struct event *event,
		     int64_t *ret_from_ms, struct err *err);

static const struct type {
	const char *name;
	const struct json_field *fields;
	size_t field_count;
	int (*put)(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const struct event *event,
		   int64_t *ret_from_ms, struct err *err);
} types[] = {
	{ "outage", outage_fields, sizeof outage_fields / sizeof outage_fields[0], put_outage },
	{ "alive", alive_fields, sizeof alive_fields / sizeof alive_fields[0], put_alive },
};

static const struct type *find_type(const char *name)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (!strcmp(types[i].name, name))
			return &types[i];
	return NULL;
}

static int read_event(const struct type *type, const json_t *object, struct event *ret_event, struct err *err)
{
	struct event event = { .down_ms = JSON_ABSENT, .shortest_ms = JSON_ABSENT, .longest_ms = JSON_ABSENT };

	if (json_fields_read(object, type->fields, type->field_count, &event, NULL, err) < 0)
		return -1;
	if (event.ended_ms != JSON_ABSENT && event.ended_ms < event.started_ms)
		return err_set(err, ERR_INPUT, "ended_ms: must not lie before started_ms");
	if (event.longest_ms != JSON_ABSENT && event.longest_ms < event.shortest_ms)
		return err_set(err, ERR_INPUT, "longest_ms: must not be less than shortest_ms");
	*ret_event = event;
	return 0;
}

int outage_event_check(const char *type, const json_t *event, struct err *err)
{
	const struct type *found = find_type(type);
	struct event ignored;

	return found ? read_event(found, event, &ignored, err) : 0;
}

int outage_event_put(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const char *type,
		     const json_t *object, int64_t shift_ms, int64_t *ret_from_ms, struct err *err)
{
	const struct type *found = find_type(type);
	struct event event;

	if (!found)
		return 0;
	if (read_event(found, object, &event, err) < 0)
		return -1;
	event.started_ms += shift_ms;
	if (event.ended_ms != JSON_ABSENT)
		event.ended_ms += shift_ms;
	return found->put(txn, line, spool, seq, &event, ret_from_ms, err);
}

static sqlite3_stmt *statement_of_outage(struct txn *txn, int number, const struct line *line, int64_t spool, int64_t seq,
					 const struct event *event)
{
	sqlite3_stmt *statement = statement_of_line(txn, number, line);

	db_bind_integer(statement, ":started_ms", event->started_ms);
	db_bind_integer(statement, ":spool", spool);
	db_bind_integer(statement, ":seq", seq);
	db_bind_optional(statement, ":ended_ms", event->ended_ms);
	return statement;
}

static int put_outage(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const struct event *event,
		      int64_t *ret_from_ms, struct err *err)
{
	sqlite3_stmt *statement;

	if (db_run(statement_of_outage(txn, OUTAGE_REPLACE, line, spool, seq, event), err) < 0)
		return -1;
	statement = statement_of_outage(txn, OUTAGE_PUT, line, spool, seq, event);
	db_bind_integer(statement, ":cause", event->cause);
	db_bind_optional(statement, ":down_ms", event->down_ms);
	db_bind_optional(statement, ":shortest_ms", event->shortest_ms);
	db_bind_optional(statement, ":longest_ms", event->longest_ms);
	if (event->started_ms < *ret_from_ms)
		*ret_from_ms = event->started_ms;
	return db_run(statement, err);
}

static sqlite3_stmt *statement_of_watch(struct txn *txn, int number, const struct line *line, int64_t from_ms, int64_t to_ms)
{
	sqlite3_stmt *statement = statement_of_line(txn, number, line);

	db_bind_integer(statement, ":from_ms", from_ms);
	db_bind_integer(statement, ":to_ms", to_ms);
	return statement;
}

/* Takes the ranges that it overlaps or touches into one with it. */
static int put_alive(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const struct event *event,
		     int64_t *ret_from_ms, struct err *err)
{
	sqlite3_stmt *statement = statement_of_watch(txn, WATCH_FIND, line, event->started_ms - WATCH_GAP_MS,
						     event->ended_ms + WATCH_GAP_MS);
	int64_t first_ms, last_ms, newest_ms, from_ms;
	bool is_late, is_down;

	(void)spool;
	(void)seq;
	if (db_step(statement, err) < 0)
		return -1;
	first_ms = db_column_optional(statement, 0);
	last_ms = db_column_optional(statement, 1);
	newest_ms = db_column_optional(statement, 2);
	is_down = db_column_integer(statement, 3);
	sqlite3_reset(statement);
	is_late = event->ended_ms < newest_ms;
	from_ms = newest_ms > event->started_ms ? newest_ms : event->started_ms;
	if ((is_late || event->started_ms / DAY_MS != event->ended_ms / DAY_MS) && event->started_ms < *ret_from_ms)
		*ret_from_ms = event->started_ms;
	if (is_down && from_ms < *ret_from_ms)
		*ret_from_ms = from_ms;
	if (first_ms == JSON_ABSENT || event->started_ms < first_ms)
		first_ms = event->started_ms;
	if (event->ended_ms > last_ms)
		last_ms = event->ended_ms;
	if (db_run(statement_of_watch(txn, WATCH_DROP, line, first_ms, last_ms), err) < 0)
		return -1;
	return db_run(statement_of_watch(txn, WATCH_PUT, line, first_ms, last_ms), err);
}

/* --- reading --- */

int outages_of_line(struct txn *txn, const struct line *line, int64_t from_ms, struct outage_fact **ret_outages,
		    size_t *ret_count, struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, OUTAGES_OF_LINE, line);
	struct outage_fact *outages = NULL;
	size_t count = 0, room = 0;
	int rc;

	db_bind_integer(statement, ":from_ms", from_ms);
	while ((rc = db_step(statement, err)) > 0) {
		if (count == room) {
			room = room * 2 + 16;
			outages = xrealloc(outages, room, sizeof *outages);
		}
		outages[count++] = (struct outage_fact){
			.started_ms = db_column_integer(statement, 0),
			.ended_ms = db_column_optional(statement, 1),
			.down_ms = db_column_optional(statement, 2),
			.cause = (int)db_column_integer(statement, 3),
		};
	}
	if (rc < 0) {
		free(outages);
		return -1;
	}
	*ret_outages = outages;
	*ret_count = count;
	return 0;
}

int watched_of_line(struct txn *txn, const struct line *line, int64_t from_ms, struct stretch **ret_watched, size_t *ret_count,
		    struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, WATCHED_OF_LINE, line);
	struct stretch *watched = NULL;
	size_t count = 0, room = 0;
	int rc;

	db_bind_integer(statement, ":from_ms", from_ms);
	while ((rc = db_step(statement, err)) > 0) {
		if (count == room) {
			room = room * 2 + 16;
			watched = xrealloc(watched, room, sizeof *watched);
		}
		watched[count++] = (struct stretch){ db_column_integer(statement, 0), db_column_integer(statement, 1) };
	}
	if (rc < 0) {
		free(watched);
		return -1;
	}
	*ret_watched = watched;
	*ret_count = count;
	return 0;
}

int watched_span(struct txn *txn, const struct line *line, int64_t *ret_from_ms, int64_t *ret_to_ms, struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, WATCHED_SPAN, line);

	if (db_step(statement, err) < 0)
		return -1;
	*ret_from_ms = db_column_optional(statement, 0);
	*ret_to_ms = db_column_optional(statement, 1);
	sqlite3_reset(statement);
	return 0;
}

static int read_count(sqlite3_stmt *statement, int64_t *ret_count, struct err *err)
{
	if (db_step(statement, err) < 0)
		return -1;
	*ret_count = db_column_integer(statement, 0);
	sqlite3_reset(statement);
	return 0;
}

int power_of_node(struct txn *txn, const struct line *line, int64_t from_ms, int64_t to_ms, int64_t *ret_rebooted,
		  int64_t *ret_agents, struct err *err)
{
	sqlite3_stmt *rebooted = db_statement(txn->db, sql[POWER_REBOOTED]), *agents = db_statement(txn->db, sql[POWER_AGENTS]);

	db_bind_text(rebooted, ":node", line->node);
	db_bind_integer(rebooted, ":power", CAUSE_POWER);
	db_bind_integer(rebooted, ":from_ms", from_ms);
	db_bind_integer(rebooted, ":to_ms", to_ms);
	db_bind_text(agents, ":node", line->node);
	return read_count(rebooted, ret_rebooted, err) < 0 ? -1 : read_count(agents, ret_agents, err);
}

int outage_leaves_at(struct txn *txn, enum outage_place place, int64_t at_ms,
		     void (*visit)(void *arg, int64_t line_number, enum leaf_state state), void *arg, struct err *err)
{
#define BIT(cause) (1 << CAUSE_##cause)
	enum {
		NEAR = BIT(CARRIER) | BIT(GATEWAY) | BIT(ACCESS),
		UNWATCHED = BIT(POWER) | BIT(SHUTDOWN) | BIT(SUSPEND) | BIT(AGENT),
	};
	static const struct {
		int bad, unknown;   /* causes */
	} rows[OUTAGE_PLACE_COUNT] = {
		[OUTAGE_OF_ACCESS]   = { NEAR, UNWATCHED },
		[OUTAGE_OF_SERVER]   = { BIT(LOCAL_SERVER) | BIT(HTTP), NEAR | BIT(DNS) | UNWATCHED },
		[OUTAGE_OF_UPSTREAM] = { BIT(UPSTREAM), NEAR | UNWATCHED },
	};
#undef BIT
	static const enum leaf_state states[] = { LEAF_BAD, LEAF_UNKNOWN, LEAF_GOOD };   /* the worst of a line counts */
	sqlite3_stmt *statement = db_statement(txn->db, sql[LEAVES_AT]);
	int rc;

	db_bind_integer(statement, ":at_ms", at_ms);
	db_bind_integer(statement, ":bad", rows[place].bad);
	db_bind_integer(statement, ":unknown", rows[place].unknown);
	db_bind_integer(statement, ":agent", CAUSE_AGENT);
	while ((rc = db_step(statement, err)) > 0) {
		enum leaf_state state = states[db_column_integer(statement, 1)];

		if (state != LEAF_UNKNOWN)
			visit(arg, db_column_integer(statement, 0), state);
	}
	return rc;
}

int outages_exist(struct txn *txn, int64_t from_ms, int64_t to_ms, bool *ret_exist, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[EXIST]);

	db_bind_integer(statement, ":from_ms", from_ms);
	db_bind_integer(statement, ":to_ms", to_ms);
	if (db_step(statement, err) < 0)
		return -1;
	*ret_exist = db_column_integer(statement, 0);
	sqlite3_reset(statement);
	return 0;
}
