/* The happy path: spool_new reads the mark, spool_recover opens the file and finds it to be the one that the mark names.
 *
 * What can fail: the file cannot be opened (tried again later), cannot be read any more (opened anew), was removed while it
 * was open, or is damaged (set aside). Whenever another file than before ends up in use, what the one before took with it
 * becomes "untold", which the next append turns into an event "dropped"; only then does the mark name the new file, so
 * that an end of the process in between forgets nothing. */
#include "agent/spool/spool_inner.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/spool/spool_file.h"

static const char counters_read[] =
	"SELECT uuid, generation, next_seq, sent_seq FROM meta";

int spool_fail(struct spool *spool, struct err *err)
{
	if (err->code == ERR_DAMAGED)
		spool->is_damaged = true;
	return err_wrap(err, "spool %s", spool->path);
}

int spool_start_reading(struct spool *spool, struct err *err)
{
	if (!spool->db)
		return err_set(err, ERR_IO, "spool %s: could not be opened yet", spool->path);
	sqlite3_db_release_memory(db_handle(spool->db));
	return 0;
}

int spool_read_integer(sqlite3_stmt *statement, int64_t *ret_value, struct err *err)
{
	int row = db_step(statement, err);

	if (row < 0)
		return -1;
	*ret_value = row ? db_column_optional(statement, 0) : JSON_ABSENT;
	sqlite3_reset(statement);
	return 0;
}

static char *path_with(const char *path, const char *ending)
{
	size_t size = strlen(path) + strlen(ending) + 1;
	char *text = xcalloc(1, size);

	snprintf(text, size, "%s%s", path, ending);
	return text;
}

static void read_mark(struct spool *spool)
{
	struct spool_mark *mark = &spool->mark;
	struct err err;

	spool_mark_init(mark);
	if (spool_mark_read(spool->mark_path, mark, &err) < 0 && err.code != ERR_NOT_FOUND)
		log_warning("%s", err.message);
	if (mark->fault_ms != JSON_ABSENT)
		spool->unexplained = mark->held + mark->lost;
}

void spool_write_mark(struct spool *spool)
{
	struct err err;

	if (spool_mark_write(spool->mark_path, &spool->mark, &err) < 0)
		log_debug("%s", err.message);   /* the disk's fault is told where an event cannot be stored */
}

struct spool *spool_new(const char *path, int64_t max_bytes, const struct random_source *random)
{
	struct spool *spool = xcalloc(1, sizeof *spool);

	spool->path = xstrdup(path);
	spool->mark_path = path_with(path, ".mark");
	spool->max_bytes = max_bytes;
	spool->random = *random;
	spool->untold = json_object();
	read_mark(spool);
	return spool;
}

/* Whether the path still leads to the file that was opened last. */
static bool is_in_place(const struct spool *spool)
{
	struct stat file;

	return stat(spool->path, &file) == 0 && file.st_ino == spool->file.st_ino && file.st_dev == spool->file.st_dev;
}

static bool is_sound(struct spool *spool)
{
	struct spool_state state;
	struct err ignored;

	return spool->db && is_in_place(spool) && spool_state(spool, &state, &ignored) == 0 && !spool->is_damaged;
}

static const char *uuid_before(const struct spool *spool)
{
	return spool->uuid[0] ? spool->uuid : spool->mark.spool;
}

/* A file that was removed can still be read as long as it is open. */
static void leave_file(struct spool *spool, json_t *lost)
{
	if (spool->db && !is_in_place(spool)) {
		spool_file_count_lost(spool->db, DROPPED_MISSING, spool->uuid, lost);
		spool->is_damaged = false;
	}
	db_close(spool->db);
	spool->db = NULL;
}

static int set_aside_file(struct spool *spool, json_t *lost, struct err *err)
{
	char kept[PATH_MAX];
	struct db *db = NULL;
	struct err ignored;
	int rc;

	db_open(spool->path, true, &db, &ignored);
	spool_file_count_lost(db, DROPPED_DAMAGED, uuid_before(spool), lost);
	db_close(db);
	rc = spool_file_set_aside(spool->path, kept, err);
	if (rc == 0) {
		spool->is_damaged = false;
		log_error("spool %s: is damaged; it is kept as %s, and a new one begins", spool->path, kept);
	}
	return rc;
}

