#include "agent/watch/outage.h"

#include <string.h>

const char *const ladder_level_names[] = {
	[LEVEL_CARRIER] = "carrier", [LEVEL_GATEWAY] = "gateway", [LEVEL_LOCAL] = "local", [LEVEL_HUB] = "hub",
	[LEVEL_NAMES] = "names",     [LEVEL_HTTP] = "http",       [LEVEL_COUNT] = NULL,
};

const char *const level_state_names[] = {
	[LEVEL_UNTRIED] = "untried", [LEVEL_UP] = "up", [LEVEL_DOUBT] = "doubt", [LEVEL_DOWN] = "down",
	[LEVEL_RECOVERING] = "recovering", NULL,
};

const char *const outage_cause_names[] = {
	[CAUSE_NONE] = "",                 [CAUSE_CARRIER] = "carrier",   [CAUSE_GATEWAY] = "gateway",
	[CAUSE_ACCESS] = "access",         [CAUSE_LOCAL_SERVER] = "local-server", [CAUSE_UPSTREAM] = "upstream",
	[CAUSE_DNS] = "dns",               [CAUSE_HTTP] = "http",         [CAUSE_POWER] = "power",
	[CAUSE_SHUTDOWN] = "shutdown",     [CAUSE_SUSPEND] = "suspend",   [CAUSE_AGENT] = "agent", NULL,
};

#define SECOND_US INT64_C(1000000)
#define NEVER_US  INT64_C(-1)

struct ladder_rule ladder_rule_documented(void)
{
	return (struct ladder_rule){
		.confirm_failures = 3,
		.down_span_us = 20 * SECOND_US,
		.recover_successes = 3,
		.recover_span_us = 10 * SECOND_US,
		.brief_from_us = 10 * SECOND_US,
		.outage_from_us = 60 * SECOND_US,
		.merge_gap_us = 120 * SECOND_US,
		.skew_us = 30 * SECOND_US,
		.sweep_first_us = SECOND_US,
		.sweep_second_us = 3 * SECOND_US,
		.sweep_every_us = 10 * SECOND_US,
		.slice_us = 3600 * SECOND_US,
	};
}

void ladder_init(struct ladder *ladder, const struct ladder_rule *rule)
{
	*ladder = (struct ladder){ .rule = *rule, .sweep_from_us = NEVER_US };
	for (int i = 0; i < LEVEL_COUNT; i++)
		ladder->levels[i].last_ok_us = NEVER_US;
}

/* --- what was dead at the same time tells the cause (9.2): the first row whose levels are all dead */

#define BIT(level) (1u << (level))

static const struct {
	unsigned dead;
	enum outage_cause cause;
	enum ladder_level measured_by;   /* whose attempts bound the event (O3) */
} causes[] = {
	{ BIT(LEVEL_CARRIER),               CAUSE_CARRIER,      LEVEL_CARRIER },
	{ BIT(LEVEL_GATEWAY),               CAUSE_GATEWAY,      LEVEL_GATEWAY },
	{ BIT(LEVEL_LOCAL) | BIT(LEVEL_HUB), CAUSE_ACCESS,      LEVEL_LOCAL },
	{ BIT(LEVEL_LOCAL),                 CAUSE_LOCAL_SERVER, LEVEL_LOCAL },
	{ BIT(LEVEL_HUB),                   CAUSE_UPSTREAM,     LEVEL_HUB },
	{ BIT(LEVEL_NAMES),                 CAUSE_DNS,          LEVEL_NAMES },
	{ BIT(LEVEL_HTTP),                  CAUSE_HTTP,         LEVEL_HTTP },
};

static enum outage_cause find_cause(unsigned dead)
{
	for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
		if ((dead & causes[i].dead) == causes[i].dead)
			return causes[i].cause;
	return CAUSE_NONE;
}

static enum ladder_level find_measuring_level(enum outage_cause cause)
{
	size_t i = 0;

