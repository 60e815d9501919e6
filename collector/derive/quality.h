/* quality.h - what is said about a line now (V1 to V3), from the state that was derived last.
 * Threads: a store thread; a reading job may call it. */
#ifndef PLUMBLINE_QUALITY_H
#define PLUMBLINE_QUALITY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "collector/collector_keys.h"
#include "collector/store/clients.h"

struct txn;

/* {good, fast: {local, hub}, reliable, reason, coverage, reliable_from_ms?} as the contract shows it; the last says since
 * when the line was watched, if that is less than 30 days; has_agent tells whether one is enrolled.
 * Coverage is that of the last 30 days, whole days of UTC, or since the first valid probe; of the leg that has less. */
int quality_of_line(struct txn *txn, const struct collector_config *config, const struct line *line, bool has_agent,
		    int64_t now_ms, json_t **ret_quality, struct err *err);

#endif
