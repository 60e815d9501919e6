/* guard.h - when many lines are slow at once, is it the lines, or our server, the way to it, the core, the far side?
 *
 * The happy path: event time is cut into cells, the shortest interval of any service plan; each agent makes one scheduled
 * probe a leg in a cell (P1), so a cell stands for H5's sliding 15 min. Of each cell the lines are counted, by top-level
 * branch of the topology. Where more of them are bad than chance explains, under more than one branch, the other leg and
 * the canaries tell whose fault it is; what was measured in such a cell accuses no line.
 *
 * Threads: pure.
 * Source:  methodology 7: H4 (canaries), H5 (mass guard, its five rows); 5.2 (content); 12.4 R5. */
#ifndef PLUMBLINE_GUARD_H
#define PLUMBLINE_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/measurement.h"

/* As configured; defaults behind each. */
struct guard_rule {
	int64_t bad_min;             /* 5 lines */
	int64_t bad_percent;         /* 20 % of those with a valid probe */
	int64_t branches;            /* the bad ones lie under at least 2 */
	int64_t false_per_million;   /* chance alone exceeds the third bound in 1 cell of a million */
	int64_t base_percent;        /* 2 %: share of bad probes until there is a base of ... */
	int64_t base_ms;             /* ... 28 days */
	int64_t canary_percent;      /* a canary below 80 % of its median ... */
	int64_t canary_ms;           /* ... over 7 days is bad */
};

#define GUARD_BASE_DAYS 28   /* what base_ms is cut into; its sums are those of whole days before the cell's */

/* Lines with a scheduled probe in a cell; also probes, where sums of days are meant. */
struct guard_count {
	int64_t valid, bad, good;    /* good + marginal + bad = valid */
	int64_t busy;                /* the server said so (H2, H3) */
	int64_t altered, intact;     /* the content (5.2) */
};

/* What a measurement adds; all 0 when it is none that counts (D2: scheduled ones do). */
struct guard_count guard_count_of(const struct measurement *measurement);

bool guard_count_is_empty(const struct guard_count *count);
void guard_count_add(struct guard_count *sum, const struct guard_count *more);

/* The least k with P(X > k) <= tail for X ~ Bin(n, p): exact but for rounding. */
int64_t guard_quantile(int64_t n, double p, double tail);

/* Of one leg in one cell. base: sums over the base's days; has_base: it goes back far enough. */
struct guard_cell {
	const struct guard_count *branches;
	int branch_count;
	struct guard_count base;
	bool has_base;
};

enum guard_spread { SPREAD_UNKNOWN, SPREAD_FEW, SPREAD_MANY, SPREAD_COUNT };   /* unknown: nothing valid */
enum guard_spread guard_spread_of(const struct guard_rule *rule, const struct guard_cell *cell);

/* Of those that the server answered at all, did it turn so many away? */
bool guard_is_busy(const struct guard_rule *rule, const struct guard_cell *cell);

/* 5.2: does altered content in this cell accuse the server or a middlebox, not the line? Several lines got other content,
 * or nobody got it intact. */
bool guard_is_content(const struct guard_cell *cell);

/* H4. history: the canary's throughput over canary_ms before the cell, sorted in place; value is the one of the cell.
 * Fewer than 4 earlier ones tell nothing. */
enum guard_canary { CANARY_UNKNOWN, CANARY_FINE, CANARY_BAD, CANARY_COUNT };
enum guard_canary guard_canary_of(const struct guard_rule *rule, int64_t value_bps, int64_t *history, int count);

/* Stored as numbers: new ones go last. */
enum guard_result {
	GUARD_CALM,
	GUARD_SERVER,        /* the local reference server */
	GUARD_SERVER_PATH,   /* between the core and it */
	GUARD_NETWORK,       /* section 12 is to say: the root is the core, else segments */
	GUARD_HUB_SERVER,
	GUARD_UPSTREAM,      /* beyond the access network */
	GUARD_CORE,          /* GUARD_NETWORK whose root was blamed */
};
extern const char *const guard_result_names[];   /* "calm", "server", "server-path", …, NULL */

/* A leg in a cell; a busy server counts as a bad canary. */
struct guard_leg {
	enum guard_spread spread;
	enum guard_canary canary;
};
enum guard_result guard_decide(const struct guard_leg legs[LEG_COUNT]);

/* Is what this leg showed in such a cell no evidence against lines? is_many: the leg's own spread was. */
bool guard_exempts(enum guard_result result, enum leg leg, bool is_many);

#endif
