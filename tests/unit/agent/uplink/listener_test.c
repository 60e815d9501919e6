#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>

#include "agent/base/httpsig.h"
#include "agent/base/log.h"
#include "agent/uplink/listener.h"
#include "tests/unit/agent/scripted_collector.h"

#define PROBLEM "Content-Type: application/problem+json\r\n"
#define NOW_MS  INT64_C(1763821800000)
#define HOUR_MS INT64_C(3600000)
#define LINE    "GET /agent/v1/instruction?wait=300 HTTP/1.1"

struct world {
	struct scripted_collector *server;
	uv_loop_t loop;
	struct fetch *fetch;
	struct identity identity;
	struct listener *listener;
	uint64_t state;
	struct random_source random;
	int64_t step_us;     /* how far the clock goes at each look */
	int64_t monotonic_us;
	int instructed;
	char instruction[64], etag[64];
};

static struct instant read_clock(void *context)
{
	struct world *world = context;

	world->monotonic_us += world->step_us;
	return (struct instant){ NOW_MS, world->monotonic_us, world->monotonic_us };
}

static void on_instruction(void *arg, const char *etag, const char *text, size_t length)
{
	struct world *world = arg;

	world->instructed++;
	snprintf(world->etag, sizeof world->etag, "%s", etag);
	snprintf(world->instruction, sizeof world->instruction, "%.*s", (int)length, text);
}

static void open_listener(struct world *world, const char *etag, int64_t first_wait_ms)
{
	struct listener_options options = {
		.loop = &world->loop, .fetch = world->fetch, .clock = { read_clock, world }, .random = world->random,
		.identity = &world->identity, .collector_url = world->server->url, .etag = etag,
		.backoff = { .first_ms = first_wait_ms, .longest_ms = first_wait_ms }, .instruct = on_instruction, .arg = world,
	};
	struct err err;

	assert_int_equal(listener_open(&options, &world->listener, &err), 0);
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof *world);
	struct err err;

	log_set_level(LOG_ERROR);
	world->server = scripted_start();
	world->state = 99;
	world->random = random_seeded(&world->state);
	uv_loop_init(&world->loop);
	identity_new(&world->identity, &world->random);
	snprintf(world->identity.agent, sizeof world->identity.agent, "a-1");
	assert_int_equal(fetch_open(&world->loop, &world->fetch, &err), 0);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	listener_close(world->listener, NULL, NULL);
	fetch_close(world->fetch, NULL, NULL);
	uv_run(&world->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&world->loop), 0);
	scripted_stop(world->server);
	identity_free(&world->identity);
	free(world);
	return 0;
}

/* alarm() ends a test that waits in vain. */
static void run_until(struct world *world, bool (*is_so)(struct world *world, int value), int value)
{
	alarm(20);
	while (!is_so(world, value))
		uv_run(&world->loop, UV_RUN_ONCE);
	alarm(0);
}

static bool instructed_is(struct world *world, int count)
{
	return world->instructed == count;
}

static bool asked_is(struct world *world, int count)
{
	return scripted_count(world->server) >= count;
}

/* Whatever the answer was, the listener rests now. */
static bool rests(struct world *world, int least_ms)
{
	return uv_backend_timeout(&world->loop) >= least_ms;
}

static void expect_known(struct world *world, int index, const char *etag)
{
	char sent[64];

	assert_string_equal(world->server->requests[index].line, LINE);
	scripted_header(&world->server->requests[index], "If-None-Match", sent, sizeof sent);
	assert_string_equal(sent, etag);
}

static void test_a_request_is_signed_with_its_query(void **state)
{
	struct world *world = *state;
	struct httpsig_message message = { .method = "GET", .path = "/agent/v1/instruction", .query = "wait=300" };
	char input[256], signature[256];
	struct err err = { 0 };

	open_listener(world, "", 1);
	scripted_add(world->server, 200, "ETag: \"e1\"\r\n", "{\"version\":1}");
	run_until(world, instructed_is, 1);
	assert_string_equal(world->etag, "\"e1\"");
	assert_string_equal(world->instruction, "{\"version\":1}");
	expect_known(world, 0, "");
	scripted_header(&world->server->requests[0], "Signature-Input", input, sizeof input);
	scripted_header(&world->server->requests[0], "Signature", signature, sizeof signature);
	assert_int_equal(httpsig_verify(&message, NULL, input, signature, world->identity.public_key, &err), 0);
}

