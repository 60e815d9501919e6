#include "collector/store/maintenance.h"

#include "agent/base/mem.h"
#include "collector/store/sqlite/cursor.h"
#include "collector/store/sqlite/topology_sql.h"
#include "collector/store/sqlite/txn.h"

enum {
	MAINTENANCE_PUT, MAINTENANCE_GET, MAINTENANCE_END, MAINTENANCE_PAGE, MAINTENANCE_OF_LINE, LINES_BELOW, LINES_TOUCH,
	LINES_COUNT, NODES_AT, STATEMENT_COUNT,
};

static const char *const sql[STATEMENT_COUNT] = {
	[MAINTENANCE_PUT] = "INSERT INTO maintenance (id, node, announced_ms, from_ms, to_ms, person, note)"
			    " VALUES (:id, :node, :announced_ms, :from_ms, :to_ms, :person, :note)",
	[MAINTENANCE_GET] = "SELECT node, to_ms FROM maintenance WHERE id = :id",
	[MAINTENANCE_END] = "UPDATE maintenance SET to_ms = max(from_ms, :now_ms) WHERE id = :id",
	[MAINTENANCE_PAGE] = "SELECT maintenance.id, node, coalesce(node.name, node) AS node_name, announced_ms, from_ms, to_ms,"
			     " person AS \"by\", note, CASE WHEN to_ms = from_ms THEN 3 WHEN to_ms <= :now_ms THEN 2"
			     " WHEN from_ms <= :now_ms THEN 1 ELSE 0 END AS state"
			     " FROM maintenance LEFT JOIN node ON node.id = maintenance.node"
			     " WHERE :after_id IS NULL OR (from_ms, maintenance.id) < (:after_ms, :after_id)"
			     " ORDER BY from_ms DESC, maintenance.id DESC LIMIT :limit",
	/* Most often there is no work at all: then the nodes above are not looked for. */
	[MAINTENANCE_OF_LINE] = "SELECT from_ms, to_ms FROM maintenance WHERE to_ms > :after_ms AND to_ms > from_ms"
				" AND node IN (" NODES_ABOVE " SELECT node FROM above) ORDER BY from_ms, to_ms",
	[LINES_BELOW] = NODES_BELOW " SELECT number FROM line WHERE node IN (SELECT node FROM below) ORDER BY number",
	[LINES_TOUCH] = NODES_BELOW " UPDATE line SET revision = (SELECT max(revision) + 1 FROM line)"
			" WHERE node IN (SELECT node FROM below)",
	[LINES_COUNT] = NODES_BELOW " SELECT count(*) FROM line WHERE node IN (SELECT node FROM below)",
	[NODES_AT] = "SELECT DISTINCT node FROM maintenance WHERE from_ms <= :at_ms AND to_ms > :at_ms ORDER BY node",
};

const char *const maintenance_state_names[] = { "planned", "running", "over", "called-off", NULL };

static const struct row_choice page_choices[] = { { "state", maintenance_state_names }, { NULL, NULL } };
static const struct row_choice no_choices[] = { { NULL, NULL } };

static int touch_lines(struct txn *txn, const char *node, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[LINES_TOUCH]);

	db_bind_text(statement, ":node", node);
	return db_run(statement, err);
}

int maintenance_put(struct txn *txn, const struct maintenance *maintenance, struct err *err)
{
	sqlite3_stmt *statement;
	bool exists;

	if (node_exists(txn, maintenance->node, &exists, err) < 0)
		return -1;
	if (!exists)
		return err_set(err, ERR_INPUT, "node %s: unknown", maintenance->node);
	statement = db_statement(txn->db, sql[MAINTENANCE_PUT]);
	db_bind_text(statement, ":id", maintenance->id);
	db_bind_text(statement, ":node", maintenance->node);
	db_bind_integer(statement, ":announced_ms", maintenance->announced_ms);
	db_bind_integer(statement, ":from_ms", maintenance->from_ms);
	db_bind_integer(statement, ":to_ms", maintenance->to_ms);
	db_bind_text(statement, ":person", maintenance->by);
	db_bind_text(statement, ":note", maintenance->note);
	return db_run(statement, err) < 0 ? -1 : touch_lines(txn, maintenance->node, err);
}

