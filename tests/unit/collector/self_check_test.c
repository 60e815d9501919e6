#include "collector/self_check.h"

#include <string.h>

#include "tests/unit/collector/store/sqlite/fixture.h"

static void test_address(void **state)
{
	static const struct {
		const char *name;
		struct collector_config config;
		const char *want;
	} cases[] = {
		{ "as listened on", { .listen = "127.0.0.1:0" }, "http://127.0.0.1:8443/readyz" },
		{ "on any address, so on loopback too", { .listen = "0.0.0.0:8443", .tls_certificate = "c" }, "https://127.0.0.1:8443/readyz" },
		{ "the same of IPv6", { .listen = "[::]:8443", .tls_certificate = "c" }, "https://[::1]:8443/readyz" },
		{ "on one address", { .listen = "192.0.2.1:8443", .tls_certificate = "c" }, "https://192.0.2.1:8443/readyz" },
		{ "the public one", { .listen = "127.0.0.1:1", .public_url = "https://c.example/" }, "https://c.example/readyz" },
		{ "another than the public one", { .listen = "127.0.0.1:1", .public_url = "https://c.example", .check_url = "http://in/p" },
		  "http://in/p/readyz" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char url[SELF_CHECK_URL_SIZE];

		print_message("%s\n", cases[i].name);
		assert_ok(self_check_url(&cases[i].config, 8443, url, &err));
		assert_string_equal(url, cases[i].want);
	}
}

static void test_address_is_bounded(void **state)
{
	char base[SELF_CHECK_URL_SIZE + 1], url[SELF_CHECK_URL_SIZE];
	const struct collector_config config = { .public_url = base };

	(void)state;
	memset(base, 'x', SELF_CHECK_URL_SIZE);
	base[SELF_CHECK_URL_SIZE] = '\0';
	assert_fails(self_check_url(&config, 8443, url, &err), ERR_USAGE, "self-check: the address is too long");
}

/* A port that nobody listens on: the look finds that the address does not answer, and nothing else that is wrong. */
static void test_nobody_answers(void **state)
{
	struct collector_config config = {
		.listen = "127.0.0.1:1",
		.silence = { .report_ms = 300000, .check_every_ms = 3600000, .check_commit_ms = 600000, .check_clock_step_ms = 600000 },
	};
	struct self_check_options options = { .config = &config, .clock = clock_system() };
	char directory[32], path[64];
	uv_loop_t loop;
	struct store_options store = { .path = path, .loop = &loop, .readers = 1 };
	struct self_check *check;

	(void)state;
	directory_make(directory, path);
	config.database = path;
	uv_loop_init(&loop);
	assert_ok(store_open(&store, &options.store, &err));
	options.loop = &loop;
	check = self_check_new(&options);
	self_check_stop(check);   /* not started yet */
	assert_int_equal(self_check_state(check).looked_ms, JSON_ABSENT);
	assert_ok(self_check_start(check, 1, &err));
	while (self_check_state(check).looked_ms == JSON_ABSENT)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(self_check_state(check).faults & ~(1u << OWN_DISK), 1u << OWN_ADDRESS);
	self_check_stop(check);
	store_close(options.store, NULL, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	self_check_free(check);
	assert_int_equal(uv_loop_close(&loop), 0);
	directory_remove(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_address_is_bounded),
		cmocka_unit_test(test_nobody_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
