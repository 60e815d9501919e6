#include "collector/store/agents.h"

#include <inttypes.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "collector/store/sqlite/cursor.h"
#include "collector/store/sqlite/txn.h"

#define FIRST_GENERATION 1

#define AGENT_SELECT                                                                                            \
	"SELECT agent.id, line.id, agent.line, line.client, public_key, generation, revoked_ms, agent.number"   \
	" FROM agent JOIN line ON line.number = agent.line "

enum {
	TOKEN_PUT, TOKEN_GET, TOKEN_USE, AGENT_PUT, AGENT_BY_ID, AGENT_BY_NUMBER, AGENT_REVOKE, AGENT_HEARD, AGENT_COPIED,
	AGENT_LIST, AGENT_OF_LINE, REPORT_PUT, REPORTS_PRUNE, SPOOL_GET, SPOOL_PUT, RANGE_BEFORE, RANGE_AFTER, RANGE_PUT, RANGE_EXTEND,
	RANGE_REMOVE, STATEMENT_COUNT,
};

static const char *const sql[STATEMENT_COUNT] = {
	[TOKEN_PUT] = "INSERT INTO join_token (hash, line, created_ms, expires_ms)"
		      " SELECT :hash, number, :created_ms, :expires_ms FROM line WHERE id = :line",
	[TOKEN_GET] = "SELECT line, expires_ms, agent FROM join_token WHERE hash = :hash",
	[TOKEN_USE] = "UPDATE join_token SET agent = (SELECT number FROM agent WHERE id = :agent) WHERE hash = :hash",
	[AGENT_PUT] = "INSERT INTO agent (number, id, line, public_key, host, version, generation, enrolled_ms)"
		      " VALUES ((SELECT coalesce(max(number), 0) + 1 FROM agent), :id, :line, :public_key, :host,"
		      " :version, :generation, :enrolled_ms)",
	[AGENT_BY_ID] = AGENT_SELECT "WHERE agent.id = :id",
	[AGENT_BY_NUMBER] = AGENT_SELECT "WHERE agent.number = :number",
	[AGENT_REVOKE] = "UPDATE agent SET revoked_ms = coalesce(revoked_ms, :now_ms) WHERE id = :id",
	[AGENT_HEARD] = "UPDATE agent SET generation = :generation, last_report_ms = :now_ms WHERE number = :number",
	[AGENT_COPIED] = "UPDATE agent SET copied_ms = coalesce(copied_ms, :now_ms) WHERE number = :number",
	[AGENT_LIST] = "SELECT agent.id, line.id AS line, host, version, enrolled_ms, last_report_ms, revoked_ms,"
		       " copied_ms FROM agent JOIN line ON line.number = agent.line"
		       " WHERE (:after_id IS NULL OR agent.id > :after_id) AND (:heard_before_ms = 0 OR (revoked_ms IS NULL"
		       " AND coalesce(last_report_ms, enrolled_ms) >= :heard_from_ms"
		       " AND coalesce(last_report_ms, enrolled_ms) < :heard_before_ms)) ORDER BY agent.id LIMIT :limit",
	[AGENT_OF_LINE] = "SELECT 1 FROM agent WHERE line = :line AND revoked_ms IS NULL LIMIT 1",
	[REPORT_PUT] = "INSERT INTO report (client, agent, content_digest, received_ms, sent_ms, copied, spool,"
		       " signature_input, signature, body) VALUES (:client, :agent, :content_digest, :received_ms,"
		       " :sent_ms, :copied, :spool, :signature_input, :signature, :body) ON CONFLICT DO NOTHING",
	[REPORTS_PRUNE] = "DELETE FROM report WHERE rowid IN (SELECT rowid FROM report WHERE received_ms < :before_ms"
			  " ORDER BY received_ms LIMIT :limit)",
	[SPOOL_GET] = "SELECT number FROM spool WHERE agent = :agent AND uuid = :uuid",
	[SPOOL_PUT] = "INSERT INTO spool (number, agent, uuid)"
		      " VALUES ((SELECT coalesce(max(number), 0) + 1 FROM spool), :agent, :uuid)",
	[RANGE_BEFORE] = "SELECT first_seq, last_seq FROM spool_range WHERE spool = :spool AND first_seq <= :seq"
			 " ORDER BY first_seq DESC LIMIT 1",
	[RANGE_AFTER] = "SELECT last_seq FROM spool_range WHERE spool = :spool AND first_seq = :first_seq",
	[RANGE_PUT] = "INSERT INTO spool_range (spool, first_seq, last_seq) VALUES (:spool, :first_seq, :last_seq)",
	[RANGE_EXTEND] = "UPDATE spool_range SET last_seq = :last_seq WHERE spool = :spool AND first_seq = :first_seq",
	[RANGE_REMOVE] = "DELETE FROM spool_range WHERE spool = :spool AND first_seq = :first_seq",
};

