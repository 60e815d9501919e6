#include "collector/http/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/mem.h"

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static const char body_too_large[] = "the body is larger than this server accepts";

static struct http_request *of(llhttp_t *parser)
{
	return parser->data;
}

static int refuse(struct http_request *request, int status, const char *detail)
{
	request->refusal_status = status;
	request->refusal_detail = detail;
	return HPE_USER;
}

/* A text may come in pieces; they lie side by side in the head. */
static void extend(struct http_request *request, struct span *span, const char *at, size_t length)
{
	if (!span->length)
		span->offset = (size_t)(at - request->head.data);
	span->length += length;
}

static int on_url(llhttp_t *parser, const char *at, size_t length)
{
	struct http_request *request = of(parser);

	extend(request, &request->target, at, length);
	if (request->target.length > REQUEST_TARGET_MAX_BYTES)
		return refuse(request, 414, "the request target is longer than 8192 bytes");
	return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t length)
{
	struct http_request *request = of(parser);

	if (request->head_complete)
		return refuse(request, 400, "trailers after the body are not accepted");
	if (request->header_count == REQUEST_HEADERS_MAX)
		return refuse(request, 431, "the head has more than 100 headers");
	extend(request, &request->headers[request->header_count].name_span, at, length);
	return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t length)
{
	struct http_request *request = of(parser);

	extend(request, &request->headers[request->header_count].value_span, at, length);
	return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
	of(parser)->header_count++;
	return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
	(void)parser;
	return HPE_PAUSED;
}

static int on_chunk_extension(llhttp_t *parser, const char *at, size_t length)
{
	(void)at;
	(void)length;
	return refuse(of(parser), 400, "chunk extensions are not accepted");
}

/* Bytes that are announced, by Content-Length or by a chunk's size, before they come. */
static bool fits(const struct http_request *request)
{
	return request->parser.content_length <= (uint64_t)request->max_body_bytes - request->body.length_bytes;
}

static int on_chunk_header(llhttp_t *parser)
{
	return fits(of(parser)) ? 0 : refuse(of(parser), 413, body_too_large);
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
	buf_append(&of(parser)->body, at, length);
	return 0;
}

static int on_message_complete(llhttp_t *parser)
{
	(void)parser;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_header_value_complete = on_header_value_complete,
	.on_headers_complete = on_headers_complete,
	.on_chunk_extension_name = on_chunk_extension,
	.on_chunk_header = on_chunk_header,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

struct http_request *request_new(int64_t max_body_bytes)
{
	struct http_request *request = xcalloc(1, sizeof *request);

	llhttp_init(&request->parser, HTTP_REQUEST, &settings);
	request->parser.data = request;
	request->max_body_bytes = max_body_bytes;
	return request;
}

void request_free(struct http_request *request)
{
	if (!request)
		return;
	buf_free(&request->head);
	buf_free(&request->body);
	buf_free(&request->reply_headers);
	free(request);
}

/* The rules for a whole head. Each says whether the request breaks it. */

static size_t count_headers(const struct http_request *request, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < request->header_count; i++)
		count += !strcasecmp(request->headers[i].name, name);
	return count;
}

/* A name is a token (RFC 9110 5.6.2). */
static bool has_broken_name(const struct http_request *request)
{
	static const char allowed[] = LETTERS_AND_DIGITS "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < request->header_count; i++) {
		const char *name = request->headers[i].name;

		if (!*name || name[strspn(name, allowed)])
			return true;
	}
	return false;
}

static bool is_http_1_0(const struct http_request *request)
{
	return request->parser.http_major == 1 && request->parser.http_minor == 0;
}

static bool has_unknown_version(const struct http_request *request)
{
	return request->parser.http_major != 1 || request->parser.http_minor > 1;
}

static bool is_connect(const struct http_request *request)
{
	return request->parser.method == HTTP_CONNECT;
}

static bool wants_upgrade(const struct http_request *request)
{
	return count_headers(request, "Upgrade") > 0;
}

static bool lacks_host(const struct http_request *request)
{
	return !is_http_1_0(request) && !count_headers(request, "Host");
}

