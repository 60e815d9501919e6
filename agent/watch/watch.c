/* One timer ticks when something is due: an attempt, a sweep, a row of the journal, a report. Attempts come back through
 * on_attempted, in order, and move the ladder; what the ladder gives as final is emitted.
 *
 * Before anything else is done with a moment, look_at_clocks compares the clocks with those of the moment before: a machine
 * that slept must not take its lost echoes for an outage. */
#include "agent/watch/watch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/watch/event.h"
#include "agent/watch/gap.h"
#include "agent/watch/journal.h"
#include "agent/watch/ladder_json.h"
#include "agent/watch/latency.h"

#define TICK_MAX_US INT64_C(10000000)   /* a resume from suspend is noticed after it */
#define ROW_EARLY_PART 30               /* of its 30 s: with a tick that comes shortly before; one wakeup for both */

static const enum ladder_level echoed_levels[] = { LEVEL_GATEWAY, LEVEL_LOCAL, LEVEL_HUB };
#define ECHOED_COUNT (sizeof echoed_levels / sizeof echoed_levels[0])

/* What was said of an outage before it ended. */
struct told {
	int64_t at_us;           /* when; -1: nothing was */
	int64_t started_us, started_ms;
};
#define UNTOLD { -1, -1, -1 }

struct watch {
	struct watch_options options;
	uv_timer_t tick;
	struct reach *reach;
	struct journal *journal;       /* NULL while it cannot be opened */
	bool is_journal_failing;
	struct ladder ladder;
	struct told told;
	struct latency latencies[LEVEL_COUNT];   /* of those with echoes */
	struct alive seen;             /* the last moment that was looked at */
	int64_t reach_due_us, row_due_us, alive_due_us;
	int64_t alive_from_us;         /* since when the watch was not reported */
	int64_t rows;
	bool is_changed;               /* the journal's state is not what it is now */
};

/* --- what is emitted --- */

static void emit(struct watch *watch, const char *type, json_t *event)
{
	watch->options.emit(watch->options.arg, type, event);
	watch->is_changed = true;
}

static struct event_boot this_boot(const struct watch *watch)
{
	return (struct event_boot){ watch->options.boot_id, watch->seen.at };
}

static void emit_gap(struct watch *watch, const struct gap *gap, const struct alive *before)
{
	int64_t row_ms = watch->options.rule.row_ms, uncertain_ms = 0;

	if (gap->cause == CAUSE_POWER)
		uncertain_ms = 2 * row_ms;   /* J1: the row before may not have been durable */
	else if (gap->cause == CAUSE_AGENT && !before->ended_clean)
		uncertain_ms = row_ms;
	if (gap->cause != CAUSE_NONE)
		emit(watch, "outage", event_gap(gap, before, uncertain_ms));
	if (gap->clock_step_ms)
		emit(watch, "clock_step", event_clock_step(gap, &watch->seen.at));
}

static void emit_alive(struct watch *watch, const struct event_boot *boot, int64_t from_us, int64_t to_us, int synced)
{
	if (to_us > from_us)
		emit(watch, "alive", event_alive(boot, from_us, to_us, synced));
}

static void report_alive(struct watch *watch, int64_t to_us)
{
	struct event_boot boot = this_boot(watch);

	emit_alive(watch, &boot, watch->alive_from_us, to_us, clock_is_synced());
	watch->alive_from_us = to_us;
}

/* An outage under way is told once, when it is down; the next one after the end of this was. */
static void tell_outage(struct watch *watch, const struct event_boot *boot, int64_t now_us)
{
	struct outage so_far;

	if (watch->told.at_us >= 0 || !ladder_under_way(&watch->ladder, now_us, &so_far))
		return;
	watch->told = (struct told){ now_us, so_far.started_us, event_date_ms(boot, so_far.started_us) };
	emit(watch, "outage", event_outage_open(boot, &so_far));
}

static bool is_told(const struct told *told, const struct outage *outage)
{
	return told->at_us >= 0 && outage->started_us <= told->at_us && outage->ended_us > told->started_us;
}

