/* Each command gathers JSON first; the tables for people are made from it, so they say the same. */
#include "agent/show.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/base/measurement.h"
#include "agent/base/units.h"
#include "agent/command.h"
#include "agent/uplink/identity.h"
#include "agent/uplink/instruction.h"
#include "agent/watch/journal.h"
#include "agent/watch/outage.h"
#include "agent/spool/spool.h"
#include "agent/spool/spool_mark.h"
#include "agent/state_dir.h"

#define TIME_SIZE 48

const struct option_row show_status_rows[] = {
	COMMAND_CONFIG_ROW(struct show_options),
	COMMAND_JSON_ROW(struct show_options),
	{ .name = NULL },
};

#define SINCE_ROW(preset_)                                                                                              \
	{ .name = "since", .type = OPTION_TEXT, .offset = offsetof(struct show_options, since), .value_name = "DURATION",  \
	  .help = "how far back, such as 12h or 7d (" preset_ ")" }
#define MEASUREMENTS_SINCE "1d"
#define OUTAGES_SINCE      "30d"

const struct option_row show_measurements_rows[] = {
	COMMAND_CONFIG_ROW(struct show_options),
	SINCE_ROW(MEASUREMENTS_SINCE),
	COMMAND_JSON_ROW(struct show_options),
	{ .name = NULL },
};

const struct option_row show_outages_rows[] = {
	COMMAND_CONFIG_ROW(struct show_options),
	SINCE_ROW(OUTAGES_SINCE),
	COMMAND_JSON_ROW(struct show_options),
	{ .name = NULL },
};

static void print_json(const json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(2));

	puts(text);
	free(text);
}

/* In this machine's time zone, which it names. */
static void format_time(int64_t realtime_ms, char ret_text[TIME_SIZE])
{
	time_t seconds = (time_t)(realtime_ms / 1000);
	struct tm local;

	localtime_r(&seconds, &local);
	strftime(ret_text, TIME_SIZE, "%Y-%m-%d %H:%M:%S %Z", &local);
}

static void format_rate(int64_t bps, char ret_text[UNITS_TEXT_SIZE])
{
	if (bps == JSON_ABSENT)
		text_copy(ret_text, UNITS_TEXT_SIZE, "-");
	else
		units_format_rate(bps, ret_text);
}

static int open_spool(const struct agent_config *config, struct spool **ret_spool, struct err *err)
{
	char *path = state_dir_path(config->state_dir, STATE_SPOOL);
	int rc = spool_open_reading(path, ret_spool, err);

	free(path);
	return rc;
}

/* A spool that is not there yet, damaged, or on a broken disk: it could not be found out. */
static int fail(struct err *err)
{
	if (err->code == ERR_DAMAGED)
		err_wrap(err, "what was measured cannot be read, the daemon begins a new spool when it runs");
	command_fail(err);
	return 3;
}

/* --- status --- */

static void add_instruction(const struct agent_config *config, const struct identity *identity, json_t *status)
{
	const struct key_texts *own = &config->targets_allowed;
	char *path = state_dir_path(config->state_dir, STATE_INSTRUCTION), etag[ETAG_SIZE];
	struct instruction *instruction = xcalloc(1, sizeof *instruction);
	struct err ignored;

	if (instruction_load(path, own->count ? own : &identity->targets, instruction, etag, &ignored) == 0)
		json_object_set_new(status, "instruction",
				    json_pack("{s:s, s:I, s:I}", "version", instruction->version, "interval_s",
					      (json_int_t)(instruction->interval_ms / 1000), "report_s",
					      (json_int_t)(instruction->report_ms / 1000)));
	free(instruction);
	free(path);
}

/* The last one that arrived, when it was not taken. */
static void add_refusal(const struct agent_config *config, json_t *status)
{
	char *path = state_dir_path(config->state_dir, STATE_REFUSAL);
	json_t *refusal;
	struct err ignored;

	if (refusal_load(path, &refusal, &ignored) == 0)
		json_object_set_new(status, "instruction_refused", refusal);
	free(path);
}

