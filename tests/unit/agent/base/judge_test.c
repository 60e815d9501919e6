#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/base/json.h"
#include "agent/base/judge.h"

#define MIB     INT64_C(1048576)
#define UNKNOWN JSON_ABSENT
#define LOCAL   240000   /* U2: 30 kB/s */

/* A whole 1 MiB, seen at this rate against this threshold, with the client's own traffic beside it. */
#define WHOLE(rate, cross, threshold)                                                                                  \
	.file_bytes = MIB, .rate_body_bps = rate, .rate_user_bps = (rate) / 2, .cross_rx_bps = cross, .threshold_bps = threshold
/* The same, arrived in less than 0.2 s: rate is what the waiting user saw. */
#define SHORT(rate, cross, threshold)                                                                                  \
	.file_bytes = MIB, .rate_body_bps = (rate) * 100, .rate_user_bps = rate, .short_transfer = true,                 \
	.cross_rx_bps = cross, .threshold_bps = threshold
#define PLAN    100000000
/* A capacity probe with this steady rate; the waiting user saw half of it. */
#define STEADY(rate, why, cross)                                                                                       \
	.kind = KIND_CAPACITY, .file_bytes = 64 * MIB, .rate_steady_bps = rate, .rate_user_bps = (rate) / 2, .doubt = why, \
	.cross_rx_bps = cross, .threshold_bps = PLAN
#define STALLED(rate, cross, threshold) .failure = REASON_STALLED, WHOLE(rate, cross, threshold)

