#include "collector/derive/promise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CELL_MS INT64_C(300000)

static struct service_plan plans[] = {
	{ .name = "slow", .local_min_bps = 240000, .interval_ms = CELL_MS },
	{ .name = "fast", .local_min_bps = 80000000, .hub_min_bps = 4000000, .interval_ms = CELL_MS },
};
static struct served_file files[] = {
	{ .name = "local-64m", .leg = LEG_LOCAL, .size_bytes = 67108864 }, { .name = "local", .leg = LEG_LOCAL, .size_bytes = 33554432 },
	{ .name = "hub", .leg = LEG_HUB },
};

static void test_promises(void **state)
{
	static const struct {
		const char *plan;
		enum leg leg;
		size_t files;
		bool is_promised, by_capacity;
		int64_t interval_ms, cell_ms;
	} cases[] = {
		{ "slow", LEG_LOCAL, 0, true,  false, CELL_MS, CELL_MS },
		{ "slow", LEG_HUB,   0, false, false, CELL_MS, CELL_MS },
		{ "fast", LEG_LOCAL, 0, true,  true,  RULE_INTERVAL_MS, INT64_C(15) * 3600000 },
		{ "fast", LEG_LOCAL, 3, true,  false, CELL_MS, CELL_MS },          /* 32 MiB show 128 Mbit/s */
		{ "fast", LEG_HUB,   3, true,  false, CELL_MS, CELL_MS },          /* of a size that is not stated: 1 MiB */
		{ "gone", LEG_LOCAL, 0, false, false, RULE_INTERVAL_MS, RULE_INTERVAL_MS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct collector_config config = {
			.service_plans = { .items = plans, .count = 2 }, .reference_files = { .items = files, .count = cases[i].files },
		};
		struct promise promises[LEG_COUNT];
		const struct promise *got = &promises[cases[i].leg];
		struct line line = { .id = "line-7" };

		strcpy(line.service_plan, cases[i].plan);
		promises_of_line(&config, &line, promises);
		if (got->is_promised != cases[i].is_promised || got->by_capacity != cases[i].by_capacity ||
		    got->interval_ms != cases[i].interval_ms || got->cell_ms != cases[i].cell_ms ||
		    got->rule != (cases[i].by_capacity ? &config.capacity_decision : &config.decision))
			fail_msg("row %zu: %s, %s", i, cases[i].plan, leg_names[cases[i].leg]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_promises) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
