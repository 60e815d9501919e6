#include "collector/collector_keys.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/base/measurement.h"
#include "tests/unit/sample.h"

#define DIGEST "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58"

static char path[] = "/tmp/collector_keys_test.XXXXXX";

static int read_text(const char *text, struct collector_config *ret_config, struct buf *ret_faults)
{
	FILE *file = fopen(path, "w");
	struct err err = { 0 };

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	return collector_config_read(path, ret_config, ret_faults, &err);
}

static void test_sample_loads_with_the_defaults(void **state)
{
	static const struct decision_rule rule = {
		8, 12, 10, 16, 5400000, 21600000, 50, 2, 24, 8, 96, 21600000, 70, 86400000, 0, 0, 259200000, 3, 1209600000,
		3, 4, 2, 8, 4, 2,
	};   /* methodology 11.3 */
	static const struct decision_rule capacity = {
		3, 4, 3, 4, 21600000, 604800000, 50, 0, 3, 0, 3, 21600000, 70, 86400000, 68400000, 82800000, 259200000, 3,
		1209600000, 3, 4, 2, 8, 4, 2,
	};
	static const struct silence_rule silence = {
		300000, 2, 3, 60000, 3600000, 5, 20, 6, 20, 3, 300000, 60000, 1000, 5, 2000,
	};   /* methodology 10 */
	struct collector_config config;
	struct buf faults = { 0 };
	struct err err = { 0 };
	const struct service_plan *plan;

	(void)state;
	if (collector_config_read("config/collector.yaml", &config, &faults, &err) < 0)
		fail_msg("%s", buf_text(&faults));
	assert_string_equal(config.listen, "127.0.0.1:8443");
	assert_string_equal(config.database, "/var/lib/plumbline/collector.db");
	assert_string_equal(config.time_zone, "UTC");
	assert_memory_equal(&config.decision, &rule, sizeof rule);
	assert_memory_equal(&config.capacity_decision, &capacity, sizeof capacity);
	assert_memory_equal(&config.guard, (&(struct guard_rule){ 5, 20, 2, 1, 2, INT64_C(2419200000), 80, 604800000 }),
			    sizeof config.guard);
	assert_int_equal(config.incident_good_percent, 80);
	assert_int_equal(collector_config_cell_ms(&config), 900000);
	assert_memory_equal(&config.silence, &silence, sizeof silence);
	assert_int_equal(config.report_ms, 300000);
	assert_int_equal(config.keep_reports_ms, INT64_C(3024000000));
	assert_int_equal(config.keep_measurements_ms, INT64_C(15552000000));
	assert_int_equal(config.keep_hourly_ms, INT64_C(63072000000));
	assert_int_equal(config.keep_daily_ms, INT64_C(315360000000));
	assert_int_equal(config.keep_events_ms, INT64_C(7776000000));
	assert_int_equal(config.max_connections, 16384);
	assert_int_equal(config.max_body_bytes, 1048576);
	assert_int_equal(config.log_level, LOG_INFO);
	plan = collector_config_find_plan(&config, "norm-2001");
	assert_non_null(plan);
	assert_int_equal(plan->local_min_bps, 240000);
	assert_int_equal(plan->hub_min_bps, 160000);
	assert_string_equal(reliability_names[plan->reliability], "norm-2001");
	assert_null(collector_config_find_plan(&config, "norm"));
	collector_config_free(&config);
	buf_free(&faults);
}

static void test_sample_shows_every_key(void **state)
{
	struct collector_config config = { 0 };

	(void)state;
	sample_check("config/collector.yaml", collector_keys, &config);
}

