#include "agent/base/httpsig.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* test-key-ed25519 of RFC 9421, B.1.4. */
static const char seed_hex[] = "9f8362f87a484a954e6e740c5b4c0e84229139a20aa8ab56ff66586f6a7d29c5";
static const char public_hex[] = "26b40b8f93fff3d897112f7ebc582b232dbd72517d082fe83cfb30ddce43d1bb";
static unsigned char public_key[HTTPSIG_PUBLIC_KEY_BYTES], secret_key[HTTPSIG_SECRET_KEY_BYTES];

static const char hello[] = "{\"hello\": \"world\"}";   /* the body of RFC 9421's and RFC 9530's examples */
#define HELLO_DIGEST "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"

static const struct httpsig_message post = { "POST", "/foo", "param=Value&Pet=dog", hello, sizeof hello - 1 };
static const struct httpsig_message get = { "GET", "/agent/v1/instruction", NULL, NULL, 0 };

static int make_keys(void **state)
{
	unsigned char seed[crypto_sign_SEEDBYTES], made[HTTPSIG_PUBLIC_KEY_BYTES];

	(void)state;
	if (sodium_init() < 0)
		return -1;
	sodium_hex2bin(seed, sizeof seed, seed_hex, strlen(seed_hex), NULL, NULL, NULL);
	sodium_hex2bin(public_key, sizeof public_key, public_hex, strlen(public_hex), NULL, NULL, NULL);
	crypto_sign_seed_keypair(made, secret_key, seed);
	return memcmp(made, public_key, sizeof made);
}

