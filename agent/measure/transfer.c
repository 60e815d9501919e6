/* t0, t4, t5 and t6 are read from our clock: curl's speed counts the wait before the first byte, and its own times end
 * when it has noticed the end. DNS, connect and TLS are differences of curl's timers, which are exact within a transfer.
 *
 * One read of the socket reaches on_body in pieces of 16 kB that follow each other in curl's buffer, and curl reads on
 * without returning to the loop: the first read (B5) ends where a piece does not continue the one before. */
#include "agent/measure/transfer.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"

#define READ_BYTES      (512 * 1024L)   /* fewer system calls a byte; more gains nothing (tests/bench/transfer_bench) */
#define STATUS_OK       200
#define REFERENCE_BYTES INT64_C(1048576)          /* U4 */
#define DEADLINE_MIN_MS INT64_C(60000)
#define DEADLINE_MAX_MS INT64_C(21600000)

struct transfer {
	struct fetch *fetch;
	struct clock clock;
	CURL *easy;
	int socket;   /* the newest that curl opened, or -1 */
	struct transfer_result result;
	int64_t max_bytes;
	bool head_only;
	const char *first_read_end;   /* in curl's buffer; NULL once that read is over */
	bool too_long;
	void (*body)(void *arg, const void *bytes, size_t length);
	void (*done)(void *arg, const struct transfer_result *result);
	void *arg;
};

static const char *const header_names[HEADER_COUNT] = {
	[HEADER_AGE] = "Age",
	[HEADER_X_CACHE] = "X-Cache",
	[HEADER_CACHE_STATUS] = "Cache-Status",
	[HEADER_CONTENT_ENCODING] = "Content-Encoding",
	[HEADER_NONCE] = "Plumbline-Nonce",
	[HEADER_LOAD] = "Plumbline-Load",
};

static const struct {
	CURLoption option;
	long value;
} numbers[] = {
	{ CURLOPT_FRESH_CONNECT, 1 },
	{ CURLOPT_FORBID_REUSE, 1 },
	{ CURLOPT_FOLLOWLOCATION, 0 },
	{ CURLOPT_DNS_CACHE_TIMEOUT, 0 },          /* resolving is part of what is measured */
	{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
	{ CURLOPT_HTTP_CONTENT_DECODING, 0 },      /* an encoding nobody asked for is seen, not undone */
	{ CURLOPT_BUFFERSIZE, READ_BYTES },
};

static const struct {
	CURLoption option;
	const char *value;
} texts[] = {
	{ CURLOPT_PROXY, "" },                     /* the environment's too */
	{ CURLOPT_NOPROXY, "*" },
	{ CURLOPT_PROTOCOLS_STR, "http,https" },
	{ CURLOPT_USERAGENT, "plumbline-agent/" PLUMBLINE_VERSION },
};

/* What curl's codes mean whatever was reached; the others are told apart by how far the transfer came. */
static const struct {
	CURLcode code;
	enum reason reason;
} failures[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, REASON_DNS },
	{ CURLE_COULDNT_CONNECT, REASON_CONNECT },
	{ CURLE_INTERFACE_FAILED, REASON_CONNECT },
	{ CURLE_SSL_CONNECT_ERROR, REASON_TLS },
	{ CURLE_PEER_FAILED_VERIFICATION, REASON_TLS },
	{ CURLE_SSL_CERTPROBLEM, REASON_TLS },
	{ CURLE_SSL_CIPHER, REASON_TLS },
	{ CURLE_SSL_CACERT_BADFILE, REASON_TLS },
	{ CURLE_SSL_ISSUER_ERROR, REASON_TLS },
	{ CURLE_SSL_INVALIDCERTSTATUS, REASON_TLS },
	{ CURLE_FILESIZE_EXCEEDED, REASON_ALTERED },
	{ CURLE_ABORTED_BY_CALLBACK, REASON_ABORTED },
	{ CURLE_OUT_OF_MEMORY, REASON_ABORTED },
};

