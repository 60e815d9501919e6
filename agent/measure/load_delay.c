#include "agent/measure/load_delay.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"

#define GET_BYTES INT64_C(700)    /* what one brings, headers and all */
#define TLS_BYTES INT64_C(6000)   /* and the certificates of its handshake */

void delays_add(struct delays *delays, int64_t us)
{
	if (delays->count < LOAD_DELAY_ANSWERS_MAX)
		delays->us[delays->count++] = us;
}

static int compare(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

int64_t delays_rank(const struct delays *delays, int percent)
{
	int64_t sorted[LOAD_DELAY_ANSWERS_MAX];

	if (delays->count < LOAD_DELAY_LEAST)
		return JSON_ABSENT;
	memcpy(sorted, delays->us, sizeof sorted);
	qsort(sorted, (size_t)delays->count, sizeof sorted[0], compare);
	return sorted[(percent * delays->count + 99) / 100 - 1];
}

bool load_delay_affords_http(int64_t threshold_bps, bool is_tls)
{
	int64_t bytes = GET_BYTES + (is_tls ? TLS_BYTES : 0);

	return bytes * 8 * 1000 / LOAD_DELAY_GET_MS * 100 <= threshold_bps;
}

void load_delay_record(const struct load_delay *delay, struct measurement *record)
{
	int64_t idle_us = delays_rank(&delay->idle, 50), loaded_us = delays_rank(&delay->loaded, 50);

	record->idle_p50_us = idle_us;
	if (!delay->loaded.sent)
		return;
	record->loaded_way = (int)delay->way;
	record->loaded_sent = delay->loaded.sent;
	record->loaded_lost = delay->loaded.lost;
	record->loaded_p50_us = loaded_us;
	record->loaded_p95_us = delays_rank(&delay->loaded, 95);
	record->loaded_http_p50_us = delays_rank(&delay->http, 50);
	if (idle_us != JSON_ABSENT && loaded_us != JSON_ABSENT)
		record->loaded_increase_us = loaded_us > idle_us ? loaded_us - idle_us : 0;
}
