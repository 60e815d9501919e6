#include "agent/measure/nonce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <curl/curl.h>

static const struct {
	const char *url, *want;
} urls[] = {
	{ "http://files.example/ref.bin", "http://files.example/ref.bin?nonce=ab" },
	{ "http://files.example/ref.bin?size=1", "http://files.example/ref.bin?size=1&nonce=ab" },
	{ "http://files.example/ref.bin#top", "http://files.example/ref.bin?nonce=ab#top" },
	{ "http://[::1/", NULL },
};

static void test_urls(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		char *got = nonce_add(urls[i].url, "ab");

		if (!urls[i].want)
			assert_null(got);
		else
			assert_string_equal(got, urls[i].want);
		curl_free(got);
	}
}

static void test_no_two_are_alike(void **state)
{
	uint64_t seed = 1;
	struct random_source random = random_seeded(&seed);
	char one[NONCE_SIZE], other[NONCE_SIZE];

	(void)state;
	nonce_draw(&random, one);
	nonce_draw(&random, other);
	assert_int_equal(strspn(one, "0123456789abcdef"), NONCE_SIZE - 1);
	assert_int_equal(strlen(one), NONCE_SIZE - 1);
	assert_string_not_equal(one, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_no_two_are_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
