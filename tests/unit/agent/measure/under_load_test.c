/* On loopback, by ICMP where the machine allows it and by TCP elsewhere: nothing is lost, and how long it takes is not asked. */
#include "agent/measure/under_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/agent/scripted_server.h"

#define PART  { "HTTP/1.1 206 Partial Content\nContent-Length: 1\n", 1, false, 0 }
#define WHOLE { "HTTP/1.1 200 OK\nContent-Length: 100000\n", 100000, false, 0 }
#define BUSY  { "HTTP/1.1 503 Busy\nContent-Length: 0\n", 0, false, 0 }

enum stage { NEVER, FROM_START, FROM_IDLE };

struct run {
	uv_loop_t loop;
	struct server server;
	struct fetch *fetch;
	struct under_load *load;
	uv_check_t look;             /* after each turn of the loop */
	int wanted;                  /* requests of the server before the load ends; 0: it ends at once */
	enum stage aborts;
	int idles, dones;
	char asked[256];             /* the latest request before the load ended */
	struct load_delay delay;
};

static void end(struct run *run)
{
	uv_close((uv_handle_t *)&run->look, NULL);
	server_close(&run->server);
	fetch_close(run->fetch, NULL, NULL);
}

static void on_done(void *arg, const struct load_delay *delay)
{
	struct run *run = arg;

	run->dones++;
	run->delay = *delay;
	end(run);
}

static void on_turn(uv_check_t *look)
{
	struct run *run = look->data;

	if (!run->idles || !run->wanted || run->server.requests < run->wanted)
		return;
	uv_check_stop(look);
	snprintf(run->asked, sizeof run->asked, "%s", buf_text(&run->server.request));
	under_load_end(run->load, on_done);
}

static void on_idle(void *arg)
{
	struct run *run = arg;

	run->idles++;
	if (run->aborts == FROM_IDLE) {
		under_load_progress(run->load, 10000000);
		under_load_abort(run->load);
		end(run);
		return;
	}
	if (!run->wanted)
		under_load_end(run->load, on_done);
	under_load_progress(run->load, 499999);   /* T3: not full yet */
	under_load_progress(run->load, 10000000);
	under_load_progress(run->load, 10100000);
}

static void run_load(struct run *run, struct script script, const char *url)
{
	struct clock clock = clock_system();
	struct random_source random = random_system();
	struct under_load_request request = { .url = url, .threshold_bps = 10000000, .ip_version = CURL_IPRESOLVE_V4 };
	struct err err;

	uv_loop_init(&run->loop);
	server_open(&run->server, &run->loop, script);
	assert_int_equal(fetch_open(&run->loop, &run->fetch, &err), 0);
	uv_check_init(&run->loop, &run->look);
	run->look.data = run;
	uv_check_start(&run->look, on_turn);
	request.url = url ? url : run->server.url;
	run->load = under_load_start(run->fetch, &clock, &random, &request, on_idle, run);
	if (run->aborts == FROM_START) {
		under_load_abort(run->load);
		end(run);
	}
	assert_int_equal(uv_run(&run->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&run->loop), 0);
}

static const struct {
	const char *name, *method;
	struct script script;
} servers[] = {
	{ "a server that knows ranges: one byte", "GET /", PART },
	{ "one that does not: the head only",     "HEAD /", WHOLE },
	{ "a busy one answers too",               "HEAD /", BUSY },
};

static void test_echoes_and_foreign_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
		struct run run = { .wanted = 1 + LOAD_DELAY_LEAST };

		print_message("  %s\n", servers[i].name);
		run_load(&run, servers[i].script, NULL);
		assert_int_equal(run.idles, 1);
		assert_int_equal(run.dones, 1);
		assert_int_equal(run.delay.idle.sent, LOAD_DELAY_IDLE_ECHOES);
		assert_int_equal(run.delay.idle.count, LOAD_DELAY_IDLE_ECHOES);
		assert_true(run.delay.loaded.sent >= LOAD_DELAY_LEAST && run.delay.loaded.count == run.delay.loaded.sent);
		assert_int_equal(run.delay.idle.lost + run.delay.loaded.lost, 0);
		assert_true(run.delay.http.count >= LOAD_DELAY_LEAST && run.delay.http.us[0] > 0);
		assert_true(run.delay.way == LOAD_WAY_ICMP || run.delay.way == LOAD_WAY_TCP);
		assert_memory_equal(run.asked, servers[i].method, strlen(servers[i].method));
		assert_non_null(strstr(run.asked, "nonce="));
	}
}

static void test_nobody_answers(void **state)
{
	static const char *const urls[] = { "http://127.0.0.1:1/", "no url" };

	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		struct run run = { 0 };

		run_load(&run, (struct script)PART, urls[i]);
		assert_int_equal(run.idles, 1);
		assert_int_equal(run.dones, 1);
		assert_int_equal(run.delay.idle.sent + run.delay.loaded.sent + run.delay.http.count, 0);
	}
}

static void test_aborted(void **state)
{
	(void)state;
	for (int stage = FROM_START; stage <= FROM_IDLE; stage++) {
		struct run run = { .wanted = 100, .aborts = (enum stage)stage };

		run_load(&run, (struct script)PART, NULL);
		assert_int_equal(run.dones, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echoes_and_foreign_requests),
		cmocka_unit_test(test_nobody_answers),
		cmocka_unit_test(test_aborted),
	};

	curl_global_init(CURL_GLOBAL_DEFAULT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
