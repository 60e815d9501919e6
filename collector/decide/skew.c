#include "collector/decide/skew.h"

#include <string.h>

#define YEAR_2020_MS INT64_C(1577836800000)
#define DAY_MS       INT64_C(86400000)

bool skew_is_trusted(const struct arrival *arrival, int64_t at_ms)
{
	return at_ms >= YEAR_2020_MS && at_ms <= arrival->received_ms + DAY_MS;
}

bool skew_rebase(const struct arrival *arrival, const char *boot, int64_t boottime_us, int64_t *ret_at_ms)
{
	int64_t at_ms;

	if (!boot[0] || strcmp(arrival->boot, boot) != 0 || boottime_us < 0 || arrival->sent_boottime_us < boottime_us)
		return false;
	at_ms = arrival->received_ms - (arrival->sent_boottime_us - boottime_us) / 1000;
	if (!skew_is_trusted(arrival, at_ms))
		return false;
	*ret_at_ms = at_ms;
	return true;
}