static const struct {
	const char *name;
	struct judge_facts facts;
	struct judge_result want;
} cases[] = {
	/* 5.3: threshold with its dead band */
	{ "below", { WHOLE(239999, 0, LOCAL) }, { JUDGED_BAD, REASON_NONE, 239999, false } },
	{ "at the threshold", { WHOLE(240000, 0, LOCAL) }, { JUDGED_MARGINAL, REASON_NONE, 240000, false } },
	{ "just inside the dead band", { WHOLE(251999, 0, LOCAL) }, { JUDGED_MARGINAL, REASON_NONE, 251999, false } },
	{ "past the dead band", { WHOLE(252000, 0, LOCAL) }, { JUDGED_GOOD, REASON_NONE, 252000, false } },
	{ "5 % of an odd threshold are not rounded away", { WHOLE(31, 0, 30) }, { JUDGED_MARGINAL, REASON_NONE, 31, false } },
	{ "own traffic unknown: alone", { WHOLE(239999, UNKNOWN, LOCAL) }, { JUDGED_BAD, REASON_NONE, 239999, false } },
	{ "no threshold: a figure, no judgement",
	  { WHOLE(500, 0, 0) }, { JUDGED_UNRESOLVED, REASON_NO_THRESHOLD, 500, false } },
	{ "no threshold, short transfer: the lower bound",
	  { SHORT(500, 0, 0) }, { JUDGED_UNRESOLVED, REASON_NO_THRESHOLD, 500, true } },

	/* 5.1 K2 */
	{ "own traffic fills the gap", { WHOLE(100000, 140000, LOCAL) }, { JUDGED_GOOD, REASON_LINE_CARRIED_IT, 100000, false } },
	{ "own traffic leaves a gap", { WHOLE(100000, 139999, LOCAL) }, { JUDGED_BAD, REASON_CONTENDED, 100000, false } },
	{ "up to 5 % of own traffic is no contention",
	  { WHOLE(100000, 12000, LOCAL) }, { JUDGED_BAD, REASON_NONE, 100000, false } },
	{ "above 5 % is", { WHOLE(100000, 12001, LOCAL) }, { JUDGED_BAD, REASON_CONTENDED, 100000, false } },
	{ "a little traffic can fill a little gap",
	  { WHOLE(235000, 5000, LOCAL) }, { JUDGED_GOOD, REASON_LINE_CARRIED_IT, 235000, false } },
	{ "a little traffic does not lift out of the dead band",
	  { WHOLE(245000, 10000, LOCAL) }, { JUDGED_MARGINAL, REASON_NONE, 245000, false } },
	{ "contended inside the dead band: the line carried more",
	  { WHOLE(245000, 13000, LOCAL) }, { JUDGED_GOOD, REASON_LINE_CARRIED_IT, 245000, false } },
	{ "contended and good alone", { WHOLE(252000, 90000, LOCAL) }, { JUDGED_GOOD, REASON_NONE, 252000, false } },

	/* T8 */
	{ "lower bound past the dead band", { SHORT(252000, 0, LOCAL) }, { JUDGED_GOOD, REASON_LOWER_BOUND, 252000, true } },
	{ "lower bound below it",
	  { SHORT(251999, 0, LOCAL) }, { JUDGED_UNRESOLVED, REASON_SHORT_TRANSFER, 251999, true } },
	{ "lower bound, contended and sufficient",
	  { SHORT(200000, 40000, LOCAL) }, { JUDGED_GOOD, REASON_LINE_CARRIED_IT, 200000, true } },
	{ "lower bound, contended and insufficient: was not always backlogged",
	  { SHORT(200000, 39999, LOCAL) }, { JUDGED_UNRESOLVED, REASON_SHORT_TRANSFER, 200000, true } },

	/* S1 */
	{ "1 MiB shows 4 Mbit/s", { WHOLE(3999999, 0, 4000000) }, { JUDGED_BAD, REASON_NONE, 3999999, false } },
	{ "1 MiB shows no more",
	  { WHOLE(3999999, 0, 4000001) }, { JUDGED_UNRESOLVED, REASON_FILE_TOO_SMALL, 3999999, true } },
	{ "1 MiB as a lower bound past the threshold",
	  { WHOLE(10500000, 0, 10000000) }, { JUDGED_GOOD, REASON_LOWER_BOUND, 10500000, true } },
	{ "64 MiB show 256 Mbit/s",
	  { .file_bytes = 64 * MIB, .rate_body_bps = 1000, .threshold_bps = 256000000 },
	  { JUDGED_BAD, REASON_NONE, 1000, false } },
	{ "too small and short: a larger file mends it",
	  { SHORT(1000, 0, 4000001) }, { JUDGED_UNRESOLVED, REASON_FILE_TOO_SMALL, 1000, true } },

	/* T10 */
	{ "stalled below", { STALLED(8000, 0, LOCAL) }, { JUDGED_BAD, REASON_STALLED, 8000, false } },
	{ "stalled, own traffic fills the gap",
	  { STALLED(8000, 300000, LOCAL) }, { JUDGED_GOOD, REASON_LINE_CARRIED_IT, 8000, false } },
	{ "stalled and contended", { STALLED(8000, 90000, LOCAL) }, { JUDGED_BAD, REASON_CONTENDED, 8000, false } },
	{ "stalled, yet fast until then: never seen whole",
	  { STALLED(252000, 0, LOCAL) }, { JUDGED_UNRESOLVED, REASON_STALLED, 252000, false } },
	{ "stalled, file too small", { STALLED(8000, 0, 4000001) }, { JUDGED_UNRESOLVED, REASON_FILE_TOO_SMALL, 8000, true } },
	{ "stalled as soon as it began",
	  { .failure = REASON_STALLED, SHORT(100, 0, LOCAL) }, { JUDGED_UNRESOLVED, REASON_SHORT_TRANSFER, 100, true } },
	{ "stalled without a threshold",
	  { STALLED(8000, 0, 0) }, { JUDGED_UNRESOLVED, REASON_NO_THRESHOLD, 8000, false } },

	/* S2, T3: capacity probes */
	{ "steady below", { STEADY(99999999, REASON_NONE, 0) }, { JUDGED_BAD, REASON_NONE, 99999999, false } },
	{ "steady at the threshold", { STEADY(PLAN, REASON_NONE, 0) }, { JUDGED_MARGINAL, REASON_NONE, PLAN, false } },
	{ "steady past the dead band", { STEADY(105000000, REASON_NONE, 0) }, { JUDGED_GOOD, REASON_NONE, 105000000, false } },
	{ "steady below, own traffic fills the gap",
	  { STEADY(60000000, REASON_NONE, 40000000) }, { JUDGED_GOOD, REASON_LINE_CARRIED_IT, 60000000, false } },
	{ "stopped early because it was good",
	  { .early_good_bps = 110000000, STEADY(104000000, REASON_NONE, 0) }, { JUDGED_GOOD, REASON_NONE, 110000000, true } },
	{ "stopped early at a server that was busy",
	  { .early_good_bps = 110000000, .server_busy = true, STEADY(110000000, REASON_NONE, 0) },
	  { JUDGED_INVALID, REASON_SERVER_BUSY, UNKNOWN, false } },
	{ "T7: too short, what the user saw proves nothing below",
	  { STEADY(200000000, REASON_TOO_SHORT, 0) }, { JUDGED_UNRESOLVED, REASON_TOO_SHORT, 100000000, true } },
	{ "T7: too short, what the user saw is past the dead band",
	  { STEADY(210000000, REASON_TOO_SHORT, 0) }, { JUDGED_GOOD, REASON_LOWER_BOUND, 105000000, true } },
	{ "still growing", { STEADY(90000000, REASON_SLOW_START, 0) }, { JUDGED_UNRESOLVED, REASON_SLOW_START, 90000000, true } },
	{ "bounded by the window",
	  { STEADY(90000000, REASON_WINDOW_LIMITED, 0) }, { JUDGED_UNRESOLVED, REASON_WINDOW_LIMITED, 90000000, true } },
	{ "S8: a busy machine accuses nobody", { STEADY(90000000, REASON_ENV, 0) }, { JUDGED_INVALID, REASON_ENV, UNKNOWN, false } },
	{ "S8: a busy machine that carried it all the same",
	  { STEADY(105000000, REASON_ENV, 0) }, { JUDGED_GOOD, REASON_LOWER_BOUND, 105000000, true } },
	{ "S8: a network card below the promise",
	  { .cannot_carry = true, .kind = KIND_CAPACITY, .threshold_bps = PLAN }, { JUDGED_INVALID, REASON_ENV, UNKNOWN, false } },

	/* 5.3: failed before the figures */
	{ "failed", { .failure = REASON_TRUNCATED, WHOLE(1000, 0, LOCAL) }, { JUDGED_FAILED, REASON_TRUNCATED, UNKNOWN, false } },
	{ "failed without a threshold", { .failure = REASON_DNS }, { JUDGED_FAILED, REASON_DNS, UNKNOWN, false } },

	/* 5.3: invalid before failed, in this order */
	{ "cache before all else",
	  { .cached = true, .nonce_wrong = true, .encoded = true, .server_busy = true, .in_maintenance = true,
	    .failure = REASON_TRUNCATED, WHOLE(1, 0, LOCAL) },
	  { JUDGED_INVALID, REASON_CACHE, UNKNOWN, false } },
	{ "then the nonce",
	  { .nonce_wrong = true, .encoded = true, .server_busy = true, .in_maintenance = true, .failure = REASON_ALTERED },
	  { JUDGED_INVALID, REASON_NONCE, UNKNOWN, false } },
	{ "then the encoding",
	  { .encoded = true, .server_busy = true, .in_maintenance = true, .failure = REASON_ALTERED },
	  { JUDGED_INVALID, REASON_ENCODED, UNKNOWN, false } },
	{ "then the busy server, whose status is no failure of the line",
	  { .server_busy = true, .in_maintenance = true, .failure = REASON_HTTP_STATUS },
	  { JUDGED_INVALID, REASON_SERVER_BUSY, UNKNOWN, false } },
	{ "then announced work", { .in_maintenance = true, .failure = REASON_CONNECT },
	  { JUDGED_INVALID, REASON_MAINTENANCE, UNKNOWN, false } },
	{ "invalid though fast", { .cached = true, WHOLE(900000000, 0, LOCAL) }, { JUDGED_INVALID, REASON_CACHE, UNKNOWN, false } },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct judge_result got = judge(&cases[i].facts), want = cases[i].want;

		if (got.judgement != want.judgement || got.reason != want.reason || got.throughput_bps != want.throughput_bps ||
		    got.lower_bound != want.lower_bound)
			fail_msg("%s: %s %s, %ld bit/s, lower bound %d", cases[i].name, judgement_names[got.judgement],
				 reason_names[got.reason], (long)got.throughput_bps, got.lower_bound);
	}
}

