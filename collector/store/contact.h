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
#include "collector/decide/localise.h"
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
	int64_t silent_ms;           /* when it became silent; JSON_ABSENT while it is only late */
	int64_t opened_ms;           /* its ticket; JSON_ABSENT while it has none */
	int64_t returned_ms;         /* when it was heard again after that */
};

/* Every line that has an agent, by number; the caller frees. What is kept of lines that have none any more, and no ticket, is
 * dropped. */
int contacts_read(struct txn *txn, struct contact_row **ret_rows, size_t *ret_count, struct err *err);
int contact_put(struct txn *txn, const struct contact_row *row, struct err *err);
int contact_drop(struct txn *txn, int64_t line_number, struct err *err);

/* Keeps for silence_leaves_at that a line was silent with many others, up to to_ms; for five weeks. */
int contact_gap_put(struct txn *txn, const struct contact_row *row, int64_t to_ms, struct err *err);

/* Whether the line was silent at the last round. */
int contact_is_silent(struct txn *txn, const struct line *line, bool *ret_is, struct err *err);

/* How many lines became late in an hour, counted from 1970. contact_hours: those of the hours that are known, a week apart,
 * before this one; returns how many, at most SILENCE_WEEKS. Hours older than that are dropped. */
int contact_hour_add(struct txn *txn, int64_t hour, int64_t late, struct err *err);
int contact_hours(struct txn *txn, int64_t hour, int64_t ret_late[SILENCE_WEEKS], struct err *err);

/* The newest mass silence, and any at a time. Return 1, 0 when there is none, -1. A mass is put by its from_ms. */
int silence_mass_newest(struct txn *txn, struct silence_mass *ret_mass, struct err *err);
int silence_mass_at(struct txn *txn, int64_t at_ms, struct silence_mass *ret_mass, struct err *err);
int silence_mass_put(struct txn *txn, const struct silence_mass *mass, struct err *err);

/* The silence of every line as a leaf (12.1), by line, each once: of a mass at this time, that is not the collector's own fault,
 * its silent lines that are always on are bad, those heard are good; those unknown are left out. Without such a mass all are. */
int silence_leaves_at(struct txn *txn, int64_t at_ms, void (*visit)(void *arg, int64_t line_number, enum leaf_state state),
		      void *arg, struct err *err);

/* What the line's agent said of a stretch of time, by from_ms; the caller frees. *ret_newest_ms: how far what it said goes,
 * JSON_ABSENT when it said nothing. */
int absence_facts(struct txn *txn, const struct line *line, int64_t from_ms, int64_t to_ms, struct absence_fact **ret_facts,
		  size_t *ret_count, int64_t *ret_newest_ms, struct err *err);

/* A small write, to see how long a commit takes. */
int contact_beat(struct txn *txn, int64_t now_ms, struct err *err);

#endif
