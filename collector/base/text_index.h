/* text_index.h - where a text was seen first.
 * Ownership: keeps the pointers it was given, not the texts. Threads: one owner at a time.
 * Source:    open addressing over FNV-1a, which looks at the whole text: the hash of hsearch_r(3) forgets all but the first
 *            eight bytes, and ids are alike in those ("building-1", "building-2", …). */
#ifndef PLUMBLINE_TEXT_INDEX_H
#define PLUMBLINE_TEXT_INDEX_H

#include <stddef.h>

struct text_index {
	struct text_slot *slots;
	size_t slot_count;   /* a power of two */
};

#define TEXT_INDEX_NONE ((size_t)-1)

/* For at most so many texts. */
void text_index_init(struct text_index *index, size_t capacity);
void text_index_close(struct text_index *index);

/* The place it was added with, or TEXT_INDEX_NONE. */
size_t text_index_find(const struct text_index *index, const char *text);

/* Returns the place of the same text seen before, or adds it with this place and returns TEXT_INDEX_NONE. */
size_t text_index_add(struct text_index *index, const char *text, size_t place);

#endif
