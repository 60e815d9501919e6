#include "tests/unit/collector/http/server_fixture.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "collector/http/tls.h"

/* A self-signed certificate, its key, and a key that is another's, in files of their own. */
struct files {
	char directory[32];
	char certificate[64], key[64], other_key[64], empty[64];
};

static void write_key(const char *path, EVP_PKEY *key)
{
	FILE *file = fopen(path, "w");

	assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
}

static void write_certificate(const char *path, EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	FILE *file = fopen(path, "w");

	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_set_pubkey(certificate, key);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509(file, certificate), 1);
	fclose(file);
	X509_free(certificate);
}

static void files_make(struct files *files)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");

	strcpy(files->directory, "/tmp/plumbline-tls-XXXXXX");
	assert_non_null(mkdtemp(files->directory));
	snprintf(files->certificate, sizeof files->certificate, "%s/cert.pem", files->directory);
	snprintf(files->key, sizeof files->key, "%s/key.pem", files->directory);
	snprintf(files->other_key, sizeof files->other_key, "%s/other.pem", files->directory);
	snprintf(files->empty, sizeof files->empty, "%s/empty.pem", files->directory);
	write_certificate(files->certificate, key);
	write_key(files->key, key);
	write_key(files->other_key, other);
	fclose(fopen(files->empty, "w"));
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

static void files_remove(struct files *files)
{
	unlink(files->certificate);
	unlink(files->key);
	unlink(files->other_key);
	unlink(files->empty);
	rmdir(files->directory);
}

struct secured {
	struct fixture fixture;
	struct files files;
	struct tls_context *context;
	SSL_CTX *client;
};

static int setup(void **state)
{
	struct secured *secured = calloc(1, sizeof *secured);
	struct err err;

	files_make(&secured->files);
	if (tls_context_new(secured->files.certificate, secured->files.key, &secured->context, &err) != 0)
		fail_msg("%s", err.message);
	secured->client = SSL_CTX_new(TLS_client_method());
	SSL_CTX_load_verify_file(secured->client, secured->files.certificate);
	SSL_CTX_set_verify(secured->client, SSL_VERIFY_PEER, NULL);
	fixture_init(&secured->fixture);
	secured->fixture.options.tls = secured->context;
	fixture_start(&secured->fixture);
	*state = secured;
	return 0;
}

static int teardown(void **state)
{
	struct secured *secured = *state;

	fixture_end(&secured->fixture);
	tls_context_free(secured->context);
	SSL_CTX_free(secured->client);
	files_remove(&secured->files);
	free(secured);
	return 0;
}

static SSL *client_secure(struct secured *secured, SSL_SESSION *session)
{
	SSL *ssl = SSL_new(secured->client);

	SSL_set_fd(ssl, client_connect(&secured->fixture));
	if (session)
		SSL_set_session(ssl, session);
	if (SSL_connect(ssl) != 1)
		fail_msg("%s", ERR_error_string(ERR_get_error(), NULL));
	return ssl;
}

static void client_free(SSL *ssl)
{
	close(SSL_get_fd(ssl));
	SSL_free(ssl);
}

static void secure_say(SSL *ssl, const char *text)
{
	assert_int_equal(SSL_write(ssl, text, (int)strlen(text)), (int)strlen(text));
}

/* Reads up to the server's goodbye, which must come: without it anybody could have cut the connection. */
static void secure_read_all(SSL *ssl, struct buf *ret_bytes)
{
	size_t got;

	while (SSL_read_ex(ssl, buf_reserve(ret_bytes, 65536), 65536, &got) == 1)
		ret_bytes->length_bytes += got;
	assert_int_equal(SSL_get_error(ssl, 0), SSL_ERROR_ZERO_RETURN);
	*buf_reserve(ret_bytes, 1) = '\0';
}

