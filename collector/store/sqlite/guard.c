#include "collector/store/guard.h"

#include <stdlib.h>

#include "agent/base/mem.h"
#include "collector/store/sqlite/txn.h"

#define COUNTS "valid, bad, good, busy, altered, intact"
#define SUM_COUNTS(table)                                                                                       \
	" valid = " table ".valid + excluded.valid, bad = " table ".bad + excluded.bad,"                        \
	" good = " table ".good + excluded.good, busy = " table ".busy + excluded.busy,"                        \
	" altered = " table ".altered + excluded.altered, intact = " table ".intact + excluded.intact"

enum {
	BRANCH, CELL_ADD, DAY_ADD, CELL_COUNTS, CELLS_PRUNE, BASE_SUM, BASE_OLDER, SAMPLES, FIGURES, VERDICTS, VERDICTS_DROP, VERDICT_PUT,
	TOUCH, DUE, DID, QUEUE_ADD, QUEUE_GET, QUEUE_DROP, STATEMENT_COUNT,
};

static const char *const sql[STATEMENT_COUNT] = {
	/* The last but one on the way up. */
	[BRANCH] = "WITH RECURSIVE up (node, height) AS (SELECT :node, 0 UNION ALL SELECT parent, height + 1 FROM up"
		   " JOIN node_parent ON node_parent.node = up.node AND place = 0 WHERE height < 64)"
		   " SELECT node FROM up ORDER BY height DESC LIMIT 2",
	[CELL_ADD] = "INSERT INTO guard_cell (leg, cell_ms, branch, " COUNTS ") VALUES"
		     " (:leg, :cell_ms, :branch, :valid, :bad, :good, :busy, :altered, :intact)"
		     " ON CONFLICT (leg, cell_ms, branch) DO UPDATE SET" SUM_COUNTS("guard_cell"),
	[DAY_ADD] = "INSERT INTO guard_day (leg, day_ms, " COUNTS ") VALUES"
		    " (:leg, :day_ms, :valid, :bad, :good, :busy, :altered, :intact)"
		    " ON CONFLICT (leg, day_ms) DO UPDATE SET" SUM_COUNTS("guard_day"),
	[CELL_COUNTS] = "SELECT " COUNTS " FROM guard_cell WHERE leg = :leg AND cell_ms = :cell_ms ORDER BY branch",
	[CELLS_PRUNE] = "DELETE FROM guard_cell WHERE (leg, cell_ms, branch) IN (SELECT leg, cell_ms, branch FROM guard_cell"
			" WHERE leg IN (0, 1) AND cell_ms < :before_ms LIMIT :limit)",
	[BASE_SUM] = "SELECT coalesce(sum(valid), 0), coalesce(sum(bad), 0) FROM guard_day WHERE leg = :leg AND day_ms >= :from_ms AND day_ms < :to_ms",
	[BASE_OLDER] = "SELECT 1 FROM guard_day WHERE leg = :leg AND day_ms <= :from_ms LIMIT 1",
	[SAMPLES] = "SELECT line.number, leg, judgement FROM line CROSS JOIN measurement AS m ON m.client = line.client"
		    " AND m.line = line.number AND leg IN (0, 1) AND started_ms >= :from_ms AND started_ms < :to_ms"
		    " WHERE trigger = :schedule AND (judgement <= :last_valid OR (judgement = :failed"
		    " AND reason IN (:altered, :truncated))) ORDER BY line.number, leg, started_ms",
	[FIGURES] = "SELECT throughput_bps FROM measurement WHERE client = :client AND line = :line AND leg = :leg"
		    " AND started_ms >= :from_ms AND started_ms < :to_ms AND trigger = :schedule AND judgement < :invalid"
		    " AND throughput_bps IS NOT NULL ORDER BY started_ms",
	[VERDICTS] = "SELECT cell_ms, result, exempt_local, exempt_hub, content_local, content_hub FROM guard_verdict"
		     " WHERE cell_ms >= :from_ms AND cell_ms < :to_ms ORDER BY cell_ms",
	[VERDICTS_DROP] = "DELETE FROM guard_verdict WHERE cell_ms >= :from_ms AND cell_ms < :to_ms",
	[VERDICT_PUT] = "INSERT INTO guard_verdict (cell_ms, result, exempt_local, exempt_hub, content_local, content_hub)"
			" VALUES (:cell_ms, :result, :exempt_local, :exempt_hub, :content_local, :content_hub)",
	[TOUCH] = "INSERT INTO network_due (work, from_ms, touched_ms, version) VALUES (:work, :never_ms, :from_ms, 1)"
		  " ON CONFLICT (work) DO UPDATE SET touched_ms = min(touched_ms, excluded.touched_ms), version = version + 1",
	[DUE] = "SELECT min(from_ms, touched_ms), touched_ms, version FROM network_due WHERE work = :work",
	/* What was noted since it was seen may lie anywhere from the earlier of both on. */
	[DID] = "INSERT INTO network_due (work, from_ms, touched_ms, version) VALUES (:work, :next_ms, :never_ms, 0)"
		" ON CONFLICT (work) DO UPDATE SET from_ms = CASE WHEN version = :version THEN :next_ms"
		" ELSE min(:next_ms, :touched_ms, touched_ms) END, touched_ms = :never_ms",
	[QUEUE_ADD] = "INSERT INTO derive_queue (line, from_ms) SELECT number, :from_ms FROM line WHERE EXISTS"
		      " (SELECT 1 FROM measurement WHERE client = line.client AND line = line.number AND leg = :leg"
		      " AND started_ms >= :from_ms AND started_ms < :to_ms)"
		      " ON CONFLICT (line) DO UPDATE SET from_ms = min(from_ms, excluded.from_ms)",
	[QUEUE_GET] = "SELECT line.id, from_ms FROM derive_queue JOIN line ON line.number = derive_queue.line"
		      " ORDER BY derive_queue.line LIMIT :limit",
	[QUEUE_DROP] = "DELETE FROM derive_queue WHERE line = (SELECT number FROM line WHERE id = :line)",
};

