/* load.h - how busy this machine's network card and processors were in the last 10 s, sampled every second.
 * The card is the one of the default route: what agents are sent leaves through it. Its share is of the link speed that
 * the kernel states; virtual cards state none, and then the figure is unknown rather than guessed.
 * Ownership: load_start makes it, load_stop releases it when the loop has let go of its timer.
 * Threads:   the loop's. /proc and /sys answer from memory.
 * Source:    methodology 7, H3. */
#ifndef PLUMBLINE_LOAD_H
#define PLUMBLINE_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define LOAD_INTERFACE_SIZE 16

/* What the kernel counted up to a moment; JSON_ABSENT where it says nothing. */
struct load_counters {
	int64_t at_us;                    /* monotonic */
	int64_t tx_bytes;
	int64_t speed_bps;
	int64_t cpu_busy, cpu_total;      /* in the kernel's ticks, of all processors together */
};

struct load_percent {
	int nic, cpu;                     /* 0 to 100; JSON_ABSENT when unknown */
};

/* Pure: the load between two readings. A counter that went back (another card, a driver loaded again) makes it unknown. */
struct load_percent load_between(const struct load_counters *earlier, const struct load_counters *later);

/* Pure: the first line of /proc/stat. Waiting for a disk is idleness. False when it is not what it should be. */
bool load_parse_cpu(const char *text, int64_t *ret_busy, int64_t *ret_total);

/* Pure: the interface of the default route with the lowest metric in /proc/net/route. False when there is none. */
bool load_parse_route(const char *text, char ret_interface[LOAD_INTERFACE_SIZE]);

struct load;

struct load *load_start(uv_loop_t *loop);
struct load_percent load_now(const struct load *load);
void load_stop(struct load *load);   /* accepts NULL */

#endif
