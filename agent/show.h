/* show.h - `status`, `measurements` and `outages`: what this agent knows, from its own spool and journal, beside a running
 * daemon or without one. */
#ifndef PLUMBLINE_SHOW_H
#define PLUMBLINE_SHOW_H

#include <stdbool.h>

#include "agent/base/options.h"

struct show_options {
	const char *config_path;
	const char *since;   /* of measurements and outages; NULL: their usual */
	bool json;
};
extern const struct option_row show_status_rows[];
extern const struct option_row show_measurements_rows[];
extern const struct option_row show_outages_rows[];

int show_status(const void *parsed, int argument_count, char **arguments);
int show_measurements(const void *parsed, int argument_count, char **arguments);
int show_outages(const void *parsed, int argument_count, char **arguments);

#endif
