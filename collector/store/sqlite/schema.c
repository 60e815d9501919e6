#include "collector/store/sqlite/schema.h"

#include <stdio.h>

/* A migration that was released is never changed: a new one is added behind it. */
static const char *const migrations[] = {
	"CREATE TABLE client ("
	" number INTEGER PRIMARY KEY,"
	" id TEXT NOT NULL UNIQUE,"
	" name TEXT NOT NULL,"
	" name_folded TEXT NOT NULL,"   /* fold.h: lists are sorted by it */
	" tier TEXT NOT NULL,"
	" is_key INTEGER NOT NULL,"
	" manager TEXT NOT NULL,"
	" contact_name TEXT NOT NULL,"
	" contact_phone TEXT NOT NULL,"
	" contact_email TEXT NOT NULL);"
	"CREATE INDEX client_by_name ON client (name_folded, id);"

	/* rowid is the client's number; folded is id and name, folded by fold.h. */
	"CREATE VIRTUAL TABLE client_text USING fts5 (folded, tokenize = 'trigram');"

	"CREATE TABLE line ("
	" number INTEGER PRIMARY KEY,"
	" id TEXT NOT NULL UNIQUE,"
	" client INTEGER NOT NULL REFERENCES client,"
	" node TEXT NOT NULL,"
	" address TEXT NOT NULL,"
	" service_plan TEXT NOT NULL,"
	" always_on INTEGER NOT NULL,"
	" revision INTEGER NOT NULL);"   /* of what its agent is asked to do; the newest of all lines is the highest */
	"CREATE INDEX line_by_client ON line (client, id);"
	"CREATE INDEX line_by_revision ON line (revision);"
	"CREATE INDEX line_by_node ON line (node);"

	/* Parents carry no reference: a topology arrives in any order. */
	"CREATE TABLE node (id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE node_parent ("
	" node TEXT NOT NULL REFERENCES node,"
	" place INTEGER NOT NULL,"
	" parent TEXT NOT NULL,"
	" PRIMARY KEY (node, place)) WITHOUT ROWID;"

	"CREATE INDEX node_parent_by_parent ON node_parent (parent);"

	"CREATE TABLE maintenance ("    /* called off before it began: to_ms = from_ms */
	" id TEXT PRIMARY KEY,"
	" node TEXT NOT NULL,"
	" announced_ms INTEGER NOT NULL,"
	" from_ms INTEGER NOT NULL,"
	" to_ms INTEGER NOT NULL,"
	" person TEXT NOT NULL,"
	" note TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX maintenance_by_time ON maintenance (from_ms, id);"
	"CREATE INDEX maintenance_by_end ON maintenance (to_ms);"

	"CREATE TABLE agent ("
	" number INTEGER PRIMARY KEY,"
	" id TEXT NOT NULL UNIQUE,"
	" line INTEGER NOT NULL REFERENCES line,"
	" public_key BLOB NOT NULL,"
	" host TEXT NOT NULL,"
	" version TEXT NOT NULL,"
	" generation INTEGER NOT NULL,"
	" enrolled_ms INTEGER NOT NULL,"
	" last_report_ms INTEGER,"
	" revoked_ms INTEGER,"
	" copied_ms INTEGER);"          /* when a second disk with this agent's key first showed */
	"CREATE INDEX agent_by_line ON agent (line, enrolled_ms);"

	"CREATE TABLE join_token ("
	" hash BLOB PRIMARY KEY,"
	" line INTEGER NOT NULL REFERENCES line,"
	" created_ms INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL,"
	" agent INTEGER REFERENCES agent) WITHOUT ROWID;"   /* NULL until it was used */

	/* The same bytes from the same agent are one report, however often they arrive. */
	"CREATE TABLE report ("
	" client INTEGER NOT NULL,"
	" agent INTEGER NOT NULL,"
	" content_digest TEXT NOT NULL,"
	" received_ms INTEGER NOT NULL,"
	" sent_ms INTEGER NOT NULL,"
	" copied INTEGER NOT NULL,"
	" spool TEXT NOT NULL,"
	" signature_input TEXT NOT NULL,"
	" signature TEXT NOT NULL,"
	" body BLOB NOT NULL,"
	" PRIMARY KEY (client, agent, content_digest));"
	"CREATE INDEX report_by_time ON report (received_ms);"

	/* Lines whose agent is late or silent, or whose ticket for that is not settled; a few, but for a disaster. */
	"CREATE TABLE contact ("
	" line INTEGER PRIMARY KEY REFERENCES line,"
	" late_ms INTEGER NOT NULL,"
	" gap_from_ms INTEGER NOT NULL,"
	" silent_ms INTEGER,"
	" opened_ms INTEGER,"
	" returned_ms INTEGER);"
	"CREATE TABLE contact_gap ("     /* of lines that fell silent with many others */
	" line INTEGER NOT NULL,"
	" late_ms INTEGER NOT NULL,"
	" silent_ms INTEGER NOT NULL,"
	" returned_ms INTEGER NOT NULL,"
	" PRIMARY KEY (line, late_ms)) WITHOUT ROWID;"
	"CREATE INDEX contact_gap_by_end ON contact_gap (returned_ms);"
	"CREATE TABLE contact_mass ("    /* many at once; the last one may be under way */
	" from_ms INTEGER PRIMARY KEY,"
	" until_ms INTEGER NOT NULL,"
	" agents INTEGER NOT NULL,"
	" ended_ms INTEGER,"
	" is_own INTEGER NOT NULL);"
	"CREATE TABLE contact_hour (hour INTEGER PRIMARY KEY, late INTEGER NOT NULL);"   /* hours since 1970; of five weeks */
	"CREATE TABLE contact_beat (one INTEGER PRIMARY KEY CHECK (one = 1), at_ms INTEGER NOT NULL);"

	"CREATE TABLE spool ("
	" number INTEGER PRIMARY KEY,"
	" agent INTEGER NOT NULL REFERENCES agent,"
	" uuid TEXT NOT NULL,"
	" UNIQUE (agent, uuid));"
	"CREATE TABLE spool_range ("    /* taken sequence numbers; ranges neither overlap nor touch */
	" spool INTEGER NOT NULL,"
	" first_seq INTEGER NOT NULL,"
	" last_seq INTEGER NOT NULL,"
	" PRIMARY KEY (spool, first_seq)) WITHOUT ROWID;"

	/* About 55 bytes a row, so no second index. rate_user_bps follows from bytes and duration_us (T2); what else is
	 * missing here stands in the stored report. */
	"CREATE TABLE measurement ("
	" client INTEGER NOT NULL,"
	" line INTEGER NOT NULL,"
	" leg INTEGER NOT NULL,"
	" started_ms INTEGER NOT NULL,"
	" spool INTEGER NOT NULL,"
	" seq INTEGER NOT NULL,"
	" judgement INTEGER NOT NULL,"
	" reason INTEGER NOT NULL,"
	" trigger INTEGER NOT NULL,"
	" kind INTEGER NOT NULL,"
	" throughput_bps INTEGER,"
	" threshold_bps INTEGER,"
	" bytes INTEGER NOT NULL,"
	" duration_us INTEGER NOT NULL,"
	" first_byte_us INTEGER,"
	" cross_rx_bps INTEGER,"        /* NULL: unknown, or known in part only (K3) */
	" PRIMARY KEY (client, line, leg, started_ms, spool, seq)) WITHOUT ROWID;"

	/* Delay around a capacity probe (L4): a few rows a day, so that the others need not carry it. */
	"CREATE TABLE load_delay ("
	" client INTEGER NOT NULL,"
	" line INTEGER NOT NULL,"
	" spool INTEGER NOT NULL,"
	" seq INTEGER NOT NULL,"
	" idle_p50_us INTEGER,"
	" loaded_p50_us INTEGER NOT NULL,"
	" PRIMARY KEY (client, line, spool, seq)) WITHOUT ROWID;"

	"CREATE TABLE event ("
	" client INTEGER NOT NULL,"
	" line INTEGER NOT NULL,"
	" spool INTEGER NOT NULL,"
	" seq INTEGER NOT NULL,"
	" type TEXT NOT NULL,"
	" event TEXT NOT NULL,"
	" PRIMARY KEY (client, line, spool, seq)) WITHOUT ROWID;"

	/* When events other than measurements came: the first sequence number that a spool sent on each day. */
	"CREATE TABLE spool_day ("
	" spool INTEGER NOT NULL,"
	" day_ms INTEGER NOT NULL,"
	" first_seq INTEGER NOT NULL,"
	" PRIMARY KEY (spool, day_ms)) WITHOUT ROWID;"
	"CREATE INDEX spool_day_by_day ON spool_day (day_ms);"

	/* How far the measurements of a day (UTC) are on their way to roll-ups and out: enum day_state of rollups.h. */
	"CREATE TABLE measured_day ("
	" client INTEGER NOT NULL,"
	" line INTEGER NOT NULL,"
	" day_ms INTEGER NOT NULL,"
	" state INTEGER NOT NULL,"
	" PRIMARY KEY (client, line, day_ms)) WITHOUT ROWID;"
	"CREATE INDEX measured_day_by_state ON measured_day (state, day_ms);"
	"CREATE TABLE rollup ("
	" client INTEGER NOT NULL,"
	" line INTEGER NOT NULL,"
	" leg INTEGER NOT NULL,"
	" span INTEGER NOT NULL,"
	" from_ms INTEGER NOT NULL,"
	" count INTEGER NOT NULL,"
	" good INTEGER NOT NULL,"
	" bad INTEGER NOT NULL,"
	" unmeasured INTEGER NOT NULL,"   /* what is left of count is marginal */
	" min_bps INTEGER,"               /* NULL, like the others, when nothing valid has a figure */
	" p5_bps INTEGER,"
	" p10_bps INTEGER,"
	" median_bps INTEGER,"
	" p95_bps INTEGER,"
	" PRIMARY KEY (client, line, leg, span, from_ms)) WITHOUT ROWID;"

	"CREATE TABLE outage ("
	" client INTEGER NOT NULL,"
	" line INTEGER NOT NULL,"
	" started_ms INTEGER NOT NULL,"
	" spool INTEGER NOT NULL,"
	" seq INTEGER NOT NULL,"
	" cause INTEGER NOT NULL,"
	" ended_ms INTEGER,"             /* NULL while it is under way */
	" down_ms INTEGER,"
	" shortest_ms INTEGER,"
	" longest_ms INTEGER,"
	" PRIMARY KEY (client, line, started_ms, spool, seq)) WITHOUT ROWID;"
	"CREATE INDEX outage_by_end ON outage (ended_ms);"
	"CREATE TABLE watch ("           /* when the line's agent was watching; ranges are apart */
	" client INTEGER NOT NULL,"
	" line INTEGER NOT NULL,"
	" from_ms INTEGER NOT NULL,"
	" to_ms INTEGER NOT NULL,"
	" PRIMARY KEY (client, line, from_ms)) WITHOUT ROWID;"
	"CREATE INDEX watch_by_end ON watch (to_ms);"

	"CREATE TABLE probe_order ("
	" client INTEGER NOT NULL,"
	" line INTEGER NOT NULL,"
	" placed_ms INTEGER NOT NULL,"
	" leg INTEGER NOT NULL,"
	" id TEXT NOT NULL,"
	" expires_ms INTEGER NOT NULL,"
	" person TEXT NOT NULL,"
	" started_ms INTEGER,"           /* with spool and seq the measurement that answers it; NULL until it arrived */
	" spool INTEGER,"
	" seq INTEGER,"
	" PRIMARY KEY (client, line, placed_ms, leg, id)) WITHOUT ROWID;"
	"CREATE INDEX probe_order_unanswered ON probe_order (client, line) WHERE started_ms IS NULL;"

	"CREATE TABLE ticket ("
	" id TEXT PRIMARY KEY,"
	" line INTEGER NOT NULL REFERENCES line,"
	" defect INTEGER NOT NULL,"
	" leg INTEGER,"
	" state INTEGER NOT NULL,"
	" holder TEXT NOT NULL CHECK (holder <> ''),"
	" opened_ms INTEGER NOT NULL,"
	" defect_from_ms INTEGER NOT NULL,"
	" fixed_ms INTEGER,"
	" proven_ms INTEGER,"
	" closed_ms INTEGER,"
	" reopened_ms INTEGER,"
	" reopen_count INTEGER NOT NULL,"
	" chronic INTEGER NOT NULL,"
	" unverified INTEGER NOT NULL,"
	" retrospective INTEGER NOT NULL,"
	" incident TEXT) WITHOUT ROWID;"   /* the one that it is a child of */
	"CREATE INDEX ticket_by_incident ON ticket (incident) WHERE incident IS NOT NULL;"
	"CREATE UNIQUE INDEX ticket_unclosed ON ticket (line, defect) WHERE state NOT IN (5, 6);"   /* closed, withdrawn */
	"CREATE INDEX ticket_by_time ON ticket (opened_ms, id);"
	"CREATE INDEX ticket_by_line ON ticket (line, defect, opened_ms);"

	"CREATE TABLE ticket_evidence ("   /* place 0 is that of the opening */
	" ticket TEXT NOT NULL REFERENCES ticket,"
	" place INTEGER NOT NULL,"
	" evidence TEXT NOT NULL,"
	" PRIMARY KEY (ticket, place)) WITHOUT ROWID;"
	"CREATE TABLE ticket_move ("
	" ticket TEXT NOT NULL REFERENCES ticket,"
	" place INTEGER NOT NULL,"
	" action TEXT NOT NULL,"
	" at_ms INTEGER NOT NULL,"
	" person TEXT NOT NULL,"
	" holder TEXT NOT NULL,"
	" state INTEGER NOT NULL,"
	" note TEXT,"
	" details TEXT,"
	" PRIMARY KEY (ticket, place)) WITHOUT ROWID;"

	/* What H5 counts and found, and what is to be derived again (guard.h). */
	"CREATE TABLE guard_cell ("
	" leg INTEGER NOT NULL,"
	" cell_ms INTEGER NOT NULL,"
	" branch TEXT NOT NULL,"
	" valid INTEGER NOT NULL,"
	" bad INTEGER NOT NULL,"
	" good INTEGER NOT NULL,"
	" busy INTEGER NOT NULL,"
	" altered INTEGER NOT NULL,"
	" intact INTEGER NOT NULL,"
	" PRIMARY KEY (leg, cell_ms, branch)) WITHOUT ROWID;"
	"CREATE TABLE guard_day ("
	" leg INTEGER NOT NULL,"
	" day_ms INTEGER NOT NULL,"
	" valid INTEGER NOT NULL,"
	" bad INTEGER NOT NULL,"
	" good INTEGER NOT NULL,"
	" busy INTEGER NOT NULL,"
	" altered INTEGER NOT NULL,"
	" intact INTEGER NOT NULL,"
	" PRIMARY KEY (leg, day_ms)) WITHOUT ROWID;"
	"CREATE TABLE guard_verdict ("
	" cell_ms INTEGER PRIMARY KEY,"
	" result INTEGER NOT NULL,"
	" exempt_local INTEGER NOT NULL,"
	" exempt_hub INTEGER NOT NULL,"
	" content_local INTEGER NOT NULL,"
	" content_hub INTEGER NOT NULL);"
	"CREATE TABLE network_due ("
	" work INTEGER PRIMARY KEY,"
	" from_ms INTEGER NOT NULL,"
	" touched_ms INTEGER NOT NULL,"
	" version INTEGER NOT NULL);"
	"CREATE TABLE derive_queue (line INTEGER PRIMARY KEY, from_ms INTEGER NOT NULL);"

	/* Evaluations that blamed something or had something open; state is the fold's after it (incident.h). */
	"CREATE TABLE evaluation (at_ms INTEGER PRIMARY KEY, blames TEXT NOT NULL, state TEXT NOT NULL);"
	"CREATE TABLE incident ("
	" id TEXT PRIMARY KEY,"
	" key TEXT NOT NULL UNIQUE,"    /* what it was at its opening, and when; the id is of the first key */
	" kind INTEGER NOT NULL,"
	" cause INTEGER NOT NULL,"
	" node TEXT NOT NULL,"
	" class TEXT NOT NULL,"
	" alternatives TEXT NOT NULL,"
	" margin INTEGER,"
	" from_ms INTEGER NOT NULL,"
	" opened_ms INTEGER NOT NULL,"
	" last_ms INTEGER NOT NULL,"
	" proven_ms INTEGER,"
	" merged TEXT,"                 /* the key of the one that it became part of */
	" moves TEXT NOT NULL,"
	" withdrawn_ms INTEGER,"        /* late facts undid it */
	" fixed_ms INTEGER,"            /* people's */
	" closed_ms INTEGER,"
	" said TEXT NOT NULL) WITHOUT ROWID;"   /* what people said of it, as the API shows it */
	"CREATE INDEX incident_by_time ON incident (opened_ms, id);"
	"CREATE TABLE incident_line ("
	" incident TEXT NOT NULL REFERENCES incident,"
	" line INTEGER NOT NULL REFERENCES line,"
	" PRIMARY KEY (incident, line)) WITHOUT ROWID;"
	"CREATE INDEX incident_line_by_line ON incident_line (line);"

	/* What was derived from measurements (derived.h): it can be thrown away and made again. */
	"CREATE TABLE derived_move ("
	" client INTEGER NOT NULL,"
	" line INTEGER NOT NULL,"
	" defect INTEGER NOT NULL,"
	" at_ms INTEGER NOT NULL,"
	" place INTEGER NOT NULL,"      /* among those of the same moment */
	" what INTEGER NOT NULL,"
	" from_ms INTEGER NOT NULL,"
	" samples INTEGER NOT NULL,"
	" PRIMARY KEY (client, line, defect, at_ms, place)) WITHOUT ROWID;"
	"CREATE TABLE fold_head ("      /* a kilobyte or two a row: not in the key's own tree */
	" client INTEGER NOT NULL,"
	" line INTEGER NOT NULL,"
	" newest_ms INTEGER NOT NULL,"
	" state BLOB NOT NULL,"
	" PRIMARY KEY (client, line));"
	"CREATE TABLE fold_checkpoint ("
	" client INTEGER NOT NULL,"
	" line INTEGER NOT NULL,"
	" newest_ms INTEGER NOT NULL,"
	" state BLOB NOT NULL,"
	" PRIMARY KEY (client, line, newest_ms));"
	"CREATE TABLE leaf_change ("
	" client INTEGER NOT NULL,"
	" line INTEGER NOT NULL,"
	" leg INTEGER NOT NULL,"
	" at_ms INTEGER NOT NULL,"
	" state INTEGER NOT NULL,"
	" PRIMARY KEY (client, line, leg, at_ms)) WITHOUT ROWID;"
	"CREATE TABLE leg_day ("        /* coverage: cells of a day (UTC) that hold a valid probe */
	" client INTEGER NOT NULL,"
	" line INTEGER NOT NULL,"
	" leg INTEGER NOT NULL,"
	" day INTEGER NOT NULL,"
	" first_ms INTEGER NOT NULL,"
	" cells INTEGER NOT NULL,"
	" PRIMARY KEY (client, line, leg, day)) WITHOUT ROWID;"
	"CREATE TABLE exemption ("
	" leg INTEGER NOT NULL,"        /* -1: both */
	" from_ms INTEGER NOT NULL,"
	" why INTEGER NOT NULL,"
	" to_ms INTEGER NOT NULL,"
	" PRIMARY KEY (leg, from_ms, why)) WITHOUT ROWID;"
	"CREATE INDEX exemption_by_end ON exemption (to_ms);"

	"CREATE TABLE person ("
	" name TEXT PRIMARY KEY,"
	" role INTEGER NOT NULL,"
	" password_hash TEXT NOT NULL,"
	" created_ms INTEGER NOT NULL,"
	" disabled_ms INTEGER) WITHOUT ROWID;"
	"CREATE TABLE session ("
	" hash BLOB PRIMARY KEY,"
	" person TEXT NOT NULL REFERENCES person,"
	" csrf TEXT NOT NULL,"
	" created_ms INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX session_by_person ON session (person);"
	"CREATE INDEX session_by_end ON session (expires_ms);",
};

