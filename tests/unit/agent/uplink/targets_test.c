#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/uplink/targets.h"

static char *items[] = { "files.isp.example", "10.20.0.0/15", "192.0.2.7", "2001:db8::/33", "10.99.0.0/40", "bad/8" };
static const struct key_texts allowed = { items, sizeof items / sizeof items[0] };

static const struct {
	const char *host;
	bool want;
} hosts[] = {
	{ "files.isp.example", true },
	{ "FILES.isp.example", true },
	{ "evil-files.isp.example", false },
	{ "files.isp.example.evil", false },
	{ "10.20.255.255", true },
	{ "10.21.0.0", true },
	{ "10.22.0.0", false },
	{ "10.19.255.255", false },
	{ "10.99.0.1", false },          /* its network is none */
	{ "192.0.2.7", true },
	{ "192.0.2.8", false },
	{ "[2001:db8:7fff::1]", true },
	{ "[2001:db8:8000::1]", false },
	{ "2001:db8::1", true },
	{ "bad", false },
	{ "", false },
};

static void test_hosts(void **unused)
{
	const struct key_texts none = { 0 };

	(void)unused;
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		if (targets_allow(&allowed, hosts[i].host) != hosts[i].want)
			fail_msg("%s", hosts[i].host);
		assert_false(targets_allow(&none, hosts[i].host));
	}
}

static const struct {
	const char *url;
	enum err_code code;   /* 0: allowed */
	const char *message;
} urls[] = {
	{ "http://files.isp.example/ref-1m.bin", 0, NULL },
	{ "https://10.20.1.1:8443/x?y=z", 0, NULL },
	{ "http://[2001:db8::1]:80/", 0, NULL },
	{ "http://files.isp.example@evil/", ERR_FORBIDDEN, "host evil is not among the targets this agent allows" },
	{ "http://other.example/files.isp.example", ERR_FORBIDDEN, "host other.example is not among the targets this agent allows" },
	{ "ftp://files.isp.example/", ERR_INPUT, "must be an http or https URL" },
	{ "file:///etc/passwd", ERR_INPUT, "must be an http or https URL" },
	{ "files.isp.example", ERR_INPUT, "must be an http or https URL" },
	{ "", ERR_INPUT, "must be an http or https URL" },
};

static void test_urls(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		struct err err = { 0 };

		assert_int_equal(targets_check_url(&allowed, urls[i].url, &err), urls[i].code ? -1 : 0);
		assert_int_equal(err.code, urls[i].code);
		if (urls[i].message)
			assert_string_equal(err.message, urls[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_hosts), cmocka_unit_test(test_urls) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
