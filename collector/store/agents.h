/* agents.h - join tokens, agents with their public keys, and what each agent's spool has delivered.
 * Threads: a store thread, inside a job. */
#ifndef PLUMBLINE_AGENTS_H
#define PLUMBLINE_AGENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "collector/store/clients.h"

struct txn;

#define TOKEN_HASH_BYTES 32   /* SHA-256 of a join token; the token itself is never stored */
#define PUBLIC_KEY_BYTES 32

struct agent {
	char id[ID_SIZE];
	char line[ID_SIZE];
	int64_t line_number, client_number;
	unsigned char public_key[PUBLIC_KEY_BYTES];
	int64_t generation;          /* the one it should send next (contract 3) */
	int64_t revoked_ms;          /* JSON_ABSENT while it is not */
	int64_t number;              /* made by the store */
};

/* ERR_NOT_FOUND when the line is unknown. */
int token_put(struct txn *txn, const unsigned char hash[TOKEN_HASH_BYTES], const char *line, int64_t created_ms,
	      int64_t expires_ms, struct err *err);

/* Uses a token up for the key: makes the agent, or finds the one that the same key made with it before. A line's earlier
 * agent is not touched. Fails with ERR_UNAUTHORIZED (unknown or expired token), ERR_CONFLICT (used by another key). */
struct enrolment {
	const unsigned char *token_hash;
	const unsigned char *public_key;
	const char *new_agent_id;
	const char *host, *version;
	int64_t now_ms;
};
int agent_enrol(struct txn *txn, const struct enrolment *enrolment, struct agent *ret_agent, struct err *err);

/* ERR_NOT_FOUND when there is none; a revoked one is found. */
int agent_get(struct txn *txn, const char *id, struct agent *ret_agent, struct err *err);
/* Whether an agent that is not revoked is enrolled for the line. */
int line_has_agent(struct txn *txn, const struct line *line, bool *ret_has, struct err *err);
int agent_revoke(struct txn *txn, const char *id, int64_t now_ms, struct err *err);

struct agent_filter {
	/* Those that are not revoked and were heard within from_ms <= t < before_ms; enrolling counts. 0 and 0: all. */
	int64_t heard_from_ms, heard_before_ms;
	const char *cursor;          /* from an earlier page, or NULL */
	int64_t limit;               /* 1 to 500; 0: all of them */
};

/* {"items": [{id, line, host, version, enrolled_ms, last_report_ms, revoked_ms, copied_ms}], "cursor"} by id. */
int agents_list(struct txn *txn, const struct agent_filter *filter, json_t **ret_page, struct err *err);

/* Keeps a report as it came (bytes compressed as they are, digest, signature). copied: from an older generation, kept
 * apart, and the agent is marked. */
struct report_fact {
	const struct agent *agent;
	const char *spool;           /* UUID */
	int64_t received_ms, sent_ms;
	const char *content_digest, *signature_input, *signature;
	const void *body;
	size_t body_bytes;
	bool copied;
};
int report_put(struct txn *txn, const struct report_fact *report, struct err *err);

/* Sets the generation that the agent should send next, and when it was last heard. */
int agent_heard(struct txn *txn, const struct agent *agent, int64_t generation, int64_t now_ms, struct err *err);

/* The store's number of an agent's spool; made at first sight. */
int spool_number(struct txn *txn, const struct agent *agent, const char *spool, int64_t *ret_number, struct err *err);

#define SEQ_MAX (INT64_MAX - 1)   /* ranges of sequence numbers end one above their last */

/* Marks (spool, seq) as taken; seq lies between 0 and SEQ_MAX. *ret_fresh is false when it had been before: the event counts once, in whatever order and
 * however often reports arrive. Kept as ranges, so its cost does not grow with the number of events. */
int spool_take(struct txn *txn, int64_t spool, int64_t seq, bool *ret_fresh, struct err *err);

/* The same for all from first_seq to last_seq at once, where none of them had been taken; otherwise *ret_fresh is false, and
 * nothing was marked. */
int spool_take_run(struct txn *txn, int64_t spool, int64_t first_seq, int64_t last_seq, bool *ret_fresh, struct err *err);

/* Finds out whether what the spool delivered before seq is missing here, as after the database was restored from an older
 * backup: when seq begins a range of those taken, *ret_from is the first one missing before it, else seq itself. */
int spool_gap(struct txn *txn, int64_t spool, int64_t seq, int64_t *ret_from, struct err *err);

/* Drops reports received before; at most limit rows. *ret_count: how many went. */
int reports_prune(struct txn *txn, int64_t before_ms, int64_t limit, int64_t *ret_count, struct err *err);

#endif
