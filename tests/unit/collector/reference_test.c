#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/json.h"
#include "collector/reference.h"

#define SMALL_BYTES 100000
#define LARGE_BYTES (32 * 1048576)   /* more than the buffers between two sockets hold */

struct fixture {
	char directory[64];
	uv_loop_t loop;
	uv_async_t finished;
	struct http_server *server;
	struct reference *reference;
	int port;
	void (*visit)(struct fixture *fixture);   /* the client's side, on its own thread */
	struct buf answers[16];                   /* what it got */
};

static char *path_of(const struct fixture *fixture, const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
	return path;
}

static void make(const struct fixture *fixture, const char *name, int64_t size_bytes)
{
	uint64_t seed = 7;
	struct random_source random = random_seeded(&seed);
	char sha256[SHA256_HEX_SIZE];
	struct err err;

	if (reference_make(path_of(fixture, name), size_bytes, &random, sha256, &err) < 0)
		fail_msg("%s", err.message);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	signal(SIGPIPE, SIG_IGN);
	strcpy(fixture->directory, "/tmp/reference-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "ref.bin", "large.bin", ".hidden", "link", "pipe" };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		unlink(path_of(fixture, names[i]));
	for (size_t i = 0; i < sizeof fixture->answers / sizeof fixture->answers[0]; i++)
		buf_free(&fixture->answers[i]);
	rmdir(path_of(fixture, "folder"));
	assert_int_equal(rmdir(fixture->directory), 0);   /* nothing temporary was left behind */
	free(fixture);
	return 0;
}

static void test_make(void **state)
{
	struct fixture *fixture = *state;
	uint64_t seed = 7;
	struct random_source random = random_seeded(&seed);
	unsigned char bytes[SMALL_BYTES + 1], hash[crypto_hash_sha256_BYTES];
	char got[SHA256_HEX_SIZE], want[SHA256_HEX_SIZE];
	struct stat status;
	struct err err;
	FILE *file;

	assert_int_equal(reference_make(path_of(fixture, "ref.bin"), SMALL_BYTES, &random, got, &err), 0);
	file = fopen(path_of(fixture, "ref.bin"), "rb");
	assert_non_null(file);
	assert_int_equal(fread(bytes, 1, sizeof bytes, file), SMALL_BYTES);
	assert_int_equal(fstat(fileno(file), &status), 0);
	fclose(file);
	assert_int_equal(status.st_mode & 0777, 0644);
	crypto_hash_sha256(hash, bytes, SMALL_BYTES);
	sodium_bin2hex(want, sizeof want, hash, sizeof hash);
	assert_string_equal(got, want);
	/* Pseudo-random: all byte values, about as often. */
	for (int value = 0, count = 0; value < 256; value++, count = 0) {
		for (int i = 0; i < SMALL_BYTES; i++)
			count += bytes[i] == value;
		assert_in_range(count, 250, 550);
	}
}

static void test_make_refuses(void **state)
{
	struct fixture *fixture = *state;
	uint64_t seed = 7;
	struct random_source random = random_seeded(&seed);
	char sha256[SHA256_HEX_SIZE] = "untouched", want[200];
	struct stat status;
	struct err err;

	make(fixture, "ref.bin", 10);
	assert_int_equal(reference_make(path_of(fixture, "ref.bin"), 20, &random, sha256, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	snprintf(want, sizeof want, "%s/ref.bin: exists already; choose another name, its digest may be in use",
		 fixture->directory);
	assert_string_equal(err.message, want);
	assert_int_equal(stat(path_of(fixture, "ref.bin"), &status), 0);
	assert_int_equal(status.st_size, 10);

	assert_int_equal(reference_make(path_of(fixture, "large.bin"), 0, &random, sha256, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	assert_int_equal(reference_make(path_of(fixture, "nowhere/ref.bin"), 20, &random, sha256, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	snprintf(want, sizeof want, "%s/nowhere/ref.bin: No such file or directory", fixture->directory);
	assert_string_equal(err.message, want);
	assert_string_equal(sha256, "untouched");
}

static void test_load_text(void **state)
{
	char text[LOAD_TEXT_SIZE];

	(void)state;
	reference_format_load(3, (struct load_percent){ 12, 40 }, text);
	assert_string_equal(text, "flows=3, nic=12, cpu=40");
	reference_format_load(0, (struct load_percent){ JSON_ABSENT, 0 }, text);
	assert_string_equal(text, "flows=0, cpu=0");
	reference_format_load(INT64_MAX, (struct load_percent){ JSON_ABSENT, JSON_ABSENT }, text);
	assert_string_equal(text, "flows=9223372036854775807");
	reference_format_load(INT64_MAX, (struct load_percent){ 100, 100 }, text);
	assert_string_equal(text, "flows=9223372036854775807, nic=100, cpu=100");
}

static void test_open_fails(void **state)
{
	struct reference *reference = NULL;
	struct err err;

	(void)state;
	assert_int_equal(reference_open("/nonexistent", 1, NULL, &reference, &err), -1);
	assert_string_equal(err.message, "/nonexistent: No such file or directory");
	assert_null(reference);
	reference_close(NULL);
}

static void handle(void *arg, struct http_request *request)
{
	reference_handle(((struct fixture *)arg)->reference, request);
}

static int ask(const struct fixture *fixture, const char *method, const char *target)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)fixture->port) };
	char request[512];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return -1;
	snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", method, target);
	return send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 ? -1 : fd;
}

static void read_to_end(int fd, struct buf *answer)
{
	ssize_t length;

	buf_clear(answer);
	while ((length = read(fd, buf_reserve(answer, 65536), 65536)) > 0)
		answer->length_bytes += (size_t)length;
	buf_append(answer, "", 0);
	close(fd);
}

static void get(struct fixture *fixture, int number, const char *method, const char *target)
{
	read_to_end(ask(fixture, method, target), &fixture->answers[number]);
}

static void *run_client(void *arg)
{
	struct fixture *fixture = arg;

	fixture->visit(fixture);
	uv_async_send(&fixture->finished);
	return NULL;
}

static void on_finished(uv_async_t *async)
{
	struct fixture *fixture = async->data;

	uv_close((uv_handle_t *)async, NULL);
	http_server_stop(fixture->server, 1000, NULL, NULL);
}

/* Serves until the client has finished its visit. */
static void serve(struct fixture *fixture, int64_t max_transfers, void (*visit)(struct fixture *fixture))
{
	struct http_server_options options = {
		.address = "127.0.0.1", .max_connections = 8, .max_body_bytes = 1000, .head_timeout_ms = 10000,
		.body_timeout_ms = 10000, .idle_timeout_ms = 10000, .handle = handle, .arg = fixture,
	};
	pthread_t client;
	struct err err;

	uv_loop_init(&fixture->loop);
	if (reference_open(fixture->directory, max_transfers, NULL, &fixture->reference, &err) < 0 ||
	    http_server_start(&fixture->loop, &options, &fixture->server, &err) < 0)
		fail_msg("%s", err.message);
	fixture->port = http_server_port(fixture->server);
	fixture->visit = visit;
	uv_async_init(&fixture->loop, &fixture->finished, on_finished);
	fixture->finished.data = fixture;
	assert_int_equal(pthread_create(&client, NULL, run_client, fixture), 0);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	pthread_join(client, NULL);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	reference_close(fixture->reference);
}

static void assert_says(const struct fixture *fixture, int number, const char *want)
{
	if (!strstr(buf_text(&fixture->answers[number]), want))
		fail_msg("answer %d lacks \"%s\":\n%.600s", number, want, buf_text(&fixture->answers[number]));
}

static void assert_silent_about(const struct fixture *fixture, int number, const char *unwanted)
{
	if (strstr(buf_text(&fixture->answers[number]), unwanted))
		fail_msg("answer %d has \"%s\":\n%.600s", number, unwanted, buf_text(&fixture->answers[number]));
}

static const char *body_of(const struct fixture *fixture, int number, size_t *ret_length)
{
	const struct buf *answer = &fixture->answers[number];
	const char *body = strstr(buf_text(answer), "\r\n\r\n");

	assert_non_null(body);
	*ret_length = answer->length_bytes - (size_t)(body + 4 - answer->data);
	return body + 4;
}

#define HEX64 "0123456789abcdefABCDEF00112233445566778899aabbccddeeff0123456789"

static void visit_files(struct fixture *fixture)
{
	get(fixture, 0, "GET", "/reference/ref.bin?nonce=00fFa9");
	get(fixture, 1, "HEAD", "/reference/ref.bin");
	get(fixture, 2, "GET", "/reference/ref.bin?nonce=00fg");
	get(fixture, 3, "GET", "/reference/ref.bin?nonce=" HEX64);
	get(fixture, 4, "GET", "/reference/ref.bin?nonce=" HEX64 "0");
	get(fixture, 5, "GET", "/reference/ref.bin?nonce=");
}

static void test_serves(void **state)
{
	struct fixture *fixture = *state;
	char bytes[SMALL_BYTES];
	const char *body;
	size_t length;
	FILE *file;

	make(fixture, "ref.bin", SMALL_BYTES);
	serve(fixture, 200, visit_files);
	assert_says(fixture, 0, "HTTP/1.1 200 OK\r\n");
	assert_says(fixture, 0, "\r\nCache-Control: no-store\r\n");
	assert_says(fixture, 0, "\r\nPlumbline-Nonce: 00fFa9\r\n");
	assert_says(fixture, 0, "\r\nPlumbline-Load: flows=1\r\n");
	assert_says(fixture, 0, "\r\nContent-Length: 100000\r\n");
	body = body_of(fixture, 0, &length);
	assert_int_equal(length, SMALL_BYTES);
	file = fopen(path_of(fixture, "ref.bin"), "rb");
	assert_non_null(file);
	assert_int_equal(fread(bytes, 1, SMALL_BYTES, file), SMALL_BYTES);
	fclose(file);
	assert_memory_equal(body, bytes, SMALL_BYTES);

	assert_says(fixture, 1, "HTTP/1.1 200 OK\r\n");
	assert_says(fixture, 1, "\r\nContent-Length: 100000\r\n");
	assert_silent_about(fixture, 1, "Plumbline-Nonce");
	body_of(fixture, 1, &length);
	assert_int_equal(length, 0);

	assert_silent_about(fixture, 2, "Plumbline-Nonce");   /* not hexadecimal */
	assert_says(fixture, 3, "\r\nPlumbline-Nonce: " HEX64 "\r\n");
	assert_silent_about(fixture, 4, "Plumbline-Nonce");   /* too long */
	assert_silent_about(fixture, 5, "Plumbline-Nonce");   /* empty */
}

static void visit_refusals(struct fixture *fixture)
{
	static const char *const missing[] = { "", "none.bin", ".hidden", "..", "folder", "folder/x", "link", "pipe",
					       "..%2fref.bin", "%2e%2e/etc/passwd" };
	char target[128];
	int i;

	for (i = 0; i < (int)(sizeof missing / sizeof missing[0]); i++) {
		snprintf(target, sizeof target, "/reference/%s?nonce=ab", missing[i]);
		get(fixture, i, "GET", target);
	}
	get(fixture, i, "DELETE", "/reference/ref.bin");
}

static void test_refuses(void **state)
{
	struct fixture *fixture = *state;

	make(fixture, "ref.bin", 10);
	make(fixture, ".hidden", 10);
	assert_int_equal(mkdir(path_of(fixture, "folder"), 0755), 0);
	assert_int_equal(symlink("ref.bin", path_of(fixture, "link")), 0);
	assert_int_equal(mkfifo(path_of(fixture, "pipe"), 0644), 0);
	serve(fixture, 200, visit_refusals);
	for (int i = 0; i < 10; i++) {
		assert_says(fixture, i, "HTTP/1.1 404 Not Found\r\n");
		assert_says(fixture, i, "\r\nContent-Type: application/problem+json\r\n");
		assert_says(fixture, i, "\r\nPlumbline-Nonce: ab\r\n");
		assert_says(fixture, i, "\"detail\":\"There is no reference file of this name.\"");
	}
	assert_says(fixture, 10, "HTTP/1.1 405 Method Not Allowed\r\n");
	assert_says(fixture, 10, "\r\nAllow: GET, HEAD\r\n");
}

static void visit_when_full(struct fixture *fixture)
{
	char first;
	int held = ask(fixture, "GET", "/reference/large.bin");

	if (read(held, &first, 1) != 1)   /* the transfer has begun; the rest is left unread */
		return;
	get(fixture, 0, "GET", "/reference/ref.bin");
	close(held);
	do
		get(fixture, 1, "GET", "/reference/ref.bin");
	while (strstr(buf_text(&fixture->answers[1]), " 503 "));
}

static void test_full(void **state)
{
	struct fixture *fixture = *state;

	make(fixture, "ref.bin", 10);
	make(fixture, "large.bin", LARGE_BYTES);
	serve(fixture, 1, visit_when_full);
	assert_says(fixture, 0, "HTTP/1.1 503 Service Unavailable\r\n");
	assert_says(fixture, 0, "\r\nRetry-After: 5\r\n");
	assert_says(fixture, 0, "\r\nPlumbline-Load: flows=1\r\n");
	assert_says(fixture, 0, "\"detail\":\"As many transfers as this server allows are under way.\"");
	assert_says(fixture, 1, "HTTP/1.1 200 OK\r\n");
	assert_says(fixture, 1, "\r\nPlumbline-Load: flows=1\r\n");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_make),
		CASE(test_make_refuses),
		cmocka_unit_test(test_load_text),
		cmocka_unit_test(test_open_fails),
		CASE(test_serves),
		CASE(test_refuses),
		CASE(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
