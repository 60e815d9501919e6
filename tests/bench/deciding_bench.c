/* deciding_bench: the writer's processor time for what a report means, beside that for storing the report.
 *
 *   deciding_bench [LINES [WITH_HISTORY [DAYS [ROUNDS]]]]
 *
 * A database with 20,000 lines, 2,000 of them with 30 days of measurements on both legs, every tenth of these with a fault of half a
 * day in each week. Then each of the 2,000 reports 20 new measurements, some rounds of it, through the calls that ingest makes:
 * the report's bytes, the sequence numbers, the measurements, the agent's generation; then what they mean. Time is that of
 * the thread (CLOCK_THREAD_CPUTIME_ID), both in the same run; commits, which both share, are shown apart. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/measurement.h"
#include "agent/base/mem.h"
#include "collector/derive/fast.h"
#include "collector/derive/quality.h"
#include "collector/store/agents.h"
#include "collector/store/clients.h"
#include "collector/store/measurements.h"
#include "collector/store/store.h"

#define CELL_MS     INT64_C(900000)
#define DAY_MS      INT64_C(86400000)
#define START_MS    (INT64_C(20400) * DAY_MS)
#define PER_REPORT  20
#define BODY_BYTES  2600   /* such a report, compressed */
#define GROUP       16     /* reports in a commit */
#define ROUNDS_MAX  20
#define SPOOL       "6f1c0a52-5e0a-4a8e-9d6b-2f6c1f0a3b7d"

static struct service_plan plan = {
	.name = "norm", .local_min_bps = 240000, .hub_min_bps = 160000, .interval_ms = CELL_MS,
};
static const struct collector_config config = {
	.service_plans = { .items = &plan, .count = 1 },
	.decision = {
		.open_bad = 8, .open_of = 12, .blind_bad = 10, .blind_of = 16, .open_span_ms = 5400000, .open_within_ms = 21600000,
		.contended_percent = 50, .close_not_good = 2, .close_of = 24, .band_not_good = 8, .band_of = 96,
		.band_ms = 21600000, .band_share_percent = 70, .band_span_ms = DAY_MS, .reopen_within_ms = 3 * DAY_MS,
		.chronic_reopens = 3, .chronic_within_ms = 14 * DAY_MS, .suspect_bad = 3, .suspect_of = 4, .altered_of = 2,
		.intact_of = 8, .verdict_valid = 4, .verdict_cells = 2,
	},
};

struct bench {
	int lines, with_history, days;
	int first, count;             /* lines of the job that runs */
	int round;
	double storing_s, deciding_s, asking_s;
};

static _Noreturn void end(const char *what, const struct err *err)
{
	fprintf(stderr, "deciding_bench: %s: %s\n", what, err->message);
	exit(4);
}

static double thread_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void name_line(char *id, int number)
{
	snprintf(id, ID_SIZE, "line-%d", number);
}

static int make_lines(struct txn *txn, void *arg, struct err *err)
{
	const struct bench *bench = arg;

	for (int i = bench->first; i < bench->first + bench->count; i++) {
		unsigned char hash[TOKEN_HASH_BYTES] = { 0 }, key[PUBLIC_KEY_BYTES] = { 0 };
		struct client client = { .tier = "B" };
		struct line line = { .node = "core", .service_plan = "norm", .always_on = true };
		struct enrolment enrolment = { hash, key, line.id, "bench", "0", START_MS };
		struct agent agent;

		memcpy(hash, &i, sizeof i);
		memcpy(key, &i, sizeof i);
		snprintf(client.id, sizeof client.id, "%d", i);
		snprintf(client.name, sizeof client.name, "Client %d", i);
		name_line(line.id, i);
		text_copy(line.client, sizeof line.client, client.id);
		if (client_put(txn, &client, err) < 0 || line_put(txn, &line, err) < 0)
			return -1;
		if (i < bench->with_history && (token_put(txn, hash, line.id, START_MS, START_MS + DAY_MS, err) < 0 ||
						agent_enrol(txn, &enrolment, &agent, err) < 0))
			return -1;
	}
	return 0;
}

