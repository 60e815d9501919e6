/* buf.h - bytes that grow. data is always followed by a NUL that length does not count.
 * Ownership: the struct is the caller's; buf_free releases what it holds. All zero is an empty buffer.
 * Threads:   one owner at a time. */
#ifndef PLUMBLINE_BUF_H
#define PLUMBLINE_BUF_H

#include <stddef.h>

struct buf {
	char *data;          /* NULL while nothing was ever appended */
	size_t length_bytes;
	size_t capacity_bytes;
};

void buf_append(struct buf *buf, const void *bytes, size_t length);
void buf_append_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Makes room for this many more bytes and returns where they go; the caller adds what it wrote to length_bytes. */
char *buf_reserve(struct buf *buf, size_t length);

/* Drops the first bytes; the rest moves to the front. */
void buf_consume(struct buf *buf, size_t length);

/* The text, never NULL. Valid until the buffer changes. */
const char *buf_text(const struct buf *buf);

/* Hands the memory over (never NULL, NUL-terminated, released with free) and leaves the buffer empty. */
char *buf_take(struct buf *buf);

/* Empties; the memory stays. */
void buf_clear(struct buf *buf);
void buf_free(struct buf *buf);

#endif
