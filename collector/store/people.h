/* people.h - staff accounts and their sessions as stored: hashes only.
 * Threads: a store thread, inside a job. */
#ifndef PLUMBLINE_PEOPLE_H
#define PLUMBLINE_PEOPLE_H

#include <jansson.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "collector/store/clients.h"

struct txn;

/* Stored as numbers: new ones go last. */
enum role { ROLE_VIEWER, ROLE_TECH, ROLE_MANAGER, ROLE_DIRECTOR, ROLE_ADMIN, ROLE_COUNT };
extern const char *const role_names[];   /* "viewer", "tech", "manager", "director", "admin", NULL */

#define PASSWORD_HASH_SIZE 128   /* crypto_pwhash_STRBYTES of libsodium (Argon2id) */
#define SESSION_HASH_BYTES 32    /* SHA-256 of the cookie's token */
#define CSRF_SIZE          65

struct person {
	char name[ID_SIZE];
	int role;                           /* enum role */
	char password_hash[PASSWORD_HASH_SIZE];
	int64_t disabled_ms;                /* JSON_ABSENT while active */
};

struct session {
	struct person person;
	char csrf[CSRF_SIZE];
	int64_t expires_ms;
};

int person_put(struct txn *txn, const struct person *person, int64_t now_ms, struct err *err);   /* ERR_CONFLICT when the name is taken */
int person_get(struct txn *txn, const char *name, struct person *ret_person, struct err *err);  /* ERR_NOT_FOUND */
int person_disable(struct txn *txn, const char *name, int64_t now_ms, struct err *err);          /* and ends its sessions */
int people_list(struct txn *txn, json_t **ret_people, struct err *err);   /* {"items": [{name, role, created_ms, disabled_ms}]} */

int session_put(struct txn *txn, const unsigned char hash[SESSION_HASH_BYTES], const char *person, const char *csrf,
		int64_t now_ms, int64_t expires_ms, struct err *err);
/* Not expired, person not disabled; else ERR_UNAUTHORIZED. */
int session_get(struct txn *txn, const unsigned char hash[SESSION_HASH_BYTES], int64_t now_ms, struct session *ret_session,
		struct err *err);
int session_remove(struct txn *txn, const unsigned char hash[SESSION_HASH_BYTES], struct err *err);
int sessions_prune(struct txn *txn, int64_t now_ms, struct err *err);

#endif
