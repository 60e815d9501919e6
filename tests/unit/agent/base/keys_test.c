#include "agent/base/keys.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct item {
	char *name;
	int64_t weight;
};

struct config {
	char *title, *shout;
	int64_t count, rate_bps, size_bytes, wait_ms;
	bool flag;
	int colour;
	struct key_texts words;
	int64_t inner_ms, deep;
	struct key_list items;
};

static const char *const colours[] = { "red", "green", NULL };

static int check_shout(char *text, struct err *err)
{
	for (; *text; text++) {
		if (isdigit((unsigned char)*text))
			return err_set(err, ERR_INPUT, "has a digit, remove it");
		*text = (char)toupper((unsigned char)*text);
	}
	return 0;
}

#define AT(member) .offset = offsetof(struct config, member)

static const struct key item_keys[] = {
	{ .name = "name", .type = KEY_TEXT, .offset = offsetof(struct item, name), .required = true, .max = 4,
	  .help = "what it is called" },
	{ .name = "weight", .type = KEY_INTEGER, .offset = offsetof(struct item, weight), .preset = "7" },
	{ .name = NULL },
};
static const struct key deep_keys[] = {
	{ .name = "deep", .type = KEY_INTEGER, AT(deep), .preset = "3" },
	{ .name = NULL },
};
static const struct key inner_keys[] = {
	{ .name = "wait", .type = KEY_DURATION, AT(inner_ms), .preset = "5m", .min = 1000, .max = 86400000 },
	{ .name = "more", .type = KEY_MAP, .children = deep_keys },
	{ .name = NULL },
};
static const struct key keys[] = {
	{ .name = "title", .type = KEY_TEXT, AT(title), .preset = "none" },
	{ .name = "shout", .type = KEY_TEXT, AT(shout), .check = check_shout },
	{ .name = "count", .type = KEY_INTEGER, AT(count), .min = -2, .max = 10 },
	{ .name = "rate", .type = KEY_RATE, AT(rate_bps), .preset = "1Mbit/s" },
	{ .name = "size", .type = KEY_SIZE, AT(size_bytes), .min = 1024, .max = 1048576 },
	{ .name = "wait", .type = KEY_DURATION, AT(wait_ms) },
	{ .name = "flag", .type = KEY_FLAG, AT(flag) },
	{ .name = "colour", .type = KEY_CHOICE, AT(colour), .names = colours, .preset = "green" },
	{ .name = "words", .type = KEY_TEXTS, AT(words), .check = check_shout },
	{ .name = "inner", .type = KEY_MAP, .children = inner_keys },
	{ .name = "items", .type = KEY_LIST, AT(items), .children = item_keys, .item_size = sizeof(struct item) },
	{ .name = NULL },
};

/* No two items of one name, and no more items than count says. */
static void check_items(const void *from, struct key_faults *faults)
{
	const struct config *config = from;
	const struct item *items = config->items.items;

	for (size_t i = 1; i < config->items.count; i++) {
		char path[32];

		snprintf(path, sizeof path, "items.%zu.name", i);
		if (items[i].name && items[i - 1].name && !strcmp(items[i].name, items[i - 1].name))
			key_fault(faults, path, "name: %s stands here twice", items[i].name);
	}
	if ((int64_t)config->items.count > config->count)
		key_fault(faults, "count", "count: more items than that");
}

static int read_text(const char *text, size_t length, struct config *ret_config, struct buf *faults, struct err *err)
{
	return keys_read("f", text, length, keys, NULL, ret_config, faults, err);
}

