/* file.h - small files as a whole: read with a bound, replaced so that a power cut leaves the old one or the new one.
 * Threads: pure but for the file system. */
#ifndef PLUMBLINE_FILE_H
#define PLUMBLINE_FILE_H

#include <stddef.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"

/* Appends the file's bytes. Fails with ERR_NOT_FOUND, ERR_TOO_LARGE (more than max_bytes) or ERR_IO, naming the path. */
int file_read(const char *path, size_t max_bytes, struct buf *ret_bytes, struct err *err);

/* Makes an empty file of mode 0600, to be closed by the caller. Made by root, it belongs to the owner of its directory, so
 * that a command leaves nothing the daemon cannot open. Fails with ERR_CONFLICT (something of this name is there), else
 * ERR_IO, naming the path. */
int file_create(const char *path, int *ret_fd, struct err *err);

/* Writes all of it, however many calls that takes. Returns 0, or -1 with errno. */
int file_write(int fd, const void *bytes, size_t length);

/* Makes path.new anew as file_create does, syncs it, and renames it over path. Fails with ERR_IO naming the path; path is
 * then as it was. */
int file_replace(const char *path, const void *bytes, size_t length, struct err *err);

#endif
