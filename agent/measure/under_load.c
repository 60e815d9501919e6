/* A timer ticks each 50 ms while there is something to send or to wait for, and decides everything: answers only leave
 * their figures. */
#include "agent/measure/under_load.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/measure/nonce.h"
#include "agent/measure/steady.h"
#include "agent/measure/tiny_get.h"
#include "agent/watch/echo.h"

#define TIMEOUT_MS INT64_C(3000)   /* L1 */
#define GETS_MAX   (TIMEOUT_MS / LOAD_DELAY_GET_MS + 1)

enum phase { FINDING, IDLE, READY, FULL, ENDING };

struct under_load {
	struct fetch *fetch;
	struct under_load_request request;
	char *url, *interface;            /* url with a nonce: no cache may answer */
	struct echoer *echoer;
	uv_timer_t timer;
	enum phase phase;
	int ticks;                        /* of this phase */
	struct sockaddr_storage address;  /* AF_UNSPEC: the server did not answer */
	enum echo_way way;
	bool head_only;                   /* the server knows no ranges */
	int echoes_under_way;
	struct tiny_get *finding, *gets[GETS_MAX];
	struct load_delay delay;
	void (*idle)(void *arg);
	void (*done)(void *arg, const struct load_delay *delay);
	void *arg;
};

static void on_tick(uv_timer_t *timer);

static void enter(struct under_load *load, enum phase phase)
{
	load->phase = phase;
	load->ticks = 0;
	if (phase == READY)
		uv_timer_stop(&load->timer);
	else
		uv_timer_start(&load->timer, on_tick, 0, LOAD_DELAY_ECHO_MS);
}

static void on_closed(uv_handle_t *handle)
{
	struct under_load *load = handle->data;

	curl_free(load->url);
	free(load->interface);
	free(load);
}

void under_load_abort(struct under_load *load)
{
	tiny_get_cancel(load->finding);
	for (int i = 0; i < GETS_MAX; i++)
		tiny_get_cancel(load->gets[i]);
	echoer_close(load->echoer);
	uv_close((uv_handle_t *)&load->timer, on_closed);
}

/* --- echoes --- */

static struct delays *echo_delays(struct under_load *load)
{
	return load->phase == IDLE ? &load->delay.idle : &load->delay.loaded;
}

static void on_echo(void *arg, const struct echo_result *result)
{
	struct under_load *load = arg;
	struct delays *delays = echo_delays(load);

	if (result->outcome == ECHO_OVERDUE)
		return;
	load->echoes_under_way--;
	load->delay.way = result->way == ECHO_ICMP ? LOAD_WAY_ICMP : LOAD_WAY_TCP;
	if (result->outcome == ECHO_LOST)
		delays->lost++;
	else
		delays_add(delays, result->delay_us);
}

static void send_echo(struct under_load *load)
{
	echo_delays(load)->sent++;
	load->echoes_under_way++;
	echo_send(load->echoer, &load->address, load->way, on_echo, load);
}

/* --- foreign requests --- */

static int start_get(struct under_load *load, const struct sockaddr_storage *address,
		     void (*done)(void *arg, struct tiny_get *get, const struct tiny_get_result *result),
		     struct tiny_get **ret_get)
{
	struct tiny_get_request request = { .url = load->url, .interface = load->interface, .address = address,
					    .ip_version = load->request.ip_version, .head_only = load->head_only,
					    .timeout_ms = TIMEOUT_MS };
	struct err err;

	if (tiny_get_start(load->fetch, &request, done, load, ret_get, &err) == 0)
		return 0;
	log_warning("delay under load: %s", err.message);
	return -1;
}

static int find_slot(const struct under_load *load, const struct tiny_get *get)
{
	int slot = 0;

	while (slot < GETS_MAX && load->gets[slot] != get)
		slot++;
	return slot;
}