	while (causes[i].cause != cause)
		i++;
	return causes[i].measured_by;
}

/* --- episodes, laid over each other */

struct stretch {
	int64_t from_us, to_us;
	enum outage_cause cause;
};

static void insert_sorted(int64_t *times, size_t *count, int64_t time)
{
	size_t i = *count;

	for (size_t j = 0; j < *count; j++)
		if (times[j] == time)
			return;
	for (; i > 0 && times[i - 1] > time; i--)
		times[i] = times[i - 1];
	times[i] = time;
	++*count;
}

/* What the episodes say of the time between two neighbouring edges; CAUSE_NONE unless a confirmed one covers it. */
static enum outage_cause find_cause_between(const struct episode *episodes, size_t count, int64_t from_us, int64_t to_us)
{
	bool confirmed = false;
	unsigned dead = 0;

	for (size_t i = 0; i < count; i++) {
		if (episodes[i].started_us > from_us || episodes[i].ended_us < to_us)
			continue;
		dead |= BIT(episodes[i].level);
		confirmed = confirmed || episodes[i].confirmed;
	}
	return confirmed ? find_cause(dead) : CAUSE_NONE;
}

static size_t cut_into_stretches(const struct episode *episodes, size_t count, struct stretch *ret_stretches)
{
	int64_t edges[2 * LADDER_EPISODES_MAX];
	size_t edge_count = 0, stretch_count = 0;

	for (size_t i = 0; i < count; i++) {
		insert_sorted(edges, &edge_count, episodes[i].started_us);
		insert_sorted(edges, &edge_count, episodes[i].ended_us);
	}
	for (size_t i = 0; i + 1 < edge_count; i++) {
		enum outage_cause cause = find_cause_between(episodes, count, edges[i], edges[i + 1]);

		if (cause != CAUSE_NONE)
			ret_stretches[stretch_count++] = (struct stretch){ edges[i], edges[i + 1], cause };
	}
	return stretch_count;
}

static bool touch(const struct stretch *earlier, const struct stretch *later)
{
	return earlier->to_us == later->from_us;
}

static void join_with_next(struct stretch *stretches, size_t *count, size_t i, enum outage_cause cause)
{
	stretches[i].to_us = stretches[i + 1].to_us;
	stretches[i].cause = cause;
	memmove(&stretches[i + 1], &stretches[i + 2], (*count - i - 2) * sizeof *stretches);
	--*count;
}

/* Levels that failed together were not tried at the same instant: a short stretch between two edges of one event belongs to
 * its longer neighbour. */
static void absorb_skew(struct stretch *stretches, size_t *count, int64_t skew_us)
{
	for (size_t i = 0; i + 1 < *count;) {
		struct stretch *here = &stretches[i], *next = here + 1;
		int64_t length_us = here->to_us - here->from_us, next_us = next->to_us - next->from_us;

		if (touch(here, next) && (here->cause == next->cause || length_us < skew_us || next_us < skew_us)) {
			join_with_next(stretches, count, i, length_us >= next_us ? here->cause : next->cause);
			i = 0;
		} else {
			i++;
		}
	}
}

/* --- events */

/* An end of an event may have been set by a level that was tried a little earlier or later than the one that measures. */
static bool is_near(int64_t a_us, int64_t b_us, int64_t skew_us)
{
	return a_us <= b_us + skew_us && b_us <= a_us + skew_us;
}

static void widen_bounds(const struct episode *episode, int64_t skew_us, struct outage *outage)
{
	int64_t longest_us = outage->ended_us - episode->last_ok_before_us, shortest_us = episode->last_fail_us - outage->started_us;

	if (is_near(episode->started_us, outage->started_us, skew_us) && episode->last_ok_before_us != NEVER_US &&
	    longest_us > outage->longest_us)
		outage->longest_us = longest_us;
	if (is_near(episode->ended_us, outage->ended_us, skew_us) && shortest_us >= 0 && shortest_us < outage->shortest_us)
		outage->shortest_us = shortest_us;
}

