#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/base/json.h"
#include "agent/measure/transfer.h"
#include "tests/unit/agent/scripted_server.h"

#define HEAD(length) "HTTP/1.1 200 OK\nContent-Length: " #length "\n"

/* One transfer from the scripted server, at times that the test sets. */
struct run {
	uv_loop_t loop;
	struct server server;
	struct fetch *fetch;
	struct instant now;
	struct transfer *transfer;
	struct transfer_result result;
	int dones;
	int64_t body_bytes;
	bool body_intact;
	int64_t resume_at;        /* body bytes at which a second passes and the server goes on; 0: never */
};

static struct instant read_clock(void *context)
{
	return ((struct run *)context)->now;
}

static void on_body(void *arg, const void *bytes, size_t length)
{
	struct run *run = arg;
	const unsigned char *at = bytes;

	for (size_t i = 0; i < length; i++)
		run->body_intact &= at[i] == script_byte((size_t)run->body_bytes + i);
	run->body_bytes += (int64_t)length;
	if (run->body_bytes == run->resume_at) {
		run->now.monotonic_us += 1000000;
		server_resume(&run->server);
	}
}

static void end(struct run *run)
{
	server_close(&run->server);
	fetch_close(run->fetch, NULL, NULL);
}

static void on_done(void *arg, const struct transfer_result *result)
{
	struct run *run = arg;

	run->dones++;
	run->result = *result;
	end(run);
}

static void run_start(struct run *run, struct script script, struct transfer_request request)
{
	struct clock clock = { .read = read_clock, .context = run };
	struct err err;

	*run = (struct run){ .body_intact = true, .now.monotonic_us = 5000000, .resume_at = (int64_t)script.pause_bytes };
	uv_loop_init(&run->loop);
	server_open(&run->server, &run->loop, script);
	if (fetch_open(&run->loop, &run->fetch, &err) < 0)
		fail_msg("%s", err.message);
	if (!request.url)
		request.url = run->server.url;
	if (!request.deadline_ms)
		request.deadline_ms = 60000;
	request.body = on_body;
	if (transfer_start(run->fetch, &clock, &request, on_done, run, &run->transfer, &err) < 0)
		fail_msg("%s", err.message);
}

/* The loop ends by itself only when nothing is left open. */
static void run_end(struct run *run)
{
	assert_int_equal(uv_run(&run->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&run->loop), 0);
}

