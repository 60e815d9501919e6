/* tls_session.h - one TLS connection between bytes in memory: what the peer sent goes in, what it must get comes out.
 * Ownership: the session is the caller's; it keeps nothing of what was received, and nothing that is to be sent.
 * Threads:   the loop's; no I/O. */
#ifndef PLUMBLINE_HTTP_TLS_SESSION_H
#define PLUMBLINE_HTTP_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/buf.h"
#include "collector/http/tls.h"

struct tls_session;

/* NULL when OpenSSL refuses, which it does only when memory is out. */
struct tls_session *tls_session_new(struct tls_context *context);
void tls_session_free(struct tls_session *session);   /* accepts NULL */

/* Takes all of the bytes; appends what they say to *ret_plain and what TLS has to answer to *out.
 * False when the peer said goodbye or broke the protocol: then nothing more can be read. */
bool tls_session_receive(struct tls_session *session, const void *bytes, size_t length, struct buf *ret_plain,
			 struct buf *out);

/* Appends the bytes, encrypted, to *out. Only once something was received. False when TLS is broken. */
bool tls_session_send(struct tls_session *session, const void *bytes, size_t length, struct buf *out);

/* Appends the goodbye. */
void tls_session_end(struct tls_session *session, struct buf *out);

#endif
