/* ladder_json.h - the ladder as JSON, so that the journal can keep it over a restart.
 * Ownership: the object is the caller's. Threads: pure. */
#ifndef PLUMBLINE_LADDER_JSON_H
#define PLUMBLINE_LADDER_JSON_H

#include <jansson.h>

#include "agent/base/err.h"
#include "agent/watch/outage.h"

json_t *ladder_to_json(const struct ladder *ladder);

/* Fills a ladder that ladder_init has prepared with what ended, what waits, and what was under way; attempts begin anew, so
 * ladder_interrupt comes next. Fails with ERR_INPUT; it is then as prepared. */
int ladder_from_json(const json_t *object, struct ladder *ladder, struct err *err);

#endif
