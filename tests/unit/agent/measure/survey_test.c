#include "agent/measure/survey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/agent/scripted_server.h"

#define URLS 3

struct run {
	uv_loop_t loop;
	struct server server;
	struct fetch *fetch;
	struct survey_answer answers[URLS];
	int dones;
};

static void end(struct run *run)
{
	server_close(&run->server);
	fetch_close(run->fetch, NULL, NULL);
}

static void on_done(void *arg, const struct survey_answer *answers)
{
	struct run *run = arg;

	run->dones++;
	memcpy(run->answers, answers, sizeof run->answers);
	end(run);
}

static struct survey *start(struct run *run, const char *head)
{
	const char *const urls[URLS] = { run->server.url, "http://127.0.0.1:1/", run->server.url };
	struct clock clock = clock_system();
	struct err err;

	*run = (struct run){ 0 };
	uv_loop_init(&run->loop);
	server_open(&run->server, &run->loop, (struct script){ .head = head, .keep_open = true });
	assert_int_equal(fetch_open(&run->loop, &run->fetch, &err), 0);
	return survey_start(run->fetch, &clock, urls, URLS, NULL, on_done, run);
}

static void finish(struct run *run)
{
	assert_int_equal(uv_run(&run->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&run->loop), 0);
}

static void test_learns_sizes(void **state)
{
	struct run run;

	(void)state;
	start(&run, "HTTP/1.1 200 OK\nContent-Length: 67108864\n");
	finish(&run);
	assert_int_equal(run.dones, 1);
	assert_int_equal(run.answers[0].size_bytes, 67108864);
	assert_true(run.answers[0].has_ipv4 && !run.answers[0].has_ipv6);
	assert_string_equal(run.answers[0].interface, "lo");
	assert_string_equal(run.answers[1].interface, "");
	assert_int_equal(run.answers[1].size_bytes, 0);   /* nobody listens there */
	assert_false(run.answers[1].has_ipv4 || run.answers[1].has_ipv6);
	assert_int_equal(run.answers[2].size_bytes, 67108864);
}

static void test_a_server_that_refuses(void **state)
{
	struct run run;

	(void)state;
	start(&run, "HTTP/1.1 405 Method Not Allowed\nContent-Length: 9\n");
	finish(&run);
	assert_int_equal(run.answers[0].size_bytes, 0);
}

static void test_versions_to_probe_over(void **state)
{
	long versions[SURVEY_VERSIONS];

	(void)state;
	assert_int_equal(survey_versions(&(struct survey_answer){ .has_ipv4 = true, .has_ipv6 = true }, versions), 2);
	assert_int_equal(versions[0], CURL_IPRESOLVE_V4);
	assert_int_equal(versions[1], CURL_IPRESOLVE_V6);
	assert_int_equal(survey_versions(&(struct survey_answer){ .has_ipv6 = true }, versions), 1);
	assert_int_equal(versions[0], CURL_IPRESOLVE_WHATEVER);
	assert_int_equal(survey_versions(&(struct survey_answer){ 0 }, versions), 1);
	assert_int_equal(versions[0], CURL_IPRESOLVE_WHATEVER);
}

static void test_aborted_under_way(void **state)
{
	struct run run;
	struct survey *survey;

	(void)state;
	survey = start(&run, NULL);
	while (!run.server.requests)
		uv_run(&run.loop, UV_RUN_ONCE);
	survey_abort(survey);
	end(&run);
	finish(&run);
	assert_int_equal(run.dones, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learns_sizes),
		cmocka_unit_test(test_a_server_that_refuses),
		cmocka_unit_test(test_versions_to_probe_over),
		cmocka_unit_test(test_aborted_under_way),
	};

	curl_global_init(CURL_GLOBAL_DEFAULT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