/* O3: how short and how long it may have been, by the attempts of the level that measured it. */
static struct outage describe(const struct ladder *ladder, const struct stretch *stretch)
{
	enum ladder_level level = find_measuring_level(stretch->cause);
	struct outage outage = {
		.cause = stretch->cause,
		.started_us = stretch->from_us,
		.ended_us = stretch->to_us,
		.down_us = stretch->to_us - stretch->from_us,
	};

	outage.brief = outage.down_us < ladder->rule.outage_from_us;
	outage.shortest_us = outage.longest_us = outage.down_us;
	for (size_t i = 0; i < ladder->ended_count; i++)
		if (ladder->ended[i].level == level)
			widen_bounds(&ladder->ended[i], ladder->rule.skew_us, &outage);
	return outage;
}

/* O5: same cause, less than the gap apart: one event, whose downtime leaves the gap out. */
static bool merge(struct ladder *ladder, const struct outage *later)
{
	for (size_t i = 0; i < ladder->pending_count; i++) {
		struct outage *earlier = &ladder->pending[i];

		if (earlier->cause != later->cause || later->started_us - earlier->ended_us >= ladder->rule.merge_gap_us)
			continue;
		earlier->ended_us = later->ended_us;
		earlier->down_us += later->down_us;
		earlier->shortest_us += later->shortest_us;
		earlier->longest_us += later->longest_us;
		earlier->brief = earlier->down_us < ladder->rule.outage_from_us;
		return true;
	}
	return false;
}

static bool is_quiet(const struct level_watch *watch)
{
	return watch->state == LEVEL_UP || watch->state == LEVEL_UNTRIED;
}

static bool all_quiet(const struct ladder *ladder)
{
	for (int i = 0; i < LEVEL_COUNT; i++)
		if (!is_quiet(&ladder->levels[i]))
			return false;
	return true;
}

static void settle(struct ladder *ladder)
{
	struct stretch stretches[2 * LADDER_EPISODES_MAX];
	size_t count = cut_into_stretches(ladder->ended, ladder->ended_count, stretches);

	absorb_skew(stretches, &count, ladder->rule.skew_us);
	for (size_t i = 0; i < count; i++) {
		struct outage outage = describe(ladder, &stretches[i]);

		if (outage.down_us < ladder->rule.brief_from_us || merge(ladder, &outage))
			continue;
		if (ladder->pending_count < LADDER_EPISODES_MAX)
			ladder->pending[ladder->pending_count++] = outage;
	}
	ladder->ended_count = 0;
}

/* A level that flaps for hours while another is down would fill the list: its last two episodes become one. */
static void keep_episode(struct ladder *ladder, const struct episode *episode)
{
	for (size_t i = ladder->ended_count; ladder->ended_count == LADDER_EPISODES_MAX && i > 0; i--) {
		struct episode *last = &ladder->ended[i - 1];

		if (last->level != episode->level)
			continue;
		last->confirmed = last->confirmed || episode->confirmed;
		last->last_fail_us = episode->last_fail_us;
		last->ended_us = episode->ended_us;
		return;
	}
	if (ladder->ended_count < LADDER_EPISODES_MAX)
		ladder->ended[ladder->ended_count++] = *episode;
}

static void end_episode(struct ladder *ladder, struct level_watch *watch, int64_t ended_us)
{
	watch->episode.ended_us = ended_us;
	keep_episode(ladder, &watch->episode);
	watch->state = LEVEL_UP;
	watch->failures = watch->successes = 0;
	if (all_quiet(ladder)) {
		ladder->sweep_from_us = NEVER_US;
		settle(ladder);
	}
}

/* --- attempts */

