/* ingest_bench: measurements stored durably per second through HTTP, beside PostgreSQL and bare SQLite writers on the same
 * file system.
 *
 *   ingest_bench COLLECTOR [REPORTS [CONNECTIONS [ROUNDS]]]
 *
 * Each round runs, one after the other: the collector taking signed reports of 20 measurements over CONNECTIONS
 * kept-alive connections (each agent's next report leaves when the last was answered, so every row counted is durable);
 * the same with measurements that are older than is kept, which are rolled up and dropped meanwhile; PostgreSQL taking the same
 * rows over one connection, one INSERT of 20 a transaction (postgres.h); a bare writer with the collector's schema, 1,000 rows a
 * commit; the same with one commit per report. The load is made on the same machine, whose cores it shares. Prints rows per
 * second and the ratios, medians over the rounds, and the longest that any answer took. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/gzip.h"
#include "agent/base/httpsig.h"
#include "agent/base/measurement.h"
#include "agent/base/mem.h"
#include "agent/base/random.h"
#include "agent/base/sqlite.h"
#include "collector/store/agents.h"
#include "collector/store/clients.h"
#include "collector/store/store.h"
#include "tests/bench/postgres.h"

#define ROWS_PER_REPORT 20
#define CONNECTIONS_MAX 64
#define ROUNDS_MAX      9
#define INTERVAL_MS     INT64_C(900000)
#define DAY_MS          INT64_C(86400000)

static int64_t started_ms;           /* of the first measurement */

struct sender {
	int number;                  /* which agent, line and client */
	int port;
	int reports;
	unsigned char public_key[HTTPSIG_PUBLIC_KEY_BYTES], secret_key[HTTPSIG_SECRET_KEY_BYTES];
	char agent_id[ID_SIZE];
	char spool[UUID_SIZE];
	int64_t generation;
	struct buf *requests;        /* whole HTTP requests, made before the clock starts */
	double longest_s;            /* that an answer took */
};

