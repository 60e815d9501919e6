#include "agent/spool/dropped.h"

#include <stddef.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/json.h"

#define TEXT(member)                                                                                                   \
	{ .name = #member, .type = JSON_FIELD_TEXT, .offset = offsetof(struct dropped, member),                        \
	  .size = sizeof ((struct dropped *)0)->member }
#define NUMBER(member)                                                                                                 \
	{ .name = #member, .type = JSON_FIELD_INTEGER, .offset = offsetof(struct dropped, member), .min = 0, .max = INT64_MAX }

static const struct json_field fields[] = {
	TEXT(reason), TEXT(type), TEXT(spool), NUMBER(count), NUMBER(first_seq), NUMBER(last_seq), NUMBER(from_ms), NUMBER(to_ms),
};

#define FIELD_COUNT (sizeof fields / sizeof fields[0])

/* An entry that cannot be read says nothing. */
static int read_entry(const json_t *entry, struct dropped *ret_loss)
{
	struct err ignored;

	return json_fields_read(entry, fields, FIELD_COUNT, ret_loss, NULL, &ignored);
}

static bool is_alike(const struct dropped *a, const struct dropped *b)
{
	return !strcmp(a->reason, b->reason) && !strcmp(a->type, b->type) && !strcmp(a->spool, b->spool);
}

static int64_t lesser(int64_t a, int64_t b)
{
	return a == JSON_ABSENT || (b != JSON_ABSENT && b < a) ? b : a;
}

static int64_t greater(int64_t a, int64_t b)
{
	return a > b ? a : b;   /* JSON_ABSENT is below all others */
}

static void merge(struct dropped *into, const struct dropped *loss)
{
	into->count = into->count == JSON_ABSENT || loss->count == JSON_ABSENT ? JSON_ABSENT : into->count + loss->count;
	into->first_seq = lesser(into->first_seq, loss->first_seq);
	into->last_seq = greater(into->last_seq, loss->last_seq);
	into->from_ms = lesser(into->from_ms, loss->from_ms);
	into->to_ms = greater(into->to_ms, loss->to_ms);
}

static json_t *entries_of(json_t *members)
{
	json_t *entries = json_object_get(members, "lost");

	if (!json_is_array(entries)) {
		entries = json_array();
		json_object_set_new(members, "lost", entries);
	}
	return entries;
}

void dropped_add(json_t *members, const struct dropped *loss)
{
	json_t *entries = entries_of(members);
	int64_t count = json_integer_value(json_object_get(members, "count"));
	struct dropped entry;
	size_t i;

	json_object_set_new(members, "count", json_integer(count + (loss->count == JSON_ABSENT ? 0 : loss->count)));
	for (i = 0; i < json_array_size(entries); i++) {
		if (read_entry(json_array_get(entries, i), &entry) < 0 || !is_alike(&entry, loss))
			continue;
		merge(&entry, loss);
		json_array_set_new(entries, i, json_fields_write(fields, FIELD_COUNT, &entry));
		return;
	}
	json_array_append_new(entries, json_fields_write(fields, FIELD_COUNT, loss));
}

void dropped_add_all(json_t *members, const json_t *more)
{
	const json_t *entries = json_object_get(more, "lost");
	struct dropped loss;

	for (size_t i = 0; i < json_array_size(entries); i++)
		if (read_entry(json_array_get(entries, i), &loss) == 0)
			dropped_add(members, &loss);
}

bool dropped_is_empty(const json_t *members)
{
	return json_array_size(json_object_get(members, "lost")) == 0;
}
