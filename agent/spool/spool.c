#include "agent/spool/spool.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/spool/spool_inner.h"
#include "agent/spool/spool_room.h"

static const char meta_next_seq[] =
	"SELECT next_seq FROM meta";
static const char meta_acked_seq[] =
	"SELECT acked_seq FROM meta";
static const char meta_take_seq[] =
	"UPDATE meta SET next_seq = next_seq + 1 RETURNING next_seq - 1";
static const char meta_sent[] =
	"UPDATE meta SET sent_seq = max(sent_seq, :sent_seq)";
static const char meta_acknowledge[] =
	"UPDATE meta SET acked_seq = max(acked_seq, :acked_seq), sent_seq = max(sent_seq, :acked_seq),"
	" generation = :generation, reported_ms = :at_ms, fault = NULL, fault_ms = NULL";
static const char meta_resend[] =
	"UPDATE meta SET acked_seq = min(acked_seq, :from_seq - 1)";
static const char meta_fault[] =
	"UPDATE meta SET fault = :fault, fault_ms = :at_ms";
static const char kept_write[] =
	"INSERT INTO kept (name, text) VALUES (:name, :text) ON CONFLICT (name) DO UPDATE SET text = :text";
static const char delivery_resend[] =
	"DELETE FROM delivery WHERE last_seq >= :from_seq";
static const char event_insert[] =
	"INSERT INTO event (class, seq, type, at_ms, body) VALUES (:class, :seq, :type, :at_ms, :body)";
static const char event_is_stored[] =
	"SELECT 1 FROM event WHERE class = :class AND seq = :seq AND type = :type AND at_ms = :at_ms";
static const char event_waiting[] =
	"SELECT seq, body FROM event WHERE refusal IS NULL AND seq > (SELECT acked_seq FROM meta) ORDER BY seq LIMIT :limit";
static const char event_set_aside[] =
	"UPDATE event SET refusal = :detail WHERE refusal IS NULL AND seq = :seq AND seq > (SELECT acked_seq FROM meta)";
static const char dropped_growing[] =
	"SELECT seq, body FROM event WHERE class = 4 AND refusal IS NULL AND seq > :sent_seq ORDER BY seq DESC LIMIT 1";
static const char dropped_update[] =
	"UPDATE event SET body = :body WHERE class = 4 AND seq = :seq";

/* Ends the transaction: commits what went well, rolls back the rest. */
static int finish(struct spool *spool, int rc, struct err *err)
{
	struct err ignored;

	if (rc == 0 && db_execute(spool->db, "COMMIT", err) == 0)
		return 0;
	db_execute(spool->db, "ROLLBACK", &ignored);
	return spool_fail(spool, err);
}

static int begin(struct spool *spool, struct err *err)
{
	if (spool_start_reading(spool, err) < 0)
		return -1;
	return db_execute(spool->db, "BEGIN IMMEDIATE", err) < 0 ? spool_fail(spool, err) : 0;
}

/* --- appending --- */

/* Ownership of the text: the caller's. */
static char *format_event(const struct spool_event *event, int64_t seq)
{
	json_t *object = json_pack("{s:I, s:s, s:s}", "seq", (json_int_t)seq, "boot", event->boot, "type", event->type);
	char *text;

	json_object_update(object, (json_t *)(uintptr_t)event->members);
	text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return text;
}

static int insert_event(struct spool *spool, const struct spool_event *event, int64_t *ret_seq, struct err *err)
{
	sqlite3_stmt *insert = db_statement(spool->db, event_insert);
	int64_t seq;
	char *body;
	int rc;

	if (spool_read_integer(db_statement(spool->db, meta_take_seq), &seq, err) < 0)
		return -1;
	if (seq == JSON_ABSENT)
		return err_set(err, ERR_DAMAGED, "its counters are gone");
	body = format_event(event, seq);
	if (!body)
		return err_set(err, ERR_INTERNAL, "event of type %s is not JSON", event->type);
	db_bind_integer(insert, ":class", spool_class(event->type));
	db_bind_integer(insert, ":seq", seq);
	db_bind_text(insert, ":type", event->type);
	db_bind_integer(insert, ":at_ms", event->at_ms);
	db_bind_text(insert, ":body", body);
	rc = db_run(insert, err);
	free(body);
	if (rc < 0 && err->code == ERR_CONFLICT)   /* a seq that is in use: the counter is not what was written */
		err->code = ERR_DAMAGED;
	if (rc == 0)
		*ret_seq = seq;
	return rc;
}

