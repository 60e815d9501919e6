#include "agent/base/keys.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/faults.h"
#include "agent/base/file.h"
#include "agent/base/mem.h"
#include "agent/base/nearest.h"
#include "agent/base/units.h"
#include "agent/base/yaml.h"

#define TEXT_BYTES_MAX 1024
#define KEYS_MAX       64   /* in one map */

struct key_faults {
	struct faults found;
	struct yaml_value *root;
};

static void __attribute__((format(printf, 3, 4)))
fault(struct key_faults *faults, struct yaml_value *value, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fault_add_list(&faults->found, (size_t)value->line, (size_t)value->column, format, args);
	va_end(args);
	value->faulty = true;
}

static bool has_fault(const struct yaml_value *value)
{
	if (value->faulty)
		return true;
	for (const struct yaml_value *child = value->first; child; child = child->next)
		if (has_fault(child))
			return true;
	return false;
}

static struct yaml_value *find_child(const struct yaml_value *parent, const char *step, size_t length)
{
	unsigned long index = strtoul(step, NULL, 10);

	for (struct yaml_value *child = parent->first; child; child = child->next) {
		if (parent->kind == YAML_LIST && index-- == 0)
			return child;
		if (parent->kind == YAML_MAP && strlen(child->key) == length && !strncmp(child->key, step, length))
			return child;
	}
	return NULL;
}

void key_fault(struct key_faults *faults, const char *path, const char *format, ...)
{
	struct yaml_value *value = faults->root;
	va_list args;
	bool whole = true;

	while (*path && whole) {
		size_t length = strcspn(path, ".");
		struct yaml_value *child = find_child(value, path, length);

		whole = child != NULL;
		if (child)
			value = child;
		path += length + (path[length] == '.');
	}
	if (whole && has_fault(value))
		return;
	va_start(args, format);
	fault_add_list(&faults->found, (size_t)value->line, (size_t)value->column, format, args);
	va_end(args);
}

static int check_range(const struct key *key, int64_t value, struct err *err)
{
	static void (*const formats[])(int64_t value, char ret_text[UNITS_TEXT_SIZE]) = {
		[KEY_RATE] = units_format_rate,
		[KEY_SIZE] = units_format_size,
		[KEY_DURATION] = units_format_duration,
	};
	int64_t max = key->min || key->max ? key->max : INT64_MAX;
	char lowest[UNITS_TEXT_SIZE], highest[UNITS_TEXT_SIZE];

	if (value >= key->min && value <= max)
		return 0;
	if (key->type == KEY_INTEGER) {
		snprintf(lowest, sizeof lowest, "%" PRId64, key->min);
		snprintf(highest, sizeof highest, "%" PRId64, max);
	} else {
		formats[key->type](key->min, lowest);
		formats[key->type](max, highest);
	}
	return err_set(err, ERR_INPUT, "out of range, must lie between %s and %s", lowest, highest);
}

static int parse_integer(const char *text, int64_t *ret_value, struct err *err)
{
	size_t digits = strspn(text + (*text == '-'), "0123456789");
	char *end;

	errno = 0;
	*ret_value = strtoll(text, &end, 10);
	if (!digits || *end || text[digits + (*text == '-')])
		return err_set(err, ERR_INPUT, "\"%.40s\" is not a whole number, write one without a unit", text);
	return errno ? err_set(err, ERR_INPUT, "\"%.40s\" is too large", text) : 0;
}

static int parse_number(const struct key *key, const char *text, int64_t *ret_value, struct err *err)
{
	static int (*const parsers[])(const char *text, int64_t *ret_value, struct err *err) = {
		[KEY_INTEGER] = parse_integer,
		[KEY_RATE] = units_parse_rate,
		[KEY_SIZE] = units_parse_size,
		[KEY_DURATION] = units_parse_duration,
	};
	int64_t value;

	if (parsers[key->type](text, &value, err) < 0 || check_range(key, value, err) < 0)
		return -1;
	*ret_value = value;
	return 0;
}

static int parse_choice(const struct key *key, const char *text, int *ret_index, struct err *err)
{
	struct buf names = { 0 };

	for (int i = 0; key->names[i]; i++) {
		if (!strcmp(key->names[i], text)) {
			*ret_index = i;
			buf_free(&names);
			return 0;
		}
		buf_printf(&names, "%s%s", i ? ", " : "", key->names[i]);
	}
	err_set(err, ERR_INPUT, "\"%.40s\" is not known, write one of %s", text, buf_text(&names));
	buf_free(&names);
	return -1;
}

