/* A tenth of what `make bench` simulates in full: the shipped defaults keep false tickets down and find faults in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "collector/collector_keys.h"
#include "tests/unit/collector/decide/noise.h"

#define DAYS        180
#define FAULT_LINES 200

static int load_rule(void **state)
{
	static struct collector_config config;
	struct buf faults = { 0 };
	struct err err;

	if (collector_config_read("config/collector.yaml", &config, &faults, &err) < 0)
		fail_msg("%s", buf_text(&faults));
	buf_free(&faults);
	*state = &config;
	return 0;
}

static int free_rule(void **state)
{
	collector_config_free(*state);
	return 0;
}

static void test_healthy(void **state)
{
	static const struct {
		const char *name;
		int lines;     /* more where what is bounded is rare */
		double most;   /* false tickets per 1000 line-months */
	} bounds[NOISE_MODELS] = { { "H1", 100, 0 }, { "H2", 100, 200 }, { "H2k", 100, 60 }, { "H2d", 500, 15 }, { "H3", 100, 0 } };
	const struct collector_config *config = *state;
	uint64_t seed = 2001;
	struct random_source random = random_seeded(&seed);

	for (int i = 0; i < NOISE_MODELS; i++) {
		double tickets = noise_false_tickets(&noise_models[i], &config->decision, bounds[i].lines, DAYS, &random);

		assert_string_equal(noise_models[i].name, bounds[i].name);
		if (tickets > bounds[i].most)
			fail_msg("%s: %.1f false tickets per 1000 line-months", noise_models[i].name, tickets);
	}
}

static void test_faulty(void **state)
{
	const struct collector_config *config = *state;
	uint64_t seed = 2001;
	struct random_source random = random_seeded(&seed);

	for (int i = 0; i < FAULT_MODELS; i++) {
		const struct fault_model *model = &fault_models[i];
		struct fault_found found = noise_find_faults(model, &config->decision, FAULT_LINES, &random);

		if (model->median_h > 0 && fabs(found.median_h - model->median_h) > model->median_h / 4)
			fail_msg("%s: %.1f hours to the ticket", model->name, found.median_h);
		if (found.day_percent < 95)
			fail_msg("%s: %.1f %% found within 24 h", model->name, found.day_percent);
		/* A fault with hours is known for one only after its first night, which looks like a repair. */
		if (found.false_proofs_a_week > (strcmp(model->name, "F4") ? 0.01 : 1))
			fail_msg("%s: %.3f false proofs a week", model->name, found.false_proofs_a_week);
		if (fabs(found.proof_median_h - model->proof_h) > model->proof_h / 4)
			fail_msg("%s: %.1f hours to the proof", model->name, found.proof_median_h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_faulty),
	};

	return cmocka_run_group_tests(tests, load_rule, free_rule);
}
