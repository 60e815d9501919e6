/* Jobs wait in one list. start_next takes the first that may run now: where it is scheduled it looks whether the line is
 * quiet, for a capacity probe it asks the servers first; then the probe runs, its record goes out, and the next job
 * comes. A busy line puts the job back with a later time. */
#include "agent/measure/prober.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/measure/budget.h"
#include "agent/measure/capacity.h"
#include "agent/measure/capacity_times.h"
#include "agent/measure/loaded_probe.h"
#include "agent/measure/probe.h"
#include "agent/measure/quiet.h"
#include "agent/measure/record.h"
#include "agent/measure/survey.h"

#define JOBS_MAX (INSTRUCTION_ORDERS + 2 * LEG_COUNT)
#define BUDGET   "budget"   /* its name in the spool */

struct job {
	enum leg leg;
	enum probe_kind kind;
	enum trigger trigger;
	char order[64];
	int64_t cell_ms;
	int looks;               /* at a busy line so far */
	int64_t from_us;         /* monotonic: not before */
};

enum state { IDLE, LOOKING, SURVEYING, PROBING };

struct prober {
	struct prober_options options;
	struct budget budget;
	bool is_budget_loaded;        /* the spool's part is in it */
	struct capacity_times times;
	int64_t opened_ms;
	int64_t last_ms[LEG_COUNT];   /* of the newest reference probe, or JSON_ABSENT */
	char carrier[16];        /* the interface that the newest probe went over; "" before the first */

	struct job jobs[JOBS_MAX];
	int job_count;
	enum state state;
	struct job job;          /* under way, unless IDLE */
	uv_timer_t timer;        /* the end of a look, or the next job's time */
	struct traffic before;   /* the look began */
	int64_t looked_us;
	struct survey *survey;
	struct instruction_file *files;   /* of the job's leg, as surveyed; copies, as is the next: instructions change */
	int file_count;
	struct instruction_file file;     /* the one that is probed */
	char file_carrier[IF_NAMESIZE];   /* that leads to it, as surveyed */
	long versions[SURVEY_VERSIONS];
	int version_count, version;     /* of a capacity probe: all, and the one under way */
	struct probe *probe;
	struct loaded_probe *capacity;
};

static void start_next(struct prober *prober);

static struct instant now(const struct prober *prober)
{
	return clock_now(&prober->options.clock);
}

static const struct instruction *instruction(const struct prober *prober)
{
	return prober->options.instruction;
}

/* --- jobs --- */

static bool is_ordered(const struct job *job)
{
	return job->trigger == TRIGGER_ORDER;
}

static void add_job(struct prober *prober, const struct job *job)
{
	if (prober->job_count < JOBS_MAX)
		prober->jobs[prober->job_count++] = *job;
}

static bool has_scheduled(const struct prober *prober, enum leg leg, enum probe_kind kind)
{
	for (int i = 0; i < prober->job_count; i++)
		if (!is_ordered(&prober->jobs[i]) && prober->jobs[i].leg == leg && prober->jobs[i].kind == kind)
			return true;
	return prober->state != IDLE && !is_ordered(&prober->job) && prober->job.leg == leg && prober->job.kind == kind;
}

static void take_job(struct prober *prober, int index)
{
	prober->job = prober->jobs[index];
	prober->job_count--;
	memmove(&prober->jobs[index], &prober->jobs[index + 1], (size_t)(prober->job_count - index) * sizeof prober->jobs[0]);
}

/* The first order, else the first scheduled job whose time has come, else -1 and how long it is to the next. */
static int find_job(const struct prober *prober, int64_t *ret_wait_us)
{
	int64_t now_us = now(prober).monotonic_us;
	int found = -1;

	*ret_wait_us = INT64_MAX;
	for (int i = 0; i < prober->job_count; i++) {
		const struct job *job = &prober->jobs[i];

		if (is_ordered(job))
			return i;
		if (found < 0 && job->from_us <= now_us)
			found = i;
		if (job->from_us - now_us < *ret_wait_us)
			*ret_wait_us = job->from_us - now_us;
	}
	return found;
}

/* --- budget --- */

/* What was spent before this start is added as soon as the spool can be read. */
static void load_budget(struct prober *prober)
{
	int64_t spent_bytes = prober->budget.used_bytes;
	char text[BUDGET_TEXT_SIZE];
	struct err err;

	if (prober->is_budget_loaded || spool_kept(prober->options.spool, BUDGET, text, sizeof text, &err) < 0)
		return;
	prober->is_budget_loaded = true;
	if (*text && budget_parse(text, &prober->budget, &err) < 0)
		log_warning("%s; counting anew", err.message);
	else if (*text && spent_bytes)
		budget_spend(&prober->budget, spent_bytes, now(prober).realtime_ms);
}

