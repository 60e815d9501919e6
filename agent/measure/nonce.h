/* nonce.h - a random word in each request's query, so that an answer made for another request is noticed.
 * Source: methodology 5.2 (C1); contract, reference files. Threads: pure. */
#ifndef PLUMBLINE_NONCE_H
#define PLUMBLINE_NONCE_H

#include "agent/base/random.h"

#define NONCE_SIZE 33   /* hexadecimal of 16 bytes, with its NUL */

void nonce_draw(const struct random_source *random, char ret_nonce[NONCE_SIZE]);

/* The URL with "nonce=..." in its query; NULL when it is no URL. Released with curl_free. */
char *nonce_add(const char *url, const char *nonce);

#endif
