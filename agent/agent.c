/* on_tick asks the schedule what is due: a report goes to the uplink, a run and orders to the prober. Beside it the watch
 * tries gateway, file servers and names all the time. Each record is in the spool before it counts as made. A new
 * instruction, which the listener brings, changes what the next run does, and whom the watch tries; its orders are probed at
 * once.
 *
 * What can fail here is logged here and does not end the daemon: it goes on measuring without a collector, and while its
 * disk takes nothing (keeper.h). */
#include "agent/agent.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/notify.h"
#include "agent/base/random.h"
#include "agent/base/units.h"
#include "agent/command.h"
#include "agent/fetch.h"
#include "agent/uplink/identity.h"
#include "agent/uplink/instruction.h"
#include "agent/spool/keeper.h"
#include "agent/uplink/listener.h"
#include "agent/measure/prober.h"
#include "agent/measure/schedule.h"
#include "agent/spool/spool.h"
#include "agent/state_dir.h"
#include "agent/uplink/uplink.h"
#include "agent/watch/watch.h"

struct agent {
	const struct agent_config *config;
	struct clock clock;
	struct random_source random;
	char boot[BOOT_ID_SIZE];
	int lock_fd;                         /* -1 while the state directory is not held */
	struct identity identity;
	const char *collector_url;           /* NULL: works alone */
	struct instruction instruction;
	char etag[ETAG_SIZE];
	struct keeper *keeper;
	struct schedule schedule;

	uv_loop_t loop;
	uv_timer_t tick, watchdog, tend;
	uv_signal_t terminate, interrupt;
	struct fetch *fetch;
	struct uplink *uplink;
	struct listener *listener;
	char *journal_path;
	struct watch *watch;                 /* NULL when it could not be opened */
	bool has_news;                       /* an outage is under way: the report does not wait for its time */
	bool is_stopping;

	struct prober *prober;
};

/* --- what is kept on disk --- */

static char *path_of(const struct agent *agent, const char *name)
{
	return state_dir_path(agent->config->state_dir, name);
}

static const struct key_texts *targets(const struct agent *agent)
{
	return agent->config->targets_allowed.count ? &agent->config->targets_allowed : &agent->identity.targets;
}

/* An agent without a collector needs no identity. */
static int load_identity(struct agent *agent, struct err *err)
{
	char *path = path_of(agent, STATE_IDENTITY);
	int rc = identity_load(path, &agent->identity, err);

	free(path);
	if (rc < 0 && err->code != ERR_NOT_FOUND)
		return -1;
	if (identity_is_enrolled(&agent->identity))
		agent->collector_url = agent->config->collector_url ? agent->config->collector_url : agent->identity.collector;
	else if (agent->config->collector_url)
		return err_set(err, ERR_USAGE, "collector: this agent is not enrolled: run " COMMAND_PROGRAM
			       " enroll --collector %s --token TOKEN", agent->config->collector_url);
	return 0;
}

static void drop_order(struct instruction *instruction, size_t index)
{
	instruction->order_count--;
	memmove(&instruction->orders[index], &instruction->orders[index + 1],
		(instruction->order_count - index) * sizeof instruction->orders[0]);
}

/* The collector names an order until its answer has arrived; here it is answered once the answer is in the spool. */
static void drop_answered_orders(struct agent *agent)
{
	struct instruction *instruction = &agent->instruction;
	struct err err;

	for (size_t i = instruction->order_count; i-- > 0;) {
		int answered = 1;

		if (spool_order_answered(keeper_spool(agent->keeper), instruction->orders[i].id, &answered, &err) < 0)
			log_error("%s", err.message);
		if (answered)
			drop_order(instruction, i);
	}
}

