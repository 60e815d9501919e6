#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/fetch.h"
#include "tests/unit/agent/scripted_server.h"

#define OK_HEAD "HTTP/1.1 200 OK\nContent-Length: 5\n"

struct fixture {
	uv_loop_t loop;
	struct server server;
	struct fetch *fetch;
	CURL *easy;
	int dones;
	int rounds_left;      /* transfers that done starts again */
	CURLcode result;
	bool closed;
};

static void on_closed(void *arg)
{
	((struct fixture *)arg)->closed = true;
}

static void finish(struct fixture *fixture)
{
	fetch_close(fixture->fetch, on_closed, fixture);
	server_close(&fixture->server);
}

static void on_done(void *arg, CURL *easy, CURLcode result)
{
	struct fixture *fixture = arg;
	struct err err;

	fixture->dones++;
	fixture->result = result;
	if (fixture->rounds_left-- > 0)
		assert_int_equal(fetch_start(fixture->fetch, easy, on_done, fixture, &err), 0);
	else
		finish(fixture);   /* closing from within the last done is allowed */
}

static size_t ignore(char *bytes, size_t size, size_t length, void *arg)
{
	(void)bytes, (void)size, (void)arg;
	return length;
}

static void setup(struct fixture *fixture, struct script script)
{
	struct err err;

	*fixture = (struct fixture){ 0 };
	uv_loop_init(&fixture->loop);
	server_open(&fixture->server, &fixture->loop, script);
	assert_int_equal(fetch_open(&fixture->loop, &fixture->fetch, &err), 0);
	assert_ptr_equal(fetch_loop(fixture->fetch), &fixture->loop);
	fixture->easy = curl_easy_init();
	curl_easy_setopt(fixture->easy, CURLOPT_URL, fixture->server.url);
	curl_easy_setopt(fixture->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(fixture->easy, CURLOPT_WRITEFUNCTION, ignore);
}

static void start(struct fixture *fixture)
{
	struct err err;

	assert_int_equal(fetch_start(fixture->fetch, fixture->easy, on_done, fixture, &err), 0);
	assert_int_equal(fixture->dones, 0);
}

/* The loop ends by itself only when nothing is left open. */
static void teardown(struct fixture *fixture)
{
	assert_int_equal(uv_run(&fixture->loop, UV_RUN_DEFAULT), 0);
	assert_true(fixture->closed);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	curl_easy_cleanup(fixture->easy);
}

static void test_done_once(void **state)
{
	struct fixture fixture;

	(void)state;
	setup(&fixture, (struct script){ .head = OK_HEAD, .body_bytes = 5 });
	start(&fixture);
	teardown(&fixture);
	assert_int_equal(fixture.dones, 1);
	assert_int_equal(fixture.result, CURLE_OK);
}

static void test_a_kept_connection_is_closed_with_the_fetch(void **state)
{
	struct fixture fixture;

	(void)state;
	setup(&fixture, (struct script){ .head = OK_HEAD, .body_bytes = 5, .keep_open = true });
	start(&fixture);
	teardown(&fixture);
	assert_int_equal(fixture.result, CURLE_OK);
}

static void test_done_may_start_again(void **state)
{
	struct fixture fixture;

	(void)state;
	setup(&fixture, (struct script){ .head = OK_HEAD, .body_bytes = 5 });
	fixture.rounds_left = 3;
	start(&fixture);
	teardown(&fixture);
	assert_int_equal(fixture.dones, 4);
	assert_int_equal(fixture.server.requests, 4);
}

static void test_a_refused_connection_is_an_end_too(void **state)
{
	struct fixture fixture;

	(void)state;
	setup(&fixture, (struct script){ 0 });
	curl_easy_setopt(fixture.easy, CURLOPT_URL, "http://127.0.0.1:1/");
	start(&fixture);
	teardown(&fixture);
	assert_int_equal(fixture.result, CURLE_COULDNT_CONNECT);
}

static void cancel_later(uv_timer_t *timer)
{
	struct fixture *fixture = timer->data;

	if (!fixture->server.requests)
		return;
	fetch_cancel(fixture->fetch, fixture->easy);
	finish(fixture);
	uv_close((uv_handle_t *)timer, NULL);
}

static void test_cancelled_under_way(void **state)
{
	struct fixture fixture;
	uv_timer_t timer;

	(void)state;
	setup(&fixture, (struct script){ .head = NULL });
	start(&fixture);
	uv_timer_init(&fixture.loop, &timer);
	timer.data = &fixture;
	uv_timer_start(&timer, cancel_later, 1, 1);
	teardown(&fixture);
	assert_int_equal(fixture.dones, 0);
	assert_int_equal(fixture.server.requests, 1);
}

static void test_cancelled_before_it_began(void **state)
{
	struct fixture fixture;

	(void)state;
	setup(&fixture, (struct script){ .head = NULL });
	curl_easy_setopt(fixture.easy, CURLOPT_URL, "http://nosuch.invalid/");
	start(&fixture);
	uv_run(&fixture.loop, UV_RUN_NOWAIT);   /* a name may be on its way to the resolver's thread */
	fetch_cancel(fixture.fetch, fixture.easy);
	finish(&fixture);
	teardown(&fixture);
}

static void test_the_same_handle_twice_is_refused(void **state)
{
	struct fixture fixture;
	struct err err;

	(void)state;
	setup(&fixture, (struct script){ .head = OK_HEAD, .body_bytes = 5 });
	start(&fixture);
	assert_int_equal(fetch_start(fixture.fetch, fixture.easy, on_done, &fixture, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_string_equal(err.message, "curl_multi_add_handle: The easy handle is already added to a multi handle");
	teardown(&fixture);
	assert_int_equal(fixture.dones, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_done_once),
		cmocka_unit_test(test_a_kept_connection_is_closed_with_the_fetch),
		cmocka_unit_test(test_done_may_start_again),
		cmocka_unit_test(test_a_refused_connection_is_an_end_too),
		cmocka_unit_test(test_cancelled_under_way),
		cmocka_unit_test(test_cancelled_before_it_began),
		cmocka_unit_test(test_the_same_handle_twice_is_refused),
	};

	curl_global_init(CURL_GLOBAL_DEFAULT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
