#include "collector/http/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *method, *pattern;
	int something_else;
} routes[] = {
	{ "GET",    "/", 0 },
	{ "GET",    "/clients", 0 },
	{ "POST",   "/clients", 0 },
	{ "GET",    "/reports/morning", 0 },
	{ "GET",    "/reports/{name}", 0 },
	{ "DELETE", "/reports/{name}", 0 },
	{ "GET",    "/clients/{id}/visits/{visit}", 0 },
};

static const struct {
	const char *name, *method, *path;
	enum route_found want;
	size_t row;
	const char *parameter, *allow;
} cases[] = {
	{ "the root",                      "GET", "/", ROUTE_FOUND, 0, "", "" },
	{ "a path",                        "GET", "/clients", ROUTE_FOUND, 1, "", "" },
	{ "by method",                     "POST", "/clients", ROUTE_FOUND, 2, "", "" },
	{ "HEAD finds GET",                "HEAD", "/clients", ROUTE_FOUND, 1, "", "" },
	{ "a text before a parameter",     "GET", "/reports/morning", ROUTE_FOUND, 3, "", "" },
	{ "a parameter",                   "GET", "/reports/weekly", ROUTE_FOUND, 4, "weekly", "" },
	{ "a parameter decoded",           "GET", "/reports/a%2Fb%20c+d", ROUTE_FOUND, 4, "a/b c+d", "" },
	{ "two parameters",                "GET", "/clients/7/visits/9", ROUTE_FOUND, 6, "7", "" },
	{ "wrong method",                  "PUT", "/clients", ROUTE_NO_METHOD, 0, "", "GET, POST" },
	{ "wrong method, rows overlap",    "PUT", "/reports/morning", ROUTE_NO_METHOD, 0, "", "GET, DELETE" },
	{ "a method of another path",      "DELETE", "/clients", ROUTE_NO_METHOD, 0, "", "GET, POST" },
	{ "methods have one case",         "get", "/clients", ROUTE_NO_METHOD, 0, "", "GET, POST" },
	{ "unknown",                       "GET", "/nothing", ROUTE_NO_PATH, 0, "", "" },
	{ "a longer path",                 "GET", "/clients/7", ROUTE_NO_PATH, 0, "", "" },
	{ "a slash too many",              "GET", "/clients/", ROUTE_NO_PATH, 0, "", "" },
	{ "two slashes",                   "GET", "//clients", ROUTE_NO_PATH, 0, "", "" },
	{ "a prefix",                      "GET", "/client", ROUTE_NO_PATH, 0, "", "" },
	{ "an empty parameter",            "GET", "/reports/", ROUTE_NO_PATH, 0, "", "" },
	{ "a malformed parameter",         "GET", "/reports/%zz", ROUTE_NO_PATH, 0, "", "" },
	{ "a parameter with NUL",          "GET", "/reports/%00", ROUTE_NO_PATH, 0, "", "" },
	{ "no path at all",                "OPTIONS", "*", ROUTE_NO_PATH, 0, "", "" },
};

static void test_find(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct route_match match = { 0 };
		char allow[64] = "";
		size_t row = 0;
		enum route_found found =
			route_find(routes, sizeof routes / sizeof routes[0], sizeof routes[0], cases[i].method,
				   cases[i].path, &row, &match, allow, sizeof allow);

		if (found != cases[i].want || row != cases[i].row || strcmp(match.parameters[0], cases[i].parameter) ||
		    strcmp(allow, cases[i].allow))
			fail_msg("%s: %d, row %zu, \"%s\", allow \"%s\"", cases[i].name, found, row,
				 match.parameters[0], allow);
	}
}

static void test_second_parameter(void **state)
{
	struct route_match match;
	char allow[64];
	size_t row;

	(void)state;
	assert_int_equal(route_find(routes, sizeof routes / sizeof routes[0], sizeof routes[0], "GET",
				    "/clients/7/visits/9", &row, &match, allow, sizeof allow),
			 ROUTE_FOUND);
	assert_string_equal(match.parameters[1], "9");
}

static void test_parameter_length(void **state)
{
	struct route_match match;
	char path[256], allow[64];
	size_t row;

	(void)state;
	for (int length = ROUTE_PARAMETER_SIZE - 1; length <= ROUTE_PARAMETER_SIZE; length++) {
		snprintf(path, sizeof path, "/reports/%0*d", length, 7);
		assert_int_equal(route_find(routes, sizeof routes / sizeof routes[0], sizeof routes[0], "GET", path,
					    &row, &match, allow, sizeof allow),
				 length < ROUTE_PARAMETER_SIZE ? ROUTE_FOUND : ROUTE_NO_PATH);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_second_parameter),
		cmocka_unit_test(test_parameter_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
