#include "collector/store/clients.h"

#include <stdlib.h>

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "collector/store/sqlite/cursor.h"
#include "collector/store/sqlite/fold.h"
#include "collector/store/sqlite/txn.h"

#define CLIENT_COLUMNS "SELECT number, id, name, tier, is_key AS key, manager"

#define CLIENTS_PAGE_WITH(condition)                                                                              \
	CLIENT_COLUMNS " FROM client"                                                                \
		       " WHERE (name_folded, id) > (:after_name, :after_id)"                                      \
		       " AND (:tier IS NULL OR tier = :tier)"                                                     \
		       " AND (:manager IS NULL OR manager = :manager) " condition                                 \
		       " ORDER BY name_folded, id LIMIT :limit"

enum {
	CLIENT_PUT, CLIENT_TEXT_PUT, CLIENT_NUMBER, CLIENT_GET, CLIENTS_PAGE, CLIENTS_PAGE_SHORT, CLIENTS_PAGE_MATCH,
	CLIENT_LINES, LINE_PUT, LINE_GET, LINE_TOUCH, LINES_REVISION, LINES_CHANGED, LINES_VISIT,
	NODE_PUT, NODE_EXISTS, NODE_LIST, PARENTS_REMOVE, PARENT_PUT, PARENTS_OF,
	STATEMENT_COUNT,
};

static const char *const sql[STATEMENT_COUNT] = {
	[CLIENT_PUT] = "INSERT INTO client (number, id, name, name_folded, tier, is_key, manager, contact_name,"
		       " contact_phone, contact_email)"
		       " VALUES ((SELECT coalesce(max(number), 0) + 1 FROM client), :id, :name, :name_folded, :tier,"
		       " :is_key, :manager, :contact_name, :contact_phone, :contact_email)"
		       " ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_folded = excluded.name_folded,"
		       " tier = excluded.tier, is_key = excluded.is_key, manager = excluded.manager,"
		       " contact_name = excluded.contact_name, contact_phone = excluded.contact_phone,"
		       " contact_email = excluded.contact_email",
	[CLIENT_TEXT_PUT] = "INSERT OR REPLACE INTO client_text (rowid, folded)"
			    " VALUES ((SELECT number FROM client WHERE id = :id), :folded)",
	[CLIENT_NUMBER] = "SELECT number FROM client WHERE id = :id",
	[CLIENT_GET] = CLIENT_COLUMNS ", contact_name, contact_phone, contact_email FROM client WHERE id = :id",
	[CLIENTS_PAGE] = CLIENTS_PAGE_WITH(""),
	[CLIENTS_PAGE_SHORT] = CLIENTS_PAGE_WITH(
		"AND number IN (SELECT rowid FROM client_text WHERE instr(folded, :text) > 0)"),
	[CLIENTS_PAGE_MATCH] = CLIENTS_PAGE_WITH(
		"AND number IN (SELECT rowid FROM client_text WHERE client_text MATCH :text)"),
	[CLIENT_LINES] = "SELECT id, node, address, service_plan, always_on, number,"
			 " (SELECT agent.id FROM agent WHERE agent.line = line.number AND revoked_ms IS NULL"
			 "  ORDER BY enrolled_ms DESC, agent.number DESC LIMIT 1) AS agent"
			 " FROM line WHERE client = :client ORDER BY id",
	[LINE_PUT] = "INSERT INTO line (number, id, client, node, address, service_plan, always_on, revision)"
		     " VALUES ((SELECT coalesce(max(number), 0) + 1 FROM line), :id, :client, :node, :address,"
		     " :service_plan, :always_on, (SELECT coalesce(max(revision), 0) + 1 FROM line))"
		     " ON CONFLICT (id) DO UPDATE SET node = excluded.node, address = excluded.address,"
		     " service_plan = excluded.service_plan, always_on = excluded.always_on, revision ="
		     " CASE WHEN line.service_plan = excluded.service_plan THEN line.revision ELSE excluded.revision END",
	[LINE_GET] = "SELECT line.id, client.id, node, address, service_plan, always_on, line.number, client.number"
		     " FROM line JOIN client ON client.number = line.client WHERE line.id = :id",
	[LINE_TOUCH] = "UPDATE line SET revision = (SELECT max(revision) + 1 FROM line) WHERE number = :number",
	[LINES_REVISION] = "SELECT max(revision) FROM line",
	[LINES_CHANGED] = "SELECT number FROM line WHERE revision > :since ORDER BY number",
	[LINES_VISIT] = "SELECT number, id, node FROM line ORDER BY number",
	[NODE_PUT] = "INSERT INTO node (id, kind, name) VALUES (:id, :kind, :name)"
		     " ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, name = excluded.name",
	[NODE_EXISTS] = "SELECT 1 FROM node WHERE id = :id",
	[NODE_LIST] = "SELECT id, kind, name FROM node ORDER BY id",
	[PARENTS_REMOVE] = "DELETE FROM node_parent WHERE node = :node",
	[PARENT_PUT] = "INSERT INTO node_parent (node, place, parent) VALUES (:node, :place, :parent)",
	[PARENTS_OF] = "SELECT parent FROM node_parent WHERE node = :node ORDER BY place",
};

