#include "collector/files/clients_csv.h"

#include <iconv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEADER                                                                                                         \
	"client_id,client_name,tier,key,manager,line_id,node,address,service_plan,contact_name,contact_phone,contact_email\n"

static bool knows_plan(void *context, const char *name)
{
	(void)context;
	return !strcmp(name, "norm-2001") || !strcmp(name, "office-100");
}

static bool knows_node(void *context, const char *id)
{
	(void)context;
	return !strcmp(id, "b1");
}

static const struct clients_csv_known all_known = { knows_plan, knows_node, NULL };

static int parse(const char *bytes, size_t length, const struct clients_csv_known *known, struct clients_csv *ret_clients,
		 struct buf *ret_faults)
{
	struct err err = { 0 };
	int rc = clients_csv_parse("clients.csv", bytes, length, known, ret_clients, ret_faults, &err);

	if (rc < 0) {
		assert_int_equal(err.code, ERR_INPUT);
		assert_memory_equal(err.message, buf_text(ret_faults), strcspn(buf_text(ret_faults), "\n"));
	}
	return rc;
}

static void test_reads_clients_and_lines(void **state)
{
	static const char text[] =
		HEADER
		"c1,Romashka,A,yes,Petrov,l1,b1,\"Lenina 1, office 2\",norm-2001,Ivan,+7 900,i@r.example\n"
		"c2,Vasilek,C,no,,l2,b1,,office-100,,,\n"
		"c1,Romashka,A,yes,Petrov,l3,b1,Mira 5,norm-2001,Other,,\n";
	struct buf faults = { 0 };
	struct clients_csv read;

	(void)state;
	if (parse(text, strlen(text), &all_known, &read, &faults) < 0)
		fail_msg("%s", buf_text(&faults));
	assert_int_equal(read.client_count, 2);
	assert_int_equal(read.line_count, 3);
	assert_string_equal(read.clients[0].id, "c1");
	assert_string_equal(read.clients[0].name, "Romashka");
	assert_string_equal(read.clients[0].tier, "A");
	assert_true(read.clients[0].key);
	assert_string_equal(read.clients[0].manager, "Petrov");
	assert_string_equal(read.clients[0].contact_name, "Ivan");
	assert_string_equal(read.clients[0].contact_phone, "+7 900");
	assert_string_equal(read.clients[0].contact_email, "i@r.example");
	assert_false(read.clients[1].key);
	assert_string_equal(read.clients[1].manager, "");
	assert_string_equal(read.lines[0].address, "Lenina 1, office 2");
	assert_string_equal(read.lines[2].id, "l3");
	assert_string_equal(read.lines[2].client, "c1");
	assert_string_equal(read.lines[1].service_plan, "office-100");
	assert_string_equal(read.lines[1].node, "b1");
	assert_true(read.lines[1].always_on);
	clients_csv_free(&read);
	buf_free(&faults);
}

/* As Russian Excel writes it: cp1251, semicolons, CRLF, doubled quotes, and an empty row at the end. */
static void test_reads_what_russian_excel_writes(void **state)
{
	static const char utf8[] =
		"client_id;client_name;tier;key;manager;line_id;node;address;service_plan;contact_name;contact_phone;contact_email;always_on\r\n"
		"1;\"ООО \"\"Ромашка\"\"\";B;no;Петров;л-1;b1;\"ул. Ленина, 1; офис 2\r\nвход со двора\";norm-2001;Иван;;;no\r\n"
		"2;ЗАО Ёлка;A;yes;Петров;л-2;b1;;norm-2001;;;;\r\n"
		";;;;;;;;;;;;\r\n";
	char cp1251[sizeof utf8], *in = (char *)(uintptr_t)utf8, *out = cp1251;
	size_t in_left = sizeof utf8 - 1, out_left = sizeof cp1251;
	iconv_t converter = iconv_open("CP1251", "UTF-8");
	struct buf faults = { 0 };
	struct clients_csv read;

	(void)state;
	assert_int_equal(iconv(converter, &in, &in_left, &out, &out_left), 0);
	iconv_close(converter);
	if (parse(cp1251, (size_t)(out - cp1251), &all_known, &read, &faults) < 0)
		fail_msg("%s", buf_text(&faults));
	assert_int_equal(read.client_count, 2);
	assert_string_equal(read.clients[0].name, "ООО \"Ромашка\"");
	assert_string_equal(read.lines[0].id, "л-1");
	assert_string_equal(read.lines[0].address, "ул. Ленина, 1; офис 2\r\nвход со двора");
	assert_false(read.lines[0].always_on);
	assert_string_equal(read.clients[1].name, "ЗАО Ёлка");
	assert_true(read.lines[1].always_on);
	clients_csv_free(&read);
	buf_free(&faults);
}

