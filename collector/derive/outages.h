/* outages.h - the outages of a line and its availability, for the rules, for people and for programs.
 *
 * The happy path: outages and times of watching are read from the store, losses of power are looked at together with those
 * of the neighbours at the node, exemptions (announced work, faults of ours) are added, and decide/outages makes the
 * history. Nothing is kept: the same facts give the same answer, in whatever order they arrived.
 * Ownership: *ret_history is released with outage_history_free; JSON is the caller's.
 * Times:     _ms UTC milliseconds, event time. Threads: a store thread, inside a job. */
#ifndef PLUMBLINE_DERIVE_OUTAGES_H
#define PLUMBLINE_DERIVE_OUTAGES_H

#include <jansson.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "collector/collector_keys.h"
#include "collector/decide/outages.h"
#include "collector/store/clients.h"

struct txn;

/* For periods that begin at from_ms or later. */
int outages_read_history(struct txn *txn, const struct collector_config *config, const struct line *line, int64_t from_ms,
			 struct outage_history *ret_history, struct err *err);

/* The trailing 30 days, or since the line was first watched. Up to now, or up to the last report while the next is not
 * overdue: what happened since then is not unknown but still to be told. */
int outages_last_period(struct txn *txn, const struct collector_config *config, const struct line *line, int64_t now_ms,
			struct stretch *ret_period, struct err *err);

/* [{started_ms, ended_ms?, down_ms, cause, attributed_to, brief, in_maintenance_ms, site_power?}] that touch the period,
 * oldest first; without ended_ms while it is under way. */
json_t *outages_to_json(const struct outage_history *history, const struct stretch *period);

/* {from_ms, to_ms, available_ppm?, coverage_ppm?, insufficient_coverage, down_ms, maintenance_ms, unknown_ms, outages,
 * briefs}; no available_ppm with insufficient coverage. */
json_t *availability_to_json(const struct outage_rule *rule, const struct availability *availability,
			     const struct stretch *period);

#endif