#define MIGRATION_COUNT ((int)(sizeof migrations / sizeof migrations[0]))

static int read_version(struct db *db, int *ret_version, struct err *err)
{
	sqlite3_stmt *statement = db_statement(db, "PRAGMA user_version");

	if (db_step(statement, err) < 0)
		return -1;
	*ret_version = (int)db_column_integer(statement, 0);
	sqlite3_reset(statement);
	return 0;
}

/* Looks at the version again inside the transaction: another process may have upgraded meanwhile. */
static int upgrade_once(struct db *db, int *ret_version, struct err *err)
{
	char set_version[64];
	int version;

	if (read_version(db, &version, err) < 0)
		return -1;
	*ret_version = version;
	if (version >= MIGRATION_COUNT)
		return 0;
	snprintf(set_version, sizeof set_version, "PRAGMA user_version = %d", version + 1);
	if (db_execute(db, migrations[version], err) < 0 || db_execute(db, set_version, err) < 0)
		return err_wrap(err, "schema %d", version + 1);
	*ret_version = version + 1;
	return 0;
}

int schema_upgrade(struct db *db, struct err *err)
{
	int version;

	if (read_version(db, &version, err) < 0)
		return -1;
	while (version < MIGRATION_COUNT) {
		if (db_execute(db, "BEGIN IMMEDIATE", err) < 0)
			return -1;
		if (upgrade_once(db, &version, err) < 0 || db_execute(db, "COMMIT", err) < 0) {
			struct err ignored;

			db_execute(db, "ROLLBACK", &ignored);
			return -1;
		}
	}
	if (version > MIGRATION_COUNT)
		return err_set(err, ERR_USAGE, "schema %d was written by a newer Plumbline, this one knows %d", version,
			       MIGRATION_COUNT);
	return 0;
}
