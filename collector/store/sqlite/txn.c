#include "collector/store/sqlite/txn.h"

#include <string.h>

#define LIMIT_MAX 500

const char *const row_flag[] = { NULL };

static json_t *choice_to_json(const char *const *names, int64_t number)
{
	if (names == row_flag)
		return json_boolean(number);
	for (int64_t i = 0; names[i]; i++)
		if (i == number)
			return *names[i] ? json_string(names[i]) : NULL;
	return NULL;
}

static json_t *column_to_json(sqlite3_stmt *statement, int column, const struct row_choice *choices)
{
	const char *name = sqlite3_column_name(statement, column);

	if (sqlite3_column_type(statement, column) == SQLITE_NULL)
		return NULL;
	for (const struct row_choice *choice = choices; choice->column; choice++)
		if (!strcmp(choice->column, name))
			return choice_to_json(choice->names, db_column_integer(statement, column));
	if (sqlite3_column_type(statement, column) == SQLITE_INTEGER)
		return json_integer(db_column_integer(statement, column));
	return json_string(db_column_text(statement, column));
}

json_t *row_to_json(sqlite3_stmt *statement, const struct row_choice *choices)
{
	json_t *object = json_object();
	int count = sqlite3_column_count(statement);

	for (int i = 0; i < count; i++) {
		json_t *value = column_to_json(statement, i, choices);

		if (value)
			json_object_set_new(object, sqlite3_column_name(statement, i), value);
	}
	return object;
}

int rows_to_json(sqlite3_stmt *statement, const struct row_choice *choices, json_t **ret_list, struct err *err)
{
	json_t *items = json_array();
	int rc;

	while ((rc = db_step(statement, err)) > 0)
		json_array_append_new(items, row_to_json(statement, choices));
	if (rc == 0)
		*ret_list = json_pack("{s:O}", "items", items);
	json_decref(items);
	return rc;
}

int limit_check(int64_t limit, struct err *err)
{
	if (limit < 1 || limit > LIMIT_MAX)
		return err_set(err, ERR_INPUT, "limit: must lie between 1 and %d", LIMIT_MAX);
	return 0;
}
