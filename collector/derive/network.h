/* network.h - what the measurements of all lines together mean: whose fault many slow lines are, and the incidents.
 *
 * The happy path: a report's measurements are counted as they are stored (network_note). From time to time a round looks at what
 * was noted: cells whose counts changed are judged (decide/guard), and where that changes what accuses no line, exemptions are
 * replaced and the lines measured there are stepped through again, a few a round. When none is left, the network is
 * evaluated at the end of each cell, from the oldest that something changed about: which segments explain the leaves
 * (decide/localise), what the guard blames; the evaluations are folded into incidents (decide/incident), and tickets become
 * their children. Everything is in event time, so what arrives late gives the same history as if it had come at once.
 *
 * A round is two jobs: one that reads and decides, however long it takes, and a small one that writes. Rounds follow each other
 * from stage to stage (network_watch.h); a crash between them loses nothing, for what is to be done is noted in the store.
 * Threads: network_note on a store thread, inside a writing job; a round's jobs one after the other.
 * Source:  methodology 7 (H4, H5), 5.2, 11.3 (D4, D5), 12. */
#ifndef PLUMBLINE_NETWORK_DERIVE_H
#define PLUMBLINE_NETWORK_DERIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/measurement.h"
#include "collector/collector_keys.h"
#include "collector/store/clients.h"

struct txn;

/* Measurements of the line that were stored for the first time. */
int network_note(struct txn *txn, const struct collector_config *config, const struct line *line,
		 const struct measurement *const *list, size_t count, struct err *err);

/* Something but measurements changed the states of lines from then on: an outage, silence. derive_fast says so itself. */
int network_note_change(struct txn *txn, int64_t from_ms, struct err *err);

/* Drops at most limit rows that nothing is derived from any more: what the measurements that are kept no longer bear out stays
 * as it was found. *ret_count: how many. */
int network_prune(struct txn *txn, const struct collector_config *config, int64_t now_ms, int64_t limit, int64_t *ret_count,
		  struct err *err);

struct network_round;

/* What a round looks for, and after it what the next one should. */
enum network_stage { STAGE_GUARD, STAGE_LINES, STAGE_EVALUATE, STAGE_NONE };

/* Takes what is to be done of this stage, else of a later one: so reports that keep coming hold up none. config must live as
 * long as the round. */
struct network_round *network_round_new(const struct collector_config *config, int64_t now_ms, enum network_stage stage);
void network_round_free(struct network_round *round);   /* accepts NULL */

/* Jobs of store.h; arg is the round. Each round is run once. */
int network_round_read(struct txn *txn, void *arg, struct err *err);
int network_round_write(struct txn *txn, void *arg, struct err *err);

/* After network_round_read: is there anything to write? */
bool network_round_has_work(const struct network_round *round);

/* After network_round_write: where the next one begins; STAGE_NONE: all was looked at. */
enum network_stage network_round_next(const struct network_round *round);

#endif
