/* brake.h - slows down guessing: so many attempts per name and minute, then wait.
 *
 * Names are hashed under a secret key into a fixed number of slots: memory is bounded whatever names are tried, and which
 * names share a slot cannot be known outside.
 * Units:   _us of a clock that does not step (boottime). Threads: any. */
#ifndef PLUMBLINE_BRAKE_H
#define PLUMBLINE_BRAKE_H

#include <stdint.h>

#include "agent/base/random.h"

struct brake;

struct brake *brake_new(int attempts, int64_t window_us, const struct random_source *random);
void brake_free(struct brake *brake);   /* accepts NULL */

/* Counts an attempt. Returns 0 when it may be made, else how many microseconds to wait. */
int64_t brake_attempt(struct brake *brake, const char *name, int64_t now_us);

/* The attempt was a good one: the name starts anew. */
void brake_clear(struct brake *brake, const char *name);

#endif
