#include "agent/measure/steady.h"

#include <stdbool.h>

#include "agent/base/json.h"

#define RAMP_MIN_US     INT64_C(500000)
#define RAMP_ROUNDS     10
#define SECOND_SLICES   10      /* T7: 1.0 s, and T4's window */
#define LONG_LOOK_SLICES 15
#define QUARTERS        4
#define GROWTH_PERCENT  110     /* the last quarter of a line that was found long ago is no tenth above the first */
#define WINDOW_PERCENT  80      /* a connection that used this much of its window was held by it */

int64_t steady_ramp_us(int64_t rtt_us)
{
	return RAMP_ROUNDS * rtt_us > RAMP_MIN_US ? RAMP_ROUNDS * rtt_us : RAMP_MIN_US;
}

static int64_t rate_bps(const struct trace *trace, int from, int to)
{
	return trace_sum(trace, from, to) * 8 * 1000000 / ((to - from) * TRACE_SLICE_US);
}

/* Whether bytes that had come before this boundary may be delivered only after it. */
static bool is_held_at(const struct trace *trace, int boundary)
{
	return boundary > 0 && trace->disordered[boundary - 1];
}

/* The first boundary behind the ramp and the bytes to discard; up to a second later where nothing is held back. */
static int first_slice(const struct steady_facts *facts, int to)
{
	int64_t ramped_us = facts->loaded_us + steady_ramp_us(facts->rtt_us);
	int64_t ramped = (ramped_us + TRACE_SLICE_US - 1) / TRACE_SLICE_US;
	int from, clean;

	if (facts->loaded_us == JSON_ABSENT || ramped > to)
		return to;
	for (from = (int)ramped; from < to && trace_sum(facts->trace, 0, from) < facts->discard_bytes;)
		from++;
	for (clean = from; clean < to && clean < from + SECOND_SLICES && is_held_at(facts->trace, clean);)
		clean++;
	return clean < from + SECOND_SLICES ? clean : from;
}

static int64_t find_max1s(const struct trace *trace, int from, int to)
{
	int64_t most = 0;

	for (int at = from; at + SECOND_SLICES <= to; at++)
		if (rate_bps(trace, at, at + SECOND_SLICES) > most)
			most = rate_bps(trace, at, at + SECOND_SLICES);
	return most;
}

/* Each quarter at least as fast as the one before, the last a tenth faster than the first. A line that merely varies
 * does this rarely, and is then unresolved once. */
static bool is_growing(const struct trace *trace, int from, int to)
{
	int64_t rates[QUARTERS];

	for (int i = 0; i < QUARTERS; i++) {
		rates[i] = rate_bps(trace, from + (to - from) * i / QUARTERS, from + (to - from) * (i + 1) / QUARTERS);
		if (i && rates[i] < rates[i - 1])
			return false;
	}
	return rates[QUARTERS - 1] * 100 > rates[0] * GROWTH_PERCENT;
}

/* Bytes in flight on an empty path come near to what the receiver allows. */
static bool is_window_limited(const struct steady_facts *facts, int64_t bps)
{
	__int128 in_flight = (__int128)bps * facts->rtt_us / 8 / 1000000;

	return facts->window_bytes && in_flight * 100 > (__int128)facts->window_bytes * WINDOW_PERCENT;
}

/* The last second. Where it may have begun with bytes held back, the least of the last 1.0 to 1.5 s: a longer look also
 * sees the time in which they were missing. */
static int64_t find_last1s(const struct trace *trace, int from, int to)
{
	int64_t least_bps = rate_bps(trace, to - SECOND_SLICES, to);

	if (!is_held_at(trace, to - SECOND_SLICES))
		return least_bps;
	if (to - from < LONG_LOOK_SLICES)
		return 0;
	for (int length = SECOND_SLICES + 1; length <= LONG_LOOK_SLICES; length++)
		if (rate_bps(trace, to - length, to) < least_bps)
			least_bps = rate_bps(trace, to - length, to);
	return least_bps;
}

static enum reason find_doubt(const struct steady_facts *facts, const struct steady *steady, int from, int to)
{
	if (to - from < SECOND_SLICES)
		return REASON_TOO_SHORT;
	if (is_window_limited(facts, steady->rate_bps))
		return REASON_WINDOW_LIMITED;
	return is_growing(facts->trace, from, to) ? REASON_SLOW_START : REASON_NONE;
}

struct steady steady_find(const struct steady_facts *facts)
{
	int64_t slices = facts->until_us / TRACE_SLICE_US;
	int to = slices > TRACE_SLICES ? TRACE_SLICES : (int)slices;
	int from = first_slice(facts, to);
	struct steady steady = { .from_us = from * TRACE_SLICE_US, .to_us = to * TRACE_SLICE_US };

	if (from < to)
		steady.rate_bps = rate_bps(facts->trace, from, to);
	if (to - from >= SECOND_SLICES) {
		steady.max1s_bps = find_max1s(facts->trace, from, to);
		steady.last1s_bps = find_last1s(facts->trace, from, to);
	}
	steady.doubt = find_doubt(facts, &steady, from, to);
	return steady;
}