/* Where this agent's probes may go, whatever an instruction says. */
static json_t *list_targets(const struct agent_config *config, const struct identity *identity)
{
	const struct key_texts *own = &config->targets_allowed, *targets = own->count ? own : &identity->targets;
	json_t *list = json_array();

	for (size_t i = 0; i < targets->count; i++)
		json_array_append_new(list, json_string(targets->items[i]));
	return json_pack("{s:o, s:s}", "hosts", list, "from", own->count ? "targets_allowed" : "enrolment");
}

static void add_enrolment(const struct agent_config *config, json_t *status)
{
	char *path = state_dir_path(config->state_dir, STATE_IDENTITY);
	struct identity identity = { 0 };
	struct err ignored;

	if (identity_load(path, &identity, &ignored) == 0 && identity_is_enrolled(&identity)) {
		json_object_set_new(status, "agent", json_string(identity.agent));
		json_object_set_new(status, "line", json_string(identity.line));
		json_object_set_new(status, "collector", json_string(config->collector_url ? config->collector_url
											  : identity.collector));
		json_object_set_new(status, "targets", list_targets(config, &identity));
		add_instruction(config, &identity, status);
		add_refusal(config, status);
	}
	identity_free(&identity);
	free(path);
}

static void set_known(json_t *object, const char *name, int64_t value)
{
	if (value != JSON_ABSENT)
		json_object_set_new(object, name, json_integer(value));
}

static json_t *describe_report(const struct spool_state *state)
{
	json_t *report = json_object();

	set_known(report, "acknowledged_ms", state->reported_ms);
	set_known(report, "fault_ms", state->fault_ms);
	if (state->fault[0])
		json_object_set_new(report, "fault", json_string(state->fault));
	return report;
}

/* What the daemon left word of beside its spool; a read-only disk took no word. */
static void add_disk(const struct agent_config *config, json_t *status)
{
	char *path = state_dir_path(config->state_dir, STATE_SPOOL_MARK);
	struct spool_mark mark;
	struct err ignored;

	if (spool_mark_read(path, &mark, &ignored) < 0)
		spool_mark_init(&mark);
	free(path);
	if (mark.fault_ms != JSON_ABSENT)
		json_object_set_new(status, "disk", json_pack("{s:s, s:I, s:I, s:I}", "fault", mark.fault, "fault_ms",
							      (json_int_t)mark.fault_ms, "held", (json_int_t)mark.held,
							      "lost", (json_int_t)mark.lost));
	else if (access(config->state_dir, W_OK) < 0 && errno == EROFS)
		json_object_set_new(status, "disk", json_pack("{s:s}", "fault", "it is read-only"));
}

static int add_spool(struct spool *spool, json_t *status, struct err *err)
{
	struct spool_state state;
	json_t *kept, *rejected, *legs = json_object(), *newest;

	json_object_set_new(status, "legs", legs);
	if (spool_state(spool, &state, err) < 0 || spool_rejected(spool, &rejected, err) < 0)
		return -1;
	kept = json_pack("{s:s, s:I, s:I, s:o}", "id", state.uuid, "waiting", (json_int_t)state.waiting, "acked_seq",
			 (json_int_t)state.acked_seq, "rejected", rejected);
	set_known(kept, "oldest_waiting_ms", state.oldest_ms);
	json_object_set_new(status, "spool", kept);
	json_object_set_new(status, "report", describe_report(&state));
	for (int leg = 0; leg < LEG_COUNT; leg++) {
		if (spool_newest(spool, leg_names[leg], &newest, err) < 0)
			return -1;
		json_object_set_new(legs, leg_names[leg], newest);
	}
	return 0;
}

