/* event.h - what the watch has to report, as JSON objects without seq and type.
 * Ownership: objects are the caller's.
 * Times:     an event happened at a boottime; ref is an instant of the same boot, whose wall clock dates it (J3).
 * Source:    contract 3.   Threads: pure. */
#ifndef PLUMBLINE_EVENT_H
#define PLUMBLINE_EVENT_H

#include <jansson.h>

#include "agent/base/clock.h"
#include "agent/watch/gap.h"
#include "agent/watch/latency.h"
#include "agent/watch/outage.h"
#include "agent/watch/reach.h"

/* The boot in which something happened, and an instant of it. */
struct event_boot {
	const char *id;
	struct instant ref;
};

int64_t event_date_ms(const struct event_boot *boot, int64_t at_us);

json_t *event_outage(const struct event_boot *boot, const struct outage *outage);

/* One under way: as event_outage of what it is so far, without ended_ms. The event of its end carries the same boot,
 * boottime_us and started_ms, and replaces it; the cause may be another one then. */
json_t *event_outage_open(const struct event_boot *boot, const struct outage *so_far);

/* A gap with a cause; it may have begun up to uncertain_ms later than the last row says. */
json_t *event_gap(const struct gap *gap, const struct alive *before, int64_t uncertain_ms);

json_t *event_clock_step(const struct gap *gap, const struct instant *now);

/* synced as clock_is_synced has it. */
json_t *event_alive(const struct event_boot *boot, int64_t from_us, int64_t to_us, int synced);

json_t *event_latency(const struct event_boot *boot, enum ladder_level level, const struct reach_target *target,
		      const struct latency_figures *figures);

#endif
