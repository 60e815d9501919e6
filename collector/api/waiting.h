/* waiting.h - calls of agents that are answered when their line gets a newer revision (clients.h), or after a while.
 *
 * The happy path: a call that has nothing new to say is added to a list. While anybody is in it, one query a second, and one
 * at each wake, asks for the lines that changed since the query before; the calls of those lines run again, and either
 * have something to say now or come back. One that waits costs its memory and its connection: no query, thread or timer.
 * Commands that write beside the daemon are noticed by that query; our own writes wake it.
 * Source:  contract 3 (instruction with wait). Threads: the loop's. */
#ifndef PLUMBLINE_WAITING_H
#define PLUMBLINE_WAITING_H

#include <stdbool.h>
#include <uv.h>

#include "collector/api/api.h"

struct waiting;

struct waiting *waiting_new(uv_loop_t *loop, struct store *store);
void waiting_free(struct waiting *waiting);   /* after waiting_stop, when the loop has let go of its timer */

/* Keeps the call for its wait_ms, counted from the first time, and then gives it to api_call_end; or to api_call_repeat
 * when its line changes. Either may happen at once. */
void waiting_add(struct waiting *waiting, struct api_call *call);

/* Takes a call out. False when it was not in. */
bool waiting_forget(struct waiting *waiting, struct api_call *call);

/* Lines have changed: looks which, now. */
void waiting_wake(struct waiting *waiting);

/* Ends all, and each that is added later. */
void waiting_stop(struct waiting *waiting);

#endif
