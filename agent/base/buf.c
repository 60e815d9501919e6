#include "agent/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"

char *buf_reserve(struct buf *buf, size_t length)
{
	size_t needed = buf->length_bytes + length + 1;

	if (needed > buf->capacity_bytes) {
		size_t capacity = buf->capacity_bytes ? buf->capacity_bytes : 64;

		while (capacity < needed)
			capacity *= 2;
		buf->data = xrealloc(buf->data, capacity, 1);
		buf->capacity_bytes = capacity;
	}
	return buf->data + buf->length_bytes;
}

void buf_append(struct buf *buf, const void *bytes, size_t length)
{
	char *end = buf_reserve(buf, length);

	if (length)
		memcpy(end, bytes, length);
	end[length] = '\0';
	buf->length_bytes += length;
}

void buf_append_text(struct buf *buf, const char *text)
{
	buf_append(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args, again;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	if (length > 0) {
		vsnprintf(buf_reserve(buf, (size_t)length), (size_t)length + 1, format, again);
		buf->length_bytes += (size_t)length;
	}
	va_end(again);
	va_end(args);
}

void buf_consume(struct buf *buf, size_t length)
{
	if (!length)
		return;
	buf->length_bytes -= length;
	memmove(buf->data, buf->data + length, buf->length_bytes + 1);
}

const char *buf_text(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
	char *data = buf->data ? buf->data : xstrdup("");

	*buf = (struct buf){ 0 };
	return data;
}

void buf_clear(struct buf *buf)
{
	buf->length_bytes = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

void buf_free(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ 0 };
}
