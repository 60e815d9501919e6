/* spool_room.h - what leaves the spool's file, when, and in which order.
 *
 * What the collector has acknowledged stays for a week within a byte bound, so that a collector restored from a backup can
 * ask for it again; outages stay five weeks for the people who ask this agent. When the file has reached its bound:
 * first what was acknowledged, then what was refused, then what waits: measurements, latency and alive, boot and clock
 * steps, outages last, always the oldest. What has been sent and may have arrived is not touched: nothing is both stored
 * and counted as lost. The record of what was lost never goes.
 *
 * Every call does a bounded number of rows. All of it inside the caller's transaction.
 *
 * Units:   _ms UTC milliseconds, _bytes.       Threads: the connection's.
 * Source:  methodology J6. */
#ifndef PLUMBLINE_SPOOL_ROOM_H
#define PLUMBLINE_SPOOL_ROOM_H

#include <jansson.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/sqlite.h"

#define ROOM_KEPT_MS    INT64_C(604800000)    /* 7 days, of what was acknowledged */
#define ROOM_KEPT_BYTES (INT64_C(32) << 20)   /* and so much of it, or an eighth of the bound */

/* In the order in which they go; the numbers are stored. */
enum spool_class { CLASS_MEASUREMENT, CLASS_WATCH, CLASS_BOOT, CLASS_OUTAGE, CLASS_DROPPED };

enum spool_class spool_class(const char *type);

/* Notes that one report brought everything up to last_seq. Before meta.acked_seq is raised. */
int room_note_delivery(struct db *db, int64_t last_seq, int64_t at_ms, struct err *err);

/* Forgets what was acknowledged long ago, or is beyond kept_bytes, and all but the newest of what was refused. */
int room_forget(struct db *db, int64_t now_ms, int64_t kept_bytes, struct err *err);

/* While the file has reached max_bytes: takes one step. Of what waits only events between after_seq and before_seq go;
 * they are added to lost (dropped.h). Fails with ERR_TOO_LARGE when there is nothing that may go. */
struct room_bounds {
	int64_t max_bytes;
	int64_t after_seq, before_seq;
};
int room_make(struct db *db, const struct room_bounds *bounds, json_t *lost, struct err *err);

#endif