static void test_reads_every_type(void **state)
{
	static const char text[] =
		"title: \"15\"\nshout: abc\ncount: -2\nrate: 30KB/s\nsize: 1 MiB\nwait: 1.5s\nflag: true\ncolour: red\n"
		"words: [a, b c]\ninner: {wait: 1s, more: {deep: 0}}\nitems:\n  - {name: x, weight: 1}\n  - name: yy\n";
	struct config config = { 0 };
	struct buf faults = { 0 };
	struct err err = { 0 };
	const struct item *items;

	(void)state;
	if (read_text(text, strlen(text), &config, &faults, &err) < 0)
		fail_msg("%s", buf_text(&faults));
	items = config.items.items;
	assert_string_equal(config.title, "15");
	assert_string_equal(config.shout, "ABC");
	assert_int_equal(config.count, -2);
	assert_int_equal(config.rate_bps, 240000);
	assert_int_equal(config.size_bytes, 1048576);
	assert_int_equal(config.wait_ms, 1500);
	assert_true(config.flag);
	assert_int_equal(config.colour, 0);
	assert_int_equal(config.words.count, 2);
	assert_string_equal(config.words.items[1], "B C");
	assert_int_equal(config.inner_ms, 1000);
	assert_int_equal(config.deep, 0);
	assert_int_equal(config.items.count, 2);
	assert_string_equal(items[1].name, "yy");
	assert_int_equal(items[0].weight, 1);
	assert_int_equal(items[1].weight, 7);
	keys_free(keys, &config);
	assert_null(config.title);
	assert_null(config.items.items);
	assert_int_equal(config.words.count, 0);
	buf_free(&faults);
}

static void test_presets_fill_what_is_absent(void **state)
{
	static const char *const texts[] = { "", "inner:\n", "inner: {more: ~}\nwords:\nitems:\ncolour:\n" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct config config = { 0 };
		struct buf faults = { 0 };
		struct err err = { 0 };

		assert_int_equal(read_text(texts[i], strlen(texts[i]), &config, &faults, &err), 0);
		assert_string_equal(config.title, "none");
		assert_null(config.shout);
		assert_int_equal(config.rate_bps, 1000000);
		assert_int_equal(config.size_bytes, 0);
		assert_int_equal(config.colour, 1);
		assert_int_equal(config.inner_ms, 300000);
		assert_int_equal(config.deep, 3);
		assert_int_equal(config.items.count, 0);
		keys_free(keys, &config);
		buf_free(&faults);
	}
}

#define KNOWN "title, shout, count, rate, size, wait, flag, colour, words, inner, items"
#define SIZES "write one of B, kB (or KB), KiB, MB, MiB, GB, GiB; for example 1.5MiB"
#define DURATIONS "write one of ms, s, m, h, d; for example 15m"

