/* How much of a bare read() loop's speed agent/transfer reaches over loopback, with and without SHA-256.
 *
 * A child process answers each connection with an HTTP head and a body of so many bytes. Both ways take turns in one
 * run, so that a machine that is busy with something else slows both; what counts is the median of the ratios.
 *   transfer_bench [BYTES] [ROUNDS] */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "agent/measure/transfer.h"

#define ROUNDS_MAX 101
#define READ_BYTES (512 * 1024)   /* as the transfer reads */

struct bench {
	int port;
	int64_t bytes;
	bool hashing;
	EVP_MD_CTX *digest;
	struct transfer_result result;
	struct fetch *fetch;
};

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(1);
}

/* The child: one connection after the other, the same piece of memory again and again. */
static void serve(int listener, int64_t bytes)
{
	static char piece[1024 * 1024];

	for (size_t i = 0; i < sizeof piece; i++)
		piece[i] = (char)(i * 31);
	for (;;) {
		int peer = accept(listener, NULL, NULL);
		ssize_t sent;

		require(peer >= 0 && read(peer, piece, 4096) > 0, "accept");
		dprintf(peer, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n", (long long)bytes);
		for (int64_t left = bytes; left > 0; left -= sent) {
			sent = write(peer, piece, left < (int64_t)sizeof piece ? (size_t)left : sizeof piece);
			require(sent > 0, "write");
		}
		close(peer);
	}
}

static pid_t start_server(struct bench *bench)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pid_t child;

	require(listener >= 0 && !bind(listener, (struct sockaddr *)&address, length) && !listen(listener, 8) &&
			!getsockname(listener, (struct sockaddr *)&address, &length),
		"listen");
	bench->port = ntohs(address.sin_port);
	child = fork();
	require(child >= 0, "fork");
	if (!child)
		serve(listener, bench->bytes);
	close(listener);
	return child;
}

static double rate_mb_per_s(int64_t bytes, int64_t us)
{
	return (double)bytes / (double)us;
}

static void hash(void *arg, const void *bytes, size_t length)
{
	struct bench *bench = arg;

	if (bench->hashing)
		EVP_DigestUpdate(bench->digest, bytes, length);
}

static double run_bare(struct bench *bench)
{
	static char buffer[READ_BYTES];
	static const char ask[] = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons((uint16_t)bench->port) };
	struct clock clock = clock_system();
	int64_t bytes = 0, start_us = clock_now(&clock).monotonic_us;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ssize_t got;

	require(fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof address) && write(fd, ask, sizeof ask - 1) > 0,
		"connect");
	while ((got = read(fd, buffer, sizeof buffer)) > 0) {
		hash(bench, buffer, (size_t)got);
		bytes += got;
	}
	close(fd);
	require(bytes >= bench->bytes, "bare read");
	return rate_mb_per_s(bench->bytes, clock_now(&clock).monotonic_us - start_us);
}

static void on_done(void *arg, const struct transfer_result *result)
{
	struct bench *bench = arg;

	bench->result = *result;
	fetch_close(bench->fetch, NULL, NULL);
}

static double run_transfer(struct bench *bench)
{
	struct clock clock = clock_system();
	struct transfer *transfer;
	struct err err;
	uv_loop_t loop;
	char url[64];
	struct transfer_request request = {
		.url = url, .deadline_ms = 600000, .stall_s = 30, .stall_bytes_per_s = 1000, .body = hash,
	};

	snprintf(url, sizeof url, "http://127.0.0.1:%d/", bench->port);
	uv_loop_init(&loop);
	if (fetch_open(&loop, &bench->fetch, &err) < 0 ||
	    transfer_start(bench->fetch, &clock, &request, on_done, bench, &transfer, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		exit(1);
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	require(bench->result.failure == REASON_NONE && bench->result.bytes == bench->bytes, bench->result.detail);
	return rate_mb_per_s(bench->bytes, bench->result.t6_us - bench->result.t0_us);
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof *values, compare);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void run_rounds(struct bench *bench, int rounds)
{
	double bare[ROUNDS_MAX], through[ROUNDS_MAX], ratio[ROUNDS_MAX];

	for (int i = 0; i < rounds; i++) {
		EVP_DigestInit_ex(bench->digest, EVP_sha256(), NULL);
		bare[i] = run_bare(bench);
		through[i] = run_transfer(bench);
		ratio[i] = through[i] / bare[i];
		printf("%-9s round %2d  bare read() %6.0f MB/s  transfer %6.0f MB/s  ratio %.2f\n",
		       bench->hashing ? "SHA-256" : "no digest", i + 1, bare[i], through[i], ratio[i]);
	}
	printf("%-9s median    bare read() %6.0f MB/s  transfer %6.0f MB/s  ratio %.2f\n", bench->hashing ? "SHA-256" : "no digest",
	       median(bare, rounds), median(through, rounds), median(ratio, rounds));
}

int main(int argc, char **argv)
{
	struct bench bench = { .bytes = argc > 1 ? strtoll(argv[1], NULL, 10) : INT64_C(1000000000) };
	int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 7;
	pid_t child;

	if (bench.bytes < 1 || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "transfer_bench: usage: transfer_bench [BYTES] [ROUNDS, 1 to %d]\n", ROUNDS_MAX);
		return 2;
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	child = start_server(&bench);
	bench.digest = EVP_MD_CTX_new();
	run_rounds(&bench, rounds);
	bench.hashing = true;
	run_rounds(&bench, rounds);
	EVP_MD_CTX_free(bench.digest);
	kill(child, SIGTERM);
	return 0;
}