static int parse_flag(const char *text, bool *ret_flag, struct err *err)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return err_set(err, ERR_INPUT, "\"%.40s\" is not known, write true or false", text);
	*ret_flag = !strcmp(text, "true");
	return 0;
}

static int parse_text(const struct key *key, const char *text, char **ret_text, struct err *err)
{
	size_t least = key->max ? (size_t)key->min : 1;
	size_t most = key->max ? (size_t)key->max : TEXT_BYTES_MAX;
	size_t length = strlen(text);
	char *copy;

	if (length < least)
		return err_set(err, ERR_INPUT, "is too short, write at least %zu byte%s", least, least == 1 ? "" : "s");
	if (length > most)
		return err_set(err, ERR_INPUT, "is too long, write at most %zu bytes", most);
	copy = xstrdup(text);
	if (key->check && key->check(copy, err) < 0) {
		free(copy);
		return -1;
	}
	*ret_text = copy;
	return 0;
}

/* What is written as one word. */
static int parse_word(const struct key *key, const char *text, void *member, struct err *err)
{
	switch (key->type) {
	case KEY_TEXT:   return parse_text(key, text, member, err);
	case KEY_CHOICE: return parse_choice(key, text, member, err);
	case KEY_FLAG:   return parse_flag(text, member, err);
	default:         return parse_number(key, text, member, err);
	}
}

static void read_map(struct key_faults *faults, struct yaml_value *map, struct yaml_value *position,
		     const struct key *keys, char *base);   /* maps contain maps */

static size_t count_children(const struct yaml_value *list)
{
	size_t count = 0;

	for (const struct yaml_value *child = list->first; child; child = child->next)
		count++;
	return count;
}

static void read_texts(struct key_faults *faults, struct yaml_value *list, const struct key *key, struct key_texts *texts)
{
	struct err err;

	texts->items = xcalloc(count_children(list), sizeof *texts->items);
	for (struct yaml_value *child = list->first; child; child = child->next) {
		if (child->kind != YAML_TEXT)
			fault(faults, child, "%s: must be a list of words, like [one, two]", key->name);
		else if (parse_text(key, child->text, &texts->items[texts->count], &err) < 0)
			fault(faults, child, "%s: %s", key->name, err.message);
		else
			texts->count++;
	}
}

static void read_list(struct key_faults *faults, struct yaml_value *list, const struct key *key, struct key_list *items)
{
	items->items = xcalloc(count_children(list), key->item_size);
	for (struct yaml_value *child = list->first; child; child = child->next) {
		char *item = (char *)items->items + items->count++ * key->item_size;

		if (child->kind == YAML_MAP)
			read_map(faults, child, child, key->children, item);
		else
			fault(faults, child, "%s: must be a list of maps, like - {%s: …}", key->name, key->children->name);
		if (key->max && items->count == (size_t)key->max + 1)
			fault(faults, child, "%s: must have at most %" PRId64 " items, remove what comes from here on", key->name,
			      key->max);
	}
}

static void read_value(struct key_faults *faults, struct yaml_value *value, const struct key *key, char *base)
{
	static const struct {
		enum yaml_kind kind;
		const char *what;
	} wanted[] = {
		[KEY_TEXTS] = { YAML_LIST, "a list of words, like [one, two]" },
		[KEY_LIST] = { YAML_LIST, "a list, each item beginning with \"-\"" },
		[KEY_MAP] = { YAML_MAP, "a map, its keys indented on the lines below" },
	};
	enum yaml_kind kind = key->type >= KEY_TEXTS ? wanted[key->type].kind : YAML_TEXT;
	void *member = base + key->offset;
	struct err err;

	if (value->kind != kind)
		fault(faults, value, "%s: must be %s", key->name, kind == YAML_TEXT ? "one value" : wanted[key->type].what);
	else if (key->type == KEY_MAP)
		read_map(faults, value, value, key->children, base);
	else if (key->type == KEY_LIST)
		read_list(faults, value, key, member);
	else if (key->type == KEY_TEXTS)
		read_texts(faults, value, key, member);
	else if (parse_word(key, value->text, member, &err) < 0)
		fault(faults, value, "%s: %s", key->name, err.message);
}

/* A key that is not there, or stands there without a value: its preset, or those of the keys in it. */
static void read_absent(struct key_faults *faults, struct yaml_value *position, const struct key *key, char *base)
{
	struct err err;

	if (key->type == KEY_MAP)
		read_map(faults, NULL, position, key->children, base);
	else if (key->required)
		fault(faults, position, "%s: is missing, add it: %s", key->name, key->help);
	else if (key->preset && parse_word(key, key->preset, base + key->offset, &err) < 0)
		fault(faults, position, "%s: preset: %s", key->name, err.message);
}

