#include "agent/measure/tiny_get.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/mem.h"

#define STATUS_PART 206

struct tiny_get {
	struct fetch *fetch;
	CURL *easy;
	struct curl_slist *connect_to;
	void (*done)(void *arg, struct tiny_get *get, const struct tiny_get_result *result);
	void *arg;
};

static void end(struct tiny_get *get)
{
	curl_easy_cleanup(get->easy);
	curl_slist_free_all(get->connect_to);
	free(get);
}

/* A server that knows no ranges sends the whole file: its first bytes are enough. */
static size_t on_body(char *bytes, size_t size, size_t length, void *arg)
{
	long status = 0;

	(void)bytes, (void)size;
	curl_easy_getinfo((CURL *)arg, CURLINFO_RESPONSE_CODE, &status);
	return status == STATUS_PART ? length : 0;
}

static struct sockaddr_storage read_peer(CURL *easy)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	struct sockaddr_in *v4 = (void *)&address;
	struct sockaddr_in6 *v6 = (void *)&address;
	const char *ip = NULL;
	long port = 0;

	curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip);
	curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port);
	if (ip && inet_pton(AF_INET, ip, &v4->sin_addr) == 1)
		address.ss_family = AF_INET;
	else if (ip && inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1)
		address.ss_family = AF_INET6;
	v4->sin_port = htons((uint16_t)port);   /* stands there in sockaddr_in6 too */
	return address;
}

static void on_done(void *arg, CURL *easy, CURLcode code)
{
	struct tiny_get *get = arg;
	struct tiny_get_result result = { .address.ss_family = AF_UNSPEC };
	curl_off_t resolved_us = 0, answered_us = 0;
	long status = 0;

	(void)code;
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved_us);
	curl_easy_getinfo(easy, CURLINFO_STARTTRANSFER_TIME_T, &answered_us);
	if (status) {
		result.ok = true;
		result.is_part = status == STATUS_PART;
		result.duration_us = answered_us - resolved_us;
		result.address = read_peer(easy);
	}
	get->done(get->arg, get, &result);
	end(get);
}

/* "::192.0.2.1:80": whatever host and port the URL names. */
static struct curl_slist *format_connect_to(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;
	bool is_v6 = address->ss_family == AF_INET6;
	char ip[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 16];

	inet_ntop(address->ss_family, is_v6 ? (const void *)&v6->sin6_addr : &v4->sin_addr, ip, sizeof ip);
	snprintf(text, sizeof text, is_v6 ? "::[%s]:%u" : "::%s:%u", ip, ntohs(v4->sin_port));
	return curl_slist_append(NULL, text);
}

static void set_options(struct tiny_get *get, const struct tiny_get_request *request)
{
	CURL *easy = get->easy;
	char interface[64];

	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_IPRESOLVE, request->ip_version);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, easy);
	if (request->head_only)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(easy, CURLOPT_RANGE, "0-0");
	if (request->interface) {
		snprintf(interface, sizeof interface, "if!%s", request->interface);
		curl_easy_setopt(easy, CURLOPT_INTERFACE, interface);
	}
	if (request->address) {
		get->connect_to = format_connect_to(request->address);
		curl_easy_setopt(easy, CURLOPT_CONNECT_TO, get->connect_to);
	}
}

int tiny_get_start(struct fetch *fetch, const struct tiny_get_request *request,
		   void (*done)(void *arg, struct tiny_get *get, const struct tiny_get_result *result), void *arg,
		   struct tiny_get **ret_get, struct err *err)
{
	struct tiny_get *get = xcalloc(1, sizeof *get);

	*get = (struct tiny_get){ .fetch = fetch, .easy = curl_easy_init(), .done = done, .arg = arg };
	if (!get->easy) {
		free(get);
		return err_set(err, ERR_INTERNAL, "curl_easy_init failed");
	}
	set_options(get, request);
	if (fetch_start(fetch, get->easy, on_done, get, err) < 0) {
		end(get);
		return -1;
	}
	*ret_get = get;
	return 0;
}

void tiny_get_cancel(struct tiny_get *get)
{
	if (!get)
		return;
	fetch_cancel(get->fetch, get->easy);
	end(get);
}
