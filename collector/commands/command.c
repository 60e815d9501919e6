#include "collector/commands/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/column.h"

#define CONFIG_PATH "/etc/plumbline/collector.yaml"
#define COLUMNS_MAX 10
#define EXIT_CODE_USAGE 2

int command_fail(const char *where, const struct err *err)
{
	fprintf(stderr, PROGRAM ": %s: %s\n", where, err->message);
	return err_exit_code(err);
}

int command_read_config(const struct command_options *options, struct collector_config *ret_config)
{
	const char *path = options->config ? options->config : CONFIG_PATH;
	struct buf faults = { 0 };
	struct err err;
	int rc = collector_config_read(path, ret_config, &faults, &err);

	fputs(buf_text(&faults), stderr);
	if (rc < 0 && !faults.length_bytes)
		command_fail("configuration", &err);
	buf_free(&faults);
	return rc < 0 ? EXIT_CODE_USAGE : 0;
}

typedef int (*store_runner)(struct store *store, store_job job, void *arg, struct err *err);

static int run_job(const struct collector_config *config, store_runner run, store_job job, void *arg, struct err *err)
{
	const struct store_options options = { .path = config->database, .readers = 1 };
	struct store *store;
	int rc;

	if (store_open(&options, &store, err) < 0)
		return -1;
	rc = run(store, job, arg, err);
	store_close(store, NULL, NULL);
	return rc;
}

int command_job(const struct collector_config *config, store_job job, void *arg, struct err *err)
{
	return run_job(config, store_run, job, arg, err);
}

int command_read_job(const struct collector_config *config, store_job job, void *arg, struct err *err)
{
	return run_job(config, store_run_read, job, arg, err);
}

static int with_store(const struct command_options *options, const char *where, store_runner run, store_job job, void *arg)
{
	struct collector_config config = { 0 };
	struct err err;
	int code = command_read_config(options, &config);

	if (code != 0)
		return code;
	if (run_job(&config, run, job, arg, &err) < 0)
		code = command_fail(where, &err);
	collector_config_free(&config);
	return code;
}

int command_write(const struct command_options *options, const char *where, store_job job, void *arg)
{
	return with_store(options, where, store_run, job, arg);
}

int command_read(const struct command_options *options, const char *where, store_job job, void *arg)
{
	return with_store(options, where, store_run_read, job, arg);
}

void command_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
}

static bool is_time(const char *name)
{
	size_t length = strlen(name);

	return length > 3 && !strcmp(name + length - 3, "_ms");
}

static void format_cell(const json_t *item, const char *name, char *ret_text, size_t size)
{
	const json_t *value = json_object_get(item, name);
	char time[CLOCK_TEXT_SIZE];

	if (json_is_string(value)) {
		snprintf(ret_text, size, "%s", json_string_value(value));
	} else if (json_is_integer(value) && is_time(name)) {
		clock_format_utc(json_integer_value(value), time);
		snprintf(ret_text, size, "%s", time);
	} else if (json_is_integer(value)) {
		snprintf(ret_text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	} else {
		snprintf(ret_text, size, "-");
	}
}

/* The column's title: its name without the unit. */
static int title_length(const char *name)
{
	return (int)strlen(name) - (is_time(name) ? 3 : 0);
}

static int find_width(const json_t *items, const char *name)
{
	int width = title_length(name);
	const json_t *item;
	char cell[256];
	size_t i;

	json_array_foreach(items, i, item) {
		format_cell(item, name, cell, sizeof cell);
		if (column_width(cell) > width)
			width = column_width(cell);
	}
	return width;
}

void command_print_table(const json_t *items, const char *const *names)
{
	int widths[COLUMNS_MAX] = { 0 };
	const json_t *item;
	char cell[256];
	size_t i;

	for (int column = 0; names[column]; column++) {
		widths[column] = find_width(items, names[column]);
		printf("%-*.*s%s", widths[column], title_length(names[column]), names[column], names[column + 1] ? "  " : "\n");
	}
	json_array_foreach(items, i, item) {
		for (int column = 0; names[column]; column++) {
			format_cell(item, names[column], cell, sizeof cell);
			column_print(stdout, cell, widths[column]);
			fputs(names[column + 1] ? "  " : "\n", stdout);
		}
	}
}
