#include "collector/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "collector/store/agents.h"
#include "tests/unit/collector/store/sqlite/fixture.h"

struct bench {
	char directory[32];
	char path[64];
	uv_loop_t loop;
	struct store *store;
	struct db *outside;   /* another connection: sees what is committed */
	sem_t held, go;       /* hold says that it began, and waits */
	int done, failed, closed, commits;
	struct err err;       /* of the last that failed */
};

static struct store *open_store(const char *path, uv_loop_t *loop)
{
	struct store_options options = { .path = path, .loop = loop, .readers = 2 };
	struct store *store;

	assert_ok(store_open(&options, &store, &err));
	return store;
}

static void bench_start(struct bench *bench)
{
	uv_loop_init(&bench->loop);
	sem_init(&bench->held, 0, 0);
	sem_init(&bench->go, 0, 0);
	bench->store = open_store(bench->path, &bench->loop);
	assert_ok(db_open(bench->path, true, &bench->outside, &err));
}

static int bench_open(void **state)
{
	struct bench *bench = xcalloc(1, sizeof *bench);

	directory_make(bench->directory, bench->path);
	bench_start(bench);
	*state = bench;
	return 0;
}

static void on_store_closed(void *arg)
{
	((struct bench *)arg)->closed++;
}

static void close_store(struct bench *bench)
{
	db_close(bench->outside);
	bench->outside = NULL;
	store_close(bench->store, on_store_closed, bench);
	bench->store = NULL;
	uv_run(&bench->loop, UV_RUN_DEFAULT);
	assert_int_equal(bench->closed, 1);
}

static int bench_close(void **state)
{
	struct bench *bench = *state;

	if (bench->store)
		close_store(bench);
	assert_int_equal(uv_loop_close(&bench->loop), 0);
	sem_destroy(&bench->go);
	sem_destroy(&bench->held);
	directory_remove(bench->directory);
	free(bench);
	return 0;
}

/* The directory is a disk of its own of 8 MiB; without the right to mount one, state stays NULL. */
static int small_disk_open(void **state)
{
	struct bench *bench = xcalloc(1, sizeof *bench);

	directory_make(bench->directory, bench->path);
	if (mount("tmpfs", bench->directory, "tmpfs", 0, "size=8m") < 0) {
		print_message("a small disk cannot be mounted here: %s\n", strerror(errno));
		directory_remove(bench->directory);
		free(bench);
		return 0;
	}
	bench_start(bench);
	*state = bench;
	return 0;
}

static int small_disk_close(void **state)
{
	struct bench *bench = *state;

	if (!bench)
		return 0;
	close_store(bench);
	assert_int_equal(umount(bench->directory), 0);
	return bench_close(state);
}

static void count_done(void *arg, const struct err *err)
{
	struct bench *bench = arg;

	bench->done++;
	if (err) {
		bench->failed++;
		bench->err = *err;
	}
}

static void run_until_done(struct bench *bench, int count)
{
	while (bench->done < count)
		uv_run(&bench->loop, UV_RUN_ONCE);
}

static int64_t count_nodes(struct db *db)
{
	return query(db, "SELECT count(*) FROM node");
}

static int put_node(struct txn *txn, const char *id, struct err *err)
{
	struct node node = { .kind = "building" };

	text_copy(node.id, sizeof node.id, id);
	return node_put(txn, &node, NULL, 0, err);
}

static int put_a(struct txn *txn, void *arg, struct err *err)
{
	(void)arg;
	return put_node(txn, "a", err);
}

static int put_b(struct txn *txn, void *arg, struct err *err)
{
	(void)arg;
	return put_node(txn, "b", err);
}

static int remove_nodes(struct txn *txn, void *arg, struct err *err)
{
	(void)arg;
	return db_execute(txn->db, "DELETE FROM node", err);
}

static int put_then_violate(struct txn *txn, void *arg, struct err *err)
{
	(void)arg;
	if (put_node(txn, "half", err) < 0)
		return -1;
	return db_execute(txn->db, "INSERT INTO node (id, name) VALUES ('x', '')", err);
}

static int put_then_refuse(struct txn *txn, void *arg, struct err *err)
{
	(void)arg;
	if (put_node(txn, "refused", err) < 0)
		return -1;
	return err_set(err, ERR_NOT_FOUND, "no such thing");
}

/* As SQLite does by itself when it cannot go on. */
static int end_transaction(struct txn *txn, void *arg, struct err *err)
{
	(void)arg;
	return db_execute(txn->db, "ROLLBACK", err);
}

