/* The happy path: api_handle copies what steps will need, finds the route and queues read_job; its answer comes to
 * read_done, which sends it or queues write_job; write_done sends that. A failed step has made its problem already; only
 * when the commit itself fails does the loop make one. A call that is to wait goes from read_done to waiting.c, which sends
 * it through read_job again. */
#include "collector/api/api.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "collector/api/answer.h"
#include "collector/api/auth.h"
#include "collector/api/health.h"
#include "collector/api/input.h"
#include "collector/api/routes.h"
#include "collector/api/static.h"
#include "collector/api/waiting.h"
#include "collector/reference.h"
#include "collector/web/zone.h"

#define LOGIN_ATTEMPTS  10
#define LOGIN_WINDOW_US INT64_C(60000000)

int api_new(const struct api_options *options, struct api **ret_api, struct err *err)
{
	struct api *api = xcalloc(1, sizeof *api);

	api->options = *options;
	if (zone_load(options->config->time_zone, &api->zone, err) < 0 || passwords_new(&api->passwords, err) < 0) {
		zone_free(api->zone);
		free(api);
		return -1;
	}
	api->brake = brake_new(LOGIN_ATTEMPTS, LOGIN_WINDOW_US, &options->random);
	api->waiting = waiting_new(options->loop, options->store);
	*ret_api = api;
	return 0;
}

void api_free(struct api *api)
{
	if (!api)
		return;
	passwords_free(api->passwords);
	zone_free(api->zone);
	brake_free(api->brake);
	waiting_free(api->waiting);
	free(api);
}

void api_stop_waiting(struct api *api)
{
	waiting_stop(api->waiting);
}

void api_when_idle(struct api *api, void (*idle)(void *arg), void *arg)
{
	api->idle = idle;
	api->idle_arg = arg;
	if (api->calls == 0)
		idle(arg);
}

static char *copy_text(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

static void copy_headers(struct api_call *call)
{
	static const char *const names[API_HEADER_COUNT] = {
		[HEADER_ACCEPT_LANGUAGE] = "Accept-Language",   [HEADER_CONTENT_DIGEST] = "Content-Digest",
		[HEADER_CONTENT_ENCODING] = "Content-Encoding", [HEADER_CONTENT_TYPE] = "Content-Type",
		[HEADER_COOKIE] = "Cookie",                     [HEADER_CSRF] = "X-CSRF-Token",
		[HEADER_HOST] = "Host",                         [HEADER_IF_NONE_MATCH] = "If-None-Match",
		[HEADER_ORIGIN] = "Origin",                     [HEADER_SEC_FETCH_SITE] = "Sec-Fetch-Site",
		[HEADER_SIGNATURE] = "Signature",               [HEADER_SIGNATURE_INPUT] = "Signature-Input",
	};

	for (size_t i = 0; i < API_HEADER_COUNT; i++)
		call->headers[i] = copy_text(http_request_header(call->http, names[i]));
}

/* NULL when there is no memory for the body. */
static struct api_call *call_new(struct api *api, struct http_request *http)
{
	struct api_call *call = xcalloc(1, sizeof *call);
	const void *body = http_request_body(http, &call->body_bytes);

	call->body = malloc(call->body_bytes + 1);
	if (!call->body) {
		free(call);
		return NULL;
	}
	if (call->body_bytes)
		memcpy(call->body, body, call->body_bytes);
	call->body[call->body_bytes] = '\0';
	call->api = api;
	call->http = http;
	call->method = copy_text(http_request_method(http));
	call->path = copy_text(http_request_path(http));
	call->query = copy_text(http_request_query(http));
	call->peer = copy_text(http_request_peer(http));
	copy_headers(call);
	call->now = clock_now(&api->options.clock);
	call->faults = json_array();
	api->calls++;
	return call;
}

static void call_free(struct api_call *call)
{
	struct api *api = call->api;

	if (call->state)
		call->free_state(call->state);
	for (size_t i = 0; i < API_HEADER_COUNT; i++)
		free(call->headers[i]);
	json_decref(call->input);
	json_decref(call->answer);
	json_decref(call->faults);
	buf_free(&call->reply);
	free(call->method);
	free(call->path);
	free(call->query);
	free(call->peer);
	free(call->body);
	free(call);
	if (--api->calls == 0 && api->idle)
		api->idle(api->idle_arg);
}

static int finish(struct api_call *call, int rc, struct err *err)
{
	if (rc == 0)
		rc = answer_make(call, err);
	if (rc < 0)
		answer_problem(call, err);
	return rc;
}

static int do_read(struct api_call *call, struct txn *txn, struct err *err)
{
	if (auth_check(call, txn, err) < 0 || input_parse(call, err) < 0)
		return -1;
	return call->route->read ? call->route->read(call, txn, err) : 0;
}

static int read_job(struct txn *txn, void *arg, struct err *err)
{
	struct api_call *call = arg;
	int rc = do_read(call, txn, err);

	if (rc == 0 && call->route->write)
		return 0;
	return finish(call, rc, err);
}

static int write_job(struct txn *txn, void *arg, struct err *err)
{
	struct api_call *call = arg;

	return finish(call, call->route->write(call, txn, err), err);
}

void api_call_end(struct api_call *call)
{
	answer_send(call);
	call_free(call);
}

static void send_and_free(struct api_call *call, const struct err *err)
{
	if (err && !call->failed)
		answer_problem(call, err);   /* the step made an answer, yet nothing of it is durable */
	api_call_end(call);
}

static void write_done(void *arg, const struct err *err)
{
	struct api_call *call = arg;

	if (!err && call->committed)
		call->committed(call);
	send_and_free(call, err);
}

static void read_done(void *arg, const struct err *err)
{
	struct api_call *call = arg;

	if (!err && call->route->write)
		store_write(call->api->options.store, write_job, call, write_done);
	else if (!err && call->wait_ms && call->http)
		waiting_add(call->api->waiting, call);
	else
		send_and_free(call, err);
}

void api_call_repeat(struct api_call *call)
{
	json_decref(call->input);
	call->input = NULL;
	buf_clear(&call->reply);
	call->status = 0;
	call->etag[0] = '\0';
	call->wait_ms = 0;
	call->now = clock_now(&call->api->options.clock);
	store_read(call->api->options.store, read_job, call, read_done);
}

static void connection_broke(void *owner)
{
	struct api_call *call = owner;

	call->http = NULL;
	if (waiting_forget(call->api->waiting, call))
		call_free(call);
}

void api_handle(void *arg, struct http_request *http)
{
	struct api *api = arg;
	const char *path = http_request_path(http);
	struct api_call *call;

	if (!strncmp(path, "/static/", 8)) {
		static_serve(http);
		return;
	}
	if (api->options.reference && !strncmp(path, REFERENCE_PATH, strlen(REFERENCE_PATH))) {
		reference_handle(api->options.reference, http);
		return;
	}
	if (!strcmp(path, "/healthz")) {
		health_alive(http);
		return;
	}
	call = call_new(api, http);
	if (!call) {
		http_reply(http, 503, NULL, 0);
		return;
	}
	routes_find(call);
	http_request_set_owner(http, call, connection_broke);
	store_read(api->options.store, read_job, call, read_done);
}