int branch_of_line(struct txn *txn, const struct line *line, char ret_branch[ID_SIZE], struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[BRANCH]);
	int rc;

	db_bind_text(statement, ":node", line->node);
	while ((rc = db_step(statement, err)) > 0)   /* the root, then what is below it */
		text_copy(ret_branch, ID_SIZE, db_column_text(statement, 0));
	return rc;
}

static void bind_counts(sqlite3_stmt *statement, const struct guard_count *count)
{
	db_bind_integer(statement, ":valid", count->valid);
	db_bind_integer(statement, ":bad", count->bad);
	db_bind_integer(statement, ":good", count->good);
	db_bind_integer(statement, ":busy", count->busy);
	db_bind_integer(statement, ":altered", count->altered);
	db_bind_integer(statement, ":intact", count->intact);
}

int guard_cell_add(struct txn *txn, enum leg leg, int64_t cell_ms, const char *branch, const struct guard_count *more,
		   struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[CELL_ADD]);

	db_bind_integer(statement, ":leg", leg);
	db_bind_integer(statement, ":cell_ms", cell_ms);
	db_bind_text(statement, ":branch", branch);
	bind_counts(statement, more);
	return db_run(statement, err);
}

int guard_day_add(struct txn *txn, enum leg leg, int64_t day_ms, const struct guard_count *more, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[DAY_ADD]);

	db_bind_integer(statement, ":leg", leg);
	db_bind_integer(statement, ":day_ms", day_ms);
	bind_counts(statement, more);
	return db_run(statement, err);
}

int guard_counts(struct txn *txn, enum leg leg, int64_t cell_ms, struct guard_count **ret_counts, int *ret_count,
		 struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[CELL_COUNTS]);
	struct guard_count *counts = NULL;
	int count = 0, rc;

	db_bind_integer(statement, ":leg", leg);
	db_bind_integer(statement, ":cell_ms", cell_ms);
	while ((rc = db_step(statement, err)) > 0) {
		counts = xrealloc(counts, (size_t)count + 1, sizeof *counts);
		counts[count++] = (struct guard_count){
			.valid = db_column_integer(statement, 0), .bad = db_column_integer(statement, 1),
			.good = db_column_integer(statement, 2),  .busy = db_column_integer(statement, 3),
			.altered = db_column_integer(statement, 4), .intact = db_column_integer(statement, 5),
		};
	}
	if (rc < 0) {
		free(counts);
		return -1;
	}
	*ret_counts = counts;
	*ret_count = count;
	return 0;
}

