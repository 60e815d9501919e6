/* fold.h - text without the difference of case, for search and for sorting names.
 * Covers:  Latin and Cyrillic letters of up to two bytes of UTF-8; ё becomes е, as people write it. Everything else stays,
 *          also what is not UTF-8. Lengths do not change.
 * Why:     SQLite folds ASCII only; its trigram index folds every script, but holds nothing for a text under three
 *          characters.
 * Threads: pure. */
#ifndef PLUMBLINE_FOLD_H
#define PLUMBLINE_FOLD_H

#include <stddef.h>

/* Folds in place. */
void fold_text(char *text);

/* Characters of a UTF-8 text. */
size_t fold_count(const char *text);

#endif
