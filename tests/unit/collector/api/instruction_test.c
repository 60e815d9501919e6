#include "collector/api/instruction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/measurement.h"

static struct served_file files[] = {
	{ .name = "local", .leg = LEG_LOCAL, .url = "http://files.isp.example:8080/ref.bin", .sha256 = "00ff",
	  .size_bytes = 1048576, .nonce_required = true },
	{ .name = "hub", .leg = LEG_HUB, .url = "https://hub.example/ref.bin" },
	{ .name = "hub-64m", .leg = LEG_HUB, .url = "https://hub.example/ref-64m.bin" },
};
static struct service_plan plans[] = {
	{ .name = "half", .local_min_bps = 240000, .hub_min_bps = 0, .layer = 1, .interval_ms = 60000,
	  .budget_bytes = 5000000 },
};
static const struct collector_config config = {
	.reference_files = { files, 3 }, .service_plans = { plans, 1 }, .report_ms = 5000,
};

static struct line make_line(const char *plan)
{
	struct line line = { .id = "line-7" };

	strcpy(line.service_plan, plan);
	return line;
}

static void assert_instruction(const char *plan, const char *want)
{
	struct line line = make_line(plan);
	json_t *instruction = instruction_make(&config, &line, json_pack("[{s:i, s:i}]", "from_ms", 1, "to_ms", 2),
					       json_pack("[{s:s}]", "id", "o-1"));
	char *text = json_dumps(instruction, JSON_COMPACT | JSON_SORT_KEYS);

	assert_string_equal(text, want);
	free(text);
	json_decref(instruction);
}

#define FILES "\"reference_files\":[{\"bytes\":1048576,\"leg\":\"local\",\"name\":\"local\",\"nonce\":\"required\",\"sha256\":\"00ff\"," \
	"\"url\":\"http://files.isp.example:8080/ref.bin\"},{\"leg\":\"hub\",\"name\":\"hub\",\"url\":\"https://hub.example/ref.bin\"}," \
	"{\"leg\":\"hub\",\"name\":\"hub-64m\",\"url\":\"https://hub.example/ref-64m.bin\"}]"

static void test_instruction_of_a_line_with_and_without_its_plan(void **state)
{
	(void)state;
	assert_instruction("half", "{\"budget_bytes_per_month\":5000000,\"legs\":{\"hub\":{\"layer\":\"ip\"},"
			   "\"local\":{\"layer\":\"ip\",\"threshold_bps\":240000}},\"line\":\"line-7\",\"maintenance\":[{\"from_ms\":1,\"to_ms\":2}],"
			   "\"orders\":[{\"id\":\"o-1\"}]," FILES ",\"schedule\":{\"interval_s\":60,\"report_s\":5},\"version\":1}");
	assert_instruction("gone", "{\"budget_bytes_per_month\":20000000000,\"legs\":{\"hub\":{\"layer\":\"tcp_payload\"},"
			   "\"local\":{\"layer\":\"tcp_payload\"}},\"line\":\"line-7\",\"maintenance\":[{\"from_ms\":1,\"to_ms\":2}],"
			   "\"orders\":[{\"id\":\"o-1\"}]," FILES ",\"schedule\":{\"interval_s\":900,\"report_s\":5},\"version\":1}");
}

static void test_etag_follows_the_content_only(void **state)
{
	struct line line = make_line("half");
	json_t *first = instruction_make(&config, &line, json_array(), json_array());
	json_t *second = json_pack("{s:i, s:i}", "b", 1, "a", 2);
	json_t *third = json_pack("{s:i, s:i}", "a", 2, "b", 1);
	char a[INSTRUCTION_ETAG_SIZE], b[INSTRUCTION_ETAG_SIZE], c[INSTRUCTION_ETAG_SIZE];

	(void)state;
	instruction_etag(first, a);
	instruction_etag(second, b);
	instruction_etag(third, c);
	assert_string_not_equal(a, b);
	assert_string_equal(b, c);
	assert_int_equal(strlen(a), 34);
	assert_true(a[0] == '"' && a[33] == '"');
	json_decref(first);
	json_decref(second);
	json_decref(third);
}

static void test_targets_are_the_hosts_once_each(void **state)
{
	json_t *targets = instruction_targets(&config);
	char *text = json_dumps(targets, JSON_COMPACT);

	(void)state;
	assert_string_equal(text, "[\"files.isp.example\",\"hub.example\"]");
	free(text);
	json_decref(targets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instruction_of_a_line_with_and_without_its_plan),
		cmocka_unit_test(test_etag_follows_the_content_only),
		cmocka_unit_test(test_targets_are_the_hosts_once_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
