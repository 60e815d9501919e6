/* outages.h - interruptions of lines as their agents reported them, and when these were watching.
 *
 * Of an outage under way an agent may report more than once, each time with the same beginning: a later report replaces an
 * earlier one that had no end, in whatever order they arrive. Times of watching are laid together into ranges, which end up
 * the same in any order too.
 * Times:   _ms UTC milliseconds, event time. Threads: a store thread, inside a job. */
#ifndef PLUMBLINE_STORE_OUTAGES_H
#define PLUMBLINE_STORE_OUTAGES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "collector/decide/localise.h"
#include "collector/decide/outages.h"
#include "collector/store/clients.h"

struct txn;

/* Is an event of type "outage" or "alive" fit to be stored? Of other types, always. Fails with ERR_INPUT, naming the field. */
int outage_event_check(const char *type, const json_t *event, struct err *err);

/* Stores such an event, which was checked, with shift_ms added to its dates; other types are passed over. Where it changes
 * what is known of the line's reliability, *ret_from_ms becomes its beginning if that lies earlier: an outage does, and so
 * does watching that arrives late, goes past midnight, when a proof may be due, or shows that one under way goes on. */
int outage_event_put(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const char *type,
		     const json_t *event, int64_t shift_ms, int64_t *ret_from_ms, struct err *err);

/* Those that end after from_ms or are under way, as decide/outages wants them but for site_power; the caller frees. */
int outages_of_line(struct txn *txn, const struct line *line, int64_t from_ms, struct outage_fact **ret_outages,
		    size_t *ret_count, struct err *err);

/* The ranges that end after from_ms, oldest first; the caller frees. */
int watched_of_line(struct txn *txn, const struct line *line, int64_t from_ms, struct stretch **ret_watched, size_t *ret_count,
		    struct err *err);

/* Since when the line was ever watched, and up to when; JSON_ABSENT when it never was. */
int watched_span(struct txn *txn, const struct line *line, int64_t *ret_from_ms, int64_t *ret_to_ms, struct err *err);

/* Of the lines at this line's node: how many have an agent that is not revoked, and how many came back from a loss of power
 * with from_ms <= t <= to_ms. */
int power_of_node(struct txn *txn, const struct line *line, int64_t from_ms, int64_t to_ms, int64_t *ret_rebooted,
		  int64_t *ret_agents, struct err *err);

/* Was any line interrupted at a time with from_ms <= t < to_ms? */
int outages_exist(struct txn *txn, int64_t from_ms, int64_t to_ms, bool *ret_exist, struct err *err);

/* What was interrupted. */
enum outage_place { OUTAGE_OF_ACCESS, OUTAGE_OF_SERVER /* the local one */, OUTAGE_OF_UPSTREAM, OUTAGE_PLACE_COUNT };

/* The outage state of every line at a time (12.1), by line, each once: bad when it was interrupted there, good when it was
 * watched and not interrupted, or elsewhere so that this was seen to work; those unknown are left out. */
int outage_leaves_at(struct txn *txn, enum outage_place place, int64_t at_ms,
		     void (*visit)(void *arg, int64_t line_number, enum leaf_state state), void *arg, struct err *err);

#endif
