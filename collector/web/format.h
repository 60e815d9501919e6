/* format.h - figures and times as people read them, in their language and time zone.
 * Units:   three significant digits, cut and not rounded: a figure below a threshold never reads as the threshold.
 * Source:  methodology U1, U2 (1 kbit is 1000 bits).
 * Threads: pure. */
#ifndef PLUMBLINE_FORMAT_H
#define PLUMBLINE_FORMAT_H

#include <stdint.h>

#include "collector/web/zone.h"

/* For whom. */
struct reader {
	const char *language;      /* "en" or "ru" */
	const struct zone *zone;   /* NULL: UTC */
};

#define FORMAT_SIZE 64

void format_rate(const struct reader *reader, int64_t bps, char ret_text[FORMAT_SIZE]); /* "94.1 Mbit/s" */
void format_size(const struct reader *reader, int64_t bytes, char ret_text[FORMAT_SIZE]); /* "1.04 MB" */
void format_duration(const struct reader *reader, int64_t us, char ret_text[FORMAT_SIZE]); /* "12.3 ms", "1 h 30 min" */
void format_time(const struct reader *reader, int64_t utc_ms, char ret_text[FORMAT_SIZE]); /* "22 Nov 2026 15:16" */
void format_day(const struct reader *reader, int64_t utc_ms, char ret_text[FORMAT_SIZE]); /* "22 Nov" */
void format_hour(const struct reader *reader, int64_t utc_ms, char ret_text[FORMAT_SIZE]); /* "15:16" */
void format_percent(const struct reader *reader, int64_t percent, char ret_text[FORMAT_SIZE]); /* "98 %" */

/* Millionths as percent: "99.768 %"; three digits behind the point, for 99.95 % is another promise than 99.9 %. */
void format_ppm(const struct reader *reader, int64_t ppm, char ret_text[FORMAT_SIZE]);

#endif
