#include "agent/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
	va_list args;

	err->code = code;
	va_start(args, format);
	vsnprintf(err->message, sizeof err->message, format, args);
	va_end(args);
	return -1;
}

int err_wrap(struct err *err, const char *format, ...)
{
	char old[sizeof err->message];
	va_list args;
	size_t length;

	memcpy(old, err->message, sizeof old);
	va_start(args, format);
	vsnprintf(err->message, sizeof err->message, format, args);
	va_end(args);
	length = strlen(err->message);
	snprintf(err->message + length, sizeof err->message - length, ": %.*s", (int)(sizeof old - length), old);
	return -1;
}

int err_exit_code(const struct err *err)
{
	static const int exit_codes[ERR_COUNT] = {
		[ERR_INTERNAL] = 4,     [ERR_USAGE] = 2,     [ERR_INPUT] = 2,
		[ERR_TOO_LARGE] = 2,    [ERR_UNSUPPORTED] = 2, [ERR_IO] = 4,        [ERR_UNREACHABLE] = 3,
		[ERR_UNAUTHORIZED] = 1, [ERR_FORBIDDEN] = 1, [ERR_NOT_FOUND] = 1,
		[ERR_CONFLICT] = 1,     [ERR_BUSY] = 3,      [ERR_DAMAGED] = 4,
	};

	return exit_codes[err->code];
}