/* Only the collector's instruction counts where there is one: until it arrives there is nothing to probe. */
static int load_instruction(struct agent *agent, struct err *err)
{
	char *path;

	if (instruction_from_config(agent->config, &agent->instruction, err) < 0)
		return -1;
	if (!agent->collector_url && !agent->instruction.file_count)
		return err_set(err, ERR_USAGE, "nothing to do: the configuration has no reference_files, and this agent is not "
			       "enrolled with a collector");
	if (!agent->collector_url)
		return 0;
	agent->instruction.file_count = 0;
	path = path_of(agent, STATE_INSTRUCTION);
	if (instruction_load(path, targets(agent), &agent->instruction, agent->etag, err) == 0)
		drop_answered_orders(agent);
	else if (err->code != ERR_NOT_FOUND)
		log_warning("%s; asking the collector anew", err->message);
	free(path);
	return 0;
}

static int open_keeper(struct agent *agent, struct err *err)
{
	char *path = path_of(agent, STATE_SPOOL);
	struct keeper_options options = { .path = path, .max_bytes = agent->config->spool_max_bytes, .random = agent->random,
					  .clock = agent->clock };
	int rc = keeper_open(&options, &agent->keeper, err);

	free(path);
	return rc;
}

static void on_tend(uv_timer_t *timer);

/* Trouble brings the next look nearer. */
static void set_tend(struct agent *agent)
{
	uint64_t wait_ms = (uint64_t)keeper_wait_ms(agent->keeper);

	if (!agent->is_stopping && (!uv_is_active((uv_handle_t *)&agent->tend) || uv_timer_get_due_in(&agent->tend) > wait_ms))
		uv_timer_start(&agent->tend, on_tend, wait_ms, 0);
}

static void append(struct agent *agent, const char *type, int64_t at_ms, json_t *members)
{
	struct spool_event event = { .boot = agent->boot, .type = type, .at_ms = at_ms, .members = members };

	keeper_append(agent->keeper, &event);
	set_tend(agent);
	json_decref(members);
}

static void record_start(struct agent *agent)
{
	struct instant now = clock_now(&agent->clock);

	append(agent, "boot", now.realtime_ms, json_pack("{s:I, s:I, s:s}", "started_ms", (json_int_t)now.realtime_ms,
							 "boottime_us", (json_int_t)now.boottime_us, "version",
							 PLUMBLINE_VERSION));
}

/* --- probing --- */

static void wake(struct agent *agent);

static void say_measured(const struct measurement *measurement)
{
	char throughput[UNITS_TEXT_SIZE] = "no figure", threshold[UNITS_TEXT_SIZE] = "none";
	const char *reason = reason_names[measurement->reason];

	if (measurement->throughput_bps != JSON_ABSENT)
		units_format_rate(measurement->throughput_bps, throughput);
	if (measurement->threshold_bps != JSON_ABSENT)
		units_format_rate(measurement->threshold_bps, threshold);
	log_info("%s: %s, threshold %s: %s%s%s%s", leg_names[measurement->leg], throughput, threshold,
		 judgement_names[measurement->judgement], reason[0] ? " (" : "", reason, reason[0] ? ")" : "");
}

static void on_measured(void *arg, const struct measurement *measurement)
{
	struct agent *agent = arg;

	append(agent, "measurement", measurement->started_ms, measurement_to_json(measurement));
	say_measured(measurement);
	if (measurement->judgement == JUDGED_FAILED && agent->watch)
		watch_transfer_failed(agent->watch, (enum leg)measurement->leg, (enum reason)measurement->reason);
	if (measurement->trigger == TRIGGER_ORDER && agent->uplink)
		uplink_report(agent->uplink);
	wake(agent);
}

static void pass_orders(struct agent *agent)
{
	struct instruction *instruction = &agent->instruction;
	int64_t now_ms = clock_now(&agent->clock).realtime_ms;

	while (instruction->order_count) {
		struct instruction_order order = instruction->orders[0];

		drop_order(instruction, 0);
		if (order.expires_ms > now_ms)
			prober_order(agent->prober, &order);
	}
}

static void probe_what_is_due(struct agent *agent, const struct schedule_step *step)
{
	pass_orders(agent);
	if (!step->run || !agent->instruction.file_count)
		return;
	schedule_ran(&agent->schedule);
	prober_run(agent->prober, agent->schedule.cell_ms);
}

/* --- watching --- */

