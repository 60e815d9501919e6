/* scripted_server.h - an HTTP server for tests that answers every request as its script says, also wrongly.
 * Body:    byte i is script_byte(i). Threads: the loop's, shared with what is tested. */
#ifndef PLUMBLINE_SCRIPTED_SERVER_H
#define PLUMBLINE_SCRIPTED_SERVER_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "agent/base/buf.h"
#include "agent/base/mem.h"

struct script {
	const char *head;     /* lines that end in \n; {nonce} becomes the request's. NULL: no answer; "": closes at once */
	size_t body_bytes;    /* really sent */
	bool keep_open;       /* stays silent after that; otherwise closes */
	size_t pause_bytes;   /* unless 0: sends so many, and the rest after server_resume */
};

struct server {
	uv_tcp_t listener;
	struct script script;
	char url[64];
	struct buf request;   /* the latest, up to and including its blank line */
	int requests;
	struct peer *peers;
};

struct peer {
	uv_tcp_t tcp;
	struct server *server;
	struct peer *next;
	struct buf request;
	char input[4096];
	size_t sent_bytes;
};

struct outgoing {
	uv_write_t write;
	char *bytes;
};

static inline unsigned char script_byte(size_t i)
{
	return (unsigned char)(i * 31 + i / 256);
}

static inline void on_peer_closed(uv_handle_t *handle)
{
	struct peer *peer = handle->data, **at = &peer->server->peers;

	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	buf_free(&peer->request);
	free(peer);
}

static inline void close_peer(struct peer *peer)
{
	if (!uv_is_closing((uv_handle_t *)&peer->tcp))
		uv_close((uv_handle_t *)&peer->tcp, on_peer_closed);
}

static inline void on_written(uv_write_t *write, int status)
{
	struct peer *peer = write->handle->data;
	const struct script *script = &peer->server->script;

	free(((struct outgoing *)write)->bytes);
	free(write);
	if (status < 0 || (peer->sent_bytes == script->body_bytes && !script->keep_open))
		close_peer(peer);
}

static inline void peer_send(struct peer *peer, struct buf *bytes)
{
	struct outgoing *outgoing = xcalloc(1, sizeof *outgoing);
	uv_buf_t piece;

	piece = uv_buf_init(bytes->data, (unsigned)bytes->length_bytes);
	outgoing->bytes = buf_take(bytes);
	if (uv_write(&outgoing->write, (uv_stream_t *)&peer->tcp, &piece, 1, on_written) < 0)
		abort();
}

static inline void append_body(struct peer *peer, struct buf *out, size_t until)
{
	char *at = buf_reserve(out, until - peer->sent_bytes);

	out->length_bytes += until - peer->sent_bytes;
	while (peer->sent_bytes < until)
		*at++ = (char)script_byte(peer->sent_bytes++);
}

static inline void append_head(struct buf *out, const char *head, const char *request)
{
	const char *nonce = strstr(request, "nonce="), *place = strstr(head, "{nonce}");

	nonce = nonce ? nonce + strlen("nonce=") : "";
	for (; *head; head++) {
		if (head == place) {
			buf_append(out, nonce, strspn(nonce, "0123456789abcdef"));
			head += strlen("{nonce}") - 1;
		} else if (*head == '\n') {
			buf_append_text(out, "\r\n");
		} else {
			buf_append(out, head, 1);
		}
	}
	buf_append_text(out, "\r\n");
}

static inline void answer(struct peer *peer)
{
	const struct script *script = &peer->server->script;
	struct buf out = { 0 };

	if (!script->head)
		return;
	if (!*script->head) {
		close_peer(peer);
		return;
	}
	append_head(&out, script->head, buf_text(&peer->request));
	append_body(peer, &out, script->pause_bytes ? script->pause_bytes : script->body_bytes);
	peer_send(peer, &out);
}

/* Sends what the pause held back. */
static inline void server_resume(struct server *server)
{
	struct buf out = { 0 };

	append_body(server->peers, &out, server->script.body_bytes);
	peer_send(server->peers, &out);
}

static inline void give_input(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
	struct peer *peer = handle->data;

	(void)suggested;
	*ret_buf = uv_buf_init(peer->input, sizeof peer->input);
}

static inline void on_input(uv_stream_t *stream, ssize_t length, const uv_buf_t *piece)
{
	struct peer *peer = stream->data;

	if (length < 0) {
		close_peer(peer);
		return;
	}
	buf_append(&peer->request, piece->base, (size_t)length);
	if (!strstr(buf_text(&peer->request), "\r\n\r\n"))
		return;
	buf_clear(&peer->server->request);
	buf_append_text(&peer->server->request, buf_text(&peer->request));
	peer->server->requests++;
	answer(peer);
}

static inline void on_connection(uv_stream_t *listener, int status)
{
	struct server *server = listener->data;
	struct peer *peer = xcalloc(1, sizeof *peer);

	(void)status;
	uv_tcp_init(listener->loop, &peer->tcp);
	peer->tcp.data = peer;
	peer->server = server;
	peer->next = server->peers;
	server->peers = peer;
	if (uv_accept(listener, (uv_stream_t *)&peer->tcp) < 0)
		abort();
	uv_read_start((uv_stream_t *)&peer->tcp, give_input, on_input);
}

/* Listens on a free port of loopback; url says where. */
static inline void server_open(struct server *server, uv_loop_t *loop, struct script script)
{
	struct sockaddr_in address;
	int length = sizeof address;

	*server = (struct server){ .script = script };
	uv_tcp_init(loop, &server->listener);
	server->listener.data = server;
	uv_ip4_addr("127.0.0.1", 0, &address);
	if (uv_tcp_bind(&server->listener, (struct sockaddr *)&address, 0) < 0 ||
	    uv_listen((uv_stream_t *)&server->listener, 8, on_connection) < 0 ||
	    uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &length) < 0)
		abort();
	snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d/ref.bin", ntohs(address.sin_port));
}

/* Run the loop once more after it. */
static inline void server_close(struct server *server)
{
	for (struct peer *peer = server->peers; peer; peer = peer->next)
		close_peer(peer);
	uv_close((uv_handle_t *)&server->listener, NULL);
	buf_free(&server->request);
}

#endif
