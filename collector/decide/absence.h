/* absence.h - what an agent was doing while it was not heard, by its journal.
 *
 * What its journal says of each moment of the gap is laid together, and the largest part explains the gap: it was watching,
 * so only its reports were kept from us; or the machine was off or asleep, or the line was down; or nobody knows.
 * Beyond the access network (server, upstream, names) the agent was watching and the line was not at fault: that counts as
 * watching.
 * Times:   _ms UTC milliseconds, event time.
 * Source:  methodology Q2; 9.2 (causes).
 * Threads: pure. */
#ifndef PLUMBLINE_ABSENCE_H
#define PLUMBLINE_ABSENCE_H

#include <stddef.h>
#include <stdint.h>

enum absence {
	ABSENCE_UNEXPLAINED, ABSENCE_REPORT /* watching */, ABSENCE_POWER, ABSENCE_SHUTDOWN, ABSENCE_SUSPEND, ABSENCE_AGENT,
	ABSENCE_CARRIER, ABSENCE_GATEWAY, ABSENCE_ACCESS, ABSENCE_COUNT
};
extern const char *const absence_names[];   /* "unexplained", "report", "power", …, NULL: as the agent names its causes */

struct absence_fact {
	int64_t from_ms, to_ms;
	enum absence what;
};

/* What an event says: the cause of an outage, NULL of an interval of watching. */
enum absence absence_of_cause(const char *cause);

/* facts by from_ms; of a gap from_ms to to_ms. *ret_ms: how much of it that part was. */
enum absence absence_explain(const struct absence_fact *facts, size_t count, int64_t from_ms, int64_t to_ms, int64_t *ret_ms);

#endif
