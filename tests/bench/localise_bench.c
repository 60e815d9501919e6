/* localise_bench: does localisation find planted faults through noise, and is it worth less time than reading its input?
 *
 *   localise_bench [PERCENT]
 *
 * First the time for one network of 10,000 nodes with 30,000 leaves: jansson reading the file, beside localise_json from
 * the parsed value to the answer; medians over rounds that alternate. Then how often the culprits are exactly the planted
 * faults, in trees beside what is stated for trees of these three shapes, and in networks with redundant uplinks.
 * PERCENT scales the number of draws, 100 unless given. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "collector/files/localise_json.h"
#include "tests/unit/collector/decide/planted.h"

#define ROUNDS 15

static _Noreturn void end(const char *what)
{
	fprintf(stderr, "localise_bench: %s\n", what);
	exit(4);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static json_t *write_network(const struct planted *planted)
{
	json_t *nodes = json_array(), *leaves = json_array();

	for (int v = 0; v < planted->segment_count; v++) {
		json_t *parents = json_array();

		for (int i = 0; i < planted->nodes[v].parent_count; i++)
			json_array_append_new(parents, json_sprintf("node-%s", planted->nodes[v].parents[i]));
		json_array_append_new(nodes, json_pack("{s:o, s:o}", "id", json_sprintf("node-%s", planted->nodes[v].id),
						       "parents", parents));
	}
	for (int i = 0; i < planted->leaf_count; i++) {
		const struct leaf *leaf = &planted->leaves[i];

		json_array_append_new(leaves, json_pack("{s:o, s:o, s:s, s:b}", "id", json_sprintf("line-%s", leaf->id), "node",
							json_sprintf("node-%s", planted->nodes[leaf->node].id), "state",
							leaf_state_names[leaf->state], "hard", 0));
	}
	return json_pack("{s:o, s:o}", "nodes", nodes, "leaves", leaves);
}

static void write_file(const char *path, int nodes, const struct random_source *random)
{
	struct planted planted;
	json_t *network;

	planted_init(&planted, SHAPE_DUAL_HOMED, 4 * nodes, random);
	planted_draw(&planted, PLANTED_FAULTS_MAX, 10, 10, random);
	network = write_network(&planted);
	if (json_dump_file(network, path, JSON_INDENT(1)) < 0)
		end("the network cannot be written");
	json_decref(network);
	planted_close(&planted);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof *values, by_value);
	return values[count / 2];
}

static void compare_times(const struct random_source *random)
{
	char path[] = "/tmp/plumbline-bench-XXXXXX";
	double reading[ROUNDS], localising[ROUNDS], ratio[ROUNDS];
	int fd = mkstemp(path);

	if (fd < 0)
		end("mkstemp");
	close(fd);
	write_file(path, 10000, random);
	for (int i = 0; i < ROUNDS; i++) {
		json_t *input, *answer = NULL;
		double start = seconds();
		struct err err;

		input = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
		reading[i] = seconds() - start;
		start = seconds();
		if (localise_json(input, &answer, &err) < 0)
			end(err.message);
		localising[i] = seconds() - start;
		ratio[i] = localising[i] / reading[i];
		json_decref(input);
		json_decref(answer);
	}
	unlink(path);
	printf("10,000 nodes, 30,000 leaves: jansson reads the file in %.1f ms, localisation takes %.1f ms; ratio %.2f (target < 0.5)\n",
	       median(reading, ROUNDS) * 1000, median(localising, ROUNDS) * 1000, median(ratio, ROUNDS));
}

static const int noises[] = { 0, 10, 20, 50 };   /* per mille */
#define NOISES (int)(sizeof noises / sizeof *noises)

static const struct {
	int nodes, leaves_min, draws;
	int stated[NOISES];      /* methodology, accuracy: trees of the three shapes */
} rows[] = {
	{ 100, 3, 3000, { 100, 97, 95, 87 } },
	{ 1000, 3, 1500, { 100, 98, 96, 78 } },
	{ 1000, 10, 1500, { 100, 98, 96, 90 } },
	{ 10000, 3, 300, { 100, 100, 88, 72 } },
	{ 10000, 10, 300, { 100, 100, 100, 88 } },
};

static void print_accuracy(int row, int noise, int draws, const struct random_source *random)
{
	printf("%6d  %6d  %4d %%  %5d %%  ", rows[row].nodes, rows[row].leaves_min, noises[noise] / 10, rows[row].stated[noise]);
	for (int shape = 0; shape_names[shape]; shape++)
		printf(" %8.1f %%", 100.0 / draws * planted_score((enum shape)shape, rows[row].nodes, rows[row].leaves_min, noises[noise],
								  draws, random));
	printf("\n");
}

int main(int argc, char **argv)
{
	int percent = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 100;
	uint64_t seed = 2001;
	struct random_source random = random_seeded(&seed);

	if (percent < 1 || percent > 1000) {
		fprintf(stderr, "usage: localise_bench [PERCENT]\n");
		return 2;
	}
	compare_times(&random);
	printf("\ncases in which the culprits are exactly the planted faults\n");
	printf(" nodes  leaves   noise   stated  ");
	for (int shape = 0; shape_names[shape]; shape++)
		printf(" %10s", shape_names[shape]);
	printf("\n");
	for (int row = 0; row < (int)(sizeof rows / sizeof *rows); row++)
		for (int noise = 0; noise < NOISES; noise++)
			print_accuracy(row, noise, rows[row].draws * percent / 100, &random);
	return 0;
}
