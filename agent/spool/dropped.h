/* dropped.h - the record of events that were lost before the collector had them: how many of which type, from when to
 * when, and between which sequence numbers.
 *
 * The members of an event of type "dropped": {"count": known total, "lost": [{reason, type?, spool?, count?, first_seq?,
 * last_seq?, from_ms?, to_ms?}]}, one entry for each reason, type and spool, which grows. first_seq to last_seq: of the
 * events of that type waiting between them, all were lost.
 *
 * Units:     _ms UTC milliseconds; JSON_ABSENT, and "" in texts, where unknown.
 * Ownership: the caller's objects.       Threads: pure.
 * Source:    contract 3; methodology J6 (made = stored + dropped). */
#ifndef PLUMBLINE_DROPPED_H
#define PLUMBLINE_DROPPED_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/random.h"

#define DROPPED_FULL    "full"      /* the spool had reached spool.max_size */
#define DROPPED_MEMORY  "memory"    /* the disk took nothing for longer than memory could hold */
#define DROPPED_STOPPED "stopped"   /* the agent ended while the disk took nothing */
#define DROPPED_DAMAGED "damaged"   /* the spool file was damaged and set aside */
#define DROPPED_MISSING "missing"   /* the spool file was removed */

struct dropped {
	char reason[16];
	char type[32];
	char spool[UUID_SIZE];   /* in which they waited, when that is not the one that carries the record */
	int64_t count;
	int64_t first_seq, last_seq;
	int64_t from_ms, to_ms;
};

/* Of the members of an event, or of an object that becomes them. */
void dropped_add(json_t *members, const struct dropped *loss);
void dropped_add_all(json_t *members, const json_t *more);
bool dropped_is_empty(const json_t *members);

#endif
