/* Exports as CSV or JSON on stdout. Each kind is a row of members that become columns; clients and topology have the
 * columns that import takes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/units.h"
#include "collector/commands/command.h"
#include "collector/derive/outages.h"
#include "collector/store/derived.h"
#include "collector/store/incidents.h"
#include "collector/store/measurements.h"
#include "collector/store/tickets.h"

#define PAGE_LIMIT 500

struct export {
	const char *const *columns;
	bool json;
	int64_t from_ms;     /* INT64_MIN: everything */
	size_t written;
	const struct collector_config *config;   /* of outages */
};

static void write_csv_text(const char *text)
{
	if (!text[strcspn(text, ",\"\r\n")]) {
		fputs(text, stdout);
		return;
	}
	putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

/* A list is written as its texts separated by ";", as topology.csv has parents. */
static void write_csv_value(const json_t *value)
{
	const json_t *item;
	size_t i;

	if (json_is_string(value))
		write_csv_text(json_string_value(value));
	else if (json_is_integer(value))
		printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "yes" : "no", stdout);
	json_array_foreach(value, i, item) {
		fputs(i ? ";" : "", stdout);
		write_csv_text(json_string_value(item));
	}
}

static void begin(const struct export *export)
{
	if (export->json)
		fputs("{\"items\": [", stdout);
	else
		for (int i = 0; export->columns[i]; i++)
			printf("%s%s", export->columns[i], export->columns[i + 1] ? "," : "\r\n");
}

static void write_item(struct export *export, const json_t *item)
{
	if (export->json) {
		fputs(export->written ? ",\n" : "\n", stdout);
		json_dumpf(item, stdout, JSON_COMPACT);
	} else {
		for (int i = 0; export->columns[i]; i++) {
			write_csv_value(json_object_get(item, export->columns[i]));
			fputs(export->columns[i + 1] ? "," : "\r\n", stdout);
		}
	}
	export->written++;
}

static void end(const struct export *export)
{
	if (export->json)
		fputs("\n]}\n", stdout);
}

/* The client's members, under the names that clients.csv has, on each of its lines. */
static void write_client(struct export *export, const json_t *client)
{
	static const char *const names[][2] = {
		{ "id", "client_id" }, { "name", "client_name" }, { "tier", "tier" }, { "key", "key" }, { "manager", "manager" },
		{ "contact_name", "contact_name" }, { "contact_phone", "contact_phone" }, { "contact_email", "contact_email" },
	};
	const json_t *line;
	size_t i;

	if (export->json) {
		write_item(export, client);
		return;
	}
	json_array_foreach(json_object_get(client, "lines"), i, line) {
		json_t *row = json_copy((json_t *)line);

		json_object_set(row, "line_id", json_object_get(line, "id"));
		for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
			json_object_set(row, names[n][1], json_object_get(client, names[n][0]));
		write_item(export, row);
		json_decref(row);
	}
}

static int write_client_page(struct export *export, struct txn *txn, const json_t *page, struct err *err)
{
	const json_t *found;
	json_t *client;
	size_t i;

	json_array_foreach(json_object_get(page, "items"), i, found) {
		if (client_get(txn, json_string_value(json_object_get(found, "id")), &client, err) < 0)
			return -1;
		write_client(export, client);
		json_decref(client);
	}
	return 0;
}

static int read_client_page(struct txn *txn, const char *cursor, json_t **ret_page, struct err *err)
{
	const struct client_filter filter = { .cursor = cursor, .limit = PAGE_LIMIT };

	return clients_search(txn, &filter, ret_page, err);
}

/* Both lists come in pages: each is read from the cursor of the one before, and written. */
static int write_pages(struct export *export, struct txn *txn,
		       int (*read_page)(struct txn *txn, const char *cursor, json_t **ret_page, struct err *err),
		       int (*write_page)(struct export *export, struct txn *txn, const json_t *page, struct err *err),
		       struct err *err)
{
	const char *cursor = NULL;
	json_t *page = NULL;
	int rc;

