#include "agent/spool/spool_file.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/spool/dropped.h"

#define SCHEMA_VERSION 1
#define LOG_PAGES      256 /* 1 MiB of commits before they are brought home: a spool may have a small disk */
#define KEPT_ASIDE     2   /* damaged files, so that a bad disk does not fill itself with them */

static const char schema[] =
	"CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), uuid TEXT NOT NULL, next_seq INTEGER NOT NULL,"
	" generation INTEGER, acked_seq INTEGER NOT NULL, sent_seq INTEGER NOT NULL, reported_ms INTEGER, fault TEXT,"
	" fault_ms INTEGER);"
	"CREATE TABLE event (class INTEGER NOT NULL, seq INTEGER NOT NULL, type TEXT NOT NULL, at_ms INTEGER NOT NULL,"
	" body TEXT NOT NULL, refusal TEXT, PRIMARY KEY (class, seq)) WITHOUT ROWID;"
	"CREATE UNIQUE INDEX event_sendable ON event (seq) WHERE refusal IS NULL;"
	"CREATE INDEX event_refused ON event (seq) WHERE refusal IS NOT NULL;"
	"CREATE TABLE kept (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE delivery (last_seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, bytes INTEGER NOT NULL);"
	"PRAGMA user_version = 1;";

/* Fails where the schema is another than the above. */
static const char layout_probe[] =
	"SELECT uuid, next_seq, generation, acked_seq, sent_seq, reported_ms, fault, fault_ms FROM meta LIMIT 0;"
	"SELECT class, seq, type, at_ms, body FROM event INDEXED BY event_sendable WHERE refusal IS NULL AND seq > 0 LIMIT 0;"
	"SELECT refusal FROM event INDEXED BY event_refused WHERE refusal IS NOT NULL AND seq > 0 LIMIT 0;"
	"SELECT last_seq, at_ms, bytes FROM delivery LIMIT 0;"
	"SELECT name, text FROM kept LIMIT 0;";

/* For appending, the newest pages are enough. With SQLite's 2 MB the daemon would grow for days until it had read them all. */
static const char small_cache[] = "PRAGMA cache_size = -200";   /* KiB */
static const char version_read[] = "PRAGMA user_version";
static const char meta_insert[] =
	"INSERT INTO meta (id, uuid, next_seq, generation, acked_seq, sent_seq) VALUES (1, :uuid, 1, :generation, 0, 0)";
static const char meta_count[] = "SELECT count(*) FROM meta WHERE next_seq > sent_seq AND sent_seq >= acked_seq";
static const char quick_check[] = "PRAGMA quick_check(1)";
static const char waiting_by_type[] =
	"SELECT type, count(*), min(seq), max(seq), min(at_ms), max(at_ms) FROM event"
	" WHERE refusal IS NULL AND seq > (SELECT acked_seq FROM meta) GROUP BY type";

/* A statement that this schema has no place for means that somebody else wrote the file. */
static int execute(struct db *db, const char *sql, struct err *err)
{
	if (db_execute(db, sql, err) == 0)
		return 0;
	if (sqlite3_errcode(db_handle(db)) == SQLITE_ERROR)
		err->code = ERR_DAMAGED;
	return -1;
}

static int make_meta(struct db *db, const struct random_source *random, int64_t generation, struct err *err)
{
	sqlite3_stmt *insert = db_statement(db, meta_insert);
	char uuid[UUID_SIZE];

	random_uuid(random, uuid);
	db_bind_text(insert, ":uuid", uuid);
	db_bind_optional(insert, ":generation", generation);
	return db_run(insert, err);
}