static int64_t now_us(const struct transfer *transfer)
{
	return clock_now(&transfer->clock).monotonic_us;
}

static long http_status(const struct transfer *transfer)
{
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static int on_socket(void *arg, curl_socket_t socket, curlsocktype purpose)
{
	struct transfer *transfer = arg;

	(void)purpose;
	transfer->socket = socket;
	return CURL_SOCKOPT_OK;
}

static int on_connected(void *arg, char *peer, char *local, int peer_port, int local_port)
{
	struct transfer *transfer = arg;

	(void)peer, (void)local, (void)peer_port, (void)local_port;
	transfer->result.t4_us = now_us(transfer);
	return CURL_PREREQFUNC_OK;
}

/* Appends a value to what an earlier line of the same name brought. */
static void keep_header(char *kept, size_t size, const char *value, size_t length)
{
	size_t used = strlen(kept);

	while (length && strchr(" \t\r\n", value[length - 1]))
		length--;
	while (length && strchr(" \t", *value))
		value++, length--;
	snprintf(kept + used, size - used, "%s%.*s", used ? ", " : "", (int)length, value);
}

static size_t on_header(char *line, size_t size, size_t length, void *arg)
{
	struct transfer *transfer = arg;
	struct transfer_result *result = &transfer->result;

	(void)size;
	if (result->bytes)
		return length;   /* a trailer */
	if (length >= 5 && !memcmp(line, "HTTP/", 5))
		memset(result->headers, 0, sizeof result->headers);   /* an interim answer came before */
	for (size_t i = 0; i < HEADER_COUNT; i++) {
		size_t name = strlen(header_names[i]);

		if (length > name && line[name] == ':' && !strncasecmp(line, header_names[i], name))
			keep_header(result->headers[i], sizeof result->headers[i], line + name + 1, length - name - 1);
	}
	return length;
}

static int64_t announced_bytes(const struct transfer *transfer)
{
	curl_off_t announced = JSON_ABSENT;

	curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
	return announced;
}

static void note_first_byte(struct transfer *transfer, const char *bytes)
{
	transfer->result.content_length = announced_bytes(transfer);
	transfer->result.t5_us = now_us(transfer);
	transfer->first_read_end = bytes;
}

static void count_first_read(struct transfer *transfer, const char *bytes, size_t length)
{
	if (bytes != transfer->first_read_end) {
		transfer->first_read_end = NULL;
		return;
	}
	transfer->result.first_read_bytes += (int64_t)length;
	transfer->first_read_end += length;
}

static size_t on_body(char *bytes, size_t size, size_t length, void *arg)
{
	struct transfer *transfer = arg;
	struct transfer_result *result = &transfer->result;

	(void)size;
	if (!result->bytes) {
		if (http_status(transfer) != STATUS_OK)
			return 0;   /* not the content: nobody needs it */
		note_first_byte(transfer, bytes);
	}
	result->bytes += (int64_t)length;
	count_first_read(transfer, bytes, length);
	result->t6_us = now_us(transfer);
	transfer->too_long = transfer->max_bytes && result->bytes > transfer->max_bytes;
	if (transfer->too_long)
		return 0;
	if (transfer->body)
		transfer->body(transfer->arg, bytes, length);
	return length;
}

/* A timer of curl's, from the start of the transfer; 0 where it was not reached. */
static int64_t timer_us(const struct transfer *transfer, CURLINFO info)
{
	curl_off_t us = 0;

	curl_easy_getinfo(transfer->easy, info, &us);
	return us;
}

static void note_phases(struct transfer *transfer)
{
	struct transfer_result *result = &transfer->result;
	int64_t resolved = timer_us(transfer, CURLINFO_NAMELOOKUP_TIME_T);
	int64_t connected = timer_us(transfer, CURLINFO_CONNECT_TIME_T);
	int64_t secured = timer_us(transfer, CURLINFO_APPCONNECT_TIME_T);

	if (resolved || connected)
		result->dns_us = resolved;
	if (connected)
		result->connect_us = connected - resolved;
	if (secured)
		result->tls_us = secured - connected;
	if (result->t5_us != JSON_ABSENT)
		result->first_byte_us = result->t5_us - result->t4_us;
}

static void note_addresses(struct transfer *transfer)
{
	struct transfer_result *result = &transfer->result;
	const char *peer = NULL, *local = NULL;
	long port = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_IP, &peer);
	curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_PORT, &port);
	curl_easy_getinfo(transfer->easy, CURLINFO_LOCAL_IP, &local);
	if (!peer || !*peer)
		return;
	text_copy(result->peer_ip, sizeof result->peer_ip, peer);
	text_copy(result->local_ip, sizeof result->local_ip, local ? local : "");
	snprintf(result->peer, sizeof result->peer, strchr(peer, ':') ? "[%.45s]:%ld" : "%.45s:%ld", peer, port);
}

