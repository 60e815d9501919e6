#include "collector/store/incidents.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "collector/decide/incident.h"
#include "collector/decide/move.h"
#include "collector/store/sqlite/cursor.h"
#include "collector/store/sqlite/txn.h"

const char *const incident_state_names[] = { "open", "proven", "closed", "withdrawn", NULL };

/* Closed by a person holds until it is blamed again. */
#define STATE                                                                                                         \
	"CASE WHEN withdrawn_ms IS NOT NULL OR merged IS NOT NULL THEN 3 WHEN closed_ms >= last_ms THEN 2"             \
	" WHEN proven_ms IS NOT NULL THEN 1 ELSE 0 END"
#define SHOW                                                                                                          \
	"SELECT id, kind, cause, node, class AS culprits, alternatives, margin, " STATE " AS state, from_ms, opened_ms,"    \
	" last_ms, proven_ms, fixed_ms, closed_ms, closed_ms IS NOT NULL AND (proven_ms IS NULL OR proven_ms > closed_ms)"      \
	" AS unverified, (SELECT other.id FROM incident AS other WHERE other.key = incident.merged) AS merged_into"

enum {
	STATE_BEFORE, EVALUATIONS_DROP, EVALUATIONS_PRUNE, EVALUATION_PUT, PUT, REKEY, KEYS_BETWEEN, KEY_EXISTS, WITHDRAW, LINES_DROP,
	LINE_PUT, ID_OF_KEY, ADOPT, LIST, ONE, LINES_OF, TICKETS_OF, SAY, VISIT, VISIT_EVALUATIONS, STATEMENT_COUNT,
};

static const char *const sql[STATEMENT_COUNT] = {
	[STATE_BEFORE] = "SELECT state FROM evaluation WHERE at_ms < :at_ms ORDER BY at_ms DESC LIMIT 1",
	[EVALUATIONS_DROP] = "DELETE FROM evaluation WHERE at_ms >= :from_ms AND at_ms <= :to_ms",
	[EVALUATIONS_PRUNE] = "DELETE FROM evaluation WHERE at_ms IN"
			      " (SELECT at_ms FROM evaluation WHERE at_ms < :before_ms ORDER BY at_ms LIMIT :limit)",
	[EVALUATION_PUT] = "INSERT INTO evaluation (at_ms, blames, state) VALUES (:at_ms, :blames, :state)",
	[PUT] = "INSERT INTO incident (id, key, kind, cause, node, class, alternatives, margin, from_ms, opened_ms, last_ms,"
		" proven_ms, merged, moves, said) VALUES (:id, :key, :kind, :cause, :node, :class, :alternatives, :margin, :from_ms,"
		" :opened_ms, :last_ms, :proven_ms, :merged, :moves, '[]') ON CONFLICT (key) DO UPDATE SET kind = excluded.kind,"
		" cause = excluded.cause, node = excluded.node, class = excluded.class, alternatives = excluded.alternatives,"
		" margin = excluded.margin, from_ms = excluded.from_ms, opened_ms = excluded.opened_ms, last_ms = excluded.last_ms,"
		" proven_ms = excluded.proven_ms, merged = excluded.merged, moves = excluded.moves, withdrawn_ms = NULL",
	[REKEY] = "UPDATE incident SET key = :key WHERE key = :old",
	[KEYS_BETWEEN] = "SELECT key, kind, cause, class FROM incident WHERE opened_ms >= :from_ms AND opened_ms <= :to_ms"
			 " AND withdrawn_ms IS NULL ORDER BY opened_ms, key",
	[KEY_EXISTS] = "SELECT 1 FROM incident WHERE key = :key",
	[WITHDRAW] = "UPDATE incident SET withdrawn_ms = :now_ms WHERE key = :key",
	[LINES_DROP] = "DELETE FROM incident_line WHERE incident = :incident",
	[LINE_PUT] = "INSERT INTO incident_line (incident, line) SELECT :incident, number FROM line WHERE number = :line",
	[ID_OF_KEY] = "SELECT id FROM incident WHERE key = :key",
	/* A ticket that left its incident stays a client's ticket; where several fit, the newest has it. */
	[ADOPT] = "UPDATE ticket SET incident = (SELECT i.id FROM incident AS i JOIN incident_line AS l ON l.incident = i.id"
		  " WHERE l.line = ticket.line AND i.kind IN (:segment, :core) AND i.cause = :slow AND i.margin >= :margin"
		  " AND i.withdrawn_ms IS NULL AND i.merged IS NULL AND ticket.defect_from_ms <= i.last_ms"
		  " AND coalesce(ticket.proven_ms, i.from_ms) >= i.from_ms ORDER BY i.opened_ms DESC, i.id LIMIT 1)"
		  " WHERE defect = :defect AND line IN (SELECT l.line FROM incident_line AS l JOIN incident AS i"
		  " ON i.id = l.incident WHERE i.last_ms >= :from_ms OR (i.proven_ms IS NULL AND i.merged IS NULL)"
		  " OR i.withdrawn_ms IS NOT NULL)",
	[LIST] = SHOW " FROM incident WHERE (:state IS NULL OR " STATE " = :state)"
		      " AND (:after_id IS NULL OR (opened_ms, id) < (:after_ms, :after_id))"
		      " ORDER BY opened_ms DESC, id DESC LIMIT :limit",
	[ONE] = SHOW ", moves AS history, said FROM incident WHERE id = :id",
	[LINES_OF] = "SELECT line.id FROM incident_line JOIN line ON line.number = incident_line.line WHERE incident = :id"
		     " ORDER BY line.id",
	[TICKETS_OF] = "SELECT id FROM ticket WHERE incident = :id ORDER BY opened_ms, id",
	[SAY] = "UPDATE incident SET said = :said, fixed_ms = coalesce(:fixed_ms, fixed_ms),"
		" closed_ms = coalesce(:closed_ms, closed_ms) WHERE id = :id",
	[VISIT] = "SELECT kind, cause, node, class AS culprits, alternatives, margin, from_ms, opened_ms, last_ms, proven_ms, merged,"
		  " moves AS history FROM incident WHERE withdrawn_ms IS NULL AND opened_ms >= :from_ms ORDER BY opened_ms, key",
	[VISIT_EVALUATIONS] = "SELECT at_ms, blames FROM evaluation WHERE at_ms >= :from_ms AND blames <> '[]' ORDER BY at_ms",
};

