#include "collector/api/reports.h"
#include "collector/store/agents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/json.h"

#define HEAD "{\"spool\":\"6f1c0a52-5e0a-4a8e-9d6b-2f6c1f0a3b7d\",\"sent_ms\":1700000000000,\"generation\":3,\"events\":["
#define TAIL "]}"
#define MEASURED "\"type\":\"measurement\",\"boot\":\"b\",\"leg\":\"local\",\"file\":\"local\",\"started_ms\":1700000000000," \
	"\"boottime_us\":1,\"duration_us\":2,\"bytes\":3,\"judgement\":\"good\""

static int read_text(const char *text, struct report *ret_report, json_t **ret_body, json_t *faults, struct err *err)
{
	if (json_parse(text, strlen(text), ret_body, err) < 0)
		fail_msg("%s: %s", text, err->message);
	return report_read(*ret_body, ret_report, faults, err);
}

static void test_generations(void **state)
{
	(void)state;
	assert_int_equal(generation_compare(5, 5), GENERATION_NEXT);
	assert_int_equal(generation_compare(5, 4), GENERATION_REPEATED);
	assert_int_equal(generation_compare(5, 3), GENERATION_COPIED);
	assert_int_equal(generation_compare(5, 0), GENERATION_COPIED);
	assert_int_equal(generation_compare(5, 6), GENERATION_AHEAD);
}

static void test_good_events_are_kept_and_bad_ones_rejected(void **state)
{
	struct report report;
	json_t *body;
	struct err err;

	(void)state;
	assert_int_equal(read_text(HEAD "{\"seq\":4," MEASURED "},{\"seq\":7,\"type\":\"latency\"},{\"seq\":8,\"type\":\"nonsense\"},"
				   "{\"seq\":9,\"type\":\"measurement\",\"leg\":\"moon\"},{\"seq\":10},"
				   "{\"seq\":11,\"type\":\"boot\",\"boot\":5}" TAIL, &report, &body, NULL, &err), 0);
	assert_int_equal(report.generation, 3);
	assert_int_equal(report.acked_seq, 11);
	assert_int_equal(report.event_count, 2);
	assert_true(report.events[0].is_measurement);
	assert_int_equal(report.events[0].measurement.bytes, 3);
	assert_int_equal(report.events[1].seq, 7);
	assert_string_equal(json_string_value(json_object_get(report.events[1].object, "type")), "latency");
	assert_string_equal(report.events[0].boot, "b");
	assert_string_equal(report.events[1].boot, "");
	assert_int_equal(json_array_size(report.rejected), 4);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(report.rejected, 1), "seq")), 9);
	assert_string_equal(json_string_value(json_object_get(json_array_get(report.rejected, 1), "detail")),
			    "leg: must be one of: local, hub");
	report_close(&report);
	json_decref(body);
}

