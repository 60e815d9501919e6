#include "collector/reference.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/file.h"
#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "collector/http/url.h"

#define CHUNK_BYTES   65536
#define NONCE_SIZE    65
#define RETRY_AFTER_S "5"

/* OpenSSL's digest uses the processor's SHA instructions; libsodium's does not, and files of the ladder are large. */
static int fill_file(int fd, int64_t size_bytes, const struct random_source *random, char ret_sha256_hex[SHA256_HEX_SIZE])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	unsigned char chunk[CHUNK_BYTES], hash[32];
	int rc = -1;

	if (!digest || !EVP_DigestInit_ex(digest, EVP_sha256(), NULL))
		goto out;
	while (size_bytes) {
		size_t length = size_bytes < CHUNK_BYTES ? (size_t)size_bytes : CHUNK_BYTES;

		random_fill(random, chunk, length);
		if (!EVP_DigestUpdate(digest, chunk, length) || file_write(fd, chunk, length) < 0)
			goto out;
		size_bytes -= (int64_t)length;
	}
	if (!EVP_DigestFinal_ex(digest, hash, NULL) || fchmod(fd, 0644) < 0 || fsync(fd) < 0)
		goto out;
	for (size_t i = 0; i < sizeof hash; i++)
		snprintf(ret_sha256_hex + 2 * i, 3, "%02x", hash[i]);
	rc = 0;
out:
	EVP_MD_CTX_free(digest);
	return rc;
}

static int fail_exists(const char *path, struct err *err)
{
	return err_set(err, ERR_CONFLICT, "%s: exists already; choose another name, its digest may be in use", path);
}

int reference_make(const char *path, int64_t size_bytes, const struct random_source *random,
		   char ret_sha256_hex[SHA256_HEX_SIZE], struct err *err)
{
	char sha256_hex[SHA256_HEX_SIZE];
	char *temporary = NULL;
	int fd = -1, rc = -1;

	if (size_bytes <= 0)
		return err_set(err, ERR_INPUT, "%s: a reference file has at least one byte", path);
	if (!access(path, F_OK))   /* the link below decides; this spares a long wait */
		return fail_exists(path, err);
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return err_set(err, ERR_INTERNAL, "out of memory");
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0 || fill_file(fd, size_bytes, random, sha256_hex) < 0) {
		err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
		goto out;
	}
	if (link(temporary, path) < 0) {   /* unlike rename it never replaces */
		if (errno == EEXIST)
			fail_exists(path, err);
		else
			err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
		goto out;
	}
	memcpy(ret_sha256_hex, sha256_hex, sizeof sha256_hex);
	rc = 0;
out:
	if (fd >= 0) {
		close(fd);
		unlink(temporary);
	}
	free(temporary);
	return rc;
}

struct reference {
	int directory_fd;
	int64_t max_transfers;
	int64_t transfers;
	const struct load *load;
};

struct transfer {
	struct reference *reference;
	int fd;
};

int reference_open(const char *directory, int64_t max_transfers, const struct load *load, struct reference **ret_reference,
		   struct err *err)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct reference *reference;

	if (fd < 0)
		return err_set(err, ERR_IO, "%s: %s", directory, strerror(errno));
	reference = xcalloc(1, sizeof *reference);
	reference->directory_fd = fd;
	reference->max_transfers = max_transfers;
	reference->load = load;
	*ret_reference = reference;
	return 0;
}

void reference_close(struct reference *reference)
{
	if (!reference)
		return;
	close(reference->directory_fd);
	free(reference);
}

void reference_format_load(int64_t flows, struct load_percent percent, char ret_text[LOAD_TEXT_SIZE])
{
	int length = snprintf(ret_text, LOAD_TEXT_SIZE, "flows=%" PRId64, flows);

	if (percent.nic != JSON_ABSENT)
		length += snprintf(ret_text + length, (size_t)(LOAD_TEXT_SIZE - length), ", nic=%d", percent.nic);
	if (percent.cpu != JSON_ABSENT)
		snprintf(ret_text + length, (size_t)(LOAD_TEXT_SIZE - length), ", cpu=%d", percent.cpu);
}

/* What every answer carries, also one that refuses. */
static void add_headers(const struct reference *reference, struct http_request *request)
{
	struct load_percent percent = { JSON_ABSENT, JSON_ABSENT };
	char nonce[NONCE_SIZE], load[LOAD_TEXT_SIZE];

	if (reference->load)
		percent = load_now(reference->load);
	reference_format_load(reference->transfers, percent, load);
	http_reply_header(request, "Cache-Control", "no-store");
	http_reply_header(request, "Plumbline-Load", load);
	if (url_query_get(http_request_query(request), "nonce", nonce, sizeof nonce) && *nonce &&
	    !nonce[strspn(nonce, "0123456789abcdefABCDEF")])
		http_reply_header(request, "Plumbline-Nonce", nonce);
}

/* detail is constant text without quotes. */
static void reply_problem(const struct reference *reference, struct http_request *request, int status, const char *detail)
{
	char body[256];
	int length = snprintf(body, sizeof body,
			      "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"}\n",
			      http_status_text(status), status, detail);

	add_headers(reference, request);
	http_reply_header(request, "Content-Type", "application/problem+json");
	http_reply(request, status, body, (size_t)length);
}

/* Opened without waiting, should somebody have put a pipe there. Returns -1 unless it is a plain name of a regular file. */
static int open_file(const struct reference *reference, const char *name, int64_t *ret_size_bytes)
{
	struct stat status;
	int fd;

	if (!*name || *name == '.' || strchr(name, '/'))
		return -1;
	fd = openat(reference->directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		close(fd);
		return -1;
	}
	*ret_size_bytes = status.st_size;
	return fd;
}

static size_t produce(void *arg, int64_t offset, void *ret_bytes, size_t size)
{
	const struct transfer *transfer = arg;
	ssize_t length = pread(transfer->fd, ret_bytes, size, offset);

	return length > 0 ? (size_t)length : 0;
}

static void on_ended(void *arg)
{
	struct transfer *transfer = arg;

	transfer->reference->transfers--;
	close(transfer->fd);
	free(transfer);
}

static void send_file(struct reference *reference, struct http_request *request, int fd, int64_t size_bytes)
{
	struct transfer *transfer = xcalloc(1, sizeof *transfer);

	transfer->reference = reference;
	transfer->fd = fd;
	reference->transfers++;
	posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
	add_headers(reference, request);
	http_reply_header(request, "Content-Type", "application/octet-stream");
	http_reply_stream(request, 200, size_bytes, produce, on_ended, transfer);
}

void reference_handle(struct reference *reference, struct http_request *request)
{
	const char *method = http_request_method(request);
	const char *name = http_request_path(request) + strlen(REFERENCE_PATH);
	int64_t size_bytes;
	int fd;

	if (strcmp(method, "GET") && strcmp(method, "HEAD")) {
		http_reply_header(request, "Allow", "GET, HEAD");
		reply_problem(reference, request, 405, "Reference files can only be read.");
		return;
	}
	if (reference->transfers >= reference->max_transfers) {
		http_reply_header(request, "Retry-After", RETRY_AFTER_S);
		reply_problem(reference, request, 503, "As many transfers as this server allows are under way.");
		return;
	}
	fd = open_file(reference, name, &size_bytes);
	if (fd < 0)
		reply_problem(reference, request, 404, "There is no reference file of this name.");
	else
		send_file(reference, request, fd, size_bytes);
}
