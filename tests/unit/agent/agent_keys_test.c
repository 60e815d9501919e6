#include "agent/agent_keys.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/base/measurement.h"
#include "tests/unit/sample.h"

#define DIGEST "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58"

static char path[] = "/tmp/agent_keys_test.XXXXXX";

static int read_text(const char *text, struct agent_config *ret_config, struct buf *ret_faults)
{
	FILE *file = fopen(path, "w");
	struct err err = { 0 };

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	return agent_config_read(path, ret_config, ret_faults, &err);
}

static void test_sample_loads_with_the_defaults(void **state)
{
	struct agent_config config;
	struct buf faults = { 0 };
	struct err err = { 0 };

	(void)state;
	if (agent_config_read("config/agent.yaml", &config, &faults, &err) < 0)
		fail_msg("%s", buf_text(&faults));
	assert_null(config.collector_url);
	assert_string_equal(config.state_dir, "/var/lib/plumbline-agent");
	assert_int_equal(config.spool_max_bytes, 268435456);
	assert_int_equal(config.local_min_bps, 0);
	assert_int_equal(config.interval_ms, 900000);
	assert_int_equal(config.report_ms, 300000);
	assert_int_equal(config.budget_bytes, 20000000000);
	assert_int_equal(config.discard_bytes, 0);
	assert_int_equal(config.server_busy.nic_percent, 70);
	assert_int_equal(config.server_busy.cpu_percent, 85);
	assert_int_equal(config.sees_part, 0);
	assert_int_equal(config.log_level, LOG_INFO);
	agent_config_free(&config);
	buf_free(&faults);
}

static void test_sample_shows_every_key(void **state)
{
	struct agent_config config = { 0 };

	(void)state;
	sample_check("config/agent.yaml", agent_keys, &config);
}

static void test_reads_all_of_it(void **state)
{
	static const char text[] =
		"collector: {url: https://collector.isp.example:8443, ca_file: /etc/plumbline/ca.pem}\n"
		"state_dir: /tmp/s\nspool: {max_size: 1MiB}\ninterface: eth0\nsees_all_traffic: no\n"
		"targets_allowed: [files.isp.example, 10.20.0.0/16, 2001:db8::/32, 2001:db8::1, 192.0.2.1]\n"
		"reference_files:\n"
		"  - {name: local, leg: local, url: \"http://files.isp.example/ref-1m.bin\", sha256: \"" DIGEST "\"}\n"
		"  - {name: hub, leg: hub, url: \"http://hub.example/ref-1m.bin\", size: 1MiB, nonce: required}\n"
		"thresholds: {local_min: 30KB/s, hub_min: 20KB/s}\nschedule: {interval: 1s, report: 1s}\nwatch: {gateway: 500ms, hub: 1m}\n"
		"log: {level: debug}\n";
	struct agent_config config;
	struct buf faults = { 0 };
	const struct reference_file *files;

	(void)state;
	if (read_text(text, &config, &faults) < 0)
		fail_msg("%s", buf_text(&faults));
	files = config.reference_files.items;
	assert_string_equal(config.collector_url, "https://collector.isp.example:8443");
	assert_string_equal(config.collector_ca_file, "/etc/plumbline/ca.pem");
	assert_string_equal(config.interface, "eth0");
	assert_int_equal(config.sees_part, 1);
	assert_int_equal(config.targets_allowed.count, 5);
	assert_int_equal(config.reference_files.count, 2);
	assert_int_equal(files[0].leg, LEG_LOCAL);
	assert_string_equal(files[0].sha256, DIGEST);
	assert_int_equal(files[0].nonce_required, 0);
	assert_int_equal(files[0].size_bytes, 0);
	assert_int_equal(files[1].leg, LEG_HUB);
	assert_null(files[1].sha256);
	assert_int_equal(files[1].nonce_required, 1);
	assert_int_equal(files[1].size_bytes, 1048576);
	assert_int_equal(config.local_min_bps, 240000);
	assert_int_equal(config.hub_min_bps, 160000);
	assert_int_equal(config.interval_ms, 1000);
	assert_int_equal(config.watch.gateway_ms, 500);
	assert_int_equal(config.watch.local_ms, 10000);
	assert_int_equal(config.watch.hub_ms, 60000);
	assert_int_equal(config.log_level, LOG_DEBUG);
	agent_config_free(&config);
	buf_free(&faults);
}

static void test_names_faults(void **state)
{
	static const struct {
		const char *text, *want;   /* without the file's name */
	} cases[] = {
		{ "reference_files:\n- {name: a, leg: hub, url: 'http://a/'}\n- {name: a, leg: hub, url: 'http://a/'}\n",
		  ":3:10: name: \"a\" stands in reference_files already, choose another" },
		{ "reference_files:\n- {name: a, leg: near, url: 'http://a/'}\n",
		  ":2:18: leg: \"near\" is not known, write one of local, hub" },
		{ "reference_files:\n- {name: a, url: 'http://a/'}\n",
		  ":2:3: leg: is missing, add it: local (the provider's own server) or hub (the exchange)" },
		{ "reference_files:\n- {name: a, leg: hub, url: 'http://a/', sha256: abc}\n",
		  ":2:49: sha256: is not a SHA-256, write the 64 hexadecimal digits that sha256sum prints" },
		{ "reference_files:\n- {name: a, leg: hub, url: 'ftp://a/'}\n",
		  ":2:28: url: \"ftp://a/\" is no address, write http://HOST/… or https://HOST/…" },
		{ "targets_allowed: [a, 'b c']\n",
		  ":1:22: targets_allowed: \"b c\" is neither a host nor a network, write files.isp.example or 10.20.0.0/16" },
		{ "targets_allowed: [10.20.0.0/33]\n",
		  ":1:19: targets_allowed: \"10.20.0.0/33\" is neither a host nor a network, write files.isp.example or 10.20.0.0/16" },
		{ "targets_allowed: [host/8]\n",
		  ":1:19: targets_allowed: \"host/8\" is neither a host nor a network, write files.isp.example or 10.20.0.0/16" },
		{ "collector: {ca_file: x}\n", ":1:12: ca_file: is of no use without url, add url or remove it" },
		{ "schedule: {interval: 999ms}\n", ":1:22: interval: out of range, must lie between 1 s and 1 d" },
		{ "thresholds: {local_min: 0bit/s}\n", ":1:25: local_min: out of range, must lie between 1 bit/s and 1000 Gbit/s" },
		{ "watch: {hub: 10ms}\n", ":1:14: hub: out of range, must lie between 100 ms and 1 d" },
		{ "watch: {hub: 30}\n", ":1:14: hub: \"30\" has no unit, write one of ms, s, m, h, d; for example 15m" },
		{ "interface: a-name-too-long0\n", ":1:12: interface: is too long, write at most 15 bytes" },
		{ "log: {level: loud}\n", ":1:14: level: \"loud\" is not known, write one of error, warning, info, debug" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct agent_config config;
		struct buf faults = { 0 };
		char want[512];

		assert_int_equal(read_text(cases[i].text, &config, &faults), -1);
		snprintf(want, sizeof want, "%s%s\n", path, cases[i].want);
		assert_string_equal(buf_text(&faults), want);
		buf_free(&faults);
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
	};

	return cmocka_run_group_tests_name("agent_keys", tests, make_file, remove_file);
}
