/* keeper.h - takes every event this agent makes, whatever its disk does.
 *
 * An event goes to the spool. While that fails (no space, a read-only or broken disk, a damaged file) events stay in
 * memory, as many as KEEPER_HELD_MAX; beyond it the least important and oldest goes, and is counted. keeper_tend tries
 * again, and stores them in the order in which they were made. An event counts as made once it is in the spool. Each
 * change between working and not is logged once.
 *
 * Ownership: keeper_open makes it with its spool, keeper_close releases both.
 * Threads:   one.           Source: methodology J5 to J7. */
#ifndef PLUMBLINE_KEEPER_H
#define PLUMBLINE_KEEPER_H

#include <stddef.h>
#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/random.h"
#include "agent/spool/spool.h"

#define KEEPER_HELD_MAX 256

struct keeper;

struct keeper_options {
	const char *path;              /* of the spool file */
	int64_t max_bytes;
	struct random_source random;
	struct clock clock;
};

/* A disk that does not work is no failure. Fails with ERR_UNSUPPORTED: the spool was made by a newer version. */
int keeper_open(const struct keeper_options *options, struct keeper **ret_keeper, struct err *err);

/* Tries a last time to store what is in memory. Accepts NULL. */
void keeper_close(struct keeper *keeper);

/* The same one until keeper_close, whatever happens to its file. */
struct spool *keeper_spool(struct keeper *keeper);

/* Stores the event, or holds a copy of it: its members' reference is its own, its boot must outlive the keeper. */
void keeper_append(struct keeper *keeper, const struct spool_event *event);

/* Brings the spool back and stores what is held, if it can be done now. */
void keeper_tend(struct keeper *keeper);

/* How long keeper_tend may be left uncalled from now on: 10 s while the disk does not work, else 30 s. */
int64_t keeper_wait_ms(const struct keeper *keeper);

/* How many events are in memory. */
size_t keeper_held(const struct keeper *keeper);

#endif