static void fault_unknown(struct key_faults *faults, struct yaml_value *value, const struct key *keys)
{
	struct nearest nearest = { .word = value->key };
	struct buf what = { 0 };

	for (const struct key *key = keys; key->name; key++)
		nearest_offer(&nearest, key->name);
	buf_printf(&what, "%.60s: unknown key, ", value->key);
	if (nearest.best)
		buf_printf(&what, "did you mean %s?", nearest.best);
	for (const struct key *key = keys; key->name && !nearest.best; key++)
		buf_printf(&what, "%s%s", key == keys ? "known here: " : ", ", key->name);
	fault_add(&faults->found, (size_t)value->key_line, (size_t)value->key_column, "%s", buf_text(&what));
	value->faulty = true;
	buf_free(&what);
}

static void fault_unknown_and_twice(struct key_faults *faults, const struct yaml_value *map, const struct key *keys)
{
	const struct yaml_value *first[KEYS_MAX] = { NULL };

	for (struct yaml_value *value = map->first; value; value = value->next) {
		size_t i = 0;

		while (keys[i].name && strcmp(keys[i].name, value->key) != 0)
			i++;
		if (!keys[i].name) {
			fault_unknown(faults, value, keys);
			continue;
		}
		assert(i < KEYS_MAX);
		if (!first[i]) {
			first[i] = value;
			continue;
		}
		fault_add(&faults->found, (size_t)value->key_line, (size_t)value->key_column,
			  "%s: stands here again, first in line %d, remove one", value->key, first[i]->key_line);
	}
}

/* map is NULL when it is not in the file; position is then where it would belong. */
static void read_map(struct key_faults *faults, struct yaml_value *map, struct yaml_value *position,
		     const struct key *keys, char *base)
{
	if (map)
		fault_unknown_and_twice(faults, map, keys);
	for (const struct key *key = keys; key->name; key++) {
		struct yaml_value *value = map ? find_child(map, key->name, strlen(key->name)) : NULL;

		if (value && value->kind != YAML_NOTHING)
			read_value(faults, value, key, base);
		else
			read_absent(faults, value ? value : position, key, base);
	}
}

int keys_read(const char *name, const char *bytes, size_t length, const struct key *keys, keys_check *check,
	      void *ret_struct, struct buf *ret_faults, struct err *err)
{
	struct key_faults faults = { .found = faults_of(name, ret_faults) };
	struct yaml_value *root;

	if (yaml_tree_read(bytes, length, &root, &faults.found) < 0)
		return faults_end(&faults.found, ERR_USAGE, err);
	faults.root = root;
	if (root->kind != YAML_MAP) {
		fault(&faults, root, "must be a map: keys, each followed by a colon and its value");
	} else {
		read_map(&faults, root, root, keys, ret_struct);
		if (check)
			check(ret_struct, &faults);
	}
	yaml_tree_free(root);
	if (faults.found.count)
		keys_free(keys, ret_struct);
	return faults_end(&faults.found, ERR_USAGE, err);
}

int keys_read_file(const char *path, const struct key *keys, keys_check *check, void *ret_struct, struct buf *ret_faults,
		   struct err *err)
{
	struct buf bytes = { 0 };
	int rc = file_read(path, YAML_BYTES_MAX, &bytes, err);

	if (rc < 0) {
		if (err->code == ERR_NOT_FOUND)
			err_set(err, ERR_USAGE, "%s: %s, copy the sample there or name another with -c", path, strerror(ENOENT));
		err->code = ERR_USAGE;   /* a configuration that is not there is a wrong one */
	} else {
		rc = keys_read(path, buf_text(&bytes), bytes.length_bytes, keys, check, ret_struct, ret_faults, err);
	}
	buf_free(&bytes);
	return rc;
}

static void free_value(const struct key *key, char *base)
{
	void *member = base + key->offset;

	if (key->type == KEY_TEXT) {
		free(*(char **)member);
		*(char **)member = NULL;
	} else if (key->type == KEY_TEXTS) {
		struct key_texts *texts = member;

		for (size_t i = 0; i < texts->count; i++)
			free(texts->items[i]);
		free(texts->items);
		*texts = (struct key_texts){ 0 };
	} else if (key->type == KEY_LIST) {
		struct key_list *list = member;

		for (size_t i = 0; i < list->count; i++)
			keys_free(key->children, (char *)list->items + i * key->item_size);
		free(list->items);
		*list = (struct key_list){ 0 };
	}
}

void keys_free(const struct key *keys, void *config)
{
	for (const struct key *key = keys; key->name; key++) {
		if (key->type == KEY_MAP)
			keys_free(key->children, config);
		else
			free_value(key, config);
	}
}