static const struct row_choice client_choices[] = { { "key", row_flag }, { NULL, NULL } };
static const struct row_choice line_choices[] = { { "always_on", row_flag }, { NULL, NULL } };
static const struct row_choice no_choices[] = { { NULL, NULL } };

static int put_text(struct txn *txn, const struct client *client, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[CLIENT_TEXT_PUT]);
	struct buf text = { 0 };
	int rc;

	buf_printf(&text, "%s\n%s", client->id, client->name);
	fold_text(text.data);
	db_bind_text(statement, ":id", client->id);
	db_bind_text(statement, ":folded", text.data);
	rc = db_run(statement, err);
	buf_free(&text);
	return rc;
}

int client_put(struct txn *txn, const struct client *client, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[CLIENT_PUT]);
	char name_folded[NAME_SIZE];

	text_copy(name_folded, sizeof name_folded, client->name);
	fold_text(name_folded);
	db_bind_text(statement, ":id", client->id);
	db_bind_text(statement, ":name", client->name);
	db_bind_text(statement, ":name_folded", name_folded);
	db_bind_text(statement, ":tier", client->tier);
	db_bind_integer(statement, ":is_key", client->key);
	db_bind_text(statement, ":manager", client->manager);
	db_bind_text(statement, ":contact_name", client->contact_name);
	db_bind_text(statement, ":contact_phone", client->contact_phone);
	db_bind_text(statement, ":contact_email", client->contact_email);
	if (db_run(statement, err) < 0)
		return -1;
	return put_text(txn, client, err);
}

static int find_client(struct txn *txn, const char *id, int64_t *ret_number, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[CLIENT_NUMBER]);
	int rc;

	db_bind_text(statement, ":id", id);
	rc = db_step(statement, err);
	if (rc > 0)
		*ret_number = db_column_integer(statement, 0);
	return rc;
}

static int find_line(struct txn *txn, const char *id, struct line *ret_line, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[LINE_GET]);
	int rc;

	db_bind_text(statement, ":id", id);
	rc = db_step(statement, err);
	if (rc <= 0)
		return rc;
	text_copy(ret_line->id, sizeof ret_line->id, db_column_text(statement, 0));
	text_copy(ret_line->client, sizeof ret_line->client, db_column_text(statement, 1));
	text_copy(ret_line->node, sizeof ret_line->node, db_column_text(statement, 2));
	text_copy(ret_line->address, sizeof ret_line->address, db_column_text(statement, 3));
	text_copy(ret_line->service_plan, sizeof ret_line->service_plan, db_column_text(statement, 4));
	ret_line->always_on = db_column_integer(statement, 5);
	ret_line->number = db_column_integer(statement, 6);
	ret_line->client_number = db_column_integer(statement, 7);
	return 1;
}

int line_put(struct txn *txn, const struct line *line, struct err *err)
{
	sqlite3_stmt *statement;
	struct line there;
	int64_t client;
	int rc;

	rc = find_client(txn, line->client, &client, err);
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(err, ERR_INPUT, "line %s: client %s is unknown", line->id, line->client);
	rc = find_line(txn, line->id, &there, err);
	if (rc < 0)
		return -1;
	if (rc > 0 && there.client_number != client)
		return err_set(err, ERR_CONFLICT, "line %s: belongs to client %s", line->id, there.client);
	statement = db_statement(txn->db, sql[LINE_PUT]);
	db_bind_text(statement, ":id", line->id);
	db_bind_integer(statement, ":client", client);
	db_bind_text(statement, ":node", line->node);
	db_bind_text(statement, ":address", line->address);
	db_bind_text(statement, ":service_plan", line->service_plan);
	db_bind_integer(statement, ":always_on", line->always_on);
	return db_run(statement, err);
}

