#include "agent/uplink/backoff.h"

static int64_t lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t backoff_fail(struct backoff *backoff, int64_t retry_after_ms, const struct random_source *random)
{
	int64_t jitter_ms;

	backoff->ceiling_ms = backoff->ceiling_ms ? lesser(2 * backoff->ceiling_ms, backoff->longest_ms) : backoff->first_ms;
	jitter_ms = (int64_t)random_below(random, (uint64_t)backoff->ceiling_ms + 1);
	return lesser(retry_after_ms, BACKOFF_RETRY_AFTER_MS) + jitter_ms;
}

void backoff_succeed(struct backoff *backoff)
{
	backoff->ceiling_ms = 0;
}