/* Every statement succeeds; the commit then finds a session of nobody, and leaves the transaction open. */
static int put_what_cannot_be_committed(struct txn *txn, void *arg, struct err *err)
{
	(void)arg;
	return db_execute(txn->db, "PRAGMA defer_foreign_keys = ON;"
				   "INSERT INTO session VALUES (x'00', 'nobody', '', 0, 0)", err);
}

static int put_a_megabyte(struct txn *txn, void *arg, struct err *err)
{
	static const char body[1000000];
	struct agent agent = { .client_number = 1, .number = 1 };
	struct report_fact report = { .agent = &agent, .spool = "", .content_digest = "x", .signature_input = "",
				      .signature = "", .body = body, .body_bytes = sizeof body };

	(void)arg;
	return report_put(txn, &report, err);
}

static int on_commit(void *arg)
{
	((struct bench *)arg)->commits++;
	return 0;
}

/* Keeps the writer until the bench says go: what is queued meanwhile comes into the next commit together. Commits are
 * counted from this one on, by SQLite itself. */
static int hold(struct txn *txn, void *arg, struct err *err)
{
	struct bench *bench = arg;

	(void)err;
	sqlite3_commit_hook(db_handle(txn->db), on_commit, bench);
	sem_post(&bench->held);
	sem_wait(&bench->go);
	return 0;
}

static void hold_writer(struct bench *bench)
{
	store_write(bench->store, hold, bench, count_done);
	sem_wait(&bench->held);
}

static void run_together(struct bench *bench, const store_job *jobs, int count)
{
	bench->done = bench->failed = 0;
	hold_writer(bench);
	for (int i = 0; i < count; i++)
		store_write(bench->store, jobs[i], bench, count_done);
	sem_post(&bench->go);
	run_until_done(bench, count + 1);
}

struct write {
	struct bench *bench;
	char id[16];
};

static int put_write(struct txn *txn, void *arg, struct err *err)
{
	return put_node(txn, ((struct write *)arg)->id, err);
}

/* What is answered is there for others at that moment. */
static void check_committed(void *arg, const struct err *err)
{
	struct write *write = arg;
	char sql[96];

	assert_null(err);
	snprintf(sql, sizeof sql, "SELECT count(*) FROM node WHERE id = '%s'", write->id);
	assert_int_equal(query(write->bench->outside, sql), 1);
	write->bench->done++;
}

static void commits_many_at_once(void **state)
{
	static struct write writes[1200];
	struct bench *bench = *state;

	hold_writer(bench);
	for (int i = 0; i < 1200; i++) {
		writes[i].bench = bench;
		snprintf(writes[i].id, sizeof writes[i].id, "n%d", i);
		store_write(bench->store, put_write, &writes[i], check_committed);
	}
	sem_post(&bench->go);
	run_until_done(bench, 1201);
	assert_int_equal(bench->commits, 1 + 3);   /* at most 500 jobs in one */
	assert_int_equal(count_nodes(bench->outside), 1200);
}

/* A group of three, of which the second goes wrong. */
static const struct {
	const char *name;
	store_job job;
	int failed;
	int64_t nodes;
	enum err_code code;
	const char *message;
} accidents[] = {
	{ "a constraint",         put_then_violate, 1, 2, ERR_CONFLICT,  "NOT NULL constraint failed: node.kind" },
	{ "an error of the job",  put_then_refuse,  1, 2, ERR_NOT_FOUND, "no such thing" },
	{ "a lost transaction",   end_transaction,  3, 0, ERR_IO,        "store: transaction was ended: by a job" },
	{ "a refused commit",     put_what_cannot_be_committed, 3, 0, ERR_IO, "store: FOREIGN KEY constraint failed" },
};

static void contains_accidents(void **state)
{
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof accidents / sizeof accidents[0]; i++) {
		run_together(bench, (const store_job[]){ put_a, accidents[i].job, put_b }, 3);
		if (bench->failed != accidents[i].failed || count_nodes(bench->outside) != accidents[i].nodes)
			fail_msg("%s: %d failed", accidents[i].name, bench->failed);
		assert_string_equal(bench->err.message, accidents[i].message);
		assert_int_equal(bench->err.code, accidents[i].code);
		run_together(bench, (const store_job[]){ remove_nodes }, 1);
		assert_int_equal(bench->failed, 0);
	}
}

/* Runs while nothing can be written; then the disk works again, and so does the next group. */
static const store_job large_group[] = { put_a, put_a_megabyte, put_b };

