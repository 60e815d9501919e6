#include "agent/spool/spool_inner.h"

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/spool/spool_room.h"

static const char meta_read[] =
	"SELECT uuid, generation, acked_seq, reported_ms, fault, fault_ms FROM meta";
static const char waiting_count[] =
	"SELECT count(*) FROM event WHERE refusal IS NULL AND seq > (SELECT acked_seq FROM meta)";
static const char waiting_oldest[] =
	"SELECT at_ms FROM event WHERE refusal IS NULL AND seq > (SELECT acked_seq FROM meta) ORDER BY seq LIMIT 1";
static const char refused_count[] =
	"SELECT count(*) FROM event WHERE refusal IS NOT NULL";
static const char kept_read[] =
	"SELECT text FROM kept WHERE name = :name";
static const char event_between[] =
	"SELECT 1 FROM event WHERE refusal IS NULL AND seq >= :from_seq AND seq < :before_seq LIMIT 1";
static const char event_rejected[] =
	"SELECT seq, type, refusal FROM event WHERE refusal IS NOT NULL ORDER BY seq";

/* Of measurements, class 0. json_extract fails where a body is no JSON any more. */
#define MEMBER(name) "CASE WHEN json_valid(body) THEN json_extract(body, '$." name "') END"
static const char class_since[] =
	"SELECT body, seq FROM event WHERE class = :class AND at_ms >= :since_ms ORDER BY seq";
static const char measurement_newest[] =
	"SELECT body FROM event WHERE class = 0 AND " MEMBER("leg") " = :leg ORDER BY seq DESC LIMIT 1";
static const char cell_newest[] =
	"SELECT " MEMBER("cell_ms") " FROM event WHERE class = 0 AND " MEMBER("trigger") " = 'schedule'"
	" AND " MEMBER("cell_ms") " NOT NULL ORDER BY seq DESC LIMIT 1";
static const char order_answered[] =
	"SELECT 1 FROM event WHERE class = 0 AND " MEMBER("order") " = :order LIMIT 1";

static int read_meta(struct spool *spool, struct spool_state *ret_state, struct err *err)
{
	sqlite3_stmt *meta = db_statement(spool->db, meta_read);

	if (db_step(meta, err) < 0)
		return -1;
	text_copy(ret_state->uuid, sizeof ret_state->uuid, db_column_text(meta, 0));
	ret_state->generation = db_column_optional(meta, 1);
	ret_state->acked_seq = db_column_integer(meta, 2);
	ret_state->reported_ms = db_column_optional(meta, 3);
	text_copy(ret_state->fault, sizeof ret_state->fault, db_column_text(meta, 4));
	ret_state->fault_ms = db_column_optional(meta, 5);
	sqlite3_reset(meta);
	return 0;
}

int spool_state(struct spool *spool, struct spool_state *ret_state, struct err *err)
{
	struct spool_state state;

	if (spool_start_reading(spool, err) < 0)
		return -1;
	if (read_meta(spool, &state, err) < 0 ||
	    spool_read_integer(db_statement(spool->db, waiting_count), &state.waiting, err) < 0 ||
	    spool_read_integer(db_statement(spool->db, waiting_oldest), &state.oldest_ms, err) < 0 ||
	    spool_read_integer(db_statement(spool->db, refused_count), &state.set_aside, err) < 0)
		return spool_fail(spool, err);
	*ret_state = state;
	return 0;
}

static int parse_body(sqlite3_stmt *statement, json_t **ret_body, struct err *err)
{
	return json_parse(db_column_text(statement, 0), (size_t)sqlite3_column_bytes(statement, 0), ret_body, err);
}