static const struct row_choice no_choices[] = { { NULL, NULL } };

int token_put(struct txn *txn, const unsigned char hash[TOKEN_HASH_BYTES], const char *line, int64_t created_ms,
	      int64_t expires_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[TOKEN_PUT]);

	db_bind_bytes(statement, ":hash", hash, TOKEN_HASH_BYTES);
	db_bind_text(statement, ":line", line);
	db_bind_integer(statement, ":created_ms", created_ms);
	db_bind_integer(statement, ":expires_ms", expires_ms);
	if (db_run(statement, err) < 0)
		return -1;
	return db_changes(txn->db) ? 0 : err_set(err, ERR_NOT_FOUND, "line %s: unknown", line);
}

/* Steps a statement of AGENT_SELECT. Returns 1, 0 or -1. */
static int read_agent(sqlite3_stmt *statement, struct agent *ret_agent, struct err *err)
{
	int rc = db_step(statement, err);

	if (rc <= 0)
		return rc;
	if (sqlite3_column_bytes(statement, 4) != PUBLIC_KEY_BYTES)
		return err_set(err, ERR_IO, "agent %s: stored key is damaged", db_column_text(statement, 0));
	text_copy(ret_agent->id, sizeof ret_agent->id, db_column_text(statement, 0));
	text_copy(ret_agent->line, sizeof ret_agent->line, db_column_text(statement, 1));
	ret_agent->line_number = db_column_integer(statement, 2);
	ret_agent->client_number = db_column_integer(statement, 3);
	memcpy(ret_agent->public_key, sqlite3_column_blob(statement, 4), PUBLIC_KEY_BYTES);
	ret_agent->generation = db_column_integer(statement, 5);
	ret_agent->revoked_ms = db_column_optional(statement, 6);
	ret_agent->number = db_column_integer(statement, 7);
	return 1;
}

int agent_get(struct txn *txn, const char *id, struct agent *ret_agent, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[AGENT_BY_ID]);
	int rc;

	db_bind_text(statement, ":id", id);
	rc = read_agent(statement, ret_agent, err);
	if (rc == 0)
		return err_set(err, ERR_NOT_FOUND, "agent %s: unknown", id);
	return rc < 0 ? -1 : 0;
}

static int insert_agent(struct txn *txn, const struct enrolment *enrolment, int64_t line, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[AGENT_PUT]);

	db_bind_text(statement, ":id", enrolment->new_agent_id);
	db_bind_integer(statement, ":line", line);
	db_bind_bytes(statement, ":public_key", enrolment->public_key, PUBLIC_KEY_BYTES);
	db_bind_text(statement, ":host", enrolment->host);
	db_bind_text(statement, ":version", enrolment->version);
	db_bind_integer(statement, ":generation", FIRST_GENERATION);
	db_bind_integer(statement, ":enrolled_ms", enrolment->now_ms);
	if (db_run(statement, err) < 0)
		return -1;
	statement = db_statement(txn->db, sql[TOKEN_USE]);
	db_bind_bytes(statement, ":hash", enrolment->token_hash, TOKEN_HASH_BYTES);
	db_bind_text(statement, ":agent", enrolment->new_agent_id);
	return db_run(statement, err);
}

static int find_enrolled(struct txn *txn, const struct enrolment *enrolment, int64_t number, struct agent *ret_agent,
			 struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[AGENT_BY_NUMBER]);
	struct agent agent;
	int rc;

	db_bind_integer(statement, ":number", number);
	rc = read_agent(statement, &agent, err);
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(err, ERR_IO, "join token: its agent is missing");
	if (memcmp(agent.public_key, enrolment->public_key, PUBLIC_KEY_BYTES))
		return err_set(err, ERR_CONFLICT, "join token: was used by another key");
	*ret_agent = agent;
	return 0;
}

