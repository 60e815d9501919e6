#include "collector/http/connection.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "collector/http/reply.h"
#include "collector/http/request.h"
#include "collector/http/tls_session.h"

#define READ_BYTES 65536
#define CHUNK_BYTES 131072   /* of a streamed body: one is in flight while the next is not yet made */
#define LINGER_MS 2000

enum phase {
	PHASE_IDLE,        /* no byte of a request yet; a TLS handshake may be under way */
	PHASE_HEAD,
	PHASE_BODY,
	PHASE_OWNED,       /* whole, and with the handler */
	PHASE_ANSWERING,
	PHASE_LINGERING,
	PHASE_CLOSED,
	PHASE_COUNT
};

struct connection {
	struct connection_group *group;
	struct connection *next, **link;   /* link: the pointer that points here */
	uv_tcp_t tcp;
	uv_write_t write;
	struct tls_session *tls;           /* NULL: plain */
	struct http_request *request;
	struct buf in_flight;              /* with the kernel; data is NULL when nothing is */
	struct buf out;                    /* goes after it */
	struct buf waiting;                /* received while a request was owned or answered */
	enum phase phase;
	int64_t deadline_ms;               /* of the phase, on the loop's clock */
	size_t unsent_bytes;               /* when last looked at, to see an answer move */
	bool reading;
	bool peer_ended;                   /* it sends no more, but is still being answered */
};

static void update_reading(struct connection *connection);

static uv_stream_t *stream_of(struct connection *connection)
{
	return (uv_stream_t *)&connection->tcp;
}

static int64_t now_ms(const struct connection *connection)
{
	return (int64_t)uv_now(connection->tcp.loop);
}

static void set_deadline(struct connection *connection)
{
	const struct http_server_options *options = &connection->group->options;
	const int64_t limits_ms[PHASE_COUNT] = {
		[PHASE_IDLE] = options->idle_timeout_ms,
		[PHASE_HEAD] = options->head_timeout_ms,
		[PHASE_BODY] = options->body_timeout_ms,
		[PHASE_OWNED] = INT32_MAX,   /* the handler's own affair */
		[PHASE_ANSWERING] = options->body_timeout_ms,
		[PHASE_LINGERING] = LINGER_MS,
	};

	connection->deadline_ms = now_ms(connection) + limits_ms[connection->phase];
}

static void enter(struct connection *connection, enum phase phase)
{
	connection->phase = phase;
	set_deadline(connection);
}

/* Parts from the request. One that is with an owner who has nothing to be told lives on until it is answered. */
static void drop_request(struct connection *connection)
{
	struct http_request *request = connection->request;
	bool is_owned = connection->phase == PHASE_OWNED;

	connection->request = NULL;
	if (!request)
		return;
	request->connection = NULL;
	if (is_owned && !request->cancelled)
		return;
	if (is_owned)
		request->cancelled(request->owner);
	if (request->ended)
		request->ended(request->stream_arg);
	request_free(request);
}

static void on_closed(uv_handle_t *handle)
{
	struct connection *connection = handle->data;
	struct connection_group *group = connection->group;

	*connection->link = connection->next;
	if (connection->next)
		connection->next->link = connection->link;
	group->count--;
	tls_session_free(connection->tls);
	buf_free(&connection->in_flight);
	buf_free(&connection->out);
	buf_free(&connection->waiting);
	free(connection);
	group->one_ended(group->arg);
}

