/* passwords.h - passwords as Argon2id hashes (libsodium), checked two at a time.
 *
 * A check costs 64 MiB and about 0.1 s of a processor. Two run at once and one may wait; a further one is told to try
 * later, so that a flood of logins leaves store threads for everybody else.
 * Threads: any. libsodium must have been initialised. */
#ifndef PLUMBLINE_PASSWORDS_H
#define PLUMBLINE_PASSWORDS_H

#include <stdbool.h>

#include "agent/base/err.h"
#include "collector/store/people.h"

#define PASSWORD_MIN_LENGTH 8
#define PASSWORD_MAX_LENGTH 256

/* Fails with ERR_INPUT when the password is too short or too long. */
int password_hash(const char *password, char ret_hash[PASSWORD_HASH_SIZE], struct err *err);

struct passwords;

/* Makes the hash that unknown names are checked against. */
int passwords_new(struct passwords **ret_passwords, struct err *err);
void passwords_free(struct passwords *passwords);   /* accepts NULL */

/* hash NULL: nobody of that name; takes as long and is never right, so that time tells nothing about who exists.
 * Fails with ERR_BUSY when too many are being checked. */
int passwords_check(struct passwords *passwords, const char *hash, const char *password, bool *ret_right, struct err *err);

#endif