static const struct {
	const char *name;
	struct script script;
	struct transfer_request request;
	enum reason failure;
	int64_t http_status, bytes;
	const char *detail;
} cases[] = {
	{ "whole", { HEAD(100000), 100000, false, 0 }, { 0 }, REASON_NONE, 200, 100000, "" },
	{ "whole, connection left open", { HEAD(100000), 100000, true, 0 }, { 0 }, REASON_NONE, 200, 100000, "" },
	{ "an interim answer first",
	  { "HTTP/1.1 103 Early Hints\nVia: x\n\n" HEAD(5), 5, false, 0 }, { 0 }, REASON_NONE, 200, 5, "" },
	{ "as long as allowed", { HEAD(1000), 1000, false, 0 }, { .max_bytes = 1000 }, REASON_NONE, 200, 1000, "" },
	{ "announced longer than allowed",
	  { HEAD(1001), 1001, false, 0 }, { .max_bytes = 1000 }, REASON_ALTERED, 200, 0, "Maximum file size exceeded" },
	{ "longer than allowed without announcing it",
	  { "HTTP/1.1 200 OK\n", 1001, false, 0 }, { .max_bytes = 1000 }, REASON_ALTERED, 200, 1001, NULL },
	{ "truncated", { HEAD(100000), 99999, false, 0 }, { 0 }, REASON_TRUNCATED, 200, 99999,
	  "transfer closed with 1 bytes remaining to read" },
	{ "head and no body", { HEAD(10), 0, false, 0 }, { 0 }, REASON_TRUNCATED, 200, 0,
	  "transfer closed with 10 bytes remaining to read" },
	{ "an empty body", { HEAD(0), 0, false, 0 }, { 0 }, REASON_TRUNCATED, 200, 0, "" },
	{ "not found", { "HTTP/1.1 404 Not Found\nContent-Length: 5\n", 5, false, 0 }, { 0 }, REASON_HTTP_STATUS, 404, 0, NULL },
	{ "busy", { "HTTP/1.1 503 Busy\nContent-Length: 0\nRetry-After: 7\n", 0, false, 0 }, { 0 }, REASON_HTTP_STATUS, 503, 0, "" },
	{ "a redirect is not followed",
	  { "HTTP/1.1 302 Found\nLocation: /\nContent-Length: 0\n", 0, false, 0 }, { 0 }, REASON_HTTP_STATUS, 302, 0, "" },
	{ "a part is not the whole",
	  { "HTTP/1.1 206 Partial Content\nContent-Length: 5\n", 5, false, 0 }, { 0 }, REASON_HTTP_STATUS, 206, 0, NULL },
	{ "closed without an answer", { "", 0, false, 0 }, { 0 }, REASON_NO_ANSWER, JSON_ABSENT, 0, "Empty reply from server" },
	{ "not HTTP", { "SSH-2.0-OpenSSH\n", 0, false, 0 }, { 0 }, REASON_NO_ANSWER, JSON_ABSENT, 0,
	  "Received HTTP/0.9 when not allowed" },
	{ "no answer until the deadline", { NULL, 0, true, 0 }, { .deadline_ms = 300 }, REASON_NO_ANSWER, JSON_ABSENT, 0, NULL },
	{ "stalled until the deadline", { HEAD(100000), 5000, true, 0 }, { .deadline_ms = 1000 }, REASON_STALLED, 200, 5000, NULL },
	{ "slower than the stall guard allows",
	  { HEAD(100000), 500, true, 0 }, { .stall_bytes_per_s = 1000, .stall_s = 1 }, REASON_STALLED, 200, 500, NULL },
	{ "only the head", { HEAD(123456), 0, true, 0 }, { .head_only = true }, REASON_NONE, 200, 0, "" },
	{ "the head of nothing", { "HTTP/1.1 404 Not Found\nContent-Length: 5\n", 0, true, 0 }, { .head_only = true },
	  REASON_HTTP_STATUS, 404, 0, "" },
	{ "refused", { HEAD(5), 5, false, 0 }, { .url = "http://127.0.0.1:1/" }, REASON_CONNECT, JSON_ABSENT, 0, NULL },
	{ "no such name",
	  { HEAD(5), 5, false, 0 }, { .url = "http://nosuch.invalid/", .deadline_ms = 5000 }, REASON_DNS, JSON_ABSENT, 0, NULL },
	{ "no such interface", { HEAD(5), 5, false, 0 }, { .interface = "nosuch0" }, REASON_CONNECT, JSON_ABSENT, 0, NULL },
	{ "bound to loopback", { HEAD(5), 5, false, 0 }, { .interface = "lo" }, REASON_NONE, 200, 5, "" },
	{ "not a URL", { HEAD(5), 5, false, 0 }, { .url = "http://[::1/" }, REASON_ABORTED, JSON_ABSENT, 0, NULL },
	{ "a scheme that is not allowed",
	  { HEAD(5), 5, false, 0 }, { .url = "file:///etc/passwd" }, REASON_ABORTED, JSON_ABSENT, 0,
	  "Protocol \"file\" not supported or disabled in libcurl" },
};

static void test_how_transfers_end(void **state)
{
	struct run run;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		run_start(&run, cases[i].script, cases[i].request);
		run_end(&run);
		if (run.dones != 1 || run.result.failure != cases[i].failure || run.result.http_status != cases[i].http_status ||
		    run.result.bytes != cases[i].bytes || !run.body_intact ||
		    (cases[i].detail && strcmp(run.result.detail, cases[i].detail)))
			fail_msg("%s: %s, status %ld, %ld bytes: %s", cases[i].name, reason_names[run.result.failure],
				 (long)run.result.http_status, (long)run.result.bytes, run.result.detail);
		if (cases[i].failure == REASON_NONE)
			assert_int_equal(run.body_bytes, cases[i].bytes);
	}
}

