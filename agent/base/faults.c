#include "agent/base/faults.h"

#include <stdio.h>
#include <string.h>

struct faults faults_of(const char *file, struct buf *lines)
{
	return (struct faults){ .file = file, .lines = lines, .start = lines->length_bytes };
}

void fault_add_list(struct faults *faults, size_t line, size_t column, const char *format, va_list args)
{
	char what[sizeof ((struct err *)0)->message];

	faults->count++;
	if (faults->count == FAULTS_MAX + 1)
		buf_printf(faults->lines, "%s:%zu:%zu: more faults than are listed, mend those above first\n", faults->file,
			   line, column);
	if (faults->count > FAULTS_MAX)
		return;
	vsnprintf(what, sizeof what, format, args);
	buf_printf(faults->lines, "%s:%zu:%zu: %s\n", faults->file, line, column, what);
}

void fault_add(struct faults *faults, size_t line, size_t column, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fault_add_list(faults, line, column, format, args);
	va_end(args);
}

int faults_end(const struct faults *faults, enum err_code code, struct err *err)
{
	const char *first = buf_text(faults->lines) + faults->start;
	int length = (int)strcspn(first, "\n");

	if (!faults->count)
		return 0;
	if (faults->count == 1)
		return err_set(err, code, "%.*s", length, first);
	return err_set(err, code, "%.*s (and %zu more)", length, first, faults->count - 1);
}
