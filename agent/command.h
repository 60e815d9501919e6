/* command.h - what the agent's subcommands share: reading the configuration, failing in one line; and `check-config`. */
#ifndef PLUMBLINE_COMMAND_H
#define PLUMBLINE_COMMAND_H

#include "agent/agent_keys.h"
#include "agent/base/err.h"
#include "agent/base/options.h"

#define COMMAND_PROGRAM "plumbline-agent"
#define COMMAND_CONFIG  "/etc/plumbline/agent.yaml"

/* The row of -c FILE, and of --json, in a command's struct. */
#define COMMAND_CONFIG_ROW(type_)                                                                                      \
	{ .letter = 'c', .name = "config", .type = OPTION_TEXT, .offset = offsetof(type_, config_path),                \
	  .value_name = "FILE", .help = "the configuration (" COMMAND_CONFIG ")" }
#define COMMAND_JSON_ROW(type_)                                                                                        \
	{ .name = "json", .type = OPTION_FLAG, .offset = offsetof(type_, json), .help = "prints JSON, for programs" }

/* For commands that take nothing but -c FILE. */
struct command_options {
	const char *config_path;
};
extern const struct option_row command_config_only[];

#define COMMAND_EXIT_CONFIG 2

/* Reads path, or the usual file when it is NULL. Returns -1 when that fails: every fault is then on stderr, and the
 * command ends with COMMAND_EXIT_CONFIG. */
int command_read_config(const char *path, struct agent_config *ret_config);

/* Says on stderr why the command failed. Returns its exit code. */
int command_fail(const struct err *err);

int command_check_config(const void *parsed, int argument_count, char **arguments);

#endif
