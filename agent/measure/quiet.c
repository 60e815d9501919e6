#include "agent/measure/quiet.h"

#define LOOK_MS     INT64_C(10000)
#define WAIT_MS     INT64_C(60000)
#define BUSY_RX_BPS INT64_C(64000)
#define BUSY_TX_BPS INT64_C(32000)
#define PLAN_PART   50   /* 2 % */

static int64_t lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t greater(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t quiet_look_ms(int64_t interval_ms)
{
	return lesser(LOOK_MS, interval_ms / 10);
}

int64_t quiet_wait_ms(int64_t interval_ms)
{
	return lesser(WAIT_MS, interval_ms / 15);
}

bool quiet_is_busy(const struct traffic_cross *seen, int64_t threshold_bps, int64_t look_ms)
{
	int64_t rx_bps = seen->rx_bps * look_ms / LOOK_MS, tx_bps = seen->tx_bps * look_ms / LOOK_MS;

	return rx_bps > greater(BUSY_RX_BPS, threshold_bps / PLAN_PART) ||
	       tx_bps > greater(BUSY_TX_BPS, threshold_bps / PLAN_PART);
}
