/* gzip.h - gzip for reports (RFC 1952), with a bound on what comes out.
 * Ownership: appends to the caller's buffer. Threads: pure. */
#ifndef PLUMBLINE_GZIP_H
#define PLUMBLINE_GZIP_H

#include <stddef.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"

/* Fails only when memory is out. */
int gzip_pack(const void *bytes, size_t length, struct buf *ret_packed, struct err *err);

/* Fails with ERR_TOO_LARGE when more than max_bytes would come out, ERR_INPUT when it is not one whole gzip member. */
int gzip_unpack(const void *bytes, size_t length, size_t max_bytes, struct buf *ret_bytes, struct err *err);

#endif
