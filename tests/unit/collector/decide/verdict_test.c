#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "collector/decide/verdict.h"

#define CELL_MS INT64_C(900000)
#define NOW_MS  (INT64_C(1800000) * CELL_MS + 60000)   /* a minute into a cell */

static const struct decision_rule rule = {
	.close_not_good = 2, .close_of = 24, .verdict_valid = 4, .verdict_cells = 2,
};

/* One letter a sample, the last one in the cell before this one. */
static int draw(const char *text, int64_t newest_ms, struct sample *ret_samples)
{
	int count = (int)strlen(text);

	for (int i = 0; i < count; i++)
		ret_samples[i] = (struct sample){
			.started_ms = newest_ms - (count - 1 - i) * CELL_MS,
			.judgement = text[i] == 'g' ? JUDGED_GOOD : text[i] == 'm' ? JUDGED_MARGINAL : JUDGED_BAD,
		};
	return count;
}

#define G "gggg"
#define NEWEST (NOW_MS - CELL_MS)

static const struct {
	const char *name;
	struct { const char *samples; int64_t newest_ms; bool promised, defective; } local, hub;
	bool has_agent, has_plan;
	enum value reliable;
	const char *good, *fast_local, *fast_hub, *reason;
} cases[] = {
	{ "all good", { G, NEWEST, 1, 0 }, { G, NEWEST, 1, 0 }, 1, 1, VALUE_GOOD, "good", "good", "good", "none" },
	{ "outages not judged", { G, NEWEST, 1, 0 }, { G, NEWEST, 1, 0 }, 1, 1, VALUE_UNMEASURED,
	  "unmeasured", "good", "good", "little-watched" },
	{ "unreliable", { G, NEWEST, 1, 0 }, { G, NEWEST, 1, 0 }, 1, 1, VALUE_BAD, "bad", "good", "good", "unreliable" },
	{ "local defect not proven, though it looks good", { G, NEWEST, 1, 1 }, { G, NEWEST, 1, 0 }, 1, 1, VALUE_UNMEASURED,
	  "bad", "bad", "good", "slow-local" },
	{ "hub defect", { G, NEWEST, 1, 0 }, { G, NEWEST, 1, 1 }, 1, 1, VALUE_GOOD, "bad", "good", "bad", "slow-hub" },
	{ "both: the local one is named", { G, NEWEST, 1, 1 }, { G, NEWEST, 1, 1 }, 1, 1, VALUE_GOOD,
	  "bad", "bad", "bad", "slow-local" },
	{ "bad outranks unmeasured", { "", 0, 1, 0 }, { G, NEWEST, 1, 1 }, 1, 1, VALUE_GOOD,
	  "bad", "unmeasured", "bad", "slow-hub" },
	{ "a defect stays bad when the agent has gone", { G, NEWEST, 1, 1 }, { G, NEWEST, 1, 0 }, 0, 1, VALUE_UNMEASURED,
	  "bad", "bad", "unmeasured", "slow-local" },
	{ "no agent", { "", 0, 1, 0 }, { "", 0, 1, 0 }, 0, 1, VALUE_UNMEASURED,
	  "unmeasured", "unmeasured", "unmeasured", "no-agent" },
	{ "no plan", { G, NEWEST, 0, 0 }, { G, NEWEST, 0, 0 }, 1, 0, VALUE_UNMEASURED,
	  "unmeasured", "unmeasured", "unmeasured", "no-plan" },
	{ "three probes are too few", { "ggg", NEWEST, 1, 0 }, { G, NEWEST, 1, 0 }, 1, 1, VALUE_GOOD,
	  "unmeasured", "unmeasured", "good", "too-few" },
	{ "none at all", { "", 0, 1, 0 }, { "", 0, 1, 0 }, 1, 1, VALUE_GOOD,
	  "unmeasured", "unmeasured", "unmeasured", "too-few" },
	{ "first second of the cell before last but one", { G, NOW_MS - 60000 - 2 * CELL_MS, 1, 0 }, { G, NEWEST, 1, 0 }, 1, 1,
	  VALUE_GOOD, "good", "good", "good", "none" },
	{ "a cell older: silent", { G, NOW_MS - 60001 - 2 * CELL_MS, 1, 0 }, { G, NEWEST, 1, 0 }, 1, 1, VALUE_GOOD,
	  "unmeasured", "unmeasured", "good", "silent" },
	{ "few and old: silent says more", { "g", NEWEST - 9 * CELL_MS, 1, 0 }, { G, NEWEST, 1, 0 }, 1, 1, VALUE_GOOD,
	  "unmeasured", "unmeasured", "good", "silent" },
	{ "two not good are forgiven", { "gmbg", NEWEST, 1, 0 }, { G, NEWEST, 1, 0 }, 1, 1, VALUE_GOOD,
	  "good", "good", "good", "none" },
	{ "three are not", { "gmbmg", NEWEST, 1, 0 }, { G, NEWEST, 1, 0 }, 1, 1, VALUE_GOOD,
	  "unmeasured", "unmeasured", "good", "undecided" },
	{ "three, one of them before the last 24", { "bbb" G G G G G "gg", NEWEST, 1, 0 }, { G, NEWEST, 1, 0 }, 1, 1, VALUE_GOOD,
	  "good", "good", "good", "none" },
	{ "hub not promised: does not count", { G, NEWEST, 1, 0 }, { "", 0, 0, 0 }, 1, 1, VALUE_GOOD,
	  "good", "good", "unmeasured", "none" },
	{ "no longer promised: nor does its defect", { G, NEWEST, 1, 0 }, { G, NEWEST, 0, 1 }, 1, 1, VALUE_GOOD,
	  "good", "good", "unmeasured", "none" },
};

