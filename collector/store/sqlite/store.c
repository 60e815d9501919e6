/* The happy path: the loop puts a job into a queue and wakes a thread. The writer takes every job that is waiting, runs
 * each in a savepoint of one transaction, commits, and puts them into the finished queue; a reader does so with one job
 * and one snapshot. A signal to the loop (uv_async) then calls their done.
 *
 * What can fail: a job (its savepoint is rolled back, the others stay); the commit, or SQLite ending the transaction by
 * itself in the middle, as it does when the disk is full (all jobs of the group fail, the next group begins anew). */
#include "collector/store/store.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "agent/base/mem.h"
#include "collector/store/sqlite/schema.h"
#include "collector/store/sqlite/txn.h"

#define READERS_MAX 16
#define GROUP_MAX   500   /* jobs in one commit: bounds how long the first of them waits for its answer */

struct job {
	struct job *next;
	store_job run;
	void *arg;
	store_done done;
	bool failed;
	struct err err;
};

struct queue {
	struct job *first, *last;
	int count;
};

struct thread {
	struct store *store;
	struct db *db;
	uv_thread_t id;
};

struct store {
	struct thread threads[1 + READERS_MAX];   /* the writer, then the readers */
	int thread_count;
	bool has_loop;
	void (*closed)(void *arg);
	void *closed_arg;
	uv_async_t async;             /* wakes the loop: jobs are finished, or a thread ended */
	uv_mutex_t lock;              /* guards what follows */
	uv_cond_t write_work, read_work;
	struct queue writes, reads, finished;
	int running;                  /* threads */
	bool closing;
};

static void queue_append(struct queue *queue, struct job *job)
{
	job->next = NULL;
	if (queue->last)
		queue->last->next = job;
	else
		queue->first = job;
	queue->last = job;
	queue->count++;
}

static struct job *queue_take(struct queue *queue)
{
	struct job *job = queue->first;

	if (!job)
		return NULL;
	queue->first = job->next;
	if (!queue->first)
		queue->last = NULL;
	queue->count--;
	return job;
}

static bool transaction_is_lost(struct db *db)
{
	return sqlite3_get_autocommit(db_handle(db));
}

/* Around every job: prepared once, unlike what db_execute runs. */
static int execute(struct db *db, const char *sql, struct err *err)
{
	return db_run(db_statement(db, sql), err);
}

static void roll_back(struct db *db)
{
	struct err ignored;

	if (!transaction_is_lost(db))
		execute(db, "ROLLBACK", &ignored);
}

static void run_job(struct db *db, struct job *job)
{
	struct txn txn = { .db = db };

	job->failed = job->run(&txn, job->arg, &job->err) < 0;
	db_reset(db);
}

static int write_in_savepoint(struct db *db, struct job *job, struct err *err)
{
	if (execute(db, "SAVEPOINT job", err) < 0)
		return -1;
	run_job(db, job);
	if (transaction_is_lost(db))
		return err_set(err, ERR_IO, "transaction was ended: %s",
			       job->failed ? job->err.message : "by a job");
	if (job->failed && execute(db, "ROLLBACK TO job", err) < 0)
		return -1;
	return execute(db, "RELEASE job", err);
}

