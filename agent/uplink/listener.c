/* The happy path: ask -> (the collector waits) -> on_answer -> take -> rest for a moment -> ask. Nothing new in due time:
 * ask at once. Everything else goes through fail(), which rests longer. Either a request is under way or the timer runs. */
#include "agent/uplink/listener.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/uplink/instruction.h"
#include "agent/uplink/request.h"

#define PATH      "/agent/v1/instruction?wait=%d"
#define MARGIN_MS 30000   /* for the answer to arrive after the wait */

struct listener {
	struct listener_options options;
	struct request request;
	uv_timer_t rest;
	bool is_asking;
	int64_t asked_us;
	char etag[ETAG_SIZE];      /* of the instruction that was received last */
	char fault[sizeof ((struct err *)0)->message];   /* that was said; "" while all is well */
	void (*closed)(void *arg);
	void *closed_arg;
};

static void on_rested(uv_timer_t *timer);

int listener_open(const struct listener_options *options, struct listener **ret_listener, struct err *err)
{
	struct listener *listener = xcalloc(1, sizeof *listener);

	if (request_init(&listener->request, options->collector_url, options->ca_file, err) < 0) {
		free(listener);
		return -1;
	}
	listener->options = *options;
	text_copy(listener->etag, sizeof listener->etag, options->etag);
	uv_timer_init(options->loop, &listener->rest);
	listener->rest.data = listener;
	uv_timer_start(&listener->rest, on_rested, (uint64_t)options->delay_ms, 0);
	*ret_listener = listener;
	return 0;
}

static void release(uv_handle_t *handle)
{
	struct listener *listener = handle->data;

	request_free(&listener->request);
	if (listener->closed)
		listener->closed(listener->closed_arg);
	free(listener);
}

void listener_close(struct listener *listener, void (*closed)(void *arg), void *arg)
{
	if (listener->is_asking)
		fetch_cancel(listener->options.fetch, listener->request.easy);
	listener->closed = closed;
	listener->closed_arg = arg;
	uv_close((uv_handle_t *)&listener->rest, release);
}

static void rest(struct listener *listener, int64_t wait_ms)
{
	uv_timer_start(&listener->rest, on_rested, (uint64_t)wait_ms, 0);
}

/* Says it once for a run of equal failures. */
static void fail(struct listener *listener, const struct err *why)
{
	int64_t wait_ms = backoff_fail(&listener->options.backoff, request_retry_after_ms(&listener->request),
				       &listener->options.random);

	rest(listener, wait_ms);
	if (!strcmp(listener->fault, why->message))
		return;
	text_copy(listener->fault, sizeof listener->fault, why->message);
	log_warning("instruction: %s; the one in force stays, trying again in %" PRId64 " ms", why->message, wait_ms);
}

static void succeed(struct listener *listener, int64_t wait_ms)
{
	if (listener->fault[0])
		log_info("instruction: the collector can be heard again");
	listener->fault[0] = '\0';
	backoff_succeed(&listener->options.backoff);
	rest(listener, wait_ms);
}

static bool has_waited(const struct listener *listener)
{
	int64_t waited_us = clock_now(&listener->options.clock).monotonic_us - listener->asked_us;

	return waited_us >= LISTENER_WAIT_S * INT64_C(500000);   /* half of it: something between us may be impatient */
}

/* The next request goes out whatever becomes of this instruction: one that is refused is not asked for again. */
static int take(struct listener *listener, struct err *err)
{
	const struct request *request = &listener->request;
	const char *etag = request_answer_header(request, "ETag");

	if (!etag[0] || !strcmp(etag, listener->etag))
		return err_set(err, ERR_UNREACHABLE, "collector %s: an instruction %s", request->url,
			       etag[0] ? "that is not new" : "without an ETag");
	if (text_copy(listener->etag, sizeof listener->etag, etag) < 0)
		return err_set(err, ERR_UNREACHABLE, "collector %s: the ETag of an instruction is too long", request->url);
	succeed(listener, (int64_t)random_below(&listener->options.random, LISTENER_SPREAD_MS));
	listener->options.instruct(listener->options.arg, listener->etag, buf_text(&request->answer),
				   request->answer.length_bytes);
	return 0;
}

static void on_answer(void *arg, CURL *easy, CURLcode result)
{
	struct listener *listener = arg;
	struct request *request = &listener->request;
	struct err err;

	(void)easy;
	listener->is_asking = false;
	if (request_finish(request, result, &err) < 0)
		fail(listener, &err);
	else if (request_status(request) == 304 && has_waited(listener))
		succeed(listener, 0);
	else if (request_status(request) == 304)
		rest(listener, backoff_fail(&listener->options.backoff, 0, &listener->options.random));
	else if (take(listener, &err) < 0)
		fail(listener, &err);
}

static int start(struct listener *listener, struct err *err)
{
	struct request *request = &listener->request;
	struct instant now = clock_now(&listener->options.clock);
	char path[64];

	snprintf(path, sizeof path, PATH, LISTENER_WAIT_S);
	request_prepare(request, path);
	curl_easy_setopt(request->easy, CURLOPT_TIMEOUT_MS, LISTENER_WAIT_S * 1000L + MARGIN_MS);
	if (listener->etag[0])
		request_add_header(request, "If-None-Match", listener->etag);
	if (request_sign(request, listener->options.identity, path, now.realtime_ms, err) < 0)
		return -1;
	listener->asked_us = now.monotonic_us;
	return fetch_start(listener->options.fetch, request->easy, on_answer, listener, err);
}

static void ask(struct listener *listener)
{
	struct err err;

	if (start(listener, &err) < 0)
		fail(listener, &err);
	else
		listener->is_asking = true;
}

static void on_rested(uv_timer_t *timer)
{
	ask(timer->data);
}

/* A request that hangs in a dead connection is given up for it. */
void listener_expect(struct listener *listener, const char *etag)
{
	if (!etag[0] || !strcmp(etag, listener->etag))
		return;
	if (listener->is_asking)
		fetch_cancel(listener->options.fetch, listener->request.easy);
	listener->is_asking = false;
	uv_timer_stop(&listener->rest);
	ask(listener);
}
