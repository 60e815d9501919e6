#include "collector/api/waiting.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"

#define PERIOD_MS 1000

struct waiting {
	struct store *store;
	uv_timer_t timer;         /* runs while anybody waits */
	struct api_call *first;
	int64_t seen;             /* no line of a call in the list changed after that call was run, up to this revision */
	bool is_stopped;
	bool is_looking;          /* what follows is the job's */
	bool was_woken;           /* meanwhile: what changed may not be in the job's snapshot */
	int64_t since, revision;
	struct buf numbers;       /* int64_t, rising: the lines that changed between */
};

struct waiting *waiting_new(uv_loop_t *loop, struct store *store)
{
	struct waiting *waiting = xcalloc(1, sizeof *waiting);

	waiting->store = store;
	uv_timer_init(loop, &waiting->timer);
	waiting->timer.data = waiting;
	return waiting;
}

void waiting_free(struct waiting *waiting)
{
	buf_free(&waiting->numbers);
	free(waiting);
}

bool waiting_forget(struct waiting *waiting, struct api_call *call)
{
	if (!call->waiting_link)
		return false;
	*call->waiting_link = call->next_waiting;
	if (call->next_waiting)
		call->next_waiting->waiting_link = call->waiting_link;
	call->waiting_link = NULL;
	if (!waiting->first && !waiting->is_stopped)
		uv_timer_stop(&waiting->timer);
	return true;
}

static void keep_number(int64_t number, void *arg)
{
	buf_append(arg, &number, sizeof number);
}

static int look_job(struct txn *txn, void *arg, struct err *err)
{
	struct waiting *waiting = arg;

	buf_clear(&waiting->numbers);
	if (lines_revision(txn, &waiting->revision, err) < 0)
		return -1;
	if (waiting->revision <= waiting->since)
		return 0;
	return lines_changed(txn, waiting->since, keep_number, &waiting->numbers, err);
}

static int compare_numbers(const void *left, const void *right)
{
	int64_t a, b;

	memcpy(&a, left, sizeof a);
	memcpy(&b, right, sizeof b);
	return a < b ? -1 : a > b;
}

static bool has_changed(const struct waiting *waiting, const struct api_call *call)
{
	size_t count = waiting->numbers.length_bytes / sizeof(int64_t);

	return count && bsearch(&call->agent.line_number, waiting->numbers.data, count, sizeof(int64_t), compare_numbers);
}

static void repeat_changed(struct waiting *waiting)
{
	struct api_call *next;

	for (struct api_call *call = waiting->first; call; call = next) {
		next = call->next_waiting;
		if (has_changed(waiting, call)) {
			waiting_forget(waiting, call);
			api_call_repeat(call);
		}
	}
}

static void look_done(void *arg, const struct err *err)
{
	struct waiting *waiting = arg;
	bool was_woken = waiting->was_woken;

	waiting->is_looking = false;
	waiting->was_woken = false;
	if (err) {
		log_error("waiting agents: %s", err->message);   /* the timer tries again */
		return;
	}
	waiting->seen = waiting->revision;
	repeat_changed(waiting);
	if (was_woken)
		waiting_wake(waiting);
}

void waiting_wake(struct waiting *waiting)
{
	if (!waiting->first)
		return;
	if (waiting->is_looking) {
		waiting->was_woken = true;
		return;
	}
	waiting->is_looking = true;
	waiting->since = waiting->seen;
	store_read(waiting->store, look_job, waiting, look_done);
}

static void end_late(struct waiting *waiting, int64_t now_ms)
{
	struct api_call *next;

	for (struct api_call *call = waiting->first; call; call = next) {
		next = call->next_waiting;
		if (call->wait_until_ms <= now_ms) {
			waiting_forget(waiting, call);
			api_call_end(call);
		}
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct waiting *waiting = timer->data;

	end_late(waiting, (int64_t)uv_now(timer->loop));
	waiting_wake(waiting);
}

static void link_to(struct waiting *waiting, struct api_call *call)
{
	call->next_waiting = waiting->first;
	call->waiting_link = &waiting->first;
	if (waiting->first)
		waiting->first->waiting_link = &call->next_waiting;
	waiting->first = call;
}

void waiting_add(struct waiting *waiting, struct api_call *call)
{
	int64_t now_ms = (int64_t)uv_now(waiting->timer.loop);

	if (!call->wait_until_ms)
		call->wait_until_ms = now_ms + call->wait_ms;
	if (waiting->is_stopped || call->wait_until_ms <= now_ms) {
		api_call_end(call);
	} else if (waiting->first && call->revision < waiting->seen) {   /* what was seen since then may be its line's */
		api_call_repeat(call);
	} else {
		if (!waiting->first) {
			waiting->seen = call->revision;
			uv_timer_start(&waiting->timer, on_timer, PERIOD_MS, PERIOD_MS);
		}
		link_to(waiting, call);
	}
}

void waiting_stop(struct waiting *waiting)
{
	waiting->is_stopped = true;
	uv_close((uv_handle_t *)&waiting->timer, NULL);
	end_late(waiting, INT64_MAX);
}