static void check_recovery(struct bench *bench, const char *message)
{
	assert_int_equal(bench->failed, 3);
	assert_int_equal(bench->err.code, ERR_IO);
	assert_string_equal(bench->err.message, message);
	assert_int_equal(count_nodes(bench->outside), 0);
	for (int i = 0; i < 2; i++) {
		run_together(bench, large_group, 3);
		assert_int_equal(bench->failed, 0);
	}
	assert_int_equal(count_nodes(bench->outside), 2);
	assert_int_equal(query(bench->outside, "SELECT count(*) FROM report"), 1);
}

static void recovers_from_a_failed_write(void **state)
{
	struct bench *bench = *state;
	struct rlimit before, limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 512 * 1024;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	run_together(bench, large_group, 3);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	check_recovery(bench, "store: disk I/O error");
}

static void fill_disk(const char *ballast)
{
	static const char zeros[4096];
	int fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	while (write(fd, zeros, sizeof zeros) > 0)
		continue;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void recovers_from_a_full_disk(void **state)
{
	struct bench *bench = *state;
	char ballast[64];

	if (!bench)
		skip();
	snprintf(ballast, sizeof ballast, "%s/ballast", bench->directory);
	fill_disk(ballast);
	run_together(bench, large_group, 3);
	unlink(ballast);
	check_recovery(bench, "store: database or disk is full");
}

/* A reader counts, lets the writer commit, and counts again when that was answered. */
struct reading {
	struct bench *bench;
	sem_t counted, committed;
	int64_t before, after;
};

static int64_t count_in(struct txn *txn)
{
	return query(txn->db, "SELECT count(*) FROM node");
}

static int read_twice(struct txn *txn, void *arg, struct err *err)
{
	struct reading *reading = arg;

	(void)err;
	reading->before = count_in(txn);
	sem_post(&reading->counted);
	sem_wait(&reading->committed);
	reading->after = count_in(txn);
	return 0;
}

static int read_once(struct txn *txn, void *arg, struct err *err)
{
	struct reading *reading = arg;

	(void)err;
	reading->before = count_in(txn);
	return 0;
}

static int put_when_counted(struct txn *txn, void *arg, struct err *err)
{
	sem_wait(&((struct reading *)arg)->counted);
	return put_node(txn, "a", err);
}

static void reading_done(void *arg, const struct err *err)
{
	count_done(((struct reading *)arg)->bench, err);
}

static void on_counted_write(void *arg, const struct err *err)
{
	sem_post(&((struct reading *)arg)->committed);
	reading_done(arg, err);
}

static void reads_one_snapshot(void **state)
{
	struct bench *bench = *state;
	struct reading reading = { .bench = bench };

	sem_init(&reading.counted, 0, 0);
	sem_init(&reading.committed, 0, 0);
	store_read(bench->store, read_twice, &reading, reading_done);
	store_write(bench->store, put_when_counted, &reading, on_counted_write);
	run_until_done(bench, 2);
	assert_int_equal(reading.before, 0);
	assert_int_equal(reading.after, 0);
	for (int i = 0; i < 4; i++) {   /* on whichever reader */
		store_read(bench->store, read_once, &reading, reading_done);
		run_until_done(bench, 3 + i);
		assert_int_equal(reading.before, 1);
	}
	assert_int_equal(bench->failed, 0);
	sem_destroy(&reading.counted);
	sem_destroy(&reading.committed);
}

static void readers_cannot_write(void **state)
{
	struct bench *bench = *state;

	store_read(bench->store, put_a, bench, count_done);
	run_until_done(bench, 1);
	assert_int_equal(bench->failed, 1);
	assert_int_equal(bench->err.code, ERR_IO);
	assert_string_equal(bench->err.message, "attempt to write a readonly database");
}

/* Leaves a statement in the middle of its rows. */
static int read_half(struct txn *txn, void *arg, struct err *err)
{
	(void)arg;
	return db_step(db_statement(txn->db, "SELECT id FROM node"), err) < 0 ? -1 : 0;
}

static void half_read_rows_keep_no_snapshot(void **state)
{
	struct bench *bench = *state;
	struct reading reading = { .bench = bench };

	run_together(bench, (const store_job[]){ put_a, put_b, read_half }, 3);
	for (int i = 0; i < 4; i++)
		store_read(bench->store, read_half, bench, count_done);
	run_until_done(bench, 8);
	run_together(bench, (const store_job[]){ remove_nodes }, 1);
	for (int i = 0; i < 4; i++) {
		store_read(bench->store, read_once, &reading, reading_done);
		run_until_done(bench, 3 + i);
		assert_int_equal(reading.before, 0);
	}
	assert_int_equal(bench->failed, 0);
}

static void write_more(void *arg, const struct err *err)
{
	struct bench *bench = arg;

	count_done(bench, err);
	store_write(bench->store, put_b, bench, count_done);
}

static void closes_after_what_was_queued(void **state)
{
	struct bench *bench = *state;
	struct store *store = bench->store;

	db_close(bench->outside);
	bench->outside = NULL;
	store_write(store, put_a, bench, write_more);
	for (int i = 0; i < 20; i++) {
		store_read(store, read_half, bench, count_done);
		store_write(store, put_a, bench, count_done);
	}
	store_close(store, on_store_closed, bench);
	store_write(store, put_b, bench, count_done);
	assert_int_equal(bench->done, 0);
	uv_run(&bench->loop, UV_RUN_DEFAULT);
	assert_int_equal(bench->closed, 1);
	assert_int_equal(bench->done, 43);
	assert_int_equal(bench->failed, 2);
	assert_int_equal(bench->err.code, ERR_BUSY);
	assert_string_equal(bench->err.message, "the store is closing");

	bench->closed = 0;
	bench->store = open_store(bench->path, &bench->loop);
	assert_ok(db_open(bench->path, true, &bench->outside, &err));
	assert_int_equal(count_nodes(bench->outside), 1);
	run_together(bench, (const store_job[]){ put_b }, 1);
	assert_int_equal(count_nodes(bench->outside), 2);
}

struct command {
	struct bench *bench;
	struct store *store;
};

static void run_command(void *arg)
{
	struct command *command = arg;

	sem_post(&command->bench->go);
	assert_ok(store_run(command->store, put_b, NULL, &err));
}

/* The command begins while the daemon's writer holds the lock. */
static void runs_beside_a_daemon(void **state)
{
	struct bench *bench = *state;
	struct command command = { bench, open_store(bench->path, NULL) };
	uv_thread_t thread;

	hold_writer(bench);
	store_write(bench->store, put_a, bench, count_done);
	assert_int_equal(uv_thread_create(&thread, run_command, &command), 0);
	run_until_done(bench, 2);
	uv_thread_join(&thread);
	assert_int_equal(bench->failed, 0);
	assert_int_equal(count_nodes(bench->outside), 2);
	assert_fails(store_run(command.store, put_then_refuse, NULL, &err), ERR_NOT_FOUND, "no such thing");
	assert_int_equal(count_nodes(bench->outside), 2);
	store_close(command.store, NULL, NULL);
}

/* The daemon commits while the command is in the middle of its reading, and the command goes on seeing what it saw. */
static int read_while_others_write(struct txn *txn, void *arg, struct err *err)
{
	struct bench *bench = arg;

	(void)err;
	assert_int_equal(count_nodes(txn->db), 0);
	store_write(bench->store, put_a, bench, count_done);
	run_until_done(bench, 1);
	assert_int_equal(bench->failed, 0);
	assert_int_equal(count_nodes(bench->outside), 1);
	assert_int_equal(count_nodes(txn->db), 0);
	return 0;
}

static void reads_beside_a_daemon(void **state)
{
	struct bench *bench = *state;
	struct store *store = open_store(bench->path, NULL);

	assert_ok(store_run_read(store, read_while_others_write, bench, &err));
	assert_fails(store_run_read(store, put_then_refuse, NULL, &err), ERR_NOT_FOUND, "no such thing");
	store_close(store, NULL, NULL);
}

static void refuses_what_it_cannot_open(void **state)
{
	struct bench *bench = *state;
	struct store_options options = { .path = "/nonexistent/x.db" };
	struct store *store;
	struct db *db;
	char message[160];

	assert_fails(store_open(&options, &store, &err), ERR_IO, "/nonexistent/x.db: No such file or directory");
	assert_ok(db_open(bench->path, false, &db, &err));
	assert_ok(db_execute(db, "PRAGMA user_version = 1000", &err));
	db_close(db);
	options.path = bench->path;
	snprintf(message, sizeof message,
		 "%s: schema 1000 was written by a newer Plumbline, this one knows 1", bench->path);
	assert_fails(store_open(&options, &store, &err), ERR_USAGE, message);
	store_close(NULL, NULL, NULL);
}

/* What the writing process keeps of each number: taken in the spool, and a row. */
#define IN_FLIGHT 40

struct writer {
	uv_loop_t loop;
	struct store *store;
	int pipe;
	int64_t next;
};

struct number {
	struct writer *writer;
	int64_t seq;
};

static int put_number(struct txn *txn, void *arg, struct err *err)
{
	struct number *number = arg;
	sqlite3_stmt *statement;
	bool fresh;

	if (spool_take(txn, 1, number->seq, &fresh, err) < 0)
		return -1;
	if (!fresh)
		return 0;
	statement = db_statement(txn->db, "INSERT INTO event VALUES (1, 1, 1, :seq, 'x', '')");
	db_bind_integer(statement, ":seq", number->seq);
	return db_run(statement, err);
}

static void acknowledge(void *arg, const struct err *err)
{
	struct number *number = arg;

	if (err || write(number->writer->pipe, &number->seq, sizeof number->seq) != sizeof number->seq)
		_exit(1);
	number->seq = number->writer->next++;
	store_write(number->writer->store, put_number, number, acknowledge);
}

static _Noreturn void write_until_killed(const char *path, int pipe)
{
	static struct number numbers[IN_FLIGHT];
	struct writer writer = { .pipe = pipe };

	uv_loop_init(&writer.loop);
	writer.store = open_store(path, &writer.loop);
	for (int i = 0; i < IN_FLIGHT; i++) {
		numbers[i] = (struct number){ &writer, writer.next++ };
		store_write(writer.store, put_number, &numbers[i], acknowledge);
	}
	uv_run(&writer.loop, UV_RUN_DEFAULT);
	_exit(1);
}

/* Returns the largest number that was acknowledged, marking each. */
static int64_t kill_after(const char *path, int acknowledgements, bool *acknowledged, int64_t size)
{
	int pipes[2], status, count = 0;
	int64_t seq, largest = -1;
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		write_until_killed(path, pipes[1]);
	close(pipes[1]);
	while (read(pipes[0], &seq, sizeof seq) == sizeof seq) {
		assert_true(seq >= 0 && seq < size);
		acknowledged[seq] = true;
		largest = seq > largest ? seq : largest;
		if (++count == acknowledgements)
			kill(child, SIGKILL);
	}
	close(pipes[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	return largest;
}

static int check_numbers(struct txn *txn, void *arg, struct err *err)
{
	const bool *acknowledged = arg;
	struct number number = { .seq = 0 };
	char sql[96];

	/* A row and its mark in the spool live and die together. */
	assert_int_equal(query(txn->db, "SELECT count(*) FROM event"),
			 query(txn->db, "SELECT coalesce(sum(last_seq - first_seq + 1), 0) FROM spool_range"));
	for (int64_t seq = 0; acknowledged[seq]; seq++) {
		snprintf(sql, sizeof sql, "SELECT count(*) FROM event WHERE seq = %d", (int)seq);
		assert_int_equal(query(txn->db, sql), 1);
	}
	/* What was sent again does not count again. */
	for (; number.seq < 100; number.seq++)
		if (put_number(txn, &number, err) < 0)
			return -1;
	return 0;
}

static void a_killed_writer_loses_nothing_acknowledged(void **state)
{
	static const int kill_at[] = { 1, 37, 400 };
	char directory[32], path[64];

	(void)state;
	for (size_t i = 0; i < sizeof kill_at / sizeof kill_at[0]; i++) {
		static bool acknowledged[100000];
		struct store *store;
		int64_t largest;

		memset(acknowledged, 0, sizeof acknowledged);
		directory_make(directory, path);
		largest = kill_after(path, kill_at[i], acknowledged, 99999);
		assert_true(largest >= kill_at[i] - 1);
		for (int64_t seq = 0; seq <= largest; seq++)
			assert_true(acknowledged[seq]);   /* they are answered in the order in which they came */
		store = open_store(path, NULL);
		assert_ok(store_run(store, check_numbers, acknowledged, &err));
		store_close(store, NULL, NULL);
		directory_remove(directory);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, bench_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commits_many_at_once),
		TEST(contains_accidents),
		TEST(recovers_from_a_failed_write),
		cmocka_unit_test_setup_teardown(recovers_from_a_full_disk, small_disk_open, small_disk_close),
		TEST(reads_one_snapshot),
		TEST(readers_cannot_write),
		TEST(half_read_rows_keep_no_snapshot),
		TEST(closes_after_what_was_queued),
		TEST(runs_beside_a_daemon),
		TEST(reads_beside_a_daemon),
		TEST(refuses_what_it_cannot_open),
		cmocka_unit_test(a_killed_writer_loses_nothing_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
