#include "collector/store/measurements.h"

#include <stdlib.h>

#include "agent/base/mem.h"
#include "collector/store/rollups.h"
#include "collector/store/sqlite/txn.h"

#define SHOWN                                                                                                       \
	"leg, started_ms, throughput_bps, threshold_bps, judgement, reason, trigger, kind, bytes, duration_us,"     \
	" CASE WHEN throughput_bps IS NOT NULL AND duration_us > 0 THEN bytes * 8000000 / duration_us END"          \
	" AS rate_user_bps, first_byte_us, cross_rx_bps"

#define OF_STREAM                                                                                                   \
	" FROM measurement WHERE client = :client AND line = :line AND leg = :leg"                                                   \
	" AND (NOT :valid OR (trigger = :schedule AND judgement <= :last_valid))"                                  \
	" AND (NOT :fast OR kind = :capacity OR judgement = :good) "

#define SAMPLE                                                                                                      \
	"started_ms, spool, seq, throughput_bps, threshold_bps, leg, kind, judgement, reason, trigger, cross_rx_bps IS NULL"
#define SAMPLES "SELECT " SAMPLE OF_STREAM

enum {
	MEASUREMENT_PUT, LOAD_DELAY_PUT, MEASUREMENT_GET, EVENT_PUT, SAMPLES_BEFORE, SAMPLES_SINCE, SERIES, VISIT, STATEMENT_COUNT,
};

static const char *const sql[STATEMENT_COUNT] = {
	[MEASUREMENT_PUT] = "INSERT INTO measurement (client, line, leg, started_ms, spool, seq, judgement, reason, trigger,"
			    " kind, throughput_bps, threshold_bps, bytes, duration_us, first_byte_us, cross_rx_bps)"
			    " VALUES (:client, :line, :leg, :started_ms, :spool, :seq, :judgement, :reason, :trigger,"
			    " :kind, :throughput_bps, :threshold_bps, :bytes, :duration_us, :first_byte_us, :cross_rx_bps)"
			    " ON CONFLICT DO NOTHING",
	[LOAD_DELAY_PUT] = "INSERT INTO load_delay (client, line, spool, seq, idle_p50_us, loaded_p50_us)"
			   " VALUES (:client, :line, :spool, :seq, :idle_p50_us, :loaded_p50_us) ON CONFLICT DO NOTHING",
	[MEASUREMENT_GET] = "SELECT " SHOWN ", idle_p50_us, loaded_p50_us FROM measurement"
			    " LEFT JOIN load_delay USING (client, line, spool, seq) WHERE client = :client AND line = :line AND leg = :leg"
			    " AND started_ms = :started_ms AND spool = :spool AND seq = :seq",
	[EVENT_PUT] = "INSERT INTO event (client, line, spool, seq, type, event)"
		      " VALUES (:client, :line, :spool, :seq, :type, :event) ON CONFLICT DO NOTHING",
	[SAMPLES_BEFORE] = SAMPLES "AND started_ms < :before_ms"
				   " ORDER BY started_ms DESC, spool DESC, seq DESC LIMIT :limit",
	[SAMPLES_SINCE] = "SELECT " SAMPLE " FROM measurement WHERE client = :client AND line = :line AND leg IN (0, 1)"
			  " AND started_ms >= :from_ms",
	/* Of each leg and stretch of time the lowest valid, the lowest failed and the lowest of the others, and one without
	 * a figure of each, unless a leg has no more than were asked for: neither a fast probe nor an invalid one can hide a slow one, nor any of them a failure. */
	[SERIES] = "SELECT " SHOWN " FROM (SELECT *, row_number() OVER (PARTITION BY leg,"
		   " (started_ms - :from_ms) / :stretch_ms,"
		   " CASE WHEN judgement <= :last_valid THEN 0 WHEN judgement = :failed THEN 1 ELSE 2 END,"
		   " throughput_bps IS NULL ORDER BY throughput_bps, started_ms, spool, seq) AS place,"
		   " count(*) OVER (PARTITION BY leg) AS of_leg"
		   " FROM measurement WHERE client = :client AND line = :line AND leg IN (:local, :hub)"
		   " AND started_ms >= :from_ms AND started_ms < :to_ms) AS ranked"
		   " WHERE place = 1 OR of_leg <= :points ORDER BY started_ms, leg, spool, seq",
	[VISIT] = "SELECT client.id AS client, line.id AS line, " SHOWN " FROM measurement AS m"
		  " JOIN line ON line.number = m.line JOIN client ON client.number = m.client"
		  " WHERE started_ms >= :from_ms ORDER BY m.client, m.line, leg, started_ms, spool, seq",
};

static const struct row_choice choices[] = {
	{ "leg", leg_names }, { "judgement", judgement_names }, { "reason", reason_names }, { "trigger", trigger_names },
	{ "kind", kind_names },
	{ NULL, NULL },
};

static sqlite3_stmt *statement_of_line(struct txn *txn, int number, const struct line *line)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[number]);

	db_bind_integer(statement, ":client", line->client_number);
	db_bind_integer(statement, ":line", line->number);
	return statement;
}

