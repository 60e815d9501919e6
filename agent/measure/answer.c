#include "agent/measure/answer.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"

/* Cache-Status: a parameter "hit" without a value, as in "edge; hit, origin; fwd=miss". */
static bool names_a_hit(const char *cache_status)
{
	const char *at = cache_status;

	while ((at = strchr(at, ';'))) {
		at += 1 + strspn(at + 1, " \t");
		if (!strncasecmp(at, "hit", 3) && strchr(" \t;,", at[3]))   /* the end counts too */
			return true;
	}
	return false;
}

bool answer_is_cached(const struct transfer_result *result)
{
	return strtoll(result->headers[HEADER_AGE], NULL, 10) > 0 || strcasestr(result->headers[HEADER_X_CACHE], "hit") ||
	       names_a_hit(result->headers[HEADER_CACHE_STATUS]);
}

bool answer_nonce_is_wrong(const struct transfer_result *result, const char *nonce, bool required)
{
	const char *echo = result->headers[HEADER_NONCE];

	if (*echo)
		return strcmp(echo, nonce) != 0;
	return required && result->http_status == 200;
}

/* Of "flows=3, nic=12, cpu=40"; -1 when it is not stated. */
static long stated_percent(const char *load, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = load; at; at = strchr(at, ',')) {
		at += strspn(at, ", \t");
		if (!strncmp(at, name, length) && at[length] == '=')
			return strtol(at + length + 1, NULL, 10);
	}
	return -1;
}

static bool reaches(long percent, int64_t limit_percent)
{
	return limit_percent && percent >= limit_percent;
}

bool answer_server_is_busy(const struct transfer_result *result, const struct busy_limits *limits)
{
	const char *load = result->headers[HEADER_LOAD];

	return result->http_status == 503 || result->http_status == 429 ||
	       reaches(stated_percent(load, "nic"), limits->nic_percent) ||
	       reaches(stated_percent(load, "cpu"), limits->cpu_percent);
}

enum reason answer_find_failure(const struct transfer_result *result, int64_t size_bytes, const char *expected_sha256,
				const char *sha256)
{
	if (result->failure)
		return result->failure;
	if (size_bytes && result->bytes < size_bytes && result->content_length == JSON_ABSENT)
		return REASON_TRUNCATED;   /* only the connection's end told where the body ends */
	if (size_bytes && result->bytes != size_bytes)
		return REASON_ALTERED;
	return expected_sha256 && sha256 && strcasecmp(expected_sha256, sha256) ? REASON_ALTERED : REASON_NONE;
}
