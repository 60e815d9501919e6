#include "collector/files/csv.h"

#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/nearest.h"

/* The text is converted to UTF-8 once, and values are then decoded where they stand: a value never gets longer by it, and
 * the byte after it (separator, quote or line break) makes room for its NUL. */
struct parser {
	char *at;
	uint32_t line, column;
	char separator;
	struct faults *faults;
};

enum ending { ENDS_VALUE, ENDS_ROW, ENDS_FILE };

struct row {
	struct csv_field fields[CSV_COLUMNS_MAX];
	size_t count;          /* also of those beyond CSV_COLUMNS_MAX, which are dropped */
	bool has_content;
};

/* Returns how many bytes could be converted: all of them, or up to the first that is not of that encoding. */
static size_t convert(const char *encoding, const char *bytes, size_t length, struct buf *ret_text)
{
	iconv_t converter = iconv_open("UTF-8", encoding);
	char *in = (char *)(uintptr_t)bytes;
	size_t left = length;
	bool failed = converter == (iconv_t)-1;

	while (left && !failed) {
		size_t room = 65536;
		char *out = buf_reserve(ret_text, room);

		failed = iconv(converter, &in, &left, &out, &room) == (size_t)-1 && errno != E2BIG;
		ret_text->length_bytes += 65536 - room;
	}
	buf_append(ret_text, "", 0);
	if (converter != (iconv_t)-1)
		iconv_close(converter);
	return length - left;
}