static void test_tls_to_a_plain_server(void **state)
{
	struct run run;
	struct transfer_request request = { .deadline_ms = 60000 };
	struct err err;
	struct clock clock = { .read = read_clock, .context = &run };
	char url[80];

	(void)state;
	run_start(&run, (struct script){ .head = NULL }, request);
	snprintf(url, sizeof url, "https%.60s", run.server.url + strlen("http"));
	transfer_abort(run.transfer);
	run.server.script = (struct script){ .head = "" };
	request.url = url;
	request.deadline_ms = 300;   /* a TLS greeting has no blank line: the server waits */
	assert_int_equal(transfer_start(run.fetch, &clock, &request, on_done, &run, &run.transfer, &err), 0);
	run_end(&run);
	assert_int_equal(run.result.failure, REASON_TLS);
	assert_int_equal(run.result.tls_us, JSON_ABSENT);
}

static void test_time_stamps_and_first_read(void **state)
{
	struct run run;

	(void)state;
	run_start(&run, (struct script){ .head = HEAD(50000), .body_bytes = 50000, .pause_bytes = 10000 },
		  (struct transfer_request){ 0 });
	run_end(&run);
	assert_int_equal(run.result.failure, REASON_NONE);
	assert_int_equal(run.result.t0_us, 5000000);
	assert_int_equal(run.result.t4_us, 5000000);
	assert_int_equal(run.result.t5_us, 5000000);
	assert_int_equal(run.result.t6_us, 6000000);
	assert_int_equal(run.result.ended_us, 6000000);
	assert_int_equal(run.result.first_read_bytes, 10000);
	assert_int_equal(run.result.bytes, 50000);
	assert_int_equal(run.result.content_length, 50000);
	assert_int_equal(run.result.first_byte_us, 0);
	assert_true(run.result.dns_us >= 0);
	assert_true(run.result.connect_us >= 0);
	assert_int_equal(run.result.tls_us, JSON_ABSENT);
	assert_true(run.body_intact);
}

static void test_a_first_read_of_many_pieces(void **state)
{
	struct run run;

	(void)state;
	run_start(&run, (struct script){ .head = HEAD(60000), .body_bytes = 60000, .keep_open = true },
		  (struct transfer_request){ 0 });
	run_end(&run);
	/* curl hands out 16 kB at a time: what came with the first piece must count as one read. */
	assert_true(run.result.first_read_bytes > 16384);
	assert_int_equal(run.result.bytes, 60000);
}

static void test_end_of_a_stalled_transfer(void **state)
{
	struct run run;

	(void)state;
	run_start(&run, (struct script){ .head = HEAD(50000), .body_bytes = 10001, .pause_bytes = 10000, .keep_open = true },
		  (struct transfer_request){ .deadline_ms = 1000 });
	run_end(&run);
	assert_int_equal(run.result.failure, REASON_STALLED);
	assert_int_equal(run.result.t5_us, 5000000);
	assert_int_equal(run.result.t6_us, run.result.ended_us);
}

static void test_what_is_asked(void **state)
{
	struct run run;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	run_start(&run, (struct script){ .head = HEAD(5), .body_bytes = 5 }, (struct transfer_request){ 0 });
	while (!run.server.requests)
		uv_run(&run.loop, UV_RUN_ONCE);
	unsetenv("http_proxy");
	assert_memory_equal(buf_text(&run.server.request), "GET /ref.bin HTTP/1.1\r\n", 23);
	assert_null(strcasestr(buf_text(&run.server.request), "accept-encoding"));
	assert_non_null(strstr(buf_text(&run.server.request), "User-Agent: plumbline-agent/" PLUMBLINE_VERSION "\r\n"));
	run_end(&run);
}

static void test_addresses(void **state)
{
	struct run run;

	(void)state;
	run_start(&run, (struct script){ .head = HEAD(5), .body_bytes = 5 }, (struct transfer_request){ 0 });
	run_end(&run);
	assert_memory_equal(run.result.peer, "127.0.0.1:", 10);
	assert_string_equal(run.result.peer_ip, "127.0.0.1");
	assert_string_equal(run.result.local_ip, "127.0.0.1");
}

