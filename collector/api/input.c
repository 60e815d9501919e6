#include "collector/api/input.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/gzip.h"
#include "agent/base/json.h"
#include "collector/http/url.h"

#define FORM_TYPE "application/x-www-form-urlencoded"
#define JSON_TYPE "application/json"

static bool has_type(const struct api_call *call, const char *type)
{
	const char *sent = call->headers[HEADER_CONTENT_TYPE];
	size_t length = strlen(type);

	return sent && !strncasecmp(sent, type, length) && (!sent[length] || strchr("; \t", sent[length]));
}

static int parse_json(struct api_call *call, const char *bytes, size_t length, struct err *err)
{
	if (json_parse(bytes, length, &call->input, err) < 0)
		return err_wrap(err, "body");
	if (!json_is_object(call->input))
		return err_set(err, ERR_INPUT, "body: must be a JSON object");
	return 0;
}

static size_t max_bytes(const struct api_call *call)
{
	return call->route->auth == API_AGENT ? INPUT_MAX_SIGNED_BYTES : INPUT_MAX_BYTES;
}

static int parse_packed(struct api_call *call, struct err *err)
{
	struct buf bytes = { 0 };
	int rc = gzip_unpack(call->body, call->body_bytes, max_bytes(call), &bytes, err);

	if (rc < 0)
		err_wrap(err, "body");
	else
		rc = parse_json(call, buf_text(&bytes), bytes.length_bytes, err);
	buf_free(&bytes);
	return rc;
}

int input_parse(struct api_call *call, struct err *err)
{
	const char *encoding = call->headers[HEADER_CONTENT_ENCODING];

	if (call->body_bytes > max_bytes(call))
		return err_set(err, ERR_TOO_LARGE, "body: at most %zu bytes", max_bytes(call));
	if (!call->body_bytes || has_type(call, FORM_TYPE))
		return 0;
	if (call->headers[HEADER_CONTENT_TYPE] && !has_type(call, JSON_TYPE))
		return err_set(err, ERR_UNSUPPORTED, "Content-Type: must be " JSON_TYPE " or " FORM_TYPE);
	if (encoding && !strcasecmp(encoding, "gzip"))
		return parse_packed(call, err);
	if (encoding && strcasecmp(encoding, "identity"))
		return err_set(err, ERR_UNSUPPORTED, "Content-Encoding: must be gzip, or absent");
	return parse_json(call, call->body, call->body_bytes, err);
}

bool input_form_text(const struct api_call *call, const char *name, char *ret_text, size_t size)
{
	return call->body_bytes && has_type(call, FORM_TYPE) && url_query_get(call->body, name, ret_text, size);
}

int input_fault(struct api_call *call, struct err *err, const char *field, const char *format, ...)
{
	char detail[256];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof detail, format, args);
	va_end(args);
	json_array_append_new(call->faults, json_pack("{s:s, s:s}", "field", field, "detail", detail));
	return err_set(err, ERR_INPUT, "%s: %s", field, detail);
}

/* Is a name there at all? url_query_get says no to malformed and overlong values too. */
static bool is_named(const char *pairs, const char *name)
{
	size_t length = strlen(name);

	for (const char *pair = pairs; pair; pair = strchr(pair, '&')) {
		pair += *pair == '&';
		if (!strncmp(pair, name, length) && pair[length] == '=')
			return true;
	}
	return false;
}

static int read_pair(struct api_call *call, const char *pairs, const char *name, char *ret_text, size_t size,
		     struct err *err)
{
	if (url_query_get(pairs, name, ret_text, size))
		return 0;
	ret_text[0] = '\0';
	if (is_named(pairs, name))
		return input_fault(call, err, name, "must be UTF-8 text of at most %zu bytes, percent-encoded", size - 1);
	return 0;
}

int input_text(struct api_call *call, const char *name, bool required, char *ret_text, size_t size, struct err *err)
{
	const struct json_field field = { .name = name, .type = JSON_FIELD_TEXT, .size = size };
	int rc = 0;

	ret_text[0] = '\0';
	if (call->input)
		rc = json_fields_read(call->input, &field, 1, ret_text, call->faults, err);
	else if (call->body_bytes)
		rc = read_pair(call, call->body, name, ret_text, size, err);
	if (rc == 0 && required && !ret_text[0])
		return input_fault(call, err, name, "is missing");
	return rc;
}

int query_text(struct api_call *call, const char *name, char *buffer, size_t size, const char **ret_text,
	       struct err *err)
{
	*ret_text = NULL;
	if (!call->query)
		return 0;
	if (read_pair(call, call->query, name, buffer, size, err) < 0)
		return -1;
	if (buffer[0])
		*ret_text = buffer;
	return 0;
}

int query_integer(struct api_call *call, const char *name, int64_t min, int64_t max, int64_t preset, int64_t *ret_value,
		  struct err *err)
{
	char buffer[32];
	const char *text;
	char *end;
	long long value;

	if (query_text(call, name, buffer, sizeof buffer, &text, err) < 0)
		return -1;
	if (!text) {
		*ret_value = preset;
		return 0;
	}
	value = strtoll(text, &end, 10);
	if (*end || value < min || value > max)
		return input_fault(call, err, name, "must be a whole number between %" PRId64 " and %" PRId64, min, max);
	*ret_value = value;
	return 0;
}

int query_choice(struct api_call *call, const char *name, const char *const *names, const char **ret_value,
		 struct err *err)
{
	char buffer[64];
	const char *text;
	char list[200] = "";
	size_t length = 0;

	*ret_value = NULL;
	if (query_text(call, name, buffer, sizeof buffer, &text, err) < 0)
		return -1;
	if (!text)
		return 0;
	for (int i = 0; names[i]; i++) {
		if (!strcmp(text, names[i])) {
			*ret_value = names[i];
			return 0;
		}
		if (length < sizeof list)
			length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", i ? ", " : "", names[i]);
	}
	return input_fault(call, err, name, "must be one of: %s", list);
}
