/* identity.h - who this agent is: its Ed25519 key, what the collector calls it, and where its probes may go.
 *
 * One file of mode 0600 in the state directory. It is made, with the key alone, before the collector is asked: when the
 * answer is lost, asking again with the same key and token gives the same agent.
 *
 * Source:  contract 1 (enroll), 3. Ownership: identity_free releases what identity_load and identity_new filled. */
#ifndef PLUMBLINE_IDENTITY_H
#define PLUMBLINE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/httpsig.h"
#include "agent/base/keys.h"
#include "agent/base/random.h"

struct identity {
	unsigned char public_key[HTTPSIG_PUBLIC_KEY_BYTES];
	unsigned char secret_key[HTTPSIG_SECRET_KEY_BYTES];
	char agent[HTTPSIG_KEYID_SIZE];   /* "" until the collector has answered */
	char line[64];
	char collector[640];              /* URL */
	char token_sha256[65];            /* of the join token that was used */
	int64_t generation;               /* to send first */
	struct key_texts targets;         /* hosts, as learnt at enrolment */
};

void identity_new(struct identity *ret_identity, const struct random_source *random);

/* Fails with ERR_NOT_FOUND, or ERR_INPUT when the file is damaged. */
int identity_load(const char *path, struct identity *ret_identity, struct err *err);
int identity_save(const char *path, const struct identity *identity, struct err *err);
void identity_free(struct identity *identity);
bool identity_is_enrolled(const struct identity *identity);

/* Makes or finishes the identity in path, and fills *ret_identity. With the token that was used before it answers from
 * the file. Fails with ERR_CONFLICT when the agent is enrolled with another token or the token was used by another key,
 * ERR_UNAUTHORIZED when the token is unknown or expired, ERR_UNREACHABLE. Waits for the network: for commands only. */
struct enrolment {
	const char *collector_url, *ca_file, *token, *host;
};
int identity_enroll(const char *path, const struct enrolment *enrolment, const struct random_source *random,
		    struct identity *ret_identity, struct err *err);

#endif
