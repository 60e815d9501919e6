/* lines.h - what clients.c and lines.c both say about a line.
 * Threads: a store thread, inside a step. */
#ifndef PLUMBLINE_LINES_H
#define PLUMBLINE_LINES_H

#include "collector/api/api.h"

/* Adds "quality" to a line in the shape of client_get. */
int line_add_quality(struct api_call *call, struct txn *txn, json_t *line, struct err *err);

/* {local_bps, hub_bps} that its plan promises; null where nothing is. */
json_t *line_thresholds(const struct collector_config *config, const struct line *line);

#endif
