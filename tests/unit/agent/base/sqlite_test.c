#include "agent/base/sqlite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/json.h"

static char directory[] = "/tmp/sqlite_test.XXXXXX";
static char path[64];

static const char insert[] = "INSERT INTO item (id, name, weight, data) VALUES (:id, :name, :weight, :data)";
static const char get[] = "SELECT name, weight, length(data), data FROM item WHERE id = :id";

static struct db *open_db(bool read_only)
{
	struct err err = { 0 };
	struct db *db;

	if (db_open(path, read_only, &db, &err) < 0)
		fail_msg("%s", err.message);
	return db;
}

static int put(struct db *db, int64_t id, const char *name, int64_t weight, struct err *err)
{
	sqlite3_stmt *statement = db_statement(db, insert);

	db_bind_integer(statement, ":id", id);
	db_bind_text(statement, ":name", name);
	db_bind_optional(statement, ":weight", weight);
	db_bind_bytes(statement, ":data", "a\0b", 3);
	return db_run(statement, err);
}

static void test_binds_and_reads(void **state)
{
	struct db *db = open_db(false);
	struct err err = { 0 };
	sqlite3_stmt *statement;

	(void)state;
	assert_int_equal(put(db, 1, "имя", 7, &err), 0);
	assert_int_equal(db_changes(db), 1);
	assert_int_equal(put(db, 2, NULL, JSON_ABSENT, &err), 0);

	statement = db_statement(db, get);
	db_bind_integer(statement, ":id", 1);
	assert_int_equal(db_step(statement, &err), 1);
	assert_string_equal(db_column_text(statement, 0), "имя");
	assert_int_equal(db_column_integer(statement, 1), 7);
	assert_int_equal(db_column_integer(statement, 2), 3);
	assert_int_equal(db_step(statement, &err), 0);

	assert_ptr_equal(db_statement(db, get), statement);   /* prepared once */
	assert_int_equal(db_step(statement, &err), 0);        /* and without its old bindings */

	statement = db_statement(db, get);
	db_bind_integer(statement, ":id", 2);
	assert_int_equal(db_step(statement, &err), 1);
	assert_string_equal(db_column_text(statement, 0), "");
	assert_int_equal(db_column_optional(statement, 1), JSON_ABSENT);
	assert_int_equal(db_step(statement, &err), 0);
	db_close(db);
}

