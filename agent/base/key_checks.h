/* key_checks.h - what texts of both configuration files must look like; each fits the check of a struct key.
 * Errors:  ERR_INPUT saying what to write instead. Threads: pure. */
#ifndef PLUMBLINE_KEY_CHECKS_H
#define PLUMBLINE_KEY_CHECKS_H

#include <stddef.h>

#include "agent/base/err.h"
#include "agent/base/keys.h"

/* Bounds of what an instruction carries to an agent, and so of what either file may say. */
#define REFERENCE_FILES_MAX       32
#define REFERENCE_NAME_LENGTH_MAX 63
#define REFERENCE_URL_LENGTH_MAX  1023
#define REFERENCE_BYTES_MAX       INT64_C(1000000000000)

/* http or https with a host; no user or password in it, for secrets never stand in the configuration. */
int key_check_url(char *url, struct err *err);

/* 64 hexadecimal digits; made lower case. */
int key_check_sha256(char *digest, struct err *err);

/* For a keys_check: reports items of the list at path whose name, a char * that is the struct's first member, stands
 * there already. */
void key_check_names(struct key_faults *faults, const char *path, const struct key_list *list, size_t item_size);

/* Of "nonce" of a reference file. */
extern const char *const nonce_names[];   /* "optional", "required", NULL */

#endif