static int read_since(struct spool *spool, enum spool_class class, int64_t since_ms, json_t **ret_array, struct err *err)
{
	sqlite3_stmt *select;
	json_t *array, *body;
	struct err why;
	int row;

	if (spool_start_reading(spool, err) < 0)
		return -1;
	array = json_array();
	select = db_statement(spool->db, class_since);
	db_bind_integer(select, ":class", class);
	db_bind_integer(select, ":since_ms", since_ms);
	while ((row = db_step(select, err)) > 0)
		if (parse_body(select, &body, &why) == 0)
			json_array_append_new(array, body);
		else
			log_warning("spool %s: event %lld cannot be read: %s", spool->path,
				    (long long)db_column_integer(select, 1), why.message);
	if (row < 0) {
		json_decref(array);
		return spool_fail(spool, err);
	}
	*ret_array = array;
	return 0;
}

int spool_measurements(struct spool *spool, int64_t since_ms, json_t **ret_array, struct err *err)
{
	return read_since(spool, CLASS_MEASUREMENT, since_ms, ret_array, err);
}

int spool_outages(struct spool *spool, int64_t since_ms, json_t **ret_array, struct err *err)
{
	return read_since(spool, CLASS_OUTAGE, since_ms, ret_array, err);
}

int spool_newest(struct spool *spool, const char *leg, json_t **ret_measurement, struct err *err)
{
	sqlite3_stmt *select;
	json_t *body = json_null();
	int row;

	if (spool_start_reading(spool, err) < 0)
		return -1;
	select = db_statement(spool->db, measurement_newest);
	db_bind_text(select, ":leg", leg);
	row = db_step(select, err);
	if (row > 0)
		row = parse_body(select, &body, err);
	sqlite3_reset(select);
	if (row < 0)
		return spool_fail(spool, err);
	*ret_measurement = body;
	return 0;
}

int spool_newest_cell(struct spool *spool, int64_t *ret_cell_ms, struct err *err)
{
	if (spool_start_reading(spool, err) < 0)
		return -1;
	return spool_read_integer(db_statement(spool->db, cell_newest), ret_cell_ms, err) < 0 ? spool_fail(spool, err) : 0;
}

int spool_order_answered(struct spool *spool, const char *order, int *ret_answered, struct err *err)
{
	sqlite3_stmt *select;
	int64_t found;

	if (spool_start_reading(spool, err) < 0)
		return -1;
	select = db_statement(spool->db, order_answered);
	db_bind_text(select, ":order", order);
	if (spool_read_integer(select, &found, err) < 0)
		return spool_fail(spool, err);
	*ret_answered = found == 1;
	return 0;
}

int spool_rejected(struct spool *spool, json_t **ret_array, struct err *err)
{
	sqlite3_stmt *select;
	json_t *array;
	int row;

	if (spool_start_reading(spool, err) < 0)
		return -1;
	array = json_array();
	select = db_statement(spool->db, event_rejected);
	while ((row = db_step(select, err)) > 0)
		json_array_append_new(array, json_pack("{s:I, s:s, s:s}", "seq", (json_int_t)db_column_integer(select, 0),
						       "type", db_column_text(select, 1), "detail",
						       db_column_text(select, 2)));
	if (row < 0) {
		json_decref(array);
		return spool_fail(spool, err);
	}
	*ret_array = array;
	return 0;
}

int spool_keeps(struct spool *spool, int64_t from_seq, int64_t before_seq, bool *ret_is_kept, struct err *err)
{
	sqlite3_stmt *select;
	int64_t found;

	if (spool_start_reading(spool, err) < 0)
		return -1;
	select = db_statement(spool->db, event_between);
	db_bind_integer(select, ":from_seq", from_seq);
	db_bind_integer(select, ":before_seq", before_seq);
	if (spool_read_integer(select, &found, err) < 0)
		return spool_fail(spool, err);
	*ret_is_kept = found == 1;
	return 0;
}

int spool_kept(struct spool *spool, const char *name, char *ret_text, size_t size, struct err *err)
{
	sqlite3_stmt *select;
	int row;

	if (spool_start_reading(spool, err) < 0)
		return -1;
	select = db_statement(spool->db, kept_read);
	db_bind_text(select, ":name", name);
	row = db_step(select, err);
	if (row < 0)
		return spool_fail(spool, err);
	text_copy(ret_text, size, row ? db_column_text(select, 0) : "");
	sqlite3_reset(select);
	return 0;
}
