/* sample.h - does a commented sample file show every key of its table, with its default, and nothing else?
 * In a sample "#key: …" (no space) is a key commented out; "# …" is prose. */
#ifndef PLUMBLINE_TESTS_SAMPLE_H
#define PLUMBLINE_TESTS_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/keys.h"
#include "agent/base/yaml.h"

/* The sample as it reads with every key set. */
static void sample_uncomment(const char *path, struct buf *ret_text)
{
	FILE *file = fopen(path, "r");
	char line[1024];

	if (!file)
		fail_msg("%s: run the tests from the top of the tree", path);
	while (fgets(line, sizeof line, file)) {
		size_t indent = strspn(line, " ");
		bool is_key = line[indent] == '#' && !strchr(" \n", line[indent + 1]);

		buf_append(ret_text, line, indent);
		buf_append_text(ret_text, line + indent + is_key);
	}
	fclose(file);
}

static void sample_compare(const struct yaml_value *map, const struct key *keys, bool shows_presets)
{
	for (const struct key *key = keys; key->name; key++) {
		const struct yaml_value *value = map->first;

		while (value && strcmp(value->key, key->name) != 0)
			value = value->next;
		if (!value)
			fail_msg("%s: is not in the sample near line %d", key->name, map->line);
		assert_non_null(key->help);
		if (key->preset && shows_presets)
			assert_string_equal(value->text, key->preset);
		if (key->type == KEY_MAP)
			sample_compare(value, key->children, shows_presets);
		if (key->type == KEY_LIST)
			for (const struct yaml_value *item = value->first; item; item = item->next)
				sample_compare(item, key->children, false);   /* items are examples */
	}
}

static void sample_check(const char *path, const struct key *keys, void *config)
{
	struct buf text = { 0 }, lines = { 0 };
	struct faults faults = faults_of(path, &lines);
	struct yaml_value *root;
	struct err err;

	sample_uncomment(path, &text);
	if (keys_read(path, buf_text(&text), text.length_bytes, keys, NULL, config, &lines, &err) < 0)
		fail_msg("%s", buf_text(&lines));
	keys_free(keys, config);
	assert_int_equal(yaml_tree_read(buf_text(&text), text.length_bytes, &root, &faults), 0);
	sample_compare(root, keys, true);
	yaml_tree_free(root);
	buf_free(&lines);
	buf_free(&text);
}

#endif
