/* server_fixture.h - a server on a loop in a thread of its own, and blocking clients for tests.
 * Serves: /echo gives the body back; /stream?N is N patterned bytes; /cut promises a stream and breaks off; /hold keeps
 *         the request until it is released or cancelled, /hold?untold until it is released; others say path and query. */
#ifndef PLUMBLINE_SERVER_FIXTURE_H
#define PLUMBLINE_SERVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "agent/base/buf.h"
#include "collector/http/server.h"

struct fixture {
	struct http_server_options options;
	struct http_server *server;
	uv_loop_t loop;
	uv_async_t wake;
	pthread_t thread;
	int port;

	pthread_mutex_t lock;   /* over all below */
	pthread_cond_t changed;
	bool stop, release;
	int64_t drain_ms;
	int held, released, cancelled, streams_ended;
	struct http_request *holding;
};

static void count_one(struct fixture *fixture, int *counter)
{
	pthread_mutex_lock(&fixture->lock);
	(*counter)++;
	pthread_cond_broadcast(&fixture->changed);
	pthread_mutex_unlock(&fixture->lock);
}

/* Waits until a counter that the loop's thread moves has reached a value. */
static void await_count(struct fixture *fixture, const int *counter, int want)
{
	struct timespec until;
	int waited = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	pthread_mutex_lock(&fixture->lock);
	while (*counter < want && !waited)
		waited = pthread_cond_timedwait(&fixture->changed, &fixture->lock, &until);
	assert_int_equal(*counter, want);
	pthread_mutex_unlock(&fixture->lock);
}

static void on_cancelled(void *owner)
{
	struct fixture *fixture = owner;

	fixture->holding = NULL;
	count_one(fixture, &fixture->cancelled);
}

static void hold(struct fixture *fixture, struct http_request *request)
{
	fixture->holding = request;
	http_request_set_owner(request, fixture, http_request_query(request) ? NULL : on_cancelled);
	assert_ptr_equal(http_request_owner(request), fixture);
	count_one(fixture, &fixture->held);
}

/* The byte at an offset of a stream: a pattern whose period fits no buffer. */
static unsigned char pattern_at(int64_t offset)
{
	return (unsigned char)(offset % 251);
}

static size_t produce_pattern(void *arg, int64_t offset, void *ret_bytes, size_t size)
{
	unsigned char *bytes = ret_bytes;

	(void)arg;
	for (size_t i = 0; i < size; i++)
		bytes[i] = pattern_at(offset + (int64_t)i);
	return size;
}

static size_t produce_once(void *arg, int64_t offset, void *ret_bytes, size_t size)
{
	return offset ? 0 : produce_pattern(arg, offset, ret_bytes, size / 2);
}

static void on_stream_ended(void *arg)
{
	struct fixture *fixture = arg;

	count_one(fixture, &fixture->streams_ended);
}

static void answer_path(struct http_request *request)
{
	char text[9000];
	const char *query = http_request_query(request);

	snprintf(text, sizeof text, "%s %s?%s", http_request_method(request), http_request_path(request),
		 query ? query : "(none)");
	http_reply(request, 200, text, strlen(text));
}

static void handle(void *arg, struct http_request *request)
{
	struct fixture *fixture = arg;
	const char *path = http_request_path(request);
	const char *query = http_request_query(request);
	size_t length;
	const void *body = http_request_body(request, &length);

	if (!strcmp(path, "/echo")) {
		const char *mark = http_request_header(request, "x-mark");

		http_reply_header(request, "X-Mark", mark ? mark : "none");
		http_reply(request, 200, body, length);
	} else if (!strcmp(path, "/stream")) {
		http_reply_stream(request, 200, atoll(query), produce_pattern, on_stream_ended, fixture);
	} else if (!strcmp(path, "/cut")) {
		http_reply_stream(request, 200, 1000000, produce_once, on_stream_ended, fixture);
	} else if (!strcmp(path, "/hold")) {
		hold(fixture, request);
	} else if (!strcmp(path, "/injected")) {
		http_reply_header(request, "Location", "/a\r\nX-Injected: yes");
		http_reply(request, 303, NULL, 0);
	} else if (!strcmp(path, "/nothing")) {
		http_reply(request, 204, "body", 4);
	} else if (!strcmp(path, "/peer")) {
		http_reply(request, 200, http_request_peer(request), strlen(http_request_peer(request)));
	} else {
		answer_path(request);
	}
}

