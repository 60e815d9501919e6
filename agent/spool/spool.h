/* spool.h - keeps what this agent has to say until the collector acknowledges it.
 *
 * One SQLite file (spool_file.h). An event is a JSON object; it gets its seq from a counter of its own row, in the
 * transaction that stores it: seq rises by one and is never reused, whatever is deleted. What waits is what lies above
 * the seq that was acknowledged last. What is acknowledged stays a while, for the people who ask this agent and for a
 * collector that asks again; at spool.max_size the least important goes first (spool_room.h), and an event "dropped"
 * says what was lost. What the collector rejected is set aside and shown.
 *
 * A disk that fails makes calls fail; spool_recover then brings back what can be brought back: a file that is damaged or
 * gone is replaced by a new one with a new UUID, and the next event stored there is followed by a "dropped" that says so.
 * The handle stays the same. keeper.h holds events meanwhile.
 *
 * Ownership: spool_new or spool_open makes it, spool_close releases it.
 * Threads:   one thread at a time; commands open the file beside the daemon, for reading.
 * Units:     _ms UTC milliseconds; JSON_ABSENT where unknown.
 * Source:    contract 3; methodology 9.3; J5 to J7 (stored first and sent later, key (agent, spool, seq)). */
#ifndef PLUMBLINE_SPOOL_H
#define PLUMBLINE_SPOOL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/random.h"
#include "agent/spool/dropped.h"

struct spool;

/* Not open yet: spool_recover opens it. Other calls fail with ERR_IO until then. */
struct spool *spool_new(const char *path, int64_t max_bytes, const struct random_source *random);

/* Opens or makes the file where none is in use, or where the one in use cannot be read, was removed, or is damaged; the
 * last is set aside under another name and logged. Reads all of a file that this handle has not had open before. Fails
 * with ERR_UNSUPPORTED (made by a newer version), else ERR_IO: later it may work. */
int spool_recover(struct spool *spool, struct err *err);

/* Both of the above. */
int spool_open(const char *path, int64_t max_bytes, const struct random_source *random, struct spool **ret_spool,
	       struct err *err);

/* For reading beside a daemon. Fails with ERR_NOT_FOUND while there is none, ERR_DAMAGED, ERR_IO. */
int spool_open_reading(const char *path, struct spool **ret_spool, struct err *err);
void spool_close(struct spool *spool);   /* accepts NULL */

struct spool_event {
	const char *boot;        /* id of the boot in which it happened */
	const char *type;        /* "measurement", "boot", ... */
	int64_t at_ms;           /* when it happened */
	const json_t *members;   /* the rest of the object */
};

/* When this returns 0 the event is on disk. Fails with ERR_TOO_LARGE when the file has reached max_bytes and nothing may
 * go, ERR_DAMAGED, else ERR_IO; nothing then counts as kept. */
int spool_append(struct spool *spool, const struct spool_event *event, int64_t *ret_seq, struct err *err);

/* All of them in order and in one transaction, or none. Events whose commit failed before, and was found in the file
 * later, are not stored twice: try again with the same ones first. */
int spool_append_all(struct spool *spool, const struct spool_event *events, size_t count, int64_t *ret_first_seq,
		     struct err *err);

/* For the "dropped" that the next append stores with its event; held in memory until then. */
void spool_note_lost(struct spool *spool, const struct dropped *loss);

/* Leaves word beside the file, for `status` and for the next start, that the disk does not work and how many events are
 * held in memory. The next append that succeeds takes it back. */
void spool_tell_trouble(struct spool *spool, const char *fault, int64_t since_ms, size_t held);

/* The oldest waiting events, in order: at most max_events, and at most max_bytes (and a quarter of the spool's) unless the
 * first alone is longer. They count as sent: from now on they are neither dropped nor changed. */
struct spool_batch {
	struct buf events;       /* JSON objects with commas between */
	size_t count;
	int64_t first_seq, last_seq;   /* 0 when there are none */
};
int spool_batch(struct spool *spool, size_t max_events, size_t max_bytes, struct spool_batch *ret_batch, struct err *err);
void spool_batch_free(struct spool_batch *batch);

/* One answer of the collector, in one transaction: the rejected are set aside, the other events up to acked_seq are
 * done with, and the generation to send next is kept. rejected: [{seq, detail}], or NULL. Fails with ERR_CONFLICT when
 * the report was made from a spool (its UUID) that has been replaced since. */
struct spool_answer {
	const char *spool;
	int64_t acked_seq;
	int64_t generation;
	int64_t at_ms;
	const json_t *rejected;
};
int spool_acknowledge(struct spool *spool, const struct spool_answer *answer, struct err *err);

/* Takes an event out of the way that the collector will not have. */
int spool_set_aside(struct spool *spool, int64_t seq, const char *detail, struct err *err);

/* Makes what was acknowledged and is still kept, from from_seq on, wait again: a collector restored from a backup asks for
 * it. Sending is in order of seq, so it goes before what was made since. */
int spool_resend(struct spool *spool, int64_t from_seq, struct err *err);

/* Whether any event from from_seq to before_seq, without it, could be sent, or sent again. */
int spool_keeps(struct spool *spool, int64_t from_seq, int64_t before_seq, bool *ret_is_kept, struct err *err);

/* Remembers why reports do not arrive, and since when; an acknowledgement forgets it. */
int spool_note_fault(struct spool *spool, const char *fault, int64_t at_ms, struct err *err);

/* A short text under a name, for what must outlive a restart; and back: "" when nothing was kept. It does not outlive the
 * spool file. */
int spool_keep(struct spool *spool, const char *name, const char *text, struct err *err);
int spool_kept(struct spool *spool, const char *name, char *ret_text, size_t size, struct err *err);

struct spool_state {
	char uuid[UUID_SIZE];
	int64_t generation;      /* JSON_ABSENT before the first acknowledgement, also of an earlier spool of this agent */
	int64_t acked_seq;
	int64_t reported_ms;     /* of the last acknowledgement */
	int64_t fault_ms;
	char fault[256];         /* "" when the last report arrived */
	int64_t waiting;
	int64_t oldest_ms;       /* when the first of those waiting happened */
	int64_t set_aside;
};
int spool_state(struct spool *spool, struct spool_state *ret_state, struct err *err);

/* Measurements kept, also acknowledged ones, that started at since_ms or later; oldest first, as they were appended. One
 * that is no JSON any more is left out. */
int spool_measurements(struct spool *spool, int64_t since_ms, json_t **ret_array, struct err *err);

/* Outages that were over at since_ms or later, likewise. */
int spool_outages(struct spool *spool, int64_t since_ms, json_t **ret_array, struct err *err);

/* The newest measurement of a leg ("local", "hub"), or JSON null. */
int spool_newest(struct spool *spool, const char *leg, json_t **ret_measurement, struct err *err);

/* The cell of the newest scheduled measurement, or JSON_ABSENT. */
int spool_newest_cell(struct spool *spool, int64_t *ret_cell_ms, struct err *err);

/* Sets *ret_answered to 1 when a measurement that carries this order's id is kept, else to 0. */
int spool_order_answered(struct spool *spool, const char *order, int *ret_answered, struct err *err);

/* [{seq, type, detail}] of the events set aside, oldest first. */
int spool_rejected(struct spool *spool, json_t **ret_array, struct err *err);

#endif