static const struct row_choice choices[] = {
	{ "kind", incident_kind_names }, { "cause", incident_cause_names }, { "state", incident_state_names },
	{ "unverified", row_flag }, { NULL, NULL },
};

static const char *text_at(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static int parse_text(const char *text, json_t **ret_value, struct err *err)
{
	return json_parse(text, strlen(text), ret_value, err) < 0 ? err_wrap(err, "incident") : 0;
}

int evaluation_state_before(struct txn *txn, int64_t at_ms, json_t **ret_state, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[STATE_BEFORE]);
	int rc;

	db_bind_integer(statement, ":at_ms", at_ms);
	rc = db_step(statement, err);
	if (rc > 0) {
		rc = parse_text(db_column_text(statement, 0), ret_state, err);
		sqlite3_reset(statement);
		return rc;
	}
	if (rc == 0)
		*ret_state = incident_state_new();
	return rc;
}

/* Binds the member as JSON text; *ret_text keeps it until the statement was stepped. */
static void bind_json(sqlite3_stmt *statement, const char *name, const json_t *value, char **ret_text)
{
	*ret_text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
	db_bind_text(statement, name, *ret_text);
}

static int put_evaluation(struct txn *txn, const json_t *evaluation, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[EVALUATION_PUT]);
	char *blames, *state;
	int rc;

	db_bind_integer(statement, ":at_ms", json_integer_value(json_object_get(evaluation, "at_ms")));
	bind_json(statement, ":blames", json_object_get(evaluation, "blames"), &blames);
	bind_json(statement, ":state", json_object_get(evaluation, "state"), &state);
	rc = db_run(statement, err);
	free(blames);
	free(state);
	return rc;
}

int evaluations_replace(struct txn *txn, int64_t from_ms, int64_t to_ms, const json_t *evaluations, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[EVALUATIONS_DROP]);
	json_t *evaluation;
	size_t i;

	db_bind_integer(statement, ":from_ms", from_ms);
	db_bind_integer(statement, ":to_ms", to_ms);
	if (db_run(statement, err) < 0)
		return -1;
	json_array_foreach((json_t *)evaluations, i, evaluation)
		if (put_evaluation(txn, evaluation, err) < 0)
			return -1;
	return 0;
}

