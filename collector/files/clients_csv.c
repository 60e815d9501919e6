#include "collector/files/clients_csv.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/faults.h"
#include "agent/base/mem.h"
#include "collector/base/text_index.h"
#include "collector/files/csv.h"

enum column {
	CLIENT_ID, CLIENT_NAME, TIER, KEY, MANAGER, LINE_ID, NODE, ADDRESS, SERVICE_PLAN, CONTACT_NAME, CONTACT_PHONE,
	CONTACT_EMAIL, ALWAYS_ON, COLUMN_COUNT
};

static const struct csv_column columns[] = {
	[CLIENT_ID] = { .name = "client_id" },
	[CLIENT_NAME] = { .name = "client_name" },
	[TIER] = { .name = "tier" },
	[KEY] = { .name = "key" },
	[MANAGER] = { .name = "manager" },
	[LINE_ID] = { .name = "line_id" },
	[NODE] = { .name = "node" },
	[ADDRESS] = { .name = "address" },
	[SERVICE_PLAN] = { .name = "service_plan" },
	[CONTACT_NAME] = { .name = "contact_name" },
	[CONTACT_PHONE] = { .name = "contact_phone" },
	[CONTACT_EMAIL] = { .name = "contact_email" },
	[ALWAYS_ON] = { .name = "always_on", .optional = true },
	[COLUMN_COUNT] = { .name = NULL },
};

/* Texts that are copied as they are. */
struct text_row {
	enum column column;
	size_t offset, size;
	bool needed;
};

#define TEXT(column, type, member, needed)                                                                             \
	{ column, offsetof(struct type, member), sizeof ((struct type *)0)->member, needed }

static const struct text_row client_texts[] = {
	TEXT(CLIENT_ID, client, id, true),
	TEXT(CLIENT_NAME, client, name, true),
	TEXT(MANAGER, client, manager, false),
	TEXT(CONTACT_NAME, client, contact_name, false),
	TEXT(CONTACT_PHONE, client, contact_phone, false),
	TEXT(CONTACT_EMAIL, client, contact_email, false),
};
static const struct text_row line_texts[] = {
	TEXT(LINE_ID, line, id, true),
	TEXT(NODE, line, node, true),
	TEXT(ADDRESS, line, address, false),
	TEXT(SERVICE_PLAN, line, service_plan, true),
};

struct import {
	struct csv csv;
	struct faults faults;
	const struct clients_csv_known *known;
	struct text_index client_rows, line_rows;   /* id to the row where it stands first */
	struct clients_csv clients;
};

static void read_texts(struct import *import, size_t row, const struct text_row *texts, size_t count, void *ret_struct)
{
	for (size_t i = 0; i < count; i++) {
		const char *text = csv_text(&import->csv, row, texts[i].column);

		if (text_copy((char *)ret_struct + texts[i].offset, texts[i].size, text) < 0)
			csv_fault(&import->csv, row, texts[i].column, "longer than %zu bytes, shorten it", texts[i].size - 1);
		if (!*text && texts[i].needed)
			csv_fault(&import->csv, row, texts[i].column, "is empty, fill it in");
	}
}

static bool read_yes_no(struct import *import, size_t row, enum column column)
{
	const char *text = csv_text(&import->csv, row, column);

	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		csv_fault(&import->csv, row, column, "\"%.40s\" is not known, write yes or no", text);
	return !strcmp(text, "yes");
}

static void read_tier(struct import *import, size_t row, struct client *client)
{
	const char *text = csv_text(&import->csv, row, TIER);

	if (!*text || text[1] || !strchr("ABC", text[0]))
		csv_fault(&import->csv, row, TIER, "\"%.40s\" is not known, write A, B or C in Latin letters", text);
	text_copy(client->tier, sizeof client->tier, text);
}

/* What describes the client must read the same on each of its lines. */
static void compare_with_first(struct import *import, size_t row, size_t first)
{
	static const enum column shared[] = { CLIENT_NAME, TIER, KEY, MANAGER };

	for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
		const struct csv_field *here = csv_field(&import->csv, row, shared[i]);
		const struct csv_field *there = csv_field(&import->csv, first, shared[i]);

		if (strcmp(here->text, there->text) != 0)
			csv_fault(&import->csv, row, shared[i],
				  "\"%.60s\", but \"%.60s\" in line %u for the same client, write one of them", here->text,
				  there->text, there->line);
	}
}

static void read_client(struct import *import, size_t row)
{
	const char *id = csv_text(&import->csv, row, CLIENT_ID);
	struct client *client = &import->clients.clients[import->clients.client_count];
	size_t first = *id ? text_index_add(&import->client_rows, id, row) : TEXT_INDEX_NONE;

	if (first != TEXT_INDEX_NONE) {
		compare_with_first(import, row, first);
		return;
	}
	read_texts(import, row, client_texts, sizeof client_texts / sizeof client_texts[0], client);
	read_tier(import, row, client);
	client->key = read_yes_no(import, row, KEY);
	import->clients.client_count++;
}

static void check_known(struct import *import, size_t row, enum column column,
			bool (*is_known)(void *context, const char *name), const char *advice)
{
	const char *text = csv_text(&import->csv, row, column);

	if (is_known && *text && !is_known(import->known->context, text))
		csv_fault(&import->csv, row, column, "\"%.60s\" is not known, %s", text, advice);
}

static void read_line(struct import *import, size_t row)
{
	const char *id = csv_text(&import->csv, row, LINE_ID);
	struct line *line = &import->clients.lines[import->clients.line_count++];
	size_t first;

	text_copy(line->client, sizeof line->client, csv_text(&import->csv, row, CLIENT_ID));
	read_texts(import, row, line_texts, sizeof line_texts / sizeof line_texts[0], line);
	line->always_on = !*csv_text(&import->csv, row, ALWAYS_ON) || read_yes_no(import, row, ALWAYS_ON);
	check_known(import, row, NODE, import->known->node, "import it with the topology first");
	check_known(import, row, SERVICE_PLAN, import->known->plan, "write one of service_plans in collector.yaml");
	first = *id ? text_index_add(&import->line_rows, id, row) : TEXT_INDEX_NONE;
	if (first != TEXT_INDEX_NONE)
		csv_fault(&import->csv, row, LINE_ID, "\"%.60s\" stands in line %u already, remove one", id,
			  csv_field(&import->csv, first, LINE_ID)->line);
}

static void read_rows(struct import *import)
{
	size_t count = import->csv.row_count;

	import->clients.clients = xcalloc(count, sizeof *import->clients.clients);
	import->clients.lines = xcalloc(count, sizeof *import->clients.lines);
	text_index_init(&import->client_rows, count);
	text_index_init(&import->line_rows, count);
	for (size_t row = 0; row < count; row++) {
		read_client(import, row);
		read_line(import, row);
	}
	text_index_close(&import->client_rows);
	text_index_close(&import->line_rows);
}

int clients_csv_parse(const char *name, const char *bytes, size_t length, const struct clients_csv_known *known,
		      struct clients_csv *ret_clients, struct buf *ret_faults, struct err *err)
{
	struct import import = { .faults = faults_of(name, ret_faults), .known = known };

	csv_parse(bytes, length, columns, &import.csv, &import.faults);
	read_rows(&import);
	csv_free(&import.csv);
	if (faults_end(&import.faults, ERR_INPUT, err) < 0) {
		clients_csv_free(&import.clients);
		return -1;
	}
	*ret_clients = import.clients;
	return 0;
}

void clients_csv_free(struct clients_csv *clients)
{
	free(clients->clients);
	free(clients->lines);
	*clients = (struct clients_csv){ 0 };
}
