/* fixture.h - a database of its own for each test of a noun, in a directory that goes with it. */
#ifndef PLUMBLINE_STORE_FIXTURE_H
#define PLUMBLINE_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "collector/store/clients.h"
#include "collector/store/sqlite/schema.h"
#include "collector/store/sqlite/txn.h"

#define assert_ok(call)                                                     \
	do {                                                                \
		struct err err;                                             \
		if ((call) < 0)                                             \
			fail_msg("%s: %s", #call, err.message);             \
	} while (0)

#define assert_fails(call, want_code, want_message)                         \
	do {                                                                \
		struct err err = { 0 };                                     \
		assert_int_equal((call), -1);                               \
		assert_string_equal(err.message, want_message);             \
		assert_int_equal(err.code, want_code);                      \
	} while (0)

struct fixture {
	char directory[32];
	char path[64];
	struct txn txn;
};

static inline void directory_make(char directory[32], char path[64])
{
	strcpy(directory, "/tmp/plumbline-store-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, 64, "%s/test.db", directory);
}

static inline void directory_remove(const char *directory)
{
	static const char *const endings[] = { "", "-wal", "-shm" };
	char path[96];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/test.db%s", directory, endings[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(directory), 0);
}

/* One transaction that is never committed: quick. */
static inline int fixture_open(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof *fixture);

	directory_make(fixture->directory, fixture->path);
	assert_ok(db_open(fixture->path, false, &fixture->txn.db, &err));
	assert_ok(schema_upgrade(fixture->txn.db, &err));
	assert_ok(db_execute(fixture->txn.db, "BEGIN IMMEDIATE", &err));
	*state = fixture;
	return 0;
}

static inline int fixture_close(void **state)
{
	struct fixture *fixture = *state;

	db_close(fixture->txn.db);
	directory_remove(fixture->directory);
	free(fixture);
	return 0;
}

static inline void put_client(struct txn *txn, const char *id, const char *name)
{
	struct client client = { .tier = "B", .manager = "Орлова" };

	text_copy(client.id, sizeof client.id, id);
	text_copy(client.name, sizeof client.name, name);
	assert_ok(client_put(txn, &client, &err));
}

/* Makes the client too. */
static inline struct line put_line(struct txn *txn, const char *client, const char *id)
{
	struct line line = { .node = "b1", .address = "Ленина 1", .service_plan = "norm-2001", .always_on = true };

	put_client(txn, client, client);
	text_copy(line.client, sizeof line.client, client);
	text_copy(line.id, sizeof line.id, id);
	assert_ok(line_put(txn, &line, &err));
	assert_ok(line_get(txn, id, &line, &err));
	return line;
}

/* The first column of the first row. */
static inline int64_t query(struct db *db, const char *sql)
{
	sqlite3_stmt *statement;
	int64_t number;

	assert_int_equal(sqlite3_prepare_v2(db_handle(db), sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return number;
}

/* Compares with JSON written with ' for ". */
static inline void assert_json(json_t *value, const char *want)
{
	char *plain = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	char *wanted = xstrdup(want);

	for (char *c = wanted; *c; c++)
		if (*c == '\'')
			*c = '"';
	assert_string_equal(plain, wanted);
	free(wanted);
	free(plain);
}

/* The members "id" of a page, with a space after each. */
static inline void read_ids(const json_t *page, char *ret_ids, size_t size)
{
	const json_t *item;
	size_t i;

	ret_ids[0] = '\0';
	json_array_foreach(json_object_get(page, "items"), i, item)
		snprintf(ret_ids + strlen(ret_ids), size - strlen(ret_ids), "%s ",
			 json_string_value(json_object_get(item, "id")));
}

#endif
