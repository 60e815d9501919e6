/* curl says through watch_socket which sockets it waits for and through set_timer how long; a poll or the timer tells
 * it what came, and collect_done hands out what has ended.
 *
 * A poll must be stopped before its socket is closed, or epoll keeps watching a number that may already belong to
 * another socket. curl announces most closings through watch_socket, but closes some sockets (a losing address family,
 * a connection thrown out of its cache) on its own: close_socket sees those. A connection outlives the handle that
 * opened it, so what close_socket is given is the struct fetch. */
#include "agent/fetch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/base/mem.h"

struct watch {
	uv_poll_t poll;
	curl_socket_t socket;
	struct fetch *fetch;
	struct watch *next;
};

struct fetch {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer;
	struct watch *watches;
	int open_handles;   /* of libuv: the timer and every poll until its close callback */
	bool closing;
	void (*closed)(void *arg);
	void *closed_arg;
};

struct job {
	void (*done)(void *arg, CURL *easy, CURLcode result);
	void *arg;
};

static void release(struct fetch *fetch)
{
	void (*closed)(void *arg) = fetch->closed;
	void *arg = fetch->closed_arg;

	if (--fetch->open_handles)
		return;
	free(fetch);
	if (closed)
		closed(arg);
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct watch *watch = handle->data;
	struct fetch *fetch = watch->fetch;

	free(watch);
	release(fetch);
}

static void on_timer_closed(uv_handle_t *handle)
{
	release(handle->data);
}

static struct watch **find_watch(struct fetch *fetch, curl_socket_t socket)
{
	struct watch **at = &fetch->watches;

	while (*at && (*at)->socket != socket)
		at = &(*at)->next;
	return at;
}

static void stop_watch(struct fetch *fetch, curl_socket_t socket)
{
	struct watch **at = find_watch(fetch, socket), *watch = *at;

	if (!watch)
		return;
	*at = watch->next;
	uv_poll_stop(&watch->poll);
	uv_close((uv_handle_t *)&watch->poll, on_poll_closed);
}

static struct job *job_of(CURL *easy)
{
	char *job = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &job);
	return (struct job *)(void *)job;
}

static void collect_done(struct fetch *fetch)
{
	CURLMsg *message;
	int left;

	while (!fetch->closing && (message = curl_multi_info_read(fetch->multi, &left))) {
		CURL *easy = message->easy_handle;
		CURLcode result = message->data.result;
		struct job job = *job_of(easy);

		fetch_cancel(fetch, easy);
		job.done(job.arg, easy, result);
	}
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	struct fetch *fetch = watch->fetch;
	int came = 0, running;

	if (status < 0)
		came = CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		came |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		came |= CURL_CSELECT_OUT;
	curl_multi_socket_action(fetch->multi, watch->socket, came, &running);   /* may close watch */
	collect_done(fetch);
}

static void on_timer(uv_timer_t *timer)
{
	struct fetch *fetch = timer->data;
	int running;

	curl_multi_socket_action(fetch->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect_done(fetch);
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct fetch *fetch = arg;

	(void)multi;
	if (timeout_ms < 0)
		uv_timer_stop(&fetch->timer);
	else
		uv_timer_start(&fetch->timer, on_timer, (uint64_t)timeout_ms, 0);
	return 0;
}

static struct watch *start_watch(struct fetch *fetch, curl_socket_t socket)
{
	struct watch *watch = xcalloc(1, sizeof *watch);

	if (uv_poll_init_socket(fetch->loop, &watch->poll, socket) < 0) {
		free(watch);
		return NULL;
	}
	watch->poll.data = watch;
	watch->socket = socket;
	watch->fetch = fetch;
	watch->next = fetch->watches;
	fetch->watches = watch;
	fetch->open_handles++;
	return watch;
}

static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *unused)
{
	struct fetch *fetch = arg;
	struct watch *watch = *find_watch(fetch, socket);

	(void)easy;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		stop_watch(fetch, socket);
		return 0;
	}
	if (!watch)
		watch = start_watch(fetch, socket);
	if (!watch)
		return -1;   /* curl then fails its transfers */
	return uv_poll_start(&watch->poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
			     on_poll);
}

static int close_socket(void *arg, curl_socket_t socket)
{
	stop_watch(arg, socket);
	return close(socket);
}

int fetch_open(uv_loop_t *loop, struct fetch **ret_fetch, struct err *err)
{
	CURLM *multi = curl_multi_init();
	struct fetch *fetch;

	if (!multi)
		return err_set(err, ERR_INTERNAL, "curl_multi_init failed");
	fetch = xcalloc(1, sizeof *fetch);
	fetch->loop = loop;
	fetch->multi = multi;
	uv_timer_init(loop, &fetch->timer);
	fetch->timer.data = fetch;
	fetch->open_handles = 1;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, fetch);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, fetch);
	*ret_fetch = fetch;
	return 0;
}

uv_loop_t *fetch_loop(const struct fetch *fetch)
{
	return fetch->loop;
}

int fetch_start(struct fetch *fetch, CURL *easy, void (*done)(void *arg, CURL *easy, CURLcode result), void *arg,
		struct err *err)
{
	struct job *job;
	CURLMcode failed;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);   /* or a dead name server holds up the loop for seconds */
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, fetch);
	failed = curl_multi_add_handle(fetch->multi, easy);
	if (failed)
		return err_set(err, ERR_INTERNAL, "curl_multi_add_handle: %s", curl_multi_strerror(failed));
	job = xcalloc(1, sizeof *job);
	*job = (struct job){ .done = done, .arg = arg };
	curl_easy_setopt(easy, CURLOPT_PRIVATE, job);
	return 0;
}

void fetch_cancel(struct fetch *fetch, CURL *easy)
{
	curl_multi_remove_handle(fetch->multi, easy);
	free(job_of(easy));
	curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
}

void fetch_close(struct fetch *fetch, void (*closed)(void *arg), void *arg)
{
	fetch->closing = true;
	fetch->closed = closed;
	fetch->closed_arg = arg;
	curl_multi_cleanup(fetch->multi);   /* closes kept connections through close_socket */
	while (fetch->watches)
		stop_watch(fetch, fetch->watches->socket);
	uv_close((uv_handle_t *)&fetch->timer, on_timer_closed);
}
