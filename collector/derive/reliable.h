/* reliable.h - what the outages of a line mean for its reliability: its verdict, and the tickets that follow.
 *
 * The happy path: an outage, or watching that goes past midnight, is stored; everything that is known of the line's outages is
 * stepped through from the beginning (there are few), the moves since the oldest new fact replace those derived before,
 * and its ticket follows them. It can be repeated at any time and changes nothing the second time.
 * Source:  methodology 11.6, 11.7 V2.
 * Threads: a store thread, inside a job; derive_reliable inside a writing one. */
#ifndef PLUMBLINE_RELIABLE_H
#define PLUMBLINE_RELIABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "collector/collector_keys.h"
#include "collector/decide/outages.h"
#include "collector/decide/verdict.h"
#include "collector/store/clients.h"

struct txn;

/* from_ms: event time of the oldest fact that is new or changed: an outage, watching, a mark or an exemption. */
int derive_reliable(struct txn *txn, const struct collector_config *config, const struct line *line, int64_t from_ms,
		    int64_t now_ms, struct err *err);

struct reliability {
	enum value value;            /* V2 */
	struct stretch period;       /* that it rests on */
	bool is_young;               /* the line was not yet watched 30 days ago */
	int64_t coverage_ppm;        /* JSON_ABSENT where there is nothing to cover */
};

int reliability_of_line(struct txn *txn, const struct collector_config *config, const struct line *line, int64_t now_ms,
			struct reliability *ret_reliability, struct err *err);

#endif
