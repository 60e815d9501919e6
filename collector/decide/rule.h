/* rule.h - the constants of the decisions on defects and verdicts, as configured. Defaults, here behind each constant, are
 * those of methodology 11.3 and 11.7. open_span_ms and open_within_ms are for an interval of 15 min and scale with
 * interval / 15 min (D3); the others are times of people and days, and do not.
 * Threads: plain data. */
#ifndef PLUMBLINE_RULE_H
#define PLUMBLINE_RULE_H

#include <stdint.h>

#define RULE_INTERVAL_MS INT64_C(900000)   /* the interval that the times of D3 are stated for */

struct decision_rule {
	int64_t open_bad, open_of;           /* D3: 8 of the last 12 valid */
	int64_t blind_bad, blind_of;         /* K3: 10 of 16 where nobody knows the client's own traffic */
	int64_t open_span_ms;                /* D3: the bad ones span at least 90 min */
	int64_t open_within_ms;              /* D3: all lie within 6 h */
	int64_t contended_percent;           /* K2: at most 50 % of these bad ones were contended */
	int64_t close_not_good, close_of;    /* D6: at most 2 not good of the last 24 */
	int64_t band_not_good, band_of;      /* D6, a defect with a time of day: at most 8 not good of the last 96 */
	int64_t band_ms;                     /* D6: such a defect has, in a band of 6 h of the day, ... */
	int64_t band_share_percent;          /* ... at least 70 % of its bad ones, ... */
	int64_t band_span_ms;                /* ... which span more than 24 h */
	int64_t evening_from_ms, evening_to_ms;   /* D6, capacity: one of them between 19 and 23 h; any time when equal */
	int64_t reopen_within_ms;            /* D7: 72 h */
	int64_t chronic_reopens;             /* D7: 3 re-opens ... */
	int64_t chronic_within_ms;           /* ... in 14 days make a ticket chronic */
	int64_t suspect_bad, suspect_of;     /* D2: 3 of the last 4 */
	int64_t altered_of, intact_of;       /* D9: altered 2 times in a row; proven by 8 intact in a row */
	int64_t verdict_valid;               /* V1: a leg is unmeasured with fewer than 4 valid ones */
	int64_t verdict_cells;               /* V1: ... or when the newest is older than 2 cells */
};

/* A time of D3 at this interval. */
static inline int64_t rule_scaled_ms(int64_t time_ms, int64_t interval_ms)
{
	return time_ms * interval_ms / RULE_INTERVAL_MS;
}

#endif
