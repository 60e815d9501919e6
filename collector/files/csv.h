/* csv.h - a CSV file (RFC 4180) as rows of named columns, every value with its line and column.
 * Input:     UTF-8 with or without BOM, or cp1251; "," or ";" between values, as the header row has it; LF, CRLF or CR;
 *            quoted values may hold separators, doubled quotes and line breaks; spaces around values and empty rows are
 *            passed over.
 * Bounds:    64 MiB a file, 4096 bytes a value.
 * Ownership: csv_parse makes the rows, csv_free releases them. Threads: pure. */
#ifndef PLUMBLINE_CSV_H
#define PLUMBLINE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/faults.h"

#define CSV_FILE_BYTES_MAX  (64 * 1024 * 1024)
#define CSV_VALUE_BYTES_MAX 4096
#define CSV_COLUMNS_MAX     64

/* The columns that a file may have, in the order in which they are asked for; ends with a row whose name is NULL. */
struct csv_column {
	const char *name;
	bool optional;
};

struct csv_field {
	const char *text;        /* UTF-8, "" where an optional column is absent */
	uint32_t line, column;   /* from 1; column counts characters */
};

struct csv {
	char *text;                  /* what the fields point into */
	struct csv_field *fields;    /* row by row, a field for each column asked for */
	size_t row_count, column_count;
	size_t capacity;
	const struct csv_column *columns;   /* as asked for */
	struct faults *faults;              /* the caller's */
};

/* Returns -1 when something is wrong; everything found is added to faults. *ret_csv is to be freed in either case: what
 * could be read is there, so that its values can be checked too. columns and faults outlive it. */
int csv_parse(const char *bytes, size_t length, const struct csv_column *columns, struct csv *ret_csv,
	      struct faults *faults);
void csv_free(struct csv *csv);

const struct csv_field *csv_field(const struct csv *csv, size_t row, size_t column);
const char *csv_text(const struct csv *csv, size_t row, size_t column);

/* Adds to the faults that the value in this row and column is wrong: "NAME: what, what to do". */
void csv_fault(const struct csv *csv, size_t row, size_t column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