/* The n-th measurement of a line, the legs in turn. */
static void fill(struct measurement *m, int line, int64_t n)
{
	int64_t cell = n / 2;
	bool is_bad = line % 10 == 0 && cell % (7 * 96) < 48;

	measurement_init(m);
	m->leg = (int)(n % 2);
	m->started_ms = START_MS + cell * CELL_MS + m->leg * 60000 + (line * 7919 + cell * 104729) % 700000;
	m->boottime_us = cell * CELL_MS * 1000;
	m->duration_us = 431234 + n * 37 % 100000;
	m->bytes = 1048576;
	m->throughput_bps = is_bad && m->leg == LEG_LOCAL ? 120000 : 19000000 + n * 7919 % 2000000;
	m->threshold_bps = m->leg == LEG_LOCAL ? plan.local_min_bps : plan.hub_min_bps;
	m->first_byte_us = 10411;
	m->cross_rx_bps = 12000;
	m->judgement = m->throughput_bps < m->threshold_bps ? JUDGED_BAD : JUDGED_GOOD;
}

static int64_t history_length(const struct bench *bench)
{
	return (int64_t)bench->days * 96 * 2;
}

static int make_history(struct txn *txn, void *arg, struct err *err)
{
	const struct bench *bench = arg;

	for (int i = bench->first; i < bench->first + bench->count; i++) {
		char id[ID_SIZE];
		struct line line;
		struct measurement m;

		name_line(id, i);
		if (line_get(txn, id, &line, err) < 0)
			return -1;
		for (int64_t n = 0; n < history_length(bench); n++) {
			fill(&m, i, n);
			if (measurement_put(txn, &line, i + 1, n + 1, &m, err) < 0)
				return -1;
		}
		if (derive_fast(txn, &config, &line, START_MS, START_MS, err) < 0)
			return -1;
	}
	return 0;
}

static int store_report(struct txn *txn, const struct bench *bench, const struct line *line, int number, int64_t first, struct err *err)
{
	static const char body[BODY_BYTES];
	char digest[96];
	struct agent agent;
	struct report_fact fact = {
		.agent = &agent, .spool = SPOOL, .content_digest = digest, .signature_input = digest, .signature = digest,
		.body = body, .body_bytes = sizeof body,
	};
	int64_t spool;

	fact.received_ms = fact.sent_ms = START_MS + (bench->days + 1 + bench->round) * DAY_MS;
	snprintf(digest, sizeof digest, "sha-256=:%d-%d-0123456789abcdef0123456789abcdef:", number, bench->round);
	if (agent_get(txn, line->id, &agent, err) < 0 || report_put(txn, &fact, err) < 0 ||
	    spool_number(txn, &agent, SPOOL, &spool, err) < 0)
		return -1;
	for (int64_t n = first; n < first + PER_REPORT; n++) {
		struct measurement m;
		bool fresh;

		fill(&m, number, n);
		if (spool_take(txn, spool, n + 1, &fresh, err) < 0 || measurement_put(txn, line, spool, n + 1, &m, err) < 0)
			return -1;
	}
	return agent_heard(txn, &agent, agent.generation + 1, fact.received_ms, err);
}

static int take_reports(struct txn *txn, void *arg, struct err *err)
{
	struct bench *bench = arg;

	for (int i = bench->first; i < bench->first + bench->count; i++) {
		int64_t first = history_length(bench) + bench->round * PER_REPORT;
		double started = thread_seconds(), stored;
		struct measurement oldest;
		struct line line;
		char id[ID_SIZE];

		name_line(id, i);
		fill(&oldest, i, first);
		if (line_get(txn, id, &line, err) < 0 || store_report(txn, bench, &line, i, first, err) < 0)
			return -1;
		stored = thread_seconds();
		if (derive_fast(txn, &config, &line, oldest.started_ms, START_MS + 100 * DAY_MS, err) < 0)
			return -1;
		bench->storing_s += stored - started;
		bench->deciding_s += thread_seconds() - stored;
	}
	return 0;
}

