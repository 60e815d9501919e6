#include "collector/web/decorate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct {
	const char *name, *given, *want;
} cases[] = {
	{ "a time", "{'opened_ms': 1795360588000}",
	  "{'opened_ms': 1795360588000, 'opened_text': '22 Nov 2026 15:16', 'opened_iso': '2026-11-22T15:16:28.000Z'}" },
	{ "a span is no time", "{'span_ms': 5400000}", "{'span_ms': 5400000, 'span_text': '1 h 30 min'}" },
	{ "a rate", "{'throughput_bps': 94100000}", "{'throughput_bps': 94100000, 'throughput_text': '94.1 Mbit/s'}" },
	{ "a duration", "{'duration_us': 12300}", "{'duration_us': 12300, 'duration_text': '12.3 ms'}" },
	{ "a size", "{'bytes': 1000}", "{'bytes': 1000, 'bytes_text': '1 kB'}" },
	{ "a size with a name", "{'body_bytes': 1000}", "{'body_bytes': 1000, 'body_text': '1 kB'}" },
	{ "a share", "{'coverage': 98}", "{'coverage': 98, 'coverage_text': '98 %'}" },
	{ "an availability", "{'available_ppm': 999500}", "{'available_ppm': 999500, 'available_text': '99.950 %'}" },
	{ "a time down", "{'down_ms': 90000, 'in_maintenance_ms': 0}",
	  "{'down_ms': 90000, 'down_text': '1 min 30 s', 'in_maintenance_ms': 0, 'in_maintenance_text': '0 µs'}" },
	{ "a cause, and whose it is", "{'cause': 'access', 'attributed_to': 'provider'}",
	  "{'cause': 'access', 'cause_text': 'access network', 'attributed_to': 'provider', 'attributed_to_text': 'ours'}" },
	{ "absent", "{'throughput_bps': -1, 'closed_ms': null, 'coverage': null}",
	  "{'throughput_bps': -1, 'closed_ms': null, 'coverage': null}" },
	{ "a word", "{'state': 'fixed'}", "{'state': 'fixed', 'state_text': 'awaiting proof'}" },
	{ "an unknown word", "{'state': 'odd'}", "{'state': 'odd', 'state_text': 'odd'}" },
	{ "a word inside", "{'fast': {'x': [{'leg': 'local'}]}}",
	  "{'fast': {'x': [{'leg': 'local', 'leg_text': 'In our network'}]}}" },
	{ "a quality as an object is walked", "{'quality': {'good': 'bad'}}", "{'quality': {'good': 'bad', 'good_text': 'bad'}}" },
	{ "an address", "{'id': 'a/b ?ж'}", "{'id': 'a/b ?ж', 'id_path': 'a%2Fb%20%3F%D0%B6'}" },
	{ "a number that is nothing", "{'reopen_count': 2}", "{'reopen_count': 2}" },
};

static json_t *parse(const char *text)
{
	char copy[512];
	json_t *value;

	assert_true(strlen(text) < sizeof copy);
	strcpy(copy, text);
	for (char *at = copy; (at = strchr(at, '\'')); )
		*at = '"';
	value = json_loads(copy, 0, NULL);
	assert_non_null(value);
	return value;
}

/* Figures are written with a space that does not break a line. */
static char *dump_with_plain_spaces(const json_t *value)
{
	char *text = json_dumps(value, JSON_SORT_KEYS), *to = text;

	for (const char *from = text; *from; from++) {
		bool is_fixed = !strncmp(from, "\xc2\xa0", 2);

		*to++ = is_fixed ? ' ' : *from;
		from += is_fixed;
	}
	*to = '\0';
	return text;
}

static void adds_siblings(void **state)
{
	const struct reader reader = { "en", NULL };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *value = parse(cases[i].given), *want = parse(cases[i].want);
		char *text, *want_text = json_dumps(want, JSON_SORT_KEYS);

		decorate(value, &reader);
		text = dump_with_plain_spaces(value);
		if (strcmp(text, want_text))
			fail_msg("%s: %s instead of %s", cases[i].name, text, want_text);
		free(text);
		free(want_text);
		json_decref(value);
		json_decref(want);
	}
}

static void speaks_russian(void **state)
{
	const struct reader reader = { "ru", NULL };

	(void)state;
	assert_string_equal(decorate_word(&reader, "judgement", "bad"), "плохо");
	assert_string_equal(decorate_word(&reader, "judgement", "odd"), "odd");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(adds_siblings), cmocka_unit_test(speaks_russian) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
