/* trace.h - how many bytes of body arrived in each tenth of a second: what a steady rate is computed from, and its proof.
 * Slices count from the probe's first byte, so that the traces of several connections lie side by side.
 * Text:    the bytes of each slice in base 36, spaces between: "2a9c 0 1z" (JavaScript reads it with parseInt(x, 36)).
 * Units:   microseconds, bytes.
 * Source:  methodology 4 (byte trace). Threads: pure. */
#ifndef PLUMBLINE_TRACE_H
#define PLUMBLINE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"

#define TRACE_SLICES   100
#define TRACE_SLICE_US INT64_C(100000)

struct trace {
	int64_t bytes[TRACE_SLICES];   /* all zero at first */
	bool disordered[TRACE_SLICES]; /* segments came out of order: bytes wait for a lost one, and then come all at once */
};

/* What comes later than the last slice is not kept. */
void trace_add(struct trace *trace, int64_t since_us, int64_t bytes);

/* Marks the slice that ended at about since_us. */
void trace_mark_disorder(struct trace *trace, int64_t since_us);

/* Bytes of the slices from (included) to to (not included). */
int64_t trace_sum(const struct trace *trace, int from, int to);

#define TRACE_TEXT_SIZE 1024

/* The first count slices. A slice that would need more than nine digits (812 Tbit/s) is cut to them. */
void trace_format(const struct trace *trace, int count, char ret_text[TRACE_TEXT_SIZE]);

/* Fails with ERR_INPUT when it is not such a text. */
int trace_parse(const char *text, struct trace *ret_trace, int *ret_count, struct err *err);

#endif