static void test_failures_have_codes(void **state)
{
	struct db *db = open_db(false), *other = open_db(false), *reader;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(put(db, 1, "x", 1, &err), 0);
	assert_int_equal(put(db, 1, "y", 1, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_string_equal(err.message, "UNIQUE constraint failed: item.id");
	assert_int_equal(put(db, 2, "y", 1, &err), 0);   /* the statement can be used again */

	sqlite3_busy_timeout(db_handle(other), 0);
	assert_int_equal(db_execute(db, "BEGIN IMMEDIATE", &err), 0);
	assert_int_equal(put(other, 3, "z", 1, &err), -1);
	assert_int_equal(err.code, ERR_BUSY);
	assert_int_equal(db_execute(db, "COMMIT", &err), 0);

	reader = open_db(true);
	assert_int_equal(put(reader, 4, "z", 1, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	db_close(reader);
	db_close(other);
	db_close(db);
	db_close(NULL);
}

static void test_readers_see_commits(void **state)
{
	struct db *writer = open_db(false), *reader = open_db(true);
	struct err err = { 0 };
	sqlite3_stmt *statement = db_statement(reader, get);

	(void)state;
	db_bind_integer(statement, ":id", 1);
	assert_int_equal(db_step(statement, &err), 0);
	assert_int_equal(put(writer, 1, "x", 1, &err), 0);
	db_bind_integer(statement, ":id", 1);
	assert_int_equal(db_step(statement, &err), 1);
	sqlite3_reset(statement);
	db_close(reader);
	db_close(writer);
}

static void test_is_durable_and_private(void **state)
{
	static const struct {
		const char *pragma, *want;
	} cases[] = {
		{ "PRAGMA journal_mode", "wal" },
		{ "PRAGMA synchronous", "2" },   /* FULL */
		{ "PRAGMA foreign_keys", "1" },
	};
	struct db *db = open_db(false);
	struct err err = { 0 };
	struct stat info;

	(void)state;
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		sqlite3_stmt *statement = db_statement(db, cases[i].pragma);

		assert_int_equal(db_step(statement, &err), 1);
		assert_string_equal(db_column_text(statement, 0), cases[i].want);
		sqlite3_reset(statement);
	}
	db_close(db);
}

static void test_keeps_many_statements(void **state)
{
	static char sql[200][32];
	struct db *db = open_db(false);
	sqlite3_stmt *statements[200];
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 200; i++) {
		snprintf(sql[i], sizeof sql[i], "SELECT %d", i);
		statements[i] = db_statement(db, sql[i]);
	}
	for (int i = 0; i < 200; i++) {
		assert_ptr_equal(db_statement(db, sql[i]), statements[i]);
		assert_int_equal(db_step(statements[i], &err), 1);
		assert_int_equal(db_column_integer(statements[i], 0), i);
		sqlite3_reset(statements[i]);
	}
	db_close(db);
}

static void test_open_names_the_file(void **state)
{
	char wrong[80], want[160];
	struct err err = { 0 };
	struct db *db = NULL;
	FILE *file;

	(void)state;
	snprintf(wrong, sizeof wrong, "%s/none/x.db", directory);
	assert_int_equal(db_open(wrong, false, &db, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	snprintf(want, sizeof want, "%s: No such file or directory", wrong);
	assert_string_equal(err.message, want);
	snprintf(wrong, sizeof wrong, "%s/absent.db", directory);
	assert_int_equal(db_open(wrong, true, &db, &err), -1);

	snprintf(wrong, sizeof wrong, "%s/text.db", directory);
	file = fopen(wrong, "w");
	assert_non_null(file);
	fputs("this is a text and no database at all", file);
	fclose(file);
	assert_int_equal(db_open(wrong, false, &db, &err), -1);
	snprintf(want, sizeof want, "%s: file is not a database", wrong);
	assert_string_equal(err.message, want);
	assert_int_equal(err.code, ERR_DAMAGED);
	assert_null(db);
	unlink(wrong);
}

static int make_directory(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof path, "%s/test.db", directory);
	return 0;
}

static int make_table(void **state)
{
	struct db *db = open_db(false);
	struct err err = { 0 };

	(void)state;
	assert_int_equal(db_execute(db, "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, weight INTEGER, data BLOB)", &err), 0);
	db_close(db);
	return 0;
}

/* A command of the administrator's before the daemon's first start. */
static void test_made_by_root_belongs_to_the_directorys_owner(void **state)
{
	static const char *const endings[] = { "", "-wal", "-shm" };
	struct err err;
	struct db *db;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(directory, 4321, 4322), 0);
	db = open_db(false);
	assert_int_equal(db_execute(db, "CREATE TABLE a (b)", &err), 0);
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
		char name[80];
		struct stat file;

		snprintf(name, sizeof name, "%s%s", path, endings[i]);
		assert_int_equal(stat(name, &file), 0);
		assert_int_equal(file.st_uid, 4321);
		assert_int_equal(file.st_gid, 4322);
		assert_int_equal(file.st_mode & 0777, 0600);
	}
	db_close(db);
	assert_int_equal(unlink(path), 0);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_binds_and_reads, make_table, remove_file),
		cmocka_unit_test_setup_teardown(test_failures_have_codes, make_table, remove_file),
		cmocka_unit_test_setup_teardown(test_readers_see_commits, make_table, remove_file),
		cmocka_unit_test_setup_teardown(test_is_durable_and_private, make_table, remove_file),
		cmocka_unit_test_setup_teardown(test_keeps_many_statements, make_table, remove_file),
		cmocka_unit_test(test_open_names_the_file),
		cmocka_unit_test(test_made_by_root_belongs_to_the_directorys_owner),
	};

	return cmocka_run_group_tests_name("sqlite", tests, make_directory, remove_directory);
}
