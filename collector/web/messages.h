/* messages.h - every text that people read on a page, in English and Russian: one table.
 * Keys are dotted, and none is the beginning of another's path: templates see them as {{t.state.open}}.
 * Threads: constant data. */
#ifndef PLUMBLINE_MESSAGES_H
#define PLUMBLINE_MESSAGES_H

#include <jansson.h>

struct message {
	const char *key, *en, *ru;
};

extern const struct message messages[];   /* by key; ends with a row whose key is NULL */

/* The text in "ru" or, for any other language, in English. NULL when there is no such key. */
const char *message_text(const char *language, const char *key);

/* All of them as nested objects, for templates; the caller's. */
json_t *messages_json(const char *language);

#endif
