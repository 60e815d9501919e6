#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/uplink/instruction.h"
#include "tests/unit/agent/scratch.h"

static char *target_items[] = { "files.example" };
static const struct key_texts targets = { target_items, 1 };
static struct instruction instruction;

#define SCHEDULE "\"schedule\":{\"interval_s\":900,\"report_s\":300}"
#define HEAD     "{\"version\":1,\"line\":\"line-7\","
#define FILE_    "\"name\":\"local\",\"leg\":\"local\",\"url\":\"http://files.example/1m\""

static const char good[] =
	"{\"version\":\"v9\",\"line\":\"line-7\","
	"\"legs\":{\"local\":{\"threshold_bps\":240000,\"layer\":\"tcp_payload\"},\"hub\":{\"layer\":\"ip\"}},"
	"\"reference_files\":["
	"{\"name\":\"local-64m\",\"leg\":\"local\",\"url\":\"http://files.example/64m\",\"bytes\":67108864},"
	"{\"name\":\"local\",\"leg\":\"local\",\"url\":\"https://files.example/1m\",\"bytes\":1048576,\"nonce\":\"required\","
	"\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}],"
	SCHEDULE ",\"budget_bytes_per_month\":30000000000,"
	"\"maintenance\":[{\"from_ms\":1000,\"to_ms\":2000}],"
	"\"orders\":[{\"id\":\"o-1\",\"leg\":\"hub\",\"placed_ms\":10,\"expires_ms\":20}]}";

static void test_a_good_one_is_read(void **unused)
{
	const struct instruction_file *file;
	struct err err;

	(void)unused;
	assert_int_equal(instruction_parse(good, strlen(good), &targets, &instruction, &err), 0);
	assert_string_equal(instruction.version, "v9");
	assert_string_equal(instruction.line, "line-7");
	assert_int_equal(instruction.threshold_bps[LEG_LOCAL], 240000);
	assert_int_equal(instruction.threshold_bps[LEG_HUB], 0);
	assert_int_equal(instruction.interval_ms, 900000);
	assert_int_equal(instruction.report_ms, 300000);
	assert_int_equal(instruction.budget_bytes, 30000000000);
	assert_int_equal(instruction.file_count, 2);
	file = instruction_file(&instruction, LEG_LOCAL);
	assert_string_equal(file->name, "local");   /* the smaller one */
	assert_int_equal(file->nonce, NONCE_REQUIRED);
	assert_int_equal(file->size_bytes, 1048576);
	assert_null(instruction_file(&instruction, LEG_HUB));
	assert_int_equal(instruction.order_count, 1);
	assert_string_equal(instruction.orders[0].id, "o-1");
	assert_false(instruction_in_maintenance(&instruction, 999));
	assert_true(instruction_in_maintenance(&instruction, 1000));
	assert_false(instruction_in_maintenance(&instruction, 2000));
}

static const struct {
	const char *layer;
	int64_t want_bps;
} layers[] = { { "tcp_payload", 94000000 }, { "ip", 90741333 }, { "ethernet", 88499349 } };

static void test_thresholds_become_tcp_payload(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
		char text[512];
		struct err err;

		snprintf(text, sizeof text, HEAD "\"legs\":{\"hub\":{\"threshold_bps\":94000000,\"layer\":\"%s\"}}," SCHEDULE "}",
			 layers[i].layer);
		assert_int_equal(instruction_parse(text, strlen(text), &targets, &instruction, &err), 0);
		assert_int_equal(instruction.threshold_bps[LEG_HUB], layers[i].want_bps);
	}
}

