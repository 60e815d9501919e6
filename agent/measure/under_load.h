/* under_load.h - measures the delay to a file server before and while a capacity probe downloads from it.
 *
 * First a foreign request finds the server's address, then echoes tell the delay of the idle line. While the line is full
 * echoes and foreign requests go on beside the download, none of whose bytes are theirs. What a server does not answer
 * stays unknown; nothing here fails.
 *
 * Ownership: frees itself after done; under_load_abort frees it early. Threads: the loop's.
 * Source:    methodology 8 (L1, L4). */
#ifndef PLUMBLINE_UNDER_LOAD_H
#define PLUMBLINE_UNDER_LOAD_H

#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/random.h"
#include "agent/fetch.h"
#include "agent/measure/load_delay.h"

struct under_load_request {
	const char *url;           /* of the file that the load will fetch */
	const char *interface;     /* bind to it, or NULL */
	long ip_version;           /* CURL_IPRESOLVE_…: that of the load */
	int64_t threshold_bps;     /* bounds what may be spent */
};

struct under_load;

/* request is copied. idle comes once, from the loop, after a second or so: the load may begin. */
struct under_load *under_load_start(struct fetch *fetch, const struct clock *clock, const struct random_source *random,
				    const struct under_load_request *request, void (*idle)(void *arg), void *arg);

/* The load has run for so long since its first byte. After T3's ramp the line is full, and is measured from then on. */
void under_load_progress(struct under_load *load, int64_t elapsed_us);

/* The load has ended: done comes from the loop, at once or when the last echoes have come back or are lost. */
void under_load_end(struct under_load *load, void (*done)(void *arg, const struct load_delay *delay));

/* Ends it without idle or done. */
void under_load_abort(struct under_load *load);

#endif
