/* err.h - why something failed: a code for programs, a message for people.
 * Ownership: a struct err lives on the caller's stack; nothing is allocated.
 * Threads:   pure.
 * Use:       fallible functions return 0 or -1 and take a struct err last; it is filled on -1 only. */
#ifndef PLUMBLINE_ERR_H
#define PLUMBLINE_ERR_H

#include <stddef.h>

enum err_code {
	ERR_INTERNAL = 1,  /* a bug of ours, or the machine is out of something */
	ERR_USAGE,         /* wrong command line or configuration */
	ERR_INPUT,         /* data from outside is malformed or out of bounds */
	ERR_TOO_LARGE,     /* data from outside exceeds a stated size */
	ERR_UNSUPPORTED,   /* data from outside is of a kind that is not taken */
	ERR_IO,            /* a file, disk or database failed */
	ERR_UNREACHABLE,   /* a peer could not be reached, or gave no usable answer */
	ERR_UNAUTHORIZED,  /* who asks is not known */
	ERR_FORBIDDEN,     /* who asks is known and may not */
	ERR_NOT_FOUND,     /* the thing asked for does not exist */
	ERR_CONFLICT,      /* the thing is in a state that does not allow this */
	ERR_BUSY,          /* try again later */
	ERR_DAMAGED,       /* a file of ours is not as we wrote it */
	ERR_COUNT
};

struct err {
	enum err_code code;
	char message[480];
};

/* Fills err; the message is cut at its size. Always returns -1. */
int err_set(struct err *err, enum err_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message that is there; the code stays. Always returns -1. */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The exit code of a command that ended with this error: 2 usage or configuration, 3 could not be found out,
 * 1 not good (conflict, forbidden, not found), 4 internal failure. */
int err_exit_code(const struct err *err);

#endif