static const struct {
	const char *text;
	const char *message;
} bad[] = {
	{ "", "line 1, column 0: unexpected token near end of file" },
	{ "[]", "must be an object" },
	{ "{}", "line: is missing" },
	{ "{\"line\":7}", "line: must be a string" },
	{ "{\"line\":\"l\"}", "version: must be a number or at most 63 bytes of text" },
	{ "{\"line\":\"l\",\"version\":[1]}", "version: must be a number or at most 63 bytes of text" },
	{ HEAD SCHEDULE "}", "legs: must be an object" },
	{ HEAD "\"legs\":{}}", "schedule: must be an object" },
	{ HEAD "\"legs\":{\"hub\":{\"threshold_bps\":-1}}," SCHEDULE "}",
	  "legs.hub: threshold_bps: must lie between 0 and 1000000000000" },
	{ HEAD "\"legs\":{\"local\":{\"threshold_bps\":1,\"layer\":\"dsl\"}}," SCHEDULE "}",
	  "legs.local: layer: must be one of: tcp_payload, ip, ethernet" },
	{ HEAD "\"legs\":{\"local\":{\"threshold_bps\":\"30KB/s\"}}," SCHEDULE "}",
	  "legs.local: threshold_bps: must be an integer" },
	{ HEAD "\"legs\":{},\"schedule\":{\"interval_s\":0,\"report_s\":300}}",
	  "schedule: interval_s: must lie between 1 and 86400" },
	{ HEAD "\"legs\":{},\"schedule\":{\"interval_s\":900}}", "schedule: report_s: is missing" },
	{ HEAD "\"legs\":{}," SCHEDULE ",\"reference_files\":{}}", "reference_files: must be an array" },
	{ HEAD "\"legs\":{}," SCHEDULE ",\"reference_files\":[7]}", "reference_files[0]: must be an object" },
	{ HEAD "\"legs\":{}," SCHEDULE ",\"reference_files\":[{" FILE_ "},{\"name\":\"x\"}]}",
	  "reference_files[1]: leg: is missing" },
	{ HEAD "\"legs\":{}," SCHEDULE ",\"reference_files\":[{" FILE_ ",\"sha256\":\"abc\"}]}",
	  "reference_files[0]: sha256: must be 64 hexadecimal digits" },
	{ HEAD "\"legs\":{}," SCHEDULE ",\"reference_files\":[{" FILE_ ",\"bytes\":0}]}",
	  "reference_files[0]: bytes: must lie between 1 and 1000000000000" },
	{ HEAD "\"legs\":{}," SCHEDULE ",\"reference_files\":[{" FILE_ ",\"nonce\":\"yes\"}]}",
	  "reference_files[0]: nonce: must be one of: optional, required" },
	{ HEAD "\"legs\":{}," SCHEDULE ",\"reference_files\":[{\"name\":\"x\",\"leg\":\"hub\",\"url\":\"http://other/1m\"}]}",
	  "reference_files[0]: url: host other is not among the targets this agent allows" },
	{ HEAD "\"legs\":{}," SCHEDULE ",\"reference_files\":[{\"name\":\"x\",\"leg\":\"hub\",\"url\":\"file:///etc/shadow\"}]}",
	  "reference_files[0]: url: must be an http or https URL" },
	{ HEAD "\"legs\":{}," SCHEDULE ",\"maintenance\":[{\"from_ms\":5,\"to_ms\":5}]}",
	  "maintenance[0]: to_ms: must be later than from_ms" },
	{ HEAD "\"legs\":{}," SCHEDULE ",\"orders\":[{\"id\":\"o\",\"leg\":\"wan\",\"placed_ms\":1,\"expires_ms\":2}]}",
	  "orders[0]: leg: must be one of: local, hub" },
};

static void test_a_bad_one_is_refused_whole_and_named(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err err = { 0 };

		memset(&instruction, 0x5a, sizeof instruction);
		assert_int_equal(instruction_parse(bad[i].text, strlen(bad[i].text), &targets, &instruction, &err), -1);
		assert_string_equal(err.message, bad[i].message);
		for (size_t n = 0; n < sizeof instruction; n++)
			assert_int_equal(((unsigned char *)&instruction)[n], 0x5a);
	}
}

