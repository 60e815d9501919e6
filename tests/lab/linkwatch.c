/* linkwatch: what really crossed an interface, the truth that a probe's figure is held against.
 *
 *   linkwatch DEV [SILENCE_MS]     in the network namespace of DEV, on the sending side of the shaped link
 *
 * Reads the interface's tx counters (bytes that left its queue) every 500 us. A silence (of 100 ms unless said otherwise) ends a burst; each
 * burst of at least 64 KiB becomes one line of JSON:
 *   {"started_ms": UTC, "wire_bytes": all of it, "packets": …, "duration_us": first to last change, "wire_bps": …,
 *    "series": [wire bytes so far, each 10 ms since the first change, 20 s at most]}
 * wire_bps counts the bytes after the first change over that duration, as T1 does. "ready" comes first. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define POLL_NS         500000
#define SILENCE_MS      100
#define BURST_MIN_BYTES 65536
#define SERIES_STEP_US  10000
#define SERIES_MAX      2000

struct burst {
	int64_t started_ms, first_us, last_us;
	uint64_t bytes_before, bytes_first, bytes_last, packets_before;
};

/* Of the burst under way. */
static uint64_t series[SERIES_MAX];
static int series_count;

static int64_t read_us(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int open_counter(const char *device, const char *counter)
{
	char path[256];
	int fd;

	snprintf(path, sizeof path, "/sys/class/net/%s/statistics/%s", device, counter);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		perror(path);
	return fd;
}

static uint64_t read_counter(int fd)
{
	char text[32];
	ssize_t length = pread(fd, text, sizeof text - 1, 0);

	text[length > 0 ? length : 0] = '\0';
	return strtoull(text, NULL, 10);
}

static void print_burst(const struct burst *burst, uint64_t packets)
{
	int64_t duration_us = burst->last_us - burst->first_us;
	uint64_t wire_bytes = burst->bytes_last - burst->bytes_before;

	if (wire_bytes < BURST_MIN_BYTES || duration_us <= 0)
		return;
	printf("{\"started_ms\": %" PRId64 ", \"wire_bytes\": %" PRIu64 ", \"packets\": %" PRIu64 ", \"duration_us\": %" PRId64
	       ", \"wire_bps\": %" PRIu64 ", \"series\": [", burst->started_ms, wire_bytes, packets - burst->packets_before, duration_us,
	       (burst->bytes_last - burst->bytes_first) * 8000000 / (uint64_t)duration_us);
	for (int i = 0; i < series_count; i++)
		printf("%s%" PRIu64, i ? ", " : "", series[i]);
	puts("]}");
	fflush(stdout);
}

/* What had passed at each step until now. */
static void note_series(const struct burst *burst, uint64_t bytes, int64_t now_us)
{
	while (series_count < SERIES_MAX && burst->first_us + series_count * SERIES_STEP_US <= now_us)
		series[series_count++] = bytes - burst->bytes_before;
}

int main(int argc, char **argv)
{
	const struct timespec pause = { 0, POLL_NS };
	struct burst burst = { 0 };
	int64_t silence_us;
	uint64_t seen;
	int bytes_fd, packets_fd;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: linkwatch DEV [SILENCE_MS]\n");
		return 2;
	}
	silence_us = (argc == 3 ? strtoll(argv[2], NULL, 10) : SILENCE_MS) * 1000;
	bytes_fd = open_counter(argv[1], "tx_bytes");
	packets_fd = open_counter(argv[1], "tx_packets");
	if (bytes_fd < 0 || packets_fd < 0)
		return 1;
	seen = read_counter(bytes_fd);
	puts("ready");
	fflush(stdout);
	for (;; nanosleep(&pause, NULL)) {
		uint64_t bytes = read_counter(bytes_fd);
		int64_t now_us = read_us(CLOCK_MONOTONIC);

		if (burst.started_ms)
			note_series(&burst, bytes, now_us);
		if (bytes == seen) {
			if (burst.started_ms && now_us - burst.last_us > silence_us) {
				print_burst(&burst, read_counter(packets_fd));
				burst.started_ms = 0;
			}
			continue;
		}
		if (!burst.started_ms) {
			series_count = 0;
			burst = (struct burst){ .started_ms = read_us(CLOCK_REALTIME) / 1000, .first_us = now_us,
						.bytes_before = seen, .bytes_first = bytes,
						.packets_before = read_counter(packets_fd) };
		}
		burst.bytes_last = seen = bytes;
		burst.last_us = now_us;
	}
}