static void test_one_instruction_follows_another(void **state)
{
	struct world *world = *state;

	open_listener(world, "\"e0\"", HOUR_MS);
	scripted_add(world->server, 200, "ETag: \"e1\"\r\n", "{}");
	scripted_add(world->server, 200, "ETag: \"e2\"\r\n", "{}");
	run_until(world, instructed_is, 2);
	expect_known(world, 0, "\"e0\"");
	expect_known(world, 1, "\"e1\"");
	assert_string_equal(world->etag, "\"e2\"");
	assert_in_range(uv_backend_timeout(&world->loop), 0, LISTENER_SPREAD_MS);
}

static void test_nothing_new_in_due_time_is_asked_again_at_once(void **state)
{
	struct world *world = *state;

	world->step_us = LISTENER_WAIT_S * INT64_C(1000000);
	open_listener(world, "\"e0\"", HOUR_MS);
	scripted_add(world->server, 304, NULL, NULL);
	scripted_add(world->server, 304, NULL, NULL);
	scripted_add(world->server, 200, "ETag: \"e1\"\r\n", "{}");
	run_until(world, instructed_is, 1);
	expect_known(world, 2, "\"e0\"");
}

/* None of these may make an agent ask without end. */
static const struct {
	const char *name;
	struct scripted_answer answer;
} idles[] = {
	{ "nothing new, before its time",  { 304, NULL, NULL } },
	{ "an answer without its ETag",    { 200, NULL, "{}" } },
	{ "the one that is known",         { 200, "ETag: \"e0\"\r\n", "{}" } },
	{ "no answer",                     { 0, NULL, NULL } },
	{ "revoked",                       { 401, PROBLEM, "{\"detail\":\"agent a-1 was revoked\"}" } },
	{ "a proxy's page",                { 404, NULL, "<html>" } },
};

static void test_what_brings_nothing_is_tried_again_later(void **state)
{
	for (size_t i = 0; i < sizeof idles / sizeof idles[0]; i++) {
		struct world *world = *state;

		open_listener(world, "\"e0\"", HOUR_MS);
		scripted_add(world->server, idles[i].answer.status, idles[i].answer.headers, idles[i].answer.body);
		run_until(world, asked_is, 1);
		run_until(world, rests, 2000);
		assert_int_equal(scripted_count(world->server), 1);
		assert_int_equal(world->instructed, 0);
		tear_down(state);
		set_up(state);
	}
	open_listener(*state, "", HOUR_MS);
}

static void test_retry_after_is_obeyed(void **state)
{
	struct world *world = *state;

	open_listener(world, "", 1);
	scripted_add(world->server, 503, PROBLEM "Retry-After: 1800\r\n", "{}");
	run_until(world, rests, 1700000);
	assert_in_range(uv_backend_timeout(&world->loop), 1700000, 1801000);
}

static void test_a_report_that_names_another_ends_the_rest(void **state)
{
	struct world *world = *state;

	open_listener(world, "\"e0\"", HOUR_MS);
	scripted_add(world->server, 0, NULL, NULL);
	run_until(world, rests, 2000);
	listener_expect(world->listener, "\"e0\"");
	listener_expect(world->listener, "");
	assert_true(rests(world, 2000));
	scripted_add(world->server, 200, "ETag: \"e1\"\r\n", "{}");
	listener_expect(world->listener, "\"e1\"");
	run_until(world, instructed_is, 1);
}

static void test_a_request_that_hangs_is_given_up_for_it(void **state)
{
	struct world *world = *state;

	open_listener(world, "\"e0\"", HOUR_MS);
	scripted_add(world->server, SCRIPT_HANGS, NULL, NULL);
	run_until(world, asked_is, 1);
	scripted_add(world->server, 200, "ETag: \"e1\"\r\n", "{}");
	listener_expect(world->listener, "\"e1\"");
	run_until(world, instructed_is, 1);
	expect_known(world, 1, "\"e0\"");
}

static void test_closing_ends_a_request_that_waits(void **state)
{
	struct world *world = *state;

	open_listener(world, "", HOUR_MS);
	scripted_add(world->server, SCRIPT_HANGS, NULL, NULL);
	run_until(world, asked_is, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_request_is_signed_with_its_query, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_instruction_follows_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_new_in_due_time_is_asked_again_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_brings_nothing_is_tried_again_later, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_retry_after_is_obeyed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_report_that_names_another_ends_the_rest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_request_that_hangs_is_given_up_for_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_closing_ends_a_request_that_waits, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