	begin(export);
	do {
		json_t *previous = page;

		page = NULL;
		rc = read_page(txn, cursor, &page, err);
		json_decref(previous);   /* cursor pointed into it */
		if (rc == 0)
			rc = write_page(export, txn, page, err);
		cursor = json_string_value(json_object_get(page, "cursor"));
	} while (rc == 0 && cursor);
	end(export);
	json_decref(page);
	return rc;
}

static int clients_job(struct txn *txn, void *arg, struct err *err)
{
	return write_pages(arg, txn, read_client_page, write_client_page, err);
}

static int topology_job(struct txn *txn, void *arg, struct err *err)
{
	const json_t *node;
	json_t *topology;
	size_t i;

	if (topology_get(txn, &topology, err) < 0)
		return -1;
	begin(arg);
	json_array_foreach(json_object_get(topology, "items"), i, node) {
		json_t *row = json_copy((json_t *)node);

		json_object_set(row, "node", json_object_get(node, "id"));
		write_item(arg, row);
		json_decref(row);
	}
	end(arg);
	json_decref(topology);
	return 0;
}

static int read_ticket_page(struct txn *txn, const char *cursor, json_t **ret_page, struct err *err)
{
	const struct ticket_filter filter = { .cursor = cursor, .limit = PAGE_LIMIT };

	return tickets_list(txn, &filter, ret_page, err);
}

static int write_ticket_page(struct export *export, struct txn *txn, const json_t *page, struct err *err)
{
	const json_t *ticket;
	size_t i;

	(void)txn;
	(void)err;
	json_array_foreach(json_object_get(page, "items"), i, ticket) {
		if (json_integer_value(json_object_get(ticket, "opened_ms")) >= export->from_ms)
			write_item(export, ticket);
	}
	return 0;
}

static int tickets_job(struct txn *txn, void *arg, struct err *err)
{
	return write_pages(arg, txn, read_ticket_page, write_ticket_page, err);
}

static int write_measurement(const json_t *measurement, void *arg)
{
	write_item(arg, measurement);
	return 0;
}

static int measurements_job(struct txn *txn, void *arg, struct err *err)
{
	const struct export *export = arg;
	int rc;

	begin(export);
	rc = measurements_visit(txn, export->from_ms, write_measurement, arg, err);
	end(export);
	return rc;
}

static int write_outages(struct export *export, struct txn *txn, const char *line_id, struct err *err)
{
	const struct stretch period = { export->from_ms > 0 ? export->from_ms : 0, INT64_MAX };
	struct outage_history history;
	struct line line;
	json_t *outages, *outage;
	size_t i;

	if (line_get(txn, line_id, &line, err) < 0 ||
	    outages_read_history(txn, export->config, &line, period.from_ms, &history, err) < 0)
		return -1;
	outages = outages_to_json(&history, &period);
	json_array_foreach(outages, i, outage) {
		json_object_set_new(outage, "client", json_string(line.client));
		json_object_set_new(outage, "line", json_string(line.id));
		write_item(export, outage);
	}
	json_decref(outages);
	outage_history_free(&history);
	return 0;
}

static int write_outage_page(struct export *export, struct txn *txn, const json_t *page, struct err *err)
{
	const json_t *client, *line;
	size_t i, n;

	json_array_foreach(json_object_get(page, "items"), i, client) {
		json_array_foreach(json_object_get(client, "lines"), n, line) {
			if (write_outages(export, txn, json_string_value(json_object_get(line, "id")), err) < 0)
				return -1;
		}
	}
	return 0;
}

static int outages_job(struct txn *txn, void *arg, struct err *err)
{
	return write_pages(arg, txn, read_client_page, write_outage_page, err);
}

