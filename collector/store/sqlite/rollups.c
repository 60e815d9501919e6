#include "collector/store/rollups.h"

#include <stdlib.h>

#include "agent/base/mem.h"
#include "collector/store/sqlite/txn.h"

#define OF_DAY "client = :client AND line = :line AND day_ms = :day_ms"
#define WITHIN "client = :client AND line = :line AND leg = :leg AND started_ms >= :day_ms AND started_ms < :end_ms"

enum {
	DAY_MARK, DAYS_IN, DAY_SET, DAY_FORGET, DAY_NEWEST, SAMPLES, ROLLUP_PUT, ROLLUPS_DROP, MEASUREMENTS_DROP, NEWEST, SERIES,
	EVENTS_MARK, EVENTS_MARKED, EVENTS_DROP, MARK_DROP, STATEMENT_COUNT,
};

static const char *const sql[STATEMENT_COUNT] = {
	[DAY_MARK] = "INSERT INTO measured_day (client, line, day_ms, state) VALUES (:client, :line, :day_ms, :due)"
		     " ON CONFLICT (client, line, day_ms) DO UPDATE SET"
		     " state = CASE measured_day.state WHEN :made THEN :due ELSE :late END"
		     " WHERE measured_day.state NOT IN (:due, :late)",
	[DAYS_IN] = "SELECT client, line, day_ms FROM measured_day WHERE state = :state AND day_ms < :before_ms"
		    " AND (:held_ms = 0 OR NOT EXISTS (SELECT 1 FROM ticket WHERE ticket.line = measured_day.line"
		    " AND ticket.state NOT IN (5, 6) AND ticket.defect_from_ms < measured_day.day_ms + :day + :held_ms))"
		    " ORDER BY day_ms, client, line LIMIT :limit",
	[DAY_SET] = "UPDATE measured_day SET state = :state WHERE " OF_DAY,
	[DAY_FORGET] = "DELETE FROM measured_day WHERE " OF_DAY,
	[DAY_NEWEST] = "SELECT day_ms FROM measured_day WHERE client = :client AND line = :line"
		       " AND state >= :state ORDER BY day_ms DESC LIMIT 1",
	[SAMPLES] = "SELECT started_ms, throughput_bps, judgement, trigger FROM measurement WHERE " WITHIN
		    " ORDER BY started_ms, spool, seq",
	[ROLLUP_PUT] = "INSERT INTO rollup (client, line, leg, span, from_ms, count, good, bad, unmeasured, min_bps, p5_bps,"
		       " p10_bps, median_bps, p95_bps) VALUES (:client, :line, :leg, :span, :from_ms, :count, :good, :bad,"
		       " :unmeasured, :min_bps, :p5_bps, :p10_bps, :median_bps, :p95_bps)",
	[ROLLUPS_DROP] = "DELETE FROM rollup WHERE client = :client AND line = :line AND leg = :leg AND span = :span"
			 " AND from_ms >= :day_ms AND from_ms < :end_ms",
	[MEASUREMENTS_DROP] = "DELETE FROM measurement WHERE " WITHIN " AND (started_ms, spool, seq) IN"
			      " (SELECT started_ms, spool, seq FROM measurement WHERE " WITHIN " LIMIT :limit)",
	[NEWEST] = "SELECT max(from_ms) FROM rollup WHERE client = :client AND line = :line AND leg = :leg AND span = :span",
	/* Of each leg and stretch of time the one with the lowest figure, and one without a figure. */
	[SERIES] = "SELECT leg, from_ms AS started_ms, :span_ms AS span_ms, min_bps AS throughput_bps,"
		   " CASE WHEN bad > 0 THEN :bad WHEN count > good + unmeasured THEN :marginal WHEN good > 0 THEN :good END"
		   " AS judgement, p5_bps, p10_bps, median_bps, p95_bps, count, good, bad, unmeasured"
		   " FROM (SELECT *, row_number() OVER (PARTITION BY leg, (from_ms - :after_ms - 1) / :stretch_ms,"
		   " min_bps IS NULL ORDER BY min_bps, from_ms) AS place FROM rollup"
		   " WHERE client = :client AND line = :line AND leg IN (:local, :hub) AND span = :span"
		   " AND from_ms > :after_ms AND from_ms < :to_ms) AS ranked WHERE place = 1 ORDER BY from_ms, leg",
	[EVENTS_MARK] = "INSERT INTO spool_day (spool, day_ms, first_seq) VALUES (:spool, :day_ms, :seq) ON CONFLICT DO NOTHING",
	/* The oldest, with where the events begin that came on a later day. */
	[EVENTS_MARKED] = "SELECT line.client, line.number, mark.spool, mark.day_ms, (SELECT min(first_seq) FROM spool_day AS later"
			  " WHERE later.spool = mark.spool AND later.day_ms > mark.day_ms) FROM spool_day AS mark"
			  " JOIN spool ON spool.number = mark.spool JOIN agent ON agent.number = spool.agent"
			  " JOIN line ON line.number = agent.line WHERE mark.day_ms < :before_ms ORDER BY mark.day_ms LIMIT 1",
	[EVENTS_DROP] = "DELETE FROM event WHERE client = :client AND line = :line AND spool = :spool AND seq IN"
			" (SELECT seq FROM event WHERE client = :client AND line = :line AND spool = :spool AND seq < :before_seq"
			" AND type <> 'outage' LIMIT :limit)",
	[MARK_DROP] = "DELETE FROM spool_day WHERE spool = :spool AND day_ms = :day_ms",
};

