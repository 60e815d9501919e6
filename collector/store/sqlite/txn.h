/* txn.h - what a job works on: one connection inside a transaction, and how its rows become JSON.
 * Ownership: the transaction is store.c's. Threads: the store thread that runs the job. */
#ifndef PLUMBLINE_TXN_H
#define PLUMBLINE_TXN_H

#include <jansson.h>
#include <stdint.h>

#include "agent/base/sqlite.h"

struct txn {
	struct db *db;
	int64_t marked_line, marked_day_ms;   /* the day that day_mark saw last: most reports are of one */
};

/* A column that the database keeps as the number of a name. */
struct row_choice {
	const char *column;
	const char *const *names;   /* NULL at the end; row_flag: 0 and 1 are false and true */
};
extern const char *const row_flag[];

/* The current row as a new object: members are named as the columns; NULL and names of no length are left out. choices
 * ends with an empty row. */
json_t *row_to_json(sqlite3_stmt *statement, const struct row_choice *choices);

/* {"items": [every row as above]}. */
int rows_to_json(sqlite3_stmt *statement, const struct row_choice *choices, json_t **ret_list, struct err *err);

/* Lists of people's size: ERR_INPUT unless limit lies between 1 and 500. */
int limit_check(int64_t limit, struct err *err);

#endif
