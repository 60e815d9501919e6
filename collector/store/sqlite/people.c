#include "collector/store/people.h"

#include "agent/base/mem.h"
#include "collector/store/sqlite/txn.h"

const char *const role_names[] = { "viewer", "tech", "manager", "director", "admin", NULL };

enum {
	PERSON_PUT, PERSON_GET, PERSON_DISABLE, PERSON_LIST, SESSION_PUT, SESSION_GET, SESSION_REMOVE, SESSIONS_OF_REMOVE,
	SESSIONS_PRUNE, STATEMENT_COUNT,
};

static const char *const sql[STATEMENT_COUNT] = {
	[PERSON_PUT] = "INSERT INTO person (name, role, password_hash, created_ms, disabled_ms)"
		       " VALUES (:name, :role, :password_hash, :created_ms, :disabled_ms)",
	[PERSON_GET] = "SELECT name, role, password_hash, disabled_ms FROM person WHERE name = :name",
	[PERSON_DISABLE] = "UPDATE person SET disabled_ms = coalesce(disabled_ms, :now_ms) WHERE name = :name",
	[PERSON_LIST] = "SELECT name, role, created_ms, disabled_ms FROM person ORDER BY name",
	[SESSION_PUT] = "INSERT INTO session (hash, person, csrf, created_ms, expires_ms)"
			" VALUES (:hash, :person, :csrf, :created_ms, :expires_ms)",
	[SESSION_GET] = "SELECT name, role, password_hash, disabled_ms, csrf, expires_ms"
			" FROM session JOIN person ON person.name = session.person"
			" WHERE hash = :hash AND expires_ms > :now_ms AND disabled_ms IS NULL",
	[SESSION_REMOVE] = "DELETE FROM session WHERE hash = :hash",
	[SESSIONS_OF_REMOVE] = "DELETE FROM session WHERE person = :person",
	[SESSIONS_PRUNE] = "DELETE FROM session WHERE expires_ms <= :now_ms",
};

static const struct row_choice choices[] = { { "role", role_names }, { NULL, NULL } };

int person_put(struct txn *txn, const struct person *person, int64_t now_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[PERSON_PUT]);

	db_bind_text(statement, ":name", person->name);
	db_bind_integer(statement, ":role", person->role);
	db_bind_text(statement, ":password_hash", person->password_hash);
	db_bind_integer(statement, ":created_ms", now_ms);
	db_bind_optional(statement, ":disabled_ms", person->disabled_ms);
	if (db_run(statement, err) == 0)
		return 0;
	if (err->code == ERR_CONFLICT)
		err_set(err, ERR_CONFLICT, "user %s: exists already", person->name);
	return -1;
}

static void read_person(sqlite3_stmt *statement, struct person *ret_person)
{
	text_copy(ret_person->name, sizeof ret_person->name, db_column_text(statement, 0));
	ret_person->role = (int)db_column_integer(statement, 1);
	text_copy(ret_person->password_hash, sizeof ret_person->password_hash, db_column_text(statement, 2));
	ret_person->disabled_ms = db_column_optional(statement, 3);
}

int person_get(struct txn *txn, const char *name, struct person *ret_person, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[PERSON_GET]);
	int rc;

	db_bind_text(statement, ":name", name);
	rc = db_step(statement, err);
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "user %s: unknown", name);
	read_person(statement, ret_person);
	return 0;
}

int person_disable(struct txn *txn, const char *name, int64_t now_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[PERSON_DISABLE]);

	db_bind_text(statement, ":name", name);
	db_bind_integer(statement, ":now_ms", now_ms);
	if (db_run(statement, err) < 0)
		return -1;
	if (!db_changes(txn->db))
		return err_set(err, ERR_NOT_FOUND, "user %s: unknown", name);
	statement = db_statement(txn->db, sql[SESSIONS_OF_REMOVE]);
	db_bind_text(statement, ":person", name);
	return db_run(statement, err);
}

int people_list(struct txn *txn, json_t **ret_people, struct err *err)
{
	return rows_to_json(db_statement(txn->db, sql[PERSON_LIST]), choices, ret_people, err);
}

int session_put(struct txn *txn, const unsigned char hash[SESSION_HASH_BYTES], const char *person, const char *csrf,
		int64_t now_ms, int64_t expires_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[SESSION_PUT]);

	db_bind_bytes(statement, ":hash", hash, SESSION_HASH_BYTES);
	db_bind_text(statement, ":person", person);
	db_bind_text(statement, ":csrf", csrf);
	db_bind_integer(statement, ":created_ms", now_ms);
	db_bind_integer(statement, ":expires_ms", expires_ms);
	return db_run(statement, err);
}

int session_get(struct txn *txn, const unsigned char hash[SESSION_HASH_BYTES], int64_t now_ms, struct session *ret_session,
		struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[SESSION_GET]);
	int rc;

	db_bind_bytes(statement, ":hash", hash, SESSION_HASH_BYTES);
	db_bind_integer(statement, ":now_ms", now_ms);
	rc = db_step(statement, err);
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(err, ERR_UNAUTHORIZED, "session: unknown or expired");
	read_person(statement, &ret_session->person);
	text_copy(ret_session->csrf, sizeof ret_session->csrf, db_column_text(statement, 4));
	ret_session->expires_ms = db_column_integer(statement, 5);
	return 0;
}

int session_remove(struct txn *txn, const unsigned char hash[SESSION_HASH_BYTES], struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[SESSION_REMOVE]);

	db_bind_bytes(statement, ":hash", hash, SESSION_HASH_BYTES);
	return db_run(statement, err);
}

int sessions_prune(struct txn *txn, int64_t now_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[SESSIONS_PRUNE]);

	db_bind_integer(statement, ":now_ms", now_ms);
	return db_run(statement, err);
}
