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
