#include "collector/api/answer.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "collector/http/url.h"
#include "collector/web/page.h"

#define JSON_MEDIA    "application/json"
#define PROBLEM_MEDIA "application/problem+json"
#define PAGE_MEDIA    "text/html; charset=utf-8"
#define LANGUAGE_SIZE 3

int answer_status(enum err_code code)
{
	static const int statuses[ERR_COUNT] = {
		[ERR_INTERNAL] = 500,     [ERR_USAGE] = 500,     [ERR_INPUT] = 400,
		[ERR_TOO_LARGE] = 413,    [ERR_UNSUPPORTED] = 415,    [ERR_IO] = 503,        [ERR_UNREACHABLE] = 503,
		[ERR_UNAUTHORIZED] = 401, [ERR_FORBIDDEN] = 403, [ERR_NOT_FOUND] = 404,
		[ERR_CONFLICT] = 409,     [ERR_BUSY] = 503,     [ERR_DAMAGED] = 503,
	};

	return statuses[code];
}

bool answer_is_local_path(const char *path)
{
	if (path[0] != '/' || path[1] == '/' || path[1] == '\\')
		return false;
	for (const char *c = path; *c; c++)
		if (iscntrl((unsigned char)*c))
			return false;
	return true;
}

/* ?lang= wins and is remembered, then the cookie, then what the browser asks for. */
static const char *find_language(const struct api_call *call, char chosen[LANGUAGE_SIZE])
{
	const char *cookies = call->headers[HEADER_COOKIE];

	if ((call->query && url_query_get(call->query, "lang", chosen, LANGUAGE_SIZE)) ||
	    (cookies && url_cookie_get(cookies, "lang", chosen, LANGUAGE_SIZE)))
		return page_language(chosen);
	return page_language(call->headers[HEADER_ACCEPT_LANGUAGE]);
}

static int render(struct api_call *call, const char *template, const json_t *data, struct err *err)
{
	const struct session *session = &call->session;
	bool known = session->person.name[0];
	char chosen[LANGUAGE_SIZE];
	const struct page_context context = {
		.language = find_language(call, chosen),
		.time_zone = call->api->options.config->time_zone,
		.zone = call->api->zone,
		.path = call->path,
		.query = call->query,
		.person = known ? session->person.name : NULL,
		.role = known ? role_names[session->person.role] : NULL,
		.csrf = known ? session->csrf : NULL,
		.now_ms = call->now.realtime_ms,
	};

	call->reply_type = PAGE_MEDIA;
	return page_render(template, data, &context, &call->reply, err);
}

static void dump(struct api_call *call, const json_t *json, const char *type)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

	buf_append_text(&call->reply, text);
	call->reply_type = type;
	free(text);
}

int answer_make(struct api_call *call, struct err *err)
{
	if (!call->status)
		call->status = 200;
	if (call->is_page && call->location[0])
		call->status = 303;
	else if (call->is_page && call->answer)
		return render(call, call->route->page, call->answer, err);
	else if (call->answer)
		dump(call, call->answer, JSON_MEDIA);
	return 0;
}

void answer_go_to_login(struct api_call *call, const char *next, bool failed)
{
	struct buf location = { 0 };

	buf_printf(&location, "/login%s", failed ? "?failed=1" : "");
	if (next) {
		buf_append_text(&location, failed ? "&next=" : "?next=");
		url_append_encoded(&location, next, "/");
	}
	if (text_copy(call->location, sizeof call->location, buf_text(&location)) < 0)
		text_copy(call->location, sizeof call->location, "/login");
	buf_free(&location);
}

/* Who is not logged in comes back to the same page after it; a form that was sent cannot be repeated. */
static void redirect_to_login(struct api_call *call)
{
	bool returns = !strcmp(call->method, "GET") && strcmp(call->path, "/");
	struct buf next = { 0 };

	call->status = 303;
	call->reply_type = PAGE_MEDIA;
	if (call->location[0])
		return;
	buf_printf(&next, "%s%s%s", call->path, call->query ? "?" : "", call->query ? call->query : "");
	answer_go_to_login(call, returns ? buf_text(&next) : NULL, false);
	buf_free(&next);
}

static json_t *make_problem(const struct api_call *call, const struct err *why)
{
	json_t *problem = json_pack("{s:s, s:s, s:i}", "type", "about:blank", "title", http_status_text(call->status),
				    "status", call->status);

	if (call->status < 500)
		json_object_set_new(problem, "detail", json_string(why->message));
	else
		json_object_set_new(problem, "detail", json_string(call->status == 503 ? "Try again later."
			: "The collector could not do this; its log says why."));
	if (json_array_size(call->faults) > 0)
		json_object_set(problem, "errors", call->faults);
	return problem;
}

void answer_problem(struct api_call *call, const struct err *why)
{
	json_t *problem;
	struct err err;

	call->failed = true;
	call->cookie[0] = '\0';
	call->etag[0] = '\0';
	buf_clear(&call->reply);
	if (call->status < 400)
		call->status = answer_status(why->code);
	if (call->status >= 500)
		log_error("%s %s: %s", call->method, call->path, why->message);
	if (call->status == 503 && !call->retry_after_s)
		call->retry_after_s = 5;
	if (call->is_page && call->status == 401) {
		redirect_to_login(call);
		return;
	}
	call->location[0] = '\0';
	problem = make_problem(call, why);
	if (call->is_page && render(call, "problem", problem, &err) < 0) {
		log_error("page problem: %s", err.message);
		buf_clear(&call->reply);
	}
	if (!call->reply.length_bytes)
		dump(call, problem, PROBLEM_MEDIA);
	json_decref(problem);
}

static void remember_language(struct api_call *call)
{
	char chosen[LANGUAGE_SIZE], cookie[64];

	if (!call->is_page || !call->query || !url_query_get(call->query, "lang", chosen, sizeof chosen))
		return;
	snprintf(cookie, sizeof cookie, "lang=%s; Path=/; Max-Age=31536000; SameSite=Lax", page_language(chosen));
	http_reply_header(call->http, "Set-Cookie", cookie);
}

/* What would let in who was refused (RFC 9110). */
static const char *challenge(const struct api_call *call)
{
	return strncmp(call->path, "/agent/", 7) ? "Cookie realm=\"plumbline\"" : "Signature realm=\"plumbline\"";
}

static void send_headers(struct api_call *call)
{
	const struct {
		const char *name, *value;
	} headers[] = {
		{ "Content-Type", call->reply_type },
		{ "Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Referrer-Policy", "same-origin" },
		{ "Cache-Control", "no-store" },
		{ "Location", call->status == 303 ? call->location : NULL },
		{ "Allow", call->allow },
		{ "ETag", call->etag },
		{ "Set-Cookie", call->cookie },
		{ "WWW-Authenticate", call->status == 401 ? challenge(call) : NULL },
	};
	char seconds[24];

	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
		if (headers[i].value && headers[i].value[0])
			http_reply_header(call->http, headers[i].name, headers[i].value);
	if (call->retry_after_s) {
		snprintf(seconds, sizeof seconds, "%" PRId64, call->retry_after_s);
		http_reply_header(call->http, "Retry-After", seconds);
	}
	remember_language(call);
}

void answer_send(struct api_call *call)
{
	struct http_request *http = call->http;

	if (!http)
		return;
	send_headers(call);
	call->http = NULL;
	http_request_set_owner(http, NULL, NULL);
	http_reply(http, call->status, buf_text(&call->reply), call->reply.length_bytes);
}
