#include "collector/http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *name, *text;
	bool plus_is_space;
	const char *want;   /* NULL: refused */
} decodings[] = {
	{ "nothing",                        "", false, "" },
	{ "plain text",                     "abc", false, "abc" },
	{ "plus in a path",                 "a+b", false, "a+b" },
	{ "plus in a form",                 "a+b", true, "a b" },
	{ "both cases of hex",              "%2f%2F", false, "//" },
	{ "an encoded percent stays",       "%2541", false, "%41" },
	{ "cyrillic",                       "%D0%9F%D1%80", false, "\xd0\x9f\xd1\x80" },
	{ "cyrillic as it is",              "\xd0\x9f", false, "\xd0\x9f" },
	{ "the last character",             "%F4%8F%BF%BF", false, "\xf4\x8f\xbf\xbf" },
	{ "fits exactly",                   "1234567890123456789", false, "1234567890123456789" },
	{ "one too long",                   "12345678901234567890", false, NULL },
	{ "percent at the end",             "a%", false, NULL },
	{ "one digit",                      "a%4", false, NULL },
	{ "no hex digits",                  "%zz", false, NULL },
	{ "second is no hex digit",         "%4z", false, NULL },
	{ "NUL",                            "a%00b", false, NULL },
	{ "a lone continuation",            "%80", false, NULL },
	{ "cut in the middle",              "%D0", false, NULL },
	{ "overlong slash",                 "%C0%AF", false, NULL },
	{ "overlong in three bytes",        "%E0%80%AF", false, NULL },
	{ "overlong in four bytes",         "%F0%80%80%AF", false, NULL },
	{ "a surrogate",                    "%ED%A0%80", false, NULL },
	{ "past the last character",        "%F4%90%80%80", false, NULL },
	{ "a byte that never occurs",       "%FF", false, NULL },
};

static void test_decode(void **state)
{
	char text[20];

	(void)state;
	for (size_t i = 0; i < sizeof decodings / sizeof decodings[0]; i++) {
		bool done = url_decode(decodings[i].text, strlen(decodings[i].text), decodings[i].plus_is_space, text,
				       sizeof text);

		if (done != (decodings[i].want != NULL) || (done && strcmp(text, decodings[i].want)))
			fail_msg("%s: %s", decodings[i].name, done ? text : "refused");
	}
	assert_false(url_decode("", 0, false, text, 0));
	assert_false(url_decode("%41", 2, false, text, sizeof text));   /* the length counts, not the NUL */
}

static const struct {
	const char *name, *query, *key, *want;
} queries[] = {
	{ "no query",              NULL, "a", NULL },
	{ "empty query",           "", "a", NULL },
	{ "the only one",          "a=1", "a", "1" },
	{ "the last one",          "b=2&a=1", "a", "1" },
	{ "the first of two",      "a=1&a=2", "a", "1" },
	{ "without a value",       "a&b=2", "a", "" },
	{ "with an empty value",   "a=&b=2", "a", "" },
	{ "equals in the value",   "a=b=c", "a", "b=c" },
	{ "a longer name",         "ab=1", "a", NULL },
	{ "a shorter name",        "a=1", "ab", NULL },
	{ "an encoded name",       "%61=1", "a", "1" },
	{ "encoded value",         "q=%D0%9F+x", "q", "\xd0\x9f x" },
	{ "malformed value",       "a=%zz", "a", NULL },
	{ "malformed other",       "%zz=1&a=1", "a", "1" },
	{ "empty pairs",           "&&a=1", "a", "1" },
	{ "too long",              "a=12345678901234567890", "a", NULL },
};

static void test_query(void **state)
{
	char value[20];

	(void)state;
	for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
		bool found = url_query_get(queries[i].query, queries[i].key, value, sizeof value);

		if (found != (queries[i].want != NULL) || (found && strcmp(value, queries[i].want)))
			fail_msg("%s: %s", queries[i].name, found ? value : "not found");
	}
}

static const struct {
	const char *name, *header, *want;
} cookies[] = {
	{ "no header",          NULL, NULL },
	{ "empty header",       "", NULL },
	{ "the only one",       "session=abc", "abc" },
	{ "the last one",       "a=1; session=abc", "abc" },
	{ "in the middle",      "a=1;session=abc; b=2", "abc" },
	{ "a longer name",      "session2=abc", NULL },
	{ "part of a value",    "a=session=abc", NULL },
	{ "no value",           "session", NULL },
	{ "empty value",        "session=", "" },
	{ "not decoded",        "session=%41", "%41" },
	{ "too long",           "session=12345678901234567890", NULL },
};

static void test_cookie(void **state)
{
	char value[20];

	(void)state;
	for (size_t i = 0; i < sizeof cookies / sizeof cookies[0]; i++) {
		bool found = url_cookie_get(cookies[i].header, "session", value, sizeof value);

		if (found != (cookies[i].want != NULL) || (found && strcmp(value, cookies[i].want)))
			fail_msg("%s: %s", cookies[i].name, found ? value : "not found");
	}
}

static void test_encode(void **state)
{
	struct buf text = { 0 };

	(void)state;
	url_append_encoded(&text, "aZ09-._~/?&=%+ \n\xd0\x9f\xff", "");
	assert_string_equal(buf_text(&text), "aZ09-._~%2F%3F%26%3D%25%2B%20%0A%D0%9F%FF");
	buf_clear(&text);
	url_append_encoded(&text, "/a?b", "/");
	assert_string_equal(buf_text(&text), "/a%3Fb");
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_cookie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
