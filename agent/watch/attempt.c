#include "agent/watch/attempt.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"

struct attempt {
	struct fetch *fetch;
	CURL *easy;
	bool is_http;
	struct attempt_result result;
	attempt_done *done;
	void *arg;
};

static void end(struct attempt *attempt)
{
	curl_easy_cleanup(attempt->easy);
	free(attempt);
}

static bool is_alive(CURL *easy, CURLcode code)
{
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return code == CURLE_OK && ((status >= 200 && status < 400) || status == 429 || status == 503);
}

static void on_done(void *arg, CURL *easy, CURLcode code)
{
	struct attempt *attempt = arg;
	bool found = attempt->result.address.ss_family != AF_UNSPEC;

	attempt->result.ok = attempt->is_http ? is_alive(easy, code) : found;
	attempt->done(attempt->arg, attempt, &attempt->result);
	end(attempt);
}

/* curl is about to connect: the first address it would take is all that was asked for. */
static curl_socket_t note_address(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct attempt *attempt = arg;

	(void)purpose;
	if (attempt->result.address.ss_family == AF_UNSPEC && address->addrlen <= sizeof attempt->result.address)
		memcpy(&attempt->result.address, &address->addr, address->addrlen);
	return CURL_SOCKET_BAD;
}

static int start(struct fetch *fetch, struct attempt *attempt, const char *url, int64_t timeout_ms,
		 struct attempt **ret_attempt, struct err *err)
{
	CURL *easy = attempt->easy;

	attempt->fetch = fetch;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
	if (fetch_start(fetch, easy, on_done, attempt, err) < 0) {
		end(attempt);
		return -1;
	}
	*ret_attempt = attempt;
	return 0;
}

static struct attempt *make(bool is_http, attempt_done *done, void *arg, struct err *err)
{
	struct attempt *attempt = xcalloc(1, sizeof *attempt);

	*attempt = (struct attempt){ .easy = curl_easy_init(), .is_http = is_http, .done = done, .arg = arg };
	if (attempt->easy)
		return attempt;
	free(attempt);
	err_set(err, ERR_INTERNAL, "curl_easy_init failed");
	return NULL;
}

int attempt_name(struct fetch *fetch, const char *url, int64_t timeout_ms, attempt_done *done, void *arg,
		 struct attempt **ret_attempt, struct err *err)
{
	struct attempt *attempt = make(false, done, arg, err);

	if (!attempt)
		return -1;
	curl_easy_setopt(attempt->easy, CURLOPT_OPENSOCKETFUNCTION, note_address);
	curl_easy_setopt(attempt->easy, CURLOPT_OPENSOCKETDATA, attempt);
	return start(fetch, attempt, url, timeout_ms, ret_attempt, err);
}

int attempt_http(struct fetch *fetch, const char *url, const char *interface, int64_t timeout_ms, attempt_done *done, void *arg,
		 struct attempt **ret_attempt, struct err *err)
{
	struct attempt *attempt = make(true, done, arg, err);

	if (!attempt)
		return -1;
	curl_easy_setopt(attempt->easy, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(attempt->easy, CURLOPT_INTERFACE, interface);
	return start(fetch, attempt, url, timeout_ms, ret_attempt, err);
}

void attempt_cancel(struct attempt *attempt)
{
	if (!attempt)
		return;
	fetch_cancel(attempt->fetch, attempt->easy);
	end(attempt);
}