static void on_watched(void *arg, const char *type, json_t *event)
{
	struct agent *agent = arg;
	const json_t *ended = json_object_get(event, "ended_ms");
	int64_t at_ms = ended ? json_integer_value(ended) : clock_now(&agent->clock).realtime_ms;

	append(agent, type, at_ms, event);
	if (strcmp(type, "outage") || ended)
		return;
	agent->has_news = true;
	wake(agent);
}

static void follow_instruction(struct agent *agent)
{
	const struct instruction_file *local = instruction_file(&agent->instruction, LEG_LOCAL);
	const struct instruction_file *hub = instruction_file(&agent->instruction, LEG_HUB);

	if (!agent->watch)
		return;
	watch_set_url(agent->watch, LEVEL_LOCAL, local ? local->url : NULL);
	watch_set_url(agent->watch, LEVEL_HUB, hub ? hub->url : NULL);
	watch_set_alive(agent->watch, agent->instruction.report_ms);
}

/* An agent that cannot watch goes on measuring. */
static void start_watch(struct agent *agent)
{
	struct watch_options options = {
		.loop = &agent->loop, .fetch = agent->fetch, .clock = agent->clock, .random = agent->random,
		.boot_id = agent->boot, .journal_path = agent->journal_path, .interface = agent->config->interface,
		.rule = watch_rule_from_config(&agent->config->watch), .emit = on_watched, .arg = agent,
	};
	struct err err;

	if (watch_open(&options, &agent->watch, &err) < 0)
		log_error("%s: interruptions are not watched", err.message);
	follow_instruction(agent);
}

/* --- the loop --- */

static void on_tick(uv_timer_t *timer)
{
	struct agent *agent = timer->data;
	struct instant now = clock_now(&agent->clock);
	struct schedule_step step = schedule_step(&agent->schedule, &now, &agent->random);

	if ((step.report || agent->has_news) && !prober_is_measuring(agent->prober)) {   /* neither its bytes nor its disk writes belong into a measurement */
		schedule_reported(&agent->schedule, &now, &agent->random);
		agent->has_news = false;
		if (agent->uplink)
			uplink_report(agent->uplink);
	}
	probe_what_is_due(agent, &step);
	step = schedule_step(&agent->schedule, &now, &agent->random);
	uv_timer_start(&agent->tick, on_tick, (uint64_t)step.wait_ms, 0);
}

static void wake(struct agent *agent)
{
	if (!agent->is_stopping)
		uv_timer_start(&agent->tick, on_tick, 0, 0);
}

static void keep_instruction(struct agent *agent, const char *etag, const char *text, size_t length)
{
	char *path = path_of(agent, STATE_INSTRUCTION);
	struct err err;

	if (instruction_save(path, etag, text, length, &err) < 0)
		log_error("instruction: %s", err.message);
	free(path);
}

/* For `status`. A good instruction ends it. */
static void keep_refusal(struct agent *agent, const char *etag, const char *why)
{
	char *path = path_of(agent, STATE_REFUSAL);
	struct err err;

	if (!why)
		unlink(path);
	else if (refusal_save(path, etag, why, clock_now(&agent->clock).realtime_ms, &err) < 0)
		log_error("instruction: %s", err.message);
	free(path);
}

/* An order stands for a time, not until a time: this machine's clock may be wrong. */
static void date_orders(struct instruction *instruction, int64_t now_ms)
{
	for (size_t i = 0; i < instruction->order_count; i++) {
		struct instruction_order *order = &instruction->orders[i];

		order->expires_ms = now_ms + order->expires_ms - order->placed_ms;
	}
}

