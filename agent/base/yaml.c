#include "agent/base/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "agent/base/mem.h"

/* The maps and lists that are open, outermost first; the innermost gets what comes next. */
struct building {
	const char *bytes;
	struct yaml_value *root;
	struct yaml_value *open[YAML_DEPTH_MAX];
	size_t depth;
	char *key;                 /* read, and its value is still to come */
	yaml_mark_t key_mark;
	struct faults *faults;
	size_t documents;
};

static void fault(struct building *building, yaml_mark_t mark, const char *what)
{
	fault_add(building->faults, mark.line + 1, mark.column + 1, "%s", what);
}

/* Hangs a new value into the innermost open one, or makes it the root. */
static struct yaml_value *add(struct building *building, enum yaml_kind kind, yaml_mark_t mark)
{
	struct yaml_value *value = xcalloc(1, sizeof *value);
	struct yaml_value *parent = building->depth ? building->open[building->depth - 1] : NULL;

	value->kind = kind;
	value->line = (int)mark.line + 1;
	value->column = (int)mark.column + 1;
	value->key = building->key;
	value->key_line = (int)building->key_mark.line + 1;
	value->key_column = (int)building->key_mark.column + 1;
	building->key = NULL;
	if (!parent)
		building->root = value;
	else if (parent->last)
		parent->last = parent->last->next = value;
	else
		parent->first = parent->last = value;
	return value;
}

static bool expects_key(const struct building *building)
{
	return building->depth && building->open[building->depth - 1]->kind == YAML_MAP && !building->key;
}

static bool means_nothing(const char *text, bool plain)
{
	return plain && (!*text || !strcmp(text, "~") || !strcmp(text, "null"));
}

static int take_scalar(struct building *building, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct yaml_value *value;

	if (strlen(text) != event->data.scalar.length) {
		fault(building, event->start_mark, "text with a NUL byte, remove it");
		text = "";
	}
	if (event->data.scalar.anchor)
		fault(building, event->start_mark, "anchors (&name) are not accepted, write the value where it is needed");
	if (event->data.scalar.tag)
		fault(building, event->start_mark, "tags (!name) are not accepted, remove it");
	if (expects_key(building)) {
		building->key = xstrdup(text);
		building->key_mark = event->start_mark;
		return 0;
	}
	value = add(building, means_nothing(text, plain) ? YAML_NOTHING : YAML_TEXT, event->start_mark);
	value->text = xstrdup(text);
	return 0;
}

static int open_collection(struct building *building, enum yaml_kind kind, yaml_mark_t mark, bool anchor, bool tag)
{
	struct yaml_value *value;

	if (anchor)
		fault(building, mark, "anchors (&name) are not accepted, write the value where it is needed");
	if (tag)
		fault(building, mark, "tags (!name) are not accepted, remove it");
	if (expects_key(building)) {
		fault(building, mark, "a key must be a word, not a list or map");
		return -1;
	}
	if (building->depth == YAML_DEPTH_MAX) {
		fault(building, mark, "nested deeper than 32 levels");
		return -1;
	}
	value = add(building, kind, mark);
	building->open[building->depth++] = value;
	return 0;
}

static int take_alias(struct building *building, yaml_mark_t mark)
{
	fault(building, mark, "aliases (*name) are not accepted, write the value where it is needed");
	if (expects_key(building))
		return -1;
	add(building, YAML_NOTHING, mark);
	return 0;
}

/* Returns -1 when going on makes no sense. */
static int take_event(struct building *building, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++building->documents == 1)
			return 0;
		fault(building, event->start_mark, "a second document begins, keep one in a file");
		return -1;
	case YAML_ALIAS_EVENT:
		return take_alias(building, event->start_mark);
	case YAML_SCALAR_EVENT:
		return take_scalar(building, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_collection(building, YAML_LIST, event->start_mark, event->data.sequence_start.anchor != NULL,
				       event->data.sequence_start.tag != NULL);
	case YAML_MAPPING_START_EVENT:
		return open_collection(building, YAML_MAP, event->start_mark, event->data.mapping_start.anchor != NULL,
				       event->data.mapping_start.tag != NULL);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		building->depth--;
		return 0;
	default:
		return 0;
	}
}

/* libyaml tells a byte's offset only when the bytes are no text at all. */
static void fault_unreadable(struct building *building, const yaml_parser_t *parser)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < parser->problem_offset; i++) {
		if (building->bytes[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)building->bytes[i] & 0xC0) != 0x80) {
			column++;
		}
	}
	fault_add(building->faults, line, column,
		  "a byte that is not UTF-8 text, or a control character: save the file as UTF-8 text");
}

static void fault_syntax(struct building *building, const yaml_parser_t *parser)
{
	if (parser->error == YAML_READER_ERROR)
		fault_unreadable(building, parser);
	else
		fault_add(building->faults, parser->problem_mark.line + 1, parser->problem_mark.column + 1,
			  "not YAML: %s%s%s", parser->problem ? parser->problem : "cannot be read",
			  parser->context ? " " : "", parser->context ? parser->context : "");
}

static void build(struct building *building, size_t length)
{
	yaml_parser_t parser;
	yaml_event_t event;
	bool at_end = false;

	if (!yaml_parser_initialize(&parser)) {
		fault_add(building->faults, 1, 1, "out of memory");
		return;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)building->bytes, length);
	while (!at_end) {
		if (!yaml_parser_parse(&parser, &event)) {
			fault_syntax(building, &parser);
			break;
		}
		at_end = event.type == YAML_STREAM_END_EVENT || take_event(building, &event) < 0;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
}

int yaml_tree_read(const char *bytes, size_t length, struct yaml_value **ret_root, struct faults *faults)
{
	struct building building = { .bytes = bytes, .faults = faults };
	size_t before = faults->count;

	if (length > YAML_BYTES_MAX)
		fault_add(faults, 1, 1, "larger than 256 KiB, shorten it");
	else
		build(&building, length);
	free(building.key);
	if (faults->count > before) {
		yaml_tree_free(building.root);
		return -1;
	}
	if (!building.root)
		add(&building, YAML_MAP, (yaml_mark_t){ 0 });
	if (building.root->kind == YAML_NOTHING)
		building.root->kind = YAML_MAP;
	*ret_root = building.root;
	return 0;
}

/* Recursion is bounded by YAML_DEPTH_MAX. */
void yaml_tree_free(struct yaml_value *value)
{
	if (!value)
		return;
	for (struct yaml_value *child = value->first, *next; child; child = next) {
		next = child->next;
		yaml_tree_free(child);
	}
	free(value->text);
	free(value->key);
	free(value);
}
