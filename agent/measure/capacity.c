#include "agent/measure/capacity.h"

#include <stddef.h>

#include "agent/base/json.h"

#define REFERENCE_LIMIT_BPS INT64_C(4000000)   /* S1, S2 */
#define CPU_BUSY_PERCENT    85                 /* S8 */
#define SECOND_US           INT64_C(1000000)

/* S5: promises up to bps are measured with this many. */
static const struct {
	int64_t bps;
	int connections;
} steps[] = {
	{ INT64_C(300000000), 1 },
	{ INT64_C(1000000000), 4 },
	{ INT64_MAX, CAPACITY_CONNECTIONS_MAX },
};

bool capacity_is_for(int64_t threshold_bps)
{
	return threshold_bps > REFERENCE_LIMIT_BPS;
}

int capacity_connections(int64_t threshold_bps)
{
	size_t i = 0;

	while (threshold_bps > steps[i].bps)
		i++;
	return steps[i].connections;
}

/* Bytes at percent of the threshold for so long. */
static int64_t bytes_for(int64_t threshold_bps, int percent, int64_t duration_us)
{
	return (int64_t)((__int128)threshold_bps * percent * duration_us / 100 / 8 / SECOND_US);
}

int capacity_choose_file(const int64_t *sizes_bytes, int count, int64_t threshold_bps, int64_t rtt_us)
{
	int64_t ramp_us = steady_ramp_us(rtt_us);
	int64_t enough = bytes_for(threshold_bps, 125, ramp_us + 2 * SECOND_US);
	int64_t least = bytes_for(threshold_bps, 100, ramp_us + SECOND_US);
	int chosen = -1, largest = -1;

	for (int i = 0; i < count; i++) {
		if (sizes_bytes[i] >= enough && (chosen < 0 || sizes_bytes[i] < sizes_bytes[chosen]))
			chosen = i;
		if (largest < 0 || sizes_bytes[i] > sizes_bytes[largest])
			largest = i;
	}
	if (chosen >= 0)
		return chosen;
	return largest >= 0 && sizes_bytes[largest] >= least ? largest : -1;
}

enum capacity_step capacity_step(const struct capacity_progress *progress)
{
	if (progress->steady->last1s_bps * 10 >= progress->threshold_bps * 11)
		return CAPACITY_STOP_GOOD;
	if (progress->elapsed_us >= CAPACITY_LONGEST_US)
		return CAPACITY_STOP_CAP;
	return progress->bytes >= progress->bytes_allowed ? CAPACITY_STOP_BUDGET : CAPACITY_GO_ON;
}

bool capacity_can_carry(const struct capacity_host *host, int64_t threshold_bps)
{
	return host->link_bps == JSON_ABSENT || host->link_bps * 5 >= threshold_bps * 6;
}

bool capacity_is_held_by(const struct capacity_host *host)
{
	return host->is_wireless || host->cpu_percent > CPU_BUSY_PERCENT;
}
