/* reference.h - makes reference files, and serves them to probes.
 *
 * An answer says what a probe needs to judge it: Cache-Control: no-store, Plumbline-Nonce (the ?nonce= of the request, when
 * it is hexadecimal) and Plumbline-Load: flows=N, nic=N, cpu=N (transfers now; percent of the last 10 s, left out when
 * unknown). Past its limit of transfers the server answers 503 with Retry-After, so that its own load is never taken for a
 * slow line.
 *
 * Files are read while they are sent, on the loop: a reference file is small and read all the time, so it is in the page
 * cache and a read costs a copy. The kernel is asked to fetch it when a transfer begins; only the first one after a start
 * may wait for the disk.
 * Ownership: reference_open makes it, reference_close releases it; no transfer may be under way then.
 * Threads:   reference_make from any, the rest the loop's.
 * Source:    contract section 2; methodology 5.2, 7 (H2, H3), U4. */
#ifndef PLUMBLINE_REFERENCE_H
#define PLUMBLINE_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/random.h"
#include "collector/http/server.h"
#include "collector/load.h"

#define SHA256_HEX_SIZE 65

/* Writes a new file (mode 0644) of size_bytes from random, under a temporary name until it is whole and durable, and returns
 * its SHA-256. Fails with ERR_CONFLICT when the file exists (its digest may be in use), ERR_INPUT when size_bytes is not
 * positive, else ERR_IO naming the file. */
int reference_make(const char *path, int64_t size_bytes, const struct random_source *random,
		   char ret_sha256_hex[SHA256_HEX_SIZE], struct err *err);

#define REFERENCE_PATH          "/reference/"   /* what is served lies below */
#define REFERENCE_MAX_TRANSFERS 200            /* H2 */

struct reference;

/* Serves the files of a directory. load (may be NULL) must outlive it. Fails with ERR_IO naming the directory. */
int reference_open(const char *directory, int64_t max_transfers, const struct load *load, struct reference **ret_reference,
		   struct err *err);

/* Answers a request whose path begins with REFERENCE_PATH. Only plain names are found: no further slash, no leading dot, no
 * symbolic link, regular files only. */
void reference_handle(struct reference *reference, struct http_request *request);

void reference_close(struct reference *reference);   /* accepts NULL */

/* Pure: the value of Plumbline-Load. */
#define LOAD_TEXT_SIZE 64
void reference_format_load(int64_t flows, struct load_percent percent, char ret_text[LOAD_TEXT_SIZE]);

#endif