/* The step that time or the peer cut short. */
static enum reason unfinished_step(const struct transfer_result *result, bool timed_out)
{
	if (result->bytes)
		return timed_out ? REASON_STALLED : REASON_TRUNCATED;   /* T10 */
	if (result->t4_us != JSON_ABSENT)
		return REASON_NO_ANSWER;
	if (*result->local_ip)   /* known from the moment TCP is up; curl's connect timer waits for TLS */
		return REASON_TLS;
	return result->dns_us != JSON_ABSENT ? REASON_CONNECT : REASON_DNS;
}

static enum reason find_failure(const struct transfer *transfer, CURLcode code)
{
	const struct transfer_result *result = &transfer->result;

	if (result->http_status >= STATUS_OK && result->http_status != STATUS_OK)
		return REASON_HTTP_STATUS;
	if (transfer->too_long)
		return REASON_ALTERED;
	if (code == CURLE_OK)
		return result->bytes || transfer->head_only ? REASON_NONE : REASON_TRUNCATED;   /* an empty body is nobody's reference file */
	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
		if (failures[i].code == code)
			return failures[i].reason;
	if (code == CURLE_URL_MALFORMAT || (code == CURLE_UNSUPPORTED_PROTOCOL && result->t4_us == JSON_ABSENT))
		return REASON_ABORTED;   /* an address that cannot be asked at all */
	if (code == CURLE_PARTIAL_FILE)
		return REASON_TRUNCATED;
	return unfinished_step(result, code == CURLE_OPERATION_TIMEDOUT);
}

static void transfer_free(struct transfer *transfer)
{
	curl_easy_cleanup(transfer->easy);
	free(transfer);
}

static void note_end(struct transfer *transfer)
{
	long status = http_status(transfer);

	transfer->result.ended_us = now_us(transfer);
	if (status)
		transfer->result.http_status = status;
	if (transfer->head_only)
		transfer->result.content_length = announced_bytes(transfer);
	note_phases(transfer);
	note_addresses(transfer);
}

static void on_done(void *arg, CURL *easy, CURLcode code)
{
	struct transfer *transfer = arg;
	struct transfer_result *result = &transfer->result;

	(void)easy;
	note_end(transfer);
	result->failure = find_failure(transfer, code);
	if (result->failure == REASON_STALLED)
		result->t6_us = result->ended_us;
	if (code && !*result->detail)
		text_copy(result->detail, sizeof result->detail, curl_easy_strerror(code));
	transfer->done(transfer->arg, result);
	transfer_free(transfer);
}

static CURLcode set_fixed_options(CURL *easy)
{
	CURLcode failed = CURLE_OK;

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && !failed; i++)
		failed = curl_easy_setopt(easy, numbers[i].option, numbers[i].value);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0] && !failed; i++)
		failed = curl_easy_setopt(easy, texts[i].option, texts[i].value);
	return failed;
}

