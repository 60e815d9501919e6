#include <curl/curl.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>

#include "agent/agent.h"
#include "agent/base/options.h"
#include "agent/base/sqlite.h"
#include "agent/check.h"
#include "agent/command.h"
#include "agent/enroll.h"
#include "agent/show.h"

/* The C library keeps what is smaller than this in its heap once it was used. A download's buffer of 512 KiB shall go back to
 * the system until the next one; left alone, the limit rises as soon as the first buffer is released. */
#define KEPT_ALLOCATION_BYTES (256 * 1024)

static const struct command commands[] = {
	{ "run", "", "the daemon, in the foreground", command_config_only, sizeof(struct command_options), 0, 0,
	  agent_command },
	{ "check", "", "one check of the line, here and now", check_option_rows, sizeof(struct check_options), 0, 0,
	  check_command },
	{ "enroll", "", "registers this agent with a collector, by a join token", enroll_option_rows,
	  sizeof(struct enroll_options), 0, 0, enroll_command },
	{ "status", "", "what this agent knows, from its own spool", show_status_rows, sizeof(struct show_options), 0, 0,
	  show_status },
	{ "measurements", "", "what it measured", show_measurements_rows, sizeof(struct show_options), 0, 0,
	  show_measurements },
	{ "outages", "", "when the line was interrupted, and why", show_outages_rows, sizeof(struct show_options), 0, 0,
	  show_outages },
	{ "check-config", "", "names every fault of the configuration", command_config_only,
	  sizeof(struct command_options), 0, 0, command_check_config },
	{ .name = NULL },
};

int main(int argc, char **argv)
{
	mallopt(M_MMAP_THRESHOLD, KEPT_ALLOCATION_BYTES);
	db_spare_memory();
	if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		fputs(COMMAND_PROGRAM ": a library does not start\n", stderr);
		return 4;
	}
	return options_run(COMMAND_PROGRAM, "Measures this site's access line and reports it.", commands, argc, argv);
}