int evaluations_prune(struct txn *txn, int64_t before_ms, int64_t limit, int64_t *ret_count, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[EVALUATIONS_PRUNE]);

	db_bind_integer(statement, ":before_ms", before_ms);
	db_bind_integer(statement, ":limit", limit);
	if (db_run(statement, err) < 0)
		return -1;
	*ret_count = db_changes(txn->db);
	return 0;
}

static int has_key(struct txn *txn, const char *key, bool *ret_has, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[KEY_EXISTS]);
	int rc;

	db_bind_text(statement, ":key", key);
	rc = db_step(statement, err);
	*ret_has = rc > 0;
	sqlite3_reset(statement);
	return rc < 0 ? -1 : 0;
}

/* Every stored one that opened within the stretch and is not derived any more: [{key, kind, cause, class}]. */
static int find_lost(struct txn *txn, int64_t from_ms, int64_t to_ms, const json_t *incidents, json_t **ret_lost,
		     struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[KEYS_BETWEEN]);
	json_t *list, *stored, *derived, *lost = json_array();
	size_t i, n;

	db_bind_integer(statement, ":from_ms", from_ms);
	db_bind_integer(statement, ":to_ms", to_ms);
	if (rows_to_json(statement, choices, &list, err) < 0) {
		json_decref(lost);
		return -1;
	}
	json_array_foreach(json_object_get(list, "items"), i, stored) {
		bool is_derived = false;

		json_array_foreach((json_t *)incidents, n, derived)
			is_derived = is_derived || !strcmp(text_at(derived, "key"), text_at(stored, "key"));
		if (!is_derived)
			json_array_append(lost, stored);
	}
	json_decref(list);
	*ret_lost = lost;
	return 0;
}

/* Is it what the stored one was? The same cause, and a segment in common. */
static bool is_like(const json_t *stored, const json_t *derived)
{
	json_t *classes = NULL, *a, *b;
	struct err ignored;
	bool shared = false;
	size_t i, n;

	if (strcmp(text_at(stored, "cause"), text_at(derived, "cause")) ||
	    parse_text(text_at(stored, "class"), &classes, &ignored) < 0)
		return false;
	json_array_foreach(classes, i, a)
		json_array_foreach(json_object_get(derived, "class"), n, b)
			shared = shared || json_equal(a, b);
	json_decref(classes);
	return shared;
}

static int rekey(struct txn *txn, const char *old, const char *key, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[REKEY]);

	db_bind_text(statement, ":old", old);
	db_bind_text(statement, ":key", key);
	return db_run(statement, err);
}

/* One that is new takes the row of a lost one that it is like. */
static int take_lost(struct txn *txn, const json_t *derived, json_t *lost, struct err *err)
{
	const char *key = text_at(derived, "key");
	json_t *stored;
	bool has;
	size_t i;

	if (has_key(txn, key, &has, err) < 0)
		return -1;
	json_array_foreach(lost, i, stored) {
		if (has || !is_like(stored, derived))
			continue;
		if (rekey(txn, text_at(stored, "key"), key, err) < 0)
			return -1;
		return json_array_remove(lost, i);
	}
	return 0;
}

static int withdraw(struct txn *txn, const char *key, int64_t now_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[WITHDRAW]);

	db_bind_text(statement, ":key", key);
	db_bind_integer(statement, ":now_ms", now_ms);
	return db_run(statement, err);
}

static int put_lines(struct txn *txn, const json_t *incident, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[ID_OF_KEY]);
	char id[ID_SIZE];
	json_t *line;
	size_t i;
	int rc;

	db_bind_text(statement, ":key", text_at(incident, "key"));
	rc = db_step(statement, err);
	if (rc <= 0)
		return rc;
	text_copy(id, sizeof id, db_column_text(statement, 0));
	sqlite3_reset(statement);
	statement = db_statement(txn->db, sql[LINES_DROP]);
	db_bind_text(statement, ":incident", id);
	if (db_run(statement, err) < 0)
		return -1;
	json_array_foreach(json_object_get(incident, "lines"), i, line) {
		statement = db_statement(txn->db, sql[LINE_PUT]);
		db_bind_text(statement, ":incident", id);
		db_bind_integer(statement, ":line", json_integer_value(line));
		if (db_run(statement, err) < 0)
			return -1;
	}
	return 0;
}

static int64_t optional_at(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return value ? json_integer_value(value) : JSON_ABSENT;
}

