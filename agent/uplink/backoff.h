/* backoff.h - when to try again after a failure: exponential with full jitter, longer when the peer asks for it.
 * Units:   milliseconds.     Threads: pure.
 * Source:  methodology P3 (no mass calling after an outage). */
#ifndef PLUMBLINE_BACKOFF_H
#define PLUMBLINE_BACKOFF_H

#include <stdint.h>

#include "agent/base/random.h"

#define BACKOFF_FIRST_MS       1000
#define BACKOFF_LONGEST_MS     300000
#define BACKOFF_RETRY_AFTER_MS 3600000   /* the longest Retry-After that is obeyed */

struct backoff {
	int64_t first_ms, longest_ms;   /* bounds of the ceiling; set by the owner */
	int64_t ceiling_ms;             /* of the next wait; 0 after a success */
};

/* The wait after one more failure: uniform below a ceiling that doubles each time. retry_after_ms (0: none) is obeyed
 * up to an hour, with the jitter on top, so that those sent away together do not come back together. */
int64_t backoff_fail(struct backoff *backoff, int64_t retry_after_ms, const struct random_source *random);

void backoff_succeed(struct backoff *backoff);

#endif
