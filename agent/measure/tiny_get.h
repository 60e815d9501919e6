/* tiny_get.h - one HTTP request for one byte of a file, on a connection of its own, and how long the answer took.
 * Ownership: frees itself after done; tiny_get_cancel frees it early. Threads: the loop's.
 * Source:    methodology 8 (L4). */
#ifndef PLUMBLINE_TINY_GET_H
#define PLUMBLINE_TINY_GET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "agent/base/err.h"
#include "agent/fetch.h"

struct tiny_get_request {
	const char *url;
	const char *interface;                   /* bind to it, or NULL */
	long ip_version;                         /* CURL_IPRESOLVE_… */
	const struct sockaddr_storage *address;  /* connects to it without asking for the name; NULL: asks */
	bool head_only;                          /* for servers that would send the whole file */
	int64_t timeout_ms;
};

struct tiny_get_result {
	bool ok;                           /* there was an answer, whatever it said */
	bool is_part;                      /* it was the one byte */
	int64_t duration_us;               /* from the name's address to the first byte of the answer */
	struct sockaddr_storage address;   /* and port that answered; AF_UNSPEC unless ok */
};

struct tiny_get;

/* Everything in request is copied. done comes once, from the loop. Fails with ERR_INTERNAL. */
int tiny_get_start(struct fetch *fetch, const struct tiny_get_request *request,
		   void (*done)(void *arg, struct tiny_get *get, const struct tiny_get_result *result), void *arg,
		   struct tiny_get **ret_get, struct err *err);

/* Ends it without done. Not from within done; accepts NULL. */
void tiny_get_cancel(struct tiny_get *get);

#endif