int guard_cells_prune(struct txn *txn, int64_t before_ms, int64_t limit, int64_t *ret_count, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[CELLS_PRUNE]);

	db_bind_integer(statement, ":before_ms", before_ms);
	db_bind_integer(statement, ":limit", limit);
	if (db_run(statement, err) < 0)
		return -1;
	*ret_count = db_changes(txn->db);
	return 0;
}

int guard_base(struct txn *txn, enum leg leg, int64_t from_ms, int64_t to_ms, struct guard_count *ret_sum, bool *ret_is_whole,
	       struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[BASE_SUM]);
	int rc;

	db_bind_integer(statement, ":leg", leg);
	db_bind_integer(statement, ":from_ms", from_ms);
	db_bind_integer(statement, ":to_ms", to_ms);
	if (db_step(statement, err) < 0)
		return -1;
	*ret_sum = (struct guard_count){ .valid = db_column_integer(statement, 0), .bad = db_column_integer(statement, 1) };
	sqlite3_reset(statement);
	statement = db_statement(txn->db, sql[BASE_OLDER]);
	db_bind_integer(statement, ":leg", leg);
	db_bind_integer(statement, ":from_ms", from_ms);
	rc = db_step(statement, err);
	*ret_is_whole = rc > 0;
	sqlite3_reset(statement);
	return rc < 0 ? -1 : 0;
}

int guard_samples(struct txn *txn, int64_t from_ms, int64_t to_ms,
		  void (*visit)(void *arg, int64_t line_number, enum leg leg, enum judgement judgement), void *arg,
		  struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[SAMPLES]);
	int rc;

	db_bind_integer(statement, ":from_ms", from_ms);
	db_bind_integer(statement, ":to_ms", to_ms);
	db_bind_integer(statement, ":schedule", TRIGGER_SCHEDULE);
	db_bind_integer(statement, ":last_valid", JUDGED_BAD);
	db_bind_integer(statement, ":failed", JUDGED_FAILED);
	db_bind_integer(statement, ":altered", REASON_ALTERED);
	db_bind_integer(statement, ":truncated", REASON_TRUNCATED);
	while ((rc = db_step(statement, err)) > 0)
		visit(arg, db_column_integer(statement, 0), (enum leg)db_column_integer(statement, 1),
		      (enum judgement)db_column_integer(statement, 2));
	return rc;
}

int guard_figures(struct txn *txn, const struct line *line, enum leg leg, int64_t from_ms, int64_t to_ms,
		  int64_t **ret_figures, int *ret_count, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[FIGURES]);
	int64_t *figures = NULL;
	int count = 0, rc;

	db_bind_integer(statement, ":client", line->client_number);
	db_bind_integer(statement, ":line", line->number);
	db_bind_integer(statement, ":leg", leg);
	db_bind_integer(statement, ":from_ms", from_ms);
	db_bind_integer(statement, ":to_ms", to_ms);
	db_bind_integer(statement, ":schedule", TRIGGER_SCHEDULE);
	db_bind_integer(statement, ":invalid", JUDGED_INVALID);
	while ((rc = db_step(statement, err)) > 0) {
		figures = xrealloc(figures, (size_t)count + 1, sizeof *figures);
		figures[count++] = db_column_integer(statement, 0);
	}
	if (rc < 0) {
		free(figures);
		return -1;
	}
	*ret_figures = figures;
	*ret_count = count;
	return 0;
}

bool guard_verdict_is_empty(const struct guard_verdict *verdict)
{
	bool empty = verdict->result == GUARD_CALM;

	for (int leg = 0; leg < LEG_COUNT; leg++)
		empty = empty && !verdict->exempt[leg] && !verdict->content[leg];
	return empty;
}

