/* fetch.h - libcurl's multi interface on the libuv loop: runs prepared easy handles, blocks nothing.
 * Ownership: easy handles stay the caller's. Threads: the loop's. */
#ifndef PLUMBLINE_FETCH_H
#define PLUMBLINE_FETCH_H

#include <curl/curl.h>
#include <uv.h>

#include "agent/base/err.h"

struct fetch;

/* curl_global_init must have been called. */
int fetch_open(uv_loop_t *loop, struct fetch **ret_fetch, struct err *err);

/* The loop it was opened on. */
uv_loop_t *fetch_loop(const struct fetch *fetch);

/* Starts the transfer that easy describes; done is called once, from the loop and never from within this call, when it
 * has ended; it may start, cancel and clean up handles. Sets CURLOPT_QUICK_EXIT, NOSIGNAL, PRIVATE, CLOSESOCKETFUNCTION
 * and CLOSESOCKETDATA of easy. */
int fetch_start(struct fetch *fetch, CURL *easy, void (*done)(void *arg, CURL *easy, CURLcode result), void *arg,
		struct err *err);

/* Ends a transfer early; its done is not called. Not from within a callback of easy. */
void fetch_cancel(struct fetch *fetch, CURL *easy);

/* No transfer may be under way. closed (may be NULL) is called once everything is released. */
void fetch_close(struct fetch *fetch, void (*closed)(void *arg), void *arg);

#endif
