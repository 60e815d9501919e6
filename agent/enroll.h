/* enroll.h - `enroll`: makes this agent's key and registers it with the collector by a one-time join token. */
#ifndef PLUMBLINE_ENROLL_H
#define PLUMBLINE_ENROLL_H

#include <stdbool.h>

#include "agent/base/options.h"

struct enroll_options {
	const char *config_path, *collector, *token, *token_file;
	bool json;
};
extern const struct option_row enroll_option_rows[];

int enroll_command(const void *parsed, int argument_count, char **arguments);

#endif