int line_get(struct txn *txn, const char *id, struct line *ret_line, struct err *err)
{
	int rc = find_line(txn, id, ret_line, err);

	if (rc == 0)
		return err_set(err, ERR_NOT_FOUND, "line %s: unknown", id);
	return rc < 0 ? -1 : 0;
}

int line_touch(struct txn *txn, const struct line *line, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[LINE_TOUCH]);

	db_bind_integer(statement, ":number", line->number);
	return db_run(statement, err);
}

int lines_revision(struct txn *txn, int64_t *ret_revision, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[LINES_REVISION]);

	if (db_step(statement, err) < 0)
		return -1;
	*ret_revision = db_column_integer(statement, 0);
	sqlite3_reset(statement);
	return 0;
}

int lines_changed(struct txn *txn, int64_t since, void (*visit)(int64_t number, void *arg), void *arg, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[LINES_CHANGED]);
	int rc;

	db_bind_integer(statement, ":since", since);
	while ((rc = db_step(statement, err)) > 0)
		visit(db_column_integer(statement, 0), arg);
	return rc;
}

int lines_visit(struct txn *txn, void (*visit)(void *arg, int64_t number, const char *id, const char *node), void *arg,
		struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[LINES_VISIT]);
	int rc;

	while ((rc = db_step(statement, err)) > 0)
		visit(arg, db_column_integer(statement, 0), db_column_text(statement, 1), db_column_text(statement, 2));
	return rc;
}

int node_put(struct txn *txn, const struct node *node, const char *const *parents, size_t parent_count, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[NODE_PUT]);

	db_bind_text(statement, ":id", node->id);
	db_bind_text(statement, ":kind", node->kind);
	db_bind_text(statement, ":name", node->name);
	if (db_run(statement, err) < 0)
		return -1;
	statement = db_statement(txn->db, sql[PARENTS_REMOVE]);
	db_bind_text(statement, ":node", node->id);
	if (db_run(statement, err) < 0)
		return -1;
	for (size_t i = 0; i < parent_count; i++) {
		statement = db_statement(txn->db, sql[PARENT_PUT]);
		db_bind_text(statement, ":node", node->id);
		db_bind_integer(statement, ":place", (int64_t)i);
		db_bind_text(statement, ":parent", parents[i]);
		if (db_run(statement, err) < 0)
			return -1;
	}
	return 0;
}

int node_exists(struct txn *txn, const char *id, bool *ret_exists, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[NODE_EXISTS]);
	int rc;

	db_bind_text(statement, ":id", id);
	rc = db_step(statement, err);
	if (rc < 0)
		return -1;
	*ret_exists = rc > 0;
	return 0;
}

/* The object of the statement's row, with its lines; the store's own columns do not show. */
static int show_client(struct txn *txn, sqlite3_stmt *row, json_t **ret_client, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[CLIENT_LINES]);
	json_t *client = row_to_json(row, client_choices);
	json_t *lines = json_array();
	int rc;

	db_bind_integer(statement, ":client", json_integer_value(json_object_get(client, "number")));
	while ((rc = db_step(statement, err)) > 0) {
		json_t *line = row_to_json(statement, line_choices);

		if (!json_object_get(line, "agent"))
			json_object_set_new(line, "agent", json_null());
		json_array_append_new(lines, line);
	}
	json_object_set_new(client, "lines", lines);
	json_object_del(client, "number");
	if (rc < 0) {
		json_decref(client);
		return -1;
	}
	*ret_client = client;
	return 0;
}

int client_get(struct txn *txn, const char *id, json_t **ret_client, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[CLIENT_GET]);
	int rc;

	db_bind_text(statement, ":id", id);
	rc = db_step(statement, err);
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "client %s: unknown", id);
	return show_client(txn, statement, ret_client, err);
}

/* Under three characters the trigram index holds nothing to find: look through the folded texts. Else the text becomes a
 * phrase of FTS5 in quotes, in which no character has a meaning but the quote itself. */