static void test_reads_all_of_it(void **state)
{
	static const char text[] =
		"listen: 0.0.0.0:8443\npublic_url: https://c.isp.example\ntls: {certificate: c.pem, key: k.pem}\n"
		"database: /tmp/c.db\ntime_zone: Europe/Moscow\nreference_dir: /srv/ref\n"
		"reference_files:\n"
		"  - {name: local, leg: local, node: core, url: \"http://a/r\", sha256: " DIGEST "}\n"
		"  - {name: local-64m, leg: local, size: 64MiB, node: core, url: \"http://a/r64\", sha256: " DIGEST "}\n"
		"service_plans:\n"
		"  - {name: norm-2001, local_min: 30KB/s, hub_min: 20KB/s, reliability: norm-2001, interval: 1s}\n"
		"  - {name: plain, layer: ethernet}\n"
		"decision: {open_bad: 1, open_of: 1, open_span: 0s, open_within: 1s, close_not_good: 0, close_of: 1,\n"
		"           reopen_within: 1s, suspect_bad: 1, suspect_of: 1}\n"
		"schedule: {report: 1s}\nsilence: {ticket_after: 5s, guard_deviations: 100, check_url: 'https://c:1'}\nkeep_reports: 1d\nmax_connections: 10\nmax_body: 64KiB\n";
	struct collector_config config;
	struct buf faults = { 0 };
	const struct served_file *files;
	const struct service_plan *plans;

	(void)state;
	if (read_text(text, &config, &faults) < 0)
		fail_msg("%s", buf_text(&faults));
	files = config.reference_files.items;
	plans = config.service_plans.items;
	assert_string_equal(config.tls_key, "k.pem");
	assert_string_equal(config.time_zone, "Europe/Moscow");
	assert_int_equal(config.reference_files.count, 2);
	assert_string_equal(files[1].node, "core");
	assert_int_equal(files[1].size_bytes, 67108864);
	assert_int_equal(plans[0].interval_ms, 1000);
	assert_int_equal(plans[0].layer, 0);
	assert_string_equal(layer_names[plans[1].layer], "ethernet");
	assert_string_equal(reliability_names[plans[1].reliability], "standard");
	assert_int_equal(plans[1].local_min_bps, 0);
	assert_int_equal(plans[1].interval_ms, 900000);
	assert_int_equal(config.decision.open_span_ms, 0);
	assert_int_equal(config.decision.close_not_good, 0);
	assert_int_equal(config.silence.report_ms, 1000);
	assert_int_equal(config.silence.ticket_after_ms, 5000);
	assert_string_equal(config.check_url, "https://c:1");
	collector_config_free(&config);
	buf_free(&faults);
}

#define NO_ZONE    " is not a time zone of this machine, write one like Europe/Moscow"
#define NO_ADDRESS " is no address with a port, write 127.0.0.1:8443 or [::]:8443"

static const struct {
	const char *text, *want;   /* without the file's name */
} faulty[] = {
	{ "listen: 0.0.0.0:8443\n", ":1:1: tls: is missing, add certificate and key or listen on 127.0.0.1 (now 0.0.0.0:8443)" },
	{ "listen: '[::]:1'\ntls:\n", ":2:5: tls: is missing, add certificate and key or listen on 127.0.0.1 (now [::]:1)" },
	{ "listen: 0.0.0.0:1\ntls: {certificate: a}\n", ":2:6: tls: needs both certificate and key, add the other" },
	{ "tls: {key: a}\n", ":1:6: tls: needs both certificate and key, add the other" },
	{ "listen: 0.0.0.0:1\ntls: {certificate: [a], key: b}\n", ":2:20: certificate: must be one value" },
	{ "listen: 8443\n", ":1:9: listen: \"8443\"" NO_ADDRESS },
	{ "listen: localhost:8443\n", ":1:9: listen: \"localhost:8443\"" NO_ADDRESS },
	{ "listen: 127.0.0.1:65536\n", ":1:9: listen: \"127.0.0.1:65536\"" NO_ADDRESS },
	{ "listen: '127.0.0.1:'\n", ":1:9: listen: \"127.0.0.1:\"" NO_ADDRESS },
	{ "time_zone: Moscow\n", ":1:12: time_zone: \"Moscow\"" NO_ZONE },
	{ "time_zone: Europe\n", ":1:12: time_zone: \"Europe\"" NO_ZONE },
	{ "time_zone: ../../../etc/passwd\n", ":1:12: time_zone: \"../../../etc/passwd\"" NO_ZONE },
	{ "time_zone: Europe/../../../../etc/passwd\n", ":1:12: time_zone: \"Europe/../../../../etc/passwd\"" NO_ZONE },
	{ "service_plans:\n- {name: a}\n- {name: b}\n- {name: a}\n",
	  ":4:10: name: \"a\" stands in service_plans already, choose another" },
	{ "reference_files:\n- {name: a, leg: hub, url: 'http://a/'}\n",
	  ":2:3: sha256: is missing, add it: its digest, as plumbline-collector reference prints it" },
	{ "decision: {open_bad: 13}\n", ":1:22: open_bad: must not exceed open_of, lower it" },
	{ "decision: {open_of: 7}\n", ":1:11: open_bad: must not exceed open_of, lower it" },
	{ "decision: {open_of: x}\n", ":1:21: open_of: \"x\" is not a whole number, write one without a unit" },
	{ "decision: {open_span: 7h}\n", ":1:23: open_span: must not exceed open_within, lower it" },
	{ "decision: {close_not_good: 25}\n", ":1:28: close_not_good: must not exceed close_of, lower it" },
	{ "decision: {suspect_bad: 5}\n", ":1:25: suspect_bad: must not exceed suspect_of, lower it" },
	{ "decision: {blind_bad: 17}\n", ":1:23: blind_bad: must not exceed blind_of, lower it" },
	{ "capacity_decision: {evening_to: 18h}\n", ":1:20: evening_from: must not exceed evening_to, lower it" },
	{ "decision: {open_bad: 0}\n", ":1:22: open_bad: out of range, must lie between 1 and 1000" },
	{ "silence: {guard_left_percent: 100}\n", ":1:31: guard_left_percent: out of range, must lie between 0 and 99" },
	{ "service_plans:\n- {name: a, interval: 1500ms}\n", ":2:23: interval: must be whole seconds, write 2s or 15m" },
	{ "schedule: {report: 2500ms}\n", ":1:20: report: must be whole seconds, write 2s or 5m" },
	{ "reference_files:\n- {name: a, leg: hub, url: 'http://a/', size: 1001GB, sha256: " DIGEST "}\n",
	  ":2:47: size: out of range, must lie between 1 B and 1000 GB" },
	{ "keep_measurements: 39d\n", ":1:20: keep_measurements: out of range, must lie between 40 d and 3650 d" },
	{ "keep_measurements: 90d\nkeep_hourly: 80d\n", ":1:20: keep_measurements: must not exceed keep_hourly, lower it" },
	{ "keep_hourly: 90d\n", ":1:1: keep_measurements: must not exceed keep_hourly, lower it" },
	{ "keep_daily: 90d\nkeep_hourly: 500d\n", ":2:14: keep_hourly: must not exceed keep_daily, lower it" },
	{ "max_body: 65MiB\n", ":1:11: max_body: out of range, must lie between 1.02 kB and 67.1 MB" },
};

