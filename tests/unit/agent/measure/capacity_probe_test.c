#include "agent/measure/capacity_probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "tests/unit/agent/scratch.h"
#include "tests/unit/agent/scripted_server.h"

#define HEAD(length)  "HTTP/1.1 200 OK\nContent-Length: " #length "\nPlumbline-Nonce: {nonce}\n"
#define PROMISE       INT64_C(5000000)
#define TICK_US       5000    /* what each look at the clock takes */
#define ZEROS_SHA256  "0000000000000000000000000000000000000000000000000000000000000000"

/* A probe of the scripted server. Its time passes as bytes come: at 16 kB a look they come with 26 Mbit/s or less. */
struct run {
	uv_loop_t loop;
	struct server server;
	struct fetch *fetch;
	struct instant now;
	struct capacity_probe *probe;
	struct measurement record;
	int dones;
	bool aborts;
	const char *sys;        /* NULL: no card says its speed */
};

static struct instant read_clock(void *context)
{
	struct run *run = context;

	run->now.monotonic_us += TICK_US;
	return run->now;
}

static void end(struct run *run)
{
	server_close(&run->server);
	fetch_close(run->fetch, NULL, NULL);
}

static void on_progress(void *arg, const struct probe_progress *progress)
{
	struct run *run = arg;

	assert_int_equal(progress->total_bytes, 0);
	if (!run->aborts)
		return;
	capacity_probe_abort(run->probe);
	end(run);
}

static void on_done(void *arg, const struct measurement *record)
{
	struct run *run = arg;

	run->dones++;
	run->record = *record;
	end(run);
}

static void run_probe(struct run *run, struct script script, struct probe_request request)
{
	uint64_t seed = 1;
	struct random_source random = random_seeded(&seed);
	struct clock clock = { .read = read_clock, .context = run };
	struct err err;

	uv_loop_init(&run->loop);
	server_open(&run->server, &run->loop, script);
	assert_int_equal(fetch_open(&run->loop, &run->fetch, &err), 0);
	request.file_name = "local-64m";
	request.url = request.url ? request.url : run->server.url;
	request.threshold_bps = request.threshold_bps ? request.threshold_bps : PROMISE;
	request.cell_ms = JSON_ABSENT;
	run->probe = capacity_probe_start(run->fetch, &clock, &random,
					  &(struct capacity_request){ .probe = request, .bytes_allowed = INT64_MAX,
								      .carrier = "eth0", .sys = run->sys ? run->sys : "/nosuch" },
					  on_progress, on_done, run);
	assert_int_equal(uv_run(&run->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&run->loop), 0);
}

/* 8 MiB of a longer file, then silence. */
#define ENDLESS(head) { head, 99999999, true, 8388608 }

static const struct {
	const char *name;
	struct script script;
	struct probe_request request;
	enum judgement judgement;
	enum reason reason;
} cases[] = {
	{ "stopped when it was good", ENDLESS(HEAD(99999999)), { .nonce_required = true }, JUDGED_GOOD, REASON_NONE },
	{ "the size that was stated", ENDLESS(HEAD(99999999)), { .size_bytes = 99999999 }, JUDGED_GOOD, REASON_NONE },
	{ "another size than was stated", ENDLESS(HEAD(99999999)), { .size_bytes = 99999998 }, JUDGED_FAILED, REASON_ALTERED },
	{ "over before there was full load", { HEAD(50000), 50000, false, 0 }, { 0 }, JUDGED_GOOD, REASON_LOWER_BOUND },
	{ "over before, and too slow to prove anything", { HEAD(500), 500, false, 0 }, { 0 }, JUDGED_UNRESOLVED, REASON_TOO_SHORT },
	{ "a body with another digest", { HEAD(500), 500, false, 0 }, { .sha256 = ZEROS_SHA256 }, JUDGED_FAILED, REASON_ALTERED },
	{ "cut short", { HEAD(500), 499, false, 0 }, { 0 }, JUDGED_FAILED, REASON_TRUNCATED },
	{ "no echo where one is required", ENDLESS("HTTP/1.1 200 OK\nContent-Length: 99999999\n"), { .nonce_required = true },
	  JUDGED_INVALID, REASON_NONCE },
	{ "an answer from a cache", ENDLESS(HEAD(99999999) "Age: 7\n"), { 0 }, JUDGED_INVALID, REASON_CACHE },
	{ "an encoded answer", ENDLESS(HEAD(99999999) "Content-Encoding: br\n"), { 0 }, JUDGED_INVALID, REASON_ENCODED },
	{ "a busy server", { "HTTP/1.1 503 Busy\nContent-Length: 0\n", 0, false, 0 }, { 0 }, JUDGED_INVALID, REASON_SERVER_BUSY },
	{ "announced work", ENDLESS(HEAD(99999999)), { .in_maintenance = true }, JUDGED_INVALID, REASON_MAINTENANCE },
	{ "nobody there", { HEAD(5), 5, false, 0 }, { .url = "http://127.0.0.1:1/" }, JUDGED_FAILED, REASON_CONNECT },
	{ "no URL", { HEAD(5), 5, false, 0 }, { .url = "no url" }, JUDGED_FAILED, REASON_ABORTED },
};