/* Node and end of one: fails unless it is there and not over. */
static int find_unfinished(struct txn *txn, const char *id, int64_t now_ms, char ret_node[ID_SIZE], struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[MAINTENANCE_GET]);
	int rc;

	db_bind_text(statement, ":id", id);
	rc = db_step(statement, err);
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "maintenance %s: unknown", id);
	if (db_column_integer(statement, 1) <= now_ms)
		return err_set(err, ERR_CONFLICT, "maintenance %s: is over already", id);
	text_copy(ret_node, ID_SIZE, db_column_text(statement, 0));
	return 0;
}

int maintenance_end(struct txn *txn, const char *id, int64_t now_ms, struct err *err)
{
	sqlite3_stmt *statement;
	char node[ID_SIZE];

	if (find_unfinished(txn, id, now_ms, node, err) < 0)
		return -1;
	statement = db_statement(txn->db, sql[MAINTENANCE_END]);
	db_bind_text(statement, ":id", id);
	db_bind_integer(statement, ":now_ms", now_ms);
	return db_run(statement, err) < 0 ? -1 : touch_lines(txn, node, err);
}

static int count_lines(struct txn *txn, json_t *item, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[LINES_COUNT]);

	db_bind_text(statement, ":node", json_string_value(json_object_get(item, "node")));
	if (db_step(statement, err) < 0)
		return -1;
	json_object_set_new(item, "lines", json_integer(db_column_integer(statement, 0)));
	return 0;
}

static int complete_page(struct txn *txn, int64_t limit, json_t *page, struct err *err)
{
	static const char *const key[] = { "from_ms", "id", NULL };
	json_t *item;
	size_t i;

	cursor_end_page(page, limit, key);
	json_array_foreach(json_object_get(page, "items"), i, item)
		if (count_lines(txn, item, err) < 0)
			return -1;
	return 0;
}

int maintenance_list(struct txn *txn, const struct maintenance_filter *filter, json_t **ret_page, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[MAINTENANCE_PAGE]);
	json_t *key = NULL, *page = NULL;
	int rc = -1;

	if (limit_check(filter->limit, err) < 0 || cursor_bind(statement, filter->cursor, &key, err) < 0)
		goto out;
	db_bind_integer(statement, ":now_ms", filter->now_ms);
	db_bind_integer(statement, ":limit", filter->limit + 1);
	if (rows_to_json(statement, page_choices, &page, err) < 0 || complete_page(txn, filter->limit, page, err) < 0)
		goto out;
	*ret_page = json_incref(page);
	rc = 0;
out:
	json_decref(page);
	json_decref(key);
	return rc;
}

int maintenance_of_line(struct txn *txn, const struct line *line, int64_t after_ms, json_t **ret_windows, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[MAINTENANCE_OF_LINE]);
	json_t *list;

	db_bind_text(statement, ":node", line->node);
	db_bind_integer(statement, ":after_ms", after_ms);
	if (rows_to_json(statement, no_choices, &list, err) < 0)
		return -1;
	*ret_windows = json_incref(json_object_get(list, "items"));
	json_decref(list);
	return 0;
}

int maintenance_nodes_at(struct txn *txn, int64_t at_ms, void (*visit)(void *arg, const char *node), void *arg, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[NODES_AT]);
	int rc;

	db_bind_integer(statement, ":at_ms", at_ms);
	while ((rc = db_step(statement, err)) > 0)
		visit(arg, db_column_text(statement, 0));
	return rc;
}

int lines_below(struct txn *txn, const char *node, void (*visit)(void *arg, int64_t line_number), void *arg, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[LINES_BELOW]);
	int rc;

	db_bind_text(statement, ":node", node);
	while ((rc = db_step(statement, err)) > 0)
		visit(arg, db_column_integer(statement, 0));
	return rc;
}
