/* cursor.h - where the next page of a list begins, as opaque text that is safe in a URL.
 * Format:  URL-safe base64 of a JSON array: the key of the last row that was shown.
 * Why:     a page begins after a key, not after a count, so rows that come and go meanwhile neither repeat nor hide others.
 * Threads: pure. */
#ifndef PLUMBLINE_CURSOR_H
#define PLUMBLINE_CURSOR_H

#include <jansson.h>

#include "agent/base/err.h"

/* Takes key; the text as a new JSON string. */
json_t *cursor_write(json_t *key);

/* ERR_INPUT when the text is no cursor; what stands in the key is the caller's to check, with cursor_fault. */
int cursor_read(const char *text, json_t **ret_key, struct err *err);
int cursor_fault(struct err *err);

#endif
