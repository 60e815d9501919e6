/* units.h - rates, sizes and durations as people write them, and back.
 * Input:   "30KB/s", "20 Mbit/s", "1.5 MiB", "5m", "30d"; a bare number is an error that names the accepted units.
 * Units:   KB and kB are 1000 bytes, KiB 1024; rates become bit/s, sizes bytes, durations milliseconds.
 * Source:  methodology U1, U2. Threads: pure. */
#ifndef PLUMBLINE_UNITS_H
#define PLUMBLINE_UNITS_H

#include <stdint.h>

#include "agent/base/err.h"

/* Each fails with ERR_INPUT, saying what is accepted; results are exact or rounded to the nearest integer. */
int units_parse_rate(const char *text, int64_t *ret_bps, struct err *err);
int units_parse_size(const char *text, int64_t *ret_bytes, struct err *err);
int units_parse_duration(const char *text, int64_t *ret_ms, struct err *err);

/* For people, three significant digits: "94.1 Mbit/s", "1.05 MB", "5 m 20 s". */
#define UNITS_TEXT_SIZE 32
void units_format_rate(int64_t bps, char ret_text[UNITS_TEXT_SIZE]);
void units_format_size(int64_t bytes, char ret_text[UNITS_TEXT_SIZE]);
void units_format_duration(int64_t ms, char ret_text[UNITS_TEXT_SIZE]);

#endif
