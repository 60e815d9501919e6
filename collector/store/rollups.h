/* rollups.h - measurements rolled up by hour and day, and which days of a line are to be rolled up or are old enough to go.
 * A day goes through the states below. A fact that arrives late puts it back, so its roll-ups are made again from all
 * measurements of the day: whatever order facts arrive in, they end up the same.
 * Times:   _ms UTC milliseconds of event time; days begin at midnight UTC.
 * Threads: a store thread, inside a job. */
#ifndef PLUMBLINE_ROLLUPS_H
#define PLUMBLINE_ROLLUPS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/measurement.h"
#include "collector/decide/rollup.h"
#include "collector/store/clients.h"

struct txn;

/* Stored as numbers: new ones go last. */
enum rollup_span { SPAN_HOUR, SPAN_DAY };

/* Stored as numbers, whose order is that of a day's life. */
enum day_state {
	DAY_DUE,          /* holds a measurement that its roll-ups do not count */
	DAY_MADE,         /* the roll-ups are those of its measurements */
	DAY_LATE,         /* holds one that came after its measurements had gone: too late to be counted */
	DAY_RAW_GONE,     /* only roll-ups are left */
	DAY_HOURS_GONE,   /* only those of the day are left */
};

struct line_day {
	int64_t client_number, line_number, day_ms;
};

/* A measurement made then was stored; measurement_put does this. */
int day_mark(struct txn *txn, const struct line *line, int64_t at_ms, struct err *err);

/* Days in this state that begin before before_ms, oldest first; fills at most limit, returns how many, or -1. Leaves out
 * those that end later than held_ms before the beginning of a defect whose ticket is not closed, unless held_ms is 0. */
int days_in(struct txn *txn, enum day_state state, int64_t before_ms, int64_t held_ms, struct line_day *ret_days, int limit,
	    struct err *err);

int day_set(struct txn *txn, const struct line_day *day, enum day_state state, struct err *err);
int day_forget(struct txn *txn, const struct line_day *day, struct err *err);

/* The samples of a leg on that day, oldest first; the caller frees. */
int day_samples(struct txn *txn, const struct line_day *day, enum leg leg, struct sample **ret_samples, size_t *ret_count,
		struct err *err);

/* Replaces the day's roll-ups of a leg and span. */
int rollups_replace(struct txn *txn, const struct line_day *day, enum leg leg, enum rollup_span span,
		    const struct rollup *rollups, size_t count, struct err *err);

/* Drop the day's measurements, at most limit of them, or its roll-ups of a span; *ret_count: how many rows went. */
int day_drop_measurements(struct txn *txn, const struct line_day *day, int64_t limit, int64_t *ret_count, struct err *err);
int day_drop_rollups(struct txn *txn, const struct line_day *day, enum rollup_span span, int64_t *ret_count, struct err *err);

/* From when on the line's measurements are all there: before that, roll-ups are. */
int rollups_end(struct txn *txn, const struct line *line, int64_t *ret_raw_from_ms, struct err *err);

/* The end of the line's newest day that is rolled up; 0 when there is none. */
int rollups_newest(struct txn *txn, const struct line *line, int64_t *ret_end_ms, struct err *err);

/* Appends the roll-ups that reach into [from_ms, to_ms), oldest first, as the series shows them: {leg, started_ms, span_ms,
 * throughput_bps (the lowest), judgement (the worst of the valid ones), p5_bps, p10_bps, median_bps, p95_bps, count, good, bad,
 * unmeasured}. Hours, where there still are any and stretch_ms is less than a day; thinned so that of each stretch the lowest
 * stays, and one in which nothing was measured. */
int rollups_append(struct txn *txn, const struct line *line, int64_t from_ms, int64_t to_ms, int64_t stretch_ms,
		   json_t *items, struct err *err);

/* Events other than measurements: notes that the spool sent seq and what follows on the day of now_ms; ... */
int events_mark(struct txn *txn, int64_t spool, int64_t seq, int64_t now_ms, struct err *err);

/* ... and drops, of what was received on days before before_ms, at most limit, oldest first. Outages stay: they are few, and
 * the line's history. *ret_count: how many went. */
int events_prune(struct txn *txn, int64_t before_ms, int64_t limit, int64_t *ret_count, struct err *err);

#endif
