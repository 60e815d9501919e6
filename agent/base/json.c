#include "agent/base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"

/* jansson recurses once a level up to its own, much larger bound: refuse depth before it sees the text. */
static bool is_too_deep(const char *bytes, size_t length)
{
	bool in_text = false;
	int depth = 0;

	for (size_t i = 0; i < length; i++) {
		char c = bytes[i];

		if (in_text) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_text = false;
		} else if (c == '"') {
			in_text = true;
		} else if (c == '{' || c == '[') {
			if (++depth > JSON_DEPTH_MAX)
				return true;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return false;
}

int json_parse(const char *bytes, size_t length, json_t **ret_value, struct err *err)
{
	json_error_t why;
	json_t *value;

	if (is_too_deep(bytes, length))
		return err_set(err, ERR_INPUT, "nested deeper than %d levels", JSON_DEPTH_MAX);
	value = json_loadb(bytes, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (!value)
		return err_set(err, ERR_INPUT, "line %d, column %d: %s", why.line, why.column, why.text);
	*ret_value = value;
	return 0;
}

static int read_choice(const char *text, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(text, names[i]))
			return i;
	return -1;
}

static int fail_choice(const struct json_field *field, struct err *err)
{
	char list[256] = "";
	size_t length = 0;

	for (int i = 0; field->names[i] && length < sizeof list; i++)
		if (*field->names[i])   /* "" stands for absent */
			length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", length ? ", " : "",
						   field->names[i]);
	return err_set(err, ERR_INPUT, "%s: must be one of: %s", field->name, list);
}

static int read_field(const struct json_field *field, const json_t *value, char *member, struct err *err)
{
	switch (field->type) {
	case JSON_FIELD_INTEGER:
		if (!json_is_integer(value))
			return err_set(err, ERR_INPUT, "%s: must be an integer", field->name);
		if (json_integer_value(value) < field->min || json_integer_value(value) > field->max)
			return err_set(err, ERR_INPUT, "%s: must lie between %" PRId64 " and %" PRId64, field->name, field->min,
				       field->max);
		*(int64_t *)(void *)member = json_integer_value(value);
		return 0;
	case JSON_FIELD_FLAG:
		if (!json_is_boolean(value))
			return err_set(err, ERR_INPUT, "%s: must be true or false", field->name);
		*(int *)(void *)member = json_is_true(value);
		return 0;
	case JSON_FIELD_TEXT:
		if (!json_is_string(value))
			return err_set(err, ERR_INPUT, "%s: must be a string", field->name);
		if (json_string_length(value) >= field->size || strlen(json_string_value(value)) != json_string_length(value))
			return err_set(err, ERR_INPUT, "%s: must be at most %zu bytes, without NUL", field->name,
				       field->size - 1);
		text_copy(member, field->size, json_string_value(value));
		return 0;
	case JSON_FIELD_CHOICE: {
		int index = json_is_string(value) ? read_choice(json_string_value(value), field->names) : -1;

		if (index < 0)
			return fail_choice(field, err);
		*(int *)(void *)member = index;
		return 0;
	}
	}
	return err_set(err, ERR_INTERNAL, "%s: no such field type", field->name);
}

static void set_absent(const struct json_field *field, char *member)
{
	switch (field->type) {
	case JSON_FIELD_INTEGER: *(int64_t *)(void *)member = JSON_ABSENT; break;
	case JSON_FIELD_FLAG:    *(int *)(void *)member = JSON_ABSENT; break;
	case JSON_FIELD_TEXT:    member[0] = '\0'; break;
	case JSON_FIELD_CHOICE:  *(int *)(void *)member = 0; break;
	}
}

int json_fields_read(const json_t *object, const struct json_field *fields, size_t count, void *ret_struct,
		     json_t *faults, struct err *err)
{
	int rc = 0;

	if (!json_is_object(object))
		return err_set(err, ERR_INPUT, "must be an object");
	for (size_t i = 0; i < count; i++) {
		const struct json_field *field = &fields[i];
		char *member = (char *)ret_struct + field->offset;
		const json_t *value = json_object_get(object, field->name);
		struct err fault;
		int failed;

		set_absent(field, member);
		if (value && !json_is_null(value))
			failed = read_field(field, value, member, &fault);
		else
			failed = field->required ? err_set(&fault, ERR_INPUT, "%s: is missing", field->name) : 0;
		if (!failed)
			continue;
		if (faults)
			json_array_append_new(faults, json_pack("{s:s, s:s}", "field", field->name, "detail",
								fault.message + strlen(field->name) + 2));
		if (rc == 0)
			*err = fault;
		rc = -1;
	}
	return rc;
}

static json_t *write_field(const struct json_field *field, const char *member)
{
	switch (field->type) {
	case JSON_FIELD_INTEGER: {
		int64_t number = *(const int64_t *)(const void *)member;

		return number == JSON_ABSENT && !field->required ? NULL : json_integer(number);
	}
	case JSON_FIELD_FLAG: {
		int flag = *(const int *)(const void *)member;

		return flag == JSON_ABSENT ? NULL : json_boolean(flag);
	}
	case JSON_FIELD_TEXT:
		return *member || field->required ? json_string(member) : NULL;
	case JSON_FIELD_CHOICE: {
		const char *name = field->names[*(const int *)(const void *)member];

		return *name || field->required ? json_string(name) : NULL;
	}
	}
	return NULL;
}

json_t *json_fields_write(const struct json_field *fields, size_t count, const void *from)
{
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++) {
		json_t *value = write_field(&fields[i], (const char *)from + fields[i].offset);

		if (value)
			json_object_set_new(object, fields[i].name, value);
	}
	return object;
}