/* What the watch noted last, or NULL when it never ran. */
static json_t *read_watch(const struct agent_config *config)
{
	char *path = state_dir_path(config->state_dir, STATE_JOURNAL);
	struct journal *journal = NULL;
	struct journal_row row = { 0 };
	json_t *watch = NULL;
	struct err ignored;

	if (journal_open_reading(path, &journal, &ignored) == 0 && journal_read(journal, &row, &ignored) == 0) {
		watch = json_incref(row.state);
		json_object_set_new(watch, "at_ms", json_integer(row.alive.at.realtime_ms));
	}
	journal_row_free(&row);
	journal_close(journal);
	free(path);
	return watch;
}

/* What can be told is told, also where the spool cannot be read. */
static int gather_status(const struct agent_config *config, json_t *status, struct err *err)
{
	struct spool *spool;
	int rc;

	json_object_set_new(status, "running", json_boolean(state_dir_is_locked(config->state_dir)));
	add_enrolment(config, status);
	json_object_set_new(status, "watch", read_watch(config));
	add_disk(config, status);
	if (open_spool(config, &spool, err) < 0)
		return -1;
	rc = add_spool(spool, status, err);
	spool_close(spool);
	return rc;
}

static const char *text_of(const json_t *object, const char *name, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : otherwise;
}

static void print_time(const char *label, const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	char text[TIME_SIZE] = "never";

	if (value)
		format_time(json_integer_value(value), text);
	printf("%-13s%s", label, text);
}

static void print_leg(const char *leg, const json_t *object)
{
	char throughput[UNITS_TEXT_SIZE], threshold[UNITS_TEXT_SIZE], started[TIME_SIZE];
	struct measurement measurement;
	struct err ignored;

	if (measurement_from_json(object, &measurement, NULL, &ignored) < 0) {
		printf("%-13snot measured yet\n", leg);
		return;
	}
	format_rate(measurement.throughput_bps, throughput);
	format_rate(measurement.threshold_bps, threshold);
	format_time(measurement.started_ms, started);
	printf("%-13s%s%s%s, %s, threshold %s, %s\n", leg, judgement_names[measurement.judgement],
	       measurement.reason ? " " : "", reason_names[measurement.reason], throughput, threshold, started);
}

static void print_watch(const json_t *watch)
{
	const json_t *levels = json_object_get(watch, "levels");

	if (!watch)
		return;
	if (json_object_get(watch, "since_ms")) {
		print_time("interrupted", watch, "since_ms");
		printf(": %s\n", text_of(watch, "cause", ""));
	}
	print_time("watched", watch, "at_ms");
	for (int i = 0; i < LEVEL_COUNT; i++)
		printf("%s %s %s", i ? "," : ":", ladder_level_names[i], text_of(levels, ladder_level_names[i], "untried"));
	printf("\n");
}

static void print_targets(const json_t *targets)
{
	const json_t *hosts = json_object_get(targets, "hosts");

	if (!targets)
		return;
	printf("%-13s", "targets");
	for (size_t i = 0; i < json_array_size(hosts); i++)
		printf("%s ", json_string_value(json_array_get(hosts, i)));
	printf("(%s)\n", text_of(targets, "from", ""));
}

static void print_refusal(const json_t *refusal)
{
	if (!refusal)
		return;
	print_time("  refused", refusal, "at_ms");
	printf(": %s\n", text_of(refusal, "why", ""));
}

static void print_rejected(const json_t *rejected)
{
	for (size_t i = 0; i < json_array_size(rejected); i++) {
		const json_t *event = json_array_get(rejected, i);

		printf("  set aside  event %" JSON_INTEGER_FORMAT ", %s: %s\n",
		       json_integer_value(json_object_get(event, "seq")), text_of(event, "type", ""),
		       text_of(event, "detail", ""));
	}
}

