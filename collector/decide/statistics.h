/* statistics.h - percentiles of measured integers.
 * A percentile is the nearest-rank one: of n values in rising order the p-th is number ceil(p / 100 x n), counted from 1.
 * It is always a value that was measured, so whoever holds the list can check it by hand.
 * Source:  methodology 11.4: low percentiles and shares, never the mean.
 * Threads: pure. */
#ifndef PLUMBLINE_STATISTICS_H
#define PLUMBLINE_STATISTICS_H

#include <stdint.h>

struct statistics {
	int64_t median, p10, p5, min, p95;
};

/* values in rising order, count > 0, percent 1 to 100. */
int64_t statistics_percentile(const int64_t *values, int count, int percent);

/* Sorts the values in place; count > 0. */
struct statistics statistics_of(int64_t *values, int count);

#endif