static void on_get(void *arg, struct tiny_get *get, const struct tiny_get_result *result)
{
	struct under_load *load = arg;

	load->gets[find_slot(load, get)] = NULL;
	if (result->ok)
		delays_add(&load->delay.http, result->duration_us);
}

static void send_get(struct under_load *load)
{
	int slot = find_slot(load, NULL);

	if (slot < GETS_MAX)
		start_get(load, &load->address, on_get, &load->gets[slot]);
}

static bool has_gets_under_way(const struct under_load *load)
{
	for (int i = 0; i < GETS_MAX; i++)
		if (load->gets[i])
			return true;
	return false;
}

/* --- before the load --- */

static void on_found(void *arg, struct tiny_get *get, const struct tiny_get_result *result)
{
	struct under_load *load = arg;

	(void)get;
	load->finding = NULL;
	load->address = result->address;
	load->head_only = !result->is_part;
	enter(load, IDLE);
}

/* A server that answers no ICMP is asked again by TCP. */
static void end_idle(struct under_load *load)
{
	struct delays *idle = &load->delay.idle;

	if (idle->sent && !idle->count && load->way == ECHO_ICMP) {
		load->way = ECHO_TCP;
		*idle = (struct delays){ 0 };
		return;
	}
	enter(load, READY);
	load->idle(load->arg);
}

static void tick_idle(struct under_load *load)
{
	if (load->address.ss_family != AF_UNSPEC && load->delay.idle.sent < LOAD_DELAY_IDLE_ECHOES)
		send_echo(load);
	else if (!load->echoes_under_way)
		end_idle(load);
}

/* --- under load --- */

static void tick_full(struct under_load *load)
{
	bool is_tls = !strncmp(load->url, "https:", strlen("https:"));

	send_echo(load);
	if (load->ticks++ % (LOAD_DELAY_GET_MS / LOAD_DELAY_ECHO_MS) == 0 &&
	    load_delay_affords_http(load->request.threshold_bps, is_tls))
		send_get(load);
}

static void tick_ending(struct under_load *load)
{
	if (load->echoes_under_way || has_gets_under_way(load))
		return;
	load->done(load->arg, &load->delay);
	under_load_abort(load);
}

static void on_tick(uv_timer_t *timer)
{
	struct under_load *load = timer->data;

	switch (load->phase) {
	case IDLE:   tick_idle(load); break;
	case FULL:   tick_full(load); break;
	case ENDING: tick_ending(load); break;
	case FINDING: case READY: break;
	}
}

/* --- outside --- */

struct under_load *under_load_start(struct fetch *fetch, const struct clock *clock, const struct random_source *random,
				    const struct under_load_request *request, void (*idle)(void *arg), void *arg)
{
	struct under_load *load = xcalloc(1, sizeof *load);
	struct echo_options echoes = { .loop = fetch_loop(fetch), .clock = *clock, .random = *random,
				       .interface = request->interface, .timeout_ms = TIMEOUT_MS };
	char nonce[NONCE_SIZE];

	nonce_draw(random, nonce);
	*load = (struct under_load){ .fetch = fetch, .request = *request, .url = nonce_add(request->url, nonce),
				     .interface = request->interface ? xstrdup(request->interface) : NULL,
				     .echoer = echoer_open(&echoes), .address.ss_family = AF_UNSPEC, .idle = idle, .arg = arg };
	uv_timer_init(fetch_loop(fetch), &load->timer);
	load->timer.data = load;
	if (!load->url || start_get(load, NULL, on_found, &load->finding) < 0)
		enter(load, IDLE);
	return load;
}

void under_load_progress(struct under_load *load, int64_t elapsed_us)
{
	int64_t rtt_us = delays_rank(&load->delay.idle, 50);

	if (load->phase == READY && load->address.ss_family != AF_UNSPEC && elapsed_us >= steady_ramp_us(rtt_us))
		enter(load, FULL);
}

void under_load_end(struct under_load *load, void (*done)(void *arg, const struct load_delay *delay))
{
	load->done = done;
	enter(load, ENDING);
}