static const struct row_choice choices[] = {
	{ "leg", leg_names }, { "judgement", judgement_names },
	{ NULL, NULL },
};

static sqlite3_stmt *statement_of(struct txn *txn, int number, int64_t client, int64_t line)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[number]);

	db_bind_integer(statement, ":client", client);
	db_bind_integer(statement, ":line", line);
	return statement;
}

static sqlite3_stmt *statement_of_day(struct txn *txn, int number, const struct line_day *day)
{
	sqlite3_stmt *statement = statement_of(txn, number, day->client_number, day->line_number);

	db_bind_integer(statement, ":day_ms", day->day_ms);
	return statement;
}

static sqlite3_stmt *statement_of_leg(struct txn *txn, int number, const struct line_day *day, enum leg leg)
{
	sqlite3_stmt *statement = statement_of_day(txn, number, day);

	db_bind_integer(statement, ":leg", leg);
	db_bind_integer(statement, ":end_ms", day->day_ms + ROLLUP_DAY_MS);
	return statement;
}

int day_mark(struct txn *txn, const struct line *line, int64_t at_ms, struct err *err)
{
	const struct line_day day = { line->client_number, line->number, rollup_day_of(at_ms) };
	sqlite3_stmt *statement;

	if (txn->marked_line == day.line_number && txn->marked_day_ms == day.day_ms)
		return 0;
	statement = statement_of_day(txn, DAY_MARK, &day);
	db_bind_integer(statement, ":due", DAY_DUE);
	db_bind_integer(statement, ":made", DAY_MADE);
	db_bind_integer(statement, ":late", DAY_LATE);
	if (db_run(statement, err) < 0)
		return -1;
	txn->marked_line = day.line_number;
	txn->marked_day_ms = day.day_ms;
	return 0;
}

int days_in(struct txn *txn, enum day_state state, int64_t before_ms, int64_t held_ms, struct line_day *ret_days, int limit,
	    struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[DAYS_IN]);
	int count = 0, rc;

	db_bind_integer(statement, ":state", state);
	db_bind_integer(statement, ":before_ms", before_ms);
	db_bind_integer(statement, ":held_ms", held_ms);
	db_bind_integer(statement, ":day", ROLLUP_DAY_MS);
	db_bind_integer(statement, ":limit", limit);
	while ((rc = db_step(statement, err)) > 0)
		ret_days[count++] = (struct line_day){
			db_column_integer(statement, 0), db_column_integer(statement, 1), db_column_integer(statement, 2),
		};
	return rc < 0 ? -1 : count;
}

int day_set(struct txn *txn, const struct line_day *day, enum day_state state, struct err *err)
{
	sqlite3_stmt *statement = statement_of_day(txn, DAY_SET, day);

	txn->marked_line = 0;
	db_bind_integer(statement, ":state", state);
	return db_run(statement, err);
}

int day_forget(struct txn *txn, const struct line_day *day, struct err *err)
{
	txn->marked_line = 0;
	return db_run(statement_of_day(txn, DAY_FORGET, day), err);
}

int day_samples(struct txn *txn, const struct line_day *day, enum leg leg, struct sample **ret_samples, size_t *ret_count,
		struct err *err)
{
	sqlite3_stmt *statement = statement_of_leg(txn, SAMPLES, day, leg);
	struct sample *samples = NULL;
	size_t count = 0, room = 0;
	int rc;

	while ((rc = db_step(statement, err)) > 0) {
		if (count == room) {
			room = room ? 2 * room : 128;
			samples = xrealloc(samples, room, sizeof *samples);
		}
		samples[count++] = (struct sample){
			.started_ms = db_column_integer(statement, 0),
			.throughput_bps = db_column_optional(statement, 1),
			.threshold_bps = JSON_ABSENT,
			.judgement = (int)db_column_integer(statement, 2),
			.trigger = (int)db_column_integer(statement, 3),
		};
	}
	if (rc < 0) {
		free(samples);
		return -1;
	}
	*ret_samples = samples;
	*ret_count = count;
	return 0;
}

