#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/uplink/request.h"
#include "tests/unit/agent/scripted_collector.h"

static const struct {
	const char *url;
	const char *message;   /* NULL: accepted */
} urls[] = {
	{ "https://collector.isp.example:8443", NULL },
	{ "https://collector.isp.example/", NULL },
	{ "http://127.0.0.1:8480", NULL },
	{ "http://127.1.2.3", NULL },
	{ "http://localhost:1/", NULL },
	{ "http://[::1]:8480", NULL },
	{ "http://collector.isp.example",
	  "collector URL http://collector.isp.example: plain http is for loopback only, use https" },
	{ "http://127.0.0.1.example", "collector URL http://127.0.0.1.example: plain http is for loopback only, use https" },
	{ "http://localhost@evil", "collector URL http://localhost@evil: must be https://HOST[:PORT] with nothing more" },
	{ "https://c/path", "collector URL https://c/path: must be https://HOST[:PORT] with nothing more" },
	{ "https://c/?q", "collector URL https://c/?q: must be https://HOST[:PORT] with nothing more" },
	{ "ftp://c", "collector URL ftp://c: must be https://HOST[:PORT]" },
	{ "c:8443", "collector URL c:8443: must be https://HOST[:PORT]" },
	{ "", "collector URL : must be https://HOST[:PORT]" },
};

static void test_urls(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		struct request request = { 0 };
		struct err err = { 0 };

		assert_int_equal(request_init(&request, urls[i].url, NULL, &err), urls[i].message ? -1 : 0);
		if (urls[i].message) {
			assert_int_equal(err.code, ERR_USAGE);
			assert_string_equal(err.message, urls[i].message);
		} else {
			request_free(&request);
		}
	}
}

#define PROBLEM "Content-Type: application/problem+json\r\n"

static const struct {
	int status;
	const char *headers, *body;
	enum err_code code;     /* 0: a good answer */
	const char *message;    /* after "collector URL: " */
} answers[] = {
	{ 0, NULL, NULL, ERR_UNREACHABLE, "Empty reply from server" },   /* on a used connection libcurl would try again itself */
	{ 200, NULL, "{}", 0, NULL },
	{ 304, NULL, NULL, 0, NULL },
	{ 400, PROBLEM, "{\"detail\":\"events[3]: leg: is missing\"}", ERR_INPUT, "events[3]: leg: is missing (400)" },
	{ 401, PROBLEM, "{\"title\":\"Unauthorized\"}", ERR_UNAUTHORIZED, "Unauthorized (401)" },
	{ 403, PROBLEM, "{\"detail\":\"no\"}", ERR_FORBIDDEN, "no (403)" },
	{ 404, PROBLEM, "{\"detail\":\"no\"}", ERR_NOT_FOUND, "no (404)" },
	{ 409, PROBLEM, "{\"detail\":\"no\"}", ERR_CONFLICT, "no (409)" },
	{ 413, PROBLEM, "{}", ERR_TOO_LARGE, "refused without a reason (413)" },
	{ 429, PROBLEM, "{\"detail\":\"no\"}", ERR_BUSY, "no (429)" },
	{ 503, PROBLEM, "{\"detail\":\"no\"}", ERR_BUSY, "no (503)" },
	{ 500, PROBLEM, "{\"detail\":\"no\"}", ERR_UNREACHABLE, "no (500)" },
	{ 400, "Content-Type: text/html\r\n", "<h1>", ERR_UNREACHABLE, "answered 400, and not as a collector does" },
	{ 400, PROBLEM, "<h1>", ERR_UNREACHABLE, "answered 400, and not as a collector does" },
	{ 302, "Location: http://elsewhere/\r\n", NULL, ERR_UNREACHABLE, "answered 302, and not as a collector does" },
	{ 503, NULL, "busy", ERR_BUSY, "answered 503, and not as a collector does" },
};

static void test_answers(void **unused)
{
	struct scripted_collector *server = scripted_start();
	struct request request;
	struct err err;

	(void)unused;
	assert_int_equal(request_init(&request, server->url, NULL, &err), 0);
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		char want[256];

		err = (struct err){ 0 };
		scripted_add(server, answers[i].status, answers[i].headers, answers[i].body);
		buf_clear(&request.body);
		buf_append_text(&request.body, "{}");
		request_prepare(&request, "/x");
		assert_int_equal(request_finish(&request, curl_easy_perform(request.easy), &err), answers[i].code ? -1 : 0);
		assert_int_equal(err.code, answers[i].code);
		snprintf(want, sizeof want, "collector %s: %s", server->url, answers[i].message);
		if (answers[i].message)
			assert_string_equal(err.message, want);
	}
	request_free(&request);
	scripted_stop(server);
}

static void test_headers_of_an_answer(void **unused)
{
	struct scripted_collector *server = scripted_start();
	struct request request;
	struct err err;
	char sent[64];

	(void)unused;
	assert_int_equal(request_init(&request, server->url, NULL, &err), 0);
	scripted_add(server, 200, "ETag: \"abc\"\r\nRetry-After: 120\r\n", "{}");
	request_prepare(&request, "/x");
	request_add_header(&request, "If-None-Match", "\"old\"");
	assert_int_equal(request_finish(&request, curl_easy_perform(request.easy), &err), 0);
	assert_string_equal(request_answer_header(&request, "etag"), "\"abc\"");
	assert_string_equal(request_answer_header(&request, "x-other"), "");
	assert_int_equal(request_retry_after_ms(&request), 120000);
	assert_string_equal(server->requests[0].line, "GET /x HTTP/1.1");
	scripted_header(&server->requests[0], "If-None-Match", sent, sizeof sent);
	assert_string_equal(sent, "\"old\"");
	request_free(&request);
	scripted_stop(server);
}

static void test_an_endless_answer_is_cut_off(void **unused)
{
	struct scripted_collector *server = scripted_start();
	char *body = malloc(REQUEST_ANSWER_BYTES + 2);
	struct request request;
	struct err err;

	(void)unused;
	memset(body, 'x', REQUEST_ANSWER_BYTES + 1);
	body[REQUEST_ANSWER_BYTES + 1] = '\0';
	assert_int_equal(request_init(&request, server->url, NULL, &err), 0);
	scripted_add(server, 200, NULL, body);
	request_prepare(&request, "/x");
	assert_int_equal(request_finish(&request, curl_easy_perform(request.easy), &err), -1);
	assert_int_equal(err.code, ERR_UNREACHABLE);
	request_free(&request);
	scripted_stop(server);
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_headers_of_an_answer),
		cmocka_unit_test(test_an_endless_answer_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