static const char *make_search(const char *wanted, struct buf *text)
{
	char *folded;

	if (!wanted || !*wanted)
		return sql[CLIENTS_PAGE];
	folded = xstrdup(wanted);
	fold_text(folded);
	if (fold_count(folded) < 3) {
		buf_append_text(text, folded);
		free(folded);
		return sql[CLIENTS_PAGE_SHORT];
	}
	buf_append_text(text, "\"");
	for (const char *c = folded; *c; c++)
		buf_append(text, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
	buf_append_text(text, "\"");
	free(folded);
	return sql[CLIENTS_PAGE_MATCH];
}

/* The key after which a page begins; before the first client when there is no cursor. */
struct client_key {
	char name_folded[NAME_SIZE];
	char id[ID_SIZE];
};

static int read_cursor(const char *cursor, struct client_key *ret_key, struct err *err)
{
	const char *name, *id;
	json_t *key;
	int rc = 0;

	if (!cursor)
		return 0;
	if (cursor_read(cursor, &key, err) < 0)
		return -1;
	if (json_unpack(key, "[ss!]", &name, &id) || text_copy(ret_key->name_folded, NAME_SIZE, name) < 0 ||
	    text_copy(ret_key->id, ID_SIZE, id) < 0)
		rc = cursor_fault(err);
	json_decref(key);
	return rc;
}

static json_t *write_cursor(const json_t *last_client)
{
	char name[NAME_SIZE];

	text_copy(name, sizeof name, json_string_value(json_object_get(last_client, "name")));
	fold_text(name);
	return cursor_write(json_pack("[sO]", name, json_object_get(last_client, "id")));
}

/* The statement asks for one row more than limit, to know whether there is a next page. */
static int collect_page(struct txn *txn, sqlite3_stmt *statement, int64_t limit, json_t **ret_page, struct err *err)
{
	json_t *items = json_array();
	json_t *cursor = NULL, *client;
	int rc;

	while ((rc = db_step(statement, err)) > 0) {
		if ((int64_t)json_array_size(items) == limit) {
			cursor = write_cursor(json_array_get(items, (size_t)limit - 1));
			break;
		}
		if (show_client(txn, statement, &client, err) < 0) {
			rc = -1;
			break;
		}
		json_array_append_new(items, client);
	}
	if (rc >= 0)
		*ret_page = json_pack("{s:O, s:O?}", "items", items, "cursor", cursor);
	json_decref(cursor);
	json_decref(items);
	return rc < 0 ? -1 : 0;
}

int clients_search(struct txn *txn, const struct client_filter *filter, json_t **ret_page, struct err *err)
{
	struct client_key after = { 0 };
	struct buf text = { 0 };
	sqlite3_stmt *statement;
	int rc;

	if (limit_check(filter->limit, err) < 0 || read_cursor(filter->cursor, &after, err) < 0)
		return -1;
	statement = db_statement(txn->db, make_search(filter->text, &text));
	db_bind_text(statement, ":after_name", after.name_folded);
	db_bind_text(statement, ":after_id", after.id);
	db_bind_text(statement, ":tier", filter->tier);
	db_bind_text(statement, ":manager", filter->manager);
	db_bind_integer(statement, ":limit", filter->limit + 1);
	if (text.data)
		db_bind_text(statement, ":text", text.data);
	rc = collect_page(txn, statement, filter->limit, ret_page, err);
	buf_free(&text);
	return rc;
}

static int collect_parents(struct txn *txn, json_t *node, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[PARENTS_OF]);
	json_t *parents = json_array();
	int rc;

	json_object_set_new(node, "parents", parents);
	db_bind_text(statement, ":node", json_string_value(json_object_get(node, "id")));
	while ((rc = db_step(statement, err)) > 0)
		json_array_append_new(parents, json_string(db_column_text(statement, 0)));
	return rc;
}

int topology_get(struct txn *txn, json_t **ret_topology, struct err *err)
{
	json_t *topology, *node;
	size_t i;

	if (rows_to_json(db_statement(txn->db, sql[NODE_LIST]), no_choices, &topology, err) < 0)
		return -1;
	json_array_foreach(json_object_get(topology, "items"), i, node) {
		if (collect_parents(txn, node, err) < 0) {
			json_decref(topology);
			return -1;
		}
	}
	*ret_topology = topology;
	return 0;
}
