#include "collector/rounds.h"

#include <stdbool.h>
#include <stdlib.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"

#define SOON_MS 200

struct turn {
	struct rounds *rounds;
	const struct round *round;
	uv_timer_t timer;
	bool has_more;       /* of the round that ran last */
};

struct rounds {
	struct store *store;
	bool is_stopping;
	size_t count;
	struct turn turns[];
};

static int run_round(struct txn *txn, void *arg, struct err *err)
{
	struct turn *turn = arg;
	int rc = turn->round->run(txn, turn->round->arg, err);

	turn->has_more = rc > 0;
	return rc < 0 ? -1 : 0;
}

static void on_timer(uv_timer_t *timer);

static void round_done(void *arg, const struct err *err)
{
	struct turn *turn = arg;

	if (err)
		log_error("%s: %s", turn->round->name, err->message);
	if (!turn->rounds->is_stopping)
		uv_timer_start(&turn->timer, on_timer, (uint64_t)(!err && turn->has_more ? SOON_MS : turn->round->every_ms), 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct turn *turn = timer->data;

	store_write(turn->rounds->store, run_round, turn, round_done);
}

struct rounds *rounds_start(uv_loop_t *loop, struct store *store, const struct round *table, size_t count)
{
	struct rounds *rounds = xcalloc(1, sizeof *rounds + count * sizeof rounds->turns[0]);

	rounds->store = store;
	rounds->count = count;
	for (size_t i = 0; i < count; i++) {
		struct turn *turn = &rounds->turns[i];

		turn->rounds = rounds;
		turn->round = &table[i];
		uv_timer_init(loop, &turn->timer);
		turn->timer.data = turn;
		uv_timer_start(&turn->timer, on_timer, 0, 0);
	}
	return rounds;
}

void rounds_stop(struct rounds *rounds)
{
	if (!rounds || rounds->is_stopping)
		return;
	rounds->is_stopping = true;
	for (size_t i = 0; i < rounds->count; i++)
		uv_close((uv_handle_t *)&rounds->turns[i].timer, NULL);
}

void rounds_free(struct rounds *rounds)
{
	free(rounds);
}