static void print_disk(const json_t *disk)
{
	if (!disk)
		return;
	printf("%-13stakes nothing: %s\n", "disk", text_of(disk, "fault", ""));
	if (!json_object_get(disk, "fault_ms"))
		return;
	print_time("", disk, "fault_ms");
	printf(": since then %" JSON_INTEGER_FORMAT " events in memory, %" JSON_INTEGER_FORMAT " lost\n",
	       json_integer_value(json_object_get(disk, "held")), json_integer_value(json_object_get(disk, "lost")));
}

static void print_spool(const json_t *status)
{
	const json_t *spool = json_object_get(status, "spool"), *report = json_object_get(status, "report");
	const json_t *rejected = json_object_get(spool, "rejected");
	const char *fault = text_of(report, "fault", NULL);

	print_time("reported", report, "acknowledged_ms");
	printf("\n");
	if (fault) {
		print_time("failing", report, "fault_ms");
		printf(": %s\n", fault);
	}
	printf("%-13s%" JSON_INTEGER_FORMAT " events wait for the collector, %zu are set aside\n", "spool",
	       json_integer_value(json_object_get(spool, "waiting")), json_array_size(rejected));
	print_rejected(rejected);
	for (int leg = 0; leg < LEG_COUNT; leg++)
		print_leg(leg_names[leg], json_object_get(json_object_get(status, "legs"), leg_names[leg]));
}

static void print_status(const json_t *status)
{
	printf("%-13s%s, line %s\n", "agent", text_of(status, "agent", "not enrolled"), text_of(status, "line", "-"));
	printf("%-13s%s\n", "daemon", json_is_true(json_object_get(status, "running")) ? "running" : "not running");
	printf("%-13s%s\n", "collector", text_of(status, "collector", "none"));
	printf("%-13s%s\n", "instruction", text_of(json_object_get(status, "instruction"), "version", "none"));
	print_refusal(json_object_get(status, "instruction_refused"));
	print_targets(json_object_get(status, "targets"));
	print_watch(json_object_get(status, "watch"));
	print_disk(json_object_get(status, "disk"));
	if (json_object_get(status, "spool"))
		print_spool(status);
}

int show_status(const void *parsed, int argument_count, char **arguments)
{
	const struct show_options *options = parsed;
	struct agent_config config;
	json_t *status;
	struct err err;
	int rc;

	(void)argument_count;
	(void)arguments;
	if (command_read_config(options->config_path, &config) < 0)
		return COMMAND_EXIT_CONFIG;
	status = json_object();
	rc = gather_status(&config, status, &err);
	agent_config_free(&config);
	if (options->json)
		print_json(status);
	else
		print_status(status);
	json_decref(status);
	return rc < 0 ? fail(&err) : 0;
}

/* --- measurements and outages --- */

struct listing {
	const char *since;                                                                    /* unless said otherwise */
	int (*read)(struct spool *spool, int64_t since_ms, json_t **ret_items, struct err *err);
	void (*add)(const struct agent_config *config, json_t *items);                         /* what is not in the spool */
	void (*print_heading)(void);
	void (*print_item)(const json_t *item);
};

static int gather_items(const struct listing *listing, const struct agent_config *config, int64_t since_ms, json_t **ret_items,
			struct err *err)
{
	struct spool *spool;
	int rc;

	if (open_spool(config, &spool, err) < 0)
		return -1;
	rc = listing->read(spool, since_ms, ret_items, err);
	spool_close(spool);
	if (rc == 0 && listing->add)
		listing->add(config, *ret_items);
	return rc;
}

static void print_items(const struct listing *listing, const struct show_options *options, const json_t *items)
{
	json_t *list;

	if (options->json) {
		list = json_pack("{s:O, s:n}", "items", items, "cursor");
		print_json(list);
		json_decref(list);
		return;
	}
	listing->print_heading();
	for (size_t i = 0; i < json_array_size(items); i++)
		listing->print_item(json_array_get(items, i));
}