static void test_too_many_are_refused(void **unused)
{
	struct buf text = { 0 };
	struct err err;

	(void)unused;
	buf_append_text(&text, HEAD "\"legs\":{}," SCHEDULE ",\"reference_files\":[{" FILE_ "}");
	for (int n = 0; n < INSTRUCTION_FILES; n++)
		buf_append_text(&text, ",{" FILE_ "}");
	buf_append_text(&text, "]}");
	assert_int_equal(instruction_parse(text.data, text.length_bytes, &targets, &instruction, &err), -1);
	assert_string_equal(err.message, "reference_files: must have at most 32 items");
	buf_free(&text);
	assert_int_equal(instruction_parse("", INSTRUCTION_BYTES + 1, &targets, &instruction, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

static void test_it_survives_a_restart(void **unused)
{
	struct scratch scratch;
	char etag[ETAG_SIZE];
	struct err err;

	(void)unused;
	scratch_make(&scratch);
	assert_int_equal(instruction_load(scratch_file(&scratch, "i"), &targets, &instruction, etag, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(instruction_save(scratch.file, "\"abc\"", good, strlen(good), &err), 0);
	memset(&instruction, 0, sizeof instruction);
	assert_int_equal(instruction_load(scratch.file, &targets, &instruction, etag, &err), 0);
	assert_string_equal(etag, "\"abc\"");
	assert_int_equal(instruction.file_count, 2);
	assert_int_equal(instruction_load(scratch.file, &(struct key_texts){ 0 }, &instruction, etag, &err), -1);
	assert_int_equal(err.code, ERR_FORBIDDEN);
	assert_non_null(strstr(err.message, "/i: reference_files[0]: url: host files.example"));
	scratch_remove(&scratch);
}

static void test_a_refusal_is_kept_for_people(void **unused)
{
	struct scratch scratch;
	json_t *refusal;
	struct err err;

	(void)unused;
	scratch_make(&scratch);
	assert_int_equal(refusal_load(scratch_file(&scratch, "r"), &refusal, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(refusal_save(scratch.file, "\"abc\"", "legs: must be an object", 1000, &err), 0);
	assert_int_equal(refusal_load(scratch.file, &refusal, &err), 0);
	assert_string_equal(json_string_value(json_object_get(refusal, "etag")), "\"abc\"");
	assert_string_equal(json_string_value(json_object_get(refusal, "why")), "legs: must be an object");
	assert_int_equal(json_integer_value(json_object_get(refusal, "at_ms")), 1000);
	json_decref(refusal);
	scratch_remove(&scratch);
}

static void test_agent_yaml_makes_the_plan_of_one_that_works_alone(void **unused)
{
	struct reference_file files[] = {
		{ .name = (char *)(uintptr_t)"hub", .leg = LEG_HUB, .url = (char *)(uintptr_t)"http://anywhere/x" },
	};
	struct agent_config config = { .reference_files = { files, 1 }, .local_min_bps = 240000, .interval_ms = 60000,
				       .report_ms = 1000, .budget_bytes = 5000 };
	struct err err;

	(void)unused;
	assert_int_equal(instruction_from_config(&config, &instruction, &err), 0);
	assert_int_equal(instruction.threshold_bps[LEG_LOCAL], 240000);
	assert_int_equal(instruction.interval_ms, 60000);
	assert_int_equal(instruction.budget_bytes, 5000);
	assert_string_equal(instruction_file(&instruction, LEG_HUB)->url, "http://anywhere/x");
	assert_int_equal(instruction_file(&instruction, LEG_HUB)->size_bytes, JSON_ABSENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_good_one_is_read),
		cmocka_unit_test(test_thresholds_become_tcp_payload),
		cmocka_unit_test(test_a_bad_one_is_refused_whole_and_named),
		cmocka_unit_test(test_too_many_are_refused),
		cmocka_unit_test(test_it_survives_a_restart),
		cmocka_unit_test(test_a_refusal_is_kept_for_people),
		cmocka_unit_test(test_agent_yaml_makes_the_plan_of_one_that_works_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
