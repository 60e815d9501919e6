/* skew.h - when did an event happen that an agent dated with a clock that may be wrong?
 * Units:   _ms UTC milliseconds; _us of boottime, which counts from the agent's start and cannot be set.
 * Source:  methodology 9.3: J4. Threads: pure. */
#ifndef PLUMBLINE_SKEW_H
#define PLUMBLINE_SKEW_H

#include <stdbool.h>
#include <stdint.h>

/* The report that brought it. */
struct arrival {
	int64_t received_ms;
	int64_t sent_boottime_us;   /* JSON_ABSENT when it does not say */
	const char *boot;           /* the agent's boot when it was sent, or "" */
};

/* J4: no clock is trusted that says a time before 2020 or more than a day after the report arrived. */
bool skew_is_trusted(const struct arrival *arrival, int64_t at_ms);

/* What the report's arrival says about an event of a boot; false when it says nothing: another boot, or none named. */
bool skew_rebase(const struct arrival *arrival, const char *boot, int64_t boottime_us, int64_t *ret_at_ms);

#endif
