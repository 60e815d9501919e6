/* spool_inner.h - what the parts of the spool share: spool.c (what goes in and out), spool_recover.c (its file) and
 * spool_ask.c (what people ask). For these alone. */
#ifndef PLUMBLINE_SPOOL_INNER_H
#define PLUMBLINE_SPOOL_INNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "agent/base/random.h"
#include "agent/base/sqlite.h"
#include "agent/spool/spool.h"
#include "agent/spool/spool_mark.h"

struct spool {
	struct db *db;             /* NULL while it is not open */
	char *path, *mark_path;
	int64_t max_bytes;
	struct random_source random;
	struct stat file;          /* as opened */
	bool is_damaged;           /* as far as reads and writes have shown */
	char uuid[UUID_SIZE];      /* "" before it was open for the first time */
	struct spool_mark mark;
	int64_t unexplained;       /* events that an earlier run held in memory, until the file shows whether it took them */
	int64_t next_seq;          /* after the last append that is known to be stored */
	int64_t sent_seq;          /* the highest that may have left this machine */
	json_t *untold;            /* losses that no event tells yet (dropped.h) */
};

/* Puts the path before the message, and remembers damage. Always returns -1. */
int spool_fail(struct spool *spool, struct err *err);

/* Before anything is read: fails while no file is open. What the file holds may have changed under us, so nothing is taken
 * from an earlier reading. */
int spool_start_reading(struct spool *spool, struct err *err);

/* First and only row, first column; JSON_ABSENT when it is NULL or there is no row. */
int spool_read_integer(sqlite3_stmt *statement, int64_t *ret_value, struct err *err);

/* Writes the mark: this file is in use, nothing is left to tell of the one before, the disk works. */
void spool_settle_mark(struct spool *spool);

/* Writes the mark as it is. */
void spool_write_mark(struct spool *spool);

#endif
