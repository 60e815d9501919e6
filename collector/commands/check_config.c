#include <stdio.h>

#include "agent/base/buf.h"
#include "collector/commands/command.h"

int command_check_config(const void *parsed, int argument_count, char **arguments)
{
	const struct command_options *options = parsed;
	struct collector_config config = { 0 };
	int code = command_read_config(options, &config);

	(void)argument_count;
	(void)arguments;
	if (code == 0)
		collector_config_free(&config);
	return code;
}