static void test_headers(void **state)
{
	struct run run;

	(void)state;
	run_start(&run,
		  (struct script){ .head = "HTTP/1.1 100 Continue\nAge: 9\n\nHTTP/1.1 200 OK\nage:  3 \nX-Cache: MISS\n"
					   "X-CACHE: HIT from b\nAgent: x\nPlumbline-Load: flows=3, nic=12, cpu=40\n",
				   .body_bytes = 5 },
		  (struct transfer_request){ 0 });
	run_end(&run);
	assert_string_equal(run.result.headers[HEADER_AGE], "3");
	assert_string_equal(run.result.headers[HEADER_X_CACHE], "MISS, HIT from b");
	assert_string_equal(run.result.headers[HEADER_LOAD], "flows=3, nic=12, cpu=40");
	assert_string_equal(run.result.headers[HEADER_NONCE], "");
	assert_int_equal(run.result.content_length, JSON_ABSENT);
}

static void test_an_endless_header_is_cut(void **state)
{
	static char head[4096] = "HTTP/1.1 200 OK\nX-Cache: ";
	struct run run;

	(void)state;
	memset(head + strlen(head), 'x', sizeof head - strlen(head) - 2);
	head[sizeof head - 2] = '\n';
	run_start(&run, (struct script){ .head = head, .body_bytes = 5 }, (struct transfer_request){ 0 });
	run_end(&run);
	assert_int_equal(run.result.failure, REASON_NONE);
	assert_int_equal(strlen(run.result.headers[HEADER_X_CACHE]), sizeof run.result.headers[0] - 1);
}

static void test_aborted_under_way(void **state)
{
	struct run run;

	(void)state;
	run_start(&run, (struct script){ .head = HEAD(50000), .body_bytes = 10000, .keep_open = true },
		  (struct transfer_request){ 0 });
	while (transfer_peek(run.transfer)->bytes < 10000)
		uv_run(&run.loop, UV_RUN_ONCE);
	assert_int_equal(transfer_peek(run.transfer)->content_length, 50000);
	transfer_abort(run.transfer);
	end(&run);
	run_end(&run);
	assert_int_equal(run.dones, 0);
}

static void test_stopped_because_it_is_enough(void **state)
{
	struct run run;

	(void)state;
	run_start(&run, (struct script){ .head = HEAD(50000), .body_bytes = 10000, .keep_open = true },
		  (struct transfer_request){ 0 });
	assert_int_equal(transfer_socket(run.transfer), -1);
	while (transfer_peek(run.transfer)->bytes < 10000)
		uv_run(&run.loop, UV_RUN_ONCE);
	assert_true(transfer_socket(run.transfer) >= 0);
	transfer_stop(run.transfer, &run.result);
	end(&run);
	run_end(&run);
	assert_int_equal(run.dones, 0);
	assert_int_equal(run.result.failure, REASON_NONE);
	assert_int_equal(run.result.bytes, 10000);
	assert_int_equal(run.result.http_status, 200);
	assert_true(run.result.connect_us >= 0 && run.result.ended_us >= run.result.t6_us);
	assert_memory_equal(run.result.peer, "127.0.0.1:", strlen("127.0.0.1:"));
}

static void test_deadlines(void **state)
{
	(void)state;
	assert_int_equal(transfer_deadline_ms(1048576, 0), 60000);
	assert_int_equal(transfer_deadline_ms(1048576, 240000), 104857);
	assert_int_equal(transfer_deadline_ms(0, 240000), 104857);
	assert_int_equal(transfer_deadline_ms(1048576, 4000000), 60000);
	assert_int_equal(transfer_deadline_ms(1073741824, 20000000), 1288490);
	assert_int_equal(transfer_deadline_ms(INT64_MAX, 1), 21600000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_how_transfers_end),
		cmocka_unit_test(test_tls_to_a_plain_server),
		cmocka_unit_test(test_time_stamps_and_first_read),
		cmocka_unit_test(test_a_first_read_of_many_pieces),
		cmocka_unit_test(test_end_of_a_stalled_transfer),
		cmocka_unit_test(test_what_is_asked),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_an_endless_header_is_cut),
		cmocka_unit_test(test_aborted_under_way),
		cmocka_unit_test(test_stopped_because_it_is_enough),
		cmocka_unit_test(test_deadlines),
	};

	curl_global_init(CURL_GLOBAL_DEFAULT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
