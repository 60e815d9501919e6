/* network_watch.h - repeats the rounds of derive/network.h: each reads on a reader thread, so that it holds up no report, then
 * writes a little.
 * Ownership: network_watch_start makes it; what options point to must live until network_watch_free.
 * Threads:   the loop's. */
#ifndef PLUMBLINE_NETWORK_WATCH_H
#define PLUMBLINE_NETWORK_WATCH_H

#include <uv.h>

#include "agent/base/clock.h"
#include "collector/collector_keys.h"
#include "collector/store/store.h"

struct network_watch;

struct network_watch *network_watch_start(uv_loop_t *loop, struct store *store, const struct collector_config *config,
					  const struct clock *clock);

/* No round begins from now on; one under way ends with the store. */
void network_watch_stop(struct network_watch *watch);   /* accepts NULL */
void network_watch_free(struct network_watch *watch);   /* after the loop ended; accepts NULL */

#endif
