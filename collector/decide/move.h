/* move.h - what the derived history of a line consists of: beginnings and ends of its defects, in event time.
 * The same facts give the same moves, in whatever order they arrived; when the collector learnt of one is kept elsewhere.
 * Threads: plain data. */
#ifndef PLUMBLINE_MOVE_H
#define PLUMBLINE_MOVE_H

#include <stdint.h>

/* Stored as numbers: new ones go last. */
enum defect { DEFECT_SLOW_LOCAL, DEFECT_SLOW_HUB, DEFECT_UNRELIABLE, DEFECT_NO_CONTACT, DEFECT_ALTERED, DEFECT_COUNT };
extern const char *const defect_names[];   /* "slow-local", "slow-hub", "unreliable", "no-contact", "altered", NULL */

/* Stored as numbers: new ones go last. */
enum defect_move { MOVE_NONE, MOVE_OPEN, MOVE_REOPEN, MOVE_PROVE, MOVE_RETURN };

struct move {
	int64_t at_ms;         /* event time of the fact that completed the rule */
	int64_t from_ms;       /* event time of the first fact that it rests on; of an opening the first bad one */
	enum defect defect;
	enum defect_move what; /* never MOVE_NONE */
	int window;            /* how many samples it rests on; 0 where it rests on no window */
};

/* What a person said of a defect's ticket; a fact like any other, at the time it was said. */
enum mark_kind { MARK_FIXED, MARK_CLOSED };
struct mark {
	int64_t at_ms;
	enum defect defect;
	enum mark_kind kind;
};

#endif