static void spend(struct prober *prober, const struct measurement *measurement)
{
	int64_t bytes = measurement->bytes_spent != JSON_ABSENT ? measurement->bytes_spent : measurement->bytes;
	char text[BUDGET_TEXT_SIZE];
	struct err err;

	if (!bytes)
		return;
	load_budget(prober);
	budget_spend(&prober->budget, bytes, now(prober).realtime_ms);
	if (!prober->is_budget_loaded)
		return;
	budget_format(&prober->budget, text);
	if (spool_keep(prober->options.spool, BUDGET, text, &err) < 0)
		log_debug("%s: the month's bytes are not kept", err.message);   /* the next probe's are, with these */
}

/* The smaller of what the collector and this agent's own file allow. */
static void limit_budget(struct prober *prober)
{
	int64_t instructed = instruction(prober)->budget_bytes;

	prober->budget.limit_bytes = prober->options.budget_bytes;
	if (instructed > 0 && instructed < prober->budget.limit_bytes)
		prober->budget.limit_bytes = instructed;
}

static bool is_in_budget(struct prober *prober)
{
	int64_t now_ms = now(prober).realtime_ms;

	limit_budget(prober);
	if (prober->job.kind == KIND_CAPACITY)
		return budget_level(&prober->budget, now_ms) == BUDGET_ALL;
	return is_ordered(&prober->job) || budget_allows_reference(&prober->budget, now_ms, prober->last_ms[prober->job.leg]);
}

/* --- records --- */

static void hand_out(struct prober *prober, const struct measurement *measurement)
{
	spend(prober, measurement);
	if (*measurement->interface)
		text_copy(prober->carrier, sizeof prober->carrier, measurement->interface);
	prober->options.measured(prober->options.arg, measurement);
}

static struct probe_request make_request(const struct prober *prober)
{
	const struct job *job = &prober->job;
	const struct instruction_file *file = &prober->file;

	return (struct probe_request){
		.leg = job->leg,
		.trigger = job->trigger,
		.file_name = file->name,
		.url = file->url,
		.sha256 = file->sha256[0] ? file->sha256 : NULL,
		.size_bytes = file->size_bytes == JSON_ABSENT ? 0 : file->size_bytes,
		.nonce_required = file->nonce == NONCE_REQUIRED,
		.threshold_bps = instruction(prober)->threshold_bps[job->leg],
		.order = job->order[0] ? job->order : NULL,
		.cell_ms = job->cell_ms,
		.interface = prober->options.interface,
		.sees_part = prober->options.sees_part,
		.in_maintenance = instruction_in_maintenance(instruction(prober), now(prober).realtime_ms),
		.server_busy = prober->options.server_busy,
	};
}

static void skip(struct prober *prober, enum reason reason)
{
	struct probe_request request = make_request(prober);
	struct instant start = now(prober);
	struct measurement record;

	record_request(&record, &request, &start);
	record.kind = (int)prober->job.kind;
	record.judgement = JUDGED_SKIPPED;
	record.reason = (int)reason;
	hand_out(prober, &record);
	prober->state = IDLE;
	start_next(prober);
}

/* --- probing --- */

static void start_capacity(struct prober *prober);

static void on_measured(void *arg, const struct measurement *measurement)
{
	struct prober *prober = arg;

	prober->probe = NULL;
	prober->capacity = NULL;
	hand_out(prober, measurement);
	prober->state = IDLE;
	if (prober->job.kind == KIND_CAPACITY && ++prober->version < prober->version_count)
		start_capacity(prober);
	else
		start_next(prober);
}

static void start_reference(struct prober *prober)
{
	struct probe_request request = make_request(prober);

	prober->state = PROBING;
	prober->job.kind = KIND_REFERENCE;
	prober->last_ms[prober->job.leg] = now(prober).realtime_ms;
	prober->probe = probe_start(prober->options.fetch, &prober->options.clock, &prober->options.random, &request, NULL,
				    on_measured, prober);
}

static void start_capacity(struct prober *prober)
{
	struct capacity_request request = {
		.probe = make_request(prober),
		.ip_version = prober->versions[prober->version],
		.bytes_allowed = budget_left(&prober->budget, now(prober).realtime_ms),
		.discard_bytes = prober->options.discard_bytes,
		.carrier = prober->file_carrier,
		.sys = LINK_SYS,
	};

	prober->state = PROBING;
	prober->capacity = loaded_probe_start(prober->options.fetch, &prober->options.clock, &prober->options.random, &request, NULL,
					      on_measured, prober);
}

