#include "agent/watch/latency.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"

#define HOUR_US INT64_C(3600000000)

void latency_init(struct latency *latency, int64_t bin_us, int64_t settle_us, int64_t now_us)
{
	latency->bin_us = bin_us;
	latency->settle_us = settle_us;
	latency->opened_us = now_us;
	latency->episode_count = 0;
	for (int i = 0; i < 2; i++) {   /* the samples stay untouched: most of their memory is never used */
		latency->bins[i].number = -1;
		latency->bins[i].count = latency->bins[i].beyond = 0;
	}
	for (int i = 0; i < LATENCY_HOURS; i++)
		latency->hours[i].hour = -1;
}

static void keep_minimum(struct latency *latency, int64_t sent_us, int64_t delay_us)
{
	int64_t hour = sent_us / HOUR_US;
	int i = (int)(hour % LATENCY_HOURS);

	if (latency->hours[i].hour != hour || delay_us < latency->hours[i].min_us) {
		latency->hours[i].hour = hour;
		latency->hours[i].min_us = delay_us;
	}
}

void latency_add(struct latency *latency, int64_t sent_us, enum latency_fate fate, int64_t delay_us)
{
	int64_t number = sent_us / latency->bin_us;
	struct latency_bin *bin = &latency->bins[number % 2];

	if (fate == LATENCY_LOST)
		delay_us = JSON_ABSENT;
	else
		keep_minimum(latency, sent_us, delay_us);
	if (bin->number != number) {
		bin->number = number;
		bin->count = bin->beyond = 0;
	}
	if (bin->count == LATENCY_SAMPLES_MAX)
		bin->beyond++;
	else
		bin->samples[bin->count++] = (struct latency_sample){ sent_us, delay_us, fate == LATENCY_LATE };
}

/* --- unavailable time --- */

static struct latency_episode *newest_episode(struct latency *latency)
{
	return latency->episode_count ? &latency->episodes[latency->episode_count - 1] : NULL;
}

void latency_unavailable(struct latency *latency, int64_t from_us)
{
	struct latency_episode *newest = newest_episode(latency);

	if (newest && newest->to_us == INT64_MAX)
		return;
	if (latency->episode_count == LATENCY_EPISODES_MAX) {
		newest->to_us = INT64_MAX;   /* flapping without end: one long episode */
		return;
	}
	latency->episodes[latency->episode_count++] = (struct latency_episode){ from_us, INT64_MAX };
}

void latency_available(struct latency *latency, int64_t from_us)
{
	struct latency_episode *newest = newest_episode(latency);

	if (newest && newest->to_us == INT64_MAX)
		newest->to_us = from_us > newest->from_us ? from_us : newest->from_us;
}

static bool is_unavailable(const struct latency *latency, int64_t at_us)
{
	for (size_t i = 0; i < latency->episode_count; i++)
		if (at_us >= latency->episodes[i].from_us && at_us < latency->episodes[i].to_us)
			return true;
	return false;
}

static int64_t measure_unavailable(const struct latency *latency, int64_t from_us, int64_t to_us)
{
	int64_t sum_us = 0;

	for (size_t i = 0; i < latency->episode_count; i++) {
		const struct latency_episode *episode = &latency->episodes[i];
		int64_t begin_us = episode->from_us > from_us ? episode->from_us : from_us;
		int64_t end_us = episode->to_us < to_us ? episode->to_us : to_us;

		sum_us += end_us > begin_us ? end_us - begin_us : 0;
	}
	return sum_us;
}

static void drop_episodes_before(struct latency *latency, int64_t before_us)
{
	size_t kept = 0;

	for (size_t i = 0; i < latency->episode_count; i++)
		if (latency->episodes[i].to_us > before_us)
			latency->episodes[kept++] = latency->episodes[i];
	latency->episode_count = kept;
}

/* --- one bin's figures --- */

static int compare_sent(const void *a, const void *b)
{
	const struct latency_sample *left = a, *right = b;

	return (left->sent_us > right->sent_us) - (left->sent_us < right->sent_us);
}

