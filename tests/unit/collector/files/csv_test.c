#include "collector/files/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct csv_column columns[] = {
	{ .name = "id" },
	{ .name = "name" },
	{ .name = "note", .optional = true },
	{ .name = NULL },
};

/* The rows as "text@line:column|…" with "\n" after each. */
static void draw(const struct csv *csv, struct buf *ret_text)
{
	for (size_t row = 0; row < csv->row_count; row++)
		for (size_t column = 0; column < csv->column_count; column++) {
			const struct csv_field *field = csv_field(csv, row, column);

			buf_printf(ret_text, "%s@%u:%u%s", field->text, field->line, field->column,
				   column + 1 < csv->column_count ? "|" : "\n");
		}
}

static void test_reads(void **state)
{
	static const struct {
		const char *name, *text, *want;
	} cases[] = {
		{ "plain", "id,name,note\n1,a,x\n2,b,\n", "1@2:1|a@2:3|x@2:5\n2@3:1|b@3:3|@3:5\n" },
		{ "no line break at the end", "id,name,note\n1,a,x", "1@2:1|a@2:3|x@2:5\n" },
		{ "header alone", "id,name\n", "" },
		{ "other order, no optional column", "name,id\na,1\n", "1@2:3|a@2:1|@2:1\n" },
		{ "semicolons", "id;name\r\n1;a,b\r\n", "1@2:1|a,b@2:3|@2:1\n" },
		{ "carriage returns alone", "id,name\r1,a\r2,b", "1@2:1|a@2:3|@2:1\n2@3:1|b@3:3|@3:1\n" },
		{ "byte order mark", "\xEF\xBB\xBFid,name\n1,имя\n", "1@2:1|имя@2:3|@2:1\n" },
		{ "columns count characters", "id,name,note\nя,ю,э\n", "я@2:1|ю@2:3|э@2:5\n" },
		{ "cp1251", "id;name\r\n1;\xD0\xEE\xEC\xE0\xF8\xEA\xE0\r\n", "1@2:1|Ромашка@2:3|@2:1\n" },
		{ "quoted", "\"id\",\"name\"\n\"1\",\"a,\"\"b\"\"\"\n", "1@2:1|a,\"b\"@2:5|@2:1\n" },
		{ "quoted line breaks", "id,name,note\n1,\"a\nb\r\nc\",x\n2,b,y\n", "1@2:1|a\nb\r\nc@2:3|x@4:4\n2@5:1|b@5:3|y@5:5\n" },
		{ "quoted empty", "id,name\n1,\"\"\n", "1@2:1|@2:3|@2:1\n" },
		{ "separator of the other kind quoted in the header", "id,name,\"note\"\n1,a;b;c;d,x\n", "1@2:1|a;b;c;d@2:3|x@2:11\n" },
		{ "spaces around values", " id , name \n 1 ,  a b  \n", "1@2:2|a b@2:7|@2:2\n" },
		{ "spaces around quotes", "id,name\n1, \" a \" \n", "1@2:1| a @2:4|@2:1\n" },
		{ "empty rows", "\n,\nid,name\n\n , \n1,a\n,\n\n", "1@6:1|a@6:3|@6:1\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf lines = { 0 }, drawn = { 0 };
		struct faults faults = faults_of("f", &lines);
		struct csv csv;

		if (csv_parse(cases[i].text, strlen(cases[i].text), columns, &csv, &faults) < 0)
			fail_msg("%s: %s", cases[i].name, buf_text(&lines));
		draw(&csv, &drawn);
		assert_string_equal(buf_text(&drawn), cases[i].want);
		csv_free(&csv);
		buf_free(&drawn);
		buf_free(&lines);
	}
}

#define QUOTE_INSIDE "a quote inside a value: put the whole value in quotes and double those in it\n"

static void test_names_every_fault(void **state)
{
	static const struct {
		const char *text;
		size_t length;   /* 0: that of the text */
		const char *want;
	} cases[] = {
		{ "", 0, "f:1:1: no header row, begin with one: id and so on\n" },
		{ "\n\n,,\n", 0, "f:1:1: no header row, begin with one: id and so on\n" },
		{ "id\n1\n", 0, "f:1:1: name: this column is missing, add it\n" },
		{ "\nid,nme,id,,xyzzy\n1,a\n", 0,
		  "f:2:4: nme: unknown column, did you mean name?\n"
		  "f:2:8: id: this column stands here twice, remove one\n"
		  "f:2:11: a column without a name, name or remove it\n"
		  "f:2:12: xyzzy: unknown column, remove it\n"
		  "f:2:1: name: this column is missing, add it\n" },
		{ "id,name\n1\n2,b\n3,c,d\n", 0,
		  "f:2:1: 1 values where the header names 2, add or remove \",\"\n"
		  "f:4:1: 3 values where the header names 2, add or remove \",\"\n" },
		{ "id;name\n1;\"a\n", 0, "f:2:3: the quote that opens here is never closed\n" },
		{ "id,name\n1,a \"b\" c\n2,d\"\n", 0, "f:2:5: " QUOTE_INSIDE "f:3:4: " QUOTE_INSIDE },
		{ "id,name\n1,\"a\"b,c\n", 0,
		  "f:2:6: text after the closing quote: double the quotes inside a value\n"
		  "f:2:1: 3 values where the header names 2, add or remove \",\"\n" },
		{ "id,name\n1,\0\n", 12, "f:2:3: a NUL byte: save the file as CSV in UTF-8\n" },
		{ "i\0d\0,\0n\0", 8, "f:1:2: a NUL byte: save the file as CSV in UTF-8\n" },
		{ "id,name\n1,\x98\n", 0, "f:2:3: a byte that is neither UTF-8 nor cp1251: save the file as CSV in UTF-8\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t length = cases[i].length ? cases[i].length : strlen(cases[i].text);
		struct buf lines = { 0 };
		struct faults faults = faults_of("f", &lines);
		struct csv csv;

		assert_int_equal(csv_parse(cases[i].text, length, columns, &csv, &faults), -1);
		assert_string_equal(buf_text(&lines), cases[i].want);
		csv_free(&csv);
		buf_free(&lines);
	}
}

static void test_values_are_bounded(void **state)
{
	(void)state;
	for (size_t length = 4096; length <= 4097; length++) {
		struct buf text = { 0 }, lines = { 0 };
		struct faults faults = faults_of("f", &lines);
		struct csv csv;

		buf_append_text(&text, "id,name\n1,\"");
		for (size_t i = 0; i < length; i++)
			buf_append_text(&text, "x");
		buf_append_text(&text, "\"\n");
		assert_int_equal(csv_parse(text.data, text.length_bytes, columns, &csv, &faults), length > 4096 ? -1 : 0);
		assert_string_equal(buf_text(&lines), length > 4096 ? "f:2:3: a value of more than 4096 bytes, shorten it\n" : "");
		csv_free(&csv);
		buf_free(&text);
		buf_free(&lines);
	}
}

static void test_wide_rows_are_counted(void **state)
{
	struct buf text = { 0 }, lines = { 0 };
	struct faults faults = faults_of("f", &lines);
	struct csv csv;

	(void)state;
	buf_append_text(&text, "id,name\nx");
	for (int i = 0; i < 1000; i++)
		buf_append_text(&text, ",");
	assert_int_equal(csv_parse(text.data, text.length_bytes, columns, &csv, &faults), -1);
	assert_string_equal(buf_text(&lines), "f:2:1: 1001 values where the header names 2, add or remove \",\"\n");
	csv_free(&csv);
	buf_free(&text);
	buf_free(&lines);
}

static void test_files_are_bounded(void **state)
{
	struct buf lines = { 0 };
	struct faults faults = faults_of("f", &lines);
	struct csv csv;

	(void)state;
	assert_int_equal(csv_parse("", CSV_FILE_BYTES_MAX + 1, columns, &csv, &faults), -1);   /* refused before it is read */
	assert_string_equal(buf_text(&lines), "f:1:1: larger than 64 MiB, split it\n");
	csv_free(&csv);
	buf_free(&lines);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_names_every_fault),
		cmocka_unit_test(test_values_are_bounded),
		cmocka_unit_test(test_wide_rows_are_counted),
		cmocka_unit_test(test_files_are_bounded),
	};

	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