static const struct {
	const char *text, *want;
} faulty[] = {
	/* values */
	{ "titel: x", "f:1:1: titel: unknown key, did you mean title?\n" },
	{ "a:\n  b: 1\n", "f:1:1: a: unknown key, known here: " KNOWN "\n" },
	{ "inner:\n  wiat: 1s\n", "f:2:3: wiat: unknown key, did you mean wait?\n" },
	{ "inner: {wait: 1s}\nwait: 1s\nwait: 2s\nwait: 3s\n",
	  "f:3:1: wait: stands here again, first in line 2, remove one\n"
	  "f:4:1: wait: stands here again, first in line 2, remove one\n" },
	{ "<<: {title: x}\n", "f:1:1: <<: unknown key, known here: " KNOWN "\n" },
	{ "title: [a]", "f:1:8: title: must be one value\n" },
	{ "title: ''", "f:1:8: title: is too short, write at least 1 byte\n" },
	{ "shout: a1", "f:1:8: shout: has a digit, remove it\n" },
	{ "count: 1.5", "f:1:8: count: \"1.5\" is not a whole number, write one without a unit\n" },
	{ "count: 0x1", "f:1:8: count: \"0x1\" is not a whole number, write one without a unit\n" },
	{ "count: '-'", "f:1:8: count: \"-\" is not a whole number, write one without a unit\n" },
	{ "count: -3", "f:1:8: count: out of range, must lie between -2 and 10\n" },
	{ "count: 11", "f:1:8: count: out of range, must lie between -2 and 10\n" },
	{ "count: 9223372036854775808", "f:1:8: count: \"9223372036854775808\" is too large\n" },
	{ "size: 1023B", "f:1:7: size: out of range, must lie between 1.02 kB and 1.05 MB\n" },
	{ "size: 12", "f:1:7: size: \"12\" has no unit, " SIZES "\n" },
	{ "inner: {wait: 5}", "f:1:15: wait: \"5\" has no unit, " DURATIONS "\n" },
	{ "inner: {wait: 2d}", "f:1:15: wait: out of range, must lie between 1 s and 1 d\n" },
	{ "inner: x", "f:1:8: inner: must be a map, its keys indented on the lines below\n" },
	{ "flag: yes", "f:1:7: flag: \"yes\" is not known, write true or false\n" },
	{ "colour: blue", "f:1:9: colour: \"blue\" is not known, write one of red, green\n" },
	{ "words: a", "f:1:8: words: must be a list of words, like [one, two]\n" },
	{ "words: [a, {b: c}]", "f:1:12: words: must be a list of words, like [one, two]\n" },
	{ "words: [a, b2]", "f:1:12: words: has a digit, remove it\n" },
	{ "items: {name: x}", "f:1:8: items: must be a list, each item beginning with \"-\"\n" },
	{ "items: [x]", "f:1:9: items: must be a list of maps, like - {name: …}\n" },
	{ "items:\n  - weight: 1\n  - {name: abcde, weigth: 1}\n",
	  "f:2:5: name: is missing, add it: what it is called\n"
	  "f:3:19: weigth: unknown key, did you mean weight?\n"
	  "f:3:12: name: is too long, write at most 4 bytes\n" },
	{ "- title: x\n", "f:1:1: must be a map: keys, each followed by a colon and its value\n" },
	{ "word", "f:1:1: must be a map: keys, each followed by a colon and its value\n" },
	{ "count: x\nwait: y\nzzz: 1\n",
	  "f:3:1: zzz: unknown key, known here: " KNOWN "\n"
	  "f:1:8: count: \"x\" is not a whole number, write one without a unit\n"
	  "f:2:7: wait: \"y\" is not a number of at most 18 digits with a unit, " DURATIONS "\n" },
	/* YAML */
	{ "a: &x 1\nb: *x\n",
	  "f:1:4: anchors (&name) are not accepted, write the value where it is needed\n"
	  "f:2:4: aliases (*name) are not accepted, write the value where it is needed\n" },
	{ "a: &x [*x, *x]\n",
	  "f:1:4: anchors (&name) are not accepted, write the value where it is needed\n"
	  "f:1:8: aliases (*name) are not accepted, write the value where it is needed\n"
	  "f:1:12: aliases (*name) are not accepted, write the value where it is needed\n" },
	{ "*x : 1\n", "f:1:1: aliases (*name) are not accepted, write the value where it is needed\n" },
	{ "title: !!str x\ninner: !m {}\n",
	  "f:1:8: tags (!name) are not accepted, remove it\nf:2:8: tags (!name) are not accepted, remove it\n" },
	{ "? [a]\n: 1\n", "f:1:3: a key must be a word, not a list or map\n" },
	{ "{a: 1}: 2\n", "f:1:1: a key must be a word, not a list or map\n" },
	{ "title: x\n---\ntitle: y\n", "f:2:1: a second document begins, keep one in a file\n" },
	{ "title: \"a\\0b\"\n", "f:1:8: text with a NUL byte, remove it\n" },
	{ "title: a\x01" "b\n", "f:1:9: a byte that is not UTF-8 text, or a control character: save the file as UTF-8 text\n" },
	{ "# имя\ntitle: \xE8\xEC\xFF\n",
	  "f:2:9: a byte that is not UTF-8 text, or a control character: save the file as UTF-8 text\n" },
	{ "title: x\n\twait: 1s\n",
	  "f:2:1: not YAML: found a tab character that violates indentation while scanning a plain scalar\n" },
	{ "title: x\n  wait: 1s\n", "f:2:7: not YAML: mapping values are not allowed in this context\n" },
	{ "title: \"x\nwait: 1s\n", "f:3:1: not YAML: found unexpected end of stream while scanning a quoted scalar\n" },
	{ "words: [a, b\n", "f:2:1: not YAML: did not find expected ',' or ']' while parsing a flow sequence\n" },
	{ "title: x\ncount\n", "f:3:1: not YAML: could not find expected ':' while scanning a simple key\n" },
	{ "%FOO bar\n---\n", "f:1:5: not YAML: found unknown directive name while scanning a directive\n" },
	{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "f:1:33: nested deeper than 32 levels\n" },
};