static bool has_many_hosts(const struct http_request *request)
{
	return count_headers(request, "Host") > 1;
}

static bool has_broken_host(const struct http_request *request)
{
	static const char allowed[] = LETTERS_AND_DIGITS "-._~%!$&'()*+,;=:[]";
	const char *host = http_request_header(request, "Host");

	return host && host[strspn(host, allowed)];
}

static const char *target_text(const struct http_request *request)
{
	return request->head.data + request->target.offset;
}

/* What follows "http://" in an absolute target; NULL in the others. */
static const char *target_authority(const struct http_request *request)
{
	const char *target = target_text(request);

	if (!strncasecmp(target, "http://", 7))
		return target + 7;
	return strncasecmp(target, "https://", 8) ? NULL : target + 8;
}

static bool has_broken_target(const struct http_request *request)
{
	const char *target = target_text(request);

	if (strchr(target, '#'))
		return true;
	if (!strcmp(target, "*"))
		return request->parser.method != HTTP_OPTIONS;
	return target[0] != '/' && !target_authority(request);
}

static bool contradicts_host(const struct http_request *request)
{
	const char *authority = target_authority(request);
	const char *host = http_request_header(request, "Host");
	size_t length = authority ? strcspn(authority, "/?") : 0;

	return authority && (!length || (host && (strlen(host) != length || strncasecmp(host, authority, length))));
}

static bool is_chunked_1_0(const struct http_request *request)
{
	return is_http_1_0(request) && count_headers(request, "Transfer-Encoding");
}

static bool has_unknown_coding(const struct http_request *request)
{
	const char *coding = http_request_header(request, "Transfer-Encoding");

	return coding && (strcasecmp(coding, "chunked") != 0 || count_headers(request, "Transfer-Encoding") > 1);
}

static bool has_unknown_expectation(const struct http_request *request)
{
	const char *expectation = http_request_header(request, "Expect");

	return expectation && strcasecmp(expectation, "100-continue") != 0;
}

static bool announces_large_body(const struct http_request *request)
{
	return !fits(request);
}

static const struct {
	bool (*is_broken)(const struct http_request *request);
	int status;
	const char *detail;
} rules[] = {
	{ has_unknown_version,     505, "only HTTP/1.1 and HTTP/1.0 are spoken here" },
	{ is_connect,              501, "CONNECT is not supported" },
	{ wants_upgrade,           501, "Upgrade is not supported" },
	{ has_broken_name,         400, "the name of a header is malformed" },
	{ lacks_host,              400, "the Host header is missing" },
	{ has_many_hosts,          400, "there is more than one Host header" },
	{ has_broken_host,         400, "the Host header is malformed" },
	{ has_broken_target,       400, "the request target is malformed" },
	{ contradicts_host,        400, "the request target and the Host header name different hosts" },
	{ is_chunked_1_0,          400, "HTTP/1.0 has no Transfer-Encoding" },
	{ has_unknown_coding,      501, "chunked is the only Transfer-Encoding supported" },
	{ has_unknown_expectation, 417, "100-continue is the only expectation supported" },
	{ announces_large_body,    413, body_too_large },
};

/* What must be seen in the bytes themselves: lines end in CR LF, none is folded, none holds NUL (RFC 9112 2.2, 5.2). */
static int check_lines(struct http_request *request)
{
	const char *head = request->head.data;
	size_t length = request->head.length_bytes;

	for (size_t i = 0; i < length; i++) {
		if (!head[i])
			return refuse(request, 400, "the head holds a NUL byte");
		if (head[i] != '\n')
			continue;
		if (!i || head[i - 1] != '\r')
			return refuse(request, 400, "a line of the head ends without CR");
		if (i + 1 < length && (head[i + 1] == ' ' || head[i + 1] == '\t'))
			return refuse(request, 400, "a header line is folded");
	}
	/* llhttp also speaks RTSP and ICE. */
	if (strncmp(target_text(request) + request->target.length, " HTTP/", 6) != 0)
		return refuse(request, 400, "the request line is malformed");
	return 0;
}

