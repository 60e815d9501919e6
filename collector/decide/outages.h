/* outages.h - what a line's interruptions amount to: whose they are, how long the line was down, and how much of the time
 * anybody knows.
 *
 * The happy path: the facts of a line, as they were reported, are made into a history once: what belongs together is one
 * outage (O5), each has an owner (9.2), planned work is taken out, and the time in which the line was watched is laid
 * together. Any period can then be asked of it.
 *
 * Ownership: outage_history_make copies what it needs; outage_history_free releases it.
 * Times:     _ms UTC milliseconds, event time; from <= t < to. _ppm: millionths, cut and not rounded.
 * Threads:   pure: knows no socket, no SQL, no clock.
 * Source:    methodology 9.1 (O4, O5), 9.2 (causes), 9.4 (availability). */
#ifndef PLUMBLINE_OUTAGES_H
#define PLUMBLINE_OUTAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/json.h"

/* Stored as numbers: new ones go last. Up to CAUSE_HTTP the agent was watching; of the next four it was not. */
enum outage_cause {
	CAUSE_CARRIER, CAUSE_GATEWAY, CAUSE_ACCESS, CAUSE_LOCAL_SERVER, CAUSE_UPSTREAM, CAUSE_DNS, CAUSE_HTTP,
	CAUSE_POWER, CAUSE_SHUTDOWN, CAUSE_SUSPEND, CAUSE_AGENT,
	CAUSE_REPORT, CAUSE_CLOCK,     /* 9.2: no outages */
	CAUSE_COUNT
};
extern const char *const cause_names[];         /* "carrier", …, NULL */

enum owner { OWNER_CLIENT, OWNER_PROVIDER };
extern const char *const owner_names[];         /* "client", "provider", NULL */

enum attribution { OF_PROVIDER, OF_CLIENT, OF_NOBODY, OF_EXCLUDED };
extern const char *const attribution_names[];   /* "provider", "client", "nobody", "excluded", NULL */

/* enum owner of what 9.2 leaves open. */
struct outage_owners {
	int port;                      /* that the agent sits on */
	int gateway;
	int resolver;
};

struct outage_rule {
	int64_t brief_from_ms;         /* O4: 10 s */
	int64_t outage_from_ms;        /* O4: 60 s */
	int64_t merge_gap_ms;          /* O5: 120 s */
	int64_t site_power_percent;    /* 9.2: 60 % of a building's agents ... */
	int64_t site_power_within_ms;  /* ... rebooted within 120 s */
	int64_t coverage_percent;      /* 9.4: an availability is published from 90 % on */
};

/* As an agent reported it. */
struct outage_fact {
	int64_t started_ms;
	int64_t ended_ms;              /* JSON_ABSENT while it is under way */
	int64_t down_ms;               /* JSON_ABSENT: all of it */
	int cause;                     /* enum outage_cause */
	bool site_power;               /* of CAUSE_POWER: outage_is_site_power */
};

struct stretch {
	int64_t from_ms, to_ms;
};

struct planned_work {
	int64_t announced_ms;          /* it counts when this lies before from_ms */
	int64_t from_ms, to_ms;
};

struct outage_facts {
	const struct outage_rule *rule;
	struct outage_owners owners;
	const struct outage_fact *outages;   /* by started_ms, then ended_ms and cause */
	size_t outage_count;
	const struct stretch *watched;       /* when the agent was watching, in any order */
	size_t watched_count;
	const struct planned_work *works;    /* in any order */
	size_t work_count;
	const struct stretch *excused;       /* H5: not of this line's making; counted, and no reason for a ticket */
	size_t excused_count;
};

struct outage {
	int64_t started_ms;
	int64_t ended_ms;              /* while it is under way, up to when it was watched */
	int64_t down_ms;               /* without the gaps between merged parts */
	int64_t in_maintenance_ms;     /* of down_ms */
	enum outage_cause cause;
	enum attribution attribution;
	bool brief;                    /* O4: under a minute, counted apart */
	bool under_way;
	bool site_power;
	bool accuses;                  /* the line: the provider's, in its access network, and not excused */
};

struct outage_history {
	const struct outage_rule *rule;
	struct outage *outages;        /* by started_ms */
	size_t count;
	struct stretch *known;         /* when somebody knew how the line was; rising and apart, as are the next */
	size_t known_count;
	struct stretch *maintenance;
	size_t maintenance_count;
};

enum attribution outage_attribution(enum outage_cause cause, const struct outage_owners *owners, bool site_power);

/* 9.2: rebooted is how many of the agents below one node, this one among them, did so within the rule's time of each other. */
bool outage_is_site_power(const struct outage_rule *rule, int64_t rebooted, int64_t agents);

void outage_history_make(const struct outage_facts *facts, struct outage_history *ret_history);
void outage_history_free(struct outage_history *history);

/* Of its down_ms, what lies in a period and outside maintenance; spread evenly over the outage, for an event that was merged
 * does not say where its gaps were. */
int64_t outage_billed_ms(const struct outage_history *history, const struct outage *outage, int64_t from_ms, int64_t to_ms);

/* The figures of 9.4. Those of several lines are added: every minute of a line weighs the same. */
struct availability {
	int64_t period_ms;             /* T */
	int64_t maintenance_ms;        /* M */
	int64_t unknown_ms;            /* X, outside M */
	int64_t down_ms;               /* D: the provider's, outside M, brief ones left out */
	int64_t outages, briefs;       /* the provider's, with down time outside M */
};

struct availability outage_availability(const struct outage_history *history, int64_t from_ms, int64_t to_ms);
void availability_add(struct availability *sum, const struct availability *other);

/* JSON_ABSENT where nothing is left to divide by. */
int64_t availability_ppm(const struct availability *availability);
int64_t availability_coverage_ppm(const struct availability *availability);
bool availability_is_covered(const struct outage_rule *rule, const struct availability *availability);

#endif