static void list_files(struct prober *prober)
{
	size_t count = instruction(prober)->file_count;

	prober->files = xcalloc(count + 1, sizeof *prober->files);
	prober->file_count = 0;
	for (size_t i = 0; i < count; i++)
		if (instruction(prober)->files[i].leg == (int)prober->job.leg)
			prober->files[prober->file_count++] = instruction(prober)->files[i];
}

static void forget_files(struct prober *prober)
{
	free(prober->files);
	prober->files = NULL;
}

/* Takes the file for a capacity probe. Returns whether there is one that lasts long enough. */
static bool take_large_file(struct prober *prober, const struct survey_answer *answers)
{
	int64_t sizes_bytes[INSTRUCTION_FILES];
	int chosen;

	for (int i = 0; i < prober->file_count; i++)
		sizes_bytes[i] = prober->files[i].size_bytes > 0 ? prober->files[i].size_bytes : answers[i].size_bytes;
	chosen = capacity_choose_file(sizes_bytes, prober->file_count, instruction(prober)->threshold_bps[prober->job.leg], 0);
	if (chosen < 0)
		return false;
	prober->file = prober->files[chosen];
	prober->file.size_bytes = sizes_bytes[chosen];
	text_copy(prober->file_carrier, sizeof prober->file_carrier, answers[chosen].interface);
	prober->version = 0;
	prober->version_count = survey_versions(&answers[chosen], prober->versions);
	return true;
}

/* A leg without a file that lasts long enough answers an order by its reference file; on schedule that runs anyway. */
static void on_surveyed(void *arg, const struct survey_answer *answers)
{
	struct prober *prober = arg;
	bool has_file = take_large_file(prober, answers);

	prober->survey = NULL;
	forget_files(prober);
	if (has_file) {
		start_capacity(prober);
	} else if (is_ordered(&prober->job)) {
		start_reference(prober);
	} else {
		prober->state = IDLE;
		start_next(prober);
	}
}

static void start_survey(struct prober *prober)
{
	const char *urls[INSTRUCTION_FILES];

	list_files(prober);
	for (int i = 0; i < prober->file_count; i++)
		urls[i] = prober->files[i].url;
	prober->state = SURVEYING;
	prober->survey = survey_start(prober->options.fetch, &prober->options.clock, urls, (size_t)prober->file_count,
				      prober->options.interface, on_surveyed, prober);
}

static void start_probe(struct prober *prober)
{
	if (prober->job.kind == KIND_CAPACITY)
		start_survey(prober);
	else
		start_reference(prober);
}

/* --- a quiet line (K1) --- */

static struct traffic_cross see_traffic(struct prober *prober)
{
	struct traffic after = { 0 };
	struct traffic_cross seen;

	record_counters(&after);
	seen = traffic_cross(traffic_by_name(&prober->before, prober->carrier), traffic_by_name(&after, prober->carrier), 0,
			     now(prober).monotonic_us - prober->looked_us);
	traffic_free(&after);
	traffic_free(&prober->before);
	prober->before = (struct traffic){ 0 };
	return seen;
}

static void postpone(struct prober *prober)
{
	prober->job.from_us = now(prober).monotonic_us + 1000 * quiet_wait_ms(instruction(prober)->interval_ms);
	add_job(prober, &prober->job);
	prober->state = IDLE;
	start_next(prober);
}

static void on_looked(uv_timer_t *timer)
{
	struct prober *prober = timer->data;
	struct traffic_cross seen = see_traffic(prober);
	int64_t look_ms = quiet_look_ms(instruction(prober)->interval_ms);

	if (!quiet_is_busy(&seen, instruction(prober)->threshold_bps[prober->job.leg], look_ms))
		start_probe(prober);
	else if (++prober->job.looks < QUIET_LOOKS_MAX)
		postpone(prober);
	else
		skip(prober, REASON_BUSY);
}

static void start_look(struct prober *prober)
{
	prober->state = LOOKING;
	prober->looked_us = now(prober).monotonic_us;
	record_counters(&prober->before);
	uv_timer_start(&prober->timer, on_looked, (uint64_t)quiet_look_ms(instruction(prober)->interval_ms), 0);
}

/* --- what is next --- */

static void on_time(uv_timer_t *timer)
{
	start_next(timer->data);
}

/* The job's file: the leg's smallest, which a survey may replace. Returns whether there is one. */
static bool take_file(struct prober *prober)
{
	const struct instruction_file *file = instruction_file(instruction(prober), prober->job.leg);

	if (file)
		prober->file = *file;
	return file;
}

/* Before the first probe nobody knows which interface. */
static bool has_line_to_look_at(const struct prober *prober)
{
	const char *no_line = prober->options.no_line;

	return *prober->carrier && (!no_line || strcmp(prober->carrier, no_line) != 0);
}

