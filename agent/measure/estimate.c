#include "agent/measure/estimate.h"

#include "agent/base/json.h"
#include "agent/base/measurement.h"

#define SHORTEST_BODY_US 200000   /* T8 */

/* Rounded down: a lower bound must not be lifted. */
static int64_t rate_bps(int64_t bytes, int64_t duration_us)
{
	__int128 bps;

	if (duration_us <= 0)
		return bytes ? MEASUREMENT_RATE_MAX_BPS : 0;
	bps = (__int128)bytes * 8 * 1000000 / duration_us;
	return bps > MEASUREMENT_RATE_MAX_BPS ? MEASUREMENT_RATE_MAX_BPS : (int64_t)bps;
}

struct estimate estimate_rates(const struct estimate_facts *facts)
{
	int64_t body_us = facts->t6_us - facts->t5_us;
	int64_t timed_bytes = facts->stalled ? facts->bytes : facts->bytes - facts->first_read_bytes;   /* T10 counts all */
	bool timed = body_us > 0 && timed_bytes > 0;

	return (struct estimate){
		.rate_body_bps = timed ? rate_bps(timed_bytes, body_us) : JSON_ABSENT,
		.rate_user_bps = rate_bps(facts->bytes, facts->t6_us - facts->t0_us),
		.short_transfer = !timed || body_us < SHORTEST_BODY_US,
	};
}