int guard_verdicts(struct txn *txn, int64_t from_ms, int64_t to_ms, struct guard_verdict **ret_verdicts, size_t *ret_count,
		   struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[VERDICTS]);
	struct guard_verdict *verdicts = NULL;
	size_t count = 0;
	int rc;

	db_bind_integer(statement, ":from_ms", from_ms);
	db_bind_integer(statement, ":to_ms", to_ms);
	while ((rc = db_step(statement, err)) > 0) {
		verdicts = xrealloc(verdicts, count + 1, sizeof *verdicts);
		verdicts[count++] = (struct guard_verdict){
			.cell_ms = db_column_integer(statement, 0), .result = (int)db_column_integer(statement, 1),
			.exempt = { db_column_integer(statement, 2), db_column_integer(statement, 3) },
			.content = { db_column_integer(statement, 4), db_column_integer(statement, 5) },
		};
	}
	if (rc < 0) {
		free(verdicts);
		return -1;
	}
	*ret_verdicts = verdicts;
	*ret_count = count;
	return 0;
}

static int put_verdict(struct txn *txn, const struct guard_verdict *verdict, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[VERDICT_PUT]);

	db_bind_integer(statement, ":cell_ms", verdict->cell_ms);
	db_bind_integer(statement, ":result", verdict->result);
	db_bind_integer(statement, ":exempt_local", verdict->exempt[LEG_LOCAL]);
	db_bind_integer(statement, ":exempt_hub", verdict->exempt[LEG_HUB]);
	db_bind_integer(statement, ":content_local", verdict->content[LEG_LOCAL]);
	db_bind_integer(statement, ":content_hub", verdict->content[LEG_HUB]);
	return db_run(statement, err);
}

int guard_verdicts_replace(struct txn *txn, int64_t from_ms, int64_t to_ms, const struct guard_verdict *verdicts, size_t count,
			   struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[VERDICTS_DROP]);

	db_bind_integer(statement, ":from_ms", from_ms);
	db_bind_integer(statement, ":to_ms", to_ms);
	if (db_run(statement, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (!guard_verdict_is_empty(&verdicts[i]) && put_verdict(txn, &verdicts[i], err) < 0)
			return -1;
	return 0;
}

int network_touch(struct txn *txn, enum network_work work, int64_t from_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[TOUCH]);

	db_bind_integer(statement, ":work", work);
	db_bind_integer(statement, ":from_ms", from_ms);
	db_bind_integer(statement, ":never_ms", INT64_MAX);
	return db_run(statement, err);
}

int network_due(struct txn *txn, enum network_work work, struct network_due *ret_due, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[DUE]);
	int rc;

	db_bind_integer(statement, ":work", work);
	rc = db_step(statement, err);
	*ret_due = (struct network_due){ .from_ms = INT64_MAX, .touched_ms = INT64_MAX };
	if (rc <= 0)
		return rc;
	*ret_due = (struct network_due){
		.from_ms = db_column_integer(statement, 0), .touched_ms = db_column_integer(statement, 1),
		.version = db_column_integer(statement, 2),
	};
	sqlite3_reset(statement);
	return 0;
}

int network_did(struct txn *txn, enum network_work work, const struct network_due *seen, int64_t next_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[DID]);

	db_bind_integer(statement, ":work", work);
	db_bind_integer(statement, ":next_ms", next_ms);
	db_bind_integer(statement, ":touched_ms", seen->touched_ms);
	db_bind_integer(statement, ":version", seen->version);
	db_bind_integer(statement, ":never_ms", INT64_MAX);
	return db_run(statement, err);
}

int derive_queue_add(struct txn *txn, enum leg leg, int64_t from_ms, int64_t to_ms, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[QUEUE_ADD]);

	db_bind_integer(statement, ":leg", leg);
	db_bind_integer(statement, ":from_ms", from_ms);
	db_bind_integer(statement, ":to_ms", to_ms);
	return db_run(statement, err);
}

int derive_queue_get(struct txn *txn, struct derive_item *ret_items, int limit, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[QUEUE_GET]);
	int count = 0, rc;

	db_bind_integer(statement, ":limit", limit);
	while ((rc = db_step(statement, err)) > 0) {
		text_copy(ret_items[count].line, ID_SIZE, db_column_text(statement, 0));
		ret_items[count++].from_ms = db_column_integer(statement, 1);
	}
	return rc < 0 ? -1 : count;
}

int derive_queue_drop(struct txn *txn, const char *line, struct err *err)
{
	sqlite3_stmt *statement = db_statement(txn->db, sql[QUEUE_DROP]);

	db_bind_text(statement, ":line", line);
	return db_run(statement, err);
}
