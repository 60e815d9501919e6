/* evaluate.h - facts to tickets: what new measurements of a line mean, inside the transaction that stores them.
 *
 * The happy path: a report's measurements are stored; evaluate_line reads the windows of both legs, steps through the new
 * samples in the order they were made, asks decide/defect what each means, and opens, proves, returns or re-opens tickets.
 * It can be repeated at any time and changes nothing the second time. A crash before the commit leaves neither the
 * measurements nor their consequences.
 * Threads: a store thread, inside a writing job. */
#ifndef PLUMBLINE_EVALUATE_H
#define PLUMBLINE_EVALUATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/measurement.h"
#include "collector/collector_keys.h"
#include "collector/store/clients.h"

struct txn;

/* from_ms: per leg the event time of the oldest new sample, INT64_MAX when the leg has none. */
int evaluate_line(struct txn *txn, const struct collector_config *config, const struct line *line,
		  const int64_t from_ms[LEG_COUNT], int64_t now_ms, struct err *err);

/* The line's quality as the contract shows it (V1-V3): {good, fast: {local, hub}, reliable, reason, coverage,
 * reliable_from_ms?}; the last says since when the line was watched, if that is less than 30 days; has_agent
 * tells whether one is enrolled. A reading job may call it. */
int quality_of_line(struct txn *txn, const struct collector_config *config, const struct line *line, bool has_agent,
		    int64_t now_ms, json_t **ret_quality, struct err *err);

#endif
