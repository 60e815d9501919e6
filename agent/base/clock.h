/* clock.h - what time it is, as an input that a test can set.
 * Units:   realtime in UTC milliseconds since 1970, boottime and monotonic in microseconds.
 * Source:  methodology U1, J1-J3: durations inside a boot come from boottime, never from the wall clock.
 * Threads: the system clock from any. */
#ifndef PLUMBLINE_CLOCK_H
#define PLUMBLINE_CLOCK_H

#include <stdint.h>

#include "agent/base/err.h"

struct instant {
	int64_t realtime_ms;
	int64_t boottime_us;    /* goes on while the machine is suspended */
	int64_t monotonic_us;   /* stands still while it is */
};

struct clock {
	struct instant (*read)(void *context);
	void *context;
};

#define BOOT_ID_SIZE 37   /* a UUID's text with its NUL */

/* The machine's own clocks. */
struct clock clock_system(void);
struct instant clock_now(const struct clock *clock);

/* Whether something keeps the wall clock in step: 1, 0, or -1 when this process may not know. */
int clock_is_synced(void);

/* The kernel's id of this boot. Fails with ERR_IO. */
int clock_boot_id(char ret_id[BOOT_ID_SIZE], struct err *err);

/* "2026-11-22T15:16:28.000Z" (25 bytes with its NUL), as RFC 3339 writes it. */
#define CLOCK_TEXT_SIZE 32
void clock_format_utc(int64_t realtime_ms, char ret_text[CLOCK_TEXT_SIZE]);

#endif
