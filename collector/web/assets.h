/* assets.h - the files of templates/ and static/, compiled into the program.
 * Threads: constant data. */
#ifndef PLUMBLINE_ASSETS_H
#define PLUMBLINE_ASSETS_H

#include <stddef.h>

struct asset {
	const char *name;    /* "templates/client.mustache", "static/style.css" */
	const char *bytes;   /* followed by a NUL that length does not count */
	size_t length;
};

extern const struct asset web_assets[];   /* ends with a row whose name is NULL */

#endif