static int put(struct txn *txn, const struct line_day *day, enum leg leg, enum rollup_span span, const struct rollup *rollup,
	       struct err *err)
{
	sqlite3_stmt *statement = statement_of(txn, ROLLUP_PUT, day->client_number, day->line_number);

	db_bind_integer(statement, ":leg", leg);
	db_bind_integer(statement, ":span", span);
	db_bind_integer(statement, ":from_ms", rollup->from_ms);
	db_bind_integer(statement, ":count", rollup->count);
	db_bind_integer(statement, ":good", rollup->good);
	db_bind_integer(statement, ":bad", rollup->bad);
	db_bind_integer(statement, ":unmeasured", rollup->unmeasured);
	db_bind_optional(statement, ":min_bps", rollup->bps.min);
	db_bind_optional(statement, ":p5_bps", rollup->bps.p5);
	db_bind_optional(statement, ":p10_bps", rollup->bps.p10);
	db_bind_optional(statement, ":median_bps", rollup->bps.median);
	db_bind_optional(statement, ":p95_bps", rollup->bps.p95);
	return db_run(statement, err);
}

static int drop(struct txn *txn, const struct line_day *day, enum leg leg, enum rollup_span span, struct err *err)
{
	sqlite3_stmt *statement = statement_of_leg(txn, ROLLUPS_DROP, day, leg);

	db_bind_integer(statement, ":span", span);
	return db_run(statement, err);
}

