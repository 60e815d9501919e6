/* nearest.h - the known name that a mistyped word probably meant.
 * Ownership: keeps the pointers it was given. Threads: pure. */
#ifndef PLUMBLINE_NEAREST_H
#define PLUMBLINE_NEAREST_H

#include <stddef.h>

/* Begin with { .word = … }, offer every known name, then read best: NULL when none is near enough to suggest. */
struct nearest {
	const char *word;
	const char *best;
	size_t best_distance;   /* edits between them: insert, delete or replace a byte */
};

void nearest_offer(struct nearest *nearest, const char *name);

#endif
