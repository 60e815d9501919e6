/* The defaults of agent.yaml are the documented rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/watch/watch_rule.h"

static void test_defaults_are_the_documented_rule(void **state)
{
	struct watch_rule want = watch_rule_documented(), got;
	struct agent_config config;
	struct buf faults = { 0 };
	struct err err;

	(void)state;
	if (agent_config_read("config/agent.yaml", &config, &faults, &err) < 0)
		fail_msg("%s", buf_text(&faults));
	got = watch_rule_from_config(&config.watch);
	assert_memory_equal(&got.reach, &want.reach, sizeof got.reach);
	assert_int_equal(got.ladder.confirm_failures, want.ladder.confirm_failures);
	assert_int_equal(got.ladder.down_span_us, want.ladder.down_span_us);
	assert_int_equal(got.ladder.recover_successes, want.ladder.recover_successes);
	assert_int_equal(got.ladder.recover_span_us, want.ladder.recover_span_us);
	assert_int_equal(got.ladder.brief_from_us, want.ladder.brief_from_us);
	assert_int_equal(got.ladder.outage_from_us, want.ladder.outage_from_us);
	assert_int_equal(got.ladder.merge_gap_us, want.ladder.merge_gap_us);
	assert_int_equal(got.ladder.skew_us, want.ladder.skew_us);
	assert_int_equal(got.ladder.sweep_first_us, want.ladder.sweep_first_us);
	assert_int_equal(got.ladder.sweep_second_us, want.ladder.sweep_second_us);
	assert_int_equal(got.ladder.sweep_every_us, want.ladder.sweep_every_us);
	assert_int_equal(got.bin_ms, want.bin_ms);
	assert_int_equal(got.hub_bin_ms, want.hub_bin_ms);
	assert_int_equal(got.row_ms, want.row_ms);
	assert_int_equal(got.starting_ms, want.starting_ms);
	agent_config_free(&config);
	buf_free(&faults);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_defaults_are_the_documented_rule) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