int agent_enrol(struct txn *txn, const struct enrolment *enrolment, struct agent *ret_agent, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[TOKEN_GET]);
	int64_t line, expires_ms, used_by;
	int rc;

	db_bind_bytes(statement, ":hash", enrolment->token_hash, TOKEN_HASH_BYTES);
	rc = db_step(statement, err);
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(err, ERR_UNAUTHORIZED, "join token: unknown");
	line = db_column_integer(statement, 0);
	expires_ms = db_column_integer(statement, 1);
	used_by = db_column_optional(statement, 2);
	if (used_by != JSON_ABSENT)
		return find_enrolled(txn, enrolment, used_by, ret_agent, err);
	if (expires_ms <= enrolment->now_ms)
		return err_set(err, ERR_UNAUTHORIZED, "join token: expired");
	if (insert_agent(txn, enrolment, line, err) < 0)
		return -1;
	return agent_get(txn, enrolment->new_agent_id, ret_agent, err);
}

int agent_revoke(struct txn *txn, const char *id, int64_t now_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[AGENT_REVOKE]);

	db_bind_text(statement, ":id", id);
	db_bind_integer(statement, ":now_ms", now_ms);
	if (db_run(statement, err) < 0)
		return -1;
	return db_changes(txn->db) ? 0 : err_set(err, ERR_NOT_FOUND, "agent %s: unknown", id);
}

static int read_cursor(const char *cursor, char ret_id[ID_SIZE], struct err *err)
{
	json_t *key;
	const char *id;

	if (cursor_read(cursor, &key, err) < 0)
		return -1;
	id = json_string_value(json_array_get(key, 0));
	text_copy(ret_id, ID_SIZE, id ? id : "");
	json_decref(key);
	return *ret_id ? 0 : cursor_fault(err);
}

int agents_list(struct txn *txn, const struct agent_filter *filter, json_t **ret_page, struct err *err)
{
	static const char *const key[] = { "id", NULL };
	sqlite3_stmt *statement = db_statement(txn->db, sql[AGENT_LIST]);
	char after_id[ID_SIZE];

	if ((filter->limit && limit_check(filter->limit, err) < 0) ||
	    (filter->cursor && read_cursor(filter->cursor, after_id, err) < 0))
		return -1;
	db_bind_text(statement, ":after_id", filter->cursor ? after_id : NULL);
	db_bind_integer(statement, ":heard_from_ms", filter->heard_from_ms);
	db_bind_integer(statement, ":heard_before_ms", filter->heard_before_ms);
	db_bind_integer(statement, ":limit", filter->limit ? filter->limit + 1 : -1);
	if (rows_to_json(statement, no_choices, ret_page, err) < 0)
		return -1;
	cursor_end_page(*ret_page, filter->limit ? filter->limit : INT64_MAX, key);
	return 0;
}

int line_has_agent(struct txn *txn, const struct line *line, bool *ret_has, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[AGENT_OF_LINE]);
	int rc;

	db_bind_integer(statement, ":line", line->number);
	rc = db_step(statement, err);
	if (rc < 0)
		return -1;
	*ret_has = rc > 0;
	return 0;
}

static int mark_copied(struct txn *txn, const struct report_fact *report, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[AGENT_COPIED]);

	db_bind_integer(statement, ":number", report->agent->number);
	db_bind_integer(statement, ":now_ms", report->received_ms);
	return db_run(statement, err);
}

int report_put(struct txn *txn, const struct report_fact *report, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[REPORT_PUT]);

	db_bind_integer(statement, ":client", report->agent->client_number);
	db_bind_integer(statement, ":agent", report->agent->number);
	db_bind_text(statement, ":content_digest", report->content_digest);
	db_bind_integer(statement, ":received_ms", report->received_ms);
	db_bind_integer(statement, ":sent_ms", report->sent_ms);
	db_bind_integer(statement, ":copied", report->copied);
	db_bind_text(statement, ":spool", report->spool);
	db_bind_text(statement, ":signature_input", report->signature_input);
	db_bind_text(statement, ":signature", report->signature);
	db_bind_bytes(statement, ":body", report->body, report->body_bytes);
	if (db_run(statement, err) < 0)
		return -1;
	/* Bytes that are here already come from a replay, which says nothing about a disk. */
	return report->copied && db_changes(txn->db) ? mark_copied(txn, report, err) : 0;
}

int agent_heard(struct txn *txn, const struct agent *agent, int64_t generation, int64_t now_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[AGENT_HEARD]);

	db_bind_integer(statement, ":number", agent->number);
	db_bind_integer(statement, ":generation", generation);
	db_bind_integer(statement, ":now_ms", now_ms);
	return db_run(statement, err);
}

