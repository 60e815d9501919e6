#include "agent/measure/capacity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/base/json.h"

#define MBPS INT64_C(1000000)
#define MB   INT64_C(1000000)
#define S    INT64_C(1000000)

static void test_connections(void **state)
{
	static const struct {
		int64_t threshold_bps;
		bool is_for;
		int connections;
	} cases[] = {
		{ 240000, false, 1 },        { 4 * MBPS, false, 1 },      { 4 * MBPS + 1, true, 1 },
		{ 300 * MBPS, true, 1 },     { 300 * MBPS + 1, true, 4 }, { 1000 * MBPS, true, 4 },
		{ 1000 * MBPS + 1, true, 8 }, { MEASUREMENT_RATE_MAX_BPS, true, 8 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(capacity_is_for(cases[i].threshold_bps), cases[i].is_for);
		assert_int_equal(capacity_connections(cases[i].threshold_bps), cases[i].connections);
	}
}

static const struct {
	const char *name;
	int64_t sizes_bytes[6];
	int count;
	int64_t threshold_bps, rtt_us;
	int want;
} files[] = {
	{ "no file", { 0 }, 0, 10 * MBPS, 0, -1 },
	{ "10 Mbit/s: 3.9 MB, the step is 4", { 1 * MB, 4 * MB, 16 * MB, 64 * MB, 256 * MB, 1024 * MB }, 6, 10 * MBPS, 0, 1 },
	{ "100 Mbit/s: 39 MB, the step is 64", { 1 * MB, 4 * MB, 16 * MB, 64 * MB, 256 * MB, 1024 * MB }, 6, 100 * MBPS, 0, 3 },
	{ "1 Gbit/s: 391 MB, the step is 1024", { 1 * MB, 4 * MB, 16 * MB, 64 * MB, 256 * MB, 1024 * MB }, 6, 1000 * MBPS, 0, 5 },
	{ "in any order", { 64 * MB, 1 * MB, 4 * MB }, 3, 10 * MBPS, 0, 2 },
	{ "exactly enough", { 3906250 }, 1, 10 * MBPS, 0, 0 },
	{ "a long ramp asks for more", { 4 * MB, 16 * MB }, 2, 10 * MBPS, 60000, 1 },
	{ "none lasts long enough: the largest, while it gives T7's second", { 1 * MB, 2 * MB }, 2, 10 * MBPS, 0, 1 },
	{ "exactly that", { 1875000 }, 1, 10 * MBPS, 0, 0 },
	{ "and not when it cannot", { 1874999, 1 * MB }, 2, 10 * MBPS, 0, -1 },
	{ "a size that is not known is no file", { 0 }, 1, 10 * MBPS, 0, -1 },
};

static void test_chooses_the_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		int got = capacity_choose_file(files[i].sizes_bytes, files[i].count, files[i].threshold_bps, files[i].rtt_us);

		if (got != files[i].want)
			fail_msg("%s: %d", files[i].name, got);
	}
}

static const struct {
	const char *name;
	int64_t last1s_bps, elapsed_us, bytes;
	enum capacity_step want;
} moments[] = {
	{ "no full second yet", 0, S, MB, CAPACITY_GO_ON },
	{ "S4: just below", 110 * MBPS - 1, 2 * S, 25 * MB, CAPACITY_GO_ON },
	{ "S4: enough", 110 * MBPS, 2 * S, 25 * MB, CAPACITY_STOP_GOOD },
	{ "S3: almost ten seconds", 90 * MBPS, 10 * S - 1, 99 * MB, CAPACITY_GO_ON },
	{ "S3: ten seconds", 90 * MBPS, 10 * S, 99 * MB, CAPACITY_STOP_CAP },
	{ "P4: the bytes are used up", 90 * MBPS, 9 * S, 100 * MB, CAPACITY_STOP_BUDGET },
	{ "good outranks both", 110 * MBPS, 10 * S, 125 * MB, CAPACITY_STOP_GOOD },
};

static void test_steps(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
		struct steady steady = { .last1s_bps = moments[i].last1s_bps };
		struct capacity_progress progress = { &steady, moments[i].elapsed_us, moments[i].bytes, 100 * MB, 100 * MBPS };

		if (capacity_step(&progress) != moments[i].want)
			fail_msg("%s: %d", moments[i].name, capacity_step(&progress));
	}
}

static void test_the_machine(void **state)
{
	struct capacity_host host = { .link_bps = JSON_ABSENT, .cpu_percent = 85 };

	(void)state;
	assert_true(capacity_can_carry(&host, MEASUREMENT_RATE_MAX_BPS));
	host.link_bps = 120 * MBPS;
	assert_true(capacity_can_carry(&host, 100 * MBPS));
	assert_false(capacity_can_carry(&host, 100 * MBPS + 1));
	assert_false(capacity_is_held_by(&host));
	host.cpu_percent = 86;
	assert_true(capacity_is_held_by(&host));
	host = (struct capacity_host){ .is_wireless = true };
	assert_true(capacity_is_held_by(&host));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_chooses_the_file),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_the_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