static int find_stored(struct spool *spool, const struct spool_event *event, int64_t seq, bool *ret_found, struct err *err)
{
	sqlite3_stmt *select = db_statement(spool->db, event_is_stored);
	int64_t found;

	db_bind_integer(select, ":class", spool_class(event->type));
	db_bind_integer(select, ":seq", seq);
	db_bind_text(select, ":type", event->type);
	db_bind_integer(select, ":at_ms", event->at_ms);
	if (spool_read_integer(select, &found, err) < 0)
		return -1;
	*ret_found = found == 1;
	return 0;
}

/* Those that a failed commit left in the file are the first, and got the seqs that were next. */
static int insert_all(struct spool *spool, const struct spool_event *events, size_t count, int64_t *ret_first_seq,
		      struct err *err)
{
	int64_t next_seq, seq;
	bool is_stored;

	if (spool_read_integer(db_statement(spool->db, meta_next_seq), &next_seq, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		seq = spool->next_seq + (int64_t)i;
		is_stored = false;
		if (seq < next_seq && find_stored(spool, &events[i], seq, &is_stored, err) < 0)
			return -1;
		if (!is_stored && insert_event(spool, &events[i], &seq, err) < 0)
			return -1;
		if (i == 0)
			*ret_first_seq = seq;
	}
	return 0;
}

static int update_dropped(struct spool *spool, int64_t seq, const json_t *object, struct err *err)
{
	sqlite3_stmt *update = db_statement(spool->db, dropped_update);
	char *body = json_dumps(object, JSON_COMPACT);
	int rc;

	db_bind_integer(update, ":seq", seq);
	db_bind_text(update, ":body", body);
	rc = db_run(update, err);
	free(body);
	return rc;
}

/* *ret_object: the "dropped" that was not sent yet, or NULL; *ret_seq: its seq. */
static int read_growing(struct spool *spool, json_t **ret_object, int64_t *ret_seq, struct err *err)
{
	sqlite3_stmt *select = db_statement(spool->db, dropped_growing);
	struct err ignored;
	int row;

	db_bind_integer(select, ":sent_seq", spool->sent_seq);
	*ret_object = NULL;
	row = db_step(select, err);
	if (row <= 0)
		return row;
	*ret_seq = db_column_integer(select, 0);
	json_parse(db_column_text(select, 1), (size_t)sqlite3_column_bytes(select, 1), ret_object, &ignored);
	sqlite3_reset(select);
	return 0;
}

/* One event that grows until it is sent: losses never flood the spool that they come from. */
static int tell_lost(struct spool *spool, const struct spool_event *cause, const json_t *lost, struct err *err)
{
	struct spool_event event = { .boot = cause->boot, .type = "dropped", .at_ms = cause->at_ms, .members = lost };
	json_t *object;
	int64_t seq;
	int rc;

	if (dropped_is_empty(lost))
		return 0;
	if (read_growing(spool, &object, &seq, err) < 0)
		return -1;
	if (!object)
		return insert_event(spool, &event, &seq, err);
	dropped_add_all(object, lost);
	rc = update_dropped(spool, seq, object, err);
	json_decref(object);
	return rc;
}

static int store(struct spool *spool, const struct spool_event *events, size_t count, json_t *lost, int64_t *ret_first_seq,
		 int64_t *ret_next_seq, struct err *err)
{
	struct room_bounds bounds = { .max_bytes = spool->max_bytes, .after_seq = spool->sent_seq };

	if (insert_all(spool, events, count, ret_first_seq, err) < 0)
		return -1;
	bounds.before_seq = *ret_first_seq;
	if (room_make(spool->db, &bounds, lost, err) < 0 || tell_lost(spool, &events[0], lost, err) < 0)
		return -1;
	return spool_read_integer(db_statement(spool->db, meta_next_seq), ret_next_seq, err);
}

int spool_append_all(struct spool *spool, const struct spool_event *events, size_t count, int64_t *ret_first_seq,
		     struct err *err)
{
	bool is_news = !dropped_is_empty(spool->untold) || spool->mark.fault_ms != JSON_ABSENT;
	int64_t first_seq = 0, next_seq = 0;
	json_t *lost;
	int rc;