static void on_instruction(void *arg, const char *etag, const char *text, size_t length)
{
	struct agent *agent = arg;
	struct instruction *instruction = &agent->instruction;
	struct instant now = clock_now(&agent->clock);
	struct err err;

	if (instruction_parse(text, length, targets(agent), instruction, &err) < 0) {
		log_error("instruction refused, the one before stays in force: %s", err.message);
		keep_refusal(agent, etag, err.message);
		return;
	}
	log_info("instruction %s in force: line %s, %zu reference files, a run each %" PRId64 " s, a report each %" PRId64 " s",
		 instruction->version, instruction->line, instruction->file_count, instruction->interval_ms / 1000,
		 instruction->report_ms / 1000);
	keep_instruction(agent, etag, text, length);
	keep_refusal(agent, etag, NULL);
	date_orders(instruction, now.realtime_ms);
	drop_answered_orders(agent);
	follow_instruction(agent);
	schedule_change(&agent->schedule, instruction->interval_ms, instruction->report_ms, &now, &agent->random);
	wake(agent);
}

static void on_watchdog(uv_timer_t *timer)
{
	(void)timer;
	notify_send("WATCHDOG=1");
}

/* Not beside a probe: its disk writes do not belong into a measurement. */
static void on_tend(uv_timer_t *timer)
{
	struct agent *agent = timer->data;

	if (!prober_is_measuring(agent->prober))
		keeper_tend(agent->keeper);
	set_tend(agent);
}

static void stop_loop(struct agent *agent);

static void on_signal(uv_signal_t *handle, int number)
{
	log_info("stopping on %s", strsignal(number));
	stop_loop(handle->data);
}

static void on_reported(void *arg, const char *etag)
{
	struct agent *agent = arg;

	listener_expect(agent->listener, etag);
}

static int start_listener(struct agent *agent, struct err *err)
{
	int64_t delay_us = agent->schedule.start_us - clock_now(&agent->clock).boottime_us;
	struct listener_options options = {
		.loop = &agent->loop, .fetch = agent->fetch, .clock = agent->clock, .random = agent->random,
		.identity = &agent->identity, .collector_url = agent->collector_url,
		.ca_file = agent->config->collector_ca_file, .etag = agent->etag,
		.delay_ms = delay_us > 0 ? delay_us / 1000 : 0,
		.backoff = { .first_ms = BACKOFF_FIRST_MS, .longest_ms = BACKOFF_LONGEST_MS },
		.instruct = on_instruction, .arg = agent,
	};

	return listener_open(&options, &agent->listener, err);
}

static int start_uplink(struct agent *agent, struct err *err)
{
	struct uplink_options options = {
		.loop = &agent->loop, .fetch = agent->fetch, .clock = agent->clock, .random = agent->random,
		.spool = keeper_spool(agent->keeper), .identity = &agent->identity, .boot = agent->boot,
		.collector_url = agent->collector_url,
		.ca_file = agent->config->collector_ca_file,
		.backoff = { .first_ms = BACKOFF_FIRST_MS, .longest_ms = BACKOFF_LONGEST_MS },
		.reported = on_reported, .arg = agent,
	};

	if (!agent->collector_url)
		return 0;
	return start_listener(agent, err) < 0 ? -1 : uplink_open(&options, &agent->uplink, err);
}

static void start_prober(struct agent *agent)
{
	struct prober_options options = {
		.no_line = "lo", .fetch = agent->fetch, .clock = agent->clock, .random = agent->random,
		.spool = keeper_spool(agent->keeper), .instruction = &agent->instruction, .interface = agent->config->interface,
		.sees_part = agent->config->sees_part, .budget_bytes = agent->config->budget_bytes,
		.discard_bytes = agent->config->discard_bytes, .server_busy = agent->config->server_busy,
		.has_collector = agent->collector_url, .measured = on_measured, .arg = agent,
	};

	agent->prober = prober_open(&options);
}

static void start_handles(struct agent *agent)
{
	uint64_t watchdog_ms = (uint64_t)notify_watchdog_interval_ms();

	uv_timer_init(&agent->loop, &agent->tick);
	uv_timer_init(&agent->loop, &agent->watchdog);
	uv_timer_init(&agent->loop, &agent->tend);
	uv_signal_init(&agent->loop, &agent->terminate);
	uv_signal_init(&agent->loop, &agent->interrupt);
	agent->tick.data = agent->tend.data = agent->terminate.data = agent->interrupt.data = agent;
	uv_signal_start(&agent->terminate, on_signal, SIGTERM);
	uv_signal_start(&agent->interrupt, on_signal, SIGINT);
	if (watchdog_ms)
		uv_timer_start(&agent->watchdog, on_watchdog, watchdog_ms, watchdog_ms);
	set_tend(agent);
	wake(agent);
}

