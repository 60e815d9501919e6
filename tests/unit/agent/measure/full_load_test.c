#include "agent/measure/full_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/base/json.h"
#include "tests/unit/agent/scripted_server.h"

#define HEAD(length) "HTTP/1.1 200 OK\nContent-Length: " #length "\n"
#define NEVER        INT64_C(1000000000000)   /* a threshold, or a number of bytes, that is not reached */
#define TICK_US      5000                     /* what each look at the clock takes */

/* A load from the scripted server. Its time passes as bytes come, and may jump when it reports how far it is. */
struct run {
	uv_loop_t loop;
	struct server server;
	struct fetch *fetch;
	struct instant now;
	struct full_load *load;
	struct full_load_result result;
	int dones, progresses;
	int64_t body_bytes;
	int64_t jump_us;
	bool aborts;
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

static void on_body(void *arg, const void *bytes, size_t length)
{
	(void)bytes;
	((struct run *)arg)->body_bytes += (int64_t)length;
}

static void on_progress(void *arg, const struct full_load_progress *progress)
{
	struct run *run = arg;

	assert_true(progress->bytes > 0 && progress->elapsed_us > 0);
	run->progresses++;
	run->now.monotonic_us += run->jump_us;
	if (!run->aborts)
		return;
	full_load_abort(run->load);
	end(run);
}

static void on_done(void *arg, const struct full_load_result *result)
{
	struct run *run = arg;

	run->dones++;
	run->result = *result;
	end(run);
}

static void run_load(struct run *run, struct script script, int connections, int64_t threshold_bps, int64_t bytes_allowed)
{
	struct clock clock = { .read = read_clock, .context = run };
	struct full_load_request request = { .transfer = { .deadline_ms = 60000 }, .connections = connections,
					     .threshold_bps = threshold_bps, .bytes_allowed = bytes_allowed, .body = on_body };
	struct err err;

	uv_loop_init(&run->loop);
	server_open(&run->server, &run->loop, script);
	if (fetch_open(&run->loop, &run->fetch, &err) < 0)
		fail_msg("%s", err.message);
	for (int i = 0; i < connections; i++)
		request.urls[i] = run->server.url;
	if (full_load_start(run->fetch, &clock, &request, on_progress, on_done, run, &run->load, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(uv_run(&run->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&run->loop), 0);
}

/* 8 MiB of a longer file: at least 512 pieces of 16 kB, 2.5 s of the test's time or more. */
static const struct script endless = { HEAD(99999999), 99999999, true, 8388608 };

static void test_stops_when_it_is_good(void **state)
{
	struct run run = { 0 };

	(void)state;
	run_load(&run, endless, 1, 1000, NEVER);
	assert_int_equal(run.dones, 1);
	assert_int_equal(run.result.ended_by, CAPACITY_STOP_GOOD);
	assert_int_equal(run.result.transfers[0].failure, REASON_NONE);
	assert_int_equal(run.result.transfers[0].http_status, 200);
	assert_int_equal(run.result.transfers[0].content_length, 99999999);
	assert_true(run.result.transfers[0].connect_us >= 0 && run.result.transfers[0].peer[0]);
	assert_true(run.result.bytes > 0 && run.result.bytes <= 8388608);
	assert_true(run.result.bytes_spent > run.result.bytes);
	assert_int_equal(run.result.bytes, run.body_bytes);
	assert_int_equal(trace_sum(&run.result.trace, 0, run.result.slices), run.result.bytes);
	assert_true(run.result.tcp.count >= 1 && run.result.tcp.last.value[TCP_ADVMSS] > 0);
	assert_true(run.result.steady.last1s_bps > 1100);
}

static void test_stops_after_ten_seconds(void **state)
{
	struct run run = { .jump_us = CAPACITY_LONGEST_US };

	(void)state;
	run_load(&run, endless, 1, NEVER, NEVER);
	assert_int_equal(run.result.ended_by, CAPACITY_STOP_CAP);
	assert_int_equal(run.progresses, 1);
	assert_int_equal(run.result.slices, TRACE_SLICES);
	assert_int_equal(run.result.steady.to_us, CAPACITY_LONGEST_US);
}

static void test_stops_when_its_bytes_are_used_up(void **state)
{
	struct run run = { 0 };

	(void)state;
	run_load(&run, endless, 1, NEVER, 1);
	assert_int_equal(run.result.ended_by, CAPACITY_STOP_BUDGET);
}

static void test_ends_with_the_first_that_finishes(void **state)
{
	struct run run = { 0 };

	(void)state;
	run_load(&run, (struct script){ HEAD(50000), 50000, false, 0 }, 4, NEVER, NEVER);
	assert_int_equal(run.result.ended_by, CAPACITY_GO_ON);
	assert_int_equal(run.result.transfers[run.result.speaker].failure, REASON_NONE);
	assert_int_equal(run.result.transfers[run.result.speaker].bytes, 50000);
	assert_int_equal(run.result.steady.doubt, REASON_TOO_SHORT);
}

static void test_loads_with_all_connections(void **state)
{
	struct run run = { 0 };
	int64_t bytes = 0;

	(void)state;
	run_load(&run, endless, 4, 1000, NEVER);
	assert_int_equal(run.result.ended_by, CAPACITY_STOP_GOOD);
	for (int i = 0; i < 4; i++) {
		assert_true(run.result.transfers[i].bytes > 0);
		bytes += run.result.transfers[i].bytes;
	}
	assert_int_equal(run.result.bytes, bytes);
	assert_int_equal(run.body_bytes, run.result.transfers[0].bytes);   /* only the first one's content is given out */
}

static void test_ends_with_the_first_that_fails(void **state)
{
	struct run run = { 0 };

	(void)state;
	run_load(&run, (struct script){ "HTTP/1.1 503 Busy\nContent-Length: 0\n", 0, false, 0 }, 4, NEVER, NEVER);
	assert_int_equal(run.result.transfers[run.result.speaker].failure, REASON_HTTP_STATUS);
	assert_int_equal(run.result.first_us, JSON_ABSENT);
	assert_int_equal(run.result.slices, 0);
}

static void test_aborted_under_way(void **state)
{
	struct run run = { .aborts = true };

	(void)state;
	run_load(&run, endless, 2, NEVER, NEVER);
	assert_int_equal(run.dones, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stops_when_it_is_good),
		cmocka_unit_test(test_stops_after_ten_seconds),
		cmocka_unit_test(test_stops_when_its_bytes_are_used_up),
		cmocka_unit_test(test_ends_with_the_first_that_finishes),
		cmocka_unit_test(test_loads_with_all_connections),
		cmocka_unit_test(test_ends_with_the_first_that_fails),
		cmocka_unit_test(test_aborted_under_way),
	};

	curl_global_init(CURL_GLOBAL_DEFAULT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
