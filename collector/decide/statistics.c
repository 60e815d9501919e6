#include "collector/decide/statistics.h"

#include <stdlib.h>

int64_t statistics_percentile(const int64_t *values, int count, int percent)
{
	int64_t rank = ((int64_t)count * percent + 99) / 100;

	return values[rank - 1];
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

struct statistics statistics_of(int64_t *values, int count)
{
	qsort(values, (size_t)count, sizeof *values, compare);
	return (struct statistics){
		.median = statistics_percentile(values, count, 50),
		.p10 = statistics_percentile(values, count, 10),
		.p5 = statistics_percentile(values, count, 5),
		.min = values[0],
		.p95 = statistics_percentile(values, count, 95),
	};
}