/* A file that is opened again may hold more than is known: a commit that failed, and was there all the same. */
static int read_counters(struct spool *spool, bool is_new, struct err *err)
{
	sqlite3_stmt *meta = db_statement(spool->db, counters_read);

	if (db_step(meta, err) < 0)
		return spool_fail(spool, err);
	if (is_new || strcmp(spool->uuid, db_column_text(meta, 0)) != 0) {
		spool->next_seq = db_column_integer(meta, 2);
		spool->sent_seq = db_column_integer(meta, 3);
	}
	text_copy(spool->uuid, sizeof spool->uuid, db_column_text(meta, 0));
	if (db_column_optional(meta, 1) != JSON_ABSENT)
		spool->mark.generation = db_column_integer(meta, 1);
	sqlite3_reset(meta);
	return 0;
}

static int open_file(struct spool *spool, json_t *lost, struct err *err)
{
	bool is_new = !spool->uuid[0] || !is_in_place(spool);
	char before[UUID_SIZE];

	if (spool_file_open(spool->path, &spool->random, spool->mark.generation, is_new, &spool->db, err) < 0)
		return -1;
	text_copy(before, sizeof before, uuid_before(spool));
	if (stat(spool->path, &spool->file) < 0 || read_counters(spool, is_new, err) < 0) {
		db_close(spool->db);
		spool->db = NULL;
		return -1;
	}
	if (before[0] && strcmp(before, spool->uuid) != 0 && dropped_is_empty(lost))
		spool_file_count_lost(NULL, DROPPED_MISSING, before, lost);
	return 0;
}

/* Were they stored before the earlier run ended? The file then has gone on since. */
static void explain(struct spool *spool)
{
	const struct spool_mark *mark = &spool->mark;
	struct dropped loss = { .reason = DROPPED_STOPPED, .count = spool->unexplained, .first_seq = JSON_ABSENT,
				.last_seq = JSON_ABSENT, .from_ms = mark->fault_ms, .to_ms = JSON_ABSENT };

	if (loss.count && (mark->next_seq == JSON_ABSENT || mark->next_seq == spool->next_seq ||
			   strcmp(mark->spool, spool->uuid) != 0))
		dropped_add(spool->untold, &loss);
	spool->unexplained = 0;
}

void spool_settle_mark(struct spool *spool)
{
	struct spool_mark *mark = &spool->mark;

	text_copy(mark->spool, sizeof mark->spool, spool->uuid);
	mark->next_seq = spool->next_seq;
	mark->held = mark->lost = 0;
	mark->fault_ms = JSON_ABSENT;
	mark->fault[0] = '\0';
	spool_write_mark(spool);
}

int spool_recover(struct spool *spool, struct err *err)
{
	json_t *lost;
	int rc = 0;

	if (is_sound(spool))
		return 0;
	lost = json_object();
	leave_file(spool, lost);
	if (spool->is_damaged)
		rc = set_aside_file(spool, lost, err);
	if (rc == 0)
		rc = open_file(spool, lost, err);
	if (rc < 0 && err->code == ERR_DAMAGED) {
		log_error("%s", err->message);
		rc = set_aside_file(spool, lost, err);
		if (rc == 0)
			rc = open_file(spool, lost, err);
	}
	if (rc == 0) {
		dropped_add_all(spool->untold, lost);
		explain(spool);
		if (dropped_is_empty(spool->untold))
			spool_settle_mark(spool);
	}
	json_decref(lost);
	return rc;
}

int spool_open(const char *path, int64_t max_bytes, const struct random_source *random, struct spool **ret_spool,
	       struct err *err)
{
	struct spool *spool = spool_new(path, max_bytes, random);

	if (spool_recover(spool, err) < 0) {
		spool_close(spool);
		return -1;
	}
	*ret_spool = spool;
	return 0;
}

int spool_open_reading(const char *path, struct spool **ret_spool, struct err *err)
{
	struct spool *spool;
	struct db *db;

	if (spool_file_open_reading(path, &db, err) < 0)
		return -1;
	spool = xcalloc(1, sizeof *spool);
	spool->db = db;
	spool->path = xstrdup(path);
	*ret_spool = spool;
	return 0;
}

void spool_close(struct spool *spool)
{
	if (!spool)
		return;
	db_close(spool->db);
	free(spool->path);
	free(spool->mark_path);
	json_decref(spool->untold);
	free(spool);
}

void spool_note_lost(struct spool *spool, const struct dropped *loss)
{
	dropped_add(spool->untold, loss);
}

void spool_tell_trouble(struct spool *spool, const char *fault, int64_t since_ms, size_t held)
{
	struct spool_mark *mark = &spool->mark;

	mark->fault_ms = since_ms;
	text_copy(mark->fault, sizeof mark->fault, fault);
	mark->held = (int64_t)held;
	mark->lost = spool->unexplained + json_integer_value(json_object_get(spool->untold, "count"));
	if (spool->uuid[0])
		mark->next_seq = spool->next_seq;
	spool_write_mark(spool);
}
