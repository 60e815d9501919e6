/* journal.h - that the agent was watching, kept on disk so that a gap can be explained afterwards.
 *
 * One row, replaced each time: the last moment at which the agent lived, and what was under way then. gap.h says what lies
 * between it and the next start.
 *
 * Ownership:  a row read owns its JSON until journal_row_free; a row written stays the caller's.
 * Durability: a row survives the end of the process; a durable one survives a power cut too (J1: every 60 s).
 * Source:     methodology 9.3, J1.      Threads: one at a time; commands read beside the daemon. */
#ifndef PLUMBLINE_JOURNAL_H
#define PLUMBLINE_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/watch/gap.h"

struct journal;

struct journal_row {
	struct alive alive;
	int synced;                  /* whether the wall clock was in step: 1, 0, or JSON_ABSENT */
	int64_t alive_from_us;       /* boottime since when the watch was not yet reported */
	json_t *state;               /* what `status` shows */
	json_t *ladder;              /* ladder_json.h; and "told", what was said of an outage before its end */
};

/* Opens or makes the file; one that cannot be read is begun anew, with a word in the log. Fails with ERR_IO. */
int journal_open(const char *path, struct journal **ret_journal, struct err *err);

/* For reading beside a daemon. Fails with ERR_NOT_FOUND while there is none. */
int journal_open_reading(const char *path, struct journal **ret_journal, struct err *err);
void journal_close(struct journal *journal);   /* accepts NULL */

int journal_write(struct journal *journal, const struct journal_row *row, bool durable, struct err *err);

/* The last row. Fails with ERR_NOT_FOUND when there is none, else ERR_IO. */
int journal_read(struct journal *journal, struct journal_row *ret_row, struct err *err);
void journal_row_free(struct journal_row *row);

#endif
