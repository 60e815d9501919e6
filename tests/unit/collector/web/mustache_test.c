#include "collector/web/mustache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The specification's own cases, when they lie beside the repository. */
static const char *const spec_files[] = {
	"comments", "delimiters", "interpolation", "inverted", "partials", "sections",
};
#define SPEC_FOLDER "../shared/mustache-spec"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *find_in_object(const void *context, const char *name, size_t *ret_length)
{
	const char *text = json_string_value(json_object_get(context, name));

	*ret_length = text ? strlen(text) : 0;
	return text;
}

static const struct {
	const char *name, *template, *data, *partials, *want;
} cases[] = {
	{ "nothing", "", "{}", "{}", "" },
	{ "a brace is no tag", "{x} }} {", "{}", "{}", "{x} }} {" },
	{ "all five signs are escaped", "{{a}}", "{\"a\": \"<&>\\\"'\"}", "{}", "&lt;&amp;&gt;&quot;&#39;" },
	{ "unescaped twice", "{{{a}}}{{&a}}", "{\"a\": \"<\"}", "{}", "<<" },
	{ "the empty text is false", "{{#a}}x{{/a}}{{^a}}y{{/a}}", "{\"a\": \"\"}", "{}", "y" },
	{ "zero is true", "{{#a}}{{a}}{{/a}}", "{\"a\": 0}", "{}", "0" },
	{ "a found null hides what lies below", "{{#a}}{{^b}}none{{/b}}{{/a}}", "{\"b\": 1, \"a\": {\"b\": null}}", "{}", "none" },
	{ "objects and arrays are not printed", "[{{a}}{{b}}]", "{\"a\": {}, \"b\": [1]}", "{}", "[]" },
	{ "standalone section", "a\n  {{#b}}  \nx\n{{/b}}\nz\n", "{\"b\": [1, 2]}", "{}", "a\nx\nx\nz\n" },
	{ "two tags on a line are not standalone", "{{#b}}{{/b}}\nx", "{\"b\": 1}", "{}", "\nx" },
	{ "a partial keeps its indentation", "  {{>p}}\n", "{\"a\": \"1\\n2\"}", "{\"p\": \"x\\n{{{a}}}\\n\"}", "  x\n  1\n2\n" },
	{ "a partial in itself ends with its data", "{{>p}}", "{\"n\": {\"n\": {\"n\": false}}}",
	  "{\"p\": \"<{{#n}}{{>p}}{{/n}}>\"}", "<<<>>>" },
	{ "delimiters", "{{=<% %>=}}<%a%>{{a}}<%={{ }}=%>{{a}}", "{\"a\": 1}", "{}", "1{{a}}1" },
};

static void renders(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *data = json_loads(cases[i].data, 0, NULL), *partials = json_loads(cases[i].partials, 0, NULL);
		const struct mustache_partials source = { find_in_object, partials };
		struct buf text = { 0 };
		struct err err;

		if (mustache_render(cases[i].template, strlen(cases[i].template), data, &source, &text, &err) < 0)
			fail_msg("%s: %s", cases[i].name, err.message);
		if (strcmp(buf_text(&text), cases[i].want))
			fail_msg("%s: \"%s\" instead of \"%s\"", cases[i].name, buf_text(&text), cases[i].want);
		buf_free(&text);
		json_decref(data);
		json_decref(partials);
	}
}

static const struct {
	const char *template, *want;
} faults[] = {
	{ "a\n{{b", "template line 2: a tag is not closed" },
	{ "{{", "template line 1: a tag is not closed" },
	{ "{{{b}}", "template line 1: a tag is not closed" },
	{ "{{=x}}", "template line 1: a tag is not closed" },
	{ "{{!", "template line 1: a tag is not closed" },
	{ "\n\n{{#b}}\n", "template line 3: a section is not ended" },
	{ "{{#a}}{{#b}}{{/b}}", "template line 1: a section is not ended" },
	{ "{{/b}}", "template line 1: the end of a section that was not begun" },
	{ "{{#a}}\n{{#b}}{{/a}}{{/b}}", "template line 2: the end names another section than the one begun last" },
	{ "{{}}", "template line 1: a tag needs a name of at most 127 bytes" },
	{ "{{# }}{{/ }}", "template line 1: a tag needs a name of at most 127 bytes" },
	{ "{{==}}", "template line 1: delimiters must be two words without =" },
	{ "{{=a=}}", "template line 1: delimiters must be two words without =" },
	{ "{{=a b c=}}", "template line 1: delimiters must be two words without =" },
	{ "{{=aaaaaaaaaaaaaaaa b=}}", "template line 1: delimiters must be two words without =" },
	{ "{{>self}}", "partials are nested too deeply" },
};

static void refuses(void **state)
{
	json_t *partials = json_pack("{s:s}", "self", "{{>self}}");
	const struct mustache_partials source = { find_in_object, partials };

	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		struct buf text = { 0 };
		struct err err;

		assert_int_equal(mustache_render(faults[i].template, strlen(faults[i].template), NULL, &source, &text, &err), -1);
		assert_int_equal(err.code, ERR_INPUT);
		if (!strstr(err.message, faults[i].want))
			fail_msg("%s: \"%s\" instead of \"%s\"", faults[i].template, err.message, faults[i].want);
		buf_free(&text);
	}
	json_decref(partials);
}

static void bounds_depth(void **state)
{
	struct buf template = { 0 }, text = { 0 };
	json_t *data = json_pack("{s:b}", "a", 1);
	struct err err;

	(void)state;
	for (int i = 0; i <= MUSTACHE_DEPTH_MAX; i++)
		buf_append_text(&template, "{{#a}}");
	assert_int_equal(mustache_render(template.data, template.length_bytes, data, NULL, &text, &err), -1);
	assert_string_equal(err.message, "template line 1: sections are nested too deeply");
	buf_free(&template);
	buf_free(&text);
	json_decref(data);
}

static void run_spec_case(const char *file, const json_t *test)
{
	const char *template = json_string_value(json_object_get(test, "template"));
	const char *want = json_string_value(json_object_get(test, "expected"));
	const struct mustache_partials source = { find_in_object, json_object_get(test, "partials") };
	struct buf text = { 0 };
	struct err err;

	if (mustache_render(template, strlen(template), json_object_get(test, "data"), &source, &text, &err) < 0)
		fail_msg("%s: %s: %s", file, json_string_value(json_object_get(test, "name")), err.message);
	if (strcmp(buf_text(&text), want))
		fail_msg("%s: %s: \"%s\" instead of \"%s\"", file, json_string_value(json_object_get(test, "name")),
			 buf_text(&text), want);
	buf_free(&text);
}

static void keeps_the_specification(void **state)
{
	size_t ran = 0;

	(void)state;
	if (access(SPEC_FOLDER, R_OK)) {
		print_message(SPEC_FOLDER " is not here\n");
		skip();
	}
	for (size_t i = 0; i < COUNT(spec_files); i++) {
		json_t *spec, *test;
		char path[128];
		size_t at;

		snprintf(path, sizeof path, SPEC_FOLDER "/%s.json", spec_files[i]);
		spec = json_load_file(path, 0, NULL);
		assert_non_null(spec);
		json_array_foreach(json_object_get(spec, "tests"), at, test) {
			run_spec_case(spec_files[i], test);
			ran++;
		}
		json_decref(spec);
	}
	print_message("%zu cases of the specification\n", ran);
	assert_true(ran > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renders),
		cmocka_unit_test(refuses),
		cmocka_unit_test(bounds_depth),
		cmocka_unit_test(keeps_the_specification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