int rollups_replace(struct txn *txn, const struct line_day *day, enum leg leg, enum rollup_span span,
		    const struct rollup *rollups, size_t count, struct err *err)
{
	if (drop(txn, day, leg, span, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (put(txn, day, leg, span, &rollups[i], err) < 0)
			return -1;
	return 0;
}

int day_drop_measurements(struct txn *txn, const struct line_day *day, int64_t limit, int64_t *ret_count, struct err *err)
{
	int64_t count = 0;

	for (enum leg leg = 0; leg < LEG_COUNT && count < limit; leg++) {
		sqlite3_stmt *statement = statement_of_leg(txn, MEASUREMENTS_DROP, day, leg);

		db_bind_integer(statement, ":limit", limit - count);
		if (db_run(statement, err) < 0)
			return -1;
		count += db_changes(txn->db);
	}
	*ret_count = count;
	return 0;
}

int day_drop_rollups(struct txn *txn, const struct line_day *day, enum rollup_span span, int64_t *ret_count, struct err *err)
{
	int64_t count = 0;

	for (enum leg leg = 0; leg < LEG_COUNT; leg++) {
		if (drop(txn, day, leg, span, err) < 0)
			return -1;
		count += db_changes(txn->db);
	}
	*ret_count = count;
	return 0;
}

/* The end of the line's newest day that has come so far. */
static int newest_from(struct txn *txn, const struct line *line, enum day_state state, int64_t *ret_end_ms, struct err *err)
{
	sqlite3_stmt *statement = statement_of(txn, DAY_NEWEST, line->client_number, line->number);
	int rc;

	db_bind_integer(statement, ":state", state);
	rc = db_step(statement, err);
	if (rc < 0)
		return -1;
	*ret_end_ms = rc ? db_column_integer(statement, 0) + ROLLUP_DAY_MS : 0;
	sqlite3_reset(statement);
	return 0;
}

int rollups_end(struct txn *txn, const struct line *line, int64_t *ret_raw_from_ms, struct err *err)
{
	return newest_from(txn, line, DAY_LATE, ret_raw_from_ms, err);
}

int rollups_newest(struct txn *txn, const struct line *line, int64_t *ret_end_ms, struct err *err)
{
	int64_t newest_ms = 0;

	for (enum leg leg = 0; leg < LEG_COUNT; leg++) {
		sqlite3_stmt *statement = statement_of(txn, NEWEST, line->client_number, line->number);

		db_bind_integer(statement, ":leg", leg);
		db_bind_integer(statement, ":span", SPAN_DAY);
		if (db_step(statement, err) < 0)
			return -1;
		if (db_column_optional(statement, 0) != JSON_ABSENT && db_column_integer(statement, 0) + ROLLUP_DAY_MS > newest_ms)
			newest_ms = db_column_integer(statement, 0) + ROLLUP_DAY_MS;
		sqlite3_reset(statement);
	}
	*ret_end_ms = newest_ms;
	return 0;
}

static int append(struct txn *txn, const struct line *line, enum rollup_span span, int64_t after_ms, int64_t to_ms,
		  int64_t stretch_ms, json_t *items, struct err *err)
{
	sqlite3_stmt *statement = statement_of(txn, SERIES, line->client_number, line->number);
	int rc;

	db_bind_integer(statement, ":local", LEG_LOCAL);
	db_bind_integer(statement, ":hub", LEG_HUB);
	db_bind_integer(statement, ":span", span);
	db_bind_integer(statement, ":span_ms", span == SPAN_DAY ? ROLLUP_DAY_MS : ROLLUP_HOUR_MS);
	db_bind_integer(statement, ":after_ms", after_ms);
	db_bind_integer(statement, ":to_ms", to_ms);
	db_bind_integer(statement, ":stretch_ms", stretch_ms);
	db_bind_integer(statement, ":bad", JUDGED_BAD);
	db_bind_integer(statement, ":marginal", JUDGED_MARGINAL);
	db_bind_integer(statement, ":good", JUDGED_GOOD);
	while ((rc = db_step(statement, err)) > 0)
		json_array_append_new(items, row_to_json(statement, choices));
	return rc;
}

int rollups_append(struct txn *txn, const struct line *line, int64_t from_ms, int64_t to_ms, int64_t stretch_ms,
		   json_t *items, struct err *err)
{
	int64_t hours_from_ms, after_ms = from_ms - ROLLUP_HOUR_MS;

	if (stretch_ms >= ROLLUP_DAY_MS)
		return append(txn, line, SPAN_DAY, from_ms - ROLLUP_DAY_MS, to_ms, stretch_ms, items, err);
	if (newest_from(txn, line, DAY_HOURS_GONE, &hours_from_ms, err) < 0)
		return -1;
	if (hours_from_ms > from_ms) {
		int64_t days_to_ms = hours_from_ms < to_ms ? hours_from_ms : to_ms;

		after_ms = hours_from_ms - 1;
		if (append(txn, line, SPAN_DAY, from_ms - ROLLUP_DAY_MS, days_to_ms, ROLLUP_DAY_MS, items, err) < 0)
			return -1;
	}
	return append(txn, line, SPAN_HOUR, after_ms, to_ms, stretch_ms, items, err);
}

int events_mark(struct txn *txn, int64_t spool, int64_t seq, int64_t now_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[EVENTS_MARK]);

	db_bind_integer(statement, ":spool", spool);
	db_bind_integer(statement, ":day_ms", rollup_day_of(now_ms));
	db_bind_integer(statement, ":seq", seq);
	return db_run(statement, err);
}

struct events_marked {
	int64_t client, line, spool, day_ms, before_seq;
};

/* 1, 0 when nothing is as old, -1 */
static int find_marked(struct txn *txn, int64_t before_ms, struct events_marked *ret_marked, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[EVENTS_MARKED]);
	int rc;

	db_bind_integer(statement, ":before_ms", before_ms);
	rc = db_step(statement, err);
	if (rc <= 0)
		return rc;
	*ret_marked = (struct events_marked){
		db_column_integer(statement, 0), db_column_integer(statement, 1), db_column_integer(statement, 2),
		db_column_integer(statement, 3), db_column_optional(statement, 4),
	};
	sqlite3_reset(statement);
	return 1;
}

static int drop_marked(struct txn *txn, const struct events_marked *marked, int64_t limit, int64_t *ret_count, struct err *err)
{
	sqlite3_stmt *statement = statement_of(txn, EVENTS_DROP, marked->client, marked->line);

	db_bind_integer(statement, ":spool", marked->spool);
	db_bind_integer(statement, ":before_seq", marked->before_seq == JSON_ABSENT ? INT64_MAX : marked->before_seq);
	db_bind_integer(statement, ":limit", limit);
	if (db_run(statement, err) < 0)
		return -1;
	*ret_count = db_changes(txn->db);
	if (*ret_count == limit)   /* perhaps there are more */
		return 0;
	statement = db_statement(txn->db, sql[MARK_DROP]);
	db_bind_integer(statement, ":spool", marked->spool);
	db_bind_integer(statement, ":day_ms", marked->day_ms);
	return db_run(statement, err);
}

int events_prune(struct txn *txn, int64_t before_ms, int64_t limit, int64_t *ret_count, struct err *err)
{
	int64_t count = 0;

	while (count < limit) {
		struct events_marked marked;
		int64_t dropped;
		int found = find_marked(txn, before_ms, &marked, err);

		if (found < 0 || (found && drop_marked(txn, &marked, limit - count, &dropped, err) < 0))
			return -1;
		if (!found)
			break;
		count += dropped ? dropped : 1;   /* a mark is a row too */
	}
	*ret_count = count;
	return 0;
}
