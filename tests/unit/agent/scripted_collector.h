/* scripted_collector.h - a collector on loopback, on its own thread, that answers as a test has written and keeps what
 * it was asked. One connection at a time, kept alive. */
#ifndef PLUMBLINE_TESTS_SCRIPTED_COLLECTOR_H
#define PLUMBLINE_TESTS_SCRIPTED_COLLECTOR_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/buf.h"

#define SCRIPT_MAX   64
#define SCRIPT_HANGS (-1)

/* status 0: the connection is closed instead of an answer; SCRIPT_HANGS: there is none until the peer goes away. A script
 * that is at its end answers 500. */
struct scripted_answer {
	int status;
	const char *headers;   /* each with its "\r\n"; NULL for none */
	const char *body;      /* NULL for none */
};

struct scripted_request {
	char line[256];        /* "POST /agent/v1/reports HTTP/1.1" */
	struct buf headers;
	struct buf body;
};

struct scripted_collector {
	pthread_t thread;
	pthread_mutex_t lock;
	int listener, connection;
	bool stopping;
	char url[64];
	struct scripted_answer answers[SCRIPT_MAX];
	int answer_count, answered;
	struct scripted_request requests[SCRIPT_MAX];
	int request_count;
};

static inline size_t scripted_length(const char *headers)
{
	const char *found = strcasestr(headers, "\r\nContent-Length:");

	return found ? (size_t)atol(found + 17) : 0;
}

/* Reads one request into *ret. Returns false when the peer went away. */
static inline bool scripted_read(int fd, struct scripted_request *ret)
{
	struct buf in = { 0 };
	char *end, part[4096];
	ssize_t count;

	while (!(end = strstr(buf_text(&in), "\r\n\r\n")) ||
	       in.length_bytes < (size_t)(end - in.data) + 4 + scripted_length(in.data)) {
		count = recv(fd, part, sizeof part, 0);
		if (count <= 0) {
			buf_free(&in);
			return false;
		}
		buf_append(&in, part, (size_t)count);
	}
	snprintf(ret->line, sizeof ret->line, "%.*s", (int)strcspn(in.data, "\r"), in.data);
	buf_append(&ret->headers, in.data, (size_t)(end - in.data) + 2);
	buf_append(&ret->body, end + 4, in.length_bytes - (size_t)(end - in.data) - 4);
	buf_free(&in);
	return true;
}

static inline bool scripted_write(int fd, const struct scripted_answer *answer)
{
	struct buf out = { 0 };
	bool written;

	buf_printf(&out, "HTTP/1.1 %d Scripted\r\nContent-Length: %zu\r\n%s\r\n%s", answer->status,
		   answer->body ? strlen(answer->body) : 0, answer->headers ? answer->headers : "",
		   answer->body ? answer->body : "");
	written = send(fd, out.data, out.length_bytes, MSG_NOSIGNAL) == (ssize_t)out.length_bytes;
	buf_free(&out);
	return written;
}

static inline void scripted_serve(struct scripted_collector *server, int fd)
{
	static const struct scripted_answer out_of_script = { 500, NULL, "out of script" };
	struct scripted_request request = { 0 };
	struct scripted_answer answer;

	while (scripted_read(fd, &request)) {
		pthread_mutex_lock(&server->lock);
		if (server->request_count < SCRIPT_MAX)
			server->requests[server->request_count++] = request;
		answer = server->answered < server->answer_count ? server->answers[server->answered++] : out_of_script;
		pthread_mutex_unlock(&server->lock);
		request = (struct scripted_request){ 0 };
		if (answer.status == SCRIPT_HANGS)
			continue;   /* reading: nothing comes but the end */
		if (!answer.status || !scripted_write(fd, &answer))
			return;
	}
}

static inline void *scripted_run(void *arg)
{
	struct scripted_collector *server = arg;
	int fd;

	while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
		pthread_mutex_lock(&server->lock);
		server->connection = fd;
		if (server->stopping)
			shutdown(fd, SHUT_RDWR);
		pthread_mutex_unlock(&server->lock);
		scripted_serve(server, fd);
		pthread_mutex_lock(&server->lock);
		server->connection = -1;
		pthread_mutex_unlock(&server->lock);
		close(fd);
	}
	return NULL;
}

static inline struct scripted_collector *scripted_start(void)
{
	struct scripted_collector *server = calloc(1, sizeof *server);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;

	pthread_mutex_init(&server->lock, NULL);
	server->connection = -1;
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(server->listener, (struct sockaddr *)&address, length) < 0 || listen(server->listener, 8) < 0 ||
	    getsockname(server->listener, (struct sockaddr *)&address, &length) < 0 ||
	    pthread_create(&server->thread, NULL, scripted_run, server) != 0)
		abort();
	snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
	return server;
}

static inline void scripted_add(struct scripted_collector *server, int status, const char *headers, const char *body)
{
	pthread_mutex_lock(&server->lock);
	server->answers[server->answer_count++] = (struct scripted_answer){ status, headers, body };
	pthread_mutex_unlock(&server->lock);
}

static inline int scripted_count(struct scripted_collector *server)
{
	int count;

	pthread_mutex_lock(&server->lock);
	count = server->request_count;
	pthread_mutex_unlock(&server->lock);
	return count;
}

/* A header's value, copied; "" when there is none. */
static inline void scripted_header(const struct scripted_request *request, const char *name, char *ret_value, size_t size)
{
	struct buf start = { 0 };
	const char *found;

	buf_printf(&start, "\r\n%s:", name);
	found = strcasestr(request->headers.data, start.data);
	snprintf(ret_value, size, "%.*s", found ? (int)strcspn(found + start.length_bytes + 1, "\r") : 0,
		 found ? found + start.length_bytes + 1 : "");
	buf_free(&start);
}

static inline void scripted_stop(struct scripted_collector *server)
{
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	shutdown(server->listener, SHUT_RDWR);
	if (server->connection >= 0)
		shutdown(server->connection, SHUT_RDWR);
	pthread_mutex_unlock(&server->lock);
	pthread_join(server->thread, NULL);
	close(server->listener);
	for (int i = 0; i < server->request_count; i++) {
		buf_free(&server->requests[i].headers);
		buf_free(&server->requests[i].body);
	}
	pthread_mutex_destroy(&server->lock);
	free(server);
}

#endif
