/* httpsig.h - signs and verifies the agent's requests: HTTP Message Signatures (RFC 9421) with Ed25519 and
 * Content-Digest (RFC 9530, sha-256 over the bytes as sent).
 * Covered:  "@method" "@path" "@query" and, with a body, "content-digest"; label sig1; parameters created, keyid, alg.
 * Source:   contract section 3. "@query" of a request without a query is "?".
 * Threads:  pure. libsodium must have been initialised. */
#ifndef PLUMBLINE_HTTPSIG_H
#define PLUMBLINE_HTTPSIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"

#define HTTPSIG_PUBLIC_KEY_BYTES 32
#define HTTPSIG_SECRET_KEY_BYTES 64
#define HTTPSIG_KEYID_SIZE       64

struct httpsig_message {
	const char *method;    /* "POST" */
	const char *path;      /* "/agent/v1/reports", as on the request line, without the query */
	const char *query;     /* without "?", or NULL */
	const void *body;      /* NULL when there is none */
	size_t body_bytes;
};

/* Header values, as sent. content_digest is "" without a body. */
struct httpsig_headers {
	char content_digest[96];
	char signature_input[256];
	char signature[160];
};

/* Fails with ERR_INPUT when keyid has characters that a structured field cannot hold, or is too long. */
int httpsig_sign(const struct httpsig_message *message, const char *keyid,
		 const unsigned char secret_key[HTTPSIG_SECRET_KEY_BYTES], int64_t created_s,
		 struct httpsig_headers *ret_headers, struct err *err);

/* What a Signature-Input header claims. */
struct httpsig_claim {
	char keyid[HTTPSIG_KEYID_SIZE];
	int64_t created_s;
};

/* Reads who claims to have signed, before any key is looked up. Fails with ERR_UNAUTHORIZED, saying what is missing or
 * not accepted (label, algorithm, components). has_body tells whether content-digest must be covered. */
int httpsig_read_claim(const char *signature_input, bool has_body, struct httpsig_claim *ret_claim, struct err *err);

/* Verifies digest and signature of the message under the key. NULL headers are missing ones.
 * Fails with ERR_UNAUTHORIZED. */
int httpsig_verify(const struct httpsig_message *message, const char *content_digest, const char *signature_input,
		   const char *signature, const unsigned char public_key[HTTPSIG_PUBLIC_KEY_BYTES], struct err *err);

#endif
