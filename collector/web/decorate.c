#include "collector/web/decorate.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/clock.h"
#include "collector/http/url.h"
#include "collector/web/messages.h"

#define SIBLING_SIZE 80

typedef void (*format_function)(const struct reader *reader, int64_t value, char ret_text[FORMAT_SIZE]);

static void format_span(const struct reader *reader, int64_t ms, char ret_text[FORMAT_SIZE])
{
	format_duration(reader, ms * 1000, ret_text);
}

/* How a number's name ends tells what it is; the first row that fits counts. */
static const struct ending {
	const char *ending;
	size_t kept;             /* of the ending, in the sibling's name */
	format_function format;
} endings[] = {
	{ "span_ms",  4, format_span },
	{ "down_ms",  4, format_span },
	{ "maintenance_ms", 11, format_span },
	{ "unknown_ms", 7, format_span },
	{ "_ppm",     0, format_ppm },
	{ "_ms",      0, format_time },
	{ "_bps",     0, format_rate },
	{ "_us",      0, format_duration },
	{ "_bytes",   0, format_size },
	{ "bytes",    5, format_size },
	{ "coverage", 8, format_percent },
};

/* Members whose text is a word of the message table. */
static const struct word {
	const char *name, *prefix;
} words[] = {
	{ "state", "state" },   { "judgement", "judgement" }, { "reason", "reason" },    { "leg", "leg" },
	{ "defect", "defect" }, { "action", "action" },       { "what", "action" },      { "role", "role" },
	{ "kind", "kind" },     { "confidence", "confidence" },
	{ "good", "quality" },  { "reliable", "quality" },    { "quality", "quality" },
	{ "cause", "cause" },   { "attributed_to", "whose" }, { "contact", "contact" },
};

/* Members that become part of an address. */
static const char *const path_names[] = { "id", "client", "line" };

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void set_text(json_t *object, const char *name, size_t name_length, const char *ending, const char *text)
{
	char sibling[SIBLING_SIZE];

	snprintf(sibling, sizeof sibling, "%.*s%s", (int)name_length, name, ending);
	json_object_set_new(object, sibling, json_string(text));
}

static void decorate_number(json_t *object, const char *name, int64_t value, const struct reader *reader)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < COUNT(endings); i++) {
		const struct ending *row = &endings[i];
		size_t ending_length = strlen(row->ending);
		char text[FORMAT_SIZE];

		if (length < ending_length || strcmp(name + length - ending_length, row->ending))
			continue;
		row->format(reader, value, text);
		set_text(object, name, length - ending_length + row->kept, "_text", text);
		if (row->format == format_time) {
			char iso[CLOCK_TEXT_SIZE];

			clock_format_utc(value, iso);
			set_text(object, name, length - ending_length, "_iso", iso);
		}
		return;
	}
}

const char *decorate_word(const struct reader *reader, const char *prefix, const char *word)
{
	char key[SIBLING_SIZE];
	const char *text;

	snprintf(key, sizeof key, "%s.%s", prefix, word);
	text = message_text(reader->language, key);
	return text ? text : word;
}

static void decorate_text(json_t *object, const char *name, const char *text, const struct reader *reader)
{
	for (size_t i = 0; i < COUNT(words); i++)
		if (!strcmp(name, words[i].name))
			set_text(object, name, strlen(name), "_text", decorate_word(reader, words[i].prefix, text));
	for (size_t i = 0; i < COUNT(path_names); i++) {
		struct buf path = { 0 };

		if (strcmp(name, path_names[i]))
			continue;
		url_append_encoded(&path, text, "");
		set_text(object, name, strlen(name), "_path", buf_text(&path));
		buf_free(&path);
	}
}

static void decorate_member(json_t *object, const char *name, json_t *value, const struct reader *reader)
{
	if (json_is_string(value))
		decorate_text(object, name, json_string_value(value), reader);
	else if (json_is_integer(value) && json_integer_value(value) >= 0)
		decorate_number(object, name, json_integer_value(value), reader);
	else
		decorate(value, reader);
}

void decorate(json_t *value, const struct reader *reader)
{
	json_t *item, *names;
	const char *name;
	size_t i;

	json_array_foreach(value, i, item)
		decorate(item, reader);
	if (!json_is_object(value))
		return;
	/* Siblings are added while walking: walk over a copy of the members. */
	names = json_copy(value);
	json_object_foreach(names, name, item)
		decorate_member(value, name, item, reader);
	json_decref(names);
}
