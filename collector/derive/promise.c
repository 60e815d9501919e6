#include "collector/derive/promise.h"

#include "agent/base/judge.h"

#define REFERENCE_BYTES  INT64_C(1048576)    /* of a file whose size is not stated */
#define CAPACITY_CELL_MS INT64_C(54000000)   /* P2: at most 15 h between capacity probes */

static int64_t reference_bytes(const struct collector_config *config, enum leg leg)
{
	const struct served_file *files = config->reference_files.items;
	int64_t least_bytes = INT64_MAX;

	for (size_t i = 0; i < config->reference_files.count; i++)
		if (files[i].leg == (int)leg && files[i].size_bytes && files[i].size_bytes < least_bytes)
			least_bytes = files[i].size_bytes;
	return least_bytes == INT64_MAX ? REFERENCE_BYTES : least_bytes;
}

void promises_of_line(const struct collector_config *config, const struct line *line, struct promise ret_promises[LEG_COUNT])
{
	const struct service_plan *plan = collector_config_find_plan(config, line->service_plan);

	for (enum leg leg = 0; leg < LEG_COUNT; leg++) {
		int64_t threshold_bps = !plan ? 0 : leg == LEG_LOCAL ? plan->local_min_bps : plan->hub_min_bps;
		bool by_capacity = threshold_bps > 0 && !judge_file_shows(reference_bytes(config, leg), threshold_bps);
		int64_t interval_ms = by_capacity || !plan ? RULE_INTERVAL_MS : plan->interval_ms;

		ret_promises[leg] = (struct promise){
			.is_promised = threshold_bps > 0,
			.by_capacity = by_capacity,
			.rule = by_capacity ? &config->capacity_decision : &config->decision,
			.interval_ms = interval_ms,
			.cell_ms = by_capacity ? CAPACITY_CELL_MS : interval_ms,
		};
	}
}