static void test_names_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
		struct collector_config config;
		struct buf faults = { 0 };
		char want[512];

		assert_int_equal(read_text(faulty[i].text, &config, &faults), -1);
		snprintf(want, sizeof want, "%s%s\n", path, faulty[i].want);
		assert_string_equal(buf_text(&faults), want);
		buf_free(&faults);
	}
}

/* What every agent would refuse is refused here. */
static void test_bounds_what_agents_get(void **state)
{
	struct collector_config config;
	struct buf text = { 0 }, faults = { 0 };
	char want[512], padding[1024];

	(void)state;
	memset(padding, 'x', sizeof padding);
	buf_append_text(&text, "reference_files:\n");
	for (int i = 1; i <= 33; i++)
		buf_printf(&text, "- {name: f%d, leg: hub, sha256: " DIGEST ", url: 'http://a/%.*s'}\n", i, i == 2 ? 1014 : i == 3 ? 1015 : 1,
			   padding);
	assert_int_equal(read_text(buf_text(&text), &config, &faults), -1);
	snprintf(want, sizeof want, "%s:4:103: url: is too long, write at most 1023 bytes\n"
		 "%s:34:3: reference_files: must have at most 32 items, remove what comes from here on\n", path, path);
	assert_string_equal(buf_text(&faults), want);
	buf_free(&text);
	buf_free(&faults);
}

static void test_takes_listen_apart(void **state)
{
	static const struct {
		const char *listen, *want_address;
		int want_port;
	} cases[] = {
		{ "127.0.0.1:8443", "127.0.0.1", 8443 },
		{ "0.0.0.0:0", "0.0.0.0", 0 },
		{ "[::1]:65535", "::1", 65535 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char address[LISTEN_ADDRESS_SIZE];
		struct err err;
		int port;

		assert_int_equal(collector_listen_parse(cases[i].listen, address, &port, &err), 0);
		assert_string_equal(address, cases[i].want_address);
		assert_int_equal(port, cases[i].want_port);
	}
}

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample_loads_with_the_defaults),
		cmocka_unit_test(test_sample_shows_every_key),
		cmocka_unit_test(test_reads_all_of_it),
		cmocka_unit_test(test_names_faults),
		cmocka_unit_test(test_bounds_what_agents_get),
		cmocka_unit_test(test_takes_listen_apart),
	};

	return cmocka_run_group_tests_name("collector_keys", tests, make_file, remove_file);
}