static void test_judgements(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct run run = { 0 };

		run_probe(&run, cases[i].script, cases[i].request);
		if (run.dones != 1 || run.record.judgement != (int)cases[i].judgement || run.record.reason != (int)cases[i].reason)
			fail_msg("%s: %s %s, %ld bit/s", cases[i].name, judgement_names[run.record.judgement],
				 reason_names[run.record.reason], (long)run.record.throughput_bps);
		assert_int_equal(run.record.kind, KIND_CAPACITY);
		assert_int_equal(run.record.connections, 1);
		assert_int_equal(run.record.threshold_bps, PROMISE);
	}
}

static void test_the_record_of_a_good_one(void **state)
{
	struct run run = { 0 };
	const struct measurement *record = &run.record;

	(void)state;
	run_probe(&run, cases[0].script, (struct probe_request){ .leg = LEG_HUB, .trigger = TRIGGER_ORDER, .order = "o-7" });
	assert_string_equal(record->file, "local-64m");
	assert_string_equal(record->order, "o-7");
	assert_int_equal(record->leg, LEG_HUB);
	assert_int_equal(record->trigger, TRIGGER_ORDER);
	assert_true(record->throughput_bps * 10 >= PROMISE * 11);
	assert_true(record->throughput_bps >= record->rate_steady_bps && record->rate_max1s_bps >= record->rate_steady_bps);
	assert_int_equal(record->lower_bound, 1);
	assert_true(record->steady_from_us >= 500000 && record->steady_us >= 1000000);
	assert_true(record->bytes > 0 && record->bytes_spent > record->bytes);
	assert_int_equal(record->family, 4);
	assert_int_equal(record->http_status, 200);
	assert_string_equal(record->interface, "lo");
	assert_int_equal(record->sha256_ok, JSON_ABSENT);
	assert_true(strlen(record->trace) > 20 && !strncmp(record->tcp, "rtt=", 4));
}

static void test_a_fast_promise_takes_four(void **state)
{
	struct run run = { 0 };

	(void)state;
	run_probe(&run, (struct script){ HEAD(500), 500, false, 0 }, (struct probe_request){ .threshold_bps = 400000000 });
	assert_int_equal(run.record.connections, 4);
	assert_int_equal(run.record.reason, REASON_TOO_SHORT);
}

static void write_speed(struct scratch *sys, const char *mbps)
{
	FILE *file = fopen(scratch_file(sys, "eth0/speed"), "w");

	assert_non_null(file);
	fputs(mbps, file);
	fclose(file);
}

/* S8: 5 Mbit/s need a card of 6. */
static void test_a_card_that_is_too_slow_costs_nothing(void **state)
{
	struct run slow = { 0 }, enough = { 0 };
	struct scratch sys;

	(void)state;
	scratch_make(&sys);
	mkdir(scratch_file(&sys, "eth0"), 0700);
	mkdir(scratch_file(&sys, "eth0/device"), 0700);
	slow.sys = enough.sys = sys.path;
	write_speed(&sys, "5");
	run_probe(&slow, cases[0].script, (struct probe_request){ .leg = LEG_HUB });
	assert_int_equal(slow.dones, 1);
	assert_int_equal(slow.server.requests, 0);
	assert_int_equal(slow.record.judgement, JUDGED_INVALID);
	assert_int_equal(slow.record.reason, REASON_ENV);
	assert_int_equal(slow.record.link_bps, 5000000);
	assert_string_equal(slow.record.interface, "eth0");
	assert_int_equal(slow.record.bytes, 0);

	write_speed(&sys, "6");
	run_probe(&enough, cases[0].script, (struct probe_request){ .leg = LEG_HUB });
	assert_int_equal(enough.record.judgement, JUDGED_GOOD);
	unlink(scratch_file(&sys, "eth0/speed"));
	rmdir(scratch_file(&sys, "eth0/device"));
	rmdir(scratch_file(&sys, "eth0"));
	rmdir(sys.path);
}

static void test_aborted_under_way(void **state)
{
	struct run run = { .aborts = true };

	(void)state;
	run_probe(&run, cases[0].script, (struct probe_request){ .threshold_bps = 100000000 });
	assert_int_equal(run.dones, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judgements),
		cmocka_unit_test(test_the_record_of_a_good_one),
		cmocka_unit_test(test_a_fast_promise_takes_four),
		cmocka_unit_test(test_a_card_that_is_too_slow_costs_nothing),
		cmocka_unit_test(test_aborted_under_way),
	};

	curl_global_init(CURL_GLOBAL_DEFAULT);
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
