#include "collector/store/sqlite/fold.h"

#define CYRILLIC_IO 0x451   /* ё */
#define CYRILLIC_IE 0x435   /* е */

/* Capitals from first to last, every step-th, whose small letter lies that far on. */
static const struct {
	unsigned first, last, step;
	int distance;
} capitals[] = {
	{ 0x41, 0x5A, 1, 32 },    { 0xC0, 0xD6, 1, 32 },     { 0xD8, 0xDE, 1, 32 },   { 0x100, 0x12E, 2, 1 },
	{ 0x132, 0x136, 2, 1 },   { 0x139, 0x147, 2, 1 },    { 0x14A, 0x176, 2, 1 },  { 0x178, 0x178, 1, -121 },
	{ 0x179, 0x17D, 2, 1 },   { 0x400, 0x40F, 1, 80 },   { 0x410, 0x42F, 1, 32 }, { 0x460, 0x480, 2, 1 },
	{ 0x48A, 0x4BE, 2, 1 },   { 0x4C0, 0x4C0, 1, 15 },   { 0x4C1, 0x4CD, 2, 1 },  { 0x4D0, 0x52E, 2, 1 },
};

static unsigned fold_letter(unsigned letter)
{
	for (size_t i = 0; i < sizeof capitals / sizeof capitals[0]; i++)
		if (letter >= capitals[i].first && letter <= capitals[i].last &&
		    (letter - capitals[i].first) % capitals[i].step == 0)
			letter = (unsigned)((int)letter + capitals[i].distance);
	return letter == CYRILLIC_IO ? CYRILLIC_IE : letter;
}

void fold_text(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		unsigned letter;

		if (*c < 0x80) {
			*c = (unsigned char)fold_letter(*c);
		} else if ((*c & 0xE0) == 0xC0 && (c[1] & 0xC0) == 0x80) {
			letter = fold_letter((*c & 0x1Fu) << 6 | (c[1] & 0x3Fu));
			*c++ = (unsigned char)(0xC0 | letter >> 6);
			*c = (unsigned char)(0x80 | (letter & 0x3F));
		}
	}
}

size_t fold_count(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xC0) != 0x80;
	return count;
}
