/* follow.h - tickets follow the derived history: one ticket an episode of a defect, whatever order its facts arrived in.
 *
 * The happy path: the moves of one defect since a time, as the facts known now give them, are compared with those that were
 * derived before. Moves that are new at the end are made: a ticket is opened, re-opened, proven or returned. Where the two
 * part earlier, a late fact changed history: each ticket is given the episode that overlaps its own, with its new times; one
 * that has none any more is withdrawn, saying why; an episode without a ticket gets one, marked retrospective when it is over
 * already. Nothing is deleted, and evidence that a ticket has stays.
 *
 * Times:   moves and the chain's entries of them in event time; now_ms, when the collector learnt of it, is what these note
 *          (noted_ms) and the time of the entries "revised" and "withdrawn".
 * Threads: a store thread, inside a writing job.
 * Source:  methodology 11.3 D6, D7; 11.7 (withdrawn); contract 4 (states). */
#ifndef PLUMBLINE_FOLLOW_H
#define PLUMBLINE_FOLLOW_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "collector/decide/move.h"
#include "collector/store/clients.h"

struct txn;

struct follow {
	const struct line *line;
	enum defect defect;
	const struct move *moves;     /* all with at_ms >= since_ms, oldest first */
	size_t count;
	int64_t since_ms;             /* history before it stands */
	int64_t now_ms;
	int64_t chronic_reopens, chronic_within_ms;   /* D7 */
	const char *withdrawn;        /* why a ticket without an episode is withdrawn, in words */
	/* What a move rests on: {rule, statistics, measurements, …}; called for moves that are made, in their order. The facts
	 * that the moves rest on were stored before. */
	int (*evidence)(void *arg, struct txn *txn, const struct move *move, json_t **ret_evidence, struct err *err);
	void *arg;
};

int tickets_follow(struct txn *txn, const struct follow *follow, struct err *err);

#endif
