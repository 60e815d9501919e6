/* column.h - UTF-8 texts in columns: printf pads bytes, and most letters of the world have two or more.
 * Every character counts as one cell wide. Threads: pure but for the stream. */
#ifndef PLUMBLINE_COLUMN_H
#define PLUMBLINE_COLUMN_H

#include <stdio.h>

/* Characters in the text. */
int column_width(const char *text);

/* Prints the text and the spaces that are missing to width, none when it is longer. */
void column_print(FILE *stream, const char *text, int width);

#endif
