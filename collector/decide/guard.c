#include "collector/decide/guard.h"

#include <math.h>
#include <stddef.h>

#include "collector/decide/statistics.h"

#define CANARY_HISTORY 4   /* fewer make no median */
#define ALTERED_LINES  2   /* "several" */

const char *const guard_result_names[] = {
	[GUARD_CALM] = "calm",     [GUARD_SERVER] = "server",         [GUARD_SERVER_PATH] = "server-path",
	[GUARD_NETWORK] = "network", [GUARD_HUB_SERVER] = "hub-server", [GUARD_UPSTREAM] = "upstream",
	[GUARD_CORE] = "core",     NULL,
};

struct guard_count guard_count_of(const struct measurement *measurement)
{
	enum judgement judgement = (enum judgement)measurement->judgement;
	bool failed = judgement == JUDGED_FAILED;

	if (measurement->trigger != TRIGGER_SCHEDULE)
		return (struct guard_count){ 0 };
	return (struct guard_count){
		.valid = judgement <= JUDGED_BAD,
		.bad = judgement == JUDGED_BAD,
		.good = judgement == JUDGED_GOOD,
		.busy = judgement == JUDGED_INVALID && measurement->reason == REASON_SERVER_BUSY,
		.altered = failed && (measurement->reason == REASON_ALTERED || measurement->reason == REASON_TRUNCATED),
		.intact = !failed && measurement->sha256_ok == 1,
	};
}

bool guard_count_is_empty(const struct guard_count *count)
{
	return !(count->valid || count->bad || count->good || count->busy || count->altered || count->intact);
}

void guard_count_add(struct guard_count *sum, const struct guard_count *more)
{
	sum->valid += more->valid;
	sum->bad += more->bad;
	sum->good += more->good;
	sum->busy += more->busy;
	sum->altered += more->altered;
	sum->intact += more->intact;
}

/* ln P(X = k); 0 < p < 1. */
static double log_mass(int64_t n, int64_t k, double p)
{
	int sign;

	return lgamma_r((double)n + 1, &sign) - lgamma_r((double)k + 1, &sign) - lgamma_r((double)(n - k) + 1, &sign) +
	       (double)k * log(p) + (double)(n - k) * log1p(-p);
}

/* From above: the small masses are summed first, so none is lost beside a large one. */
int64_t guard_quantile(int64_t n, double p, double tail)
{
	double above = 0;

	if (p <= 0)
		return 0;
	if (p >= 1)
		return n;
	for (int64_t k = n; k > 0; k--) {
		above += exp(log_mass(n, k, p));
		if (above > tail)
			return k;
	}
	return 0;
}

static struct guard_count sum_of(const struct guard_cell *cell, int64_t *ret_bad_branches)
{
	struct guard_count sum = { 0 };

	*ret_bad_branches = 0;
	for (int i = 0; i < cell->branch_count; i++) {
		const struct guard_count *branch = &cell->branches[i];

		guard_count_add(&sum, branch);
		*ret_bad_branches += branch->bad > 0;
	}
	return sum;
}

static double base_rate(const struct guard_rule *rule, const struct guard_cell *cell)
{
	if (cell->has_base && cell->base.valid > 0)
		return (double)cell->base.bad / (double)cell->base.valid;
	return (double)rule->base_percent / 100;
}

enum guard_spread guard_spread_of(const struct guard_rule *rule, const struct guard_cell *cell)
{
	int64_t branches;
	struct guard_count sum = sum_of(cell, &branches);
	double tail = (double)rule->false_per_million * 1e-6;

	if (sum.valid == 0)
		return SPREAD_UNKNOWN;
	if (sum.bad < rule->bad_min || 100 * sum.bad < rule->bad_percent * sum.valid || branches < rule->branches)
		return SPREAD_FEW;
	return sum.bad >= guard_quantile(sum.valid, base_rate(rule, cell), tail) ? SPREAD_MANY : SPREAD_FEW;
}

bool guard_is_busy(const struct guard_rule *rule, const struct guard_cell *cell)
{
	int64_t branches;
	struct guard_count sum = sum_of(cell, &branches);

	return sum.busy >= rule->bad_min && 100 * sum.busy >= rule->bad_percent * (sum.valid + sum.busy);
}

bool guard_is_content(const struct guard_cell *cell)
{
	int64_t branches;
	struct guard_count sum = sum_of(cell, &branches);

	return sum.altered >= ALTERED_LINES || (sum.altered > 0 && sum.intact == 0);
}

enum guard_canary guard_canary_of(const struct guard_rule *rule, int64_t value_bps, int64_t *history, int count)
{
	if (count < CANARY_HISTORY)
		return CANARY_UNKNOWN;
	return (double)value_bps * 100 < (double)statistics_of(history, count).median * (double)rule->canary_percent ?
	       CANARY_BAD : CANARY_FINE;
}

/* Without a canary a server that alone looks slow is taken for the culprit: the good hub leg shows that the core is not.
 * When both legs are bad, no one server explains it. */
enum guard_result guard_decide(const struct guard_leg legs[LEG_COUNT])
{
	static const enum guard_result many_local[SPREAD_COUNT][CANARY_COUNT] = {
		/* hub leg:          no canary      canary fine        canary bad */
		[SPREAD_UNKNOWN] = { GUARD_SERVER,  GUARD_NETWORK,     GUARD_SERVER },
		[SPREAD_FEW]     = { GUARD_SERVER,  GUARD_SERVER_PATH, GUARD_SERVER },
		[SPREAD_MANY]    = { GUARD_NETWORK, GUARD_NETWORK,     GUARD_SERVER },
	};
	const struct guard_leg *local = &legs[LEG_LOCAL], *hub = &legs[LEG_HUB];

	if (local->spread == SPREAD_MANY)
		return many_local[hub->spread][local->canary];
	if (hub->spread == SPREAD_MANY)
		return hub->canary == CANARY_BAD ? GUARD_HUB_SERVER : GUARD_UPSTREAM;
	return GUARD_CALM;
}

bool guard_exempts(enum guard_result result, enum leg leg, bool is_many)
{
	switch (result) {
	case GUARD_SERVER:
	case GUARD_SERVER_PATH:
		return leg == LEG_LOCAL || is_many;
	case GUARD_CORE:
		return true;
	case GUARD_HUB_SERVER:
	case GUARD_UPSTREAM:
		return leg == LEG_HUB;
	case GUARD_CALM:
	case GUARD_NETWORK:
		break;
	}
	return false;
}
