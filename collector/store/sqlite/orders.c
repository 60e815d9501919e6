#include "collector/store/orders.h"

#include <string.h>

#include "collector/store/measurements.h"
#include "collector/store/sqlite/cursor.h"
#include "collector/store/sqlite/txn.h"

#define OF_LINE "FROM probe_order WHERE client = :client AND line = :line"

enum { ORDER_PUT, ORDER_ANSWER, ORDERS_STANDING, ORDERS_PAGE, STATEMENT_COUNT };

static const char *const sql[STATEMENT_COUNT] = {
	[ORDER_PUT] = "INSERT INTO probe_order (client, line, placed_ms, leg, id, expires_ms, person)"
		      " VALUES (:client, :line, :placed_ms, :leg, :id, :expires_ms, :person)",
	[ORDER_ANSWER] = "UPDATE probe_order SET started_ms = :started_ms, spool = :spool, seq = :seq"
			 " WHERE client = :client AND line = :line AND id = :id AND leg = :leg AND started_ms IS NULL",
	[ORDERS_STANDING] = "SELECT id, leg, placed_ms, expires_ms " OF_LINE " AND started_ms IS NULL"
			    " AND expires_ms > :now_ms ORDER BY placed_ms, leg, id",
	[ORDERS_PAGE] = "SELECT id, leg, placed_ms, expires_ms, person AS \"by\", CASE WHEN started_ms IS NOT NULL THEN 'answered'"
			" WHEN expires_ms <= :now_ms THEN 'expired' ELSE 'placed' END AS state, started_ms, spool, seq " OF_LINE
			" AND placed_ms >= :from_ms AND (:after_id IS NULL OR placed_ms < :after_ms"
			" OR (placed_ms = :after_ms AND (leg, id) > (:after_leg, :after_id)))"
			" ORDER BY placed_ms DESC, leg, id LIMIT :limit",
};

static const struct row_choice choices[] = { { "leg", leg_names }, { NULL, NULL } };

static sqlite3_stmt *statement_of_line(struct txn *txn, int number, const struct line *line)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[number]);

	db_bind_integer(statement, ":client", line->client_number);
	db_bind_integer(statement, ":line", line->number);
	return statement;
}

int order_put(struct txn *txn, const struct line *line, const struct order *order, struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, ORDER_PUT, line);

	db_bind_integer(statement, ":placed_ms", order->placed_ms);
	db_bind_integer(statement, ":leg", order->leg);
	db_bind_text(statement, ":id", order->id);
	db_bind_integer(statement, ":expires_ms", order->expires_ms);
	db_bind_text(statement, ":person", order->by);
	return db_run(statement, err) < 0 ? -1 : line_touch(txn, line, err);
}

int order_answer(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const struct measurement *m,
		 struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, ORDER_ANSWER, line);

	db_bind_integer(statement, ":started_ms", m->started_ms);
	db_bind_integer(statement, ":spool", spool);
	db_bind_integer(statement, ":seq", seq);
	db_bind_text(statement, ":id", m->order);
	db_bind_integer(statement, ":leg", m->leg);
	if (db_run(statement, err) < 0)
		return -1;
	return db_changes(txn->db) ? line_touch(txn, line, err) : 0;
}

int orders_standing(struct txn *txn, const struct line *line, int64_t now_ms, json_t **ret_orders, struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, ORDERS_STANDING, line);
	json_t *list;

	db_bind_integer(statement, ":now_ms", now_ms);
	if (rows_to_json(statement, choices, &list, err) < 0)
		return -1;
	*ret_orders = json_incref(json_object_get(list, "items"));
	json_decref(list);
	return 0;
}

static enum leg leg_of(const char *name)
{
	return strcmp(name, leg_names[LEG_LOCAL]) ? LEG_HUB : LEG_LOCAL;
}

/* key keeps the text that was bound; the caller releases it after the page was read. */
static int bind_cursor(sqlite3_stmt *statement, const char *cursor, json_t **ret_key, struct err *err)
{
	json_int_t after_ms;
	const char *after_leg, *after_id;

	if (!cursor)
		return 0;
	if (cursor_read(cursor, ret_key, err) < 0)
		return -1;
	if (json_unpack(*ret_key, "[Iss!]", &after_ms, &after_leg, &after_id))
		return cursor_fault(err);
	db_bind_integer(statement, ":after_ms", after_ms);
	db_bind_integer(statement, ":after_leg", leg_of(after_leg));
	db_bind_text(statement, ":after_id", after_id);
	return 0;
}

/* In place of the columns that name the measurement, itself. Measurements are not kept as long as orders. */
static int add_answer(struct txn *txn, const struct line *line, json_t *order, struct err *err)
{
	static const char *const columns[] = { "started_ms", "spool", "seq" };
	const struct sample sample = {
		.started_ms = json_integer_value(json_object_get(order, "started_ms")),
		.spool = json_integer_value(json_object_get(order, "spool")),
		.seq = json_integer_value(json_object_get(order, "seq")),
	};
	enum leg leg = leg_of(json_string_value(json_object_get(order, "leg")));
	json_t *answer = NULL;

	if (!json_object_get(order, "started_ms"))
		return 0;
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
		json_object_del(order, columns[i]);
	if (measurements_get(txn, line, leg, &sample, 1, &answer, err) < 0)
		return err->code == ERR_NOT_FOUND ? 0 : -1;
	json_object_set(order, "answer", json_array_get(answer, 0));
	json_decref(answer);
	return 0;
}

static int complete_page(struct txn *txn, const struct line *line, int64_t limit, json_t *page, struct err *err)
{
	static const char *const key[] = { "placed_ms", "leg", "id", NULL };
	json_t *order;
	size_t i;

	cursor_end_page(page, limit, key);
	json_array_foreach(json_object_get(page, "items"), i, order)
		if (add_answer(txn, line, order, err) < 0)
			return -1;
	return 0;
}

int orders_list(struct txn *txn, const struct line *line, const struct order_filter *filter, json_t **ret_page,
		struct err *err)
{
	sqlite3_stmt *statement = statement_of_line(txn, ORDERS_PAGE, line);
	json_t *key = NULL, *page = NULL;
	int rc = -1;

	if (limit_check(filter->limit, err) < 0 || bind_cursor(statement, filter->cursor, &key, err) < 0)
		goto out;
	db_bind_integer(statement, ":now_ms", filter->now_ms);
	db_bind_integer(statement, ":from_ms", filter->from_ms);
	db_bind_integer(statement, ":limit", filter->limit + 1);
	if (rows_to_json(statement, choices, &page, err) < 0 || complete_page(txn, line, filter->limit, page, err) < 0)
		goto out;
	*ret_page = json_incref(page);
	rc = 0;
out:
	json_decref(page);
	json_decref(key);
	return rc;
}
