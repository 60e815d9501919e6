/* collector.h - the daemon: wires store, API and HTTP server to one loop, starts them in order, stops in reverse.
 * Threads: the caller's becomes the loop's. */
#ifndef PLUMBLINE_COLLECTOR_H
#define PLUMBLINE_COLLECTOR_H

#include "agent/base/err.h"
#include "agent/base/measurement.h"
#include "collector/collector_keys.h"
#include "collector/store/clients.h"

struct collector_options {
	const struct collector_config *config;
	/* Each measurement that counted, after its commit; may be NULL. */
	void (*measured)(void *arg, const struct line *line, const struct measurement *measurement);
	void *measured_arg;
};

/* Runs until SIGTERM or SIGINT; requests under way are finished first, a second signal ends the process at once.
 * Fails when it could not start. */
int collector_run(const struct collector_options *options, struct err *err);

#endif
