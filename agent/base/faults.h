/* faults.h - everything that is wrong with one file, a line each: "FILE:LINE:COLUMN: what, what to do".
 * Bounds:    FAULTS_MAX lines; the rest is counted.
 * Ownership: appends to the caller's buffer. Threads: pure. */
#ifndef PLUMBLINE_FAULTS_H
#define PLUMBLINE_FAULTS_H

#include <stdarg.h>
#include <stddef.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"

#define FAULTS_MAX 10000

struct faults {
	const char *file;
	struct buf *lines;
	size_t start;     /* where in lines the faults of this file begin */
	size_t count;
};

/* file and lines stay the caller's and outlive the faults. */
struct faults faults_of(const char *file, struct buf *lines);

/* line and column count from 1. */
void fault_add(struct faults *faults, size_t line, size_t column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void fault_add_list(struct faults *faults, size_t line, size_t column, const char *format, va_list args)
	__attribute__((format(printf, 4, 0)));

/* 0 when there are none; else -1 with this code, the first fault, and how many more there are. */
int faults_end(const struct faults *faults, enum err_code code, struct err *err);

#endif
