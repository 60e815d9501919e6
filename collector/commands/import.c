/* The file is read and checked inside the job that stores it: what rows name (nodes) is then what the database has. */
#include <stdio.h>

#include "agent/base/file.h"
#include "collector/commands/command.h"
#include "collector/files/clients_csv.h"
#include "collector/files/csv.h"
#include "collector/files/topology_csv.h"

struct import {
	const char *path;
	bool dry_run;
	const struct collector_config *config;
	struct buf bytes, faults;
	size_t counts[2];          /* of what the command reports */
	struct txn *txn;           /* while the job runs */
	struct err node_err;       /* why a node could not be looked up */
};

static bool is_plan(void *context, const char *name)
{
	const struct import *import = context;

	return collector_config_find_plan(import->config, name) != NULL;
}

static bool is_node(void *context, const char *id)
{
	struct import *import = context;
	bool exists = false;

	return node_exists(import->txn, id, &exists, &import->node_err) == 0 && exists;
}

static int put_clients(struct txn *txn, const struct clients_csv *file, struct err *err)
{
	for (size_t i = 0; i < file->client_count; i++)
		if (client_put(txn, &file->clients[i], err) < 0)
			return -1;
	for (size_t i = 0; i < file->line_count; i++)
		if (line_put(txn, &file->lines[i], err) < 0)
			return -1;
	return 0;
}

static int clients_job(struct txn *txn, void *arg, struct err *err)
{
	struct import *import = arg;
	const struct clients_csv_known known = { is_plan, is_node, import };
	struct clients_csv file;
	int rc;

	import->txn = txn;
	if (clients_csv_parse(import->path, buf_text(&import->bytes), import->bytes.length_bytes, &known, &file,
			      &import->faults, err) < 0) {
		if (import->node_err.code) {
			*err = import->node_err;   /* the database is at fault, not the file */
			buf_clear(&import->faults);
		}
		return -1;
	}
	import->counts[0] = file.client_count;
	import->counts[1] = file.line_count;
	rc = import->dry_run ? 0 : put_clients(txn, &file, err);
	clients_csv_free(&file);
	return rc;
}

static int put_topology(struct txn *txn, const struct topology_csv *file, struct err *err)
{
	for (size_t i = 0; i < file->node_count; i++) {
		const struct topology_node *node = &file->nodes[i];

		if (node_put(txn, &node->node, node->parents, node->parent_count, err) < 0)
			return -1;
	}
	return 0;
}

static int topology_job(struct txn *txn, void *arg, struct err *err)
{
	struct import *import = arg;
	struct topology_csv file;
	int rc;

	if (topology_csv_parse(import->path, buf_text(&import->bytes), import->bytes.length_bytes, &file, &import->faults,
			       err) < 0)
		return -1;
	import->counts[0] = file.node_count;
	rc = import->dry_run ? 0 : put_topology(txn, &file, err);
	topology_csv_free(&file);
	return rc;
}

static void say(const struct command_options *options, const struct import *import, const char *const names[2])
{
	json_t *said = json_pack("{s:b}", "dry_run", options->dry_run);

	for (int i = 0; i < 2 && names[i]; i++)
		json_object_set_new(said, names[i], json_integer((json_int_t)import->counts[i]));
	if (options->json)
		command_print_json(said);
	else if (names[1])
		printf("%zu %s, %zu %s%s\n", import->counts[0], names[0], import->counts[1], names[1],
		       options->dry_run ? ": nothing changed" : "");
	else
		printf("%zu %s%s\n", import->counts[0], names[0], options->dry_run ? ": nothing changed" : "");
	json_decref(said);
}

static int take_file(const char *where, struct import *import, store_job job)
{
	struct err err;

	if (file_read(import->path, CSV_FILE_BYTES_MAX, &import->bytes, &err) < 0) {
		err.code = ERR_USAGE;
		return command_fail(where, &err);
	}
	if (command_job(import->config, job, import, &err) == 0)
		return 0;
	if (!import->faults.length_bytes)
		return command_fail(where, &err);
	fputs(buf_text(&import->faults), stderr);
	return err_exit_code(&err);
}

static int run(const struct command_options *options, const char *where, const char *path, store_job job,
	       const char *const names[2])
{
	struct import import = { .path = path, .dry_run = options->dry_run };
	struct collector_config config = { 0 };
	int code = command_read_config(options, &config);

	if (code != 0)
		return code;
	import.config = &config;
	code = take_file(where, &import, job);
	if (code == 0)
		say(options, &import, names);
	buf_free(&import.bytes);
	buf_free(&import.faults);
	collector_config_free(&config);
	return code;
}

int command_import_clients(const void *parsed, int argument_count, char **arguments)
{
	static const char *const names[2] = { "clients", "lines" };

	(void)argument_count;
	return run(parsed, "import clients", arguments[0], clients_job, names);
}

int command_import_topology(const void *parsed, int argument_count, char **arguments)
{
	static const char *const names[2] = { "nodes" };

	(void)argument_count;
	return run(parsed, "import topology", arguments[0], topology_job, names);
}
