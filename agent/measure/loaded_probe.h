/* loaded_probe.h - a capacity probe, and what the delay is before and during it.
 * Source:  methodology 3 (S2 to S8), 8 (L4). Threads: the loop's. One at a time per agent (P1). */
#ifndef PLUMBLINE_LOADED_PROBE_H
#define PLUMBLINE_LOADED_PROBE_H

#include "agent/measure/capacity_probe.h"

struct loaded_probe;

/* As capacity_probe_start, but what request points to must stay until done: the load begins a second or so later, and done
 * comes up to three seconds after its end. */
struct loaded_probe *loaded_probe_start(struct fetch *fetch, const struct clock *clock, const struct random_source *random,
					const struct capacity_request *request,
					void (*progress)(void *arg, const struct probe_progress *progress),
					void (*done)(void *arg, const struct measurement *measurement), void *arg);

/* Ends it early without a record; done is not called. Not from within progress. */
void loaded_probe_abort(struct loaded_probe *probe);

#endif