static int put_incident(struct txn *txn, const json_t *incident, struct err *err)
{
	static const char *const texts[][2] = {
		{ ":id", "id" }, { ":key", "key" }, { ":node", "node" }, { ":merged", "merged" },
	};
	static const char *const numbers[][2] = {
		{ ":margin", "margin" }, { ":from_ms", "from_ms" }, { ":opened_ms", "opened_ms" }, { ":last_ms", "last_ms" },
		{ ":proven_ms", "proven_ms" },
	};
	sqlite3_stmt *statement = db_statement(txn->db, sql[PUT]);
	char *class, *alternatives, *moves;
	int rc;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		db_bind_text(statement, texts[i][0], text_at(incident, texts[i][1]));
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		db_bind_optional(statement, numbers[i][0], optional_at(incident, numbers[i][1]));
	db_bind_integer(statement, ":kind", incident_kind_of(incident));
	db_bind_integer(statement, ":cause", incident_cause_of(incident));
	bind_json(statement, ":class", json_object_get(incident, "class"), &class);
	bind_json(statement, ":alternatives", json_object_get(incident, "alternatives"), &alternatives);
	bind_json(statement, ":moves", json_object_get(incident, "moves"), &moves);
	rc = db_run(statement, err);
	free(class);
	free(alternatives);
	free(moves);
	return rc < 0 ? -1 : put_lines(txn, incident, err);
}

int incidents_replace(struct txn *txn, int64_t from_ms, int64_t to_ms, const json_t *incidents, int64_t now_ms,
		      struct err *err)
{
	json_t *lost, *incident;
	size_t i;
	int rc;

	if (find_lost(txn, from_ms, to_ms, incidents, &lost, err) < 0)
		return -1;
	rc = 0;
	json_array_foreach((json_t *)incidents, i, incident)
		if (rc == 0 && (take_lost(txn, incident, lost, err) < 0 || put_incident(txn, incident, err) < 0))
			rc = -1;
	json_array_foreach(lost, i, incident)
		if (rc == 0)
			rc = withdraw(txn, text_at(incident, "key"), now_ms, err);
	json_decref(lost);
	return rc;
}

int incidents_adopt_tickets(struct txn *txn, int64_t from_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[ADOPT]);

	db_bind_integer(statement, ":from_ms", from_ms);
	db_bind_integer(statement, ":segment", INCIDENT_SEGMENT);
	db_bind_integer(statement, ":core", INCIDENT_CORE);
	db_bind_integer(statement, ":slow", FOUND_SLOW);
	db_bind_integer(statement, ":margin", LOCALISE_SURE_MARGIN);
	db_bind_integer(statement, ":defect", DEFECT_SLOW_LOCAL);
	return db_run(statement, err);
}

/* What is kept as JSON text. */
static int parse_members(json_t *incident, struct err *err)
{
	static const char *const members[] = { "culprits", "alternatives", "history", "said", "blames" };

	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		json_t *text = json_object_get(incident, members[i]), *value;

		if (!text)
			continue;
		if (parse_text(json_string_value(text), &value, err) < 0)
			return -1;
		json_object_set_new(incident, members[i], value);
	}
	return 0;
}

/* The ids that the statement finds for an incident. */
static int add_ids(struct txn *txn, json_t *incident, const char *member, const char *statement_sql, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, statement_sql);
	json_t *ids = json_array();
	int rc;

	json_object_set_new(incident, member, ids);
	db_bind_text(statement, ":id", text_at(incident, "id"));
	while ((rc = db_step(statement, err)) > 0)
		json_array_append_new(ids, json_string(db_column_text(statement, 0)));
	return rc;
}

static int complete(struct txn *txn, json_t *incident, struct err *err)
{
	const json_t *margin = json_object_get(incident, "margin");

	if (margin)
		json_object_set_new(incident, "confidence",
				    json_string(confidence_names[localise_confidence(json_integer_value(margin))]));
	if (parse_members(incident, err) < 0 || add_ids(txn, incident, "lines", sql[LINES_OF], err) < 0)
		return -1;
	return add_ids(txn, incident, "tickets", sql[TICKETS_OF], err);
}

static int bind_filter(sqlite3_stmt *statement, const struct incident_filter *filter, json_t **ret_key, struct err *err)
{
	for (int i = 0; filter->state && incident_state_names[i]; i++)
		if (!strcmp(filter->state, incident_state_names[i]))
			db_bind_integer(statement, ":state", i);
	return cursor_bind(statement, filter->cursor, ret_key, err);
}