static int write_all(struct db *db, const struct queue *group, struct err *err)
{
	if (execute(db, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	for (struct job *job = group->first; job; job = job->next)
		if (write_in_savepoint(db, job, err) < 0)
			return -1;
	return execute(db, "COMMIT", err);
}

static void write_group(struct db *db, const struct queue *group)
{
	struct err err;

	if (write_all(db, group, &err) == 0)
		return;
	roll_back(db);
	if (err.code != ERR_BUSY)   /* another process kept the lock: no commit was tried */
		err.code = ERR_IO;
	err_wrap(&err, "store");
	for (struct job *job = group->first; job; job = job->next) {
		job->failed = true;
		job->err = err;
	}
}

static void read_one(struct db *db, struct job *job)
{
	job->failed = execute(db, "BEGIN", &job->err) < 0;
	if (!job->failed)
		run_job(db, job);
	roll_back(db);   /* nothing was written */
}

/* With the lock held; false when the store is closing and the queue is empty. */
static bool wait_for_work(struct store *store, const struct queue *queue, uv_cond_t *work)
{
	while (!queue->first && !store->closing)
		uv_cond_wait(work, &store->lock);
	return queue->first;
}

static void finish(struct store *store, struct queue *jobs)
{
	struct job *job;

	while ((job = queue_take(jobs)))
		queue_append(&store->finished, job);
	uv_async_send(&store->async);
}

static void end_thread(struct store *store)
{
	if (--store->running == 0)
		uv_async_send(&store->async);
	uv_mutex_unlock(&store->lock);
}

static void write_until_closed(void *arg)
{
	struct thread *thread = arg;
	struct store *store = thread->store;

	uv_mutex_lock(&store->lock);
	while (wait_for_work(store, &store->writes, &store->write_work)) {
		struct queue group = { 0 };

		while (store->writes.first && group.count < GROUP_MAX)
			queue_append(&group, queue_take(&store->writes));
		uv_mutex_unlock(&store->lock);
		write_group(thread->db, &group);
		uv_mutex_lock(&store->lock);
		finish(store, &group);
	}
	end_thread(store);
}

static void read_until_closed(void *arg)
{
	struct thread *thread = arg;
	struct store *store = thread->store;

	uv_mutex_lock(&store->lock);
	while (wait_for_work(store, &store->reads, &store->read_work)) {
		struct queue one = { 0 };

		queue_append(&one, queue_take(&store->reads));
		uv_mutex_unlock(&store->lock);
		read_one(thread->db, one.first);
		uv_mutex_lock(&store->lock);
		finish(store, &one);
	}
	end_thread(store);
}

static void call_done(struct store *store)
{
	for (;;) {
		struct job *job;

		uv_mutex_lock(&store->lock);
		job = queue_take(&store->finished);
		uv_mutex_unlock(&store->lock);
		if (!job)
			return;
		job->done(job->arg, job->failed ? &job->err : NULL);
		free(job);
	}
}

static void release(struct store *store)
{
	/* The writer's connection last: the last one to close moves the log into the database, a reader's could not. */
	for (int i = READERS_MAX; i >= 0; i--)
		db_close(store->threads[i].db);
	uv_cond_destroy(&store->read_work);
	uv_cond_destroy(&store->write_work);
	uv_mutex_destroy(&store->lock);
	free(store);
}

static void on_closed(uv_handle_t *handle)
{
	struct store *store = handle->data;
	void (*closed)(void *) = store->closed;
	void *arg = store->closed_arg;

	call_done(store);
	release(store);
	if (closed)
		closed(arg);
}

static void on_wake(uv_async_t *async)
{
	struct store *store = async->data;
	bool ended;

	call_done(store);
	uv_mutex_lock(&store->lock);
	ended = store->running == 0;
	uv_mutex_unlock(&store->lock);
	if (!ended || uv_is_closing((uv_handle_t *)async))
		return;
	for (int i = 0; i < store->thread_count; i++)
		uv_thread_join(&store->threads[i].id);
	uv_close((uv_handle_t *)async, on_closed);
}

static struct store *make(void)
{
	struct store *store = xcalloc(1, sizeof *store);

	if (uv_mutex_init(&store->lock) || uv_cond_init(&store->write_work) || uv_cond_init(&store->read_work))
		abort();
	return store;
}

static int open_databases(struct store *store, const struct store_options *options, struct err *err)
{
	int readers = options->loop ? options->readers : 0;

	assert(readers <= READERS_MAX && (readers >= 1 || !options->loop));
	if (db_open(options->path, false, &store->threads[0].db, err) < 0)
		return -1;
	if (schema_upgrade(store->threads[0].db, err) < 0)
		return err_wrap(err, "%s", options->path);
	for (int i = 1; i <= readers; i++)
		if (db_open(options->path, true, &store->threads[i].db, err) < 0)
			return -1;
	return 0;
}

static int start_thread(struct store *store, int number, struct err *err)
{
	struct thread *thread = &store->threads[number];
	int code;

	thread->store = store;
	uv_mutex_lock(&store->lock);
	store->running++;
	uv_mutex_unlock(&store->lock);
	code = uv_thread_create(&thread->id, number == 0 ? write_until_closed : read_until_closed, thread);
	if (!code) {
		store->thread_count++;
		return 0;
	}
	uv_mutex_lock(&store->lock);
	store->running--;
	uv_mutex_unlock(&store->lock);
	return err_set(err, ERR_INTERNAL, "store thread: %s", uv_strerror(code));
}

static int start_threads(struct store *store, const struct store_options *options, struct err *err)
{
	int code = uv_async_init(options->loop, &store->async, on_wake);

	if (code)
		return err_set(err, ERR_INTERNAL, "store: %s", uv_strerror(code));
	store->async.data = store;
	store->has_loop = true;
	for (int i = 0; i <= options->readers; i++)
		if (start_thread(store, i, err) < 0)
			return -1;
	return 0;
}

int store_open(const struct store_options *options, struct store **ret_store, struct err *err)
{
	struct store *store = make();

	if (open_databases(store, options, err) < 0 || (options->loop && start_threads(store, options, err) < 0)) {
		store_close(store, NULL, NULL);
		return -1;
	}
	*ret_store = store;
	return 0;
}

static void add_job(struct store *store, struct queue *queue, uv_cond_t *work, struct job job)
{
	struct job *kept = xcalloc(1, sizeof *kept);

	*kept = job;
	uv_mutex_lock(&store->lock);
	if (store->closing) {
		kept->failed = true;
		err_set(&kept->err, ERR_BUSY, "the store is closing");
		queue_append(&store->finished, kept);
		uv_async_send(&store->async);
	} else {
		queue_append(queue, kept);
		uv_cond_signal(work);
	}
	uv_mutex_unlock(&store->lock);
}

void store_write(struct store *store, store_job job, void *arg, store_done done)
{
	add_job(store, &store->writes, &store->write_work, (struct job){ .run = job, .arg = arg, .done = done });
}

void store_read(struct store *store, store_job job, void *arg, store_done done)
{
	add_job(store, &store->reads, &store->read_work, (struct job){ .run = job, .arg = arg, .done = done });
}

static int end_alone(const struct job *job, struct err *err)
{
	if (job->failed)
		*err = job->err;
	return job->failed ? -1 : 0;
}

int store_run(struct store *store, store_job job, void *arg, struct err *err)
{
	struct job one = { .run = job, .arg = arg };
	struct queue group = { 0 };

	assert(!store->has_loop);
	queue_append(&group, &one);
	write_group(store->threads[0].db, &group);
	return end_alone(&one, err);
}

int store_run_read(struct store *store, store_job job, void *arg, struct err *err)
{
	struct job one = { .run = job, .arg = arg };

	assert(!store->has_loop);
	read_one(store->threads[0].db, &one);
	return end_alone(&one, err);
}

void store_close(struct store *store, void (*closed)(void *arg), void *arg)
{
	if (!store)
		return;
	if (!store->has_loop) {
		release(store);
		if (closed)
			closed(arg);
		return;
	}
	store->closed = closed;
	store->closed_arg = arg;
	uv_mutex_lock(&store->lock);
	store->closing = true;
	uv_cond_broadcast(&store->write_work);
	uv_cond_broadcast(&store->read_work);
	uv_async_send(&store->async);
	uv_mutex_unlock(&store->lock);
}