	if (begin(spool, err) < 0)
		return -1;
	lost = json_deep_copy(spool->untold);
	rc = finish(spool, store(spool, events, count, lost, &first_seq, &next_seq, err), err);
	json_decref(lost);
	if (rc < 0)
		return -1;
	spool->next_seq = next_seq;
	*ret_first_seq = first_seq;
	json_object_clear(spool->untold);
	if (is_news)
		spool_settle_mark(spool);
	return 0;
}

int spool_append(struct spool *spool, const struct spool_event *event, int64_t *ret_seq, struct err *err)
{
	return spool_append_all(spool, event, 1, ret_seq, err);
}

/* --- sending --- */

/* On disk, so that it still holds after a restart. A disk that takes nothing drops nothing either: memory then does. */
static int note_sent(struct spool *spool, int64_t last_seq, struct err *err)
{
	sqlite3_stmt *update;

	if (last_seq <= spool->sent_seq)
		return 0;
	spool->sent_seq = last_seq;
	update = db_statement(spool->db, meta_sent);
	db_bind_integer(update, ":sent_seq", last_seq);
	return db_run(update, err) < 0 && err->code == ERR_DAMAGED ? -1 : 0;
}

/* Whether the batch may grow by that event. */
static bool has_room(const struct spool_batch *batch, size_t length, size_t max_bytes)
{
	return !batch->count || batch->events.length_bytes + 1 + length <= max_bytes;
}

static int fill_batch(sqlite3_stmt *waiting, size_t max_bytes, struct spool_batch *batch, struct err *err)
{
	int row;

	while ((row = db_step(waiting, err)) > 0) {
		size_t length = (size_t)sqlite3_column_bytes(waiting, 1);

		if (!has_room(batch, length, max_bytes))
			break;
		if (batch->count)
			buf_append(&batch->events, ",", 1);
		buf_append(&batch->events, db_column_text(waiting, 1), length);
		batch->last_seq = db_column_integer(waiting, 0);
		if (!batch->count++)
			batch->first_seq = batch->last_seq;
	}
	sqlite3_reset(waiting);
	return row < 0 ? -1 : 0;
}

int spool_batch(struct spool *spool, size_t max_events, size_t max_bytes, struct spool_batch *ret_batch, struct err *err)
{
	struct spool_batch batch = { 0 };
	sqlite3_stmt *waiting;

	if (spool_start_reading(spool, err) < 0)
		return -1;
	if (max_bytes > (size_t)spool->max_bytes / 4)
		max_bytes = (size_t)spool->max_bytes / 4;
	waiting = db_statement(spool->db, event_waiting);
	db_bind_integer(waiting, ":limit", (int64_t)max_events);
	if (fill_batch(waiting, max_bytes, &batch, err) < 0 || note_sent(spool, batch.last_seq, err) < 0) {
		spool_batch_free(&batch);
		return spool_fail(spool, err);
	}
	*ret_batch = batch;
	return 0;
}

void spool_batch_free(struct spool_batch *batch)
{
	buf_free(&batch->events);
	*batch = (struct spool_batch){ 0 };
}

static int set_aside(struct spool *spool, int64_t seq, const char *detail, struct err *err)
{
	sqlite3_stmt *update = db_statement(spool->db, event_set_aside);

	db_bind_integer(update, ":seq", seq);
	db_bind_text(update, ":detail", detail ? detail : "");
	return db_run(update, err);
}

static int set_aside_all(struct spool *spool, const json_t *rejected, struct err *err)
{
	for (size_t i = 0; i < json_array_size(rejected); i++) {
		const json_t *event = json_array_get(rejected, i);

		if (set_aside(spool, json_integer_value(json_object_get(event, "seq")),
			      json_string_value(json_object_get(event, "detail")), err) < 0)
			return -1;
	}
	return 0;
}

static int note_answer(struct spool *spool, const struct spool_answer *answer, struct err *err)
{
	sqlite3_stmt *update = db_statement(spool->db, meta_acknowledge);

	db_bind_integer(update, ":acked_seq", answer->acked_seq);
	db_bind_integer(update, ":generation", answer->generation);
	db_bind_integer(update, ":at_ms", answer->at_ms);
	return db_run(update, err);
}

static int take_answer(struct spool *spool, const struct spool_answer *answer, struct err *err)
{
	int64_t eighth = spool->max_bytes / 8, kept_bytes = eighth < ROOM_KEPT_BYTES ? eighth : ROOM_KEPT_BYTES;
	int64_t acked_seq;

	if (set_aside_all(spool, answer->rejected, err) < 0 ||
	    spool_read_integer(db_statement(spool->db, meta_acked_seq), &acked_seq, err) < 0 ||
	    (answer->acked_seq > acked_seq && room_note_delivery(spool->db, answer->acked_seq, answer->at_ms, err) < 0))
		return -1;
	return note_answer(spool, answer, err) < 0 ? -1 : room_forget(spool->db, answer->at_ms, kept_bytes, err);
}

int spool_acknowledge(struct spool *spool, const struct spool_answer *answer, struct err *err)
{
	if (strcmp(answer->spool, spool->uuid) != 0)
		return err_set(err, ERR_CONFLICT, "spool %s: was replaced since that report", spool->path);
	if (begin(spool, err) < 0 || finish(spool, take_answer(spool, answer, err), err) < 0)
		return -1;
	spool->mark.generation = answer->generation;   /* one behind after a power cut here, which the collector accepts */
	spool_write_mark(spool);
	return 0;
}

int spool_set_aside(struct spool *spool, int64_t seq, const char *detail, struct err *err)
{
	if (spool_start_reading(spool, err) < 0)
		return -1;
	return set_aside(spool, seq, detail, err) < 0 ? spool_fail(spool, err) : 0;
}

static int resend(struct spool *spool, int64_t from_seq, struct err *err)
{
	sqlite3_stmt *meta = db_statement(spool->db, meta_resend), *deliveries = db_statement(spool->db, delivery_resend);

	db_bind_integer(meta, ":from_seq", from_seq);
	db_bind_integer(deliveries, ":from_seq", from_seq);
	return db_run(meta, err) < 0 ? -1 : db_run(deliveries, err);
}

int spool_resend(struct spool *spool, int64_t from_seq, struct err *err)
{
	return begin(spool, err) < 0 ? -1 : finish(spool, resend(spool, from_seq, err), err);
}

int spool_note_fault(struct spool *spool, const char *fault, int64_t at_ms, struct err *err)
{
	sqlite3_stmt *update;

	if (spool_start_reading(spool, err) < 0)
		return -1;
	update = db_statement(spool->db, meta_fault);
	db_bind_text(update, ":fault", fault);
	db_bind_integer(update, ":at_ms", at_ms);
	return db_run(update, err) < 0 ? spool_fail(spool, err) : 0;
}

int spool_keep(struct spool *spool, const char *name, const char *text, struct err *err)
{
	sqlite3_stmt *write;

	if (spool_start_reading(spool, err) < 0)
		return -1;
	write = db_statement(spool->db, kept_write);
	db_bind_text(write, ":name", name);
	db_bind_text(write, ":text", text);
	return db_run(write, err) < 0 ? spool_fail(spool, err) : 0;
}
