#include "agent/spool/spool_room.h"

#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/spool/dropped.h"

#define STEP_ROWS         32     /* that one step lets go: more than one append brings */
#define DELIVERIES_A_CALL 4      /* that are forgotten; one call brings one */
#define KEPT_REFUSED      2000
#define KEPT_OUTAGE_MS    INT64_C(3024000000)   /* 35 days: `outages --since 30d` */
#define NO_CLASS          (-1)

static const char delivery_insert[] =
	"INSERT OR REPLACE INTO delivery (last_seq, at_ms, bytes) SELECT :last_seq, :at_ms, coalesce(sum(length(body)), 0)"
	" FROM event WHERE refusal IS NULL AND seq > (SELECT acked_seq FROM meta) AND seq <= :last_seq";
static const char delivery_to_forget[] =
	"SELECT last_seq FROM delivery WHERE at_ms < :before_ms OR (SELECT sum(bytes) FROM delivery) > :kept_bytes"
	" ORDER BY last_seq LIMIT 1";
static const char delivery_oldest[] = "SELECT last_seq FROM delivery ORDER BY last_seq LIMIT 1";
static const char delivery_delete[] = "DELETE FROM delivery WHERE last_seq = :last_seq";
static const char delivered_delete[] =
	"DELETE FROM event WHERE refusal IS NULL AND seq <= :last_seq AND class <> :kept_class";
static const char outage_delete[] =
	"DELETE FROM event WHERE class = 3 AND refusal IS NULL AND seq <= (SELECT acked_seq FROM meta) AND at_ms < :before_ms";
static const char refused_prune[] =
	"DELETE FROM event WHERE refusal IS NOT NULL AND seq <="
	" (SELECT seq FROM event WHERE refusal IS NOT NULL ORDER BY seq DESC LIMIT 1 OFFSET :kept)";
static const char refused_oldest[] =
	"DELETE FROM event WHERE refusal IS NOT NULL AND seq IN"
	" (SELECT seq FROM event WHERE refusal IS NOT NULL ORDER BY seq LIMIT :rows)";
static const char class_oldest[] =
	"SELECT seq, type, at_ms FROM event WHERE class = :class AND refusal IS NULL AND seq > :after_seq"
	" AND seq < :before_seq ORDER BY seq LIMIT :rows";
static const char class_delete[] =
	"DELETE FROM event WHERE class = :class AND refusal IS NULL AND seq > :after_seq AND seq <= :last_seq";
static const char bytes_used[] =
	"SELECT (page_count - freelist_count) * page_size"
	" FROM pragma_page_count, pragma_freelist_count, pragma_page_size";

enum spool_class spool_class(const char *type)
{
	static const struct {
		const char *type;
		enum spool_class class;
	} classes[] = {
		{ "measurement", CLASS_MEASUREMENT }, { "latency", CLASS_WATCH }, { "alive", CLASS_WATCH },
		{ "outage", CLASS_OUTAGE },           { "dropped", CLASS_DROPPED },
	};

	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
		if (!strcmp(classes[i].type, type))
			return classes[i].class;
	return CLASS_BOOT;
}

int room_note_delivery(struct db *db, int64_t last_seq, int64_t at_ms, struct err *err)
{
	sqlite3_stmt *insert = db_statement(db, delivery_insert);

	db_bind_integer(insert, ":last_seq", last_seq);
	db_bind_integer(insert, ":at_ms", at_ms);
	return db_run(insert, err);
}

/* First column of the first row, or JSON_ABSENT. */
static int read_integer(sqlite3_stmt *statement, int64_t *ret_value, struct err *err)
{
	int row = db_step(statement, err);

	if (row < 0)
		return -1;
	*ret_value = row ? db_column_optional(statement, 0) : JSON_ABSENT;
	sqlite3_reset(statement);
	return 0;
}

static int forget_delivery(struct db *db, int64_t last_seq, int kept_class, struct err *err)
{
	sqlite3_stmt *events = db_statement(db, delivered_delete), *delivery = db_statement(db, delivery_delete);

	db_bind_integer(events, ":last_seq", last_seq);
	db_bind_integer(events, ":kept_class", kept_class);
	db_bind_integer(delivery, ":last_seq", last_seq);
	return db_run(events, err) < 0 ? -1 : db_run(delivery, err);
}

