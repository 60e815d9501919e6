#include "agent/base/column.h"

int column_width(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

void column_print(FILE *stream, const char *text, int width)
{
	int missing = width - column_width(text);

	fprintf(stream, "%s%*s", text, missing > 0 ? missing : 0, "");
}
