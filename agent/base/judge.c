#include "agent/base/judge.h"

#include "agent/base/json.h"

#define REFERENCE_BYTES     INT64_C(1048576)   /* U4 */
#define REFERENCE_LIMIT_BPS INT64_C(4000000)   /* S1: two seconds of data at this rate */

bool judge_file_shows(int64_t file_bytes, int64_t threshold_bps)
{
	int64_t needed_bytes = (threshold_bps * REFERENCE_BYTES + REFERENCE_LIMIT_BPS - 1) / REFERENCE_LIMIT_BPS;

	return file_bytes >= needed_bytes;
}

/* What makes every figure of a probe worthless comes first (5.3). */
static enum reason find_invalid(const struct judge_facts *facts)
{
	if (facts->cached)
		return REASON_CACHE;
	if (facts->nonce_wrong)
		return REASON_NONCE;
	if (facts->encoded)
		return REASON_ENCODED;
	if (facts->server_busy)
		return REASON_SERVER_BUSY;
	if (facts->in_maintenance)
		return REASON_MAINTENANCE;
	return facts->cannot_carry ? REASON_ENV : REASON_NONE;
}

/* A file too small for the threshold is named first: a larger one mends it, a second try does not. */
static enum reason find_lower_bound(const struct judge_facts *facts)
{
	if (facts->kind == KIND_CAPACITY)
		return facts->doubt;
	if (facts->threshold_bps && !judge_file_shows(facts->file_bytes, facts->threshold_bps))
		return REASON_FILE_TOO_SMALL;
	return facts->short_transfer ? REASON_SHORT_TRANSFER : REASON_NONE;
}

static bool is_past_dead_band(int64_t bps, int64_t threshold_bps)
{
	return bps * 20 >= threshold_bps * 21;   /* 1.05 times, without rounding: 5.3 */
}

/* Contention before lower bound before threshold (5.3). A stalled transfer can accuse (T10) but not acquit by its own
 * figure: its content was never seen whole. */
static struct judge_result judge_figure(const struct judge_facts *facts, int64_t figure, enum reason bound)
{
	int64_t threshold = facts->threshold_bps;
	int64_t cross = facts->cross_rx_bps == JSON_ABSENT ? 0 : facts->cross_rx_bps;
	bool contended = cross * 20 > threshold;   /* K2: up to 5 % the probe is judged alone */
	bool carried = figure + cross >= threshold;
	bool stalled = facts->failure == REASON_STALLED;

	if (is_past_dead_band(figure, threshold) && !stalled)
		return (struct judge_result){ JUDGED_GOOD, bound ? REASON_LOWER_BOUND : REASON_NONE, figure, bound };
	if (contended && carried)
		return (struct judge_result){ JUDGED_GOOD, REASON_LINE_CARRIED_IT, figure, bound };
	if (bound == REASON_ENV)
		return (struct judge_result){ JUDGED_INVALID, bound, JSON_ABSENT, false };
	if (bound)   /* not always backlogged, so the client's own traffic proves nothing against the line either */
		return (struct judge_result){ JUDGED_UNRESOLVED, bound, figure, true };
	if (figure >= threshold && stalled)
		return (struct judge_result){ JUDGED_UNRESOLVED, REASON_STALLED, figure, false };
	if (figure >= threshold)
		return (struct judge_result){ JUDGED_MARGINAL, REASON_NONE, figure, false };
	if (carried)   /* K2's first sentence holds for a little traffic too */
		return (struct judge_result){ JUDGED_GOOD, REASON_LINE_CARRIED_IT, figure, false };
	if (contended)
		return (struct judge_result){ JUDGED_BAD, REASON_CONTENDED, figure, false };
	return (struct judge_result){ JUDGED_BAD, stalled ? REASON_STALLED : REASON_NONE, figure, false };
}

/* T1 or T3; where the measured time is too short, what the whole transfer proves (T7, T8). */
static int64_t find_figure(const struct judge_facts *facts)
{
	if (facts->kind == KIND_REFERENCE)
		return facts->short_transfer ? facts->rate_user_bps : facts->rate_body_bps;
	return facts->doubt == REASON_TOO_SHORT ? facts->rate_user_bps : facts->rate_steady_bps;
}

struct judge_result judge(const struct judge_facts *facts)
{
	enum reason invalid = find_invalid(facts), bound = find_lower_bound(facts);
	int64_t figure = find_figure(facts);

	if (invalid)
		return (struct judge_result){ JUDGED_INVALID, invalid, JSON_ABSENT, false };
	if (facts->failure && facts->failure != REASON_STALLED)
		return (struct judge_result){ JUDGED_FAILED, facts->failure, JSON_ABSENT, false };
	if (!facts->threshold_bps)
		return (struct judge_result){ JUDGED_UNRESOLVED, REASON_NO_THRESHOLD, figure, bound };
	if (facts->early_good_bps)
		return (struct judge_result){ JUDGED_GOOD, REASON_NONE, facts->early_good_bps, true };
	return judge_figure(facts, figure, bound);
}
