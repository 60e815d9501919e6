#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collector/decide/guard.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct guard_rule rule = {
	.bad_min = 5, .bad_percent = 20, .branches = 2, .false_per_million = 1, .base_percent = 2, .canary_percent = 80,
};

/* Computed with exact fractions. */
static void test_quantile(void **state)
{
	static const struct {
		int64_t n;
		double p, tail;
		int64_t want;
	} cases[] = {
		{ 0, 0.02, 1e-6, 0 },     { 1, 0.02, 1e-6, 1 },      { 5, 0.02, 1e-6, 3 },     { 20, 0.02, 1e-6, 6 },
		{ 50, 0.02, 1e-6, 8 },    { 100, 0.02, 1e-6, 11 },   { 1000, 0.02, 1e-6, 44 }, { 20, 0.05, 1e-6, 8 },
		{ 1000, 0.05, 1e-6, 86 }, { 10, 0.5, 1e-6, 10 },     { 100, 0.5, 1e-6, 73 },   { 30, 0.1, 1e-6, 13 },
		{ 20, 0.02, 0.01, 2 },    { 100, 0.1, 0.05, 15 },    { 100, 0, 1e-6, 0 },      { 100, 1, 1e-6, 100 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(guard_quantile(cases[i].n, cases[i].p, cases[i].tail), cases[i].want);
}

static void test_spread(void **state)
{
	static const struct {
		const char *name;
		struct guard_count branches[3];
		struct guard_count base;
		bool has_base;
		enum guard_spread want;
	} cases[] = {
		{ "nothing was measured", { { 0 } }, { 0 }, false, SPREAD_UNKNOWN },
		{ "only a busy server", { { .busy = 9 } }, { 0 }, false, SPREAD_UNKNOWN },
		{ "all is well", { { .valid = 40 }, { .valid = 60 } }, { 0 }, false, SPREAD_FEW },
		{ "four of four are too few", { { .valid = 2, .bad = 2 }, { .valid = 2, .bad = 2 } }, { 0 }, false, SPREAD_FEW },
		{ "five of five under two branches", { { .valid = 3, .bad = 3 }, { .valid = 2, .bad = 2 } }, { 0 }, false,
		  SPREAD_MANY },
		{ "all under one branch are a segment's matter", { { .valid = 50, .bad = 50 }, { .valid = 50 } }, { 0 }, false,
		  SPREAD_FEW },
		{ "19 of 100", { { .valid = 50, .bad = 10 }, { .valid = 50, .bad = 9 } }, { 0 }, false, SPREAD_FEW },
		{ "20 of 100", { { .valid = 50, .bad = 10 }, { .valid = 50, .bad = 10 } }, { 0 }, false, SPREAD_MANY },
		{ "5 of 20 could be chance once in a million cells: 6 are needed",
		  { { .valid = 10, .bad = 3 }, { .valid = 10, .bad = 2 } }, { 0 }, false, SPREAD_FEW },
		{ "6 of 20", { { .valid = 10, .bad = 3 }, { .valid = 10, .bad = 3 } }, { 0 }, false, SPREAD_MANY },
		{ "a base of 5 % asks for 8 of 20", { { .valid = 10, .bad = 4 }, { .valid = 10, .bad = 3 } },
		  { .valid = 1000, .bad = 50 }, true, SPREAD_FEW },
		{ "8 of 20 then", { { .valid = 10, .bad = 4 }, { .valid = 10, .bad = 4 } }, { .valid = 1000, .bad = 50 }, true,
		  SPREAD_MANY },
		{ "a base that is not 28 days old does not count", { { .valid = 10, .bad = 4 }, { .valid = 10, .bad = 3 } },
		  { .valid = 1000, .bad = 50 }, false, SPREAD_MANY },
		{ "a base without a bad one leaves the first two bounds", { { .valid = 10, .bad = 3 }, { .valid = 10, .bad = 2 } },
		  { .valid = 1000 }, true, SPREAD_MANY },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct guard_cell cell = {
			.branches = cases[i].branches, .branch_count = 3, .base = cases[i].base, .has_base = cases[i].has_base,
		};

		if (guard_spread_of(&rule, &cell) != cases[i].want)
			fail_msg("%s", cases[i].name);
	}
}

static void test_busy_and_content(void **state)
{
	static const struct {
		const char *name;
		struct guard_count branch;
		bool busy, content;
	} cases[] = {
		{ "nothing", { 0 }, false, false },
		{ "four turned away", { .busy = 4 }, false, false },
		{ "all turned away", { .busy = 5 }, true, false },
		{ "19 % turned away", { .valid = 81, .busy = 19 }, false, false },
		{ "20 % turned away", { .valid = 80, .busy = 20 }, true, false },
		{ "one altered, others intact: the line's", { .altered = 1, .intact = 1 }, false, false },
		{ "one altered, nobody intact", { .altered = 1 }, false, true },
		{ "two altered at once", { .altered = 2, .intact = 90 }, false, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct guard_cell cell = { .branches = &cases[i].branch, .branch_count = 1 };

		if (guard_is_busy(&rule, &cell) != cases[i].busy || guard_is_content(&cell) != cases[i].content)
			fail_msg("%s", cases[i].name);
	}
}

static void test_canary(void **state)
{
	int64_t history[] = { 130, 100, 90, 100 };

	(void)state;
	assert_int_equal(guard_canary_of(&rule, 80, history, 4), CANARY_FINE);
	assert_int_equal(guard_canary_of(&rule, 79, history, 4), CANARY_BAD);
	assert_int_equal(guard_canary_of(&rule, 0, history, 3), CANARY_UNKNOWN);
	assert_int_equal(guard_canary_of(&rule, MEASUREMENT_RATE_MAX_BPS, history, 4), CANARY_FINE);
}

/* The five rows of H5, then what they leave open. */
static void test_decide(void **state)
{
	static const struct {
		const char *name;
		struct guard_leg local, hub;
		enum guard_result want;
		bool exempts_local, exempts_hub;
	} cases[] = {
		{ "many local, hub good, canary bad", { SPREAD_MANY, CANARY_BAD }, { SPREAD_FEW, CANARY_UNKNOWN }, GUARD_SERVER,
		  true, false },
		{ "many local, hub good, canary fine", { SPREAD_MANY, CANARY_FINE }, { SPREAD_FEW, CANARY_UNKNOWN },
		  GUARD_SERVER_PATH, true, false },
		{ "many local, many hub, canary fine", { SPREAD_MANY, CANARY_FINE }, { SPREAD_MANY, CANARY_FINE }, GUARD_NETWORK,
		  false, false },
		{ "local good, many hub, hub canary bad", { SPREAD_FEW, CANARY_FINE }, { SPREAD_MANY, CANARY_BAD },
		  GUARD_HUB_SERVER, false, true },
		{ "local good, many hub, hub canary fine", { SPREAD_FEW, CANARY_FINE }, { SPREAD_MANY, CANARY_FINE },
		  GUARD_UPSTREAM, false, true },
		{ "all is well", { SPREAD_FEW, CANARY_FINE }, { SPREAD_FEW, CANARY_FINE }, GUARD_CALM, false, false },
		{ "a bad canary alone is no incident", { SPREAD_FEW, CANARY_BAD }, { SPREAD_FEW, CANARY_BAD }, GUARD_CALM, false,
		  false },
		{ "nothing was measured", { SPREAD_UNKNOWN, CANARY_UNKNOWN }, { SPREAD_UNKNOWN, CANARY_UNKNOWN }, GUARD_CALM, false,
		  false },
		{ "no canary: the good hub leg clears the core", { SPREAD_MANY, CANARY_UNKNOWN }, { SPREAD_FEW, CANARY_UNKNOWN },
		  GUARD_SERVER, true, false },
		{ "no canary, no hub leg", { SPREAD_MANY, CANARY_UNKNOWN }, { SPREAD_UNKNOWN, CANARY_UNKNOWN }, GUARD_SERVER, true,
		  false },
		{ "canary fine, no hub leg: not the server", { SPREAD_MANY, CANARY_FINE }, { SPREAD_UNKNOWN, CANARY_UNKNOWN },
		  GUARD_NETWORK, false, false },
		{ "no canary, both legs", { SPREAD_MANY, CANARY_UNKNOWN }, { SPREAD_MANY, CANARY_UNKNOWN }, GUARD_NETWORK, false,
		  false },
		{ "both legs, and our server known bad", { SPREAD_MANY, CANARY_BAD }, { SPREAD_MANY, CANARY_FINE }, GUARD_SERVER,
		  true, true },
		{ "hub only, without a canary there", { SPREAD_UNKNOWN, CANARY_UNKNOWN }, { SPREAD_MANY, CANARY_UNKNOWN },
		  GUARD_UPSTREAM, false, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct guard_leg legs[LEG_COUNT] = { cases[i].local, cases[i].hub };
		enum guard_result got = guard_decide(legs);
		bool many_local = cases[i].local.spread == SPREAD_MANY, many_hub = cases[i].hub.spread == SPREAD_MANY;

		if (got != cases[i].want || guard_exempts(got, LEG_LOCAL, many_local) != cases[i].exempts_local ||
		    guard_exempts(got, LEG_HUB, many_hub) != cases[i].exempts_hub)
			fail_msg("%s: %s", cases[i].name, guard_result_names[got]);
	}
	assert_true(guard_exempts(GUARD_CORE, LEG_LOCAL, true) && guard_exempts(GUARD_CORE, LEG_HUB, true));
}

static void test_count_of(void **state)
{
	static const struct {
		const char *name;
		int trigger, judgement, reason, sha256_ok;
		struct guard_count want;
	} cases[] = {
		{ "good", TRIGGER_SCHEDULE, JUDGED_GOOD, REASON_NONE, 1, { .valid = 1, .good = 1, .intact = 1 } },
		{ "marginal", TRIGGER_SCHEDULE, JUDGED_MARGINAL, REASON_NONE, 1, { .valid = 1, .intact = 1 } },
		{ "bad, stalled half-way", TRIGGER_SCHEDULE, JUDGED_BAD, REASON_STALLED, -1, { .valid = 1, .bad = 1 } },
		{ "nothing promised", TRIGGER_SCHEDULE, JUDGED_UNRESOLVED, REASON_NO_THRESHOLD, 1, { .intact = 1 } },
		{ "turned away", TRIGGER_SCHEDULE, JUDGED_INVALID, REASON_SERVER_BUSY, -1, { .busy = 1 } },
		{ "altered", TRIGGER_SCHEDULE, JUDGED_FAILED, REASON_ALTERED, 0, { .altered = 1 } },
		{ "cut short", TRIGGER_SCHEDULE, JUDGED_FAILED, REASON_TRUNCATED, -1, { .altered = 1 } },
		{ "no connection", TRIGGER_SCHEDULE, JUDGED_FAILED, REASON_CONNECT, -1, { 0 } },
		{ "an extra probe (D2)", TRIGGER_EXTRA, JUDGED_BAD, REASON_NONE, 1, { 0 } },
		{ "an order", TRIGGER_ORDER, JUDGED_BAD, REASON_NONE, 1, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct guard_count got;
		struct measurement m;

		measurement_init(&m);
		m.trigger = cases[i].trigger;
		m.judgement = cases[i].judgement;
		m.reason = cases[i].reason;
		m.sha256_ok = cases[i].sha256_ok;
		got = guard_count_of(&m);
		if (memcmp(&got, &cases[i].want, sizeof got))
			fail_msg("%s", cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantile), cmocka_unit_test(test_spread), cmocka_unit_test(test_busy_and_content),
		cmocka_unit_test(test_canary),   cmocka_unit_test(test_decide), cmocka_unit_test(test_count_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
