/* record.h - fills in the parts of a measurement that are alike for every kind of probe.
 * Threads: the loop's: reads the interface counters. Source: methodology 4, 5.1 (K2). */
#ifndef PLUMBLINE_RECORD_H
#define PLUMBLINE_RECORD_H

#include "agent/base/clock.h"
#include "agent/base/measurement.h"
#include "agent/measure/probe.h"
#include "agent/measure/traffic.h"
#include "agent/measure/transfer.h"

/* What was asked for, and when it began; everything else becomes absent. */
void record_request(struct measurement *record, const struct probe_request *request, const struct instant *start);

/* Phases, peer, status, duration and bytes. */
void record_transfer(struct measurement *record, const struct transfer_result *result);

/* Reads the counters; says so in the log when that fails. */
void record_counters(struct traffic *ret_traffic);

/* The client's own traffic since before, beside so many bytes of this probe: on the interface it was bound to, or (NULL)
 * on that of the route. With sees_part it is known in part only (K3). Call after duration_us is known. */
void record_cross_traffic(struct measurement *record, const struct traffic *before, const char *interface, bool sees_part,
			  const struct transfer_result *result, int64_t own_bytes);

#endif
