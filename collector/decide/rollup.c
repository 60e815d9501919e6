#include "collector/decide/rollup.h"

#include <stdlib.h>

#include "agent/base/mem.h"

static const struct statistics no_figures = { JSON_ABSENT, JSON_ABSENT, JSON_ABSENT, JSON_ABSENT, JSON_ABSENT };

struct rollup rollup_of(const struct sample *samples, size_t count, int64_t from_ms)
{
	struct rollup rollup = { .from_ms = from_ms, .bps = no_figures };
	int64_t *figures = xcalloc(count + 1, sizeof *figures);
	int figure_count = 0;

	for (size_t i = 0; i < count; i++) {
		const struct sample *sample = &samples[i];

		if (sample->trigger != TRIGGER_SCHEDULE)
			continue;
		rollup.count++;
		rollup.good += sample->judgement == JUDGED_GOOD;
		rollup.bad += sample->judgement == JUDGED_BAD;
		rollup.unmeasured += sample->judgement > JUDGED_BAD;
		if (sample->judgement <= JUDGED_BAD && sample->throughput_bps != JSON_ABSENT)
			figures[figure_count++] = sample->throughput_bps;
	}
	if (figure_count)
		rollup.bps = statistics_of(figures, figure_count);
	free(figures);
	return rollup;
}

size_t rollup_hours(const struct sample *samples, size_t count, struct rollup ret_rollups[ROLLUP_HOURS_OF_DAY])
{
	size_t hours = 0;

	for (size_t first = 0, next; first < count; first = next) {
		int64_t hour = samples[first].started_ms / ROLLUP_HOUR_MS;
		struct rollup rollup;

		for (next = first + 1; next < count && samples[next].started_ms / ROLLUP_HOUR_MS == hour;)
			next++;
		rollup = rollup_of(samples + first, next - first, hour * ROLLUP_HOUR_MS);
		if (rollup.count)
			ret_rollups[hours++] = rollup;
	}
	return hours;
}
