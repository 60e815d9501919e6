#include "collector/store/sqlite/cursor.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"

#define CURSOR_BYTES_MAX 1024
#define VARIANT          sodium_base64_VARIANT_URLSAFE_NO_PADDING

json_t *cursor_write(json_t *key)
{
	char *plain = json_dumps(key, JSON_COMPACT);
	size_t size = sodium_base64_encoded_len(strlen(plain), VARIANT);
	char *text = xcalloc(1, size);
	json_t *cursor = json_string(sodium_bin2base64(text, size, (const unsigned char *)plain, strlen(plain), VARIANT));

	free(text);
	free(plain);
	json_decref(key);
	return cursor;
}

int cursor_read(const char *text, json_t **ret_key, struct err *err)
{
	unsigned char plain[CURSOR_BYTES_MAX];
	size_t length;

	if (sodium_base642bin(plain, sizeof plain, text, strlen(text), NULL, &length, NULL, VARIANT) ||
	    json_parse((const char *)plain, length, ret_key, err) < 0)
		return cursor_fault(err);
	return 0;
}

int cursor_fault(struct err *err)
{
	return err_set(err, ERR_INPUT, "cursor: is not from an earlier page");
}

int cursor_bind(sqlite3_stmt *statement, const char *cursor, json_t **ret_key, struct err *err)
{
	json_int_t after_ms;
	const char *after_id;

	if (!cursor)
		return 0;
	if (cursor_read(cursor, ret_key, err) < 0)
		return -1;
	if (json_unpack(*ret_key, "[Is!]", &after_ms, &after_id))
		return cursor_fault(err);
	db_bind_integer(statement, ":after_ms", after_ms);
	db_bind_text(statement, ":after_id", after_id);
	return 0;
}

void cursor_end_page(json_t *page, int64_t limit, const char *const *members)
{
	json_t *items = json_object_get(page, "items");
	json_t *key;

	if ((int64_t)json_array_size(items) <= limit) {
		json_object_set_new(page, "cursor", json_null());
		return;
	}
	json_array_remove(items, (size_t)limit);
	key = json_array();
	for (; *members; members++)
		json_array_append(key, json_object_get(json_array_get(items, (size_t)limit - 1), *members));
	json_object_set_new(page, "cursor", cursor_write(key));
}
