/* instruction.h - what the collector asks of an agent (contract 3): data, never a command.
 * Threads: pure but for instruction_of_line, which is for a store thread inside a job. */
#ifndef PLUMBLINE_INSTRUCTION_H
#define PLUMBLINE_INSTRUCTION_H

#include <jansson.h>

#include "collector/collector_keys.h"
#include "collector/store/clients.h"

#define INSTRUCTION_ETAG_SIZE 40

struct txn;

/* {version, line, legs, reference_files, schedule, budget_bytes_per_month, maintenance, orders} for a line. A line whose
 * plan is not configured gets no thresholds: its measurements are figures without a judgement. Takes maintenance and orders. */
json_t *instruction_make(const struct collector_config *config, const struct line *line, json_t *maintenance,
			 json_t *orders);

/* The same with the maintenance that is not over and the orders that stand now. */
int instruction_of_line(struct txn *txn, const struct collector_config *config, const struct line *line, int64_t now_ms,
			json_t **ret_instruction, struct err *err);

/* A digest of the instruction's canonical JSON, quoted as the ETag header has it. */
void instruction_etag(const json_t *instruction, char ret_etag[INSTRUCTION_ETAG_SIZE]);

/* The hosts that its reference files are fetched from: what an agent may be sent to. */
json_t *instruction_targets(const struct collector_config *config);

#endif
