#include "agent/measure/loaded_probe.h"

#include <stdlib.h>

#include "agent/base/mem.h"
#include "agent/measure/under_load.h"

struct loaded_probe {
	struct fetch *fetch;
	struct clock clock;
	struct random_source random;
	struct capacity_request request;
	struct under_load *beside;
	struct capacity_probe *capacity;   /* NULL unless under way */
	struct measurement record;
	void (*progress)(void *arg, const struct probe_progress *progress);
	void (*done)(void *arg, const struct measurement *measurement);
	void *arg;
};

static void on_settled(void *arg, const struct load_delay *delay)
{
	struct loaded_probe *probe = arg;

	load_delay_record(delay, &probe->record);
	probe->done(probe->arg, &probe->record);
	free(probe);
}

static void on_measured(void *arg, const struct measurement *measurement)
{
	struct loaded_probe *probe = arg;

	probe->capacity = NULL;
	probe->record = *measurement;
	under_load_end(probe->beside, on_settled);
}

static void on_progress(void *arg, const struct probe_progress *progress)
{
	struct loaded_probe *probe = arg;

	under_load_progress(probe->beside, progress->elapsed_us);
	if (probe->progress)
		probe->progress(probe->arg, progress);
}

static void on_idle(void *arg)
{
	struct loaded_probe *probe = arg;

	probe->capacity = capacity_probe_start(probe->fetch, &probe->clock, &probe->random, &probe->request, on_progress,
					       on_measured, probe);
}

struct loaded_probe *loaded_probe_start(struct fetch *fetch, const struct clock *clock, const struct random_source *random,
					const struct capacity_request *request,
					void (*progress)(void *arg, const struct probe_progress *progress),
					void (*done)(void *arg, const struct measurement *measurement), void *arg)
{
	struct loaded_probe *probe = xcalloc(1, sizeof *probe);
	struct under_load_request beside = { .url = request->probe.url, .interface = request->probe.interface,
					     .ip_version = request->ip_version, .threshold_bps = request->probe.threshold_bps };

	*probe = (struct loaded_probe){ .fetch = fetch, .clock = *clock, .random = *random, .request = *request,
					.progress = progress, .done = done, .arg = arg };
	probe->beside = under_load_start(fetch, clock, random, &beside, on_idle, probe);
	return probe;
}

void loaded_probe_abort(struct loaded_probe *probe)
{
	under_load_abort(probe->beside);
	if (probe->capacity)
		capacity_probe_abort(probe->capacity);
	free(probe);
}
