/* Every lane is one transfer. Bytes go into one trace as they come, at the time stamp of the transfer; a timer samples
 * TCP_INFO and asks capacity_step whether to go on. Whatever ends it, the other lanes are stopped at once, and done is
 * called when the timer's handle is closed. */
#include "agent/measure/full_load.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"

struct lane {
	struct full_load *load;
	struct transfer *transfer;   /* NULL once it has ended */
	int64_t received_bytes;      /* as the kernel counts them */
	int64_t disordered;          /* segments, likewise */
	bool has_begun;
};

struct full_load {
	struct clock clock;
	uv_timer_t timer;
	struct lane lanes[CAPACITY_CONNECTIONS_MAX];
	int begun;                   /* lanes that received something */
	int64_t loaded_us;           /* when the last one began, since the first byte; JSON_ABSENT before */
	int64_t threshold_bps, bytes_allowed, discard_bytes;
	int64_t cpu_before_us;
	struct full_load_result result;
	void (*body)(void *arg, const void *bytes, size_t length);
	void (*progress)(void *arg, const struct full_load_progress *progress);
	void (*done)(void *arg, const struct full_load_result *result);
	void *arg;
};

static int64_t now_us(const struct full_load *load)
{
	return clock_now(&load->clock).monotonic_us;
}

/* Processor time that this thread has used. */
static int64_t cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
	       usage.ru_stime.tv_usec;
}

static void on_sample(uv_timer_t *timer);

/* From the first byte on samples are taken where slices end. */
static void note_begin(struct full_load *load, struct lane *lane, int64_t at_us)
{
	lane->has_begun = true;
	if (load->result.first_us == JSON_ABSENT) {
		load->result.first_us = at_us;
		load->cpu_before_us = cpu_us();
		uv_update_time(load->timer.loop);
		uv_timer_start(&load->timer, on_sample, FULL_LOAD_SAMPLE_MS, FULL_LOAD_SAMPLE_MS);
	}
	if (++load->begun == load->result.connections)
		load->loaded_us = at_us - load->result.first_us;
}

static void on_body(void *arg, const void *bytes, size_t length)
{
	struct lane *lane = arg;
	struct full_load *load = lane->load;
	int64_t at_us = transfer_peek(lane->transfer)->t6_us;

	if (!lane->has_begun)
		note_begin(load, lane, at_us);
	load->result.bytes += (int64_t)length;
	trace_add(&load->result.trace, at_us - load->result.first_us, (int64_t)length);
	if (load->body && lane == &load->lanes[0])
		load->body(load->arg, bytes, length);
}

static void sample(struct full_load *load)
{
	struct tcp_sample tcp;

	for (int i = 0; i < load->result.connections; i++) {
		struct lane *lane = &load->lanes[i];

		if (!lane->transfer || tcp_sample_read(transfer_socket(lane->transfer), &tcp) < 0)
			continue;
		lane->received_bytes = tcp.value[TCP_BYTES_RECEIVED];
		if (!lane->has_begun)
			continue;
		tcp_log_add(&load->result.tcp, i, &tcp);
		if (tcp.value[TCP_RCV_OOOPACK] > lane->disordered)
			trace_mark_disorder(&load->result.trace, now_us(load) - load->result.first_us);
		lane->disordered = tcp.value[TCP_RCV_OOOPACK];
	}
}

static struct steady find_steady(const struct full_load *load, int64_t until_us)
{
	const struct tcp_log *tcp = &load->result.tcp;
	int64_t window_bytes = tcp->largest.value[TCP_RCV_WND];

	return steady_find(&(struct steady_facts){
		.trace = &load->result.trace,
		.loaded_us = load->loaded_us,
		.until_us = until_us,
		.rtt_us = tcp->smallest.value[TCP_MIN_RTT],
		.discard_bytes = load->discard_bytes,
		.window_bytes = window_bytes > 0 ? window_bytes * load->result.connections : 0,
	});
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct full_load *load = handle->data;

	if (load->done)
		load->done(load->arg, &load->result);
	free(load);
}

