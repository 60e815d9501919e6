/* mustache.h - renders a Mustache template over JSON: the whole specification but lambdas and inheritance.
 * Variables, sections, inverted sections, dotted names, the implicit iterator, comments, partials with their indentation,
 * set delimiters, standalone lines. False are: a missing name, null, false, "" and the empty array.
 * Ownership: keeps nothing.          Threads: pure.
 * Source:    the Mustache specification 1.4. */
#ifndef PLUMBLINE_MUSTACHE_H
#define PLUMBLINE_MUSTACHE_H

#include <jansson.h>
#include <stddef.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"

/* Levels of sections and partials together; a partial that names itself must end before. */
#define MUSTACHE_DEPTH_MAX 64

/* Where partials come from. find returns the text (borrowed) or NULL: then the partial is empty. */
struct mustache_partials {
	const char *(*find)(const void *context, const char *name, size_t *ret_length);
	const void *context;
};

/* Appends to ret_text; on failure ret_text may hold a part. Fails with ERR_INPUT, naming the line: an unclosed tag or
 * section, an end that fits no section, an empty name, wrong delimiters, more than MUSTACHE_DEPTH_MAX levels. */
int mustache_render(const char *template, size_t length, const json_t *data, const struct mustache_partials *partials,
		    struct buf *ret_text, struct err *err);

#endif
