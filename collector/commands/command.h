/* command.h - what the subcommands share: their options, reading the configuration, one job on the database.
 * Errors:  said here on stderr, one line each: "plumbline-collector: where: what, what to do".
 * Threads: for main only. */
#ifndef PLUMBLINE_COMMAND_H
#define PLUMBLINE_COMMAND_H

#include <jansson.h>
#include <stdbool.h>

#include "agent/base/err.h"
#include "collector/collector_keys.h"
#include "collector/store/store.h"

#define PROGRAM "plumbline-collector"

struct command_options {
	const char *config;
	const char *role, *password_file;   /* user add */
	const char *line, *ttl;             /* token new */
	const char *format, *since;         /* export */
	const char *size;                   /* reference */
	bool json, dry_run, print_measurements;
};

/* The subcommands (main.c has their table). Each returns the exit code. */
int command_run(const void *parsed, int argument_count, char **arguments);
int command_check_config(const void *parsed, int argument_count, char **arguments);
int command_import_clients(const void *parsed, int argument_count, char **arguments);
int command_import_topology(const void *parsed, int argument_count, char **arguments);
int command_export_clients(const void *parsed, int argument_count, char **arguments);
int command_export_topology(const void *parsed, int argument_count, char **arguments);
int command_export_outages(const void *parsed, int argument_count, char **arguments);
int command_export_tickets(const void *parsed, int argument_count, char **arguments);
int command_export_history(const void *parsed, int argument_count, char **arguments);
int command_export_measurements(const void *parsed, int argument_count, char **arguments);
int command_user_add(const void *parsed, int argument_count, char **arguments);
int command_user_list(const void *parsed, int argument_count, char **arguments);
int command_user_disable(const void *parsed, int argument_count, char **arguments);
int command_token_new(const void *parsed, int argument_count, char **arguments);
int command_agent_list(const void *parsed, int argument_count, char **arguments);
int command_agent_revoke(const void *parsed, int argument_count, char **arguments);
int command_reference(const void *parsed, int argument_count, char **arguments);
int command_localise(const void *parsed, int argument_count, char **arguments);

/* Says what went wrong where and returns its exit code. */
int command_fail(const char *where, const struct err *err);

/* Returns 0, or the exit code after saying every fault. */
int command_read_config(const struct command_options *options, struct collector_config *ret_config);

/* Runs one job on the configured database and commits it; a running daemon notices. */
int command_job(const struct collector_config *config, store_job job, void *arg, struct err *err);

/* The same for a job that only reads. */
int command_read_job(const struct collector_config *config, store_job job, void *arg, struct err *err);

/* Both in one, saying what went wrong. Return the exit code. command_read keeps no daemon from writing. */
int command_write(const struct command_options *options, const char *where, store_job job, void *arg);
int command_read(const struct command_options *options, const char *where, store_job job, void *arg);

/* Prints on stdout. A table has a column for each name: a member of the items, times ("_ms") as UTC text. */
void command_print_json(const json_t *value);
void command_print_table(const json_t *items, const char *const *names);

#endif
