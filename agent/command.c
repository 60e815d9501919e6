#include "agent/command.h"

#include <stdio.h>

#include "agent/base/buf.h"

const struct option_row command_config_only[] = {
	COMMAND_CONFIG_ROW(struct command_options),
	{ .name = NULL },
};

int command_read_config(const char *path, struct agent_config *ret_config)
{
	struct buf faults = { 0 };
	struct err summary;
	int rc = agent_config_read(path ? path : COMMAND_CONFIG, ret_config, &faults, &summary);

	if (rc < 0 && !faults.length_bytes)
		fprintf(stderr, COMMAND_PROGRAM ": configuration: %s\n", summary.message);
	fputs(buf_text(&faults), stderr);
	buf_free(&faults);
	return rc;
}

int command_fail(const struct err *err)
{
	fprintf(stderr, COMMAND_PROGRAM ": %s\n", err->message);
	return err_exit_code(err);
}

int command_check_config(const void *parsed, int argument_count, char **arguments)
{
	const struct command_options *options = parsed;
	struct agent_config config;

	(void)argument_count;
	(void)arguments;
	if (command_read_config(options->config_path, &config) < 0)
		return COMMAND_EXIT_CONFIG;
	agent_config_free(&config);
	return 0;
}
