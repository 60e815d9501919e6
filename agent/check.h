/* check.h - `check`: one probe of each leg, here and now, without a collector.
 * Exit codes: 0 every leg good or marginal, or without a threshold; 1 a leg is bad or altered; else 3 when a leg could not
 *             be measured; 2 usage or configuration. */
#ifndef PLUMBLINE_CHECK_H
#define PLUMBLINE_CHECK_H

#include <stdbool.h>

#include "agent/base/options.h"

struct check_options {
	const char *config_path;
	const char *local, *hub;           /* URLs; they stand in for the configuration's */
	const char *local_min, *hub_min;   /* rates as written */
	bool json;
};
extern const struct option_row check_option_rows[];

int check_command(const void *parsed, int argument_count, char **arguments);

#endif