static int put_load_delay(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const struct measurement *m,
			  struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, LOAD_DELAY_PUT, line);

	db_bind_integer(statement, ":spool", spool);
	db_bind_integer(statement, ":seq", seq);
	db_bind_optional(statement, ":idle_p50_us", m->idle_p50_us);
	db_bind_integer(statement, ":loaded_p50_us", m->loaded_p50_us);
	return db_run(statement, err);
}

int measurement_put(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const struct measurement *m,
		    struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, MEASUREMENT_PUT, line);

	db_bind_integer(statement, ":leg", m->leg);
	db_bind_integer(statement, ":started_ms", m->started_ms);
	db_bind_integer(statement, ":spool", spool);
	db_bind_integer(statement, ":seq", seq);
	db_bind_integer(statement, ":judgement", m->judgement);
	db_bind_integer(statement, ":reason", m->reason);
	db_bind_integer(statement, ":trigger", m->trigger);
	db_bind_integer(statement, ":kind", m->kind);
	db_bind_optional(statement, ":throughput_bps", m->throughput_bps);
	db_bind_optional(statement, ":threshold_bps", m->threshold_bps);
	db_bind_integer(statement, ":bytes", m->bytes);
	db_bind_integer(statement, ":duration_us", m->duration_us);
	db_bind_optional(statement, ":first_byte_us", m->first_byte_us);
	db_bind_optional(statement, ":cross_rx_bps", m->cross == CROSS_MEASURED ? m->cross_rx_bps : JSON_ABSENT);
	if (db_run(statement, err) < 0 || day_mark(txn, line, m->started_ms, err) < 0)
		return -1;
	return m->loaded_p50_us != JSON_ABSENT ? put_load_delay(txn, line, spool, seq, m, err) : 0;
}

int event_put(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const char *type, const json_t *event,
	      struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, EVENT_PUT, line);
	char *text = json_dumps(event, JSON_COMPACT);
	int rc;

	db_bind_integer(statement, ":spool", spool);
	db_bind_integer(statement, ":seq", seq);
	db_bind_text(statement, ":type", type);
	db_bind_text(statement, ":event", text);
	rc = db_run(statement, err);
	free(text);
	return rc;
}

static sqlite3_stmt *statement_of_samples(struct txn *txn, int number, const struct line *line, enum leg leg,
					  enum sample_stream stream)
{
	sqlite3_stmt *statement = statement_of_line(txn, number, line);

	db_bind_integer(statement, ":leg", leg);
	db_bind_integer(statement, ":valid", stream != STREAM_ALL);
	db_bind_integer(statement, ":fast", stream == STREAM_FAST);
	db_bind_integer(statement, ":capacity", KIND_CAPACITY);
	db_bind_integer(statement, ":good", JUDGED_GOOD);
	db_bind_integer(statement, ":schedule", TRIGGER_SCHEDULE);
	db_bind_integer(statement, ":last_valid", JUDGED_BAD);
	return statement;
}

static void read_sample(sqlite3_stmt *statement, struct sample *ret_sample)
{
	ret_sample->started_ms = db_column_integer(statement, 0);
	ret_sample->spool = db_column_integer(statement, 1);
	ret_sample->seq = db_column_integer(statement, 2);
	ret_sample->throughput_bps = db_column_optional(statement, 3);
	ret_sample->threshold_bps = db_column_optional(statement, 4);
	ret_sample->leg = (int)db_column_integer(statement, 5);
	ret_sample->kind = (int)db_column_integer(statement, 6);
	ret_sample->judgement = (int)db_column_integer(statement, 7);
	ret_sample->reason = (int)db_column_integer(statement, 8);
	ret_sample->trigger = (int)db_column_integer(statement, 9);
	ret_sample->is_blind = db_column_integer(statement, 10);
}

int samples_before(struct txn *txn, const struct line *line, enum leg leg, int64_t before_ms, enum sample_stream stream,
		   struct sample *ret_samples, int limit, struct err *err)
{
	sqlite3_stmt *statement = statement_of_samples(txn, SAMPLES_BEFORE, line, leg, stream);
	int count = 0, rc;

	db_bind_integer(statement, ":before_ms", before_ms);
	db_bind_integer(statement, ":limit", limit);
	while ((rc = db_step(statement, err)) > 0)
		read_sample(statement, &ret_samples[count++]);
	for (int first = 0, last = count - 1; first < last; first++, last--) {
		struct sample newer = ret_samples[first];

		ret_samples[first] = ret_samples[last];
		ret_samples[last] = newer;
	}
	return rc < 0 ? -1 : count;
}

int samples_since(struct txn *txn, const struct line *line, int64_t from_ms, struct sample **ret_samples, size_t *ret_count,
		  struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, SAMPLES_SINCE, line);
	struct sample *samples = NULL;
	size_t count = 0, room = 0;
	int rc;

	db_bind_integer(statement, ":from_ms", from_ms);
	while ((rc = db_step(statement, err)) > 0) {
		if (count == room) {
			room = room ? room * 2 : 64;
			samples = xrealloc(samples, room, sizeof *samples);
		}
		read_sample(statement, &samples[count++]);
	}
	if (rc < 0) {
		free(samples);
		return -1;
	}
	*ret_samples = samples;
	*ret_count = count;
	return 0;
}