static _Noreturn void end(const char *what, const struct err *err)
{
	fprintf(stderr, "ingest_bench: %s: %s\n", what, err ? err->message : "failed");
	exit(4);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Processor time of the process that ended. */
static double wait_for(pid_t pid)
{
	struct rusage used;

	wait4(pid, NULL, 0, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static void fill_measurement(struct measurement *m, int64_t seq)
{
	measurement_init(m);
	m->leg = (int)(seq % 2);
	text_copy(m->file, sizeof m->file, leg_names[m->leg]);
	m->started_ms = started_ms + seq / 2 * INTERVAL_MS + m->leg * 5000;
	m->boottime_us = m->started_ms * 1000 - started_ms * 999;
	m->duration_us = 431234 + seq * 37 % 100000;
	m->bytes = 1048576;
	m->rate_body_bps = m->throughput_bps = 19000000 + seq * 7919 % 2000000;
	m->rate_user_bps = m->rate_body_bps - 500000;
	m->threshold_bps = 240000;
	m->dns_us = 812;
	m->connect_us = 9120;
	m->first_byte_us = 10411;
	m->http_status = 200;
	text_copy(m->peer, sizeof m->peer, "192.0.2.10:80");
	text_copy(m->interface, sizeof m->interface, "eth0");
	m->sha256_ok = 1;
	m->cross_rx_bps = 12000;
	m->cross = CROSS_MEASURED;
	m->cross_tx_bps = 800;
	m->judgement = JUDGED_GOOD;
}

static void write_report(const struct sender *sender, int64_t first_seq, struct buf *ret_packed)
{
	json_t *events = json_array();
	struct err err;

	for (int64_t seq = first_seq; seq < first_seq + ROWS_PER_REPORT; seq++) {
		struct measurement m;
		json_t *event;

		fill_measurement(&m, seq);
		event = measurement_to_json(&m);
		json_object_set_new(event, "seq", json_integer(seq));
		json_object_set_new(event, "boot", json_string("3f2b8e1c-0000-4000-8000-000000000000"));
		json_object_set_new(event, "type", json_string("measurement"));
		json_array_append_new(events, event);
	}
	json_t *report = json_pack("{s:s, s:I, s:I, s:I, s:o}", "spool", sender->spool, "sent_ms", (json_int_t)started_ms,
				   "sent_boottime_us", (json_int_t)1, "generation", (json_int_t)sender->generation, "events", events);
	char *text = json_dumps(report, JSON_COMPACT);

	if (gzip_pack(text, strlen(text), ret_packed, &err) < 0)
		end("gzip", &err);
	free(text);
	json_decref(report);
}

static void make_requests(struct sender *sender)
{
	sender->requests = xcalloc((size_t)sender->reports, sizeof *sender->requests);
	for (int i = 0; i < sender->reports; i++) {
		struct buf body = { 0 };
		struct httpsig_headers headers;
		struct httpsig_message message = { .method = "POST", .path = "/agent/v1/reports" };
		struct err err;

		write_report(sender, 1 + (int64_t)i * ROWS_PER_REPORT, &body);
		message.body = body.data;
		message.body_bytes = body.length_bytes;
		if (httpsig_sign(&message, sender->agent_id, sender->secret_key, started_ms / 1000, &headers, &err) < 0)
			end("sign", &err);
		buf_printf(&sender->requests[i],
			   "POST /agent/v1/reports HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
			   "Content-Encoding: gzip\r\nContent-Length: %zu\r\nContent-Digest: %s\r\nSignature-Input: %s\r\n"
			   "Signature: %s\r\n\r\n",
			   sender->port, body.length_bytes, headers.content_digest, headers.signature_input, headers.signature);
		buf_append(&sender->requests[i], body.data, body.length_bytes);
		buf_free(&body);
	}
}

static void free_requests(struct sender *sender)
{
	for (int i = 0; i < sender->reports; i++)
		buf_free(&sender->requests[i]);
	free(sender->requests);
}

/* Tries until the collector listens. */
static int connect_to(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct timespec pause = { 0, 20000000 };
	const int on = 1;

	for (int i = 0; i < 500; i++, nanosleep(&pause, NULL)) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
			return fd;
		}
		close(fd);
	}
	end("the collector does not listen", NULL);
}

static void exchange(int fd, const struct buf *request)
{
	char answer[4096];
	size_t length = 0;
	char *body = NULL, *announced;

	if (send(fd, request->data, request->length_bytes, MSG_NOSIGNAL) != (ssize_t)request->length_bytes)
		end("send", NULL);
	do {
		ssize_t got = recv(fd, answer + length, sizeof answer - 1 - length, 0);

		if (got <= 0)
			end("recv", NULL);
		length += (size_t)got;
		answer[length] = '\0';
		body = strstr(answer, "\r\n\r\n");
		announced = strcasestr(answer, "content-length:");
	} while (!body || !announced || (size_t)(body + 4 - answer) + strtoul(announced + 15, NULL, 10) > length);
	if (strncmp(answer, "HTTP/1.1 200", 12) != 0)
		end(answer, NULL);
}

static void *run_sender(void *arg)
{
	struct sender *sender = arg;
	int fd = connect_to(sender->port);

	for (int i = 0; i < sender->reports; i++) {
		double asked = seconds(), took;

		exchange(fd, &sender->requests[i]);
		took = seconds() - asked;
		if (took > sender->longest_s)
			sender->longest_s = took;
	}
	close(fd);
	return NULL;
}

struct enrolment_job {
	struct sender *senders;
	int count;
};

static int enrol_sender(struct txn *txn, struct sender *sender, struct err *err)
{
	unsigned char token[TOKEN_HASH_BYTES];
	struct client client = { .tier = "A" };
	struct line line = { .service_plan = "norm", .node = "core", .always_on = true };
	struct agent agent;

	randombytes_buf(token, sizeof token);
	snprintf(client.id, sizeof client.id, "%d", sender->number);
	snprintf(client.name, sizeof client.name, "Client %d", sender->number);
	snprintf(line.id, sizeof line.id, "line-%d", sender->number);
	text_copy(line.client, sizeof line.client, client.id);
	snprintf(sender->agent_id, sizeof sender->agent_id, "a-%012d", sender->number);
	if (client_put(txn, &client, err) < 0 || line_put(txn, &line, err) < 0 ||
	    token_put(txn, token, line.id, started_ms, started_ms + 1000, err) < 0)
		return -1;
	if (agent_enrol(txn, &(struct enrolment){ .token_hash = token, .public_key = sender->public_key,
						  .new_agent_id = sender->agent_id, .host = "bench", .version = "0",
						  .now_ms = started_ms }, &agent, err) < 0)
		return -1;
	sender->generation = agent.generation;
	return 0;
}

static int enrol_all(struct txn *txn, void *arg, struct err *err)
{
	struct enrolment_job *job = arg;

	if (node_put(txn, &(struct node){ .id = "core", .kind = "core" }, NULL, 0, err) < 0)
		return -1;
	for (int i = 0; i < job->count; i++)
		if (enrol_sender(txn, &job->senders[i], err) < 0)
			return -1;
	return 0;
}

static void prepare(const char *database, struct sender *senders, int connections)
{
	struct random_source random = random_system();
	struct store *store;
	struct err err;

	for (int i = 0; i < connections; i++) {
		crypto_sign_keypair(senders[i].public_key, senders[i].secret_key);
		random_uuid(&random, senders[i].spool);
	}
	if (store_open(&(struct store_options){ .path = database, .readers = 1 }, &store, &err) < 0 ||
	    store_run(store, enrol_all, &(struct enrolment_job){ senders, connections }, &err) < 0)
		end(database, &err);
	store_close(store, NULL, NULL);
}

static pid_t start_collector(const char *program, const char *dir, int port)
{
	char config[512];
	FILE *file;
	pid_t pid;

	snprintf(config, sizeof config, "%s/collector.yaml", dir);
	file = fopen(config, "we");
	fprintf(file, "listen: 127.0.0.1:%d\ndatabase: %s/collector.db\nlog: {level: warning}\n"
		      "service_plans:\n  - {name: norm, local_min: 30KB/s, hub_min: 20KB/s}\n", port, dir);
	fclose(file);
	pid = fork();
	if (pid == 0) {
		execl(program, program, "run", "-c", config, (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* How the collector did. */
struct run {
	double rate;                 /* rows per second */
	double longest_s;            /* that an answer took */
	double cpu_s;                /* of its processor time, for each report */
};

/* Takes measurements that begin so many days ago through HTTP. */
static struct run run_collector(const char *program, const char *dir, int reports, int connections, int64_t days_ago)
{
	struct run run = { 0 };
	struct sender senders[CONNECTIONS_MAX] = { 0 };
	pthread_t threads[CONNECTIONS_MAX];
	char database[512];
	int port = 20000 + (int)(getpid() % 20000);
	double started, took;
	pid_t pid;

	started_ms = (int64_t)time(NULL) * 1000 - days_ago * DAY_MS;
	for (int i = 0; i < connections; i++)
		senders[i] = (struct sender){ .number = i + 1, .port = port, .reports = reports / connections };
	snprintf(database, sizeof database, "%s/collector.db", dir);
	prepare(database, senders, connections);
	for (int i = 0; i < connections; i++)
		make_requests(&senders[i]);
	pid = start_collector(program, dir, port);
	close(connect_to(port));
	started = seconds();
	for (int i = 0; i < connections; i++)
		pthread_create(&threads[i], NULL, run_sender, &senders[i]);
	for (int i = 0; i < connections; i++)
		pthread_join(threads[i], NULL);
	took = seconds() - started;
	kill(pid, SIGTERM);
	run.cpu_s = wait_for(pid) / reports;
	for (int i = 0; i < connections; i++) {
		free_requests(&senders[i]);
		if (senders[i].longest_s > run.longest_s)
			run.longest_s = senders[i].longest_s;
	}
	unlink(database);
	run.rate = reports / connections * connections * ROWS_PER_REPORT / took;
	return run;
}

/* The row-th of those that the connections' agents send in turn, a report each. */
static void fill_row(int64_t row, int64_t *ret_line, int64_t *ret_seq, struct measurement *ret_measurement)
{
	*ret_line = 1 + row / ROWS_PER_REPORT % 16;
	*ret_seq = 1 + row / (ROWS_PER_REPORT * 16) * ROWS_PER_REPORT + row % ROWS_PER_REPORT;
	fill_measurement(ret_measurement, *ret_seq);
}

/* Rows per second of a bare writer with the collector's own schema. */
static double run_bare(const char *dir, int64_t rows, int rows_per_commit)
{
	static const char insert[] =
		"INSERT INTO measurement (client, line, leg, started_ms, spool, seq, judgement, reason, trigger, kind, throughput_bps,"
		" threshold_bps, bytes, duration_us, first_byte_us, cross_rx_bps) VALUES (:line, :line, :leg, :started_ms, :line, :seq,"
		" 0, 0, 0, 0, :throughput_bps, 240000, 1048576, :duration_us, 10411, 12000)";
	char database[512];
	struct store *store;
	struct db *db;
	struct err err;
	double started;

	snprintf(database, sizeof database, "%s/bare-%d.db", dir, rows_per_commit);
	if (store_open(&(struct store_options){ .path = database, .readers = 1 }, &store, &err) < 0)
		end(database, &err);
	store_close(store, NULL, NULL);
	if (db_open(database, false, &db, &err) < 0)
		end(database, &err);
	started = seconds();
	for (int64_t row = 0; row < rows; row++) {
		sqlite3_stmt *statement = db_statement(db, insert);
		struct measurement m;
		int64_t line, seq;

		fill_row(row, &line, &seq, &m);
		if (row % rows_per_commit == 0)
			db_execute(db, "BEGIN IMMEDIATE", &err);
		db_bind_integer(statement, ":line", line);
		db_bind_integer(statement, ":leg", m.leg);
		db_bind_integer(statement, ":started_ms", m.started_ms);
		db_bind_integer(statement, ":seq", seq);
		db_bind_integer(statement, ":throughput_bps", m.throughput_bps);
		db_bind_integer(statement, ":duration_us", m.duration_us);
		if (db_run(statement, &err) < 0)
			end("insert", &err);
		if ((row + 1) % rows_per_commit == 0 && db_execute(db, "COMMIT", &err) < 0)
			end("commit", &err);
	}
	if (rows % rows_per_commit && db_execute(db, "COMMIT", &err) < 0)
		end("commit", &err);
	started = seconds() - started;
	db_close(db);
	return (double)rows / started;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof *values, by_value);
	return values[count / 2];
}

static int argument(int argc, char **argv, int place, int preset)
{
	return argc > place ? (int)strtol(argv[place], NULL, 10) : preset;
}

enum { HTTP, PRUNED, POSTGRES, BIG, SMALL, WAYS };

/* Each connection sends a line's reports of 20 measurements, of two legs: 2.5 hours. */
static void run_round(const char *program, const char *dir, int reports, int connections, double ret_rates[WAYS],
		      struct run ret_runs[PRUNED + 1])
{
	int64_t days = reports / connections * INT64_C(10) * INTERVAL_MS / DAY_MS + 1;
	int64_t rows = (int64_t)reports * ROWS_PER_REPORT;
	struct postgres *postgres;

	ret_runs[HTTP] = run_collector(program, dir, reports, connections, days);
	ret_runs[PRUNED] = run_collector(program, dir, reports, connections, days + 200);
	ret_rates[HTTP] = ret_runs[HTTP].rate;
	ret_rates[PRUNED] = ret_runs[PRUNED].rate;
	postgres = postgres_start(dir);
	ret_rates[POSTGRES] = postgres_store(postgres, rows, ROWS_PER_REPORT, fill_row);
	postgres_stop(postgres);
	ret_rates[BIG] = run_bare(dir, rows, 1000);
	ret_rates[SMALL] = run_bare(dir, rows, ROWS_PER_REPORT);
}

static void remove_dir(const char *dir)
{
	pid_t pid = fork();

	if (pid == 0) {
		execlp("rm", "rm", "-rf", dir, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	static const char *const names[WAYS] = {
		[POSTGRES] = "PostgreSQL, one connection, one INSERT of 20 a transaction", [BIG] = "bare SQLite writer, 1000 rows a commit",
		[SMALL] = "bare SQLite writer, one commit per report",
	};
	int reports = argument(argc, argv, 2, 4000), connections = argument(argc, argv, 3, 16), rounds = argument(argc, argv, 4, 5);
	double rates[WAYS][ROUNDS_MAX], ratios[WAYS][ROUNDS_MAX], longest_ms[PRUNED + 1] = { 0 }, cpu_us[ROUNDS_MAX];

	if (argc < 2 || connections < 1 || connections > CONNECTIONS_MAX || rounds < 1 || rounds > ROUNDS_MAX || sodium_init() < 0) {
		fprintf(stderr, "usage: ingest_bench COLLECTOR [REPORTS [CONNECTIONS [ROUNDS]]]\n");
		return 2;
	}
	for (int i = 0; i < rounds; i++) {
		char dir[] = "/var/tmp/plumbline-bench-XXXXXX";
		struct run runs[PRUNED + 1];
		double round[WAYS];

		if (!mkdtemp(dir))
			end("mkdtemp", NULL);
		run_round(argv[1], dir, reports, connections, round, runs);
		remove_dir(dir);
		cpu_us[i] = runs[HTTP].cpu_s * 1e6;
		for (int way = HTTP; way <= PRUNED; way++)
			if (runs[way].longest_s * 1e3 > longest_ms[way])
				longest_ms[way] = runs[way].longest_s * 1e3;
		for (int way = 0; way < WAYS; way++) {
			rates[way][i] = round[way];
			ratios[way][i] = round[HTTP] / round[way];
		}
		fprintf(stderr, "round %d: HTTP %.0f rows/s, PostgreSQL %.0f, bare 1000 a commit %.0f, bare a commit per report %.0f\n", i + 1,
			round[HTTP], round[POSTGRES], round[BIG], round[SMALL]);
	}
	printf("stored durably through HTTP, %d connections, signed reports of %d: %.0f rows/s, %.0f us of processor time a report, longest answer %.0f ms\n",
	       connections, ROWS_PER_REPORT, median(rates[HTTP], rounds), median(cpu_us, rounds), longest_ms[HTTP]);
	printf("the same while rolling up and dropping them, older than is kept: %.0f rows/s, longest answer %.0f ms\n",
	       median(rates[PRUNED], rounds), longest_ms[PRUNED]);
	for (int way = POSTGRES; way < WAYS; way++)
		printf("%s: %.0f rows/s; ratio %.2f\n", names[way], median(rates[way], rounds), median(ratios[way], rounds));
	return 0;
}
