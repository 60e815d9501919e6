/* reliable.h - what the outages of a line mean for its reliability.
 * Source:  methodology 11.6, 11.7 V2.
 * Threads: a store thread, inside a job. */
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

struct reliability {
	enum value value;            /* V2 */
	struct stretch period;       /* that it rests on */
	bool is_young;               /* the line was not yet watched 30 days ago */
	int64_t coverage_ppm;        /* JSON_ABSENT where there is nothing to cover */
};

int reliability_of_line(struct txn *txn, const struct collector_config *config, const struct line *line, int64_t now_ms,
			struct reliability *ret_reliability, struct err *err);

#endif
