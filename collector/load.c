#include "collector/load.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"

#define READINGS  11      /* a second apart: 10 s between the oldest and the newest */
#define PERIOD_MS 1000

struct load {
	uv_timer_t timer;
	struct load_counters readings[READINGS];
	int count;        /* filled */
	int newest;
};

/* Percent, unknown unless both counters were there and the whole grew. */
static int share(int64_t part, int64_t whole)
{
	if (part < 0 || whole <= 0)
		return JSON_ABSENT;
	return part >= whole ? 100 : (int)(part * 100 / whole);
}

static int64_t growth(int64_t earlier, int64_t later)
{
	return earlier == JSON_ABSENT || later == JSON_ABSENT ? JSON_ABSENT : later - earlier;
}

struct load_percent load_between(const struct load_counters *earlier, const struct load_counters *later)
{
	int64_t tx_bytes = growth(earlier->tx_bytes, later->tx_bytes);
	int64_t elapsed_us = later->at_us - earlier->at_us;

	return (struct load_percent){
		/* bytes x 8 / (speed x seconds), in an order that neither overflows nor rounds a slow link to nothing */
		.nic = later->speed_bps <= 0 ? JSON_ABSENT : share(tx_bytes, later->speed_bps / 8000 * elapsed_us / 1000),
		.cpu = share(growth(earlier->cpu_busy, later->cpu_busy), growth(earlier->cpu_total, later->cpu_total)),
	};
}

bool load_parse_cpu(const char *text, int64_t *ret_busy, int64_t *ret_total)
{
	enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };   /* guests are within user and nice */
	int64_t ticks[FIELDS], total = 0;

	if (sscanf(text, "cpu %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64,
		   &ticks[USER], &ticks[NICE], &ticks[SYSTEM], &ticks[IDLE], &ticks[IOWAIT], &ticks[IRQ], &ticks[SOFTIRQ],
		   &ticks[STEAL]) != FIELDS)
		return false;
	for (int i = 0; i < FIELDS; i++)
		total += ticks[i];
	*ret_total = total;
	*ret_busy = total - ticks[IDLE] - ticks[IOWAIT];
	return true;
}

bool load_parse_route(const char *text, char ret_interface[LOAD_INTERFACE_SIZE])
{
	long best = -1;

	while ((text = strchr(text, '\n'))) {
		char interface[LOAD_INTERFACE_SIZE];
		unsigned long destination, mask;
		long metric;

		text++;
		if (sscanf(text, "%15s %lx %*x %*x %*d %*d %ld %lx", interface, &destination, &metric, &mask) != 4 ||
		    destination || mask || (best >= 0 && metric >= best))
			continue;
		best = metric;
		text_copy(ret_interface, LOAD_INTERFACE_SIZE, interface);
	}
	return best >= 0;
}

/* Up to size - 1 bytes of a kernel file; "" when it cannot be read. */
static void read_text(const char *path, char *ret_text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, ret_text, size - 1);

	ret_text[length > 0 ? length : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static int64_t read_number(const char *interface, const char *name)
{
	char path[96], text[32], *end;
	long long number;

	snprintf(path, sizeof path, "/sys/class/net/%s/%s", interface, name);
	read_text(path, text, sizeof text);
	number = strtoll(text, &end, 10);
	return end == text || number < 0 ? JSON_ABSENT : number;
}

static struct load_counters read_counters(void)
{
	struct load_counters counters = {
		(int64_t)(uv_hrtime() / 1000), JSON_ABSENT, JSON_ABSENT, JSON_ABSENT, JSON_ABSENT,
	};
	char interface[LOAD_INTERFACE_SIZE], text[4096];

	read_text("/proc/stat", text, sizeof text);
	load_parse_cpu(text, &counters.cpu_busy, &counters.cpu_total);
	read_text("/proc/net/route", text, sizeof text);
	if (load_parse_route(text, interface)) {
		int64_t speed_mbps = read_number(interface, "speed");

		counters.tx_bytes = read_number(interface, "statistics/tx_bytes");
		counters.speed_bps = speed_mbps == JSON_ABSENT ? JSON_ABSENT : speed_mbps * 1000000;
	}
	return counters;
}

static void on_timer(uv_timer_t *timer)
{
	struct load *load = timer->data;

	load->newest = (load->newest + 1) % READINGS;
	load->readings[load->newest] = read_counters();
	if (load->count < READINGS)
		load->count++;
}

struct load *load_start(uv_loop_t *loop)
{
	struct load *load = xcalloc(1, sizeof *load);

	uv_timer_init(loop, &load->timer);
	load->timer.data = load;
	on_timer(&load->timer);
	uv_timer_start(&load->timer, on_timer, PERIOD_MS, PERIOD_MS);
	return load;
}

struct load_percent load_now(const struct load *load)
{
	int oldest = load->count < READINGS ? 1 : (load->newest + 1) % READINGS;   /* the first reading went to place 1 */

	return load_between(&load->readings[oldest], &load->readings[load->newest]);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void load_stop(struct load *load)
{
	if (load)
		uv_close((uv_handle_t *)&load->timer, on_closed);
}