static int read_options(const struct command_options *options, struct export *export, struct err *err)
{
	const struct clock clock = clock_system();
	int64_t since_ms;

	if (options->format && strcmp(options->format, "csv") && strcmp(options->format, "json"))
		return err_set(err, ERR_USAGE, "--format must be csv or json");
	export->json = options->json || (options->format && !strcmp(options->format, "json"));
	export->from_ms = INT64_MIN;
	if (!options->since)
		return 0;
	if (units_parse_duration(options->since, &since_ms, err) < 0) {
		err->code = ERR_USAGE;
		return err_wrap(err, "--since");
	}
	export->from_ms = clock_now(&clock).realtime_ms - since_ms;
	return 0;
}

static int run(const void *parsed, const char *where, const char *const *columns, store_job job)
{
	struct collector_config config = { 0 };
	struct export export = { .columns = columns, .config = &config };
	struct err err;
	int code;

	if (read_options(parsed, &export, &err) < 0)
		return command_fail(where, &err);
	code = command_read_config(parsed, &config);
	if (code == 0 && command_read_job(&config, job, &export, &err) < 0)
		code = command_fail(where, &err);
	collector_config_free(&config);
	if (code == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
		err_set(&err, ERR_IO, "standard output: %m");
		return command_fail(where, &err);
	}
	return code;
}

int command_export_clients(const void *parsed, int argument_count, char **arguments)
{
	static const char *const columns[] = {
		"client_id", "client_name", "tier", "key", "manager", "line_id", "node", "address", "service_plan",
		"contact_name", "contact_phone", "contact_email", "always_on", NULL,
	};

	(void)argument_count;
	(void)arguments;
	return run(parsed, "export clients", columns, clients_job);
}

int command_export_topology(const void *parsed, int argument_count, char **arguments)
{
	static const char *const columns[] = { "node", "kind", "parents", "name", NULL };

	(void)argument_count;
	(void)arguments;
	return run(parsed, "export topology", columns, topology_job);
}

int command_export_tickets(const void *parsed, int argument_count, char **arguments)
{
	static const char *const columns[] = {
		"id", "client", "client_name", "line", "defect", "leg", "state", "holder", "opened_ms", "fixed_ms", "proven_ms",
		"closed_ms", "reopen_count", "chronic", "retrospective", NULL,
	};

	(void)argument_count;
	(void)arguments;
	return run(parsed, "export tickets", columns, tickets_job);
}

int command_export_outages(const void *parsed, int argument_count, char **arguments)
{
	static const char *const columns[] = {
		"client", "line", "started_ms", "ended_ms", "down_ms", "cause", "attributed_to", "brief", "in_maintenance_ms",
		"site_power", NULL,
	};

	(void)argument_count;
	(void)arguments;
	return run(parsed, "export outages", columns, outages_job);
}

int command_export_measurements(const void *parsed, int argument_count, char **arguments)
{
	static const char *const columns[] = {
		"client", "line", "leg", "started_ms", "throughput_bps", "threshold_bps", "judgement", "reason", "trigger", "bytes",
		"duration_us", "rate_user_bps", "first_byte_us", "cross_rx_bps", NULL,
	};

	(void)argument_count;
	(void)arguments;
	return run(parsed, "export measurements", columns, measurements_job);
}

/* One line each, keys in order: what two collectors write can be compared byte by byte. */
static int write_row(const json_t *row, void *arg)
{
	(void)arg;
	json_dumpf(row, stdout, JSON_COMPACT | JSON_SORT_KEYS);
	putchar('\n');
	return 0;
}

static int history_job(struct txn *txn, void *arg, struct err *err)
{
	const struct export *export = arg;

	if (moves_visit(txn, export->from_ms, write_row, NULL, err) < 0 ||
	    incidents_visit(txn, export->from_ms, write_row, NULL, err) < 0)
		return -1;
	return evaluations_visit(txn, export->from_ms, write_row, NULL, err);
}

int command_export_history(const void *parsed, int argument_count, char **arguments)
{
	(void)argument_count;
	(void)arguments;
	return run(parsed, "export history", NULL, history_job);
}
