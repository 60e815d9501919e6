#include <inttypes.h>
#include <stdio.h>

#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/units.h"
#include "collector/collector.h"
#include "collector/commands/command.h"

static const char *rate_text(int64_t bps, char buffer[UNITS_TEXT_SIZE])
{
	if (bps == JSON_ABSENT)
		return "-";
	units_format_rate(bps, buffer);
	return buffer;
}

static void print_line(void *arg, const struct line *line, const struct measurement *m)
{
	char time[CLOCK_TEXT_SIZE], throughput[UNITS_TEXT_SIZE], threshold[UNITS_TEXT_SIZE];

	(void)arg;
	clock_format_utc(m->started_ms, time);
	printf("%s  %s/%s  %-5s  %s, promised %s: %s%s%s%s\n", time, line->client, line->id, leg_names[m->leg],
	       rate_text(m->throughput_bps, throughput), rate_text(m->threshold_bps, threshold),
	       judgement_names[m->judgement], m->reason ? " (" : "", reason_names[m->reason], m->reason ? ")" : "");
	fflush(stdout);
}

static void print_json(void *arg, const struct line *line, const struct measurement *m)
{
	json_t *object = measurement_to_json(m);

	(void)arg;
	json_object_set_new(object, "client", json_string(line->client));
	json_object_set_new(object, "line", json_string(line->id));
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}

int command_run(const void *parsed, int argument_count, char **arguments)
{
	const struct command_options *options = parsed;
	struct collector_config config = { 0 };
	struct collector_options collector = { .config = &config };
	struct err err;
	int code = command_read_config(options, &config);

	(void)argument_count;
	(void)arguments;
	if (code != 0)
		return code;
	log_set_level((enum log_level)config.log_level);
	if (options->print_measurements)
		collector.measured = options->json ? print_json : print_line;
	if (collector_run(&collector, &err) < 0)
		code = command_fail("run", &err);
	collector_config_free(&config);
	return code;
}
