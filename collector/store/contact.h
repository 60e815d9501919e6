/* contact.h - when agents were heard, and what is kept from round to round of those that are not (Q1 to Q4).
 * A line is heard when any of its agents is that is not revoked; enrolling is being heard too.
 * Times:   _ms UTC, the collector's clock; JSON_ABSENT where there is none. Threads: a store thread, inside a job. */
#ifndef PLUMBLINE_CONTACT_H
#define PLUMBLINE_CONTACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "collector/decide/absence.h"
#include "collector/decide/silence.h"
#include "collector/store/clients.h"

struct txn;

struct contact_row {
	int64_t line_number;
	char line[ID_SIZE];
	bool always_on;
	int64_t heard_ms;            /* now */
	/* Kept since the line became late, and until its ticket is settled. */
	int64_t late_ms;             /* JSON_ABSENT: nothing is kept */
	int64_t gap_from_ms;         /* when it had been heard then */
	bool is_silent;
	int64_t opened_ms;           /* its ticket; JSON_ABSENT while it has none */
	int64_t returned_ms;         /* when it was heard again after that */
};

/* Every line that has an agent, by number; the caller frees. What is kept of lines that have none any more is dropped. */
int contacts_read(struct txn *txn, struct contact_row **ret_rows, size_t *ret_count, struct err *err);
int contact_put(struct txn *txn, const struct contact_row *row, struct err *err);
int contact_drop(struct txn *txn, int64_t line_number, struct err *err);

/* Whether the line was silent at the last round. */
int contact_is_silent(struct txn *txn, const struct line *line, bool *ret_is, struct err *err);

/* How many lines became late in an hour, counted from 1970. contact_hours: those of the hours that are known, a week apart,
 * before this one; returns how many, at most SILENCE_WEEKS. Hours older than that are dropped. */
int contact_hour_add(struct txn *txn, int64_t hour, int64_t late, struct err *err);
int contact_hours(struct txn *txn, int64_t hour, int64_t ret_late[SILENCE_WEEKS], struct err *err);

/* From round to round; at first no guard is active and none ended. */
struct contact_state {
	struct silence_guard guard;
	int64_t own_fault_ms;        /* since when a mass silence is held to be the collector's own fault; JSON_ABSENT */
};
int contact_state_get(struct txn *txn, struct contact_state *ret_state, struct err *err);
int contact_state_put(struct txn *txn, const struct contact_state *state, struct err *err);

/* What the line's agent said of a stretch of time, by from_ms; the caller frees. *ret_newest_ms: how far what it said goes,
 * JSON_ABSENT when it said nothing. */
int absence_facts(struct txn *txn, const struct line *line, int64_t from_ms, int64_t to_ms, struct absence_fact **ret_facts,
		  size_t *ret_count, int64_t *ret_newest_ms, struct err *err);

/* A small write, to see how long a commit takes. */
int contact_beat(struct txn *txn, int64_t now_ms, struct err *err);

#endif
