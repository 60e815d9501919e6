#include "tests/unit/collector/http/server_fixture.h"

static void start(struct fixture *fixture)
{
	fixture_init(fixture);
	fixture_start(fixture);
}

static int status_of(const struct buf *answer)
{
	return !strncmp(buf_text(answer), "HTTP/1.1 ", 9) ? atoi(buf_text(answer) + 9) : 0;
}

/* A text constant with its length: some hold NUL. */
#define RAW(text) (text), sizeof(text) - 1

static const struct {
	const char *name, *bytes;
	size_t length;
	int status;
	const char *detail;
} refused[] = {
	/* not HTTP at all */
	{ "not a method", RAW("HELLO\r\n\r\n"), 400, "Invalid method encountered" },
	{ "a TLS greeting", RAW("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400, "" },
	{ "HTTP/0.9", RAW("GET /\r\n\r\n"), 400, "" },
	{ "HTTP/2 preface", RAW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400, "" },
	{ "HTTP/2.0 in words", RAW("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 505, "only HTTP/1.1" },
	{ "HTTP/0.9 in words", RAW("GET / HTTP/0.9\r\nHost: h\r\n\r\n"), 505, "only HTTP/1.1" },
	{ "HTTP/1.2", RAW("GET / HTTP/1.2\r\nHost: h\r\n\r\n"), 505, "Invalid HTTP version" },
	{ "HTTP/1.10", RAW("GET / HTTP/1.10\r\nHost: h\r\n\r\n"), 505, "" },
	{ "RTSP", RAW("GET / RTSP/1.0\r\n\r\n"), 400, "request line is malformed" },
	{ "lower-case version", RAW("GET / http/1.1\r\nHost: h\r\n\r\n"), 400, "" },

	/* request line */
	{ "no target", RAW("GET HTTP/1.1\r\nHost: h\r\n\r\n"), 400, "" },
	{ "space in the target", RAW("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"), 400, "" },
	{ "two spaces before the version", RAW("GET /  HTTP/1.1\r\nHost: h\r\n\r\n"), 400, "" },
	{ "tab in the target", RAW("GET /a\tb HTTP/1.1\r\nHost: h\r\n\r\n"), 400, "" },
	{ "NUL in the target", RAW("GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n"), 400, "" },
	{ "raw UTF-8 in the target", RAW("GET /\xd0\x9f HTTP/1.1\r\nHost: h\r\n\r\n"), 400, "" },
	{ "a fragment", RAW("GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n"), 400, "target is malformed" },
	{ "an asterisk that is no OPTIONS", RAW("GET * HTTP/1.1\r\nHost: h\r\n\r\n"), 400, "target is malformed" },
	{ "a foreign scheme", RAW("GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n"), 400, "target is malformed" },
	{ "a relative target", RAW("GET a HTTP/1.1\r\nHost: h\r\n\r\n"), 400, "" },
	{ "another host in the target", RAW("GET http://g/ HTTP/1.1\r\nHost: h\r\n\r\n"), 400, "different hosts" },
	{ "a longer host in the target", RAW("GET http://h.g/ HTTP/1.1\r\nHost: h\r\n\r\n"), 400, "different hosts" },
	{ "a user in the target", RAW("GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n"), 400, "different hosts" },
	{ "no host in an absolute target", RAW("GET http:///a HTTP/1.0\r\n\r\n"), 400, "" },
	{ "CONNECT", RAW("CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n"), 501, "CONNECT is not supported" },

	/* Host */
	{ "no Host", RAW("GET / HTTP/1.1\r\n\r\n"), 400, "Host header is missing" },
	{ "two Hosts", RAW("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"), 400, "more than one Host" },
	{ "two Hosts in HTTP/1.0", RAW("GET / HTTP/1.0\r\nHost: h\r\nhost: g\r\n\r\n"), 400, "more than one Host" },
	{ "a list of Hosts", RAW("GET / HTTP/1.1\r\nHost: h g\r\n\r\n"), 400, "Host header is malformed" },
	{ "a path in Host", RAW("GET / HTTP/1.1\r\nHost: h/a\r\n\r\n"), 400, "Host header is malformed" },
	{ "a user in Host", RAW("GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"), 400, "Host header is malformed" },

	/* header lines */
	{ "folded", RAW("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n"), 400, "" },
	{ "folded with a tab", RAW("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\tc\r\n\r\n"), 400, "" },
	{ "folded after nothing", RAW("GET / HTTP/1.1\r\nHost: h\r\nA:\r\n c\r\n\r\n"), 400, "" },
	{ "folded Content-Length", RAW("POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n 1\r\n\r\na"), 400, "" },
	{ "first line indented", RAW("GET / HTTP/1.1\r\n Host: h\r\n\r\n"), 400, "" },
	{ "space before the colon", RAW("GET / HTTP/1.1\r\nHost : h\r\n\r\n"), 400, "" },
	{ "no colon", RAW("GET / HTTP/1.1\r\nHost: h\r\nA\r\n\r\n"), 400, "" },
	{ "no name", RAW("GET / HTTP/1.1\r\nHost: h\r\n: a\r\n\r\n"), 400, "name of a header" },
	{ "space before the colon of a length", RAW("POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 1\r\n\r\na"), 400, "" },
	{ "space before the colon of a coding",
	  RAW("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"), 400, "" },
	{ "a coding after a vertical tab",
	  RAW("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"), 400, "" },
	{ "space in a name", RAW("GET / HTTP/1.1\r\nHost: h\r\nA b: c\r\n\r\n"), 400, "" },
	{ "NUL in a name", RAW("GET / HTTP/1.1\r\nHost: h\r\nA\0b: c\r\n\r\n"), 400, "" },
	{ "NUL in a value", RAW("GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n"), 400, "" },
	{ "CR in a value", RAW("GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n"), 400, "" },
	{ "control character in a value", RAW("GET / HTTP/1.1\r\nHost: h\r\nA: b\x01\r\n\r\n"), 400, "" },
	{ "lines without CR", RAW("GET / HTTP/1.1\nHost: h\n\n"), 400, "" },
	{ "one line without CR", RAW("GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n"), 400, "" },
	{ "Upgrade", RAW("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"), 501,
	  "Upgrade is not supported" },
	{ "Expect of something else", RAW("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: a\r\n\r\n"), 417,
	  "only expectation" },

	/* where the body ends */
	{ "two lengths", RAW("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na"), 400, "" },
	{ "twice the same", RAW("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"), 400, "" },
	{ "a list of lengths", RAW("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\na"), 400, "" },
	{ "a signed length", RAW("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na"), 400, "" },
	{ "a negative length", RAW("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\na"), 400, "" },
	{ "a hexadecimal length", RAW("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\na"), 400, "" },
	{ "an empty length", RAW("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\na"), 400, "" },
	{ "a length past 64 bits",
	  RAW("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551617\r\n\r\na"), 400, "" },
	{ "a length too large, no body sent", RAW("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8000001\r\n\r\n"), 413,
	  "body is larger" },
	{ "length and chunked",
	  RAW("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, "" },
	{ "chunked and length",
	  RAW("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"), 400, "" },
	{ "chunked in HTTP/1.0", RAW("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400,
	  "HTTP/1.0 has no Transfer-Encoding" },
	{ "chunked is not the last",
	  RAW("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"), 400, "" },
	{ "chunked twice",
	  RAW("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	  400, "" },
	{ "another coding", RAW("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501,
	  "only Transfer-Encoding" },
	{ "not quite chunked", RAW("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), 501,
	  "only Transfer-Encoding" },
	{ "a chunk size in words", RAW("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n"), 400, "" },
	{ "a chunk size past 64 bits",
	  RAW("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\na"), 400, "" },
	{ "a chunk too large", RAW("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7a1201\r\na"), 413,
	  "body is larger" },
	{ "chunks too large together",
	  RAW("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n7a1200\r\n"), 413,
	  "body is larger" },
	{ "a chunk longer than it says",
	  RAW("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"), 400, "" },
	{ "a chunk line without CR", RAW("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n"), 400,
	  "" },
	{ "a chunk extension", RAW("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\na"), 400,
	  "chunk extensions" },
	{ "a trailer", RAW("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n"), 400,
	  "trailers" },
};

static void assert_refused(const char *name, const struct buf *answer, int status, const char *detail)
{
	char member[32];

	snprintf(member, sizeof member, "\"status\": %d,", status);
	if (status_of(answer) != status || !strstr(answer->data, "application/problem+json") ||
	    !strstr(answer->data, "Connection: close") || !strstr(answer->data, member) ||
	    !strstr(answer->data, "\"type\": \"about:blank\"") || !strstr(answer->data, detail) ||
	    strstr(answer->data, "\nHTTP/1.1 "))
		fail_msg("%s: %s", name, buf_text(answer));
}

/* Each must get one answer and then the end, in one piece and byte by byte. */
static void test_refused(void **state)
{
	struct fixture fixture;

	(void)state;
	start(&fixture);
	for (size_t i = 0; i < 2 * sizeof refused / sizeof refused[0]; i++) {
		size_t row = i / 2, piece = i % 2 ? 1 : refused[row].length;
		struct buf answer = { 0 };
		int fd = client_connect(&fixture);

		for (size_t at = 0; at < refused[row].length; at += piece)
			client_send(fd, refused[row].bytes + at, piece);
		if (!client_read_all(fd, &answer))
			fail_msg("%s: still open after: %s", refused[row].name, buf_text(&answer));
		assert_refused(refused[row].name, &answer, refused[row].status, refused[row].detail);
		buf_free(&answer);
		close(fd);
	}
	fixture_end(&fixture);
}

static const struct {
	const char *name, *request, *want;
} accepted[] = {
	{ "HTTP/1.0 is answered and closed", "GET /a HTTP/1.0\r\n\r\n", "GET /a?(none)" },
	{ "a query", "GET /a?b=c?d HTTP/1.0\r\n\r\n", "GET /a?b=c?d" },
	{ "an empty query", "GET /a? HTTP/1.0\r\n\r\n", "GET /a?" },
	{ "a path is not decoded", "GET /%41%2f HTTP/1.0\r\n\r\n", "GET /%41%2f?(none)" },
	{ "an absolute target", "GET http://H:1/a?b HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\n\r\n", "GET /a?b" },
	{ "an absolute target without path", "GET http://h HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
	  "GET /?(none)" },
	{ "an absolute target with only a query", "GET http://h?b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
	  "GET /?b" },
	{ "OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "OPTIONS *?(none)" },
	{ "an empty Host", "GET /a HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", "GET /a?(none)" },
	{ "empty lines before", "\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "GET /a?(none)" },
	{ "white space around a value", "GET /echo HTTP/1.0\r\nX-MARK: \t a b \t\r\n\r\n", "X-Mark: a b\r\n" },
	{ "an empty value", "GET /echo HTTP/1.0\r\nX-Mark: \r\n\r\n", "X-Mark: \r\n" },
	{ "the first of two headers", "GET /echo HTTP/1.0\r\nX-Mark: a\r\nX-Mark: b\r\n\r\n", "X-Mark: a\r\n" },
	{ "a length of 0", "POST /a HTTP/1.0\r\nContent-Length: 0\r\n\r\n", "POST /a?(none)" },
	{ "a body", "POST /echo HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "\r\n\r\nabc" },
	{ "chunks", "POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: Chunked\r\n\r\n"
		    "2\r\nab\r\n00A\r\ncdefghijkl\r\n0\r\n\r\n", "\r\n\r\nabcdefghijkl" },
	{ "no chunks", "POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "0\r\n\r\n", "Content-Length: 0\r\n" },
	{ "100-continue without a body", "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n",
	  "GET /a?(none)" },
	{ "control characters of an answer's header", "GET /injected HTTP/1.0\r\n\r\n",
	  "Location: /a  X-Injected: yes\r\n" },
	{ "the peer's address", "GET /peer HTTP/1.0\r\n\r\n", "\r\n\r\n127.0.0.1:" },
};

static void test_accepted(void **state)
{
	struct fixture fixture;

	(void)state;
	start(&fixture);
	for (size_t i = 0; i < 2 * sizeof accepted / sizeof accepted[0]; i++) {
		const char *request = accepted[i / 2].request;
		size_t length = strlen(request);
		size_t piece = i % 2 ? 1 : length;
		struct buf answer = { 0 };
		int fd = client_connect(&fixture);

		for (size_t at = 0; at < length; at += piece)
			client_send(fd, request + at, piece);
		assert_true(client_read_all(fd, &answer));
		if (status_of(&answer) / 100 > 3 || !strstr(answer.data, accepted[i / 2].want))
			fail_msg("%s: %s", accepted[i / 2].name, buf_text(&answer));
		buf_free(&answer);
		close(fd);
	}
	fixture_end(&fixture);
}

static struct buf long_request(const char *before, size_t fill, const char *after)
{
	struct buf request = { 0 };

	buf_append_text(&request, before);
	memset(buf_reserve(&request, fill), 'a', fill);
	request.length_bytes += fill;
	buf_append_text(&request, after);
	return request;
}

static struct buf many_headers(int count)
{
	struct buf request = { 0 };

	buf_append_text(&request, "GET /a HTTP/1.0\r\n");
	for (int i = 0; i < count; i++)
		buf_printf(&request, "A%d: b\r\n", i);
	buf_append_text(&request, "\r\n");
	return request;
}

/* Sends, takes ownership of the request, and compares the status. */
static void assert_status(struct fixture *fixture, const char *name, struct buf request, int status)
{
	struct buf answer = { 0 };
	int fd = client_connect(fixture);

	client_send(fd, request.data, request.length_bytes);
	assert_true(client_read_all(fd, &answer));
	if (status_of(&answer) != status)
		fail_msg("%s: %s", name, buf_text(&answer));
	buf_free(&answer);
	buf_free(&request);
	close(fd);
}

static void test_bounds(void **state)
{
	static const char line[] = "GET / HTTP/1.0\r\nA: ", end[] = "\r\n\r\n";
	size_t frame = strlen(line) + strlen(end);
	struct fixture fixture;

	(void)state;
	start(&fixture);
	assert_status(&fixture, "the longest target", long_request("GET /", 8191, " HTTP/1.0\r\n\r\n"), 200);
	assert_status(&fixture, "a longer target", long_request("GET /", 8192, " HTTP/1.0\r\n\r\n"), 414);
	assert_status(&fixture, "the longest head", long_request(line, 32768 - frame, end), 200);
	assert_status(&fixture, "a longer head", long_request(line, 32769 - frame, end), 431);
	assert_status(&fixture, "an endless name", long_request("GET / HTTP/1.0\r\n", 100000, ""), 431);
	assert_status(&fixture, "an endless target", long_request("GET /", 100000, ""), 414);
	assert_status(&fixture, "the most headers", many_headers(100), 200);
	assert_status(&fixture, "more headers", many_headers(101), 431);
	fixture_end(&fixture);
}

/* The answer must arrive although the body that it refuses is still being sent. */
static void test_large_body_refused_before_it_is_read(void **state)
{
	struct fixture fixture;
	struct buf answer = { 0 };
	struct buf request = long_request("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n", 3000000, "");
	int fd;

	(void)state;
	start(&fixture);
	fd = client_connect(&fixture);
	client_send(fd, request.data, request.length_bytes);
	assert_true(client_read_all(fd, &answer));
	assert_refused("large", &answer, 413, "larger than this server accepts");
	buf_free(&answer);
	buf_free(&request);
	close(fd);
	fixture_end(&fixture);
}

static void *send_in_thread(void *arg)
{
	const struct {
		int fd;
		struct buf bytes;
	} *job = arg;

	client_send(job->fd, job->bytes.data, job->bytes.length_bytes);
	return NULL;
}

static void test_large_bodies(void **state)
{
	static const char *const heads[] = {
		"POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 8000000\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n7a1200\r\n",
	};
	struct fixture fixture;

	(void)state;
	start(&fixture);
	for (size_t i = 0; i < 2; i++) {
		struct {
			int fd;
			struct buf bytes;
		} job = { client_connect(&fixture), long_request(heads[i], 8000000, i ? "\r\n0\r\n\r\n" : "") };
		struct buf answer = { 0 };
		pthread_t sender;

		pthread_create(&sender, NULL, send_in_thread, &job);
		assert_true(client_read_all(job.fd, &answer));
		pthread_join(sender, NULL);
		assert_int_equal(status_of(&answer), 200);
		assert_int_equal(strlen(strstr(answer.data, "\r\n\r\n") + 4), 8000000);
		buf_free(&answer);
		buf_free(&job.bytes);
		close(job.fd);
	}
	fixture_end(&fixture);
}

static void test_head_of_answer(void **state)
{
	struct fixture fixture;
	struct buf answer = { 0 };
	struct tm date = { 0 };
	int fd;

	(void)state;
	start(&fixture);
	fd = client_connect(&fixture);
	client_say(fd, "HEAD /abc HTTP/1.1\r\nHost: h\r\n\r\n");
	client_await(fd, &answer, "\r\n\r\n", 1);
	assert_non_null(strstr(answer.data, "Content-Length: 16\r\n"));   /* "HEAD /abc?(none)" as GET would have it */
	assert_non_null(strptime(strstr(answer.data, "Date: "), "Date: %a, %d %b %Y %H:%M:%S GMT", &date));
	assert_in_range(timegm(&date), time(NULL) - 60, time(NULL));
	buf_clear(&answer);
	client_say(fd, "HEAD /stream?5000000 HTTP/1.1\r\nHost: h\r\n\r\nGET /nothing HTTP/1.0\r\n\r\n");
	assert_true(client_read_all(fd, &answer));
	assert_non_null(strstr(answer.data, "Content-Length: 5000000\r\n"));
	assert_non_null(strstr(answer.data, "\r\n\r\nHTTP/1.1 204 No Content\r\n"));
	assert_null(strstr(strstr(answer.data, " 204 "), "Content-Length"));
	assert_string_equal(strstr(strstr(answer.data, " 204 "), "\r\n\r\n"), "\r\n\r\n");
	buf_free(&answer);
	close(fd);
	fixture_end(&fixture);
}

static void test_keep_alive(void **state)
{
	struct fixture fixture;
	struct buf answer = { 0 };
	int fd;

	(void)state;
	start(&fixture);
	fd = client_connect(&fixture);
	client_say(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
	client_await(fd, &answer, "GET /1?(none)", 1);
	client_say(fd, "GET /2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	client_await(fd, &answer, "GET /2?(none)", 1);
	assert_null(strstr(answer.data, "Connection: close"));
	client_say(fd, "GET /3 HTTP/1.0\r\n\r\n");
	assert_true(client_read_all(fd, &answer));
	assert_non_null(strstr(answer.data, "GET /3?(none)"));
	assert_non_null(strstr(answer.data, "Connection: close"));
	buf_free(&answer);
	close(fd);
	fixture_end(&fixture);
}

static void test_pipelining(void **state)
{
	struct fixture fixture;
	struct buf requests = { 0 }, answer = { 0 };
	const char *at;
	int fd;

	(void)state;
	start(&fixture);
	fd = client_connect(&fixture);
	for (int i = 0; i < 1000; i++)
		buf_printf(&requests, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n<%03d>", i);
	buf_append_text(&requests, "GET /last HTTP/1.0\r\n\r\nGET /never HTTP/1.0\r\n\r\n");
	client_send(fd, requests.data, requests.length_bytes);
	assert_true(client_read_all(fd, &answer));
	at = answer.data;
	for (int i = 0; i < 1000; i++) {
		char body[8];

		snprintf(body, sizeof body, "<%03d>", i);
		at = strstr(at, body);
		assert_non_null(at);
	}
	assert_non_null(strstr(at, "GET /last?(none)"));
	assert_null(strstr(at, "/never"));
	buf_free(&requests);
	buf_free(&answer);
	close(fd);
	fixture_end(&fixture);
}

/* The second request is there while the first one is held, and must not overtake it. */
static void test_pipelined_requests_wait(void **state)
{
	struct fixture fixture;
	struct buf answer = { 0 };
	int fd;

	(void)state;
	start(&fixture);
	fd = client_connect(&fixture);
	client_say(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n");
	await_count(&fixture, &fixture.held, 1);
	client_say(fd, "Connection: close\r\n\r\n");
	fixture_ask(&fixture, &fixture.release);
	assert_true(client_read_all(fd, &answer));
	assert_non_null(strstr(answer.data, "released"));
	assert_non_null(strstr(strstr(answer.data, "released"), "GET /next?(none)"));
	buf_free(&answer);
	close(fd);
	fixture_end(&fixture);
}

static void test_continue(void **state)
{
	struct fixture fixture;
	struct buf answer = { 0 };
	int fd;

	(void)state;
	start(&fixture);
	fd = client_connect(&fixture);
	client_say(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-Continue\r\n\r\n");
	client_await(fd, &answer, "HTTP/1.1 100 Continue\r\n\r\n", 1);
	client_say(fd, "body");
	client_await(fd, &answer, "body", 1);
	assert_non_null(strstr(answer.data, "\r\n\r\nHTTP/1.1 200 OK\r\n"));
	buf_free(&answer);
	close(fd);
	fixture_end(&fixture);
}

static const struct {
	const char *name, *sent;
	int status;
} late[] = {
	{ "the first byte",         "G", 408 },
	{ "the head is not whole",  "GET / HTTP/1.1\r\nHost: h\r\n", 408 },
	{ "the body is missing",    "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n", 408 },
	{ "a byte is missing",      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbod", 408 },
	{ "the last chunk",         "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", 408 },
};

static void test_late(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture);
	fixture.options.head_timeout_ms = fixture.options.body_timeout_ms = 30;
	fixture_start(&fixture);
	for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
		struct buf answer = { 0 };
		int fd = client_connect(&fixture);

		client_say(fd, late[i].sent);
		assert_true(client_read_all(fd, &answer));
		if (status_of(&answer) != late[i].status)
			fail_msg("%s: %s", late[i].name, buf_text(&answer));
		buf_free(&answer);
		close(fd);
	}
	fixture_end(&fixture);
}

/* A head that grows byte by byte must not live longer than one that stands still. */
static void test_slow_head_makes_no_progress(void **state)
{
	struct fixture fixture;
	struct buf answer = { 0 };
	int fd;

	(void)state;
	fixture_init(&fixture);
	fixture.options.head_timeout_ms = 30;
	fixture_start(&fixture);
	fd = client_connect(&fixture);
	client_say(fd, "GET / HTTP/1.1\r\nA: ");
	while (recv(fd, buf_reserve(&answer, 1), 1, MSG_DONTWAIT | MSG_PEEK) < 0)
		client_say(fd, "a");
	assert_true(client_read_all(fd, &answer));
	assert_refused("slow head", &answer, 408, "did not arrive in time");
	buf_free(&answer);
	close(fd);
	fixture_end(&fixture);
}

/* Without a request, before the first or after one, the connection ends without a word. */
static void test_idle(void **state)
{
	struct fixture fixture;
	struct buf answer = { 0 }, nothing = { 0 };
	int used, unused;

	(void)state;
	fixture_init(&fixture);
	fixture.options.idle_timeout_ms = 400;
	fixture_start(&fixture);
	used = client_connect(&fixture);
	client_say(used, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
	unused = client_connect(&fixture);
	assert_true(client_read_all(used, &answer));
	assert_non_null(strstr(answer.data, "Connection: keep-alive"));
	assert_null(strstr(answer.data, "408"));
	assert_true(client_read_all(unused, &nothing));
	assert_int_equal(nothing.length_bytes, 0);
	buf_free(&answer);
	buf_free(&nothing);
	close(used);
	close(unused);
	fixture_end(&fixture);
}

/* Reads nothing of a large answer: the server must let go of it. */
static void test_answer_that_nobody_reads(void **state)
{
	struct fixture fixture;
	int fd;

	(void)state;
	fixture_init(&fixture);
	fixture.options.body_timeout_ms = 50;
	fixture_start(&fixture);
	fd = client_connect(&fixture);
	client_say(fd, "GET /stream?1000000000 HTTP/1.1\r\nHost: h\r\n\r\n");
	await_count(&fixture, &fixture.streams_ended, 1);
	close(fd);
	fixture_end(&fixture);
}

static void assert_pattern(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)bytes[i] != pattern_at((int64_t)i))
			fail_msg("byte %zu differs", i);
}

static void test_stream(void **state)
{
	struct fixture fixture;
	struct buf answer = { 0 };
	const char *body;
	int fd;

	(void)state;
	start(&fixture);
	fd = client_connect(&fixture);
	client_say(fd, "GET /stream?0 HTTP/1.1\r\nHost: h\r\n\r\nGET /stream?5000000 HTTP/1.0\r\n\r\n");
	assert_true(client_read_all(fd, &answer));
	assert_non_null(strstr(answer.data, "Content-Length: 0\r\n"));
	body = strstr(strstr(answer.data, "Content-Length: 5000000\r\n"), "\r\n\r\n") + 4;
	assert_int_equal(answer.data + answer.length_bytes - body, 5000000);
	assert_pattern(body, 5000000);
	await_count(&fixture, &fixture.streams_ended, 2);
	buf_free(&answer);
	close(fd);
	fixture_end(&fixture);
}

static void test_stream_that_breaks_off(void **state)
{
	struct fixture fixture;
	char bytes[65536];
	size_t received = 0;
	ssize_t got;
	int fd;

	(void)state;
	start(&fixture);
	fd = client_connect(&fixture);
	client_say(fd, "GET /cut HTTP/1.1\r\nHost: h\r\n\r\n");
	while ((got = read(fd, bytes, sizeof bytes)) > 0)
		received += (size_t)got;
	assert_in_range(received, 1, 999999);
	await_count(&fixture, &fixture.streams_ended, 1);
	close(fd);
	fixture_end(&fixture);
}

static void test_cancelled(void **state)
{
	struct fixture fixture;
	int fd;

	(void)state;
	start(&fixture);
	for (int i = 1; i <= 2; i++) {
		struct linger reset = { .l_onoff = 1 };

		fd = client_connect(&fixture);
		client_say(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
		await_count(&fixture, &fixture.held, i);
		if (i == 2)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		close(fd);
		await_count(&fixture, &fixture.cancelled, i);
	}
	fixture_end(&fixture);
	assert_int_equal(fixture.cancelled, 2);
}

/* An owner that does not want to know may answer long after the client is gone: the second one is let in only then. */
static void test_answer_to_nobody(void **state)
{
	struct fixture fixture;
	struct buf answer = { 0 };
	int fd;

	(void)state;
	fixture_init(&fixture);
	fixture.options.max_connections = 1;
	fixture_start(&fixture);
	fd = client_connect(&fixture);
	client_say(fd, "GET /hold?untold HTTP/1.1\r\nHost: h\r\n\r\n");
	await_count(&fixture, &fixture.held, 1);
	close(fd);
	fd = client_connect(&fixture);
	client_say(fd, "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
	client_await(fd, &answer, "GET /2?(none)", 1);
	fixture_ask(&fixture, &fixture.release);
	await_count(&fixture, &fixture.released, 1);
	buf_free(&answer);
	close(fd);
	fixture_end(&fixture);
	assert_int_equal(fixture.cancelled, 0);
}

/* The one over the limit is served as soon as another leaves. */
static void test_max_connections(void **state)
{
	struct fixture fixture;
	struct buf answer = { 0 };
	char byte;
	int first, second;

	(void)state;
	fixture_init(&fixture);
	fixture.options.max_connections = 1;
	fixture_start(&fixture);
	first = client_connect(&fixture);
	client_say(first, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	await_count(&fixture, &fixture.held, 1);
	second = client_connect(&fixture);
	client_say(second, "GET /2 HTTP/1.0\r\n\r\n");
	fixture_ask(&fixture, &fixture.release);
	client_await(first, &answer, "released", 1);
	assert_int_equal(recv(second, &byte, 1, MSG_DONTWAIT), -1);
	close(first);
	assert_true(client_read_all(second, &answer));
	assert_non_null(strstr(answer.data, "GET /2?(none)"));
	buf_free(&answer);
	close(second);
	fixture_end(&fixture);
}

static void test_stop_answers_what_is_under_way(void **state)
{
	struct fixture fixture;
	struct buf answer = { 0 }, nothing = { 0 };
	int idle, busy;

	(void)state;
	fixture_init(&fixture);
	fixture.drain_ms = 60000;
	fixture_start(&fixture);
	idle = client_connect(&fixture);
	busy = client_connect(&fixture);
	client_say(busy, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	await_count(&fixture, &fixture.held, 1);
	fixture_ask(&fixture, &fixture.stop);
	assert_true(client_read_all(idle, &nothing));
	assert_int_equal(nothing.length_bytes, 0);
	fixture_ask(&fixture, &fixture.release);
	assert_true(client_read_all(busy, &answer));
	assert_non_null(strstr(answer.data, "released"));
	assert_non_null(strstr(answer.data, "Connection: close"));
	close(idle);
	close(busy);
	fixture_join(&fixture);
	assert_int_equal(fixture.cancelled, 0);
	buf_free(&answer);
	buf_free(&nothing);
}

static void test_stop_does_not_wait_for_ever(void **state)
{
	struct fixture fixture;
	int half, held, full;

	(void)state;
	fixture_init(&fixture);
	fixture.drain_ms = 20;
	fixture_start(&fixture);
	half = client_connect(&fixture);
	client_say(half, "GET / HTTP/1.1\r\n");
	full = client_connect(&fixture);
	client_say(full, "GET /stream?1000000000 HTTP/1.1\r\nHost: h\r\n\r\n");
	held = client_connect(&fixture);
	client_say(held, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	await_count(&fixture, &fixture.held, 1);
	fixture_end(&fixture);
	assert_int_equal(fixture.cancelled, 1);
	assert_null(fixture.server);
	close(half);
	close(held);
	close(full);
}

static const struct {
	const char *address;
	bool taken;
	enum err_code code;
	const char *message;
} starts[] = {
	{ "localhost", false, ERR_USAGE, "listen localhost: not a numeric IPv4 or IPv6 address" },
	{ "192.0.2.1", false, ERR_IO, "listen 192.0.2.1 port 0: address not available" },
	{ "127.0.0.1", true, ERR_IO, "address already in use" },
};

static void test_start_fails(void **state)
{
	struct fixture fixture;
	uv_loop_t loop;

	(void)state;
	start(&fixture);
	uv_loop_init(&loop);
	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
		struct http_server_options options = fixture.options;
		struct http_server *server = NULL;
		struct err err;

		options.address = starts[i].address;
		options.port = starts[i].taken ? fixture.port : 0;
		assert_int_equal(http_server_start(&loop, &options, &server, &err), -1);
		assert_int_equal(err.code, starts[i].code);
		assert_non_null(strstr(err.message, starts[i].message));
		assert_null(server);
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	fixture_end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_large_body_refused_before_it_is_read),
		cmocka_unit_test(test_large_bodies),
		cmocka_unit_test(test_head_of_answer),
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_pipelining),
		cmocka_unit_test(test_pipelined_requests_wait),
		cmocka_unit_test(test_continue),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_slow_head_makes_no_progress),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_answer_that_nobody_reads),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_stream_that_breaks_off),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_answer_to_nobody),
		cmocka_unit_test(test_max_connections),
		cmocka_unit_test(test_stop_answers_what_is_under_way),
		cmocka_unit_test(test_stop_does_not_wait_for_ever),
		cmocka_unit_test(test_start_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
