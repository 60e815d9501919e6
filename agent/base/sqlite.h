/* sqlite.h - one SQLite connection: opened durably, its statements prepared once and bound by name.
 * Ownership: db_open makes it, db_close releases it and every statement.
 * Threads:   one connection belongs to one thread at a time.
 * Durability: WAL with synchronous=FULL: a commit that returned survives a power cut. */
#ifndef PLUMBLINE_SQLITE_H
#define PLUMBLINE_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"

struct db;

/* Before the first db_open of a program that keeps little open: SQLite then takes each page when it needs it, and not twenty
 * as soon as a file is opened. */
void db_spare_memory(void);

/* Opens or creates (as file_create does) the file. read_only connections see commits of others and never write.
 * Waits up to 10 s for another process's lock. Fails with ERR_IO or ERR_DAMAGED, naming the file. */
int db_open(const char *path, bool read_only, struct db **ret_db, struct err *err);
void db_close(struct db *db);   /* accepts NULL */
sqlite3 *db_handle(struct db *db);

/* Runs statements that return no rows: schema, BEGIN, COMMIT. */
int db_execute(struct db *db, const char *sql, struct err *err);

/* The statement for this SQL, reset and without bindings. sql must be a string with static storage: its address is the
 * key under which the prepared statement is kept. Wrong SQL is a bug of ours and ends the process. */
sqlite3_stmt *db_statement(struct db *db, const char *sql);

/* Bind by name, ":line". A name that the statement does not have is a bug of ours and ends the process.
 * Texts and bytes must stay unchanged until the statement was stepped. */
void db_bind_integer(sqlite3_stmt *statement, const char *name, int64_t value);
void db_bind_optional(sqlite3_stmt *statement, const char *name, int64_t value);   /* JSON_ABSENT (-1) becomes NULL */
void db_bind_text(sqlite3_stmt *statement, const char *name, const char *text);    /* NULL becomes NULL */
void db_bind_bytes(sqlite3_stmt *statement, const char *name, const void *bytes, size_t length);

/* Returns 1 with a row to read, 0 when there are no more (the statement is then reset), -1 on failure: ERR_CONFLICT when
 * a constraint refused it, ERR_BUSY when another process held the lock too long, ERR_DAMAGED when the file is no database
 * any more, else ERR_IO. */
int db_step(sqlite3_stmt *statement, struct err *err);

/* Steps a statement that returns no rows. */
int db_run(sqlite3_stmt *statement, struct err *err);

/* Columns of the current row; db_column_optional gives JSON_ABSENT for NULL, db_column_text "" for NULL and stays valid
 * until the next step. */
int64_t db_column_integer(sqlite3_stmt *statement, int column);
int64_t db_column_optional(sqlite3_stmt *statement, int column);
const char *db_column_text(sqlite3_stmt *statement, int column);

/* Resets every statement: one left in the middle of its rows would keep its snapshot beyond the transaction. */
void db_reset(struct db *db);

/* Rows that the last statement changed. */
int64_t db_changes(struct db *db);

#endif