static CURLcode set_request_options(CURL *easy, const struct transfer_request *request)
{
	char interface[64];
	CURLcode failed = curl_easy_setopt(easy, CURLOPT_URL, request->url);

	curl_easy_setopt(easy, CURLOPT_NOBODY, (long)request->head_only);
	curl_easy_setopt(easy, CURLOPT_IPRESOLVE, request->ip_version);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->deadline_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, request->stall_s);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, request->stall_bytes_per_s);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, request->stall_s);
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->max_bytes);
	if (failed || !request->interface)
		return failed;
	snprintf(interface, sizeof interface, "if!%s", request->interface);
	return curl_easy_setopt(easy, CURLOPT_INTERFACE, interface);
}

static void set_callbacks(struct transfer *transfer)
{
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->result.detail);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
}

static struct transfer *transfer_new(struct fetch *fetch, const struct clock *clock, const struct transfer_request *request)
{
	struct transfer *transfer = xcalloc(1, sizeof *transfer);

	transfer->fetch = fetch;
	transfer->socket = -1;
	transfer->clock = *clock;
	transfer->max_bytes = request->max_bytes;
	transfer->head_only = request->head_only;
	transfer->body = request->body;
	transfer->easy = curl_easy_init();
	transfer->result = (struct transfer_result){
		.t0_us = now_us(transfer),
		.t4_us = JSON_ABSENT,      .t5_us = JSON_ABSENT,          .t6_us = JSON_ABSENT,
		.dns_us = JSON_ABSENT,     .connect_us = JSON_ABSENT,     .tls_us = JSON_ABSENT,
		.first_byte_us = JSON_ABSENT, .content_length = JSON_ABSENT, .http_status = JSON_ABSENT,
	};
	return transfer;
}

int transfer_start(struct fetch *fetch, const struct clock *clock, const struct transfer_request *request,
		   void (*done)(void *arg, const struct transfer_result *result), void *arg,
		   struct transfer **ret_transfer, struct err *err)
{
	struct transfer *transfer = transfer_new(fetch, clock, request);
	CURLcode failed = CURLE_FAILED_INIT;

	transfer->done = done;
	transfer->arg = arg;
	if (transfer->easy)
		failed = set_fixed_options(transfer->easy);
	if (!failed)
		failed = set_request_options(transfer->easy, request);
	if (failed) {
		err_set(err, ERR_INTERNAL, "transfer of %.200s: %s", request->url, curl_easy_strerror(failed));
		goto fail;
	}
	set_callbacks(transfer);
	if (fetch_start(fetch, transfer->easy, on_done, transfer, err) < 0)
		goto fail;
	*ret_transfer = transfer;
	return 0;
fail:
	transfer_free(transfer);
	return -1;
}

const struct transfer_result *transfer_peek(const struct transfer *transfer)
{
	return &transfer->result;
}

void transfer_abort(struct transfer *transfer)
{
	fetch_cancel(transfer->fetch, transfer->easy);
	transfer_free(transfer);
}

int transfer_socket(const struct transfer *transfer)
{
	return transfer->socket;
}

void transfer_stop(struct transfer *transfer, struct transfer_result *ret_result)
{
	note_end(transfer);
	*ret_result = transfer->result;
	transfer_abort(transfer);
}

int64_t transfer_deadline_ms(int64_t size_bytes, int64_t threshold_bps)
{
	__int128 thrice_ms = 0;

	if (threshold_bps)
		thrice_ms = (__int128)3 * 8 * 1000 * (size_bytes ? size_bytes : REFERENCE_BYTES) / threshold_bps;
	if (thrice_ms < DEADLINE_MIN_MS)
		return DEADLINE_MIN_MS;
	return thrice_ms > DEADLINE_MAX_MS ? DEADLINE_MAX_MS : (int64_t)thrice_ms;
}
