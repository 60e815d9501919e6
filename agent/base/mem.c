#include "agent/base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/log.h"

static void *checked(void *memory)
{
	if (!memory) {
		log_error("out of memory");
		abort();
	}
	return memory;
}

void *xcalloc(size_t count, size_t size)
{
	return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *memory, size_t count, size_t size)
{
	return checked(reallocarray(memory, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *text)
{
	return checked(strdup(text));
}

int text_copy(char *ret_field, size_t size, const char *text)
{
	size_t length = strnlen(text, size);

	if (length < size) {
		memcpy(ret_field, text, length + 1);
		return 0;
	}
	memcpy(ret_field, text, size - 1);
	ret_field[size - 1] = '\0';
	return -1;
}
