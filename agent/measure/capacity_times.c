#include "agent/measure/capacity_times.h"

#include <math.h>

#define HOUR_MS        INT64_C(3600000)
#define DAY_MS         (24 * HOUR_MS)
#define GAP_MEAN_MS    (6 * HOUR_MS)
#define GAP_MIN_MS     (36 * HOUR_MS / 60)
#define GAP_MAX_MS     (15 * HOUR_MS)
#define EVENING_FROM   (19 * HOUR_MS)
#define EVENING_TO     (23 * HOUR_MS)
#define ALONE_MAX_MS   (7 * DAY_MS)
#define UNIT_STEPS     (UINT64_C(1) << 53)   /* what a double tells apart */

static int64_t draw_gap(const struct random_source *random)
{
	double unit = (double)(random_below(random, UNIT_STEPS) + 1) / (double)UNIT_STEPS;   /* (0, 1] */
	double gap_ms = -log(unit) * (double)GAP_MEAN_MS;

	if (gap_ms < (double)GAP_MIN_MS)
		return GAP_MIN_MS;
	return gap_ms > (double)GAP_MAX_MS ? GAP_MAX_MS : (int64_t)gap_ms;
}

/* A moment of the evening that from_ms lies in or before. */
static int64_t draw_evening(int64_t from_ms, int64_t ahead_s, const struct random_source *random)
{
	int64_t local_ms = from_ms + ahead_s * 1000;
	int64_t day_ms = local_ms - local_ms % DAY_MS;
	int64_t begin_ms = day_ms + EVENING_FROM, end_ms = day_ms + EVENING_TO;

	if (local_ms >= end_ms) {
		begin_ms += DAY_MS;
		end_ms += DAY_MS;
	}
	if (begin_ms < local_ms)
		begin_ms = local_ms;
	return begin_ms + (int64_t)random_below(random, (uint64_t)(end_ms - begin_ms)) - ahead_s * 1000;
}

/* The first moment after this evening. */
static int64_t after_evening(int64_t now_ms, int64_t ahead_s)
{
	int64_t local_ms = now_ms + ahead_s * 1000;

	return now_ms - local_ms % DAY_MS + EVENING_TO;
}

void capacity_times_init(struct capacity_times *times, int64_t now_ms, int64_t ahead_s, const struct random_source *random)
{
	times->next_ms = now_ms + draw_gap(random);
	times->evening_ms = draw_evening(now_ms, ahead_s, random);
}

/* An evening that was slept through is not made up for. */
static bool take_evening(struct capacity_times *times, int64_t now_ms, int64_t ahead_s, const struct random_source *random)
{
	bool is_due = now_ms >= times->evening_ms && now_ms < after_evening(times->evening_ms, ahead_s);

	if (is_due)
		times->evening_ms = draw_evening(after_evening(now_ms, ahead_s), ahead_s, random);
	else if (now_ms >= times->evening_ms || times->evening_ms > now_ms + 2 * DAY_MS)   /* slept, or the clock went back */
		times->evening_ms = draw_evening(now_ms, ahead_s, random);
	return is_due;
}

bool capacity_times_take(struct capacity_times *times, int64_t now_ms, int64_t ahead_s, const struct random_source *random)
{
	bool is_evening = take_evening(times, now_ms, ahead_s, random);
	bool is_due = now_ms >= times->next_ms;

	if (is_due || times->next_ms > now_ms + GAP_MAX_MS)
		times->next_ms = now_ms + draw_gap(random);
	return is_due || is_evening;
}

bool capacity_times_are_over(int64_t collector_ms, int64_t now_ms)
{
	return now_ms - collector_ms > ALONE_MAX_MS;
}
