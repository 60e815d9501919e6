#include "agent/watch/watch_rule.h"

struct watch_rule watch_rule_documented(void)
{
	return (struct watch_rule){
		.ladder = ladder_rule_documented(),
		.reach = { .every_ms = { [LEVEL_CARRIER] = 10000, [LEVEL_GATEWAY] = 10000, [LEVEL_LOCAL] = 10000,
					 [LEVEL_HUB] = 30000, [LEVEL_NAMES] = 60000, [LEVEL_HTTP] = 60000 },
			   .timeout_ms = 3000,
			   .late_ms = 7000,
			   .service_timeout_ms = 10000 },
		.bin_ms = 300000,
		.hub_bin_ms = 900000,
		.row_ms = 30000,
		.alive_ms = 300000,
		.starting_ms = 300000,
	};
}

/* Times that only make sense in proportion to a key are not keys of their own. */
struct watch_rule watch_rule_from_config(const struct watch_config *config)
{
	struct watch_rule rule = watch_rule_documented();

	rule.reach.every_ms[LEVEL_CARRIER] = config->carrier_ms;
	rule.reach.every_ms[LEVEL_GATEWAY] = config->gateway_ms;
	rule.reach.every_ms[LEVEL_LOCAL] = config->local_ms;
	rule.reach.every_ms[LEVEL_HUB] = config->hub_ms;
	rule.reach.every_ms[LEVEL_NAMES] = config->names_ms;
	rule.reach.every_ms[LEVEL_HTTP] = config->http_ms;
	rule.reach.timeout_ms = config->timeout_ms;
	rule.reach.late_ms = config->timeout_ms * 7 / 3;
	rule.reach.service_timeout_ms = config->timeout_ms * 10 / 3;
	rule.ladder.sweep_first_us = config->sweep_ms * 1000 / 10;
	rule.ladder.sweep_second_us = config->sweep_ms * 3000 / 10;
	rule.ladder.sweep_every_us = config->sweep_ms * 1000;
	rule.ladder.down_span_us = config->down_after_ms * 1000;
	rule.ladder.recover_span_us = config->up_after_ms * 1000;
	rule.ladder.brief_from_us = config->brief_ms * 1000;
	rule.ladder.outage_from_us = config->outage_ms * 1000;
	rule.ladder.merge_gap_us = config->merge_ms * 1000;
	rule.ladder.skew_us = config->hub_ms * 1000;
	rule.bin_ms = config->bin_ms;
	rule.hub_bin_ms = config->hub_bin_ms;
	rule.row_ms = config->journal_ms;
	rule.starting_ms = config->starting_ms;
	return rule;
}