/* Its end has the start that was told, also where the clock was set meanwhile: that is what it is known by. */
static json_t *end_told(struct watch *watch, const struct event_boot *boot, struct outage *outage)
{
	int64_t started_ms = watch->told.started_ms;
	json_t *event;

	outage->started_us = watch->told.started_us;
	event = event_outage(boot, outage);
	json_object_set_new(event, "started_ms", json_integer(started_ms));
	json_object_set_new(event, "ended_ms", json_integer(started_ms + (outage->ended_us - outage->started_us) / 1000));
	watch->told = (struct told)UNTOLD;
	return event;
}

static void report_outages(struct watch *watch, const struct event_boot *boot, int64_t now_us)
{
	struct outage outage;

	while (ladder_take(&watch->ladder, now_us, &outage))
		emit(watch, "outage", is_told(&watch->told, &outage) ? end_told(watch, boot, &outage) : event_outage(boot, &outage));
	if (!watch->ladder.pending_count && ladder_next_sweep_us(&watch->ladder) == INT64_MAX)
		watch->told = (struct told)UNTOLD;   /* nothing is left that could be its end */
}

static void report_bins(struct watch *watch, bool flush)
{
	struct event_boot boot = this_boot(watch);
	struct latency_figures figures;

	for (size_t i = 0; i < ECHOED_COUNT; i++)
		while (latency_take(&watch->latencies[echoed_levels[i]], watch->seen.at.boottime_us, flush, &figures))
			emit(watch, "latency", event_latency(&boot, echoed_levels[i], reach_peek(watch->reach, echoed_levels[i]),
							     &figures));
}

/* --- the journal --- */

json_t *watch_status(const struct watch *watch)
{
	struct event_boot boot = this_boot(watch);
	json_t *levels = json_object(), *targets = json_object(), *status;
	int64_t since_us = 0;
	enum outage_cause cause = ladder_cause_now(&watch->ladder, &since_us);

	for (int i = 0; i < LEVEL_COUNT; i++)
		json_object_set_new(levels, ladder_level_names[i], json_string(level_state_names[watch->ladder.levels[i].state]));
	for (size_t i = 0; i < ECHOED_COUNT; i++) {
		const struct reach_target *target = reach_peek(watch->reach, echoed_levels[i]);

		json_object_set_new(targets, ladder_level_names[echoed_levels[i]],
				    json_pack("{s:s, s:s}", "host", target->host, "way", echo_way_names[target->way]));
	}
	status = json_pack("{s:o, s:o}", "levels", levels, "targets", targets);
	if (cause != CAUSE_NONE) {
		json_object_set_new(status, "cause", json_string(outage_cause_names[cause]));
		json_object_set_new(status, "since_ms", json_integer(event_date_ms(&boot, since_us)));
	}
	return status;
}

/* One that could not be opened at the start is tried again with each row: the watch does not depend on it. */
static int open_journal(struct watch *watch, struct err *err)
{
	return watch->journal ? 0 : journal_open(watch->options.journal_path, &watch->journal, err);
}

/* Says once that it fails, and once that it works again; why NULL: it worked. A damaged one is begun anew. */
static void note_journal(struct watch *watch, const struct err *why)
{
	if (why && !watch->is_journal_failing)
		log_error("%s; the watch goes on, a power cut meanwhile stays unexplained", why->message);
	else if (!why && watch->is_journal_failing)
		log_info("journal: works again");
	watch->is_journal_failing = why != NULL;
	if (why && why->code == ERR_DAMAGED) {
		journal_close(watch->journal);
		watch->journal = NULL;
	}
}

static json_t *write_told(const struct told *told)
{
	return json_pack("{s:I, s:I, s:I}", "at_us", (json_int_t)told->at_us, "started_us", (json_int_t)told->started_us,
			 "started_ms", (json_int_t)told->started_ms);
}

static void write_row(struct watch *watch, bool durable, bool ended_clean)
{
	struct journal_row row = {
		.alive = watch->seen,
		.synced = clock_is_synced(),
		.alive_from_us = watch->alive_from_us,
		.state = watch_status(watch),
		.ladder = ladder_to_json(&watch->ladder),
	};
	struct err err;
	bool failed;

	row.alive.ended_clean = ended_clean;
	json_object_set_new(row.ladder, "told", write_told(&watch->told));
	failed = open_journal(watch, &err) < 0 || journal_write(watch->journal, &row, durable, &err) < 0;
	note_journal(watch, failed ? &err : NULL);
	journal_row_free(&row);
	watch->is_changed = false;
}

