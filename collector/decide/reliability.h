/* reliability.h - is a line interrupted more than its profile allows, and when is that over?
 *
 * The happy path: the outages that accuse a line are stepped through by their ends, what people said of its ticket in
 * between, and every midnight. An outage that breaks the profile over the trailing 30 days opens the defect; the first
 * midnight with a quiet 14 days behind it, all of them after the last claim, proves it gone; a further outage brings it back.
 * What lies before a proof counts no more: it was paid for with 14 quiet days.
 *
 * Days:    those of UTC; proof_step_ms is one.
 * Times:   _ms UTC milliseconds, event time.
 * Source:  methodology 11.6 (profiles), 11.7 V2; 11.3 D6 (return), D7 (re-open).
 * Threads: pure. */
#ifndef PLUMBLINE_RELIABILITY_H
#define PLUMBLINE_RELIABILITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/decide/defect.h"
#include "collector/decide/move.h"
#include "collector/decide/outages.h"

enum reliability_profile { PROFILE_NORM_2001, PROFILE_STANDARD };   /* as service plans name them */

struct reliability_rule {
	int64_t window_ms;                 /* 30 d */
	int64_t outages;                   /* so many of a minute or more: 4 */
	int64_t down_ms;                   /* or more down time than this: 216 min */
	int64_t briefs, briefs_within_ms;  /* or so many brief ones: 20 within 24 h */
	int64_t proof_ms;                  /* proven after 14 d ... */
	int64_t proof_outages;             /* ... with at most 1 outage ... */
	int64_t proof_down_ms;             /* ... and less down time than 20 min */
	int64_t proof_step_ms;             /* looked at each midnight */
	int64_t reopen_within_ms;          /* D7 */
};

/* norm-2001: any outage is one too many, and proof allows none. */
struct reliability_rule reliability_rule_of(enum reliability_profile profile, const struct reliability_rule *configured);

struct reliability_facts {
	const struct reliability_rule *rule;
	const struct outage_history *history;
	const struct mark *marks;          /* by at_ms; those of other defects are passed over */
	size_t mark_count;
	int64_t until_ms;                  /* as far as the line was watched: proof is asked for up to here */
};

/* All moves, oldest first, and the state they end in; the caller frees *ret_moves. from_ms of a move: where the window
 * begins that it rests on. Returns how many. */
size_t reliability_fold(const struct reliability_facts *facts, struct move **ret_moves, struct defect_state *ret_state);

/* Is the profile broken at at_ms, by what came after the last proof? */
bool reliability_is_broken(const struct reliability_facts *facts, const struct defect_state *state, int64_t at_ms);

#endif
