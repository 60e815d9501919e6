/* evaluations.h - evaluates the network at moments of event time and folds what is blamed into incidents.
 *
 * The happy path: at each moment the leaves of every symptom are read and the localiser is asked about them; what the guard
 * found of the cell that ends there is blamed too; the fold steps on.
 * Threads: a store thread, inside a job.
 * Source:  methodology 12.1 (symptoms), 12.5 (incidents), 7 H5. */
#ifndef PLUMBLINE_EVALUATIONS_H
#define PLUMBLINE_EVALUATIONS_H

#include <jansson.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "collector/collector_keys.h"
#include "collector/derive/landscape.h"

struct txn;

/* At the ends of count cells, from first_ms on, and of what comes and goes within cells every two sweeps, also in the cell after
 * them up to to_ms unless there are more of them before it. *ret_evaluations: those worth keeping, [{at_ms, blames, state}];
 * *ret_incidents: all that were open in that time, each with the id that it has when it is new. */
int evaluations_make(struct txn *txn, const struct collector_config *config, const struct landscape *landscape,
		     int64_t first_ms, int count, int64_t to_ms, json_t **ret_evaluations, json_t **ret_incidents,
		     struct err *err);

#endif
