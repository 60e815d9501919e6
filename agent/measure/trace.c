#include "agent/measure/trace.h"

#include <string.h>

#define BASE        36
#define DIGITS_MAX  9
#define SLICE_MAX   INT64_C(101559956668415)   /* nine digits */

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

void trace_add(struct trace *trace, int64_t since_us, int64_t bytes)
{
	int64_t slice = since_us / TRACE_SLICE_US;

	if (slice < TRACE_SLICES)
		trace->bytes[slice] += bytes;
}

void trace_mark_disorder(struct trace *trace, int64_t since_us)
{
	int64_t slice = (since_us - TRACE_SLICE_US / 2) / TRACE_SLICE_US;

	if (slice < TRACE_SLICES)
		trace->disordered[slice] = true;
}

int64_t trace_sum(const struct trace *trace, int from, int to)
{
	int64_t sum = 0;

	for (int i = from; i < to; i++)
		sum += trace->bytes[i];
	return sum;
}

static char *write_number(char *at, int64_t number)
{
	char reversed[DIGITS_MAX];
	int count = 0;

	if (number > SLICE_MAX)
		number = SLICE_MAX;
	do {
		reversed[count++] = digits[number % BASE];
		number /= BASE;
	} while (number);
	while (count)
		*at++ = reversed[--count];
	return at;
}

void trace_format(const struct trace *trace, int count, char ret_text[TRACE_TEXT_SIZE])
{
	char *at = ret_text;

	for (int i = 0; i < count; i++) {
		if (i)
			*at++ = ' ';
		at = write_number(at, trace->bytes[i]);
	}
	*at = '\0';
}

/* Returns the end of the number, or NULL when there is none. */
static const char *read_number(const char *text, int64_t *ret_number)
{
	const char *digit, *at = text;

	*ret_number = 0;
	while (*at && (digit = strchr(digits, *at)) && at - text < DIGITS_MAX) {
		*ret_number = *ret_number * BASE + (digit - digits);
		at++;
	}
	return at > text ? at : NULL;
}

int trace_parse(const char *text, struct trace *ret_trace, int *ret_count, struct err *err)
{
	struct trace trace = { 0 };
	const char *at = text;
	int count = 0;

	while (*at) {
		if (count == TRACE_SLICES)
			return err_set(err, ERR_INPUT, "trace: more than %d slices", TRACE_SLICES);
		at = read_number(at, &trace.bytes[count]);
		if (!at || (*at && (*at != ' ' || !at[1])))
			return err_set(err, ERR_INPUT, "trace: slice %d is not a number in base 36", count + 1);
		count++;
		at += *at == ' ';
	}
	*ret_trace = trace;
	*ret_count = count;
	return 0;
}
