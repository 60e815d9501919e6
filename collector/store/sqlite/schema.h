/* schema.h - the tables, as numbered migrations; PRAGMA user_version tells how many a file has had.
 * Units:   columns ending _ms are UTC milliseconds. Numbers of enums are those of the headers: they are stored, so the
 *          headers' lists only grow at their end.
 * Keys:    text ids come from outside; numbers are made here, because big tables repeat them in every row.
 * Portable: no triggers, no now(), no defaults that compute; big tables begin their key with the client's number. */
#ifndef PLUMBLINE_SCHEMA_H
#define PLUMBLINE_SCHEMA_H

#include "agent/base/sqlite.h"

/* Applies the migrations that the file lacks, each in a transaction of its own. Fails with ERR_USAGE when the file is
 * newer than this program, else ERR_IO or ERR_BUSY. */
int schema_upgrade(struct db *db, struct err *err);

#endif
