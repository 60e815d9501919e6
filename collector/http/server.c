#include "collector/http/server.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "collector/http/connection.h"

#define BACKLOG 1024

struct http_server {
	struct connection_group connections;
	uv_tcp_t listener;
	uv_timer_t sweeper;
	int open_handles;         /* of the two above */
	bool client_waits;        /* announced, but not accepted: max_connections are there */
	bool accept_fails;        /* so that it is logged once, not at every turn of the loop */
	int64_t drain_until_ms;   /* on the loop's clock */
	void (*stopped)(void *arg);
	void *stopped_arg;
};

static void on_handle_closed(uv_handle_t *handle)
{
	struct http_server *server = handle->data;

	if (--server->open_handles)
		return;
	if (server->stopped)
		server->stopped(server->stopped_arg);
	connection_group_close(&server->connections);
	free(server);
}

static void close_handles(struct http_server *server)
{
	if (!uv_is_closing((uv_handle_t *)&server->listener))
		uv_close((uv_handle_t *)&server->listener, on_handle_closed);
	if (!uv_is_closing((uv_handle_t *)&server->sweeper))
		uv_close((uv_handle_t *)&server->sweeper, on_handle_closed);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct http_server *server = listener->data;

	if (status != 0) {
		if (!server->accept_fails)
			log_warning("http: accepting a connection: %s", uv_strerror(status));
		server->accept_fails = true;
		return;
	}
	server->accept_fails = false;
	server->client_waits = server->connections.count >= server->connections.options.max_connections;
	if (!server->client_waits)
		connection_accept(&server->connections, listener);
}

static void on_connection_ended(void *arg)
{
	struct http_server *server = arg;

	if (server->connections.draining) {
		if (!server->connections.count)
			close_handles(server);
	} else if (server->client_waits) {
		server->client_waits = false;
		connection_accept(&server->connections, (uv_stream_t *)&server->listener);
	}
}

static void on_sweep(uv_timer_t *timer)
{
	struct http_server *server = timer->data;
	struct connection_group *connections = &server->connections;
	bool too_late = connections->draining && (int64_t)uv_now(timer->loop) >= server->drain_until_ms;

	connection_group_sweep(connections, too_late);
	if (connections->draining && !connections->count)
		close_handles(server);
}

/* One timer looks after all connections: a timeout is noticed at most an eighth of itself, and never a second, late. */
static uint64_t sweep_interval_ms(const struct http_server_options *options)
{
	int64_t least = options->head_timeout_ms;

	if (options->body_timeout_ms < least)
		least = options->body_timeout_ms;
	if (options->idle_timeout_ms < least)
		least = options->idle_timeout_ms;
	if (least < 80)
		return 10;
	return least > 8000 ? 1000 : (uint64_t)least / 8;
}

static int bind_and_listen(struct http_server *server, struct err *err)
{
	const struct http_server_options *options = &server->connections.options;
	struct sockaddr_storage address;
	int result;

	if (uv_ip4_addr(options->address, options->port, (struct sockaddr_in *)&address) != 0 &&
	    uv_ip6_addr(options->address, options->port, (struct sockaddr_in6 *)&address) != 0)
		return err_set(err, ERR_USAGE, "listen %s: not a numeric IPv4 or IPv6 address", options->address);
	result = uv_tcp_bind(&server->listener, (struct sockaddr *)&address, 0);
	if (result == 0)
		result = uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection);
	if (result != 0)
		return err_set(err, ERR_IO, "listen %s port %d: %s", options->address, options->port,
			       uv_strerror(result));
	return 0;
}

int http_server_start(uv_loop_t *loop, const struct http_server_options *options, struct http_server **ret_server,
		      struct err *err)
{
	struct http_server *server = xcalloc(1, sizeof *server);
	uint64_t interval_ms = sweep_interval_ms(options);

	server->connections.options = *options;
	server->connections.one_ended = on_connection_ended;
	server->connections.arg = server;
	connection_group_init(&server->connections);
	uv_tcp_init(loop, &server->listener);
	server->listener.data = server;
	uv_timer_init(loop, &server->sweeper);
	server->sweeper.data = server;
	server->open_handles = 2;
	if (bind_and_listen(server, err) != 0) {
		close_handles(server);
		return -1;
	}
	uv_timer_start(&server->sweeper, on_sweep, interval_ms, interval_ms);
	*ret_server = server;
	return 0;
}

int http_server_port(const struct http_server *server)
{
	struct sockaddr_storage address;
	int length = sizeof address;

	if (uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &length) != 0)
		return 0;
	return address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port) :
					       ntohs(((struct sockaddr_in *)&address)->sin_port);
}

void http_server_stop(struct http_server *server, int64_t drain_ms, void (*stopped)(void *arg), void *arg)
{
	uint64_t interval_ms = uv_timer_get_repeat(&server->sweeper);

	server->connections.draining = true;
	server->drain_until_ms = (int64_t)uv_now(server->sweeper.loop) + drain_ms;
	server->stopped = stopped;
	server->stopped_arg = arg;
	uv_close((uv_handle_t *)&server->listener, on_handle_closed);
	uv_timer_start(&server->sweeper, on_sweep, 0, interval_ms);   /* closes what is idle at the loop's next turn */
}