static void fail(struct ladder *ladder, struct level_watch *watch, enum ladder_level level, int64_t at_us)
{
	if (at_us < watch->excused_until_us)
		return;
	watch->successes = 0;
	if (watch->state == LEVEL_UP) {
		watch->state = LEVEL_DOUBT;
		watch->failures = 0;
		watch->since_us = at_us;
		watch->episode = (struct episode){ .level = level, .last_ok_before_us = watch->last_ok_us, .started_us = at_us };
		if (ladder->sweep_from_us == NEVER_US)
			ladder->sweep_from_us = ladder->last_sweep_us = at_us;
	} else if (watch->state == LEVEL_RECOVERING) {
		watch->state = LEVEL_DOWN;   /* the recovery failed: the episode goes on */
	}
	watch->failures++;
	watch->episode.last_fail_us = at_us;
	if (watch->failures < ladder->rule.confirm_failures)
		return;
	watch->episode.confirmed = true;
	if (at_us - watch->episode.started_us >= ladder->rule.down_span_us)
		watch->state = LEVEL_DOWN;
}

static void succeed(struct ladder *ladder, struct level_watch *watch, int64_t at_us)
{
	watch->last_ok_us = at_us;
	watch->excused_until_us = 0;
	if (is_quiet(watch)) {
		watch->state = LEVEL_UP;
		return;
	}
	if (!watch->episode.confirmed) {
		end_episode(ladder, watch, at_us);
		return;
	}
	if (watch->state != LEVEL_RECOVERING) {
		watch->state = LEVEL_RECOVERING;
		watch->first_success_us = at_us;
		watch->failures = 0;
	}
	watch->successes++;
	if (watch->successes >= ladder->rule.recover_successes &&
	    at_us - watch->first_success_us >= ladder->rule.recover_span_us)
		end_episode(ladder, watch, watch->first_success_us);
}

void ladder_attempt(struct ladder *ladder, enum ladder_level level, int64_t at_us, bool ok)
{
	struct level_watch *watch = &ladder->levels[level];

	if (ok)
		succeed(ladder, watch, at_us);
	else if (watch->state != LEVEL_UNTRIED)
		fail(ladder, watch, level, at_us);
}

int64_t ladder_next_sweep_us(const struct ladder *ladder)
{
	int64_t from_us = ladder->sweep_from_us;

	if (from_us == NEVER_US)
		return INT64_MAX;
	if (ladder->last_sweep_us < from_us + ladder->rule.sweep_first_us)
		return from_us + ladder->rule.sweep_first_us;
	if (ladder->last_sweep_us < from_us + ladder->rule.sweep_second_us)
		return from_us + ladder->rule.sweep_second_us;
	return ladder->last_sweep_us + ladder->rule.sweep_every_us;
}

void ladder_swept(struct ladder *ladder, int64_t at_us)
{
	ladder->last_sweep_us = at_us;
}

void ladder_sweep_from(struct ladder *ladder, int64_t known_us)
{
	if (ladder->sweep_from_us != NEVER_US)
		ladder->sweep_from_us = ladder->last_sweep_us = known_us;
}

/* --- gaps, and targets that change */

static void cut_episode(struct ladder *ladder, struct level_watch *watch, int64_t at_us)
{
	if (is_quiet(watch))
		return;
	if (watch->state == LEVEL_RECOVERING)
		at_us = watch->first_success_us;
	end_episode(ladder, watch, at_us > watch->episode.last_fail_us ? at_us : watch->episode.last_fail_us);
}

void ladder_interrupt(struct ladder *ladder, int64_t at_us, int64_t excused_until_us)
{
	for (int i = 0; i < LEVEL_COUNT; i++) {
		struct level_watch *watch = &ladder->levels[i];

		cut_episode(ladder, watch, at_us);
		watch->last_ok_us = NEVER_US;
		watch->excused_until_us = excused_until_us;
	}
}

void ladder_forget(struct ladder *ladder, enum ladder_level level, int64_t at_us)
{
	struct level_watch *watch = &ladder->levels[level];

	cut_episode(ladder, watch, at_us);
	*watch = (struct level_watch){ .last_ok_us = NEVER_US };
}