static int compare_delays(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static size_t drop_unavailable(const struct latency *latency, struct latency_bin *bin)
{
	size_t kept = 0;

	for (size_t i = 0; i < bin->count; i++)
		if (!is_unavailable(latency, bin->samples[i].sent_us))
			bin->samples[kept++] = bin->samples[i];
	return kept;
}

/* RFC 3393: of two that were sent one after the other and were both answered. */
static int64_t compute_ipdv(const struct latency_bin *bin)
{
	int64_t sum_us = 0, pairs = 0;

	for (size_t i = 1; i < bin->count; i++) {
		int64_t earlier_us = bin->samples[i - 1].delay_us, later_us = bin->samples[i].delay_us;

		if (earlier_us == JSON_ABSENT || later_us == JSON_ABSENT)
			continue;
		sum_us += llabs(later_us - earlier_us);
		pairs++;
	}
	return pairs ? sum_us / pairs : JSON_ABSENT;
}

static int64_t rank(const int64_t *sorted, size_t count, size_t percent)
{
	return sorted[(percent * count + 99) / 100 - 1];
}

static void compute_delays(const struct latency_bin *bin, struct latency_figures *figures)
{
	int64_t delays[LATENCY_SAMPLES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < bin->count; i++) {
		if (bin->samples[i].delay_us == JSON_ABSENT)
			figures->lost++;
		else
			delays[count++] = bin->samples[i].delay_us;
		figures->late += bin->samples[i].late;
	}
	if (!count)
		return;
	qsort(delays, count, sizeof delays[0], compare_delays);
	figures->min_us = delays[0];
	figures->p50_us = rank(delays, count, 50);
	figures->p95_us = rank(delays, count, 95);
	figures->p99_us = rank(delays, count, 99);
	figures->pdv_us = figures->p95_us - figures->min_us;
}

static int64_t find_base(const struct latency *latency, int64_t at_us)
{
	int64_t hour = at_us / HOUR_US, base_us = JSON_ABSENT;

	for (int i = 0; i < LATENCY_HOURS; i++)
		if (latency->hours[i].hour > hour - LATENCY_HOURS && latency->hours[i].hour >= 0 &&
		    (base_us == JSON_ABSENT || latency->hours[i].min_us < base_us))
			base_us = latency->hours[i].min_us;
	return base_us;
}

static struct latency_figures compute(const struct latency *latency, struct latency_bin *bin, int64_t now_us)
{
	int64_t from_us = bin->number * latency->bin_us, to_us = from_us + latency->bin_us;
	struct latency_figures figures = {
		.from_us = from_us > latency->opened_us ? from_us : latency->opened_us,
		.to_us = to_us < now_us ? to_us : now_us,
		.loss_ppm = JSON_ABSENT, .min_us = JSON_ABSENT, .p50_us = JSON_ABSENT, .p95_us = JSON_ABSENT,
		.p99_us = JSON_ABSENT, .pdv_us = JSON_ABSENT,
		.base_us = find_base(latency, from_us),
	};

	bin->count = drop_unavailable(latency, bin);
	qsort(bin->samples, bin->count, sizeof bin->samples[0], compare_sent);
	compute_delays(bin, &figures);
	figures.ipdv_us = compute_ipdv(bin);
	figures.sent = (int64_t)(bin->count + bin->beyond);
	if (figures.sent >= LATENCY_LOSS_FROM && bin->count)
		figures.loss_ppm = figures.lost * 1000000 / (int64_t)bin->count;
	figures.unavailable_us = measure_unavailable(latency, figures.from_us, figures.to_us);
	return figures;
}

static struct latency_bin *find_final(struct latency *latency, int64_t now_us, bool flush)
{
	struct latency_bin *oldest = NULL;

	for (int i = 0; i < 2; i++)
		if (latency->bins[i].number >= 0 && (!oldest || latency->bins[i].number < oldest->number))
			oldest = &latency->bins[i];
	if (!oldest || (!flush && now_us < (oldest->number + 1) * latency->bin_us + latency->settle_us))
		return NULL;
	return oldest;
}

bool latency_take(struct latency *latency, int64_t now_us, bool flush, struct latency_figures *ret_figures)
{
	struct latency_bin *bin = find_final(latency, now_us, flush);

	if (!bin)
		return false;
	*ret_figures = compute(latency, bin, now_us);
	bin->number = -1;
	drop_episodes_before(latency, ret_figures->to_us);
	return true;
}

#define FIGURE(name_) { .name = #name_, .type = JSON_FIELD_INTEGER, .offset = offsetof(struct latency_figures, name_) }

json_t *latency_figures_to_json(const struct latency_figures *figures)
{
	static const struct json_field fields[] = {
		FIGURE(sent),   FIGURE(lost),   FIGURE(late),   FIGURE(loss_ppm), FIGURE(min_us),  FIGURE(p50_us),
		FIGURE(p95_us), FIGURE(p99_us), FIGURE(pdv_us), FIGURE(ipdv_us),  FIGURE(base_us), FIGURE(unavailable_us),
	};

	return json_fields_write(fields, sizeof fields / sizeof fields[0], figures);
}
