/* watch_rule.h - every constant of the watch.
 * Source: methodology 8 (L1, L2), 9.1 (O1 to O5), 9.3 (J1, J2). Threads: pure. */
#ifndef PLUMBLINE_WATCH_RULE_H
#define PLUMBLINE_WATCH_RULE_H

#include <stdint.h>

#include "agent/agent_keys.h"
#include "agent/watch/outage.h"
#include "agent/watch/reach.h"

struct watch_rule {
	struct ladder_rule ladder;
	struct reach_rule reach;
	int64_t bin_ms, hub_bin_ms;   /* L2: 5 min, hub 15 min */
	int64_t row_ms;               /* J1: 30 s; every second row is durable */
	int64_t alive_ms;             /* at most one alive event in so long: 5 min */
	int64_t starting_ms;          /* J2: 300 s after a boot or a resume */
};

struct watch_rule watch_rule_documented(void);

/* The documented rule with what agent.yaml says. */
struct watch_rule watch_rule_from_config(const struct watch_config *config);

#endif