/* Breaks it off. The memory stays until the loop has let go of the handle. */
static void close_now(struct connection *connection)
{
	if (connection->phase == PHASE_CLOSED)
		return;
	drop_request(connection);
	connection->phase = PHASE_CLOSED;
	uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

/* Everything was sent and nothing more will be. */
static void linger(struct connection *connection)
{
	uv_os_fd_t fd;

	drop_request(connection);
	buf_free(&connection->waiting);
	if (!connection->peer_ended && uv_fileno((uv_handle_t *)&connection->tcp, &fd) == 0 && !shutdown(fd, SHUT_WR))
		enter(connection, PHASE_LINGERING);
	else
		close_now(connection);
}

/* Sending */

static void on_written(uv_write_t *write, int status);

static void flush(struct connection *connection)
{
	uv_buf_t bytes;

	if (connection->phase == PHASE_CLOSED || connection->in_flight.data || !connection->out.length_bytes)
		return;
	connection->in_flight = connection->out;
	connection->out = (struct buf){ 0 };
	bytes = (uv_buf_t){ .base = connection->in_flight.data, .len = connection->in_flight.length_bytes };
	if (uv_write(&connection->write, stream_of(connection), &bytes, 1, on_written) != 0)
		close_now(connection);
}

static bool is_last_of_all(const struct connection *connection)
{
	const struct http_request *request = connection->request;

	return connection->phase == PHASE_ANSWERING && !request->keep_alive &&
	       request->stream_offset == request->stream_bytes;
}

static void encrypt(struct connection *connection, const struct buf *bytes)
{
	if (!tls_session_send(connection->tls, bytes->data, bytes->length_bytes, &connection->out))
		close_now(connection);
	else if (is_last_of_all(connection))
		tls_session_end(connection->tls, &connection->out);
}

/* Takes the bytes over. */
static void send_bytes(struct connection *connection, struct buf *bytes)
{
	if (connection->tls) {
		encrypt(connection, bytes);
		buf_free(bytes);
	} else if (connection->out.length_bytes) {
		buf_append(&connection->out, bytes->data, bytes->length_bytes);
		buf_free(bytes);
	} else {
		buf_free(&connection->out);
		connection->out = *bytes;
	}
	flush(connection);
}

static void send_next_chunk(struct connection *connection)
{
	struct http_request *request = connection->request;
	int64_t left = request->stream_bytes - request->stream_offset;
	size_t size = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
	struct buf bytes = { 0 };

	bytes.length_bytes =
		request->produce(request->stream_arg, request->stream_offset, buf_reserve(&bytes, size), size);
	request->stream_offset += (int64_t)bytes.length_bytes;
	if (!bytes.length_bytes) {
		buf_free(&bytes);
		close_now(connection);
		return;
	}
	send_bytes(connection, &bytes);
}

static void receive(struct connection *connection, const char *bytes, size_t length);

/* The answer is out: on to the request that waits, or to the end. */
static void finish_answer(struct connection *connection)
{
	struct buf waiting = connection->waiting;

	if (!connection->request->keep_alive) {
		linger(connection);
		return;
	}
	drop_request(connection);
	enter(connection, PHASE_IDLE);
	connection->waiting = (struct buf){ 0 };
	if (waiting.length_bytes)
		receive(connection, waiting.data, waiting.length_bytes);
	buf_free(&waiting);
}

static void on_written(uv_write_t *write, int status)
{
	struct connection *connection = write->data;
	struct http_request *request = connection->request;

	buf_free(&connection->in_flight);
	if (connection->phase == PHASE_CLOSED)
		return;
	if (status != 0) {
		close_now(connection);
		return;
	}
	if (connection->phase == PHASE_ANSWERING)
		set_deadline(connection);
	if (connection->out.length_bytes)
		flush(connection);
	else if (connection->phase == PHASE_ANSWERING && request->stream_offset < request->stream_bytes)
		send_next_chunk(connection);
	else if (connection->phase == PHASE_ANSWERING)
		finish_answer(connection);
	update_reading(connection);
}

/* Receiving */

static void write_peer(struct connection *connection, char *ret_text, size_t size)
{
	struct sockaddr_storage address;
	int length = sizeof address;
	char host[INET6_ADDRSTRLEN] = "";

	if (uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&address, &length) != 0)
		return;
	if (address.ss_family == AF_INET6) {
		uv_ip6_name((struct sockaddr_in6 *)&address, host, sizeof host);
		snprintf(ret_text, size, "[%s]:%d", host, ntohs(((struct sockaddr_in6 *)&address)->sin6_port));
	} else {
		uv_ip4_name((struct sockaddr_in *)&address, host, sizeof host);
		snprintf(ret_text, size, "%s:%d", host, ntohs(((struct sockaddr_in *)&address)->sin_port));
	}
}

static void begin_request(struct connection *connection)
{
	connection->request = request_new(connection->group->options.max_body_bytes);
	connection->request->connection = connection;
	write_peer(connection, connection->request->peer, sizeof connection->request->peer);
	enter(connection, PHASE_HEAD);
}