static int get_one(struct txn *txn, const struct line *line, enum leg leg, const struct sample *sample,
		   json_t **ret_measurement, struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, MEASUREMENT_GET, line);
	int rc;

	db_bind_integer(statement, ":leg", leg);
	db_bind_integer(statement, ":started_ms", sample->started_ms);
	db_bind_integer(statement, ":spool", sample->spool);
	db_bind_integer(statement, ":seq", sample->seq);
	rc = db_step(statement, err);
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "line %s: a measurement is missing", line->id);
	*ret_measurement = row_to_json(statement, choices);
	return 0;
}

int measurements_get(struct txn *txn, const struct line *line, enum leg leg, const struct sample *samples, int count,
		     json_t **ret_array, struct err *err)
{
	json_t *array = json_array();

	for (int i = 0; i < count; i++) {
		json_t *measurement = NULL;

		if (get_one(txn, line, leg, &samples[i], &measurement, err) < 0) {
			json_decref(array);
			return -1;
		}
		json_array_append_new(array, measurement);
	}
	*ret_array = array;
	return 0;
}

/* What to show of a line, and from when on as measurements. */
struct series {
	const struct line *line;
	int64_t from_ms, to_ms, raw_from_ms;
	int64_t points, stretch_ms;
};

static int append_measurements(struct txn *txn, const struct series *series, json_t *items, struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, SERIES, series->line);
	int rc;

	db_bind_integer(statement, ":from_ms", series->from_ms > series->raw_from_ms ? series->from_ms : series->raw_from_ms);
	db_bind_integer(statement, ":to_ms", series->to_ms);
	db_bind_integer(statement, ":stretch_ms", series->stretch_ms);
	db_bind_integer(statement, ":points", series->points);
	db_bind_integer(statement, ":local", LEG_LOCAL);
	db_bind_integer(statement, ":hub", LEG_HUB);
	db_bind_integer(statement, ":last_valid", JUDGED_BAD);
	db_bind_integer(statement, ":failed", JUDGED_FAILED);
	while ((rc = db_step(statement, err)) > 0)
		json_array_append_new(items, row_to_json(statement, choices));
	return rc;
}

/* Roll-ups, then measurements. */
static int make_series(struct txn *txn, const struct series *series, int64_t rollup_ms, json_t **ret_series, struct err *err)
{
	int64_t rolled_to_ms = series->raw_from_ms < series->to_ms ? series->raw_from_ms : series->to_ms;
	json_t *items = json_array();
	int rc = 0;

	if (series->from_ms < rolled_to_ms)
		rc = rollups_append(txn, series->line, series->from_ms, rolled_to_ms, rollup_ms, items, err);
	if (rc == 0 && series->raw_from_ms < series->to_ms)
		rc = append_measurements(txn, series, items, err);
	if (rc == 0)
		*ret_series = json_pack("{s:O}", "items", items);
	json_decref(items);
	return rc;
}

static int check_span(const struct line *line, int64_t from_ms, int64_t to_ms, int64_t points, struct series *ret_series,
		      struct err *err)
{
	if (from_ms < 0 || to_ms <= from_ms)
		return err_set(err, ERR_INPUT, "from_ms: must lie before to_ms");
	if (points < 1)
		return err_set(err, ERR_INPUT, "points: must be at least 1");
	*ret_series = (struct series){ .line = line, .from_ms = from_ms, .to_ms = to_ms, .points = points,
				       .stretch_ms = (to_ms - from_ms - 1) / points + 1 };
	return 0;
}

int measurements_series(struct txn *txn, const struct line *line, int64_t from_ms, int64_t to_ms, int64_t points,
			json_t **ret_series, struct err *err)
{
	struct series series;

	if (check_span(line, from_ms, to_ms, points, &series, err) < 0 ||
	    rollups_end(txn, line, &series.raw_from_ms, err) < 0)
		return -1;
	return make_series(txn, &series, series.stretch_ms, ret_series, err);
}

int measurements_overview(struct txn *txn, const struct line *line, int64_t from_ms, int64_t to_ms, int64_t points,
			  json_t **ret_series, struct err *err)
{
	struct series series;

	if (check_span(line, from_ms, to_ms, points, &series, err) < 0 ||
	    rollups_newest(txn, line, &series.raw_from_ms, err) < 0)
		return -1;
	return make_series(txn, &series, series.stretch_ms > ROLLUP_DAY_MS ? series.stretch_ms : ROLLUP_DAY_MS, ret_series, err);
}

int measurements_visit(struct txn *txn, int64_t from_ms, int (*visit)(const json_t *measurement, void *arg), void *arg,
		       struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[VISIT]);
	int rc;

	db_bind_integer(statement, ":from_ms", from_ms);
	while ((rc = db_step(statement, err)) > 0) {
		json_t *measurement = row_to_json(statement, choices);

		rc = visit(measurement, arg);
		json_decref(measurement);
		if (rc) {
			sqlite3_reset(statement);
			return rc;
		}
	}
	return rc;
}