/* J1: a row each 30 s, durable each 60 s; one in between when something has changed, for those who look. */
static void keep_journal(struct watch *watch)
{
	int64_t now_us = watch->seen.at.boottime_us, every_us = watch->options.rule.row_ms * 1000;
	bool due = now_us >= watch->row_due_us - every_us / ROW_EARLY_PART;

	if (!due && !watch->is_changed)
		return;
	if (due)
		watch->row_due_us = now_us > watch->row_due_us + every_us ? now_us + every_us : watch->row_due_us + every_us;
	write_row(watch, due && watch->rows++ % 2 == 0, false);
}

/* --- clocks and gaps --- */

/* Nobody watched from before until now: nothing of that time is billed (O-e, J2). */
static void interrupt(struct watch *watch, int64_t before_us, int64_t excused_until_us)
{
	ladder_interrupt(&watch->ladder, before_us, excused_until_us);
	for (size_t i = 0; i < ECHOED_COUNT; i++)
		latency_available(&watch->latencies[echoed_levels[i]], watch->seen.at.boottime_us);
}

/* Returns whether a gap lies between this moment and the one before. */
static bool look_at_clocks(struct watch *watch)
{
	struct alive before = watch->seen;
	struct gap gap;

	watch->seen.at = clock_now(&watch->options.clock);
	gap = gap_explain(&before, &watch->seen);
	if (gap.cause != CAUSE_NONE) {
		reach_void(watch->reach);
		report_alive(watch, before.at.boottime_us);
		watch->alive_from_us = watch->seen.at.boottime_us;
		interrupt(watch, before.at.boottime_us, watch->seen.at.boottime_us + watch->options.rule.starting_ms * 1000);
	}
	emit_gap(watch, &gap, &before);
	return gap.cause != CAUSE_NONE;
}

/* --- the ladder --- */

static void set_tick(struct watch *watch);

/* L2: echoes of a confirmed episode are unavailable time, no loss. */
static void note_availability(struct watch *watch, enum ladder_level level)
{
	const struct level_watch *state = &watch->ladder.levels[level];

	if (state->state == LEVEL_UP || state->state == LEVEL_UNTRIED)
		latency_available(&watch->latencies[level], state->first_success_us);
	else if (state->episode.confirmed)
		latency_unavailable(&watch->latencies[level], state->episode.started_us);
}

static void say_change(const struct watch *watch, enum outage_cause before)
{
	int64_t since_us;
	enum outage_cause now = ladder_cause_now(&watch->ladder, &since_us);

	if (before == CAUSE_NONE && now != CAUSE_NONE)
		log_warning("interrupted: %s", outage_cause_names[now]);
	else if (before != CAUSE_NONE && now == CAUSE_NONE)
		log_info("no longer interrupted");
}

static void on_attempted(void *arg, enum ladder_level level, int64_t at_us, bool ok)
{
	struct watch *watch = arg;
	enum level_state before = watch->ladder.levels[level].state;
	bool was_sweeping = ladder_next_sweep_us(&watch->ladder) != INT64_MAX;
	int64_t since_us;
	enum outage_cause cause = ladder_cause_now(&watch->ladder, &since_us);

	if (look_at_clocks(watch))
		return;   /* slept over it */
	ladder_attempt(&watch->ladder, level, at_us, ok);
	if (!was_sweeping)
		ladder_sweep_from(&watch->ladder, watch->seen.at.boottime_us);
	note_availability(watch, level);
	say_change(watch, cause);
	watch->is_changed = watch->is_changed || watch->ladder.levels[level].state != before;
	set_tick(watch);
}

static void on_echoed(void *arg, enum ladder_level level, const struct echo_result *result)
{
	static const enum latency_fate fates[] = { [ECHO_ANSWERED] = LATENCY_ANSWERED, [ECHO_LATE] = LATENCY_LATE,
						   [ECHO_LOST] = LATENCY_LOST };
	struct watch *watch = arg;

	if (!look_at_clocks(watch))
		latency_add(&watch->latencies[level], result->sent_us, fates[result->outcome], result->delay_us);
}

