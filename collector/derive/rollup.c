#include "collector/derive/rollup.h"

#include <stdlib.h>

#include "collector/derive/network.h"
#include "collector/store/rollups.h"

#define SETTLE_MS INT64_C(900000)   /* a day's last reports are on their way for some minutes */
#define DAYS_MAX  64                /* looked up at once */

/* What a step works on. */
struct work {
	struct txn *txn;
	const struct collector_config *config;
	int64_t now_ms;
	int64_t rows;                   /* handled so far */
};

static int roll_up_leg(struct work *work, const struct line_day *day, enum leg leg, struct err *err)
{
	struct rollup hours[ROLLUP_HOURS_OF_DAY], whole;
	struct sample *samples;
	size_t count;
	int rc = -1;

	if (day_samples(work->txn, day, leg, &samples, &count, err) < 0)
		return -1;
	whole = rollup_of(samples, count, day->day_ms);
	if (rollups_replace(work->txn, day, leg, SPAN_HOUR, hours, rollup_hours(samples, count, hours), err) < 0 ||
	    rollups_replace(work->txn, day, leg, SPAN_DAY, &whole, whole.count > 0, err) < 0)
		goto out;
	work->rows += (int64_t)count;
	rc = 0;
out:
	free(samples);
	return rc;
}

static int roll_up(struct work *work, const struct line_day *day, struct err *err)
{
	for (enum leg leg = 0; leg < LEG_COUNT; leg++)
		if (roll_up_leg(work, day, leg, err) < 0)
			return -1;
	return day_set(work->txn, day, DAY_MADE, err);
}

/* As many as this step still has room for; the day keeps its state until none is left. */
static int drop_measurements(struct work *work, const struct line_day *day, struct err *err)
{
	int64_t room = ROLLUP_STEP_ROWS - work->rows, count;

	if (day_drop_measurements(work->txn, day, room, &count, err) < 0)
		return -1;
	work->rows += count;
	return count == room ? 0 : day_set(work->txn, day, DAY_RAW_GONE, err);
}

static int drop_hours(struct work *work, const struct line_day *day, struct err *err)
{
	int64_t count;

	if (day_drop_rollups(work->txn, day, SPAN_HOUR, &count, err) < 0)
		return -1;
	work->rows += count;
	return day_set(work->txn, day, DAY_HOURS_GONE, err);
}

static int drop_day(struct work *work, const struct line_day *day, struct err *err)
{
	int64_t count;

	if (day_drop_rollups(work->txn, day, SPAN_DAY, &count, err) < 0)
		return -1;
	work->rows += count;
	return day_forget(work->txn, day, err);
}

static int64_t settled(const struct work *work)
{
	return rollup_day_of(work->now_ms - SETTLE_MS);
}

static int64_t any(const struct work *work)
{
	(void)work;
	return INT64_MAX;
}

static int64_t measurements_end(const struct work *work)
{
	return rollup_day_of(work->now_ms - work->config->keep_measurements_ms);
}

static int64_t hours_end(const struct work *work)
{
	return rollup_day_of(work->now_ms - work->config->keep_hourly_ms);
}

static int64_t days_end(const struct work *work)
{
	return rollup_day_of(work->now_ms - work->config->keep_daily_ms);
}

static const struct stage {
	enum day_state state;                         /* days in it ... */
	int64_t (*before_ms)(const struct work *work);   /* ... that begin before this ... */
	int64_t held_ms;                              /* ... and are not held by a ticket (days_in) ... */
	int (*act)(struct work *work, const struct line_day *day, struct err *err);   /* ... get this */
} stages[] = {
	{ DAY_DUE,        settled,          0,                      roll_up },
	{ DAY_LATE,       any,              0,                      drop_measurements },
	{ DAY_MADE,       measurements_end, KEEP_MEASUREMENTS_LEAST_MS, drop_measurements },
	{ DAY_RAW_GONE,   hours_end,        0,                      drop_hours },
	{ DAY_HOURS_GONE, days_end,         0,                      drop_day },
};

/* A row is counted for every day, however empty, so that each step ends. */
static int run_stage(struct work *work, const struct stage *stage, struct err *err)
{
	while (work->rows < ROLLUP_STEP_ROWS) {
		struct line_day days[DAYS_MAX];
		int count = days_in(work->txn, stage->state, stage->before_ms(work), stage->held_ms, days, DAYS_MAX, err);

		if (count <= 0)
			return count;
		for (int i = 0; i < count && work->rows < ROLLUP_STEP_ROWS; i++, work->rows++)
			if (stage->act(work, &days[i], err) < 0)
				return -1;
	}
	return 0;
}

static int drop_events(struct work *work, struct err *err)
{
	int64_t count = 0;

	if (work->rows < ROLLUP_STEP_ROWS &&
	    events_prune(work->txn, rollup_day_of(work->now_ms - work->config->keep_events_ms), ROLLUP_STEP_ROWS - work->rows,
			 &count, err) < 0)
		return -1;
	work->rows += count;
	return 0;
}

static int drop_of_network(struct work *work, struct err *err)
{
	int64_t count = 0;

	if (work->rows < ROLLUP_STEP_ROWS &&
	    network_prune(work->txn, work->config, work->now_ms, ROLLUP_STEP_ROWS - work->rows, &count, err) < 0)
		return -1;
	work->rows += count;
	return 0;
}

int rollup_step(struct txn *txn, const struct collector_config *config, int64_t now_ms, bool *ret_more, struct err *err)
{
	struct work work = { .txn = txn, .config = config, .now_ms = now_ms };

	for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
		if (run_stage(&work, &stages[i], err) < 0)
			return -1;
	if (drop_events(&work, err) < 0 || drop_of_network(&work, err) < 0)
		return -1;
	*ret_more = work.rows >= ROLLUP_STEP_ROWS;
	return 0;
}