/* The signatures were made by another implementation over bases written out by hand. */
static void test_signs_as_others_do(void **state)
{
	static const struct {
		const struct httpsig_message *message;
		struct httpsig_headers want;
	} cases[] = {
		{ &post,
		  { HELLO_DIGEST,
		    "sig1=(\"@method\" \"@path\" \"@query\" \"content-digest\");created=1618884473;keyid=\"test-key-ed25519\";"
		    "alg=\"ed25519\"",
		    "sig1=:qP4GRAK3wMk9CroerWMNNQBZDlogkt2pQZCxL9qqIXjAlBkUpF1eFk/5S9nrjcbvfoeW0oo6jqLbVcK3kWQUCA==:" } },
		{ &get,
		  { "", "sig1=(\"@method\" \"@path\" \"@query\");created=1618884473;keyid=\"test-key-ed25519\";alg=\"ed25519\"",
		    "sig1=:yJE+LGM2Xrg9YW/V2KgFgj+zwfB0QlTL6k1a5z/yOSs6DTX8OYrJC4tFQ579iQoZ51H6HN4F9i9iU/8ygUvpAQ==:" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct httpsig_headers headers;
		struct err err = { 0 };

		assert_int_equal(httpsig_sign(cases[i].message, "test-key-ed25519", secret_key, 1618884473, &headers, &err), 0);
		assert_string_equal(headers.content_digest, cases[i].want.content_digest);
		assert_string_equal(headers.signature_input, cases[i].want.signature_input);
		assert_string_equal(headers.signature, cases[i].want.signature);
	}
}

/* Other orders, spaces, further parameters and further signatures are as good; what was signed is what was received. */
static void test_verifies_what_others_sign(void **state)
{
	static const char digest[] = "sha-512=:AAAA:, " HELLO_DIGEST;
	static const char input[] =
		"other=(\"@authority\";req \"date\");created=1;tag=\"x\\\"y\" ,\tsig1=(\"content-digest\"  \"@query\" \"@path\" "
		"\"@method\" );alg=\"ed25519\";nonce=\"n1\"; keyid=\"test-key-ed25519\";created=-5";
	static const char signature[] =
		"other=:AAAA:, sig1=:KeVHWMa2E9+3eNwMUeBjlFg324qTl0tYGTmNZm92JrZbPNH9LTM19eX/l+Rd9kuoi/xICsVRYyCeQqGmaKpwBw==:";
	static const struct httpsig_message message = { "POST", "/foo", NULL, hello, sizeof hello - 1 };
	struct httpsig_claim claim;
	struct err err = { 0 };

	(void)state;
	if (httpsig_verify(&message, digest, input, signature, public_key, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(httpsig_read_claim(input, true, &claim, &err), 0);
	assert_string_equal(claim.keyid, "test-key-ed25519");
	assert_int_equal(claim.created_s, -5);
}

static void test_round_trips(void **state)
{
	static const char keyid_63[] = "0123456789012345678901234567890123456789012345678901234567890ab";
	static const struct {
		struct httpsig_message message;
		const char *keyid;
		int64_t created_s;
	} cases[] = {
		{ { "GET", "/", NULL, NULL, 0 }, "a", 0 },
		{ { "GET", "", "", "", 0 }, "a", 0 },
		{ { "POST", "/agent/v1/reports", "wait=30&x=%20", "\0\xff", 2 }, "agent 7/~", 999999999999999 },
		{ { "POST", "/agent/v1/reports", NULL, hello, 5 }, keyid_63, -999999999999999 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct httpsig_headers headers;
		struct httpsig_claim claim;
		struct err err = { 0 };

		assert_int_equal(httpsig_sign(&cases[i].message, cases[i].keyid, secret_key, cases[i].created_s, &headers, &err), 0);
		if (httpsig_verify(&cases[i].message, headers.content_digest, headers.signature_input, headers.signature,
				   public_key, &err) < 0)
			fail_msg("%s", err.message);
		assert_int_equal(httpsig_read_claim(headers.signature_input, cases[i].message.body_bytes > 0, &claim, &err), 0);
		assert_string_equal(claim.keyid, cases[i].keyid);
		assert_int_equal(claim.created_s, cases[i].created_s);
	}
}

#define NO_VERIFY "Signature: does not verify under the key of agent-7"
#define NO_FIT    "Content-Digest: does not fit the body"

/* Each row alters one part of a request that verified. */
static void test_refuses_altered_messages(void **state)
{
	static const struct {
		const char *name;
		struct httpsig_message message;
		const char *digest;   /* NULL: as signed */
		const char *want;
	} cases[] = {
		{ "method", { "PUT", "/foo", "param=Value&Pet=dog", hello, sizeof hello - 1 }, NULL, NO_VERIFY },
		{ "path", { "POST", "/foo/", "param=Value&Pet=dog", hello, sizeof hello - 1 }, NULL, NO_VERIFY },
		{ "query", { "POST", "/foo", "param=Value&Pet=cat", hello, sizeof hello - 1 }, NULL, NO_VERIFY },
		{ "no query", { "POST", "/foo", NULL, hello, sizeof hello - 1 }, NULL, NO_VERIFY },
		{ "body", { "POST", "/foo", "param=Value&Pet=dog", "{\"hello\": \"World\"}", sizeof hello - 1 }, NULL, NO_FIT },
		{ "shorter body", { "POST", "/foo", "param=Value&Pet=dog", hello, sizeof hello - 2 }, NULL, NO_FIT },
		{ "no body", { "POST", "/foo", "param=Value&Pet=dog", NULL, 0 }, NULL, NO_FIT },
		{ "digest", { "POST", "/foo", "param=Value&Pet=dog", hello, sizeof hello - 1 },
		  "sha-256=:Y48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:", NO_FIT },
		{ "digest of another length", { "POST", "/foo", "param=Value&Pet=dog", hello, sizeof hello - 1 },
		  "sha-256=:AAAA:", "Content-Digest: sha-256 is not Base64 of 32 bytes" },
		{ "digest as text", { "POST", "/foo", "param=Value&Pet=dog", hello, sizeof hello - 1 },
		  "sha-256=\"X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=\"", "Content-Digest: sha-256 is not Base64 of 32 bytes" },
		{ "digest twice", { "POST", "/foo", "param=Value&Pet=dog", hello, sizeof hello - 1 },
		  HELLO_DIGEST "," HELLO_DIGEST, "Content-Digest: sha-256 stands there twice" },
		{ "only another digest", { "POST", "/foo", "param=Value&Pet=dog", hello, sizeof hello - 1 },
		  "sha-512=:AAAA:", "Content-Digest: has no sha-256" },
		{ "one more digest", { "POST", "/foo", "param=Value&Pet=dog", hello, sizeof hello - 1 },
		  HELLO_DIGEST ", sha-512=:AAAA:", NO_VERIFY },
		{ "missing digest", { "POST", "/foo", "param=Value&Pet=dog", hello, sizeof hello - 1 },
		  "", "Content-Digest: is missing, sign the request" },
	};
	struct httpsig_headers headers;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(httpsig_sign(&post, "agent-7", secret_key, 1618884473, &headers, &err), 0);
	assert_int_equal(httpsig_verify(&post, headers.content_digest, headers.signature_input, headers.signature, public_key,
					&err), 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *digest = cases[i].digest ? cases[i].digest : headers.content_digest;

		err = (struct err){ 0 };
		assert_int_equal(httpsig_verify(&cases[i].message, digest, headers.signature_input, headers.signature, public_key,
						&err), -1);
		assert_int_equal(err.code, ERR_UNAUTHORIZED);
		if (strcmp(err.message, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, err.message);
	}
}

#define ALL        "(\"@method\" \"@path\" \"@query\" \"content-digest\")"
#define REST       ";created=1618884473;keyid=\"agent-7\";alg=\"ed25519\""
#define MALFORMED  "Signature-Input: is malformed"
#define NO_CREATED "Signature-Input: created must be a whole number of seconds"
#define NO_KEYID   "Signature-Input: keyid must be 1 to 63 characters, without \\"
#define NO_ALG     "Signature-Input: alg must be \"ed25519\""

static const struct {
	const char *input, *want;
} bad_inputs[] = {
	{ "sig1=" ALL ";created=1618884474;keyid=\"agent-7\";alg=\"ed25519\"", NO_VERIFY },
	{ "sig1=" ALL ";created=1618884473;keyid=\"agent-8\";alg=\"ed25519\"", "Signature: does not verify under the key of agent-8" },
	{ "sig1=" ALL ";created=1618884473;alg=\"ed25519\";keyid=\"agent-7\"", NO_VERIFY },
	{ "sig1=(\"@path\" \"@method\" \"@query\" \"content-digest\")" REST, NO_VERIFY },
	{ "sig1=" ALL REST ";expires=1", NO_VERIFY },
	{ NULL, "Signature-Input: is missing, sign the request" },
	{ "", "Signature-Input: is missing, sign the request" },
	{ " ", "Signature-Input: is missing, sign the request" },
	{ "sig2=" ALL REST, "Signature-Input: has no sig1" },
	{ "sig1=" ALL REST ", sig1=" ALL REST, "Signature-Input: sig1 stands there twice" },
	{ "sig1=\"x\"" REST, "Signature-Input: sig1 is not a list of components" },
	{ "sig1", "Signature-Input: sig1 is not a list of components" },
	{ "sig1=()" REST, "Signature-Input: @method is not covered" },
	{ "sig1=(\"@path\" \"@query\" \"content-digest\")" REST, "Signature-Input: @method is not covered" },
	{ "sig1=(\"@method\" \"@query\" \"content-digest\")" REST, "Signature-Input: @path is not covered" },
	{ "sig1=(\"@method\" \"@path\" \"content-digest\")" REST, "Signature-Input: @query is not covered" },
	{ "sig1=(\"@method\" \"@path\" \"@query\")" REST, "Signature-Input: content-digest is not covered" },
	{ "sig1=(\"@method\" \"@method\" \"@path\" \"@query\" \"content-digest\")" REST,
	  "Signature-Input: component @method stands there twice" },
	{ "sig1=(\"@method\" \"@path\" \"@query\" \"content-digest\" \"@authority\")" REST,
	  "Signature-Input: component @authority is not accepted" },
	{ "sig1=(\"@method\" \"@path\" \"@query\" \"content-digest\";req)" REST, "Signature-Input: component @method is not accepted" },
	{ "sig1=(@method \"@path\" \"@query\" \"content-digest\")" REST, MALFORMED },
	{ "sig1=(method \"@path\" \"@query\" \"content-digest\")" REST, "Signature-Input: component method is not accepted" },
	{ "sig1=(\"@method\"\"@path\" \"@query\" \"content-digest\")" REST, MALFORMED },
	{ "sig1=(\"a\" \"b\" \"c\" \"d\" \"e\" \"f\" \"g\" \"h\" \"i\" \"j\" \"k\" \"l\" \"m\" \"n\" \"o\" \"p\" \"q\")" REST, MALFORMED },
	{ "sig1=(\"@method\"", MALFORMED },
	{ "sig1=(\"@method", MALFORMED },
	{ "sig1=(\"@method\\", MALFORMED },
	{ "sig1=" ALL REST ",", MALFORMED },
	{ "sig1=" ALL REST " sig2=()", MALFORMED },
	{ "sig1=" ALL REST ";", MALFORMED },
	{ "sig1=" ALL ";created=;keyid=\"agent-7\";alg=\"ed25519\"", MALFORMED },
	{ "Sig1=" ALL REST, MALFORMED },
	{ "=" ALL, MALFORMED },
	{ "sig1=" ALL ";keyid=\"agent-7\";alg=\"ed25519\"", NO_CREATED },
	{ "sig1=" ALL ";created;keyid=\"agent-7\";alg=\"ed25519\"", NO_CREATED },
	{ "sig1=" ALL ";created=1.5;keyid=\"agent-7\";alg=\"ed25519\"", NO_CREATED },
	{ "sig1=" ALL ";created=\"1\";keyid=\"agent-7\";alg=\"ed25519\"", NO_CREATED },
	{ "sig1=" ALL ";created=-;keyid=\"agent-7\";alg=\"ed25519\"", NO_CREATED },
	{ "sig1=" ALL ";created=1234567890123456;keyid=\"agent-7\";alg=\"ed25519\"", NO_CREATED },
	{ "sig1=" ALL ";created=1;created=1;keyid=\"agent-7\";alg=\"ed25519\"", "Signature-Input: a parameter stands there twice" },
	{ "sig1=" ALL ";created=1;alg=\"ed25519\"", NO_KEYID },
	{ "sig1=" ALL ";created=1;keyid=\"\";alg=\"ed25519\"", NO_KEYID },
	{ "sig1=" ALL ";created=1;keyid=agent;alg=\"ed25519\"", NO_KEYID },
	{ "sig1=" ALL ";created=1;keyid=\"a\\\"b\";alg=\"ed25519\"", NO_KEYID },
	{ "sig1=" ALL ";created=1;keyid=\"0123456789012345678901234567890123456789012345678901234567890123\";alg=\"ed25519\"", NO_KEYID },
	{ "sig1=" ALL ";created=1;keyid=\"agent-7\"", NO_ALG },
	{ "sig1=" ALL ";created=1;keyid=\"agent-7\";alg=\"hmac-sha256\"", NO_ALG },
	{ "sig1=" ALL ";created=1;keyid=\"agent-7\";alg=ed25519", NO_ALG },
	{ "\xff\xfe", MALFORMED },
};

static void test_refuses_other_inputs(void **state)
{
	struct httpsig_headers headers;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(httpsig_sign(&post, "agent-7", secret_key, 1618884473, &headers, &err), 0);
	for (size_t i = 0; i < sizeof bad_inputs / sizeof bad_inputs[0]; i++) {
		err = (struct err){ 0 };
		assert_int_equal(httpsig_verify(&post, headers.content_digest, bad_inputs[i].input, headers.signature, public_key,
						&err), -1);
		assert_string_equal(err.message, bad_inputs[i].want);
		assert_int_equal(err.code, ERR_UNAUTHORIZED);
	}
}

static void test_refuses_other_signatures(void **state)
{
	static const struct {
		const char *signature, *want;
	} cases[] = {
		{ NULL, "Signature: is missing, sign the request" },
		{ "sig2=:AAAA:", "Signature: has no sig1" },
		{ "sig1=:AAAA:", "Signature: sig1 is not Base64 of 64 bytes" },
		{ "sig1=::", "Signature: sig1 is not Base64 of 64 bytes" },
		{ "sig1", "Signature: sig1 is not Base64 of 64 bytes" },
		{ "sig1=AAAA", "Signature: sig1 is not Base64 of 64 bytes" },
		{ "sig1=(:AAAA:)", "Signature: sig1 is not Base64 of 64 bytes" },
		{ "sig1=:AAAA", "Signature: is malformed" },
		{ "sig1=:AAAA:, sig1=:AAAA:", "Signature: sig1 stands there twice" },
		{ "sig1=:yJE+LGM2Xrg9YW/V2KgFgj+zwfB0QlTL6k1a5z/yOSs6DTX8OYrJC4tFQ579iQoZ51H6HN4F9i9iU/8ygUvpAQ==:", NO_VERIFY },
		{ "sig1=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==:", NO_VERIFY },
	};
	static const unsigned char no_key[HTTPSIG_PUBLIC_KEY_BYTES] = { 0 };
	struct httpsig_headers headers;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(httpsig_sign(&post, "agent-7", secret_key, 1618884473, &headers, &err), 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(httpsig_verify(&post, headers.content_digest, headers.signature_input, cases[i].signature,
						public_key, &err), -1);
		assert_string_equal(err.message, cases[i].want);
		assert_int_equal(err.code, ERR_UNAUTHORIZED);
	}
	assert_int_equal(httpsig_verify(&post, headers.content_digest, headers.signature_input, headers.signature, no_key, &err),
			 -1);
	assert_string_equal(err.message, NO_VERIFY);
}

static void test_refuses_to_sign_under_odd_keyids(void **state)
{
	static const char *const keyids[] = {
		"", "a\"b", "a\\b", "a\nb", "агент", "0123456789012345678901234567890123456789012345678901234567890123",
	};
	struct httpsig_headers headers;

	(void)state;
	for (size_t i = 0; i < sizeof keyids / sizeof keyids[0]; i++) {
		struct err err = { 0 };

		assert_int_equal(httpsig_sign(&get, keyids[i], secret_key, 0, &headers, &err), -1);
		assert_int_equal(err.code, ERR_INPUT);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signs_as_others_do),
		cmocka_unit_test(test_verifies_what_others_sign),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_refuses_altered_messages),
		cmocka_unit_test(test_refuses_other_inputs),
		cmocka_unit_test(test_refuses_other_signatures),
		cmocka_unit_test(test_refuses_to_sign_under_odd_keyids),
	};

	return cmocka_run_group_tests_name("httpsig", tests, make_keys, NULL);
}
