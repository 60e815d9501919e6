#include "agent/watch/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/sqlite.h"

struct journal {
	struct db *db;
	char *path;
};

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS alive (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, boot TEXT NOT NULL,"
	" process TEXT NOT NULL, realtime_ms INTEGER NOT NULL, boottime_us INTEGER NOT NULL, monotonic_us INTEGER NOT NULL,"
	" synced INTEGER, ended_clean INTEGER NOT NULL, alive_from_us INTEGER NOT NULL, state TEXT NOT NULL, ladder TEXT NOT NULL)";
static const char alive_write[] =
	"INSERT INTO alive (id, seq, boot, process, realtime_ms, boottime_us, monotonic_us, synced, ended_clean, alive_from_us,"
	" state, ladder) VALUES (1, 1, :boot, :process, :realtime_ms, :boottime_us, :monotonic_us, :synced, :ended_clean,"
	" :alive_from_us, :state, :ladder) ON CONFLICT (id) DO UPDATE SET seq = seq + 1, boot = excluded.boot,"
	" process = excluded.process, realtime_ms = excluded.realtime_ms, boottime_us = excluded.boottime_us,"
	" monotonic_us = excluded.monotonic_us, synced = excluded.synced, ended_clean = excluded.ended_clean,"
	" alive_from_us = excluded.alive_from_us, state = excluded.state, ladder = excluded.ladder";
static const char alive_read[] =
	"SELECT boot, process, realtime_ms, boottime_us, monotonic_us, synced, ended_clean, alive_from_us, state, ladder"
	" FROM alive";

static int try_open(const char *path, bool read_only, struct journal **ret_journal, struct err *err)
{
	struct journal *journal;
	struct db *db;

	if (db_open(path, read_only, &db, err) < 0)
		return err_wrap(err, "journal");
	if (!read_only && db_execute(db, schema, err) < 0) {
		db_close(db);
		return err_wrap(err, "journal %s", path);
	}
	journal = xcalloc(1, sizeof *journal);
	*journal = (struct journal){ .db = db, .path = xstrdup(path) };
	*ret_journal = journal;
	return 0;
}

static void remove_files(const char *path)
{
	static const char *const endings[] = { "", "-wal", "-shm" };
	char file[4096];

	for (int i = 0; i < 3; i++) {
		snprintf(file, sizeof file, "%s%s", path, endings[i]);
		unlink(file);
	}
}

int journal_open(const char *path, struct journal **ret_journal, struct err *err)
{
	if (try_open(path, false, ret_journal, err) == 0)
		return 0;
	if (err->code != ERR_DAMAGED)   /* a disk that fails may give the row back */
		return -1;
	log_error("%s; begun anew, what went before this start stays unexplained", err->message);
	remove_files(path);
	return try_open(path, false, ret_journal, err);
}

int journal_open_reading(const char *path, struct journal **ret_journal, struct err *err)
{
	if (access(path, F_OK) < 0)
		return err_set(err, ERR_NOT_FOUND, "journal %s: there is none, the daemon has not run yet", path);
	return try_open(path, true, ret_journal, err);
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	db_close(journal->db);
	free(journal->path);
	free(journal);
}

static int run_write(struct journal *journal, const struct journal_row *row, const char *state, const char *ladder,
		     struct err *err)
{
	sqlite3_stmt *write = db_statement(journal->db, alive_write);

	db_bind_text(write, ":boot", row->alive.boot_id);
	db_bind_text(write, ":process", row->alive.process_id);
	db_bind_integer(write, ":realtime_ms", row->alive.at.realtime_ms);
	db_bind_integer(write, ":boottime_us", row->alive.at.boottime_us);
	db_bind_integer(write, ":monotonic_us", row->alive.at.monotonic_us);
	db_bind_optional(write, ":synced", row->synced);
	db_bind_integer(write, ":ended_clean", row->alive.ended_clean);
	db_bind_integer(write, ":alive_from_us", row->alive_from_us);
	db_bind_text(write, ":state", state);
	db_bind_text(write, ":ladder", ladder);
	return db_run(write, err);
}

int journal_write(struct journal *journal, const struct journal_row *row, bool durable, struct err *err)
{
	char *state = json_dumps(row->state, JSON_COMPACT), *ladder = json_dumps(row->ladder, JSON_COMPACT);
	int rc = db_execute(journal->db, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", err);

	if (rc == 0)
		rc = run_write(journal, row, state, ladder, err);
	free(state);
	free(ladder);
	return rc < 0 ? err_wrap(err, "journal %s", journal->path) : 0;
}

static int take_row(sqlite3_stmt *read, struct journal_row *ret_row, struct err *err)
{
	struct journal_row row = {
		.alive = { .at = { db_column_integer(read, 2), db_column_integer(read, 3), db_column_integer(read, 4) },
			   .ended_clean = db_column_integer(read, 6) != 0 },
		.synced = (int)db_column_optional(read, 5),
		.alive_from_us = db_column_integer(read, 7),
	};
	const char *state = db_column_text(read, 8), *ladder = db_column_text(read, 9);

	text_copy(row.alive.boot_id, sizeof row.alive.boot_id, db_column_text(read, 0));
	text_copy(row.alive.process_id, sizeof row.alive.process_id, db_column_text(read, 1));
	if (json_parse(state, strlen(state), &row.state, err) < 0 || json_parse(ladder, strlen(ladder), &row.ladder, err) < 0) {
		journal_row_free(&row);
		return -1;
	}
	*ret_row = row;
	return 0;
}

int journal_read(struct journal *journal, struct journal_row *ret_row, struct err *err)
{
	sqlite3_stmt *read;
	int rc;

	if (sqlite3_table_column_metadata(db_handle(journal->db), NULL, "alive", "ladder", NULL, NULL, NULL, NULL, NULL) != SQLITE_OK)
		return err_set(err, ERR_NOT_FOUND, "journal %s: empty, the daemon has not run yet", journal->path);
	read = db_statement(journal->db, alive_read);
	rc = db_step(read, err);
	if (rc > 0)
		rc = take_row(read, ret_row, err) < 0 ? -1 : 1;
	sqlite3_reset(read);
	if (rc == 0)
		return err_set(err, ERR_NOT_FOUND, "journal %s: empty, the daemon has not run yet", journal->path);
	return rc < 0 ? err_wrap(err, "journal %s", journal->path) : 0;
}

void journal_row_free(struct journal_row *row)
{
	json_decref(row->state);
	json_decref(row->ladder);
	row->state = row->ladder = NULL;
}
