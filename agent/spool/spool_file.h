/* spool_file.h - the spool's SQLite file: made, checked, and set aside when it is damaged.
 *
 *   meta      one row: the spool's UUID, the counter of sequence numbers, how far the collector has it
 *   event     by class and seq, so that events of one class can go and leave whole pages free; refusal: why the collector
 *             will not have it, and it waits no more
 *   kept      short texts by name
 *   delivery  up to which seq one report brought it, when, and how many bytes: what may be forgotten, and asked for again
 *
 * Source:    methodology J5 to J7.      Ownership: connections are the caller's (db_close). */
#ifndef PLUMBLINE_SPOOL_FILE_H
#define PLUMBLINE_SPOOL_FILE_H

#include <jansson.h>
#include <limits.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/random.h"
#include "agent/base/sqlite.h"

/* Opens the file for writing, or makes it: with a UUID drawn now and the generation (or JSON_ABSENT). check: read all of
 * it, which takes a second for each few hundred megabytes. Fails with ERR_DAMAGED, ERR_UNSUPPORTED (made by a newer
 * version), else ERR_IO. */
int spool_file_open(const char *path, const struct random_source *random, int64_t generation, bool check, struct db **ret_db,
		    struct err *err);

/* For reading beside a daemon. Fails with ERR_NOT_FOUND while there is none, else as above. */
int spool_file_open_reading(const char *path, struct db **ret_db, struct err *err);

/* Adds what waits in the file, as far as it can be read, to the members of a "dropped" event; else one entry without a
 * count. reason and spool as in dropped.h. */
void spool_file_count_lost(struct db *db, const char *reason, const char *spool, json_t *members);

/* Renames the file, which nobody of this process has open, to path.damaged-<UTC time>, its log of commits with it, and
 * forgets all but the newest two of such files. Fails with ERR_IO. */
int spool_file_set_aside(const char *path, char ret_kept[PATH_MAX], struct err *err);

#endif