int incidents_list(struct txn *txn, const struct incident_filter *filter, json_t **ret_page, struct err *err)
{
	static const char *const members[] = { "opened_ms", "id", NULL };
	sqlite3_stmt *statement = db_statement(txn->db, sql[LIST]);
	json_t *key = NULL, *page = NULL, *incident;
	int rc = -1;
	size_t i;

	if (limit_check(filter->limit, err) < 0 || bind_filter(statement, filter, &key, err) < 0)
		goto out;
	db_bind_integer(statement, ":limit", filter->limit + 1);
	if (rows_to_json(statement, choices, &page, err) < 0)
		goto out;
	cursor_end_page(page, filter->limit, members);
	json_array_foreach(json_object_get(page, "items"), i, incident)
		if (complete(txn, incident, err) < 0)
			goto out;
	*ret_page = json_incref(page);
	rc = 0;
out:
	json_decref(page);
	json_decref(key);
	return rc;
}

int incident_show(struct txn *txn, const char *id, json_t **ret_incident, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[ONE]);
	json_t *incident;
	int rc;

	db_bind_text(statement, ":id", id);
	rc = db_step(statement, err);
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "incident %s: unknown", id);
	incident = row_to_json(statement, choices);
	sqlite3_reset(statement);
	if (complete(txn, incident, err) < 0) {
		json_decref(incident);
		return -1;
	}
	*ret_incident = incident;
	return 0;
}

static int check_say(const json_t *incident, const char *action, struct err *err)
{
	const char *state = text_at(incident, "state");
	bool over = !strcmp(state, "closed") || !strcmp(state, "withdrawn");

	if (strcmp(action, "note") && over)
		return err_set(err, ERR_CONFLICT, "incident %s: it is %s", text_at(incident, "id"), state);
	return 0;
}

int incident_say(struct txn *txn, const char *id, const json_t *said, struct err *err)
{
	const char *action = text_at(said, "action");
	int64_t at_ms = json_integer_value(json_object_get(said, "at_ms"));
	sqlite3_stmt *statement;
	json_t *incident;
	char *text = NULL;
	int rc;

	if (incident_show(txn, id, &incident, err) < 0)
		return -1;
	rc = check_say(incident, action, err);
	if (rc == 0) {
		json_array_append(json_object_get(incident, "said"), (json_t *)said);
		statement = db_statement(txn->db, sql[SAY]);
		db_bind_text(statement, ":id", id);
		bind_json(statement, ":said", json_object_get(incident, "said"), &text);
		db_bind_optional(statement, ":fixed_ms", strcmp(action, "fixed") ? JSON_ABSENT : at_ms);
		db_bind_optional(statement, ":closed_ms", strcmp(action, "closed") ? JSON_ABSENT : at_ms);
		rc = db_run(statement, err);
	}
	free(text);
	json_decref(incident);
	return rc;
}

/* The numbers of lines depend on the order in which they were imported. */
static void drop_lines(json_t *row)
{
	json_t *blame;
	size_t i;

	json_array_foreach(json_object_get(row, "blames"), i, blame)
		json_object_del(blame, "lines");
}

static int visit_rows(sqlite3_stmt *statement, int (*visit)(const json_t *row, void *arg), void *arg, struct err *err)
{
	int rc;

	while ((rc = db_step(statement, err)) > 0) {
		json_t *row = row_to_json(statement, choices);

		rc = parse_members(row, err);
		drop_lines(row);
		rc = rc < 0 ? -1 : visit(row, arg);
		json_decref(row);
		if (rc) {
			sqlite3_reset(statement);
			return rc;
		}
	}
	return rc;
}

int incidents_visit(struct txn *txn, int64_t from_ms, int (*visit)(const json_t *incident, void *arg), void *arg,
		    struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[VISIT]);

	db_bind_integer(statement, ":from_ms", from_ms);
	return visit_rows(statement, visit, arg, err);
}

int evaluations_visit(struct txn *txn, int64_t from_ms, int (*visit)(const json_t *evaluation, void *arg), void *arg,
		      struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[VISIT_EVALUATIONS]);

	db_bind_integer(statement, ":from_ms", from_ms);
	return visit_rows(statement, visit, arg, err);
}
