/* prober.h - makes the probes that are due, one at a time: orders first, then what is on schedule, local before hub.
 *
 * A scheduled probe waits until the line is quiet (K1); a month's bytes are counted and kept in the spool (P4). For a
 * promise that the reference file cannot test, an order is answered by a capacity probe, and some runs end with one (P2);
 * the delay is measured with it (L4).
 *
 * Ownership: prober_open makes it, prober_close releases it once the loop has run.
 * Threads:   the loop's.
 * Source:    methodology 3 (S2, S3), 5.1 (K1), 6 (P1, P2, P4, P5). */
#ifndef PLUMBLINE_PROBER_H
#define PLUMBLINE_PROBER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/measurement.h"
#include "agent/base/random.h"
#include "agent/fetch.h"
#include "agent/measure/answer.h"
#include "agent/uplink/instruction.h"
#include "agent/spool/spool.h"

struct prober_options {
	const char *no_line;        /* an interface whose traffic is no client's (loopback): no look at it (K1); NULL: none */
	struct fetch *fetch;
	struct clock clock;
	struct random_source random;
	struct spool *spool;
	const struct instruction *instruction;   /* in force; read anew for each probe */
	const char *interface;                   /* bind to it, or NULL */
	bool sees_part;                          /* not all of the site's traffic (K3) */
	int64_t budget_bytes;                    /* this agent's own limit a month */
	int64_t discard_bytes;                   /* S6 */
	struct busy_limits server_busy;          /* H3 */
	bool has_collector;                      /* P5 binds */
	void (*measured)(void *arg, const struct measurement *measurement);   /* a record to keep */
	void *arg;
};

struct prober;

struct prober *prober_open(const struct prober_options *options);

/* The run of a cell: both legs. A leg of the run before that still waits for a quiet line gets no second one. */
void prober_run(struct prober *prober, int64_t cell_ms);

/* Answers an order; it is copied. One that waits already is answered once. */
void prober_order(struct prober *prober, const struct instruction_order *order);

/* Whether something is being measured now, which other traffic of this agent should not disturb. */
bool prober_is_measuring(const struct prober *prober);

/* Gives up what is under way. Must come before fetch_close; accepts NULL. */
void prober_close(struct prober *prober);

#endif
