#include "agent/base/measurement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/json.h"

static const char least[] =
	"{\"leg\":\"hub\",\"kind\":\"reference\",\"trigger\":\"schedule\",\"file\":\"hub\",\"started_ms\":0,\"boottime_us\":0,\"duration_us\":0,"
	"\"bytes\":0,\"cross\":\"unknown\",\"judgement\":\"failed\"}";
static const char most[] =
	"{\"leg\":\"local\",\"kind\":\"capacity\",\"trigger\":\"order\",\"file\":\"local\",\"order\":\"o-1\",\"cell_ms\":1700000000000,"
	"\"started_ms\":1700000000001,\"boottime_us\":2,\"duration_us\":3,\"bytes\":1048576,\"rate_body_bps\":4,"
	"\"rate_user_bps\":5,\"rate_steady_bps\":6,\"rate_max1s_bps\":14,\"steady_from_us\":15,\"steady_us\":16,\"throughput_bps\":7,\"threshold_bps\":240000,\"dns_us\":8,\"connect_us\":9,"
	"\"tls_us\":10,\"first_byte_us\":11,\"http_status\":200,\"peer\":\"192.0.2.1:80\",\"interface\":\"eth0\","
	"\"sha256_ok\":true,\"cross_rx_bps\":12,\"cross_tx_bps\":13,\"cross\":\"measured\",\"lower_bound\":false,\"family\":6,"
	"\"connections\":4,\"bytes_spent\":17,\"link_bps\":18,\"cpu_percent\":19,\"rtt_us\":20,\"idle_p50_us\":21,"
	"\"loaded_p50_us\":22,\"loaded_p95_us\":23,\"loaded_increase_us\":24,\"loaded_http_p50_us\":25,\"loaded_way\":\"tcp\","
	"\"loaded_sent\":26,\"loaded_lost\":27,\"trace\":\"a 0 zz\",\"tcp\":\"rtt=5\","
	"\"judgement\":\"bad\","
	"\"reason\":\"contended\"}";

static int from_text(const char *text, struct measurement *ret, struct err *err)
{
	json_t *object;
	int rc;

	assert_int_equal(json_parse(text, strlen(text), &object, err), 0);
	rc = measurement_from_json(object, ret, NULL, err);
	json_decref(object);
	return rc;
}

static void test_round_trips(void **state)
{
	static const char *const texts[] = { least, most };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct measurement measurement;
		struct err err = { 0 };
		json_t *object;
		char *text;

		if (from_text(texts[i], &measurement, &err) < 0)
			fail_msg("%s", err.message);
		object = measurement_to_json(&measurement);
		text = json_dumps(object, JSON_COMPACT);
		assert_string_equal(text, texts[i]);
		free(text);
		json_decref(object);
	}
}

static void test_init_is_all_absent(void **state)
{
	struct measurement made, read;
	struct err err = { 0 };

	(void)state;
	measurement_init(&made);
	assert_int_equal(from_text(least, &read, &err), 0);
	read.leg = 0;
	read.file[0] = '\0';
	read.judgement = 0;
	assert_int_equal(made.rate_body_bps, read.rate_body_bps);
	assert_int_equal(made.cell_ms, read.cell_ms);
	assert_int_equal(made.http_status, read.http_status);
	assert_int_equal(made.sha256_ok, JSON_ABSENT);
	assert_int_equal(made.lower_bound, JSON_ABSENT);
	assert_int_equal(made.threshold_bps, JSON_ABSENT);
	assert_int_equal(made.cross, CROSS_UNKNOWN);
	assert_int_equal(made.idle_p50_us, JSON_ABSENT);
	assert_int_equal(made.loaded_sent, JSON_ABSENT);
	assert_string_equal(made.peer, "");
	assert_int_equal(made.reason, REASON_NONE);
}

/* Each row replaces one member of what was good. */
static void test_refuses(void **state)
{
	static const struct {
		const char *name, *value, *want;
	} cases[] = {
		{ "leg", "\"far\"", "leg: must be one of: local, hub" },
		{ "started_ms", "-1", "started_ms: must lie between 0 and 32503680000000" },
		{ "duration_us", "86400000001", "duration_us: must lie between 0 and 86400000000" },
		{ "throughput_bps", "1000000000001", "throughput_bps: must lie between 0 and 1000000000000" },
		{ "threshold_bps", "0", "threshold_bps: must lie between 1 and 1000000000000" },
		{ "http_status", "99", "http_status: must lie between 100 and 999" },
		{ "sha256_ok", "1", "sha256_ok: must be true or false" },
		{ "interface", "\"a-name-too-long0\"", "interface: must be at most 15 bytes, without NUL" },
		{ "judgement", "\"fine\"",
		  "judgement: must be one of: good, marginal, bad, unresolved, invalid, failed, skipped" },
		{ "loaded_way", "\"dove\"", "loaded_way: must be one of: icmp, tcp" },
		{ "file", "null", "file: is missing" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		json_t *object, *value;
		struct measurement measurement;
		struct err err = { 0 };

		assert_int_equal(json_parse(most, strlen(most), &object, &err), 0);
		assert_int_equal(json_parse(cases[i].value, strlen(cases[i].value), &value, &err), 0);
		json_object_set_new(object, cases[i].name, value);
		assert_int_equal(measurement_from_json(object, &measurement, NULL, &err), -1);
		assert_string_equal(err.message, cases[i].want);
		json_decref(object);
	}
}

static void test_every_value_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < LEG_COUNT; i++)
		assert_non_null(leg_names[i]);
	for (int i = 0; i <= JUDGED_SKIPPED; i++)
		assert_non_null(judgement_names[i]);
	for (int i = 0; i < REASON_COUNT; i++)
		assert_non_null(reason_names[i]);
	for (int i = 0; i <= TRIGGER_CHECK; i++)
		assert_non_null(trigger_names[i]);
	assert_null(leg_names[LEG_COUNT]);
	assert_null(judgement_names[JUDGED_SKIPPED + 1]);
	assert_null(reason_names[REASON_COUNT]);
	assert_null(trigger_names[TRIGGER_CHECK + 1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_init_is_all_absent),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_every_value_has_a_name),
	};

	return cmocka_run_group_tests_name("measurement", tests, NULL, NULL);
}
