/* verdict.h - is a line as fast and as reliable as promised, as far as anybody can know?
 * Source:  methodology 11.7: V1 (leg), V3 (line). Outages are not judged here: the caller says what is known of V2.
 * A leg that the plan does not promise does not count: it makes no line bad and keeps none from being good; for
 * itself it is unmeasured.
 * Threads: pure. */
#ifndef PLUMBLINE_VERDICT_H
#define PLUMBLINE_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/measurement.h"
#include "collector/decide/rule.h"
#include "collector/decide/sample.h"

enum value { VALUE_GOOD, VALUE_BAD, VALUE_UNMEASURED };
extern const char *const value_names[];   /* "good", "bad", "unmeasured", NULL */

/* Why a line is not good. */
enum verdict_reason {
	VERDICT_NONE,                 /* it is */
	VERDICT_SLOW_LOCAL,           /* bad: */
	VERDICT_SLOW_HUB,
	VERDICT_UNRELIABLE,
	VERDICT_NO_AGENT,             /* unmeasured: */
	VERDICT_NO_PLAN,
	VERDICT_TOO_FEW,              /* fewer valid probes than V1 asks for */
	VERDICT_SILENT,               /* its agent is (Q1), or the newest valid probe is older than 2 cells */
	VERDICT_UNDECIDED,            /* too many are not good to be good, too few are bad for a defect */
	VERDICT_LITTLE_WATCHED,       /* for too little of the time to call it reliable (V2) */
	VERDICT_IN_USE,               /* the client fills the line whenever it is probed (K1, K2) */
	VERDICT_MAINTENANCE,          /* announced work */
	VERDICT_SERVER,               /* ours: the server, or the way to it (H5) */
};
extern const char *const verdict_reason_names[];   /* "none", "slow-local", …, NULL */

struct leg_facts {
	bool promised;
	const struct decision_rule *rule;
	int64_t interval_ms;          /* of its stream: the cells that V1 counts */
	bool defective;               /* a defect of this leg is not proven */
	enum verdict_reason hindrance;   /* VERDICT_IN_USE, _MAINTENANCE, _SERVER: what lately kept it from being judged;
					  * VERDICT_NONE */
	const struct sample *samples; /* the newest valid scheduled ones, oldest first, as many as D6 looks at */
	int count;
};

struct line_facts {
	bool has_agent, has_plan;     /* without a plan, promised means nothing */
	bool is_silent;               /* the agent, at the last round (Q1) */
	struct leg_facts legs[LEG_COUNT];
	enum value reliable;          /* V2 */
};

struct verdict {
	enum value good, fast[LEG_COUNT], reliable;
	enum verdict_reason reason;   /* of good */
};

struct verdict verdict_line(const struct line_facts *facts, int64_t now_ms);

/* Coverage: the share of schedule cells in which a valid probe was made, out of those since begin_ms. */
struct coverage {
	int64_t interval_ms, begin_ms;
	int64_t newest_ms;            /* of the samples; JSON_ABSENT without any */
	int64_t cells;                /* with a sample */
};

/* Whole percent, rounded down: 100 only when no cell is missing. The cell that is still running counts once it has its
 * probe. 0 without samples. */
int coverage_percent(const struct coverage *coverage, int64_t now_ms);

#endif
