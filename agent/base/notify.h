/* notify.h - tells systemd how the daemon is (sd_notify's protocol, one datagram); without systemd it does nothing.
 * Threads: any. Source: sd_notify(3). */
#ifndef PLUMBLINE_NOTIFY_H
#define PLUMBLINE_NOTIFY_H

#include <stdint.h>

/* state: "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=…". */
void notify_send(const char *state);

/* How often to send WATCHDOG=1: half of what systemd allows, or 0 when it does not watch this process. */
int64_t notify_watchdog_interval_ms(void);

#endif
