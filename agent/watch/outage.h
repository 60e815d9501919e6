/* outage.h - from single attempts to interruptions with a cause: the ladder's state machine.
 *
 * The happy path: every level of the ladder is tried in its cadence and answers. The first failure puts a level in doubt and
 * starts sweeps of all levels (ladder_next_sweep_us). Three failures in a row confirm an episode, which ends with the
 * first of three successes in a row. When every level is quiet again the episodes are laid over each other: what was dead
 * at the same time tells the cause, for each stretch of time. Stretches of one cause less than two minutes apart become
 * one event.
 *
 * Times:   _us of boottime, so that a clock step changes no duration (J3).
 * Source:  methodology 9.1 (O1 to O5), 9.2 (causes).
 * Threads: pure: knows no socket and no clock. */
#ifndef PLUMBLINE_OUTAGE_H
#define PLUMBLINE_OUTAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rungs of the ladder. Names and HTTP are tried at the local server through its URL. */
enum ladder_level { LEVEL_CARRIER, LEVEL_GATEWAY, LEVEL_LOCAL, LEVEL_HUB, LEVEL_NAMES, LEVEL_HTTP, LEVEL_COUNT };
extern const char *const ladder_level_names[];   /* "carrier", … */

enum level_state {
	LEVEL_UNTRIED,      /* never answered yet: proves nothing about the line (a gateway may never answer echoes) */
	LEVEL_UP,
	LEVEL_DOUBT,
	LEVEL_DOWN,
	LEVEL_RECOVERING,
};
extern const char *const level_state_names[];

enum outage_cause {
	CAUSE_NONE, CAUSE_CARRIER, CAUSE_GATEWAY, CAUSE_ACCESS, CAUSE_LOCAL_SERVER, CAUSE_UPSTREAM, CAUSE_DNS, CAUSE_HTTP,
	CAUSE_POWER, CAUSE_SHUTDOWN, CAUSE_SUSPEND, CAUSE_AGENT,   /* what a gap in the journal meant: journal.h */
};
extern const char *const outage_cause_names[];   /* as reports carry them: "carrier", "local-server", … */

/* Every constant of 9.1; ladder_rule_documented gives the documented ones. */
struct ladder_rule {
	int confirm_failures;          /* O1: 3 */
	int64_t down_span_us;          /* O1: 20 s */
	int recover_successes;         /* O2: 3 */
	int64_t recover_span_us;       /* O2: 10 s */
	int64_t brief_from_us;         /* O4: 10 s */
	int64_t outage_from_us;        /* O4: 60 s */
	int64_t merge_gap_us;          /* O5: 120 s */
	int64_t skew_us;               /* levels that fail together are seen up to one cadence of the hub apart: 30 s */
	int64_t sweep_first_us, sweep_second_us, sweep_every_us;   /* 1 s, 3 s, 10 s */
	int64_t slice_us;              /* 1 h: ladder_slice */
};
struct ladder_rule ladder_rule_documented(void);

/* One event. Billed is down_us; the bounds say how wrong it can be (O3). */
struct outage {
	enum outage_cause cause;
	bool brief;                    /* O4: under a minute, counted apart */
	int64_t started_us, ended_us;
	int64_t down_us;               /* without the gaps of merged parts (O5) */
	int64_t shortest_us, longest_us;
};

#define LADDER_EPISODES_MAX 64

/* A run of failures of one level. */
struct episode {
	enum ladder_level level;
	bool confirmed;                /* O1; an unconfirmed one is loss, and evidence of the cause of others */
	int64_t last_ok_before_us;
	int64_t started_us;            /* first failure */
	int64_t last_fail_us;
	int64_t ended_us;              /* first success after it */
};

struct level_watch {
	enum level_state state;
	int failures, successes;       /* in a row */
	int64_t last_ok_us;
	int64_t first_success_us;      /* of the recovery under way */
	int64_t since_us;              /* first failure of the episode under way, whatever was sliced off it */
	int64_t excused_until_us;      /* J2: failures before it do not count, until it answers */
	struct episode episode;        /* the one under way */
};

struct ladder {
	struct ladder_rule rule;
	struct level_watch levels[LEVEL_COUNT];
	struct episode ended[LADDER_EPISODES_MAX];   /* until they are laid over each other */
	size_t ended_count;
	struct outage pending[LADDER_EPISODES_MAX];  /* may still merge with what follows (O5) */
	size_t pending_count;
	int64_t sweep_from_us;         /* when the failure was that started the sweeps; -1 when none are due */
	int64_t last_sweep_us;
};

void ladder_init(struct ladder *ladder, const struct ladder_rule *rule);

/* One attempt at one level has succeeded or failed; attempts of a level come in the order in which they were made. */
void ladder_attempt(struct ladder *ladder, enum ladder_level level, int64_t at_us, bool ok);

/* When the next sweep of all levels is due: +1 s, +3 s, then every 10 s after the first failure. INT64_MAX when none is.
 * ladder_swept tells that one was made. */
int64_t ladder_next_sweep_us(const struct ladder *ladder);
void ladder_swept(struct ladder *ladder, int64_t at_us);

/* A failure is known only when the answer is overdue: the sweeps that it started count from here. */
void ladder_sweep_from(struct ladder *ladder, int64_t known_us);

/* Nobody watched after at_us (a gap): what was under way ends there. Levels that had answered are taken to be up, and are
 * excused until excused_until_us or their next answer (J2). */
void ladder_interrupt(struct ladder *ladder, int64_t at_us, int64_t excused_until_us);

/* The target of a level is another one from at_us: what was under way ends, and the new one has never answered. */
void ladder_forget(struct ladder *ladder, enum ladder_level level, int64_t at_us);

/* A server that stays dead for weeks must not hold back the interruptions that came and went meanwhile: while all that is
 * dead has been so for slice_us, what is known so far is settled; what goes on will be one event with it. */
void ladder_slice(struct ladder *ladder, int64_t now_us);

/* Takes out what is final at this time: an event that nothing can be merged with any more. True while there was one. */
bool ladder_take(struct ladder *ladder, int64_t now_us, struct outage *ret_outage);

/* Whether a level is down (O1), and what the event will be if it comes back now: merged with what it continues (O5). */
bool ladder_under_way(const struct ladder *ladder, int64_t now_us, struct outage *ret_outage);

/* The cause as it looks now, CAUSE_NONE while no confirmed episode is under way; *ret_since_us its first failure. */
enum outage_cause ladder_cause_now(const struct ladder *ladder, int64_t *ret_since_us);

#endif
