/* random.h - randomness as an input: from the kernel in the programs, from a seed in tests and simulations.
 * Threads: the system source from any; a seeded one from its owner. */
#ifndef PLUMBLINE_RANDOM_H
#define PLUMBLINE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random_source {
	void (*fill)(void *context, void *ret_bytes, size_t length);
	void *context;
};

/* The kernel's randomness, fit for keys and tokens. */
struct random_source random_system(void);

/* xorshift64*, for reproducible runs only; state must not be 0 and outlives the source. */
struct random_source random_seeded(uint64_t *state);

void random_fill(const struct random_source *source, void *ret_bytes, size_t length);

/* Uniform in [0, bound); bound > 0. */
uint64_t random_below(const struct random_source *source, uint64_t bound);

/* Lower-case hexadecimal of that many random bytes; ret_text has 2 * bytes + 1. */
void random_hex(const struct random_source *source, size_t bytes, char *ret_text);

/* A version 4 UUID (RFC 9562). */
#define UUID_SIZE 37
void random_uuid(const struct random_source *source, char ret_text[UUID_SIZE]);

#endif
