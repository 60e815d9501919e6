#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/measure/answer.h"
#include "agent/base/json.h"
#include "agent/base/mem.h"

#define DOCUMENTED { 70, 85 }
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define UPPER_ABC "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"

static const struct {
	const char *name;
	enum transfer_header header;
	const char *value;
	bool cached;
} cache_cases[] = {
	{ "no headers", HEADER_AGE, "", false },
	{ "just fetched", HEADER_AGE, "0", false },
	{ "a second old", HEADER_AGE, "1", true },
	{ "an Age that is no number", HEADER_AGE, "old", false },
	{ "a miss", HEADER_X_CACHE, "MISS from proxy", false },
	{ "a hit", HEADER_X_CACHE, "Hit from cloudfront", true },
	{ "the second of two was a hit", HEADER_X_CACHE, "MISS, TCP_HIT", true },
	{ "RFC 9211 hit", HEADER_CACHE_STATUS, "ExampleCache; hit", true },
	{ "RFC 9211 hit with more", HEADER_CACHE_STATUS, "Origin; fwd=miss, Edge;hit; ttl=30", true },
	{ "RFC 9211 miss", HEADER_CACHE_STATUS, "hit; fwd=miss; stored", false },
	{ "RFC 9211 not a hit", HEADER_CACHE_STATUS, "Edge; hit=?0", false },
	{ "another word", HEADER_CACHE_STATUS, "Edge; hitlist", false },
};

static void test_cached(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cache_cases / sizeof cache_cases[0]; i++) {
		struct transfer_result result = { .http_status = 200 };

		text_copy(result.headers[cache_cases[i].header], sizeof result.headers[0], cache_cases[i].value);
		if (answer_is_cached(&result) != cache_cases[i].cached)
			fail_msg("%s", cache_cases[i].name);
	}
}

static const struct {
	const char *name;
	int64_t status;
	const char *echo;
	bool required, wrong;
} nonce_cases[] = {
	{ "any web server", 200, "", false, false },
	{ "missing though required", 200, "", true, true },
	{ "missing from no answer", JSON_ABSENT, "", true, false },
	{ "missing from an error page: the status says why", 503, "", true, false },
	{ "the same", 200, "00ff", true, false },
	{ "another", 200, "00fe", false, true },
	{ "longer", 200, "00ff0", false, true },
};

static void test_nonce(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof nonce_cases / sizeof nonce_cases[0]; i++) {
		struct transfer_result result = { .http_status = nonce_cases[i].status };

		text_copy(result.headers[HEADER_NONCE], sizeof result.headers[0], nonce_cases[i].echo);
		if (answer_nonce_is_wrong(&result, "00ff", nonce_cases[i].required) != nonce_cases[i].wrong)
			fail_msg("%s", nonce_cases[i].name);
	}
}

static const struct {
	const char *name;
	int64_t status;
	const char *load;
	bool busy;
	struct busy_limits limits;
} busy_cases[] = {
	{ "no header", 200, "", false, DOCUMENTED },
	{ "idle", 200, "flows=300, nic=12, cpu=40", false, DOCUMENTED },
	{ "just below", 200, "flows=3, nic=69, cpu=84", false, DOCUMENTED },
	{ "utilisation", 200, "flows=3, nic=70, cpu=1", true, DOCUMENTED },
	{ "processor", 200, "flows=3,cpu=85", true, DOCUMENTED },
	{ "flows alone bound nothing", 200, "flows=5000", false, DOCUMENTED },
	{ "another word", 200, "mynic=99, nice=99", false, DOCUMENTED },
	{ "nonsense", 200, ",,,=,nic=,cpu", false, DOCUMENTED },
	{ "full", 503, "", true, DOCUMENTED },
	{ "too many requests", 429, "", true, DOCUMENTED },
	{ "broken, not busy", 500, "", false, DOCUMENTED },
	{ "limits of one's own", 200, "nic=50, cpu=10", true, { 50, 85 } },
	{ "the card is not looked at", 200, "nic=100, cpu=84", false, { 0, 85 } },
	{ "the processor is not looked at", 200, "nic=69, cpu=100", false, { 70, 0 } },
	{ "full, whatever is looked at", 503, "nic=100", true, { 0, 0 } },
};

static void test_busy(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof busy_cases / sizeof busy_cases[0]; i++) {
		struct transfer_result result = { .http_status = busy_cases[i].status };

		text_copy(result.headers[HEADER_LOAD], sizeof result.headers[0], busy_cases[i].load);
		if (answer_server_is_busy(&result, &busy_cases[i].limits) != busy_cases[i].busy)
			fail_msg("%s", busy_cases[i].name);
	}
}

static const struct {
	const char *name;
	enum reason failure;
	int64_t bytes, content_length, size_bytes;
	const char *expected, *sha256;
	enum reason want;
} content_cases[] = {
	{ "nothing stated", REASON_NONE, 3, 3, 0, NULL, NULL, REASON_NONE },
	{ "as stated", REASON_NONE, 3, 3, 3, ABC, ABC, REASON_NONE },
	{ "digest in capitals", REASON_NONE, 3, 3, 3, UPPER_ABC, ABC, REASON_NONE },
	{ "another digest", REASON_NONE, 3, 3, 3, ABC, "00", REASON_ALTERED },
	{ "complete, but of another length", REASON_NONE, 2, 2, 3, NULL, NULL, REASON_ALTERED },
	{ "longer", REASON_NONE, 4, JSON_ABSENT, 3, NULL, NULL, REASON_ALTERED },
	{ "ended early without a stated length", REASON_NONE, 2, JSON_ABSENT, 3, ABC, "00", REASON_TRUNCATED },
	{ "the transfer's own failure first", REASON_STALLED, 2, 3, 3, ABC, NULL, REASON_STALLED },
};

static void test_content(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof content_cases / sizeof content_cases[0]; i++) {
		struct transfer_result result = {
			.failure = content_cases[i].failure, .http_status = 200, .bytes = content_cases[i].bytes,
			.content_length = content_cases[i].content_length,
		};
		enum reason got = answer_find_failure(&result, content_cases[i].size_bytes, content_cases[i].expected,
						      content_cases[i].sha256);

		if (got != content_cases[i].want)
			fail_msg("%s: %s", content_cases[i].name, reason_names[got]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cached),
		cmocka_unit_test(test_nonce),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
