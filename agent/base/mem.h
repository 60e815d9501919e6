/* mem.h - allocation for small fixed-size bookkeeping: ends the process when memory is out.
 * Sizes that come from outside are bounded by the caller first. */
#ifndef PLUMBLINE_MEM_H
#define PLUMBLINE_MEM_H

#include <stddef.h>

void *xcalloc(size_t count, size_t size);
void *xrealloc(void *memory, size_t count, size_t size);
char *xstrdup(const char *text);

/* Copies text into a field of a struct, NUL-terminated, cut at its size. Returns 0, or -1 when it was cut. */
int text_copy(char *ret_field, size_t size, const char *text);

#endif
