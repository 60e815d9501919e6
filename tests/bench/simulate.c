/* simulate: how many false tickets healthy lines get and how soon faults get one, through the collector's own rules with the
 * shipped defaults, beside what methodology 11.2 states for 8 of 12. The generator is noise.h; the seed is fixed.
 *
 * Use: simulate [PERCENT] (of the lines, 1 to 1000; 100 is 1000 healthy ones for 180 days each and 2000 faulty ones) */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "collector/collector_keys.h"
#include "tests/unit/collector/decide/noise.h"

#define LINES       1000
#define DAYS        180
#define FAULT_LINES 2000

static double cpu_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void print_noises(const struct decision_rule *rule, int percent, const struct random_source *random)
{
	printf("%d healthy lines, %d days each            false tickets per 1000 line-months\n", LINES * percent / 100, DAYS);
	printf("%-46s %8s %8s %12s\n", "", "stated", "here", "CPU seconds");
	for (int i = 0; i < NOISE_MODELS; i++) {
		const struct noise_model *model = &noise_models[i];
		double start = cpu_seconds();
		double tickets = noise_false_tickets(model, rule, LINES * percent / 100, DAYS, random);

		printf("%-5s%-41s %8d %8.1f %12.1f\n", model->name, model->what, model->stated, tickets, cpu_seconds() - start);
	}
}

static void print_faults(const struct decision_rule *rule, int percent, const struct random_source *random)
{
	printf("\n%d faulty lines, %d days each       hours to the ticket, median/p95; false proofs per line-week; hours to the proof\n",
	       FAULT_LINES * percent / 100, (int)(NOISE_FAULT_MS / NOISE_DAY_MS));
	printf("%-26s %11s %11s %9s %10s %11s %11s %12s\n", "", "stated", "here", "in 24 h", "false", "stated", "here",
	       "CPU seconds");
	for (int i = 0; i < FAULT_MODELS; i++) {
		const struct fault_model *model = &fault_models[i];
		double start = cpu_seconds();
		struct fault_found found = noise_find_faults(model, rule, FAULT_LINES * percent / 100, random);

		printf("%-4s%-22s %6.1f/%4.1f %6.1f/%4.1f %7.1f %% %10.3f %6.1f/%4.1f %6.1f/%4.1f %12.1f\n", model->name,
		       model->what, model->median_h, model->p95_h, found.median_h, found.p95_h,
		       found.day_percent, found.false_proofs_a_week, model->proof_h, model->proof_p95_h, found.proof_median_h,
		       found.proof_p95_h, cpu_seconds() - start);
	}
}

int main(int argc, char **argv)
{
	int percent = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 100;
	uint64_t seed = 2001;
	struct random_source random = random_seeded(&seed);
	struct collector_config config;
	struct buf faults = { 0 };
	struct err err;

	if (percent < 1 || percent > 1000) {
		fprintf(stderr, "usage: simulate [PERCENT]\n");
		return 2;
	}
	if (collector_config_read("config/collector.yaml", &config, &faults, &err) < 0) {
		fprintf(stderr, "%s\n", buf_text(&faults));
		return 1;
	}
	print_noises(&config.decision, percent, &random);
	print_faults(&config.decision, percent, &random);
	collector_config_free(&config);
	buf_free(&faults);
	return 0;
}