static int show_listing(const struct listing *listing, const struct show_options *options)
{
	struct clock clock = clock_system();
	struct agent_config config;
	json_t *items = NULL;
	int64_t since_ms;
	struct err err;
	int rc;

	if (units_parse_duration(options->since ? options->since : listing->since, &since_ms, &err) < 0) {
		err_wrap(&err, "--since");
		return command_fail(&err);
	}
	if (command_read_config(options->config_path, &config) < 0)
		return COMMAND_EXIT_CONFIG;
	rc = gather_items(listing, &config, clock_now(&clock).realtime_ms - since_ms, &items, &err);
	agent_config_free(&config);
	if (rc < 0)
		return fail(&err);
	print_items(listing, options, items);
	json_decref(items);
	return 0;
}

static void print_measurements_heading(void)
{
	printf("%-26s %-6s %14s %14s  %-11s %s\n", "started", "leg", "throughput", "threshold", "judgement", "reason");
}

static void print_measurement(const json_t *item)
{
	char throughput[UNITS_TEXT_SIZE], threshold[UNITS_TEXT_SIZE], started[TIME_SIZE];
	struct measurement measurement;
	struct err ignored;

	if (measurement_from_json(item, &measurement, NULL, &ignored) < 0)
		return;
	format_time(measurement.started_ms, started);
	format_rate(measurement.throughput_bps, throughput);
	format_rate(measurement.threshold_bps, threshold);
	printf("%-26s %-6s %14s %14s  %-11s %s\n", started, leg_names[measurement.leg], throughput, threshold,
	       judgement_names[measurement.judgement], reason_names[measurement.reason]);
}

int show_measurements(const void *parsed, int argument_count, char **arguments)
{
	static const struct listing listing = { MEASUREMENTS_SINCE, spool_measurements, NULL, print_measurements_heading,
						print_measurement };

	(void)argument_count;
	(void)arguments;
	return show_listing(&listing, parsed);
}

/* What was reported before its end stands there a second time with it, or is under way still. */
static void drop_open_outages(json_t *items)
{
	for (size_t i = json_array_size(items); i-- > 0;)
		if (!json_object_get(json_array_get(items, i), "ended_ms"))
			json_array_remove(items, i);
}

/* The one under way is told as it looks now. */
static void add_open_outage(const struct agent_config *config, json_t *items)
{
	json_t *watch = state_dir_is_locked(config->state_dir) ? read_watch(config) : NULL;

	drop_open_outages(items);
	if (json_object_get(watch, "since_ms"))
		json_array_append_new(items, json_pack("{s:O, s:n, s:O}", "started_ms", json_object_get(watch, "since_ms"),
						       "ended_ms", "cause", json_object_get(watch, "cause")));
	json_decref(watch);
}

static void print_outages_heading(void)
{
	printf("%-26s %-26s %12s  %-13s %s\n", "started", "ended", "down", "cause", "");
}

static void print_outage(const json_t *item)
{
	const json_t *ended = json_object_get(item, "ended_ms"), *down = json_object_get(item, "down_ms");
	char started[TIME_SIZE], ended_text[TIME_SIZE] = "not yet", length[UNITS_TEXT_SIZE] = "";

	format_time(json_integer_value(json_object_get(item, "started_ms")), started);
	if (json_is_integer(ended))
		format_time(json_integer_value(ended), ended_text);
	if (down)
		units_format_duration(json_integer_value(down), length);
	printf("%-26s %-26s %12s  %-13s %s\n", started, ended_text, length, text_of(item, "cause", ""),
	       json_is_true(json_object_get(item, "brief")) ? "brief" : "");
}

int show_outages(const void *parsed, int argument_count, char **arguments)
{
	static const struct listing listing = { OUTAGES_SINCE, spool_outages, add_open_outage, print_outages_heading,
						print_outage };

	(void)argument_count;
	(void)arguments;
	return show_listing(&listing, parsed);
}