static void begin_job(struct prober *prober)
{
	if (!is_in_budget(prober))
		skip(prober, REASON_BUDGET);
	else if (!is_ordered(&prober->job) && has_line_to_look_at(prober))
		start_look(prober);
	else
		start_probe(prober);
}

static void start_next(struct prober *prober)
{
	int64_t wait_us;
	int index;

	if (prober->state != IDLE)
		return;
	uv_timer_stop(&prober->timer);
	while ((index = find_job(prober, &wait_us)) >= 0) {
		take_job(prober, index);
		if (take_file(prober)) {
			begin_job(prober);
			return;
		}
	}
	if (wait_us != INT64_MAX)
		uv_timer_start(&prober->timer, on_time, (uint64_t)(wait_us / 1000 + 1), 0);
}

/* --- what is due --- */

static int64_t ahead_of_utc_s(int64_t now_ms)
{
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm local;

	localtime_r(&seconds, &local);
	return local.tm_gmtoff;
}

/* P5: an agent that waits for its first contact counts from its start. */
static bool is_left_alone(const struct prober *prober, int64_t now_ms)
{
	struct spool_state state;
	struct err err;

	if (!prober->options.has_collector || spool_state(prober->options.spool, &state, &err) < 0)
		return false;
	return capacity_times_are_over(state.reported_ms != JSON_ABSENT ? state.reported_ms : prober->opened_ms, now_ms);
}

static bool take_capacity_time(struct prober *prober)
{
	int64_t now_ms = now(prober).realtime_ms;

	return capacity_times_take(&prober->times, now_ms, ahead_of_utc_s(now_ms), &prober->options.random) &&
	       !is_left_alone(prober, now_ms);
}

static void add_scheduled(struct prober *prober, enum leg leg, enum probe_kind kind, int64_t cell_ms)
{
	if (!has_scheduled(prober, leg, kind))
		add_job(prober, &(struct job){ .leg = leg, .kind = kind, .trigger = TRIGGER_SCHEDULE, .cell_ms = cell_ms });
}

void prober_run(struct prober *prober, int64_t cell_ms)
{
	bool with_capacity = take_capacity_time(prober);

	for (int leg = 0; leg < LEG_COUNT; leg++)
		add_scheduled(prober, (enum leg)leg, KIND_REFERENCE, cell_ms);
	for (int leg = 0; leg < LEG_COUNT && with_capacity; leg++)
		if (capacity_is_for(instruction(prober)->threshold_bps[leg]))
			add_scheduled(prober, (enum leg)leg, KIND_CAPACITY, JSON_ABSENT);
	start_next(prober);
}

/* Instructions repeat an order until its answer has arrived. */
static bool has_order(const struct prober *prober, const char *id)
{
	for (int i = 0; i < prober->job_count; i++)
		if (!strcmp(prober->jobs[i].order, id))
			return true;
	return prober->state != IDLE && !strcmp(prober->job.order, id);
}

void prober_order(struct prober *prober, const struct instruction_order *order)
{
	struct job job = { .leg = (enum leg)order->leg, .trigger = TRIGGER_ORDER, .cell_ms = JSON_ABSENT };

	if (has_order(prober, order->id))
		return;
	if (capacity_is_for(instruction(prober)->threshold_bps[job.leg]))
		job.kind = KIND_CAPACITY;
	text_copy(job.order, sizeof job.order, order->id);
	add_job(prober, &job);
	start_next(prober);
}

bool prober_is_measuring(const struct prober *prober)
{
	return prober->state != IDLE;
}

/* --- life --- */

static void release(uv_handle_t *handle)
{
	free(handle->data);
}

struct prober *prober_open(const struct prober_options *options)
{
	struct prober *prober = xcalloc(1, sizeof *prober);
	int64_t now_ms = clock_now(&options->clock).realtime_ms;

	prober->options = *options;
	prober->opened_ms = now_ms;
	for (int leg = 0; leg < LEG_COUNT; leg++)
		prober->last_ms[leg] = JSON_ABSENT;
	load_budget(prober);
	capacity_times_init(&prober->times, now_ms, ahead_of_utc_s(now_ms), &prober->options.random);
	uv_timer_init(fetch_loop(options->fetch), &prober->timer);
	prober->timer.data = prober;
	return prober;
}

void prober_close(struct prober *prober)
{
	if (!prober)
		return;
	if (prober->survey)
		survey_abort(prober->survey);
	if (prober->probe)
		probe_abort(prober->probe);
	if (prober->capacity)
		loaded_probe_abort(prober->capacity);
	forget_files(prober);
	traffic_free(&prober->before);
	uv_close((uv_handle_t *)&prober->timer, release);
}
