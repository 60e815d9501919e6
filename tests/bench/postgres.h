/* postgres.h - a PostgreSQL server of the bench's own, and one connection that stores measurements in it.
 * The server has the settings that it comes with, fsync and synchronous_commit on among them. It runs as postgres when
 * the bench is root's, because it refuses to be root's. */
#ifndef PLUMBLINE_BENCH_POSTGRES_H
#define PLUMBLINE_BENCH_POSTGRES_H

#include <stdint.h>

#include "agent/base/measurement.h"

struct postgres;

/* Makes a database below dir, which others may pass, and starts the server; ends the process when it cannot. */
struct postgres *postgres_start(const char *dir);
void postgres_stop(struct postgres *postgres);

/* Rows a second of one connection that stores so many rows, per_commit of them by one INSERT a transaction. fill makes the
 * row-th measurement and says whose it is; the columns and the key are those of the collector's table. */
double postgres_store(struct postgres *postgres, int64_t rows, int per_commit,
		      void (*fill)(int64_t row, int64_t *ret_line, int64_t *ret_seq, struct measurement *ret_measurement));

#endif
