/* contact.h - a round over all agents: who is not heard, whether that means anything, and the tickets no-contact.
 *
 * The happy path: every round reads when each line was last heard. Those that became late are noted and counted; many at once
 * begin the guard. While it is not active a line that is always on and silent for an hour gets a ticket. When its agent is back
 * and has told what happened, the ticket is withdrawn or proven with that explanation.
 *
 * What can fail: the collector itself. While it finds a fault in itself, or has just started, a round judges nothing; if many
 * are silent meanwhile, it notes a mass silence of its own making.
 *
 * Times:   moves in the collector's time: that an agent is not heard is the collector's own observation.
 * Threads: a store thread, inside a writing job.
 * Source:  methodology Q1 to Q4, D7. */
#ifndef PLUMBLINE_DERIVE_CONTACT_H
#define PLUMBLINE_DERIVE_CONTACT_H

#include <jansson.h>
#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "collector/collector_keys.h"
#include "collector/decide/silence.h"

struct txn;

struct contact_options {
	const struct collector_config *config;
	struct clock clock;
	struct self_state (*self)(void *arg);   /* how the collector is */
	void *self_arg;
	/* What silence_leaves_at or silence_mass_at say changed from then on; may be NULL. */
	int (*changed)(struct txn *txn, int64_t from_ms, struct err *err);
};

/* A round of collector/rounds.h; arg is the struct contact_options. */
int contact_round(struct txn *txn, void *arg, struct err *err);

/* Adds to an agent as agents_list has it, unless it is revoked: contact (Q1) and contact_since_ms. Counts from its last report
 * alone, also when nobody listened meanwhile. */
void contact_describe(json_t *agent, const struct silence_rule *rule, int64_t now_ms);

#endif
