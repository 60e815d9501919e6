/* url.h - percent-encoding, query strings, HTML forms and cookies.
 * Ownership: ret buffers are the caller's. Threads: pure. */
#ifndef PLUMBLINE_URL_H
#define PLUMBLINE_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/buf.h"

/* Decodes %XX (and, in forms and queries, "+") into ret_text of size bytes. False when it is malformed, holds NUL or
 * invalid UTF-8, or does not fit; ret_text is then undefined. */
bool url_decode(const char *text, size_t length, bool plus_is_space, char *ret_text, size_t size);

/* Appends the text with %XX for every byte but ASCII letters, digits, "-._~" and those in kept. */
void url_append_encoded(struct buf *buf, const char *text, const char *kept);

/* The value of a name in "a=1&b=2" (a query, or a form's body). True when it is there and well-formed. The first one
 * counts; query may be NULL. */
bool url_query_get(const char *query, const char *name, char *ret_value, size_t size);

/* The value of a cookie in a Cookie header (or NULL), as it stands there. */
bool url_cookie_get(const char *cookie_header, const char *name, char *ret_value, size_t size);

#endif