static void fault_at_byte(struct faults *faults, const char *bytes, size_t offset, const char *what)
{
	size_t line = 1, start = 0;

	for (size_t i = 0; i < offset; i++) {
		if (bytes[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	fault_add(faults, line, offset - start + 1, "%s", what);
}

/* Hands over the text as UTF-8, or NULL. */
static char *read_text(const char *bytes, size_t length, struct faults *faults)
{
	const char *nul = memchr(bytes, '\0', length);
	struct buf text = { 0 };
	size_t done;

	if (nul) {
		fault_at_byte(faults, bytes, (size_t)(nul - bytes), "a NUL byte: save the file as CSV in UTF-8");
		return NULL;
	}
	if (length >= 3 && !memcmp(bytes, "\xEF\xBB\xBF", 3)) {
		bytes += 3;
		length -= 3;
	}
	if (convert("UTF-8", bytes, length, &text) == length)
		return buf_take(&text);
	buf_clear(&text);
	done = convert("CP1251", bytes, length, &text);
	if (done == length)
		return buf_take(&text);
	fault_at_byte(faults, bytes, done, "a byte that is neither UTF-8 nor cp1251: save the file as CSV in UTF-8");
	buf_free(&text);
	return NULL;
}

static char find_separator(const char *text)
{
	size_t commas = 0, semicolons = 0;
	bool quoted = false;

	for (; *text && (quoted || (*text != '\n' && *text != '\r')); text++) {
		quoted ^= *text == '"';
		commas += !quoted && *text == ',';
		semicolons += !quoted && *text == ';';
	}
	return semicolons > commas ? ';' : ',';
}

/* Steps over one byte of a value, or over a line break in it. */
static void step(struct parser *parser)
{
	char byte = *parser->at++;

	if (byte == '\n' || (byte == '\r' && *parser->at != '\n')) {
		parser->line++;
		parser->column = 1;
	} else if (((unsigned char)byte & 0xC0) != 0x80) {
		parser->column++;
	}
}

static bool at_end_of_value(const struct parser *parser)
{
	char byte = *parser->at;

	return !byte || byte == parser->separator || byte == '\n' || byte == '\r';
}

static enum ending step_over_ending(struct parser *parser)
{
	char byte = *parser->at;

	if (!byte)
		return ENDS_FILE;
	if (byte == '\r' && parser->at[1] == '\n')
		step(parser);
	step(parser);
	return byte == parser->separator ? ENDS_VALUE : ENDS_ROW;
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

/* Returns where the value's text ends. */
static char *read_plain(struct parser *parser)
{
	bool complained = false;
	char *end = parser->at;

	while (!at_end_of_value(parser)) {
		if (*parser->at == '"' && !complained) {
			fault_add(parser->faults, parser->line, parser->column,
				  "a quote inside a value: put the whole value in quotes and double those in it");
			complained = true;
		}
		if (!is_blank(*parser->at))
			end = parser->at + 1;
		step(parser);
	}
	return end;
}

static char *read_quoted(struct parser *parser, const struct csv_field *field)
{
	char *out = parser->at;

	step(parser);
	while (*parser->at && (*parser->at != '"' || parser->at[1] == '"')) {
		if (*parser->at == '"')
			step(parser);
		*out++ = *parser->at;
		step(parser);
	}
	if (!*parser->at) {
		fault_add(parser->faults, field->line, field->column, "the quote that opens here is never closed");
		return out;
	}
	step(parser);
	while (is_blank(*parser->at))
		step(parser);
	if (at_end_of_value(parser))
		return out;
	fault_add(parser->faults, parser->line, parser->column, "text after the closing quote: double the quotes inside a value");
	while (!at_end_of_value(parser))
		step(parser);
	return out;
}

static enum ending read_value(struct parser *parser, struct csv_field *ret_field)
{
	enum ending ending;
	char *start, *end;

	while (is_blank(*parser->at) && *parser->at != parser->separator)
		step(parser);
	start = parser->at;
	*ret_field = (struct csv_field){ start, parser->line, parser->column };
	end = *start == '"' ? read_quoted(parser, ret_field) : read_plain(parser);
	ending = step_over_ending(parser);
	*end = '\0';
	if (end - start > CSV_VALUE_BYTES_MAX)
		fault_add(parser->faults, ret_field->line, ret_field->column, "a value of more than %d bytes, shorten it",
			  CSV_VALUE_BYTES_MAX);
	return ending;
}

/* Returns false when the file ended before the row began. */
static bool read_row(struct parser *parser, struct row *ret_row)
{
	enum ending ending = ENDS_VALUE;

	*ret_row = (struct row){ .count = 0 };
	if (!*parser->at)
		return false;
	while (ending == ENDS_VALUE) {
		struct csv_field field;

		ending = read_value(parser, &field);
		ret_row->has_content |= *field.text != '\0';
		if (ret_row->count < CSV_COLUMNS_MAX)
			ret_row->fields[ret_row->count] = field;
		ret_row->count++;
	}
	return true;
}

static void fault_unknown_column(struct faults *faults, const struct csv_field *field, const struct csv_column *columns)
{
	struct nearest nearest = { .word = field->text };

	if (!*field->text) {
		fault_add(faults, field->line, field->column, "a column without a name, name or remove it");
		return;
	}
	for (const struct csv_column *column = columns; column->name; column++)
		nearest_offer(&nearest, column->name);
	if (nearest.best)
		fault_add(faults, field->line, field->column, "%.60s: unknown column, did you mean %s?", field->text, nearest.best);
	else
		fault_add(faults, field->line, field->column, "%.60s: unknown column, remove it", field->text);
}

/* ret_places[i] is where columns[i] stands in the rows, or CSV_COLUMNS_MAX when it does not. */
static void read_header(const struct row *header, const struct csv_column *columns, size_t *ret_places,
			struct faults *faults)
{
	for (size_t i = 0; columns[i].name; i++)
		ret_places[i] = CSV_COLUMNS_MAX;
	for (size_t place = 0; place < header->count && place < CSV_COLUMNS_MAX; place++) {
		const struct csv_field *field = &header->fields[place];
		size_t i = 0;

		while (columns[i].name && strcmp(columns[i].name, field->text) != 0)
			i++;
		if (!columns[i].name)
			fault_unknown_column(faults, field, columns);
		else if (ret_places[i] != CSV_COLUMNS_MAX)
			fault_add(faults, field->line, field->column, "%s: this column stands here twice, remove one", field->text);
		else
			ret_places[i] = place;
	}
	for (size_t i = 0; columns[i].name; i++)
		if (ret_places[i] == CSV_COLUMNS_MAX && !columns[i].optional)
			fault_add(faults, header->fields[0].line, 1, "%s: this column is missing, add it", columns[i].name);
}

static void add_row(struct csv *csv, const struct row *row, const size_t *places)
{
	size_t used = csv->row_count * csv->column_count;

	if (used + csv->column_count > csv->capacity) {
		csv->capacity = 2 * csv->capacity + 64 * csv->column_count;
		csv->fields = xrealloc(csv->fields, csv->capacity, sizeof *csv->fields);
	}
	for (size_t i = 0; i < csv->column_count; i++) {
		struct csv_field absent = { "", row->fields[0].line, row->fields[0].column };

		csv->fields[used + i] = places[i] == CSV_COLUMNS_MAX ? absent : row->fields[places[i]];
	}
	csv->row_count++;
}

static void read_rows(struct parser *parser, const struct csv_column *columns, struct csv *csv)
{
	size_t places[CSV_COLUMNS_MAX], before = parser->faults->count;
	struct row header, row;

	while (read_row(parser, &header) && !header.has_content)
		;
	if (!header.has_content) {
		fault_add(parser->faults, 1, 1, "no header row, begin with one: %s and so on", columns[0].name);
		return;
	}
	read_header(&header, columns, places, parser->faults);
	if (parser->faults->count > before)
		return;   /* the values of a row could be anything */
	while (read_row(parser, &row)) {
		if (!row.has_content)
			continue;
		if (row.count == header.count)
			add_row(csv, &row, places);
		else
			fault_add(parser->faults, row.fields[0].line, 1, "%zu values where the header names %zu, add or remove \"%c\"",
				  row.count, header.count, parser->separator);
	}
}

int csv_parse(const char *bytes, size_t length, const struct csv_column *columns, struct csv *ret_csv,
	      struct faults *faults)
{
	struct parser parser = { .line = 1, .column = 1, .faults = faults };
	size_t before = faults->count;

	*ret_csv = (struct csv){ .columns = columns, .faults = faults };
	while (columns[ret_csv->column_count].name)
		ret_csv->column_count++;
	if (length > CSV_FILE_BYTES_MAX) {
		fault_add(faults, 1, 1, "larger than 64 MiB, split it");
		return -1;
	}
	ret_csv->text = read_text(bytes, length, faults);
	if (!ret_csv->text)
		return -1;
	parser.at = ret_csv->text;
	parser.separator = find_separator(ret_csv->text);
	read_rows(&parser, columns, ret_csv);
	return faults->count > before ? -1 : 0;
}

void csv_free(struct csv *csv)
{
	free(csv->text);
	free(csv->fields);
	*csv = (struct csv){ 0 };
}

const struct csv_field *csv_field(const struct csv *csv, size_t row, size_t column)
{
	return &csv->fields[row * csv->column_count + column];
}

const char *csv_text(const struct csv *csv, size_t row, size_t column)
{
	return csv_field(csv, row, column)->text;
}

void csv_fault(const struct csv *csv, size_t row, size_t column, const char *format, ...)
{
	const struct csv_field *field = csv_field(csv, row, column);
	char what[sizeof ((struct err *)0)->message];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	fault_add(csv->faults, field->line, field->column, "%s: %s", csv->columns[column].name, what);
}
