#include "agent/uplink/request.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/uplink/identity.h"

#define CONNECT_TIMEOUT_MS 15000L
#define TOTAL_TIMEOUT_MS   60000L

static bool is_loopback(const char *host)
{
	struct in_addr address;

	if (!strcasecmp(host, "localhost") || !strcmp(host, "[::1]"))
		return true;
	return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

static bool is_plain(const char *url)
{
	return !strncasecmp(url, "http:", 5);
}

/* The signature covers the path as it is on the wire, so nothing may be put before it. */
static int check_parts(CURLU *parts, struct err *err)
{
	char *scheme = NULL, *host = NULL, *path = NULL, *query = NULL, *user = NULL;
	int rc = -1;

	curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
	curl_url_get(parts, CURLUPART_HOST, &host, 0);
	curl_url_get(parts, CURLUPART_PATH, &path, 0);
	curl_url_get(parts, CURLUPART_QUERY, &query, 0);
	curl_url_get(parts, CURLUPART_USER, &user, 0);
	if (!scheme || !host || (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
		err_set(err, ERR_USAGE, "must be https://HOST[:PORT]");
	else if (user || query || (path && strcmp(path, "/") != 0))
		err_set(err, ERR_USAGE, "must be https://HOST[:PORT] with nothing more");
	else if (!strcmp(scheme, "http") && !is_loopback(host))
		err_set(err, ERR_USAGE, "plain http is for loopback only, use https");
	else
		rc = 0;
	curl_free(scheme);
	curl_free(host);
	curl_free(path);
	curl_free(query);
	curl_free(user);
	return rc;
}

static int check_url(const char *url, struct err *err)
{
	CURLU *parts = curl_url();
	int rc;

	if (!parts)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK)
		rc = err_set(err, ERR_USAGE, "must be https://HOST[:PORT]");
	else
		rc = check_parts(parts, err);
	curl_url_cleanup(parts);
	return rc;
}

int request_init(struct request *request, const char *collector_url, const char *ca_file, struct err *err)
{
	struct request fresh = { 0 };
	size_t length;

	if (text_copy(fresh.url, sizeof fresh.url, collector_url) < 0)
		return err_set(err, ERR_USAGE, "collector URL: must be at most %zu bytes", sizeof fresh.url - 1);
	if (check_url(collector_url, err) < 0)
		return err_wrap(err, "collector URL %s", collector_url);
	length = strlen(fresh.url);
	if (fresh.url[length - 1] == '/')
		fresh.url[length - 1] = '\0';
	fresh.easy = curl_easy_init();
	if (!fresh.easy)
		return err_set(err, ERR_INTERNAL, "collector URL %s: libcurl: out of memory", collector_url);
	fresh.ca_file = ca_file ? xstrdup(ca_file) : NULL;
	*request = fresh;
	return 0;
}

void request_free(struct request *request)
{
	curl_easy_cleanup(request->easy);
	curl_slist_free_all(request->headers);
	buf_free(&request->body);
	buf_free(&request->answer);
	free(request->ca_file);
	*request = (struct request){ 0 };
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *arg)
{
	struct buf *answer = arg;

	if (answer->length_bytes + size * count > REQUEST_ANSWER_BYTES)
		return 0;
	buf_append(answer, bytes, size * count);
	return size * count;
}

void request_prepare(struct request *request, const char *path)
{
	CURL *easy = request->easy;
	char url[sizeof request->url + 128];

	curl_easy_reset(easy);
	curl_slist_free_all(request->headers);
	request->headers = NULL;
	buf_clear(&request->answer);
	request->why[0] = '\0';
	snprintf(url, sizeof url, "%s%s", request->url, path);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TOTAL_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "plumbline-agent/" PLUMBLINE_VERSION);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->why);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &request->answer);
	if (request->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
	if (is_plain(request->url))
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	if (!request->body.length_bytes)
		return;
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.data);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length_bytes);
	request_add_header(request, "Content-Type", "application/json");
	request_add_header(request, "Expect", NULL);
}

