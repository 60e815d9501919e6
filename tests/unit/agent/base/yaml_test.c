#include "agent/base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void draw(const struct yaml_value *value, struct buf *ret_text)
{
	if (value->key)
		buf_printf(ret_text, "%s@%d:%d=", value->key, value->key_line, value->key_column);
	buf_printf(ret_text, "%s%s%d:%d", value->kind == YAML_TEXT ? value->text : "", value->kind == YAML_NOTHING ? "~" : "@",
		   value->line, value->column);
	if (value->kind != YAML_MAP && value->kind != YAML_LIST)
		return;
	buf_append_text(ret_text, value->kind == YAML_MAP ? "{" : "[");
	for (const struct yaml_value *child = value->first; child; child = child->next) {
		draw(child, ret_text);
		if (child->next)
			buf_append_text(ret_text, " ");
	}
	buf_append_text(ret_text, value->kind == YAML_MAP ? "}" : "]");
}

static void test_reads_a_tree(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "@1:1{}" },
		{ "# nothing\n", "@1:1{}" },
		{ "---\n", "@2:1{}" },
		{ "word", "word@1:1" },
		{ "a: 1\nb:\n  c: [x, 'y z']\n", "@1:1{a@1:1=1@1:4 b@2:1=@3:3{c@3:3=@3:6[x@3:7 y z@3:10]}}" },
		{ "a:\nb: ~\nc: null\nd: ''\ne: 'null'\n",
		  "@1:1{a@1:1=~1:3 b@2:1=~2:4 c@3:1=~3:4 d@4:1=@4:4 e@5:1=null@5:4}" },
		{ "- {n: 1}\n-\n  n: 2\n", "@1:1[@1:3{n@1:4=1@1:7} @3:3{n@3:3=2@3:6}]" },
		{ "\xEF\xBB\xBF" "a: 1\r\nb: 2\r\n", "@1:1{a@1:1=1@1:4 b@2:1=2@2:4}" },
		{ "имя: я\n", "@1:1{имя@1:1=я@1:6}" },
		{ "t: |\n  one\n  two\n", "@1:1{t@1:1=one\ntwo\n@1:4}" },
		{ "a: 1\na: 2\n", "@1:1{a@1:1=1@1:4 a@2:1=2@2:4}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf lines = { 0 }, drawn = { 0 };
		struct faults faults = faults_of("f", &lines);
		struct yaml_value *root;

		if (yaml_tree_read(cases[i].text, strlen(cases[i].text), &root, &faults) < 0)
			fail_msg("%s: %s", cases[i].text, buf_text(&lines));
		draw(root, &drawn);
		assert_string_equal(buf_text(&drawn), cases[i].want);
		yaml_tree_free(root);
		buf_free(&drawn);
		buf_free(&lines);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_reads_a_tree) };

	return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