static void refuse(struct connection *connection, int status, const char *detail)
{
	struct http_request *request = connection->request;
	struct buf body = { 0 };

	log_debug("http: %s: %d: %s", request->peer, status, detail);
	request->keep_alive = false;
	http_reply_header(request, "Content-Type", "application/problem+json");
	reply_write_problem(&body, status, detail);
	http_reply(request, status, body.data, body.length_bytes);
	buf_free(&body);
}

static void send_continue(struct connection *connection)
{
	struct buf bytes = { 0 };

	connection->request->expects_continue = false;
	buf_append_text(&bytes, "HTTP/1.1 100 Continue\r\n\r\n");
	send_bytes(connection, &bytes);
}

/* Only bytes of the body itself count as progress. */
static void await_more(struct connection *connection, size_t body_before)
{
	struct http_request *request = connection->request;

	if (!request->head_complete)
		return;
	if (connection->phase == PHASE_HEAD || request->body.length_bytes > body_before)
		enter(connection, PHASE_BODY);
	if (request->expects_continue)
		send_continue(connection);
}

static void hand_over(struct connection *connection)
{
	enter(connection, PHASE_OWNED);
	connection->group->options.handle(connection->group->options.arg, connection->request);
}

/* Takes at least one byte. */
static void receive(struct connection *connection, const char *bytes, size_t length)
{
	size_t used, body_before;

	if (connection->phase == PHASE_OWNED || connection->phase == PHASE_ANSWERING) {
		buf_append(&connection->waiting, bytes, length);
		return;
	}
	if (connection->phase == PHASE_IDLE)
		begin_request(connection);
	body_before = connection->request->body.length_bytes;
	switch (request_feed(connection->request, bytes, length, &used)) {
	case REQUEST_INCOMPLETE:
		await_more(connection, body_before);
		return;
	case REQUEST_REFUSED:
		refuse(connection, connection->request->refusal_status, connection->request->refusal_detail);
		return;
	case REQUEST_WHOLE:
		if (used < length)
			buf_append(&connection->waiting, bytes + used, length - used);
		hand_over(connection);
		return;
	}
}

/* The peer ended its side. Before the answer that means it is gone: nobody who waits for one does so. */
static void on_peer_ended(struct connection *connection)
{
	if (connection->phase != PHASE_ANSWERING) {
		close_now(connection);
		return;
	}
	connection->peer_ended = true;
	connection->request->keep_alive = false;
}

static void receive_encrypted(struct connection *connection, const char *bytes, size_t length)
{
	struct buf *plain = &connection->group->plain;
	bool open;

	buf_clear(plain);
	open = tls_session_receive(connection->tls, bytes, length, plain, &connection->out);
	flush(connection);
	if (plain->length_bytes && connection->phase != PHASE_CLOSED)
		receive(connection, plain->data, plain->length_bytes);
	if (!open && connection->phase != PHASE_CLOSED)
		on_peer_ended(connection);
}