static int find_spool(struct txn *txn, const struct agent *agent, const char *spool, int64_t *ret_number, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[SPOOL_GET]);
	int rc;

	db_bind_integer(statement, ":agent", agent->number);
	db_bind_text(statement, ":uuid", spool);
	rc = db_step(statement, err);
	if (rc > 0)
		*ret_number = db_column_integer(statement, 0);
	return rc;
}

int spool_number(struct txn *txn, const struct agent *agent, const char *spool, int64_t *ret_number, struct err *err)
{
	sqlite3_stmt *statement;
	int rc = find_spool(txn, agent, spool, ret_number, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	statement = db_statement(txn->db, sql[SPOOL_PUT]);
	db_bind_integer(statement, ":agent", agent->number);
	db_bind_text(statement, ":uuid", spool);
	if (db_run(statement, err) < 0)
		return -1;
	return find_spool(txn, agent, spool, ret_number, err) < 0 ? -1 : 0;
}

struct range {
	int64_t first, last;
};

/* The range that begins at or before seq. Returns 1, 0 or -1. */
static int find_range_before(struct txn *txn, int64_t spool, int64_t seq, struct range *ret_range, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[RANGE_BEFORE]);
	int rc;

	db_bind_integer(statement, ":spool", spool);
	db_bind_integer(statement, ":seq", seq);
	rc = db_step(statement, err);
	if (rc > 0)
		*ret_range = (struct range){ db_column_integer(statement, 0), db_column_integer(statement, 1) };
	return rc;
}

/* Takes away the range that begins at first and says where it ended. Returns 1, 0 when there is none, or -1. */
static int absorb_range(struct txn *txn, int64_t spool, int64_t first, int64_t *ret_last, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[RANGE_AFTER]);
	int rc;

	db_bind_integer(statement, ":spool", spool);
	db_bind_integer(statement, ":first_seq", first);
	rc = db_step(statement, err);
	if (rc <= 0)
		return rc;
	*ret_last = db_column_integer(statement, 0);
	statement = db_statement(txn->db, sql[RANGE_REMOVE]);
	db_bind_integer(statement, ":spool", spool);
	db_bind_integer(statement, ":first_seq", first);
	return db_run(statement, err) < 0 ? -1 : 1;
}

static int write_range(struct txn *txn, const char *statement_sql, int64_t spool, struct range range, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, statement_sql);

	db_bind_integer(statement, ":spool", spool);
	db_bind_integer(statement, ":first_seq", range.first);
	db_bind_integer(statement, ":last_seq", range.last);
	return db_run(statement, err);
}

int spool_take_run(struct txn *txn, int64_t spool, int64_t first_seq, int64_t last_seq, bool *ret_fresh, struct err *err)
{
	struct range before, taken = { first_seq, last_seq };
	int found;
	bool joins;

	if (first_seq < 0 || last_seq > SEQ_MAX)
		return err_set(err, ERR_INPUT, "seq: must lie between 0 and %" PRId64, SEQ_MAX);
	found = find_range_before(txn, spool, last_seq, &before, err);
	if (found < 0)
		return -1;
	if (found && first_seq <= before.last) {
		*ret_fresh = false;
		return 0;
	}
	joins = found && before.last + 1 == first_seq;
	if (joins)
		taken.first = before.first;
	if (absorb_range(txn, spool, last_seq + 1, &taken.last, err) < 0 ||
	    write_range(txn, sql[joins ? RANGE_EXTEND : RANGE_PUT], spool, taken, err) < 0)
		return -1;
	*ret_fresh = true;
	return 0;
}

int spool_take(struct txn *txn, int64_t spool, int64_t seq, bool *ret_fresh, struct err *err)
{
	return spool_take_run(txn, spool, seq, seq, ret_fresh, err);
}

int spool_gap(struct txn *txn, int64_t spool, int64_t seq, int64_t *ret_from, struct err *err)
{
	struct range range;
	int found = find_range_before(txn, spool, seq, &range, err);

	if (found < 0)
		return -1;
	*ret_from = seq;
	if (!found || range.first != seq)
		return 0;
	found = find_range_before(txn, spool, seq - 1, &range, err);
	if (found < 0)
		return -1;
	*ret_from = found ? range.last + 1 : 1;
	return 0;
}

int reports_prune(struct txn *txn, int64_t before_ms, int64_t limit, int64_t *ret_count, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[REPORTS_PRUNE]);

	db_bind_integer(statement, ":before_ms", before_ms);
	db_bind_integer(statement, ":limit", limit);
	if (db_run(statement, err) < 0)
		return -1;
	*ret_count = db_changes(txn->db);
	return 0;
}
