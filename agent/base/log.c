#include "agent/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

const char *const log_level_names[] = { "error", "warning", "info", "debug", NULL };

static enum log_level highest = LOG_INFO;

void log_set_level(enum log_level level)
{
	highest = level;
}

static size_t write_head(char *line, size_t size, enum log_level level)
{
	static const int priorities[] = { 3, 4, 6, 7 };   /* of syslog, as sd-daemon(3) wants them */
	struct timespec now;
	struct tm utc;
	size_t length;

	if (getenv("JOURNAL_STREAM"))
		return (size_t)snprintf(line, size, "<%d>", priorities[level]);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	length = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
	return length + (size_t)snprintf(line + length, size - length, ".%03ldZ %s ", now.tv_nsec / 1000000,
					 log_level_names[level]);
}

/* Texts from outside must not end this line and forge another, nor steer a terminal. */
static void blank_controls(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			text[i] = ' ';
		if (c == 0xc2 && i + 1 < length && (unsigned char)text[i + 1] < 0xa0)   /* U+0080 to U+009F */
			text[i] = text[i + 1] = ' ';
	}
}

static void write_line(enum log_level level, const char *format, va_list args)
{
	char line[2048];
	size_t head, length;
	int text;

	if (level > highest)
		return;
	head = write_head(line, sizeof line, level);
	text = vsnprintf(line + head, sizeof line - head - 1, format, args);
	if (text < 0)
		return;
	length = head + (size_t)text;
	if (length > sizeof line - 2)
		length = sizeof line - 2;
	blank_controls(line + head, length - head);
	line[length++] = '\n';
	if (write(STDERR_FILENO, line, length) < 0)
		return;   /* nowhere left to say it */
}

#define DEFINE_LOG(name, level)                                                                                        \
	void name(const char *format, ...)                                                                             \
	{                                                                                                              \
		va_list args;                                                                                          \
		va_start(args, format);                                                                                \
		write_line(level, format, args);                                                                       \
		va_end(args);                                                                                          \
	}

DEFINE_LOG(log_error, LOG_ERROR)
DEFINE_LOG(log_warning, LOG_WARNING)
DEFINE_LOG(log_info, LOG_INFO)
DEFINE_LOG(log_debug, LOG_DEBUG)