static void on_allocate(uv_handle_t *handle, size_t suggested_size, uv_buf_t *ret_bytes)
{
	struct connection *connection = handle->data;

	(void)suggested_size;
	*ret_bytes = uv_buf_init(connection->group->received, READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *bytes)
{
	struct connection *connection = stream->data;

	if (length == UV_EOF)
		on_peer_ended(connection);
	else if (length < 0)
		close_now(connection);
	else if (length > 0 && connection->phase != PHASE_LINGERING && connection->tls)
		receive_encrypted(connection, bytes->base, (size_t)length);
	else if (length > 0 && connection->phase != PHASE_LINGERING)
		receive(connection, bytes->base, (size_t)length);
	update_reading(connection);
}

/* Reads only when there is nothing of the peer's to work off, and it takes what we send. */
static void update_reading(struct connection *connection)
{
	bool wanted = !connection->waiting.length_bytes && !connection->out.length_bytes && !connection->peer_ended;

	if (connection->phase == PHASE_CLOSED || wanted == connection->reading)
		return;
	connection->reading = wanted;
	if (!wanted)
		uv_read_stop(stream_of(connection));
	else if (uv_read_start(stream_of(connection), on_allocate, on_read) != 0)
		close_now(connection);
}

/* Answering */

/* Writes the head of the answer to *ret_bytes and gives the connection that it goes to; NULL when that broke. */
static struct connection *begin_answer(struct http_request *request, int status, int64_t body_bytes,
				       struct buf *ret_bytes)
{
	struct connection *connection = request->connection;
	struct reply_head head = { .status = status, .body_bytes = body_bytes, .headers = &request->reply_headers };

	if (!connection)
		return NULL;
	if (connection->group->draining)
		request->keep_alive = false;
	head.keep_alive = request->keep_alive;
	head.now_s = time(NULL);
	reply_write_head(ret_bytes, &head);
	connection->unsent_bytes = 0;
	enter(connection, PHASE_ANSWERING);
	return connection;
}

void http_request_set_owner(struct http_request *request, void *owner, void (*cancelled)(void *owner))
{
	request->owner = owner;
	request->cancelled = cancelled;
}

void *http_request_owner(const struct http_request *request)
{
	return request->owner;
}

void http_reply_header(struct http_request *request, const char *name, const char *value)
{
	reply_add_header(&request->reply_headers, name, value);
}

void http_reply(struct http_request *request, int status, const void *body, size_t body_bytes)
{
	struct buf bytes = { 0 };
	struct connection *connection = begin_answer(request, status, (int64_t)body_bytes, &bytes);

	if (!connection) {
		request_free(request);
		return;
	}
	if (reply_may_have_body(status) && !request_is_head(request))
		buf_append(&bytes, body, body_bytes);
	send_bytes(connection, &bytes);
	update_reading(connection);
}

void http_reply_stream(struct http_request *request, int status, int64_t body_bytes,
		       size_t (*produce)(void *arg, int64_t offset, void *ret_bytes, size_t size),
		       void (*ended)(void *arg), void *arg)
{
	struct buf bytes = { 0 };
	struct connection *connection = begin_answer(request, status, body_bytes, &bytes);

	if (!connection) {
		ended(arg);
		request_free(request);
		return;
	}
	request->produce = produce;
	request->ended = ended;
	request->stream_arg = arg;
	if (reply_may_have_body(status) && !request_is_head(request))
		request->stream_bytes = body_bytes;
	send_bytes(connection, &bytes);
	update_reading(connection);
}

/* The group */

void connection_group_init(struct connection_group *group)
{
	group->received = xcalloc(1, READ_BYTES);
}

void connection_group_close(struct connection_group *group)
{
	free(group->received);
	buf_free(&group->plain);
}

static void link_to(struct connection_group *group, struct connection *connection)
{
	connection->group = group;
	connection->next = group->first;
	connection->link = &group->first;
	if (group->first)
		group->first->link = &connection->next;
	group->first = connection;
	group->count++;
}

void connection_accept(struct connection_group *group, uv_stream_t *listener)
{
	struct connection *connection = xcalloc(1, sizeof *connection);

	link_to(group, connection);
	uv_tcp_init(listener->loop, &connection->tcp);
	connection->tcp.data = connection;
	connection->write.data = connection;
	enter(connection, PHASE_IDLE);
	if (group->options.tls)
		connection->tls = tls_session_new(group->options.tls);
	if (uv_accept(listener, stream_of(connection)) != 0 || (group->options.tls && !connection->tls)) {
		close_now(connection);
		return;
	}
	uv_tcp_nodelay(&connection->tcp, 1);
	update_reading(connection);
}

static bool answer_moves(struct connection *connection)
{
	size_t unsent = uv_stream_get_write_queue_size(stream_of(connection));
	bool moves = connection->phase == PHASE_ANSWERING && unsent != connection->unsent_bytes;

	connection->unsent_bytes = unsent;
	return moves;
}

static void end_late(struct connection *connection)
{
	if (connection->phase == PHASE_HEAD)
		refuse(connection, 408, "the head of the request did not arrive in time");
	else if (connection->phase == PHASE_BODY)
		refuse(connection, 408, "the body of the request did not go on");
	else
		close_now(connection);
}

static void sweep_one(struct connection *connection, bool all)
{
	if (answer_moves(connection))
		set_deadline(connection);
	if (all || (connection->group->draining && connection->phase == PHASE_IDLE))
		close_now(connection);
	else if (now_ms(connection) >= connection->deadline_ms && connection->phase != PHASE_CLOSED)
		end_late(connection);
}

void connection_group_sweep(struct connection_group *group, bool all)
{
	for (struct connection *connection = group->first; connection; connection = connection->next)
		sweep_one(connection, all);
}