static int make_layout(struct db *db, const struct random_source *random, int64_t generation, struct err *err)
{
	struct err ignored;

	if (db_execute(db, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	if (execute(db, schema, err) == 0 && make_meta(db, random, generation, err) == 0 && db_execute(db, "COMMIT", err) == 0)
		return 0;
	db_execute(db, "ROLLBACK", &ignored);
	return -1;
}

static int read_first(struct db *db, const char *sql, int64_t *ret_value, struct err *err)
{
	sqlite3_stmt *statement = db_statement(db, sql);
	int row = db_step(statement, err);

	if (row < 0)
		return -1;
	*ret_value = row ? db_column_integer(statement, 0) : 0;
	sqlite3_reset(statement);
	return 0;
}

static int check_layout(struct db *db, struct err *err)
{
	int64_t version, rows;

	if (read_first(db, version_read, &version, err) < 0)
		return -1;
	if (version == 0)
		return err_set(err, ERR_NOT_FOUND, "empty, the daemon has not run yet");
	if (version > SCHEMA_VERSION)
		return err_set(err, ERR_UNSUPPORTED, "made by a newer version of plumbline-agent");
	if (execute(db, layout_probe, err) < 0 || read_first(db, meta_count, &rows, err) < 0)
		return -1;
	return rows == 1 ? 0 : err_set(err, ERR_DAMAGED, "its counters are missing or contradict each other");
}

static int check_pages(struct db *db, struct err *err)
{
	sqlite3_stmt *check = db_statement(db, quick_check);
	int row = db_step(check, err), rc = 0;

	if (row < 0)
		return -1;
	if (!row || strcmp(db_column_text(check, 0), "ok") != 0)
		rc = err_set(err, ERR_DAMAGED, "%.300s", row ? db_column_text(check, 0) : "no answer to quick_check");
	sqlite3_reset(check);
	return rc;
}

static int make_or_check(struct db *db, const struct random_source *random, int64_t generation, bool check, struct err *err)
{
	int64_t version;

	if (db_execute(db, small_cache, err) < 0 || read_first(db, version_read, &version, err) < 0)
		return -1;
	if (sqlite3_db_readonly(db_handle(db), "main"))
		return err_set(err, ERR_IO, "the disk or the file is read-only");
	if (version == 0 && make_layout(db, random, generation, err) < 0)
		return -1;
	if (check_layout(db, err) < 0)
		return -1;
	return check ? check_pages(db, err) : 0;
}

int spool_file_open(const char *path, const struct random_source *random, int64_t generation, bool check, struct db **ret_db,
		    struct err *err)
{
	struct db *db;

	if (db_open(path, false, &db, err) < 0)
		return err_wrap(err, "spool");
	sqlite3_wal_autocheckpoint(db_handle(db), LOG_PAGES);
	if (make_or_check(db, random, generation, check, err) < 0) {
		db_close(db);
		return err_wrap(err, "spool %s", path);
	}
	*ret_db = db;
	return 0;
}

int spool_file_open_reading(const char *path, struct db **ret_db, struct err *err)
{
	struct stat file;
	struct db *db;

	if (stat(path, &file) < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "spool %s: there is none, the daemon has not run yet", path);
	if (db_open(path, true, &db, err) < 0)
		return err_wrap(err, "spool");
	if (check_layout(db, err) < 0) {
		db_close(db);
		return err_wrap(err, "spool %s", path);
	}
	*ret_db = db;
	return 0;
}

static int count_by_type(struct db *db, const char *reason, const char *spool, json_t *members)
{
	struct dropped loss = { .reason = "" };
	sqlite3_stmt *select;
	struct err ignored;
	int row;

	/* Tried first: preparing a statement may fail in a damaged file. */
	if (!db || db_execute(db, waiting_by_type, &ignored) < 0)
		return -1;
	select = db_statement(db, waiting_by_type);
	text_copy(loss.reason, sizeof loss.reason, reason);
	text_copy(loss.spool, sizeof loss.spool, spool);
	while ((row = db_step(select, &ignored)) > 0) {
		text_copy(loss.type, sizeof loss.type, db_column_text(select, 0));
		loss.count = db_column_integer(select, 1);
		loss.first_seq = db_column_integer(select, 2);
		loss.last_seq = db_column_integer(select, 3);
		loss.from_ms = db_column_integer(select, 4);
		loss.to_ms = db_column_integer(select, 5);
		dropped_add(members, &loss);
	}
	return row;
}

void spool_file_count_lost(struct db *db, const char *reason, const char *spool, json_t *members)
{
	struct dropped unknown = { .count = JSON_ABSENT, .first_seq = JSON_ABSENT, .last_seq = JSON_ABSENT,
				   .from_ms = JSON_ABSENT, .to_ms = JSON_ABSENT };

	if (count_by_type(db, reason, spool, members) == 0)
		return;
	text_copy(unknown.reason, sizeof unknown.reason, reason);
	text_copy(unknown.spool, sizeof unknown.spool, spool);
	dropped_add(members, &unknown);
}

/* Names carry the time, so they sort by it. */
static void forget_older(const char *path)
{
	char pattern[PATH_MAX];
	glob_t found;

	snprintf(pattern, sizeof pattern, "%s.damaged-*Z", path);
	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i + KEPT_ASIDE < found.gl_pathc; i++) {
			unlink(found.gl_pathv[i]);
			snprintf(pattern, sizeof pattern, "%s-wal", found.gl_pathv[i]);
			unlink(pattern);
		}
	globfree(&found);
}

/* First the file: without it SQLite removes a log that is left, and makes a new spool. */
int spool_file_set_aside(const char *path, char ret_kept[PATH_MAX], struct err *err)
{
	char kept[PATH_MAX], log[PATH_MAX + 8], kept_log[PATH_MAX + 8], stamp[32];
	time_t now = time(NULL);
	struct tm utc;

	strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
	snprintf(kept, sizeof kept, "%s.damaged-%s", path, stamp);
	if (rename(path, kept) < 0)
		return err_set(err, ERR_IO, "spool %s: is damaged, and cannot be set aside: %s", path, strerror(errno));
	snprintf(log, sizeof log, "%s-wal", path);
	snprintf(kept_log, sizeof kept_log, "%s-wal", kept);
	rename(log, kept_log);
	forget_older(path);
	memcpy(ret_kept, kept, sizeof kept);
	return 0;
}
