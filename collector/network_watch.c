#include "collector/network_watch.h"

#include <stdbool.h>
#include <stdlib.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "collector/derive/network.h"

#define EVERY_MS 1000   /* 12.3: at most once a second */

struct network_watch {
	uv_timer_t timer;
	struct store *store;
	const struct collector_config *config;
	struct clock clock;
	struct network_round *round;   /* under way */
	bool is_stopping;
};

static void on_timer(uv_timer_t *timer);
static void read_done(void *arg, const struct err *err);

static int read_job(struct txn *txn, void *arg, struct err *err)
{
	struct network_watch *watch = arg;

	return network_round_read(txn, watch->round, err);
}

static int write_job(struct txn *txn, void *arg, struct err *err)
{
	struct network_watch *watch = arg;

	return network_round_write(txn, watch->round, err);
}

static void begin_round(struct network_watch *watch, enum network_stage stage)
{
	watch->round = network_round_new(watch->config, clock_now(&watch->clock).realtime_ms, stage);
	store_read(watch->store, read_job, watch, read_done);
}

/* The next stage at once, or everything again a second later. */
static void end_round(struct network_watch *watch, enum network_stage next)
{
	network_round_free(watch->round);
	watch->round = NULL;
	if (watch->is_stopping)
		return;
	if (next == STAGE_NONE)
		uv_timer_start(&watch->timer, on_timer, EVERY_MS, 0);
	else
		begin_round(watch, next);
}

static void write_done(void *arg, const struct err *err)
{
	struct network_watch *watch = arg;

	if (err)
		log_error("incidents: %s", err->message);
	end_round(watch, err ? STAGE_NONE : network_round_next(watch->round));
}

static void read_done(void *arg, const struct err *err)
{
	struct network_watch *watch = arg;

	if (err)
		log_error("incidents: %s", err->message);
	if (err || watch->is_stopping || !network_round_has_work(watch->round))
		end_round(watch, STAGE_NONE);
	else
		store_write(watch->store, write_job, watch, write_done);
}

static void on_timer(uv_timer_t *timer)
{
	begin_round(timer->data, STAGE_GUARD);
}

struct network_watch *network_watch_start(uv_loop_t *loop, struct store *store, const struct collector_config *config,
					  const struct clock *clock)
{
	struct network_watch *watch = xcalloc(1, sizeof *watch);

	watch->store = store;
	watch->config = config;
	watch->clock = *clock;
	uv_timer_init(loop, &watch->timer);
	watch->timer.data = watch;
	uv_timer_start(&watch->timer, on_timer, 0, 0);
	return watch;
}

void network_watch_stop(struct network_watch *watch)
{
	if (!watch || watch->is_stopping)
		return;
	watch->is_stopping = true;
	uv_close((uv_handle_t *)&watch->timer, NULL);
}

void network_watch_free(struct network_watch *watch)
{
	free(watch);
}
