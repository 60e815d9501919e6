/* auth.h - who makes this call, and may they? Agents prove it by a signature, people by a session's cookie.
 *
 * An agent's signature is checked over the bytes as sent, before anything of the body is inflated or parsed. A person's
 * request that changes something must carry the session's CSRF token besides the cookie.
 * Threads: a store thread, inside the read job. */
#ifndef PLUMBLINE_AUTH_H
#define PLUMBLINE_AUTH_H

#include "collector/api/api.h"

#define SESSION_COOKIE   "plumbline_session"
#define SESSION_TOKEN_SIZE 65   /* 32 random bytes in hexadecimal */
#define SESSION_LIFE_MS  INT64_C(43200000)   /* 12 h */

/* Fills call->agent or call->session. Fails with ERR_UNAUTHORIZED or ERR_FORBIDDEN. */
int auth_check(struct api_call *call, struct txn *txn, struct err *err);

/* SHA-256 of a token's text: what the store keeps of cookies and join tokens. */
void auth_hash_token(const char *token, unsigned char ret_hash[SESSION_HASH_BYTES]);

/* Whether a browser says that another site sent the request. One that is no browser says nothing. */
bool auth_is_foreign(const struct api_call *call);

#endif
