/* rounds.h - what is done again and again beside requests: rows of a job and how often, each in turn on the store's writer.
 * A round begins every_ms after its last one ended, so none overtakes itself; one that left something undone goes on soon,
 * after reports had their turn.
 * Ownership: rounds_start makes it; the table, and arg of its rows, must live until rounds_free.
 * Threads:   the loop's; the jobs run on the store's writer. */
#ifndef PLUMBLINE_ROUNDS_H
#define PLUMBLINE_ROUNDS_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "agent/base/err.h"
#include "collector/store/store.h"

/* Returns 0, 1 when there is more to be done, -1. What failed is logged and tried again in its time. */
typedef int (*round_job)(struct txn *txn, void *arg, struct err *err);

struct round {
	const char *name;       /* in the log */
	int64_t every_ms;
	round_job run;
	void *arg;
};

struct rounds;

/* The first rounds begin at once. */
struct rounds *rounds_start(uv_loop_t *loop, struct store *store, const struct round *table, size_t count);

/* No round begins from now on; one that the store still has is finished by it. */
void rounds_stop(struct rounds *rounds);   /* accepts NULL */
void rounds_free(struct rounds *rounds);   /* after the loop ended; accepts NULL */

#endif