static void test_an_outage_must_make_sense(void **state)
{
	static const struct {
		const char *event, *want;   /* NULL: it is taken */
	} cases[] = {
		{ "\"type\":\"outage\",\"started_ms\":5,\"ended_ms\":9,\"shortest_ms\":3,\"longest_ms\":6,\"cause\":\"access\"", NULL },
		{ "\"type\":\"outage\",\"started_ms\":5,\"cause\":\"local-server\"", NULL },
		{ "\"type\":\"outage\",\"ended_ms\":9,\"cause\":\"access\"", "started_ms: is missing" },
		{ "\"type\":\"outage\",\"started_ms\":5,\"ended_ms\":9", "cause: is missing" },
		{ "\"type\":\"outage\",\"started_ms\":5,\"ended_ms\":4,\"cause\":\"access\"",
		  "ended_ms: must not lie before started_ms" },
		{ "\"type\":\"outage\",\"started_ms\":5,\"shortest_ms\":3,\"longest_ms\":2,\"cause\":\"power\"",
		  "longest_ms: must not be less than shortest_ms" },
		{ "\"type\":\"outage\",\"started_ms\":5,\"cause\":\"moon\"", "cause: must be one of: carrier, gateway, access, "
		  "local-server, upstream, dns, http, power, shutdown, suspend, agent, report, clock" },
		{ "\"type\":\"alive\",\"started_ms\":5,\"ended_ms\":5", NULL },
		{ "\"type\":\"alive\",\"started_ms\":5", "ended_ms: is missing" },
		{ "\"type\":\"alive\",\"started_ms\":5,\"ended_ms\":4", "ended_ms: must not lie before started_ms" },
		{ "\"type\":\"alive\",\"started_ms\":\"5\",\"ended_ms\":6", "started_ms: must be an integer" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[512];
		struct report report;
		json_t *body;
		const char *detail;
		struct err err;

		snprintf(text, sizeof text, HEAD "{\"seq\":1,%s}" TAIL, cases[i].event);
		assert_int_equal(read_text(text, &report, &body, NULL, &err), 0);
		detail = json_string_value(json_object_get(json_array_get(report.rejected, 0), "detail"));
		if (cases[i].want)
			assert_string_equal(detail ? detail : "taken", cases[i].want);
		else
			assert_string_equal(detail ? detail : "taken", "taken");
		report_close(&report);
		json_decref(body);
	}
}

static void test_a_number_past_the_last_harms_only_its_event(void **state)
{
	struct report report;
	json_t *body;
	struct err err;

	(void)state;
	assert_int_equal(read_text(HEAD "{\"seq\":9223372036854775806,\"type\":\"latency\"},"
				   "{\"seq\":9223372036854775807,\"type\":\"latency\"}" TAIL, &report, &body, NULL, &err), 0);
	assert_int_equal(report.event_count, 1);
	assert_int_equal(report.events[0].seq, SEQ_MAX);
	assert_int_equal(report.acked_seq, INT64_MAX);
	assert_string_equal(json_string_value(json_object_get(json_array_get(report.rejected, 0), "detail")),
			    "seq: must be at most 9223372036854775806");
	report_close(&report);
	json_decref(body);
}

static void test_report_without_events_is_a_sign_of_life(void **state)
{
	struct report report;
	json_t *body;
	struct err err;

	(void)state;
	assert_int_equal(read_text(HEAD TAIL, &report, &body, NULL, &err), 0);
	assert_int_equal(report.acked_seq, 0);
	assert_int_equal(report.event_count, 0);
	report_close(&report);
	json_decref(body);
}

static void test_reports_that_cannot_be_read(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "[]", "must be an object" },
		{ "{\"sent_ms\":1,\"generation\":0,\"events\":[]}", "spool: is missing" },
		{ "{\"spool\":\"x\",\"sent_ms\":1,\"generation\":0,\"events\":[]}", "spool: must be a UUID" },
		{ "{\"spool\":\"6f1c0a52-5e0a-4a8e-9d6b-2f6c1f0a3b7g\",\"sent_ms\":1,\"generation\":0,\"events\":[]}",
		  "spool: must be a UUID" },
		{ "{\"spool\":\"6f1c0a52-5e0a-4a8e-9d6b-2f6c1f0a3b7d\",\"sent_ms\":1,\"generation\":-1,\"events\":[]}",
		  "generation: must lie between 0 and 9223372036854775806" },
		{ "{\"spool\":\"6f1c0a52-5e0a-4a8e-9d6b-2f6c1f0a3b7d\",\"sent_ms\":1,\"generation\":0}",
		  "events: must be an array" },
		{ HEAD "7" TAIL, "events[0]: must be an object" },
		{ HEAD "{\"type\":\"alive\"}" TAIL,
		  "events[0]: seq must be a whole number above 0 that rises from event to event" },
		{ HEAD "{\"seq\":0,\"type\":\"alive\"}" TAIL,
		  "events[0]: seq must be a whole number above 0 that rises from event to event" },
		{ HEAD "{\"seq\":2,\"type\":\"alive\"},{\"seq\":2,\"type\":\"alive\"}" TAIL,
		  "events[1]: seq must be a whole number above 0 that rises from event to event" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		json_t *faults = json_array();
		struct report report;
		struct err err;
		json_t *body;

		if (read_text(cases[i].text, &report, &body, faults, &err) == 0)
			fail_msg("read: %s", cases[i].text);
		assert_int_equal(err.code, ERR_INPUT);
		assert_string_equal(err.message, cases[i].want);
		json_decref(body);
		json_decref(faults);
	}
}

static void test_too_many_events_are_too_large(void **state)
{
	json_t *events = json_array();
	json_t *body = json_pack("{s:s, s:i, s:i, s:O}", "spool", "6f1c0a52-5e0a-4a8e-9d6b-2f6c1f0a3b7d", "sent_ms", 1,
				 "generation", 0, "events", events);
	struct report report;
	struct err err;

	(void)state;
	for (int i = 1; i <= REPORT_EVENTS_MAX; i++)
		json_array_append_new(events, json_pack("{s:i, s:s}", "seq", i, "type", "latency"));
	assert_int_equal(report_read(body, &report, NULL, &err), 0);
	assert_int_equal(report.event_count, REPORT_EVENTS_MAX);
	report_close(&report);
	json_array_append_new(events, json_pack("{s:i, s:s}", "seq", REPORT_EVENTS_MAX + 1, "type", "latency"));
	assert_int_equal(report_read(body, &report, NULL, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	json_decref(events);
	json_decref(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generations),
		cmocka_unit_test(test_good_events_are_kept_and_bad_ones_rejected),
		cmocka_unit_test(test_an_outage_must_make_sense),
		cmocka_unit_test(test_a_number_past_the_last_harms_only_its_event),
		cmocka_unit_test(test_report_without_events_is_a_sign_of_life),
		cmocka_unit_test(test_reports_that_cannot_be_read),
		cmocka_unit_test(test_too_many_events_are_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