/* Every combination of what may happen to a 1 MiB probe with a figure below its threshold. */
static void visit_all(int64_t threshold_bps, void (*check)(const struct judge_facts *facts, struct judge_result result))
{
	static const int64_t percents[] = { 0, 1, 50, 99, 100, 104, 105, 300 };

	for (unsigned flags = 0; flags < 64; flags++)
		for (size_t rate = 0; rate < 8; rate++)
			for (size_t cross = 0; cross < 8; cross++)
				for (int failure = REASON_NONE; failure < REASON_COUNT; failure++) {
					struct judge_facts facts = {
						.cached = flags & 1, .nonce_wrong = flags & 2, .encoded = flags & 4,
						.server_busy = flags & 8, .in_maintenance = flags & 16,
						.short_transfer = flags & 32, .failure = (enum reason)failure, .file_bytes = MIB,
						.rate_body_bps = threshold_bps * percents[rate] / 100,
						.rate_user_bps = threshold_bps * percents[rate] / 200,
						.cross_rx_bps = threshold_bps * percents[cross] / 100,
						.threshold_bps = threshold_bps,
					};

					if (failure == REASON_NONE || failure == REASON_STALLED ||
					    (failure >= REASON_DNS && failure <= REASON_ABORTED))
						check(&facts, judge(&facts));
				}
}