static void stop_lanes(struct full_load *load)
{
	for (int i = 0; i < load->result.connections; i++) {
		struct lane *lane = &load->lanes[i];
		struct transfer_result *result = &load->result.transfers[i];

		if (lane->transfer)
			transfer_stop(lane->transfer, result);
		lane->transfer = NULL;
		load->result.bytes_spent += result->bytes > lane->received_bytes ? result->bytes : lane->received_bytes;
	}
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The window of full load ends at until_us after the first byte. */
static void end(struct full_load *load, int64_t until_us)
{
	struct full_load_result *result = &load->result;
	int64_t loaded_us;

	sample(load);
	stop_lanes(load);
	result->ended_us = now_us(load);
	result->steady = find_steady(load, until_us);
	loaded_us = result->ended_us - result->first_us;
	if (result->first_us != JSON_ABSENT) {
		result->cpu_percent = loaded_us > 0 ? least((cpu_us() - load->cpu_before_us) * 100 / loaded_us, 100) : 0;
		result->slices = (int)least(loaded_us / TRACE_SLICE_US + 1, TRACE_SLICES);
	}
	uv_close((uv_handle_t *)&load->timer, on_timer_closed);
}

/* One that ended by itself ends the full load (T6). */
static void on_lane_done(void *arg, const struct transfer_result *transfer)
{
	struct lane *lane = arg;
	struct full_load *load = lane->load;

	lane->transfer = NULL;
	load->result.speaker = (int)(lane - load->lanes);
	load->result.transfers[load->result.speaker] = *transfer;
	end(load, lane->has_begun ? transfer->t6_us - load->result.first_us : 0);
}

static void on_sample(uv_timer_t *timer)
{
	struct full_load *load = timer->data;
	struct full_load_progress progress = { .bytes = load->result.bytes };
	struct steady steady;

	sample(load);
	if (load->result.first_us == JSON_ABSENT)
		return;
	progress.elapsed_us = now_us(load) - load->result.first_us;
	steady = find_steady(load, progress.elapsed_us);
	load->result.ended_by = capacity_step(&(struct capacity_progress){
		.steady = &steady, .elapsed_us = progress.elapsed_us, .bytes = load->result.bytes,
		.bytes_allowed = load->bytes_allowed, .threshold_bps = load->threshold_bps });
	if (load->result.ended_by != CAPACITY_GO_ON)
		end(load, progress.elapsed_us);
	else if (load->progress)
		load->progress(load->arg, &progress);
}

static void abort_lanes(struct full_load *load)
{
	for (int i = 0; i < load->result.connections; i++) {
		if (load->lanes[i].transfer)
			transfer_abort(load->lanes[i].transfer);
		load->lanes[i].transfer = NULL;
	}
}

static int start_lanes(struct full_load *load, struct fetch *fetch, const struct full_load_request *request, struct err *err)
{
	for (int i = 0; i < request->connections; i++) {
		struct transfer_request transfer = request->transfer;

		transfer.url = request->urls[i];
		transfer.body = on_body;
		load->lanes[i].load = load;
		if (transfer_start(fetch, &load->clock, &transfer, on_lane_done, &load->lanes[i], &load->lanes[i].transfer,
				   err) < 0)
			return -1;
	}
	return 0;
}

int full_load_start(struct fetch *fetch, const struct clock *clock, const struct full_load_request *request,
		    void (*progress)(void *arg, const struct full_load_progress *progress),
		    void (*done)(void *arg, const struct full_load_result *result), void *arg,
		    struct full_load **ret_load, struct err *err)
{
	struct full_load *load = xcalloc(1, sizeof *load);

	*load = (struct full_load){
		.clock = *clock, .loaded_us = JSON_ABSENT, .threshold_bps = request->threshold_bps,
		.bytes_allowed = request->bytes_allowed, .discard_bytes = request->discard_bytes,
		.body = request->body, .progress = progress, .done = done, .arg = arg,
		.result = { .connections = request->connections, .first_us = JSON_ABSENT },
	};
	load->result.t0_us = now_us(load);
	if (start_lanes(load, fetch, request, err) < 0) {
		abort_lanes(load);
		free(load);
		return -1;
	}
	uv_timer_init(fetch_loop(fetch), &load->timer);
	load->timer.data = load;
	*ret_load = load;
	return 0;
}

void full_load_abort(struct full_load *load)
{
	abort_lanes(load);
	load->done = NULL;
	uv_close((uv_handle_t *)&load->timer, on_timer_closed);
}
