#include "agent/base/sqlite.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/file.h"
#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"

#define LOCK_WAIT_MS 10000

struct prepared {
	const char *sql;
	sqlite3_stmt *statement;
};

struct db {
	sqlite3 *handle;
	struct prepared *table;   /* open addressing by the address of the SQL; size is a power of two */
	size_t size, used;
};

static _Noreturn void end_on_bug(const char *what, const char *sql, const char *why)
{
	log_error("%s: %s: %s", what, why, sql);
	abort();
}

void db_spare_memory(void)
{
	sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
}

/* SQLite would create the file readable for all, and root's own. The files beside it get the owner that this one has. */
static int make_file(const char *path, struct err *err)
{
	int fd;

	if (file_create(path, &fd, err) < 0)
		return err->code == ERR_CONFLICT ? 0 : -1;
	close(fd);
	return 0;
}

int db_open(const char *path, bool read_only, struct db **ret_db, struct err *err)
{
	static const char pragmas[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;";
	int flags = SQLITE_OPEN_NOMUTEX | (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	struct db *db = xcalloc(1, sizeof *db);

	if (!read_only && make_file(path, err) < 0)
		goto fail;
	if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK) {
		err_set(err, ERR_IO, "%s: %s", path, db->handle ? sqlite3_errmsg(db->handle) : "out of memory");
		goto fail;
	}
	sqlite3_extended_result_codes(db->handle, 1);
	sqlite3_busy_timeout(db->handle, LOCK_WAIT_MS);
	if (db_execute(db, read_only ? "PRAGMA query_only=ON" : pragmas, err) < 0) {
		err_wrap(err, "%s", path);
		goto fail;
	}
	*ret_db = db;
	return 0;
fail:
	db_close(db);
	return -1;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < db->size; i++)
		sqlite3_finalize(db->table[i].statement);
	free(db->table);
	sqlite3_close(db->handle);
	free(db);
}

sqlite3 *db_handle(struct db *db)
{
	return db->handle;
}

static int fail_with(sqlite3 *handle, int code, struct err *err)
{
	int primary = code & 0xff;
	enum err_code kind = primary == SQLITE_CONSTRAINT ? ERR_CONFLICT
			   : primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB ? ERR_DAMAGED
			   : primary == SQLITE_BUSY || primary == SQLITE_LOCKED ? ERR_BUSY : ERR_IO;

	return err_set(err, kind, "%s", sqlite3_errmsg(handle));
}

int db_execute(struct db *db, const char *sql, struct err *err)
{
	int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : fail_with(db->handle, code, err);
}

static struct prepared *find_slot(struct prepared *table, size_t size, const char *sql)
{
	size_t i = ((uintptr_t)sql * 0x9E3779B97F4A7C15ULL >> 20) & (size - 1);

	while (table[i].sql && table[i].sql != sql)
		i = (i + 1) & (size - 1);
	return &table[i];
}

static void grow(struct db *db)
{
	size_t size = db->size ? db->size * 2 : 32;
	struct prepared *table = xcalloc(size, sizeof *table);

	for (size_t i = 0; i < db->size; i++)
		if (db->table[i].sql)
			*find_slot(table, size, db->table[i].sql) = db->table[i];
	free(db->table);
	db->table = table;
	db->size = size;
}

sqlite3_stmt *db_statement(struct db *db, const char *sql)
{
	struct prepared *slot;

	if (db->used * 2 >= db->size)
		grow(db);
	slot = find_slot(db->table, db->size, sql);
	if (!slot->sql) {
		if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &slot->statement, NULL) != SQLITE_OK)
			end_on_bug("prepare", sql, sqlite3_errmsg(db->handle));
		slot->sql = sql;
		db->used++;
	}
	sqlite3_reset(slot->statement);
	sqlite3_clear_bindings(slot->statement);
	return slot->statement;
}

static int find_parameter(sqlite3_stmt *statement, const char *name)
{
	int index = sqlite3_bind_parameter_index(statement, name);

	if (!index)
		end_on_bug("bind", sqlite3_sql(statement), name);
	return index;
}

void db_bind_integer(sqlite3_stmt *statement, const char *name, int64_t value)
{
	sqlite3_bind_int64(statement, find_parameter(statement, name), value);
}

void db_bind_optional(sqlite3_stmt *statement, const char *name, int64_t value)
{
	int index = find_parameter(statement, name);

	if (value != JSON_ABSENT)
		sqlite3_bind_int64(statement, index, value);
}

void db_bind_text(sqlite3_stmt *statement, const char *name, const char *text)
{
	sqlite3_bind_text(statement, find_parameter(statement, name), text, -1, SQLITE_STATIC);
}

void db_bind_bytes(sqlite3_stmt *statement, const char *name, const void *bytes, size_t length)
{
	sqlite3_bind_blob64(statement, find_parameter(statement, name), bytes, length, SQLITE_STATIC);
}

int db_step(sqlite3_stmt *statement, struct err *err)
{
	int code = sqlite3_step(statement);

	if (code == SQLITE_ROW)
		return 1;
	if (code != SQLITE_DONE)
		fail_with(sqlite3_db_handle(statement), code, err);
	sqlite3_reset(statement);
	return code == SQLITE_DONE ? 0 : -1;
}

int db_run(sqlite3_stmt *statement, struct err *err)
{
	int rc = db_step(statement, err);

	if (rc > 0)
		sqlite3_reset(statement);
	return rc < 0 ? -1 : 0;
}

int64_t db_column_integer(sqlite3_stmt *statement, int column)
{
	return sqlite3_column_int64(statement, column);
}

int64_t db_column_optional(sqlite3_stmt *statement, int column)
{
	return sqlite3_column_type(statement, column) == SQLITE_NULL ? JSON_ABSENT : sqlite3_column_int64(statement, column);
}

const char *db_column_text(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);

	return text ? (const char *)text : "";
}

void db_reset(struct db *db)
{
	for (size_t i = 0; i < db->size; i++)
		sqlite3_reset(db->table[i].statement);
}

int64_t db_changes(struct db *db)
{
	return sqlite3_changes64(db->handle);
}
