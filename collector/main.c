#include <sodium.h>
#include <stddef.h>
#include <stdio.h>

#include "agent/base/options.h"
#include "collector/commands/command.h"

#define OPTION(kind, letter, name, member, value, help)                                                                \
	{ letter, name, kind, offsetof(struct command_options, member), value, help }
#define CONFIG OPTION(OPTION_TEXT, 'c', "config", config, "FILE", "configuration, /etc/plumbline/collector.yaml unless given")
#define JSON   OPTION(OPTION_FLAG, 0, "json", json, NULL, "for programs")
#define END    { .name = NULL }

static const struct option_row plain_options[] = { CONFIG, END };
static const struct option_row list_options[] = { CONFIG, JSON, END };
static const struct option_row run_options[] = {
	CONFIG,
	OPTION(OPTION_FLAG, 0, "print-measurements", print_measurements, NULL, "a line for each measurement as it arrives"),
	JSON, END,
};
static const struct option_row import_options[] = {
	CONFIG,
	OPTION(OPTION_FLAG, 0, "dry-run", dry_run, NULL, "checks the file and changes nothing"),
	JSON, END,
};
static const struct option_row export_options[] = {
	CONFIG,
	OPTION(OPTION_TEXT, 0, "format", format, "csv|json", "csv unless given"),
	JSON, END,
};
static const struct option_row export_since_options[] = {
	CONFIG,
	OPTION(OPTION_TEXT, 0, "format", format, "csv|json", "csv unless given"),
	OPTION(OPTION_TEXT, 0, "since", since, "30d", "only what is younger"),
	JSON, END,
};
static const struct option_row history_options[] = {
	CONFIG,
	OPTION(OPTION_TEXT, 0, "since", since, "30d", "only what is younger"),
	JSON, END,
};
static const struct option_row user_options[] = {
	CONFIG,
	OPTION(OPTION_TEXT, 0, "role", role, "ROLE", "viewer, tech, manager, director or admin"),
	OPTION(OPTION_TEXT, 0, "password-file", password_file, "F", "its first line; - is standard input; asked for unless given"),
	JSON, END,
};
static const struct option_row token_options[] = {
	CONFIG,
	OPTION(OPTION_TEXT, 0, "line", line, "LINE", "whose agent may enrol with it"),
	OPTION(OPTION_TEXT, 0, "ttl", ttl, "7d", "how long it is good for, 7d unless given"),
	JSON, END,
};
static const struct option_row reference_options[] = {
	OPTION(OPTION_TEXT, 0, "size", size, "1MiB", "1MiB unless given"),
	JSON, END,
};

#define SIZE sizeof(struct command_options)

static const struct command commands[] = {
	{ "run", "", "the daemon, in the foreground", run_options, SIZE, 0, 0, command_run },
	{ "check-config", "", "names every fault of the configuration", plain_options, SIZE, 0, 0, command_check_config },
	{ "import clients", "FILE.csv", "takes clients and their lines", import_options, SIZE, 1, 1, command_import_clients },
	{ "import topology", "FILE.csv", "takes nodes and what they hang from", import_options, SIZE, 1, 1,
	  command_import_topology },
	{ "export clients", "", "writes what import takes", export_options, SIZE, 0, 0, command_export_clients },
	{ "export topology", "", "writes what import takes", export_options, SIZE, 0, 0, command_export_topology },
	{ "export tickets", "", "writes every ticket", export_since_options, SIZE, 0, 0, command_export_tickets },
	{ "export outages", "", "writes every outage, and whose it is", export_since_options, SIZE, 0, 0,
	  command_export_outages },
	{ "export history", "", "writes when each line's defects began and ended", history_options, SIZE, 0, 0,
	  command_export_history },
	{ "export measurements", "", "writes every measurement", export_since_options, SIZE, 0, 0,
	  command_export_measurements },
	{ "user add", "NAME", "makes a staff account", user_options, SIZE, 1, 1, command_user_add },
	{ "user list", "", "shows staff accounts", list_options, SIZE, 0, 0, command_user_list },
	{ "user disable", "NAME", "ends an account and its sessions", plain_options, SIZE, 1, 1, command_user_disable },
	{ "token new", "", "prints a join token for a line's agent", token_options, SIZE, 0, 0, command_token_new },
	{ "agent list", "", "shows agents", list_options, SIZE, 0, 0, command_agent_list },
	{ "agent revoke", "AGENT", "refuses an agent's reports from now on", plain_options, SIZE, 1, 1, command_agent_revoke },
	{ "reference", "FILE", "makes a reference file of pseudo-random bytes", reference_options, SIZE, 1, 1,
	  command_reference },
	{ "localise", "FILE.json", "names the segments that explain passes and fails", list_options, SIZE, 1, 1,
	  command_localise },
	{ .name = NULL },
};

int main(int argc, char **argv)
{
	if (sodium_init() < 0) {
		fputs(PROGRAM ": libsodium cannot be initialised\n", stderr);
		return 4;
	}
	return options_run(PROGRAM, "Takes agents' reports, opens and proves defect tickets, serves pages.", commands, argc,
			   argv);
}