/* Names and HTTP are tried at the local server. */
static void on_changed(void *arg, enum ladder_level level)
{
	struct watch *watch = arg;
	int64_t now_us = clock_now(&watch->options.clock).boottime_us;

	ladder_forget(&watch->ladder, level, now_us);
	if (level == LEVEL_LOCAL) {
		ladder_forget(&watch->ladder, LEVEL_NAMES, now_us);
		ladder_forget(&watch->ladder, LEVEL_HTTP, now_us);
	}
	latency_available(&watch->latencies[level], now_us);
	watch->is_changed = true;
}

/* --- the tick --- */

static void sweep_if_due(struct watch *watch, int64_t now_us)
{
	if (now_us < ladder_next_sweep_us(&watch->ladder))
		return;
	ladder_swept(&watch->ladder, now_us);
	reach_sweep(watch->reach);
}

static void on_tick(uv_timer_t *timer)
{
	struct watch *watch = timer->data;
	struct event_boot boot;
	int64_t now_us;

	look_at_clocks(watch);
	now_us = watch->seen.at.boottime_us;
	boot = this_boot(watch);
	watch->reach_due_us = reach_run(watch->reach, now_us);
	sweep_if_due(watch, now_us);
	ladder_slice(&watch->ladder, now_us);
	report_outages(watch, &boot, now_us);
	tell_outage(watch, &boot, now_us);
	report_bins(watch, false);
	if (now_us >= watch->alive_due_us) {
		watch->alive_due_us = now_us + watch->options.rule.alive_ms * 1000;
		report_alive(watch, now_us);
	}
	keep_journal(watch);
	set_tick(watch);
}

static int64_t earlier(int64_t a_us, int64_t b_us)
{
	return a_us < b_us ? a_us : b_us;
}

static void set_tick(struct watch *watch)
{
	int64_t now_us = clock_now(&watch->options.clock).boottime_us, due_us = now_us + TICK_MAX_US;

	due_us = earlier(due_us, earlier(watch->reach_due_us, ladder_next_sweep_us(&watch->ladder)));
	due_us = earlier(due_us, earlier(watch->row_due_us, watch->alive_due_us));
	if (watch->is_changed)
		due_us = now_us;
	uv_timer_start(&watch->tick, on_tick, due_us > now_us ? (uint64_t)(due_us - now_us + 999) / 1000 : 0, 0);
}

/* --- what happened before this start --- */

static void read_told(const json_t *object, struct told *ret_told)
{
	json_int_t at_us, started_us, started_ms;

	if (json_unpack((json_t *)object, "{s:I, s:I, s:I}", "at_us", &at_us, "started_us", &started_us, "started_ms",
			&started_ms) == 0)
		*ret_told = (struct told){ at_us, started_us, started_ms };
}

static void restore_ladder(struct watch *watch, const struct journal_row *row)
{
	struct err err;

	if (ladder_from_json(row->ladder, &watch->ladder, &err) < 0)
		log_warning("journal: %s: what was under way is lost", err.message);
	else
		read_told(json_object_get(row->ladder, "told"), &watch->told);
	for (size_t i = 0; i < ECHOED_COUNT; i++) {
		const json_t *targets = json_object_get(row->state, "targets");
		const json_t *target = json_object_get(targets, ladder_level_names[echoed_levels[i]]);
		const char *host = json_string_value(json_object_get(target, "host"));

		reach_remember(watch->reach, echoed_levels[i], host ? host : "");
	}
}

/* An episode that was open then ends there; after another boot nothing can be one event with what follows. */
static void explain_row(struct watch *watch, const struct journal_row *row)
{
	struct gap gap = gap_explain(&row->alive, &watch->seen);
	bool same_boot = !strcmp(row->alive.boot_id, watch->seen.boot_id);
	struct event_boot then = same_boot ? this_boot(watch) : (struct event_boot){ row->alive.boot_id, row->alive.at };
	int64_t starting_us = watch->options.rule.starting_ms * 1000;

	restore_ladder(watch, row);
	emit_alive(watch, &then, row->alive_from_us, row->alive.at.boottime_us, row->synced);
	interrupt(watch, row->alive.at.boottime_us,
		  gap.cause == CAUSE_SUSPEND ? watch->seen.at.boottime_us + starting_us : starting_us);
	if (!same_boot)
		report_outages(watch, &then, INT64_MAX);
	emit_gap(watch, &gap, &row->alive);
	if (gap.cause != CAUSE_NONE)
		log_info("nobody watched for %" PRId64 " s: %s", (gap.ended_ms - gap.started_ms) / 1000,
			 outage_cause_names[gap.cause]);
}

