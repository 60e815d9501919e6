/* defect.h - does a stream of measurements amount to a defect, and does a later one prove the repair?
 *
 * The happy path: the valid scheduled samples of one leg, oldest first, are stepped through one at a time. A window with
 * enough bad ones opens the defect (D3); one with few enough that are not good, all taken after the last claim, proves it
 * gone (D6). After a reported repair a new suspicion returns the ticket to the fixer; after the proof a new defect
 * re-opens it (D7). A sample that lies before what the state already knows moves nothing, so stepping through the same
 * samples again changes nothing.
 *
 * The stream: samples[count - 1] is the newest; as many before it as the widest window needs (defect_window_max).
 * Times:   event time, when the measurement was made; JSON_ABSENT where there is none.
 * Source:  methodology 11.3: D1 (stream), D2 (suspect), D3 (open), D4 (which leg), D6 (prove), D7 (re-open); 5.1 K2, K3.
 * Threads: pure: knows no socket, no SQL, no clock. */
#ifndef PLUMBLINE_DEFECT_H
#define PLUMBLINE_DEFECT_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/decide/move.h"
#include "collector/decide/rule.h"
#include "collector/decide/sample.h"

struct zone;

/* What a stream is judged by. */
struct defect_terms {
	const struct decision_rule *rule;
	int64_t interval_ms;       /* what D3's times scale with */
	int64_t (*offset_s)(const struct zone *zone, int64_t utc_ms);   /* of people's clocks from UTC; NULL: none */
	const struct zone *zone;
};

/* How many of the newest samples any of these rules may look at. */
int defect_window_max(const struct decision_rule *rule);

/* D2: at least 3 of the last 4 valid are bad. */
bool defect_is_suspect(const struct decision_rule *rule, const struct sample *samples, int count);

/* K2: are few enough of the bad ones among the last `of` contended to decide by them? */
bool defect_is_decidable(const struct decision_rule *rule, const struct sample *samples, int count, int of);

/* K3: 8 of the last 12, or 10 of the last 16 when nobody knows the client's own traffic during more than half of these 12. */
struct open_rule {
	int64_t bad, of;
};
struct open_rule defect_open_rule(const struct decision_rule *rule, const struct sample *samples, int count);

/* D3: 8 of the last 12 valid are bad (K3: 10 of 16), the newest is, the bad ones span 90 min, all lie within 6 h (both times
 * scaled with interval_ms); K2: at most half of the bad ones are contended. A young line with fewer than 12 is judged by what
 * there is: 8 bad ones suffice. */
bool defect_is_there(const struct decision_rule *rule, int64_t interval_ms, const struct sample *samples, int count);

/* When a defect's bad samples were made, by quarters of an hour of the UTC day: all that D6 asks about them, without
 * keeping them. All zero at first. */
#define DEFECT_SLOTS 96
struct defect_hours {
	int64_t first_ms, last_ms;
	int32_t bad, bad_of_slot[DEFECT_SLOTS];
};

/* Counts one; a time that is not after the last changes nothing. */
void defect_hours_add(struct defect_hours *hours, int64_t bad_ms);

/* Those of the bad samples at or after from_ms. */
struct defect_hours defect_hours_of(const struct sample *samples, int count, int64_t from_ms);

/* D6: has the defect a time of day? At least 70 % of its bad ones fell into one band of 6 h.
 * They must also span more than 24 h: the window that opens a defect is itself no longer than such a band, so without
 * this every short defect would pass for one with a time of day and wait four times as long for its proof. */
bool defect_is_daily(const struct decision_rule *rule, const struct defect_hours *hours);

enum defect_phase { PHASE_NONE, PHASE_OPEN, PHASE_FIXED, PHASE_PROVEN, PHASE_CLOSED };

/* The ticket of one line and defect, as far as the rules know it. All times JSON_ABSENT in PHASE_NONE. */
struct defect_state {
	enum defect_phase phase;   /* PHASE_OPEN also while accepted or returned: no repair is claimed */
	int64_t from_ms;           /* the first bad sample of the window that opened it; a re-opening keeps it */
	int64_t opened_ms;         /* opened, or re-opened, the last time */
	int64_t fixed_ms;          /* the last claim of a repair */
	int64_t proven_ms;         /* JSON_ABSENT in PHASE_CLOSED: closed without proof */
	int64_t closed_ms;
	struct defect_hours hours; /* of the bad ones since from_ms; nothing in PHASE_NONE */
};
extern const struct defect_state defect_state_none;

/* What the newest sample moves; *state follows. held: D4 holds the defect back (defect_is_local's). Unless it is MOVE_NONE,
 * *ret_window says how many of the newest samples it rests on.
 * D7: MOVE_REOPEN from PHASE_CLOSED up to 72 h after closing; from PHASE_PROVEN always, since nobody has closed it yet.
 * A ticket closed without proof re-opens with the next bad sample that completes D3. */
enum defect_move defect_step(const struct defect_terms *terms, struct defect_state *state, bool held,
			     const struct sample *samples, int count, int *ret_window);

/* Opens or re-opens (D7) a defect whose rule was fulfilled at now_ms, from its first bad sample on. */
enum defect_move defect_open(const struct decision_rule *rule, struct defect_state *state, int64_t from_ms, int64_t now_ms);

/* What a person said of the ticket: a claim of a repair, or that it is closed. One that is not newer than what the state
 * knows, or does not apply to its phase, changes nothing. */
void defect_mark(struct defect_state *state, enum mark_kind kind, int64_t at_ms);

/* D4: is the hub's figure at at_ms explained by the local leg, so that no slow-hub may open? It is while the local defect
 * lasted (also when it was proven since), and while the local leg is suspect: it may become a defect minutes later.
 * local_*: the local leg's samples up to at_ms; a suspicion older than the time within which D3 looks explains nothing. */
bool defect_is_local(const struct decision_rule *rule, int64_t interval_ms, const struct defect_state *local_state,
		     const struct sample *local_samples, int local_count, int64_t at_ms);

#endif
