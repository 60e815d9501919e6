/* rollup.h - what the measurements of an hour or a day amount to, so that they need not be kept for ever.
 * Counts:  scheduled probes only (D2): extra ones gather where it is bad already, and would count it twice. Of these, good,
 *          bad and unmeasured (no valid figure could be had: it accuses nobody); what is left is marginal.
 * Figures: of the valid ones; percentiles as in statistics.h. A day's come from its measurements, not from its hours.
 * Hours and days are those of UTC. Made of the same samples, a roll-up is the same, in whatever order they came.
 * Units:   _ms, _bps.    Threads: pure.
 * Source:  methodology 11.4; D1, D2. */
#ifndef PLUMBLINE_ROLLUP_H
#define PLUMBLINE_ROLLUP_H

#include <stddef.h>
#include <stdint.h>

#include "collector/decide/sample.h"
#include "collector/decide/statistics.h"

#define ROLLUP_HOUR_MS       INT64_C(3600000)
#define ROLLUP_DAY_MS        (24 * ROLLUP_HOUR_MS)
#define ROLLUP_HOURS_OF_DAY  24

struct rollup {
	int64_t from_ms;
	int64_t count, good, bad, unmeasured;
	struct statistics bps;   /* every one JSON_ABSENT when no valid sample has a figure */
};

static inline int64_t rollup_day_of(int64_t at_ms)
{
	return at_ms / ROLLUP_DAY_MS * ROLLUP_DAY_MS;
}

/* Rolls up all of the samples, in any order; a roll-up of no scheduled sample has count 0. */
struct rollup rollup_of(const struct sample *samples, size_t count, int64_t from_ms);

/* Rolls up each hour of a day that holds a scheduled sample. The samples are those of one day, oldest first; returns how many
 * hours. */
size_t rollup_hours(const struct sample *samples, size_t count, struct rollup ret_rollups[ROLLUP_HOURS_OF_DAY]);

#endif
