#include "collector/base/text_index.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"

struct text_slot {
	const char *text;    /* NULL: empty */
	size_t place;
};

void text_index_init(struct text_index *index, size_t capacity)
{
	/* Half of it empty keeps searching short. */
	index->slot_count = 2;
	while (index->slot_count < 2 * capacity)
		index->slot_count *= 2;
	index->slots = xcalloc(index->slot_count, sizeof *index->slots);
}

void text_index_close(struct text_index *index)
{
	free(index->slots);
	*index = (struct text_index){ 0 };
}

static uint64_t hash(const char *text)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		sum = (sum ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return sum ^ sum >> 32;
}

/* Where the text is, or would be. */
static struct text_slot *find_slot(const struct text_index *index, const char *text)
{
	size_t at = hash(text) & (index->slot_count - 1);

	while (index->slots[at].text && strcmp(index->slots[at].text, text) != 0)
		at = (at + 1) & (index->slot_count - 1);
	return &index->slots[at];
}

size_t text_index_find(const struct text_index *index, const char *text)
{
	const struct text_slot *slot = find_slot(index, text);

	return slot->text ? slot->place : TEXT_INDEX_NONE;
}

size_t text_index_add(struct text_index *index, const char *text, size_t place)
{
	struct text_slot *slot = find_slot(index, text);

	if (slot->text)
		return slot->place;
	*slot = (struct text_slot){ text, place };
	return TEXT_INDEX_NONE;
}