static void test_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct sample local[64], hub[64];
		struct line_facts facts = {
			.has_agent = cases[i].has_agent, .has_plan = cases[i].has_plan,
			.reliable = cases[i].reliable,
			.legs = {
				{ cases[i].local.promised, &rule, CELL_MS, cases[i].local.defective, VERDICT_NONE, local,
				  draw(cases[i].local.samples, cases[i].local.newest_ms, local) },
				{ cases[i].hub.promised, &rule, CELL_MS, cases[i].hub.defective, VERDICT_NONE, hub,
				  draw(cases[i].hub.samples, cases[i].hub.newest_ms, hub) },
			},
		};
		struct verdict got = verdict_line(&facts, NOW_MS);

		if (strcmp(value_names[got.good], cases[i].good) || got.reliable != cases[i].reliable ||
		    strcmp(value_names[got.fast[LEG_LOCAL]], cases[i].fast_local) ||
		    strcmp(value_names[got.fast[LEG_HUB]], cases[i].fast_hub) ||
		    strcmp(verdict_reason_names[got.reason], cases[i].reason))
			fail_msg("%s: %s, local %s, hub %s, because %s", cases[i].name, value_names[got.good],
				 value_names[got.fast[LEG_LOCAL]], value_names[got.fast[LEG_HUB]],
				 verdict_reason_names[got.reason]);
	}
}

static const struct {
	const char *name;
	const char *samples;
	bool has_agent, defective;
	enum verdict_reason hindrance;
	const char *fast, *reason;
} hindered[] = {
	{ "nothing, and the server was at fault", "",   1, 0, VERDICT_SERVER,      "unmeasured", "server" },
	{ "too few, in maintenance",              "gg", 1, 0, VERDICT_MAINTENANCE, "unmeasured", "maintenance" },
	{ "undecided, the client filled it",      "gmbmg", 1, 0, VERDICT_IN_USE,   "unmeasured", "in-use" },
	{ "good all the same",                    G,    1, 0, VERDICT_IN_USE,      "good",       "none" },
	{ "it excuses no defect",                 G,    1, 1, VERDICT_SERVER,      "bad",        "slow-local" },
	{ "without an agent nothing else counts", "",   0, 0, VERDICT_SERVER,      "unmeasured", "no-agent" },
};

static void test_hindrance(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof hindered / sizeof hindered[0]; i++) {
		struct sample samples[64];
		struct line_facts facts = {
			.has_agent = hindered[i].has_agent, .has_plan = true, .reliable = VALUE_GOOD,
			.legs = { { true, &rule, CELL_MS, hindered[i].defective, hindered[i].hindrance, samples,
				    draw(hindered[i].samples, NEWEST, samples) } },
		};
		struct verdict got = verdict_line(&facts, NOW_MS);

		if (strcmp(value_names[got.fast[LEG_LOCAL]], hindered[i].fast) ||
		    strcmp(verdict_reason_names[got.reason], hindered[i].reason))
			fail_msg("%s: %s because %s", hindered[i].name, value_names[got.fast[LEG_LOCAL]],
				 verdict_reason_names[got.reason]);
	}
}

/* Q1: without news a line is neither good nor bad; what was found before stands. */
static void test_agent_is_silent(void **state)
{
	static const struct {
		const char *name;
		bool defective;
		const char *good, *reason;
	} silent[] = {
		{ "its newest probes were good", false, "unmeasured", "silent" },
		{ "its defect is not proven", true, "bad", "slow-local" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++) {
		struct sample samples[64];
		struct line_facts facts = {
			.has_agent = true, .has_plan = true, .is_silent = true, .reliable = VALUE_GOOD,
			.legs = { { true, &rule, CELL_MS, silent[i].defective, VERDICT_NONE, samples, draw(G, NEWEST, samples) } },
		};
		struct verdict got = verdict_line(&facts, NOW_MS);

		print_message("%s\n", silent[i].name);
		assert_string_equal(value_names[got.good], silent[i].good);
		assert_string_equal(verdict_reason_names[got.reason], silent[i].reason);
	}
}

static const struct {
	const char *name;
	int64_t begin_cell, newest_cell;   /* before this one */
	int64_t cells;
	int want;
} coverages[] = {
	{ "no sample",                              10, -1, 0, 0 },
	{ "every cell, this one is still running",  4,  1,  4, 100 },
	{ "every cell and this one",                4,  0,  5, 100 },
	{ "half of them",                           4,  2,  2, 50 },
	{ "rounded down",                           3,  1,  2, 66 },
	{ "silent since",                           8,  7,  2, 25 },
	{ "begins in this cell",                    0,  0,  1, 100 },
	{ "more than fit in: the clock was set back", 1, 0, 9, 100 },
	{ "the newest is ahead of the clock",       1,  -2, 2, 50 },
};

static void test_coverage(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof coverages / sizeof coverages[0]; i++) {
		const struct coverage coverage = {
			.interval_ms = CELL_MS,
			.begin_ms = NOW_MS - coverages[i].begin_cell * CELL_MS,
			.newest_ms = NOW_MS - coverages[i].newest_cell * CELL_MS,
			.cells = coverages[i].cells,
		};
		int got = coverage_percent(&coverage, NOW_MS);

		if (got != coverages[i].want)
			fail_msg("%s: %d", coverages[i].name, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_hindrance),
		cmocka_unit_test(test_agent_is_silent),
		cmocka_unit_test(test_coverage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