static void test_round_trip(void **state)
{
	SSL *ssl = client_secure(*state, NULL);
	struct buf answer = { 0 };

	secure_say(ssl, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
	secure_say(ssl, "GET /two HTTP/1.1\r\nHost: h\r\n\r\nGET /three HTTP/1.0\r\n\r\n");
	secure_read_all(ssl, &answer);
	assert_non_null(strstr(answer.data, "hello"));
	assert_non_null(strstr(answer.data, "GET /two?(none)"));
	assert_non_null(strstr(answer.data, "GET /three?(none)"));
	buf_free(&answer);
	client_free(ssl);
}

static void test_refusal(void **state)
{
	SSL *ssl = client_secure(*state, NULL);
	struct buf answer = { 0 };

	secure_say(ssl, "GET / HTTP/1.1\r\n\r\n");
	secure_read_all(ssl, &answer);
	assert_non_null(strstr(answer.data, "the Host header is missing"));
	buf_free(&answer);
	client_free(ssl);
}

static void test_stream(void **state)
{
	SSL *ssl = client_secure(*state, NULL);
	struct buf answer = { 0 };
	const char *body;

	secure_say(ssl, "GET /stream?5000000 HTTP/1.0\r\n\r\n");
	secure_read_all(ssl, &answer);
	body = strstr(answer.data, "\r\n\r\n") + 4;
	assert_int_equal(answer.data + answer.length_bytes - body, 5000000);
	for (int64_t i = 0; i < 5000000; i++)
		if ((unsigned char)body[i] != pattern_at(i))
			fail_msg("byte %d differs", (int)i);
	buf_free(&answer);
	client_free(ssl);
}

static void test_large_body(void **state)
{
	static char body[3000000];
	SSL *ssl = client_secure(*state, NULL);
	struct buf answer = { 0 };

	memset(body, 'a', sizeof body);
	secure_say(ssl, "POST /echo HTTP/1.0\r\nContent-Length: 3000000\r\n\r\n");
	assert_int_equal(SSL_write(ssl, body, sizeof body), sizeof body);
	secure_read_all(ssl, &answer);
	assert_memory_equal(strstr(answer.data, "\r\n\r\n") + 4, body, sizeof body);
	buf_free(&answer);
	client_free(ssl);
}

static const struct {
	const char *name;
	int version;
	bool spoken;
} versions[] = {
	{ "TLS 1.1", TLS1_1_VERSION, false },
	{ "TLS 1.2", TLS1_2_VERSION, true },
	{ "TLS 1.3", TLS1_3_VERSION, true },
};

static void test_versions(void **state)
{
	struct secured *secured = *state;

	SSL_CTX_set_security_level(secured->client, 0);
	for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
		SSL *ssl = SSL_new(secured->client);

		SSL_set_min_proto_version(ssl, versions[i].version);
		SSL_set_max_proto_version(ssl, versions[i].version);
		SSL_set_fd(ssl, client_connect(&secured->fixture));
		if ((SSL_connect(ssl) == 1) != versions[i].spoken)
			fail_msg("%s", versions[i].name);
		client_free(ssl);
	}
}

static void test_session_is_resumed(void **state)
{
	struct secured *secured = *state;

	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct buf answer = { 0 };
		SSL_SESSION *session;
		SSL *ssl;

		SSL_CTX_set_max_proto_version(secured->client, version);
		ssl = client_secure(secured, NULL);
		assert_false(SSL_session_reused(ssl));
		secure_say(ssl, "GET / HTTP/1.0\r\n\r\n");
		secure_read_all(ssl, &answer);
		session = SSL_get1_session(ssl);
		SSL_shutdown(ssl);
		client_free(ssl);
		ssl = client_secure(secured, session);
		assert_true(SSL_session_reused(ssl));
		SSL_SESSION_free(session);
		client_free(ssl);
		buf_free(&answer);
	}
}

static void test_cancelled_by_goodbye(void **state)
{
	struct secured *secured = *state;
	SSL *ssl = client_secure(secured, NULL);

	secure_say(ssl, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	await_count(&secured->fixture, &secured->fixture.held, 1);
	SSL_shutdown(ssl);
	await_count(&secured->fixture, &secured->fixture.cancelled, 1);
	client_free(ssl);
}

/* Neither may crash the server or get a word of HTTP out of it. */
static void test_not_tls(void **state)
{
	static const char *const said[] = { "GET / HTTP/1.0\r\n\r\n", "\x16\x03\x01\xff\xff" };
	struct secured *secured = *state;

	for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
		struct buf answer = { 0 };
		int fd = client_connect(&secured->fixture);

		client_say(fd, said[i]);
		client_read_all(fd, &answer);
		assert_null(strstr(answer.data, "HTTP/1.1"));
		buf_free(&answer);
		close(fd);
	}
}

static void test_files(void **state)
{
	struct secured *secured = *state;
	const struct files *files = &secured->files;
	const struct {
		const char *certificate, *key, *named, *reason;
	} cases[] = {
		{ "/nowhere.pem", files->key, "tls certificate /nowhere.pem: ", "No such file or directory" },
		{ files->empty, files->key, files->empty, "no start line" },
		{ files->key, files->key, "tls certificate ", "no start line" },
		{ files->certificate, "/nowhere.pem", "tls key /nowhere.pem: ", "No such file or directory" },
		{ files->certificate, files->empty, files->empty, "unsupported" },
		{ files->certificate, files->other_key, files->other_key, "key values mismatch" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct tls_context *context = NULL;
		struct err err;

		assert_int_equal(tls_context_new(cases[i].certificate, cases[i].key, &context, &err), -1);
		assert_null(context);
		assert_int_equal(err.code, ERR_USAGE);
		if (!strstr(err.message, cases[i].named) || !strstr(err.message, cases[i].reason))
			fail_msg("case %zu: %s", i, err.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_body, setup, teardown),
		cmocka_unit_test_setup_teardown(test_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_session_is_resumed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancelled_by_goodbye, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_tls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
