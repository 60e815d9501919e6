/* window.h - k of n: how many of the last n of a stream have something in common, and where they lie.
 * Ownership: keeps nothing; the stream stays the caller's, in whatever form.
 * Threads:   pure. */
#ifndef PLUMBLINE_WINDOW_H
#define PLUMBLINE_WINDOW_H

#include <stdbool.h>

struct window {
	int first;      /* index of the oldest item looked at */
	int length;     /* items looked at: n, or fewer while the stream is young */
	int hits;
	int first_hit;  /* indexes; -1 when there is none */
	int last_hit;
};

/* Looks at the last n of a stream of count items. is_hit tells whether the item at an index counts. */
struct window window_last(const void *stream, int count, int n, bool (*is_hit)(const void *stream, int index));

#endif
