#include "agent/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_parse_is_strict(void **state)
{
	static const struct {
		const char *text, *want;   /* part of the message; NULL: accepted */
	} cases[] = {
		{ "{}", NULL },
		{ "7", NULL },
		{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", NULL },
		{ "{\"a\": \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\"}", NULL },
		{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "nested deeper than 32 levels" },
		{ "{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":"
		  "[{\"a\":[{\"a\":[{\"a\":[1", "nested deeper than 32 levels" },
		{ "", "line 1, column 0: " },
		{ "{\"a\": 1, \"a\": 2}", "line 1, column 12: duplicate object key" },
		{ "{}\n{}", "line 2, column 1: end of file expected" },
		{ "[\"\xff\"]", "line 1, column 2: unable to decode byte 0xff" },
		{ "[\"\\u0000\"]", "\\u0000 is not allowed" },
		{ "{\"a\": nope}", "line 1, column 10: invalid token" },
		{ "[1", "line 1, column 2: " },
		{ "[\"\\", "line 1, column 3: invalid escape" },
		{ "[1e999]", "line 1, column 6: real number overflow" },
		{ "[9223372036854775808]", "line 1, column 20: too big integer" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err err = { 0 };
		json_t *value = NULL;
		int rc = json_parse(cases[i].text, strlen(cases[i].text), &value, &err);

		assert_int_equal(rc, cases[i].want ? -1 : 0);
		if (cases[i].want && !strstr(err.message, cases[i].want))
			fail_msg("%s: %s", cases[i].text, err.message);
		json_decref(value);
	}
}

struct sample {
	int64_t size, rate;
	int flag;
	char name[4];
	int colour;
};

static const char *const colours[] = { "", "red", "green", NULL };

#define AT(member) .offset = offsetof(struct sample, member)

static const struct json_field fields[] = {
	{ .name = "size", .type = JSON_FIELD_INTEGER, .required = true, AT(size), .min = -5, .max = 10 },
	{ .name = "rate", .type = JSON_FIELD_INTEGER, AT(rate), .min = 0, .max = INT64_MAX },
	{ .name = "flag", .type = JSON_FIELD_FLAG, AT(flag) },
	{ .name = "name", .type = JSON_FIELD_TEXT, AT(name), .size = 4 },
	{ .name = "colour", .type = JSON_FIELD_CHOICE, AT(colour), .names = colours },
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

static void test_fields_round_trip(void **state)
{
	static const char *const texts[] = {
		"{\"size\":-5}",
		"{\"size\":-1,\"rate\":0,\"flag\":false,\"name\":\"abc\",\"colour\":\"green\"}",
		"{\"size\":10,\"rate\":9223372036854775807,\"flag\":true}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct sample sample;
		struct err err = { 0 };
		json_t *value, *written;
		char *text;

		assert_int_equal(json_parse(texts[i], strlen(texts[i]), &value, &err), 0);
		assert_int_equal(json_fields_read(value, fields, FIELD_COUNT, &sample, NULL, &err), 0);
		written = json_fields_write(fields, FIELD_COUNT, &sample);
		text = json_dumps(written, JSON_COMPACT);
		assert_string_equal(text, texts[i]);
		free(text);
		json_decref(written);
		json_decref(value);
	}
}

static void test_absent_fields(void **state)
{
	struct sample sample = { .name = "xyz" };
	struct err err = { 0 };
	json_t *value = json_pack("{s:i, s:n, s:i}", "size", 1, "rate", "more", 1);

	(void)state;
	assert_int_equal(json_fields_read(value, fields, FIELD_COUNT, &sample, NULL, &err), 0);
	assert_int_equal(sample.size, 1);
	assert_int_equal(sample.rate, JSON_ABSENT);
	assert_int_equal(sample.flag, JSON_ABSENT);
	assert_string_equal(sample.name, "");
	assert_int_equal(sample.colour, 0);
	json_decref(value);
}

static void test_names_every_wrong_field(void **state)
{
	static const struct {
		const char *text, *want;   /* the first as message; then each fault */
	} cases[] = {
		{ "[]", "must be an object" },
		{ "{}", "size: is missing|is missing" },
		{ "{\"size\":null}", "size: is missing|is missing" },
		{ "{\"size\":11}", "size: must lie between -5 and 10|must lie between -5 and 10" },
		{ "{\"size\":1.0}", "size: must be an integer|must be an integer" },
		{ "{\"size\":1,\"flag\":1}", "flag: must be true or false|must be true or false" },
		{ "{\"size\":1,\"name\":7}", "name: must be a string|must be a string" },
		{ "{\"size\":1,\"name\":\"abcd\"}",
		  "name: must be at most 3 bytes, without NUL|must be at most 3 bytes, without NUL" },
		{ "{\"size\":1,\"colour\":\"blue\"}", "colour: must be one of: red, green|must be one of: red, green" },
		{ "{\"size\":1,\"colour\":2}", "colour: must be one of: red, green|must be one of: red, green" },
		{ "{\"size\":\"1\",\"rate\":-2,\"flag\":true}",
		  "size: must be an integer|must be an integer|must lie between 0 and 9223372036854775807" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		json_t *value, *faults = json_array(), *fault;
		struct sample sample;
		struct err err = { 0 };
		char got[512];
		size_t index, length;

		assert_int_equal(json_parse(cases[i].text, strlen(cases[i].text), &value, &err), 0);
		assert_int_equal(json_fields_read(value, fields, FIELD_COUNT, &sample, faults, &err), -1);
		assert_int_equal(err.code, ERR_INPUT);
		length = (size_t)snprintf(got, sizeof got, "%s", err.message);
		json_array_foreach(faults, index, fault)
			length += (size_t)snprintf(got + length, sizeof got - length, "|%s",
						   json_string_value(json_object_get(fault, "detail")));
		assert_string_equal(got, cases[i].want);
		json_decref(faults);
		json_decref(value);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_is_strict),
		cmocka_unit_test(test_fields_round_trip),
		cmocka_unit_test(test_absent_fields),
		cmocka_unit_test(test_names_every_wrong_field),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