/* Ends a text where it stands; the byte after it is a delimiter that was parsed already. */
static const char *terminate(struct http_request *request, struct span span)
{
	char *text = request->head.data + span.offset;

	while (span.length && (text[span.length - 1] == ' ' || text[span.length - 1] == '\t'))
		span.length--;
	if (!span.length)
		return "";
	text[span.length] = '\0';
	return text;
}

static void terminate_texts(struct http_request *request)
{
	terminate(request, request->target);
	for (size_t i = 0; i < request->header_count; i++) {
		struct header *header = &request->headers[i];

		header->name = terminate(request, header->name_span);
		header->value = terminate(request, header->value_span);
	}
}

static void split_target(struct http_request *request)
{
	const char *authority = target_authority(request);
	const char *path = authority ? authority + strcspn(authority, "/?") : target_text(request);
	char *query = strchr(path, '?');

	if (query) {
		*query = '\0';
		request->query = query + 1;
	}
	request->path = *path ? path : "/";
}

static void finish_head(struct http_request *request)
{
	if (check_lines(request) != 0)
		return;
	terminate_texts(request);
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		if (rules[i].is_broken(request)) {
			refuse(request, rules[i].status, rules[i].detail);
			return;
		}
	}
	split_target(request);
	request->head_complete = true;
	request->keep_alive = llhttp_should_keep_alive(&request->parser);
	request->expects_continue = !is_http_1_0(request) && http_request_header(request, "Expect") &&
				    (request->parser.flags & F_CHUNKED || request->parser.content_length);
	llhttp_resume(&request->parser);
}

/* Runs the parser over bytes; *ret_used is where it paused, or length. */
static llhttp_errno_t run(struct http_request *request, const char *bytes, size_t length, size_t *ret_used)
{
	llhttp_errno_t result = llhttp_execute(&request->parser, bytes, length);

	*ret_used = result == HPE_PAUSED ? (size_t)(llhttp_get_error_pos(&request->parser) - bytes) : length;
	if (result != HPE_OK && result != HPE_PAUSED && !request->refusal_status)
		refuse(request, result == HPE_INVALID_VERSION ? 505 : 400, llhttp_get_error_reason(&request->parser));
	return result;
}

static void feed_head(struct http_request *request, const char *bytes, size_t length, size_t *ret_used)
{
	size_t before = request->head.length_bytes;
	size_t room = REQUEST_HEAD_MAX_BYTES - before;
	llhttp_errno_t result;

	if (length > room)
		length = room;
	buf_append(&request->head, bytes, length);
	result = run(request, request->head.data + before, length, ret_used);
	request->head.length_bytes = before + *ret_used;
	if (result == HPE_PAUSED)
		finish_head(request);
	else if (result == HPE_OK && request->head.length_bytes == REQUEST_HEAD_MAX_BYTES)
		refuse(request, 431, "the head is longer than 32768 bytes");
}

enum request_progress request_feed(struct http_request *request, const char *bytes, size_t length, size_t *ret_used)
{
	llhttp_errno_t result = HPE_OK;
	size_t head = 0, body = 0;

	if (!request->head_complete)
		feed_head(request, bytes, length, &head);
	if (request->head_complete)
		result = run(request, bytes + head, length - head, &body);
	if (request->refusal_status)
		return REQUEST_REFUSED;
	*ret_used = head + body;
	return result == HPE_PAUSED ? REQUEST_WHOLE : REQUEST_INCOMPLETE;
}

bool request_is_head(const struct http_request *request)
{
	return request->parser.method == HTTP_HEAD;
}

const char *http_request_method(const struct http_request *request)
{
	return llhttp_method_name(request->parser.method);
}

const char *http_request_path(const struct http_request *request)
{
	return request->path;
}

const char *http_request_query(const struct http_request *request)
{
	return request->query;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (!strcasecmp(request->headers[i].name, name))
			return request->headers[i].value;
	return NULL;
}

const void *http_request_body(const struct http_request *request, size_t *ret_length)
{
	*ret_length = request->body.length_bytes;
	return buf_text(&request->body);
}

const char *http_request_peer(const struct http_request *request)
{
	return request->peer;
}