static void on_stopped(void *arg)
{
	struct fixture *fixture = arg;

	fixture->server = NULL;
	uv_close((uv_handle_t *)&fixture->wake, NULL);
}

static void on_wake(uv_async_t *wake)
{
	struct fixture *fixture = wake->data;
	struct http_request *request = NULL;
	bool stop;

	pthread_mutex_lock(&fixture->lock);
	if (fixture->release) {
		request = fixture->holding;
		fixture->holding = NULL;
		fixture->release = false;
	}
	stop = fixture->stop;
	fixture->stop = false;
	pthread_mutex_unlock(&fixture->lock);
	if (stop)
		http_server_stop(fixture->server, fixture->drain_ms, on_stopped, fixture);
	if (request) {
		http_reply(request, 200, "released", 8);
		count_one(fixture, &fixture->released);
	}
}

static void *run_loop(void *arg)
{
	struct fixture *fixture = arg;

	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	return NULL;
}

/* Timeouts and bounds that no test reaches by accident; a test changes its own before fixture_start. */
static void fixture_init(struct fixture *fixture)
{
	signal(SIGPIPE, SIG_IGN);
	memset(fixture, 0, sizeof *fixture);
	fixture->options = (struct http_server_options){
		.address = "127.0.0.1",
		.max_connections = 100,
		.max_body_bytes = 8000000,
		.head_timeout_ms = 60000,
		.body_timeout_ms = 60000,
		.idle_timeout_ms = 60000,
		.handle = handle,
		.arg = fixture,
	};
	pthread_mutex_init(&fixture->lock, NULL);
	pthread_cond_init(&fixture->changed, NULL);
}

static void fixture_start(struct fixture *fixture)
{
	struct err err;

	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	uv_async_init(&fixture->loop, &fixture->wake, on_wake);
	fixture->wake.data = fixture;
	if (http_server_start(&fixture->loop, &fixture->options, &fixture->server, &err) != 0)
		fail_msg("%s", err.message);
	fixture->port = http_server_port(fixture->server);
	pthread_create(&fixture->thread, NULL, run_loop, fixture);
}

static void fixture_ask(struct fixture *fixture, bool *what)
{
	pthread_mutex_lock(&fixture->lock);
	*what = true;
	pthread_mutex_unlock(&fixture->lock);
	uv_async_send(&fixture->wake);
}

static void fixture_join(struct fixture *fixture)
{
	pthread_join(fixture->thread, NULL);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	pthread_mutex_destroy(&fixture->lock);
	pthread_cond_destroy(&fixture->changed);
}

static void fixture_end(struct fixture *fixture)
{
	fixture_ask(fixture, &fixture->stop);
	fixture_join(fixture);
}

static int client_connect(const struct fixture *fixture)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)fixture->port) };
	struct timeval patience = { .tv_sec = 20 };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static inline void client_send(int fd, const void *bytes, size_t length)
{
	for (size_t sent = 0; sent < length;) {
		ssize_t written = write(fd, (const char *)bytes + sent, length - sent);

		if (written < 0)
			return;   /* the server had enough; what it said is what the test looks at */
		sent += (size_t)written;
	}
}

static inline void client_say(int fd, const char *text)
{
	client_send(fd, text, strlen(text));
}

/* Reads up to the peer's end. False when it is reset, or does not come. */
static inline bool client_read_all(int fd, struct buf *ret_bytes)
{
	for (;;) {
		ssize_t got = read(fd, buf_reserve(ret_bytes, 65536), 65536);

		ret_bytes->length_bytes += got > 0 ? (size_t)got : 0;
		ret_bytes->data[ret_bytes->length_bytes] = '\0';
		if (got <= 0)
			return got == 0;
	}
}

/* Reads until the text has appeared that many times. */
static inline void client_await(int fd, struct buf *ret_bytes, const char *text, int times)
{
	for (;;) {
		const char *at = buf_text(ret_bytes);
		int seen = 0;
		ssize_t got;

		while ((at = strstr(at, text)) && ++seen)
			at++;
		if (seen >= times)
			return;
		got = read(fd, buf_reserve(ret_bytes, 4096), 4096);
		if (got <= 0)
			fail_msg("no \"%s\" but: %s", text, buf_text(ret_bytes));
		ret_bytes->length_bytes += (size_t)got;
		ret_bytes->data[ret_bytes->length_bytes] = '\0';
	}
}

#endif
