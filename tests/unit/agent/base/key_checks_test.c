#include "agent/base/key_checks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define NO_DIGEST  "is not a SHA-256, write the 64 hexadecimal digits that sha256sum prints"
#define NO_ADDRESS " is no address, write http://HOST/… or https://HOST/…"

static void test_checks(void **state)
{
	static const struct {
		int (*check)(char *text, struct err *err);
		const char *text, *want;   /* the text afterwards, or the message */
		int want_rc;
	} cases[] = {
		{ key_check_url, "http://a/", "http://a/", 0 },
		{ key_check_url, "https://files.isp.example:8443/ref-1m.bin?x=1", "https://files.isp.example:8443/ref-1m.bin?x=1", 0 },
		{ key_check_url, "http://[2001:db8::1]:80/r", "http://[2001:db8::1]:80/r", 0 },
		{ key_check_url, "ftp://a/b", "\"ftp://a/b\"" NO_ADDRESS, -1 },
		{ key_check_url, "file:///etc/passwd", "\"file:///etc/passwd\"" NO_ADDRESS, -1 },
		{ key_check_url, "a/b", "\"a/b\"" NO_ADDRESS, -1 },
		{ key_check_url, "http:///b", "\"http:///b\"" NO_ADDRESS, -1 },
		{ key_check_url, "http://a b/", "\"http://a b/\"" NO_ADDRESS, -1 },
		{ key_check_url, "http://a:99999/", "\"http://a:99999/\"" NO_ADDRESS, -1 },
		{ key_check_url, "https://ann:secret@a/", "has a user name in it, remove that", -1 },
		{ key_check_sha256, "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08",
		  "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", 0 },
		{ key_check_sha256, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a0", NO_DIGEST, -1 },
		{ key_check_sha256, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a081", NO_DIGEST, -1 },
		{ key_check_sha256, "gf86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", NO_DIGEST, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err err = { 0 };
		char text[128];

		snprintf(text, sizeof text, "%s", cases[i].text);
		assert_int_equal(cases[i].check(text, &err), cases[i].want_rc);
		assert_string_equal(cases[i].want_rc ? err.message : text, cases[i].want);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_checks) };

	return cmocka_run_group_tests_name("key_checks", tests, NULL, NULL);
}
