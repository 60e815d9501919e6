/* json.h - JSON from outside, bounded and strict, and structs to and from JSON by a table of fields.
 * Input:     one value; duplicate keys, trailing bytes, invalid UTF-8 and more than JSON_DEPTH_MAX levels are refused.
 * Ownership: returned json_t are the caller's (json_decref). Threads: pure.
 * Source:    jansson underneath; json_t is used directly wherever shapes are free. */
#ifndef PLUMBLINE_JSON_H
#define PLUMBLINE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"

#define JSON_DEPTH_MAX 32

/* Fails with ERR_INPUT, naming line and column. */
int json_parse(const char *bytes, size_t length, json_t **ret_value, struct err *err);

/* An optional number or flag that is not there. */
#define JSON_ABSENT (-1)

enum json_field_type {
	JSON_FIELD_INTEGER,   /* int64_t, within min and max; JSON_ABSENT when optional and absent */
	JSON_FIELD_FLAG,      /* int: 0, 1, or JSON_ABSENT */
	JSON_FIELD_TEXT,      /* char[size]; "" when optional and absent */
	JSON_FIELD_CHOICE,    /* int: index into names; 0 when optional and absent */
};

struct json_field {
	const char *name;
	enum json_field_type type;
	bool required;
	size_t offset;              /* of the member in the struct */
	size_t size;                /* of a TEXT member */
	int64_t min, max;           /* of an INTEGER */
	const char *const *names;   /* of a CHOICE, NULL at the end */
};

/* Fills the members of *ret_struct from an object; unknown members of the object are ignored. On failure returns -1
 * with ERR_INPUT about the first wrong field and, unless faults is NULL, appends {"field", "detail"} for every one. */
int json_fields_read(const json_t *object, const struct json_field *fields, size_t count, void *ret_struct,
		     json_t *faults, struct err *err);

/* The object that json_fields_read would read back; absent members are left out. */
json_t *json_fields_write(const struct json_field *fields, size_t count, const void *from);

#endif