/* Ends what is under way; the loop then runs until every handle is closed. */
static void stop_loop(struct agent *agent)
{
	if (agent->is_stopping)
		return;
	agent->is_stopping = true;
	notify_send("STOPPING=1");
	uv_close((uv_handle_t *)&agent->interrupt, NULL);
	uv_close((uv_handle_t *)&agent->terminate, NULL);
	uv_close((uv_handle_t *)&agent->tend, NULL);
	uv_close((uv_handle_t *)&agent->watchdog, NULL);
	uv_close((uv_handle_t *)&agent->tick, NULL);
	prober_close(agent->prober);
	if (agent->uplink)
		uplink_close(agent->uplink, NULL, NULL);
	if (agent->listener)
		listener_close(agent->listener, NULL, NULL);
	watch_close(agent->watch);
	if (agent->fetch)
		fetch_close(agent->fetch, NULL, NULL);
}

static int run_loop(struct agent *agent, struct err *err)
{
	int rc = -1;

	if (uv_loop_init(&agent->loop) < 0)
		return err_set(err, ERR_INTERNAL, "the event loop cannot be made");
	start_handles(agent);
	if (fetch_open(&agent->loop, &agent->fetch, err) == 0 && start_uplink(agent, err) == 0) {
		start_prober(agent);
		record_start(agent);
		start_watch(agent);
		log_info("%s: started; %s", agent->config->state_dir, agent->collector_url ? agent->collector_url : "no collector");
		notify_send("READY=1");
		rc = 0;
	} else {
		stop_loop(agent);
	}
	uv_run(&agent->loop, UV_RUN_DEFAULT);
	uv_loop_close(&agent->loop);
	return rc;
}

static void start_schedule(struct agent *agent)
{
	struct instant now = clock_now(&agent->clock);
	int64_t last_cell_ms = JSON_ABSENT;
	struct err err;

	if (spool_newest_cell(keeper_spool(agent->keeper), &last_cell_ms, &err) < 0)
		log_warning("%s; this cell may be measured twice", err.message);
	schedule_init(&agent->schedule, agent->instruction.interval_ms, agent->instruction.report_ms, last_cell_ms, &now,
		      &agent->random);
}

static int run(struct agent *agent, struct err *err)
{
	const char *state_dir = agent->config->state_dir;

	if (clock_boot_id(agent->boot, err) < 0 || state_dir_make(state_dir, err) < 0 ||
	    state_dir_lock(state_dir, &agent->lock_fd, err) < 0 || load_identity(agent, err) < 0 ||
	    open_keeper(agent, err) < 0 || load_instruction(agent, err) < 0)
		return -1;
	start_schedule(agent);
	return run_loop(agent, err);
}

int agent_command(const void *parsed, int argument_count, char **arguments)
{
	const struct command_options *options = parsed;
	struct agent_config config;
	struct agent *agent;
	struct err err;
	int rc;

	(void)argument_count;
	(void)arguments;
	if (command_read_config(options->config_path, &config) < 0)
		return COMMAND_EXIT_CONFIG;
	log_set_level((enum log_level)config.log_level);
	signal(SIGPIPE, SIG_IGN);
	agent = xcalloc(1, sizeof *agent);
	*agent = (struct agent){ .config = &config, .clock = clock_system(), .random = random_system(), .lock_fd = -1,
				 .journal_path = state_dir_path(config.state_dir, STATE_JOURNAL) };
	rc = run(agent, &err);
	keeper_close(agent->keeper);
	identity_free(&agent->identity);
	free(agent->journal_path);
	if (agent->lock_fd >= 0)
		close(agent->lock_fd);
	free(agent);
	agent_config_free(&config);
	return rc < 0 ? command_fail(&err) : 0;
}
