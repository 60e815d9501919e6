/* log.h - one line per event on stderr, as the journal wants it.
 * Format:  under systemd "<priority>text"; elsewhere "YYYY-MM-DDThh:mm:ss.mmmZ LEVEL text".
 * Threads: any; a line is one write, so lines never mix. Control characters in texts become spaces.
 * Use:     whoever handles an error logs it, once. */
#ifndef PLUMBLINE_LOG_H
#define PLUMBLINE_LOG_H

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

extern const char *const log_level_names[];   /* "error", "warning", "info", "debug", NULL */

/* Lines above this level are dropped; LOG_INFO until it is called. Call once, before threads start. */
void log_set_level(enum log_level level);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