static int forget_deliveries(struct db *db, int64_t now_ms, int64_t kept_bytes, struct err *err)
{
	int64_t last_seq;

	for (int i = 0; i < DELIVERIES_A_CALL; i++) {
		sqlite3_stmt *select = db_statement(db, delivery_to_forget);

		db_bind_integer(select, ":before_ms", now_ms - ROOM_KEPT_MS);
		db_bind_integer(select, ":kept_bytes", kept_bytes);
		if (read_integer(select, &last_seq, err) < 0)
			return -1;
		if (last_seq == JSON_ABSENT)
			return 0;
		if (forget_delivery(db, last_seq, CLASS_OUTAGE, err) < 0)
			return -1;
	}
	return 0;
}

int room_forget(struct db *db, int64_t now_ms, int64_t kept_bytes, struct err *err)
{
	sqlite3_stmt *outages = db_statement(db, outage_delete), *refused = db_statement(db, refused_prune);

	if (forget_deliveries(db, now_ms, kept_bytes, err) < 0)
		return -1;
	db_bind_integer(outages, ":before_ms", now_ms - KEPT_OUTAGE_MS);
	db_bind_integer(refused, ":kept", KEPT_REFUSED);
	return db_run(outages, err) < 0 ? -1 : db_run(refused, err);
}

/* Each step returns how many rows it let go, or -1. */

static int free_delivered(struct db *db, struct err *err)
{
	int64_t last_seq;

	if (read_integer(db_statement(db, delivery_oldest), &last_seq, err) < 0)
		return -1;
	if (last_seq == JSON_ABSENT)
		return 0;
	return forget_delivery(db, last_seq, NO_CLASS, err) < 0 ? -1 : 1;
}

static int free_refused(struct db *db, struct err *err)
{
	sqlite3_stmt *delete = db_statement(db, refused_oldest);

	db_bind_integer(delete, ":rows", STEP_ROWS);
	return db_run(delete, err) < 0 ? -1 : (int)db_changes(db);
}

/* Adds each of the class's oldest to lost. *ret_last_seq: the last of them. */
static int note_oldest(struct db *db, enum spool_class class, const struct room_bounds *bounds, json_t *lost,
		       int64_t *ret_last_seq, struct err *err)
{
	sqlite3_stmt *select = db_statement(db, class_oldest);
	struct dropped loss = { .reason = DROPPED_FULL, .count = 1 };
	int row;

	db_bind_integer(select, ":class", class);
	db_bind_integer(select, ":after_seq", bounds->after_seq);
	db_bind_integer(select, ":before_seq", bounds->before_seq);
	db_bind_integer(select, ":rows", STEP_ROWS);
	while ((row = db_step(select, err)) > 0) {
		loss.first_seq = loss.last_seq = *ret_last_seq = db_column_integer(select, 0);
		text_copy(loss.type, sizeof loss.type, db_column_text(select, 1));
		loss.from_ms = loss.to_ms = db_column_integer(select, 2);
		dropped_add(lost, &loss);
	}
	return row;
}

static int drop_class(struct db *db, enum spool_class class, const struct room_bounds *bounds, json_t *lost, struct err *err)
{
	sqlite3_stmt *delete;
	int64_t last_seq = 0;

	if (note_oldest(db, class, bounds, lost, &last_seq, err) < 0)
		return -1;
	if (!last_seq)
		return 0;
	delete = db_statement(db, class_delete);
	db_bind_integer(delete, ":class", class);
	db_bind_integer(delete, ":after_seq", bounds->after_seq);
	db_bind_integer(delete, ":last_seq", last_seq);
	return db_run(delete, err) < 0 ? -1 : (int)db_changes(db);
}

int room_make(struct db *db, const struct room_bounds *bounds, json_t *lost, struct err *err)
{
	int64_t used;
	int freed;

	if (read_integer(db_statement(db, bytes_used), &used, err) < 0)
		return -1;
	if (used < bounds->max_bytes)
		return 0;
	freed = free_delivered(db, err);
	if (freed == 0)
		freed = free_refused(db, err);
	for (int class = CLASS_MEASUREMENT; freed == 0 && class <= CLASS_OUTAGE; class++)
		freed = drop_class(db, (enum spool_class)class, bounds, lost, err);
	if (freed)
		return freed < 0 ? -1 : 0;
	return err_set(err, ERR_TOO_LARGE, "full: %lld bytes, spool.max_size allows %lld, and nothing may go",
		       (long long)used, (long long)bounds->max_bytes);
}