void request_add_header(struct request *request, const char *name, const char *value)
{
	struct curl_slist *longer;
	struct buf line = { 0 };

	buf_printf(&line, value ? "%s: %s" : "%s:", name, value);
	longer = curl_slist_append(request->headers, buf_text(&line));
	buf_free(&line);
	if (!longer)
		return;   /* out of memory: the collector will miss the header and say so */
	request->headers = longer;
	curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->headers);
}

int request_sign(struct request *request, const struct identity *identity, const char *path, int64_t realtime_ms,
		 struct err *err)
{
	const struct buf *body = &request->body;
	const char *query = strchr(path, '?');
	char *bare = xstrdup(path);
	const struct httpsig_message message = {
		.method = body->length_bytes ? "POST" : "GET", .path = bare, .query = query ? query + 1 : NULL,
		.body = body->length_bytes ? body->data : NULL, .body_bytes = body->length_bytes,
	};
	struct httpsig_headers headers;
	int rc;

	bare[strcspn(bare, "?")] = '\0';
	rc = httpsig_sign(&message, identity->agent, identity->secret_key, realtime_ms / 1000, &headers, err);
	free(bare);
	if (rc < 0)
		return err_wrap(err, "signature");
	if (headers.content_digest[0])
		request_add_header(request, "Content-Digest", headers.content_digest);
	request_add_header(request, "Signature-Input", headers.signature_input);
	request_add_header(request, "Signature", headers.signature);
	return 0;
}

static enum err_code code_of(long status)
{
	static const struct {
		long status;
		enum err_code code;
	} rows[] = {
		{ 400, ERR_INPUT },    { 401, ERR_UNAUTHORIZED }, { 403, ERR_FORBIDDEN }, { 404, ERR_NOT_FOUND },
		{ 409, ERR_CONFLICT }, { 413, ERR_TOO_LARGE },    { 422, ERR_INPUT },     { 429, ERR_BUSY },
		{ 503, ERR_BUSY },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].status == status)
			return rows[i].code;
	return ERR_UNREACHABLE;
}

/* An answer without a problem's shape comes from something on the way, and says nothing about what was sent. */
static int fail_status(struct request *request, struct err *err)
{
	bool is_problem = !strncasecmp(request_answer_header(request, "Content-Type"), "application/problem+json", 24);
	const char *detail;
	struct err ignored;
	json_t *problem = NULL;

	if (is_problem)
		json_parse(buf_text(&request->answer), request->answer.length_bytes, &problem, &ignored);
	detail = json_string_value(json_object_get(problem, "detail"));
	if (!detail)
		detail = json_string_value(json_object_get(problem, "title"));
	if (!problem)
		err_set(err, request_status(request) == 503 ? ERR_BUSY : ERR_UNREACHABLE,
			"collector %s: answered %ld, and not as a collector does", request->url, request_status(request));
	else
		err_set(err, code_of(request_status(request)), "collector %s: %s (%ld)", request->url,
			detail ? detail : "refused without a reason", request_status(request));
	json_decref(problem);
	return -1;
}

int request_finish(struct request *request, CURLcode result, struct err *err)
{
	if (result != CURLE_OK)
		return err_set(err, ERR_UNREACHABLE, "collector %s: %s", request->url,
			       request->why[0] ? request->why : curl_easy_strerror(result));
	if (request_status(request) == 200 || request_status(request) == 304)
		return 0;
	return fail_status(request, err);
}

long request_status(const struct request *request)
{
	long status = 0;

	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

const char *request_answer_header(const struct request *request, const char *name)
{
	struct curl_header *header;

	if (curl_easy_header(request->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return "";
	return header->value;
}

int64_t request_retry_after_ms(const struct request *request)
{
	curl_off_t seconds = 0;

	curl_easy_getinfo(request->easy, CURLINFO_RETRY_AFTER, &seconds);
	return seconds > 0 && seconds < INT64_MAX / 1000 ? (int64_t)seconds * 1000 : 0;
}
