/* keys.h - a YAML configuration file read through a table of keys into a struct.
 * Errors:  unknown keys, duplicate keys, wrong types, missing units, values out of range: every one is reported as
 *          "FILE:LINE:COLUMN: what, what to do"; nothing stops at the first.
 * Bounds:  256 KiB, 32 levels, one document, no anchors, aliases or tags (libyaml is quadratic in depth).
 * Ownership: what the rows allocate (texts, lists) belongs to the struct and is released by keys_free.
 * Threads: pure. */
#ifndef PLUMBLINE_KEYS_H
#define PLUMBLINE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"

enum key_type {
	KEY_TEXT,       /* char * */
	KEY_INTEGER,    /* int64_t */
	KEY_RATE,       /* int64_t, bit/s */
	KEY_SIZE,       /* int64_t, bytes */
	KEY_DURATION,   /* int64_t, ms */
	KEY_FLAG,       /* bool */
	KEY_CHOICE,     /* int, index into names */
	KEY_TEXTS,      /* struct key_texts */
	KEY_MAP,        /* children, offsets in the same struct */
	KEY_LIST,       /* struct key_list of structs of item_size, each read through children */
};

struct key_texts {
	char **items;
	size_t count;
};

struct key_list {
	void *items;
	size_t count;
};

struct key {
	const char *name;
	enum key_type type;
	size_t offset;
	const char *preset;          /* the default, written as in the file; NULL: none (absent stays NULL or 0) */
	bool required;
	int64_t min, max;            /* of numbers, in the stored unit; both 0: 0 to INT64_MAX. Of a TEXT and of each of
				      * TEXTS, its length in bytes; both 0: 1 to 1024. Of a LIST, max: its items; 0: any number */
	const char *const *names;    /* of a CHOICE */
	const struct key *children;  /* of a MAP or LIST; ends with a row whose name is NULL */
	size_t item_size;            /* of a LIST */
	/* Of a TEXT and of each of TEXTS: refuses what is not well-formed, and may put it into its usual form in place.
	 * May be NULL. */
	int (*check)(char *text, struct err *err);
	const char *help;            /* one line for the sample file and the manual, with the unit */
};

/* The faults found so far; for checks that span keys. */
struct key_faults;

/* Reports that what stands at path ("tls", "service_plans.2.name"; lists count from 0) is wrong. Where path is not in the
 * file, the nearest part of it that is gives the position. Says nothing where a fault was reported before: this one may
 * only follow from it. */
void key_fault(struct key_faults *faults, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Looks at the whole struct once every key was read, and calls key_fault. Members whose keys were faulty or absent are
 * NULL or 0. */
typedef void keys_check(const void *config, struct key_faults *faults);

/* Reads path into *ret_struct (zeroed by the caller); check may be NULL. On failure returns -1 with ERR_USAGE, also
 * when it cannot be read; every fault of what it says stands on its own line in *ret_faults, which stays as it was when
 * the file itself is the trouble. *err has the first fault, or that; nothing is left allocated in *ret_struct. */
int keys_read_file(const char *path, const struct key *keys, keys_check *check, void *ret_struct, struct buf *ret_faults,
		   struct err *err);

/* The same from memory; name stands for the file in messages. */
int keys_read(const char *name, const char *bytes, size_t length, const struct key *keys, keys_check *check,
	      void *ret_struct, struct buf *ret_faults, struct err *err);

void keys_free(const struct key *keys, void *config);

#endif
