#include "tests/bench/postgres.h"

#include <endian.h>
#include <grp.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/json.h"
#include "agent/base/mem.h"

#define PROGRAMS "/usr/lib/postgresql/15/bin/"
#define COLUMNS  16
#define INT8_OID 20

struct postgres {
	char dir[256];
	pid_t server;
	PGconn *connection;
};

static _Noreturn void end(const char *what, const char *why)
{
	fprintf(stderr, "ingest_bench: postgres: %s: %s\n", what, why);
	exit(4);
}

/* In the child: never returns. */
static _Noreturn void become(char *const *words)
{
	const struct passwd *user = getpwnam("postgres");

	if (geteuid() == 0 && (!user || initgroups("postgres", user->pw_gid) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0))
		_exit(126);
	if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
		_exit(126);
	execv(words[0], words);
	_exit(127);
}

static pid_t spawn(char *const *words)
{
	pid_t pid = fork();

	if (pid == 0)
		become(words);
	return pid;
}

static void make_cluster(const char *dir)
{
	char *words[] = { PROGRAMS "initdb", "-D", (char *)dir, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C", NULL };
	int status;

	waitpid(spawn(words), &status, 0);
	if (status)
		end("initdb", "failed; is postgresql-15 installed?");
}

static PGconn *connect_to(const char *dir)
{
	const struct timespec pause = { 0, 50000000 };
	PGconn *connection = NULL;
	char where[512];

	snprintf(where, sizeof where, "host=%s user=bench dbname=postgres", dir);
	for (int i = 0; i < 200; i++, nanosleep(&pause, NULL)) {
		connection = PQconnectdb(where);
		if (PQstatus(connection) == CONNECTION_OK)
			return connection;
		PQfinish(connection);
	}
	end("connect", "the server does not answer");
}

static void require(PGresult *result, PGconn *connection)
{
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		end("statement", PQerrorMessage(connection));
	PQclear(result);
}

struct postgres *postgres_start(const char *dir)
{
	static const char table[] =
		"CREATE TABLE measurement (client bigint NOT NULL, line bigint NOT NULL, leg bigint NOT NULL, started_ms bigint NOT NULL,"
		" spool bigint NOT NULL, seq bigint NOT NULL, judgement bigint NOT NULL, reason bigint NOT NULL, trigger bigint NOT NULL,"
		" kind bigint NOT NULL, throughput_bps bigint, threshold_bps bigint, bytes bigint NOT NULL, duration_us bigint NOT NULL,"
		" first_byte_us bigint, cross_rx_bps bigint, PRIMARY KEY (client, line, leg, started_ms, spool, seq))";
	struct postgres *postgres = xcalloc(1, sizeof *postgres);
	const struct passwd *user = getpwnam("postgres");

	snprintf(postgres->dir, sizeof postgres->dir, "%s/postgres", dir);
	if (mkdir(postgres->dir, 0700) < 0 || chmod(dir, 0711) < 0 ||
	    (geteuid() == 0 && (!user || chown(postgres->dir, user->pw_uid, user->pw_gid) < 0)))
		end(postgres->dir, "cannot be made for the user postgres");
	make_cluster(postgres->dir);
	postgres->server = spawn((char *[]){ PROGRAMS "postgres", "-D", postgres->dir, "-k", postgres->dir, "-c", "listen_addresses=",
					     "-c", "fsync=on", "-c", "synchronous_commit=on", NULL });
	postgres->connection = connect_to(postgres->dir);
	require(PQexec(postgres->connection, table), postgres->connection);
	return postgres;
}

void postgres_stop(struct postgres *postgres)
{
	PQfinish(postgres->connection);
	kill(postgres->server, SIGINT);
	waitpid(postgres->server, NULL, 0);
	free(postgres);
}

static void prepare(PGconn *connection, int rows)
{
	int count = rows * COLUMNS;
	Oid *types = xcalloc((size_t)count, sizeof *types);
	struct buf sql = { 0 };

	buf_append_text(&sql, "INSERT INTO measurement VALUES ");
	for (int i = 0; i < count; i++) {
		types[i] = INT8_OID;
		buf_printf(&sql, "%s$%d%s", i % COLUMNS ? "," : "(", i + 1, i % COLUMNS < COLUMNS - 1 ? "" : i < count - 1 ? ")," : ")");
	}
	buf_append_text(&sql, " ON CONFLICT DO NOTHING");
	require(PQprepare(connection, "store", buf_text(&sql), count, types), connection);
	buf_free(&sql);
	free(types);
}

static void set_row(int64_t *row, int64_t line, int64_t seq, const struct measurement *m)
{
	const int64_t values[COLUMNS] = {
		line, line, m->leg, m->started_ms, line, seq, m->judgement, m->reason, m->trigger, m->kind, m->throughput_bps,
		m->threshold_bps, m->bytes, m->duration_us, m->first_byte_us, m->cross_rx_bps,
	};

	for (int i = 0; i < COLUMNS; i++)
		row[i] = (int64_t)htobe64((uint64_t)values[i]);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double postgres_store(struct postgres *postgres, int64_t rows, int per_commit,
		      void (*fill)(int64_t row, int64_t *ret_line, int64_t *ret_seq, struct measurement *ret_measurement))
{
	int count = per_commit * COLUMNS;
	int64_t *values = xcalloc((size_t)count, sizeof *values);
	const char **pointers = xcalloc((size_t)count, sizeof *pointers);
	int *lengths = xcalloc((size_t)count, sizeof *lengths), *formats = xcalloc((size_t)count, sizeof *formats);
	double started;

	for (int i = 0; i < count; i++) {
		pointers[i] = (const char *)&values[i];
		lengths[i] = sizeof *values;
		formats[i] = 1;   /* binary */
	}
	prepare(postgres->connection, per_commit);
	started = seconds();
	for (int64_t row = 0; row + per_commit <= rows; row += per_commit) {
		for (int i = 0; i < per_commit; i++) {
			struct measurement m;
			int64_t line, seq;

			fill(row + i, &line, &seq, &m);
			set_row(values + i * COLUMNS, line, seq, &m);
		}
		require(PQexecPrepared(postgres->connection, "store", count, pointers, lengths, formats, 0), postgres->connection);
	}
	started = seconds() - started;
	free(formats);
	free(lengths);
	free(pointers);
	free(values);
	return (double)(rows / per_commit * per_commit) / started;
}
