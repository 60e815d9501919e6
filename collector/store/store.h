/* store.h - where facts are kept: runs jobs in transactions on its own threads and answers on the loop.
 *
 * A job is a function that works synchronously on a struct txn through the nouns of this folder (clients.h, agents.h,
 * measurements.h, tickets.h, people.h); no job sees SQL. Writing jobs run one after another on one writer thread, each
 * in a savepoint, and whatever queued up while one commit was under way goes into the next (group commit: no job waits for
 * others, and a slow disk gathers more); done is called after the commit is durable. Reading jobs run on
 * several reader threads, each on one consistent snapshot.
 *
 * Ownership: arg stays the caller's and must live until done was called.
 * Threads:   store_write, store_read and done on the loop's thread; jobs on the store's threads.
 * Errors:    a job that returns -1 is rolled back alone, and its err goes to done. When the commit itself fails, every
 *            job of the group gets ERR_IO. A failed commit may still be found after a restart: keys make repeating harmless. */
#ifndef PLUMBLINE_STORE_H
#define PLUMBLINE_STORE_H

#include <stdint.h>
#include <uv.h>

#include "agent/base/err.h"

struct store;
struct txn;

typedef int (*store_job)(struct txn *txn, void *arg, struct err *err);
typedef void (*store_done)(void *arg, const struct err *err);   /* err is NULL when it succeeded */

struct store_options {
	const char *path;
	uv_loop_t *loop;           /* NULL for commands: then only store_run and store_run_read may be used */
	int readers;               /* reader threads, 1 to 16 */
};

/* Opens or creates the database and brings its schema up to date (numbered migrations). Fails with ERR_IO, or ERR_USAGE
 * when the file was written by a newer Plumbline. */
int store_open(const struct store_options *options, struct store **ret_store, struct err *err);

void store_write(struct store *store, store_job job, void *arg, store_done done);
void store_read(struct store *store, store_job job, void *arg, store_done done);

/* Runs one writing job and commits it, on the calling thread: for commands, beside a running daemon too. */
int store_run(struct store *store, store_job job, void *arg, struct err *err);

/* Runs one reading job on a snapshot, on the calling thread. However long it takes, a daemon goes on writing. */
int store_run_read(struct store *store, store_job job, void *arg, struct err *err);

/* Finishes what was queued (every done is called; a job that comes later gets ERR_BUSY), then releases everything and
 * calls closed, on the loop. Without a loop it is finished on return. closed may be NULL. */
void store_close(struct store *store, void (*closed)(void *arg), void *arg);

#endif
