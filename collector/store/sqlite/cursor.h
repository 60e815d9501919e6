/* cursor.h - where the next page of a list begins, as opaque text that is safe in a URL.
 * Format:  URL-safe base64 of a JSON array: the key of the last row that was shown.
 * Why:     a page begins after a key, not after a count, so rows that come and go meanwhile neither repeat nor hide others.
 * Threads: pure. */
#ifndef PLUMBLINE_CURSOR_H
#define PLUMBLINE_CURSOR_H

#include <jansson.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/sqlite.h"

/* Takes key; the text as a new JSON string. */
json_t *cursor_write(json_t *key);

/* ERR_INPUT when the text is no cursor; what stands in the key is the caller's to check, with cursor_fault. */
int cursor_read(const char *text, json_t **ret_key, struct err *err);
int cursor_fault(struct err *err);

/* Binds the key [time, id] of lists by time, as :after_ms and :after_id; a cursor of NULL binds nothing. *ret_key keeps the
 * text that was bound: the caller releases it after the page was read. */
int cursor_bind(sqlite3_stmt *statement, const char *cursor, json_t **ret_key, struct err *err);

/* Ends a page {"items"} whose statement asked for one row more than limit: that row goes, and "cursor" is made of these
 * members (NULL at the end) of the last one left; null when there is no next page. */
void cursor_end_page(json_t *page, int64_t limit, const char *const *members);

#endif