/* What a page of clients asks of each line. */
static int ask_quality(struct txn *txn, void *arg, struct err *err)
{
	struct bench *bench = arg;
	double started = thread_seconds();

	for (int i = bench->first; i < bench->first + bench->count; i++) {
		struct measurement newest;
		struct line line;
		json_t *quality;
		char id[ID_SIZE];

		name_line(id, i);
		fill(&newest, i, history_length(bench) + (bench->round + 1) * PER_REPORT - 1);
		if (line_get(txn, id, &line, err) < 0 ||
		    quality_of_line(txn, &config, &line, true, newest.started_ms + CELL_MS, &quality, err) < 0)
			return -1;
		json_decref(quality);
	}
	bench->asking_s += thread_seconds() - started;
	return 0;
}

/* Runs a job for all lines up to a number, so many at a time. */
static void for_lines(struct store *store, struct bench *bench, int lines, int at_a_time, store_job job)
{
	struct err err;

	for (bench->first = 0; bench->first < lines; bench->first += at_a_time) {
		bench->count = lines - bench->first < at_a_time ? lines - bench->first : at_a_time;
		if (store_run(store, job, bench, &err) < 0)
			end("job", &err);
	}
}

static void make_database(struct store *store, struct bench *bench)
{
	double started = thread_seconds();

	for_lines(store, bench, bench->lines, 1000, make_lines);
	for_lines(store, bench, bench->with_history, 20, make_history);
	fprintf(stderr, "made %d lines, %.1f million measurements in %.0f s\n", bench->lines,
		(double)bench->with_history * (double)history_length(bench) / 1e6, thread_seconds() - started);
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

static void run(struct store *store, struct bench *bench, int rounds)
{
	double storing_us[ROUNDS_MAX], deciding_us[ROUNDS_MAX], commit_us[ROUNDS_MAX], ratios[ROUNDS_MAX];
	double reports = bench->with_history;

	for (int i = 0; i < rounds; i++) {
		double started = thread_seconds();

		bench->round = i;
		bench->storing_s = bench->deciding_s = 0;
		for_lines(store, bench, bench->with_history, GROUP, take_reports);
		storing_us[i] = bench->storing_s / reports * 1e6;
		deciding_us[i] = bench->deciding_s / reports * 1e6;
		commit_us[i] = (thread_seconds() - started) / reports * 1e6 - storing_us[i] - deciding_us[i];
		ratios[i] = deciding_us[i] / storing_us[i];
		fprintf(stderr, "round %d: storing %.0f us, deciding %.0f us, commit %.0f us a report\n", i + 1, storing_us[i],
			deciding_us[i], commit_us[i]);
	}
	for_lines(store, bench, bench->with_history, 200, ask_quality);
	printf("a report of %d: storing %.0f us, deciding %.0f us, ratio %.2f; their commit %.0f us\n", PER_REPORT,
	       median(storing_us, rounds), median(deciding_us, rounds), median(ratios, rounds), median(commit_us, rounds));
	printf("the quality of 200 lines: %.1f ms\n", bench->asking_s / reports * 200 * 1e3);
}

static void remove_directory(const char *directory)
{
	pid_t pid = fork();

	if (pid == 0) {
		execlp("rm", "rm", "-rf", directory, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static int argument(int argc, char **argv, int place, int preset)
{
	return argc > place ? (int)strtol(argv[place], NULL, 10) : preset;
}

int main(int argc, char **argv)
{
	struct bench bench = {
		.lines = argument(argc, argv, 1, 20000), .with_history = argument(argc, argv, 2, 2000), .days = argument(argc, argv, 3, 30),
	};
	int rounds = argument(argc, argv, 4, 5);
	char directory[] = "/var/tmp/plumbline-bench-XXXXXX", path[64];
	struct store *store;
	struct err err;

	if (bench.with_history < 1 || bench.with_history > bench.lines || bench.days < 1 || rounds < 1 || rounds > ROUNDS_MAX ||
	    sodium_init() < 0) {
		fprintf(stderr, "usage: deciding_bench [LINES [WITH_HISTORY [DAYS [ROUNDS]]]]\n");
		return 2;
	}
	if (!mkdtemp(directory))
		return 4;
	snprintf(path, sizeof path, "%s/collector.db", directory);
	if (store_open(&(struct store_options){ .path = path, .readers = 1 }, &store, &err) < 0)
		end(path, &err);
	make_database(store, &bench);
	run(store, &bench, rounds);
	store_close(store, NULL, NULL);
	remove_directory(directory);
	return 0;
}