static void explain_gap(struct watch *watch)
{
	struct journal_row row;
	struct err err;

	if (open_journal(watch, &err) < 0) {
		note_journal(watch, &err);
	} else if (journal_read(watch->journal, &row, &err) == 0) {
		explain_row(watch, &row);
		journal_row_free(&row);
	} else if (err.code != ERR_NOT_FOUND) {
		log_error("%s", err.message);
	}
}

/* --- opening and closing --- */

static void begin(struct watch *watch)
{
	const struct watch_rule *rule = &watch->options.rule;
	int64_t settle_us = (rule->reach.timeout_ms + rule->reach.late_ms) * 1000;

	watch->seen.at = clock_now(&watch->options.clock);
	text_copy(watch->seen.boot_id, sizeof watch->seen.boot_id, watch->options.boot_id);
	random_uuid(&watch->options.random, watch->seen.process_id);
	watch->alive_from_us = watch->seen.at.boottime_us;
	watch->alive_due_us = watch->alive_from_us + rule->alive_ms * 1000;
	watch->told = (struct told)UNTOLD;
	ladder_init(&watch->ladder, &rule->ladder);
	for (size_t i = 0; i < ECHOED_COUNT; i++)
		latency_init(&watch->latencies[echoed_levels[i]],
			     (echoed_levels[i] == LEVEL_HUB ? rule->hub_bin_ms : rule->bin_ms) * 1000, settle_us,
			     watch->alive_from_us);
	uv_timer_init(watch->options.loop, &watch->tick);
	watch->tick.data = watch;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void release(struct watch *watch)
{
	reach_close(watch->reach);
	journal_close(watch->journal);
	uv_close((uv_handle_t *)&watch->tick, on_closed);
}

int watch_open(const struct watch_options *options, struct watch **ret_watch, struct err *err)
{
	struct watch *watch = xcalloc(1, sizeof *watch);
	struct reach_options reach = { .loop = options->loop, .fetch = options->fetch, .clock = options->clock,
				       .random = options->random, .interface = options->interface, .rule = options->rule.reach,
				       .attempted = on_attempted, .echoed = on_echoed, .changed = on_changed, .arg = watch };

	watch->options = *options;
	begin(watch);
	if (reach_open(&reach, &watch->reach, err) < 0) {
		release(watch);
		return -1;
	}
	explain_gap(watch);
	on_tick(&watch->tick);
	*ret_watch = watch;
	return 0;
}

void watch_set_url(struct watch *watch, enum ladder_level level, const char *url)
{
	reach_set_url(watch->reach, level, url);
	set_tick(watch);
}

/* What a failed transfer from the local server says of its levels. A body that came, though cut or altered, is an answer. */
static const struct {
	enum reason reason;
	enum ladder_level level;
} failures[] = {
	{ REASON_DNS, LEVEL_NAMES },      { REASON_CONNECT, LEVEL_HTTP },     { REASON_TLS, LEVEL_HTTP },
	{ REASON_NO_ANSWER, LEVEL_HTTP }, { REASON_HTTP_STATUS, LEVEL_HTTP },
};

/* The ladder has no levels for the hub's name and HTTP: there a sweep looks at what it has. */
void watch_transfer_failed(struct watch *watch, enum leg leg, enum reason reason)
{
	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
		if (failures[i].reason != reason)
			continue;
		if (leg == LEG_LOCAL)
			reach_failed(watch->reach, failures[i].level);
		else
			reach_sweep(watch->reach);
	}
}

void watch_set_alive(struct watch *watch, int64_t alive_ms)
{
	watch->options.rule.alive_ms = alive_ms;
	watch->alive_due_us = earlier(watch->alive_due_us, watch->seen.at.boottime_us + alive_ms * 1000);
	set_tick(watch);
}

void watch_close(struct watch *watch)
{
	if (!watch)
		return;
	look_at_clocks(watch);
	report_alive(watch, watch->seen.at.boottime_us);
	report_bins(watch, true);
	write_row(watch, true, true);
	release(watch);
}