static void check_never_bad(const struct judge_facts *facts, struct judge_result result)
{
	(void)facts;
	assert_int_not_equal(result.judgement, JUDGED_BAD);
}

/* Section 13, invariant 2. */
static void test_a_reference_file_never_accuses_a_fast_line(void **state)
{
	static const int64_t thresholds[] = { 4000001, 50000000, 1000000000, MEASUREMENT_RATE_MAX_BPS };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		visit_all(thresholds[i], check_never_bad);
}

static void check_only_sound_accusations(const struct judge_facts *facts, struct judge_result result)
{
	if (result.judgement != JUDGED_BAD)
		return;
	assert_false(facts->cached || facts->nonce_wrong || facts->encoded || facts->server_busy || facts->in_maintenance);
	assert_false(facts->short_transfer);
	assert_true(facts->rate_body_bps + facts->cross_rx_bps < facts->threshold_bps);
	assert_true(facts->failure == REASON_NONE || facts->failure == REASON_STALLED);
}

/* Section 13, invariant 3. */
static void test_bad_is_never_said_of_what_proves_nothing(void **state)
{
	(void)state;
	visit_all(LOCAL, check_only_sound_accusations);
}

static void test_what_a_file_can_show(void **state)
{
	(void)state;
	assert_true(judge_file_shows(MIB, 4000000));
	assert_false(judge_file_shows(MIB, 4000001));
	assert_true(judge_file_shows(MIB / 2, 2000000));
	assert_false(judge_file_shows(0, 1));
	assert_true(judge_file_shows(INT64_MAX, MEASUREMENT_RATE_MAX_BPS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_a_reference_file_never_accuses_a_fast_line),
		cmocka_unit_test(test_bad_is_never_said_of_what_proves_nothing),
		cmocka_unit_test(test_what_a_file_can_show),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
