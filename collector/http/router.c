#include "collector/http/router.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "collector/http/url.h"

struct row {
	const char *method, *pattern;
};

/* "{id}" takes any segment that is not empty, other segments are compared as they were sent. */
static bool segment_matches(const char *pattern, size_t pattern_length, const char *path, size_t path_length,
			    struct route_match *ret_match, size_t *parameters)
{
	if (pattern[0] != '{')
		return pattern_length == path_length && !memcmp(pattern, path, path_length);
	if (!path_length || *parameters == ROUTE_PARAMETERS_MAX)
		return false;
	return url_decode(path, path_length, false, ret_match->parameters[(*parameters)++], ROUTE_PARAMETER_SIZE);
}

static bool path_matches(const char *pattern, const char *path, struct route_match *ret_match)
{
	size_t parameters = 0;

	while (*pattern == '/' && *path == '/') {
		size_t pattern_length = strcspn(++pattern, "/");
		size_t path_length = strcspn(++path, "/");

		if (!segment_matches(pattern, pattern_length, path, path_length, ret_match, &parameters))
			return false;
		pattern += pattern_length;
		path += path_length;
	}
	return !*pattern && !*path;
}

static bool method_matches(const char *of_row, const char *asked)
{
	return !strcmp(of_row, asked) || (!strcmp(of_row, "GET") && !strcmp(asked, "HEAD"));
}

static void add_method(char *allow, size_t size, const char *method)
{
	size_t length = strlen(allow);

	if (!strstr(allow, method))
		snprintf(allow + length, size - length, "%s%s", length ? ", " : "", method);
}

enum route_found route_find(const void *rows, size_t count, size_t row_size, const char *method, const char *path,
			    size_t *ret_index, struct route_match *ret_match, char *ret_allow, size_t allow_size)
{
	char allow[128] = "";

	for (size_t i = 0; i < count; i++) {
		const struct row *row = (const void *)((const char *)rows + i * row_size);
		struct route_match match;

		memset(&match, 0, sizeof match);
		if (!path_matches(row->pattern, path, &match))
			continue;
		if (method_matches(row->method, method)) {
			*ret_index = i;
			*ret_match = match;
			return ROUTE_FOUND;
		}
		add_method(allow, sizeof allow, row->method);
	}
	if (!allow[0])
		return ROUTE_NO_PATH;
	snprintf(ret_allow, allow_size, "%s", allow);
	return ROUTE_NO_METHOD;
}
