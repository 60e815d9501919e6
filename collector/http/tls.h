/* tls.h - the certificate and key of a server, TLS 1.2 and 1.3 through OpenSSL.
 * Ownership: tls_context_new makes it, tls_context_free releases it after the server. Threads: the loop's. */
#ifndef PLUMBLINE_TLS_H
#define PLUMBLINE_TLS_H

#include "agent/base/err.h"

struct tls_context;

/* Both files are PEM. Fails with ERR_USAGE naming the file and what OpenSSL said. */
int tls_context_new(const char *certificate_path, const char *key_path, struct tls_context **ret_context, struct err *err);
void tls_context_free(struct tls_context *context);   /* accepts NULL */

#endif