static void test_names_every_fault(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
		struct config config = { 0 }, untouched = { 0 };
		struct buf faults = { 0 };
		struct err err = { 0 };

		assert_int_equal(read_text(faulty[i].text, strlen(faulty[i].text), &config, &faults, &err), -1);
		assert_string_equal(buf_text(&faults), faulty[i].want);
		assert_int_equal(err.code, ERR_USAGE);
		assert_memory_equal(err.message, buf_text(&faults), strcspn(buf_text(&faults), "\n"));
		assert_ptr_equal(config.title, untouched.title);
		assert_ptr_equal(config.words.items, untouched.words.items);
		assert_ptr_equal(config.items.items, untouched.items.items);
		buf_free(&faults);
	}
}

static void test_first_fault_and_their_number_are_the_error(void **state)
{
	static const char text[] = "a: 1\nb: 1\nc: 1\n";
	struct config config = { 0 };
	struct buf faults = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(read_text(text, strlen(text), &config, &faults, &err), -1);
	assert_string_equal(err.message, "f:1:1: a: unknown key, known here: " KNOWN " (and 2 more)");
	buf_free(&faults);
}

static void test_checks_span_keys(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "count: 2\nitems: [{name: a}, {name: b}]\n", "" },
		{ "count: 2\nitems: [{name: a}, {name: a}]\n", "f:2:27: name: a stands here twice\n" },
		{ "count: 1\nitems: [{name: a}, {name: a}]\n",
		  "f:2:27: name: a stands here twice\nf:1:8: count: more items than that\n" },
		{ "items: [{name: a}]\n", "f:1:1: count: more items than that\n" },
		{ "count: many\nitems: [{name: a}]\n",
		  "f:1:8: count: \"many\" is not a whole number, write one without a unit\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct config config = { 0 };
		struct buf faults = { 0 };
		struct err err = { 0 };
		int rc = keys_read("f", cases[i].text, strlen(cases[i].text), keys, check_items, &config, &faults, &err);

		assert_string_equal(buf_text(&faults), cases[i].want);
		assert_int_equal(rc, *cases[i].want ? -1 : 0);
		keys_free(keys, &config);
		buf_free(&faults);
	}
}

static void write_file(const char *path, size_t comment_bytes)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs("count: 3\n#", file);
	for (size_t i = 11; i < comment_bytes; i++)
		fputc('x', file);
	fputc('\n', file);
	fclose(file);
}

static void test_reads_files_up_to_a_size(void **state)
{
	char directory[] = "/tmp/keys_test.XXXXXX", path[64], want[192];
	struct config config = { 0 };
	struct buf faults = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/f.yaml", directory);
	assert_int_equal(keys_read_file(path, keys, NULL, &config, &faults, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	snprintf(want, sizeof want, "%s: No such file or directory, copy the sample there or name another with -c", path);
	assert_string_equal(err.message, want);
	assert_int_equal(keys_read_file(directory, keys, NULL, &config, &faults, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	write_file(path, 256 * 1024);
	assert_int_equal(keys_read_file(path, keys, NULL, &config, &faults, &err), 0);
	assert_int_equal(config.count, 3);
	keys_free(keys, &config);
	write_file(path, 256 * 1024 + 1);
	assert_int_equal(keys_read_file(path, keys, NULL, &config, &faults, &err), -1);
	snprintf(want, sizeof want, "%s: larger than 262144 bytes, shorten it", path);
	assert_string_equal(err.message, want);
	assert_int_equal(faults.length_bytes, 0);
	assert_int_equal(err.code, ERR_USAGE);

	unlink(path);
	rmdir(directory);
	buf_free(&faults);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_every_type),
		cmocka_unit_test(test_presets_fill_what_is_absent),
		cmocka_unit_test(test_names_every_fault),
		cmocka_unit_test(test_first_fault_and_their_number_are_the_error),
		cmocka_unit_test(test_checks_span_keys),
		cmocka_unit_test(test_reads_files_up_to_a_size),
	};

	return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