#define GOOD "c1,N,A,yes,M,l1,b1,A,norm-2001,,,\n"
#define F    "clients.csv:"
#define X16  "xxxxxxxxxxxxxxxx"
#define X64  X16 X16 X16 X16

static const struct {
	const char *text, *want;
} faulty[] = {
	{ "", F "1:1: no header row, begin with one: client_id and so on\n" },
	{ HEADER "c1,N,D,yes,M,l1,b1,A,norm-2001,,,\n", F "2:6: tier: \"D\" is not known, write A, B or C in Latin letters\n" },
	{ HEADER "c1,N,А,yes,M,l1,b1,A,norm-2001,,,\n", F "2:6: tier: \"А\" is not known, write A, B or C in Latin letters\n" },
	{ HEADER "c1,N,AB,да,M,l1,b1,A,norm-2001,,,\n",
	  F "2:6: tier: \"AB\" is not known, write A, B or C in Latin letters\n" F "2:9: key: \"да\" is not known, write yes or no\n" },
	{ HEADER GOOD "c2,N,A,no,M,l1,b1,A,norm-2001,,,\n", F "3:13: line_id: \"l1\" stands in line 2 already, remove one\n" },
	{ HEADER GOOD "c1,O,B,no,P,l2,b1,A,norm-2001,,,\n",
	  F "3:4: client_name: \"O\", but \"N\" in line 2 for the same client, write one of them\n"
	  F "3:6: tier: \"B\", but \"A\" in line 2 for the same client, write one of them\n"
	  F "3:8: key: \"no\", but \"yes\" in line 2 for the same client, write one of them\n"
	  F "3:11: manager: \"P\", but \"M\" in line 2 for the same client, write one of them\n" },
	{ HEADER "c1,N,A,yes,M,l1,b9,A,gold,,,\n",
	  F "2:17: node: \"b9\" is not known, import it with the topology first\n"
	  F "2:22: service_plan: \"gold\" is not known, write one of service_plans in collector.yaml\n" },
	{ HEADER ",,,,M,,,,,,,\n",
	  F "2:1: client_id: is empty, fill it in\n" F "2:2: client_name: is empty, fill it in\n"
	  F "2:3: tier: \"\" is not known, write A, B or C in Latin letters\n" F "2:4: key: \"\" is not known, write yes or no\n"
	  F "2:7: line_id: is empty, fill it in\n" F "2:8: node: is empty, fill it in\n"
	  F "2:10: service_plan: is empty, fill it in\n" },
	{ HEADER X64 ",N,A,yes,M," X64 ",b1,A,norm-2001,,,\n",
	  F "2:1: client_id: longer than 63 bytes, shorten it\n" F "2:76: line_id: longer than 63 bytes, shorten it\n" },
	{ HEADER "c1,N,A,yes,M,l1\n" GOOD "c2,N,Z,no,M,l2,b1,A,norm-2001,,,\n",
	  F "2:1: 6 values where the header names 12, add or remove \",\"\n"
	  F "4:6: tier: \"Z\" is not known, write A, B or C in Latin letters\n" },
	{ "client_id,client_name,teir,key,manager,line_id,node,address,service_plan,contact_name,contact_phone,contact_email\n" GOOD,
	  F "1:23: teir: unknown column, did you mean tier?\n" F "1:1: tier: this column is missing, add it\n" },
};

static void test_names_every_bad_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
		struct clients_csv read = { 0 };
		struct buf faults = { 0 };

		assert_int_equal(parse(faulty[i].text, strlen(faulty[i].text), &all_known, &read, &faults), -1);
		assert_string_equal(buf_text(&faults), faulty[i].want);
		assert_null(read.clients);
		buf_free(&faults);
	}
}

static void test_without_predicates_names_are_not_checked(void **state)
{
	static const struct clients_csv_known none = { NULL, NULL, NULL };
	static const char text[] = HEADER "c1,N,A,yes,M,l1,b9,A,gold,,,\n";
	struct buf faults = { 0 };
	struct clients_csv read;

	(void)state;
	assert_int_equal(parse(text, strlen(text), &none, &read, &faults), 0);
	clients_csv_free(&read);
	assert_int_equal(parse(HEADER, strlen(HEADER), &none, &read, &faults), 0);
	assert_int_equal(read.line_count, 0);
	clients_csv_free(&read);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_clients_and_lines),
		cmocka_unit_test(test_reads_what_russian_excel_writes),
		cmocka_unit_test(test_names_every_bad_row),
		cmocka_unit_test(test_without_predicates_names_are_not_checked),
	};

	return cmocka_run_group_tests_name("clients_csv", tests, NULL, NULL);
}