static bool is_long_dead(const struct ladder *ladder, const struct level_watch *watch, int64_t now_us)
{
	return watch->state == LEVEL_DOWN && now_us - watch->episode.started_us >= ladder->rule.slice_us;
}

static void slice_episode(struct ladder *ladder, struct level_watch *watch, int64_t now_us)
{
	struct episode part = watch->episode;

	part.last_fail_us = part.ended_us = now_us;
	keep_episode(ladder, &part);
	watch->episode.started_us = now_us;
	watch->episode.last_ok_before_us = NEVER_US;
}

/* Not so soon after an edge that the stretch since then would pass for skew. */
static bool may_slice(const struct ladder *ladder, int64_t now_us)
{
	for (int i = 0; i < LEVEL_COUNT; i++)
		if (!is_quiet(&ladder->levels[i]) && !is_long_dead(ladder, &ladder->levels[i], now_us))
			return false;
	for (size_t i = 0; i < ladder->ended_count; i++)
		if (now_us - ladder->ended[i].ended_us < ladder->rule.skew_us)
			return false;
	return !all_quiet(ladder);
}

void ladder_slice(struct ladder *ladder, int64_t now_us)
{
	if (!may_slice(ladder, now_us))
		return;
	for (int i = 0; i < LEVEL_COUNT; i++)
		if (!is_quiet(&ladder->levels[i]))
			slice_episode(ladder, &ladder->levels[i], now_us);
	settle(ladder);
}

/* What is under way may become one event with what ended shortly before it began. */
static int64_t find_earliest_start(const struct ladder *ladder)
{
	int64_t earliest_us = INT64_MAX;

	for (int i = 0; i < LEVEL_COUNT; i++)
		if (!is_quiet(&ladder->levels[i]) && ladder->levels[i].episode.started_us < earliest_us)
			earliest_us = ladder->levels[i].episode.started_us;
	return earliest_us;
}

bool ladder_take(struct ladder *ladder, int64_t now_us, struct outage *ret_outage)
{
	for (size_t i = 0; i < ladder->pending_count; i++) {
		int64_t until_us = ladder->pending[i].ended_us + ladder->rule.merge_gap_us;

		if (now_us < until_us || find_earliest_start(ladder) < until_us)
			continue;
		*ret_outage = ladder->pending[i];
		ladder->pending_count--;
		memmove(&ladder->pending[i], &ladder->pending[i + 1], (ladder->pending_count - i) * sizeof ladder->pending[0]);
		return true;
	}
	return false;
}

static bool is_down(const struct ladder *ladder)
{
	for (int i = 0; i < LEVEL_COUNT; i++)
		if (ladder->levels[i].state == LEVEL_DOWN)
			return true;
	return false;
}

bool ladder_under_way(const struct ladder *ladder, int64_t now_us, struct outage *ret_outage)
{
	struct ladder ended = *ladder;

	if (!is_down(ladder))
		return false;
	ladder_interrupt(&ended, now_us, 0);
	for (size_t i = 0; i < ended.pending_count; i++) {
		if (ended.pending[i].ended_us != now_us)
			continue;
		*ret_outage = ended.pending[i];
		return true;
	}
	return false;   /* so short that it does not count yet (O4) */
}

enum outage_cause ladder_cause_now(const struct ladder *ladder, int64_t *ret_since_us)
{
	int64_t since_us = INT64_MAX;
	bool confirmed = false;
	unsigned dead = 0;

	for (int i = 0; i < LEVEL_COUNT; i++) {
		const struct level_watch *watch = &ladder->levels[i];

		if (watch->state != LEVEL_DOUBT && watch->state != LEVEL_DOWN)
			continue;
		dead |= BIT(i);
		confirmed = confirmed || watch->episode.confirmed;
		since_us = watch->since_us < since_us ? watch->since_us : since_us;
	}
	if (!confirmed)
		return CAUSE_NONE;
	*ret_since_us = since_us;
	return find_cause(dead);
}
