#include "agent/base/nearest.h"

#include <string.h>

#define LENGTH_MAX   40
#define DISTANCE_MAX 2

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Levenshtein's distance with one row of his table; both are at most LENGTH_MAX long. */
static size_t distance(const char *a, const char *b)
{
	size_t row[LENGTH_MAX + 1];
	size_t columns = strlen(b);

	for (size_t j = 0; j <= columns; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= columns; j++) {
			size_t above = row[j];

			row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[columns];
}

void nearest_offer(struct nearest *nearest, const char *name)
{
	size_t edits;

	if (strlen(nearest->word) > LENGTH_MAX || strlen(name) > LENGTH_MAX)
		return;
	edits = distance(nearest->word, name);
	if (edits > DISTANCE_MAX || edits >= strlen(name) || (nearest->best && edits >= nearest->best_distance))
		return;
	nearest->best = name;
	nearest->best_distance = edits;
}
