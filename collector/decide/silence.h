/* silence.h - when does it mean something that an agent is not heard?
 *
 * The happy path: an agent reports every R. Without a report it becomes late, then silent, which is no information and
 * accuses nobody (Q1). Of a line that is always on an hour of silence is a ticket (Q2). When many fall silent at once the
 * cause is rarely theirs: the guard keeps back the tickets of clients, the collector looks at itself, and if it is well the
 * silent lines are asked which segment they have in common (Q3). What happened while nobody here could listen is not judged
 * (Q4).
 *
 * Times:   _ms UTC milliseconds of the collector's clock, JSON_ABSENT where there is none: that an agent is not heard is the
 *          collector's own observation.
 * Source:  methodology Q1 to Q4.
 * Threads: pure. */
#ifndef PLUMBLINE_SILENCE_H
#define PLUMBLINE_SILENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SILENCE_WEEKS 4   /* that Q3 looks back on */

/* As configured; defaults, here behind each constant, are those of the methodology. */
struct silence_rule {
	int64_t report_ms;              /* R: 5 min */
	int64_t late_reports;           /* Q1: late after 2 R */
	int64_t silent_reports;         /* Q1: silent after 3 R ... */
	int64_t silent_extra_ms;        /* ... and 60 s */
	int64_t ticket_after_ms;        /* Q2: 60 min */
	int64_t guard_least;            /* Q3: 5 agents at once, ... */
	int64_t guard_percent;          /* ... 20 % of the fresh ones if that is more, ... */
	int64_t guard_deviations;       /* ... or 6 deviations above what this hour of the week brings */
	int64_t guard_left_percent;     /* Q3: over when at most 20 % of them are still not heard */
	int64_t hold_reports;           /* Q4: 3 R ... */
	int64_t hold_extra_ms;          /* ... and 5 min */
	int64_t check_every_ms;         /* Q3: the collector looks at itself every 60 s, and at its agents as often */
	int64_t check_commit_ms;        /* a commit takes less than 1 s */
	int64_t check_disk_percent;     /* more than 5 % of the disk is free */
	int64_t check_clock_step_ms;    /* the clock did not step by more than 2 s */
};

/* Q1. */
enum contact { CONTACT_FRESH, CONTACT_LATE, CONTACT_SILENT };
extern const char *const contact_names[];   /* "fresh", "late", "silent", NULL */

/* heard_ms: the last report, or when the collector began to listen if that is later. *ret_since_ms: when it became so. */
enum contact silence_contact(const struct silence_rule *rule, int64_t heard_ms, int64_t now_ms, int64_t *ret_since_ms);

int64_t silence_late_ms(const struct silence_rule *rule, int64_t heard_ms);

/* Q4. listening_ms: since when the collector could have heard an agent without a break. */
bool silence_is_held(const struct silence_rule *rule, int64_t listening_ms, int64_t now_ms);

/* Q2: when the line's ticket is due; JSON_ABSENT when it is not yet. from_ms: the latest of the last report, the beginning
 * of listening, and the end of a guard or of planned work above the line. */
int64_t silence_ticket_due(const struct silence_rule *rule, int64_t from_ms, int64_t now_ms);

/* How far back an agent that became late counts as one of those that did at once: 2 R. */
int64_t silence_at_once_ms(const struct silence_rule *rule);

/* Q3, E: how many become late within 2 R at this hour of the week, from how many did in the whole hour in those of the last
 * weeks that are known. */
double silence_expected(const struct silence_rule *rule, const int64_t *late_in_hour, int weeks);

/* Q3. fallen: S, those that became late or silent within 2 R. */
bool silence_is_mass(const struct silence_rule *rule, int64_t fallen, int64_t fresh, double expected);

/* A mass silence, kept from round to round. Its agents are those that became late with from_ms < t <= until_ms; the guard is
 * active from its beginning to its end. */
struct silence_mass {
	int64_t from_ms;                /* JSON_ABSENT: there was none yet */
	int64_t until_ms;
	int64_t agents;                 /* the most that were not heard at a time */
	int64_t ended_ms;               /* JSON_ABSENT while it lasts */
	bool is_own;                    /* the collector's own fault */
};
extern const struct silence_mass silence_mass_none;

bool silence_guard_is_active(const struct silence_mass *mass);
bool silence_mass_has(const struct silence_mass *mass, int64_t late_ms);

/* A round that finds many fallen at once begins a mass or extends it. */
void silence_mass_extend(const struct silence_rule *rule, struct silence_mass *mass, bool is_own, int64_t now_ms);

/* left: how many of its agents are still not heard. With few enough it is over, and their hour (Q2) begins. */
void silence_mass_count(const struct silence_rule *rule, struct silence_mass *mass, int64_t left, int64_t now_ms);

/* Q3: is silence the collector's own fault? Its age is Q4's. */
enum own_fault { OWN_ADDRESS, OWN_STORE, OWN_DISK, OWN_CLOCK, OWN_FAULT_COUNT };
extern const char *const own_fault_names[];   /* "address", "store", "disk", "clock", NULL */

struct own_facts {
	bool is_answered;               /* a request to the public address */
	int64_t commit_ms;              /* of a write of its own; JSON_ABSENT when it failed */
	int64_t disk_free_percent;      /* where the database is; JSON_ABSENT when nobody knows */
	int64_t clock_step_ms;          /* since the last look: the wall clock beside boottime */
};

/* A bit, 1 << fault, for each. */
unsigned silence_own_faults(const struct silence_rule *rule, const struct own_facts *facts);

/* How the collector is, from look to look. */
struct self_state {
	int64_t looked_ms;              /* the last time; JSON_ABSENT before the first */
	int64_t listening_ms;           /* Q4 */
	int64_t failing_ms;             /* since when a look finds faults; JSON_ABSENT while none does */
	unsigned faults;
};

/* Takes a look in. What kept agents from being heard for longer than R, and a step of the clock, begin Q4's time anew: up to R
 * no agent becomes late by it. */
void silence_self_look(const struct silence_rule *rule, struct self_state *self, unsigned faults, int64_t now_ms);

#endif
