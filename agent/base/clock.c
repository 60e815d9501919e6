#include "agent/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static int64_t read_us(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static struct instant read_system(void *context)
{
	struct instant now;

	(void)context;
	now.realtime_ms = read_us(CLOCK_REALTIME) / 1000;
	now.monotonic_us = read_us(CLOCK_MONOTONIC);
	now.boottime_us = read_us(CLOCK_BOOTTIME);   /* last: it is never behind monotonic */
	return now;
}

struct clock clock_system(void)
{
	return (struct clock){ .read = read_system };
}

struct instant clock_now(const struct clock *clock)
{
	return clock->read(clock->context);
}

/* A hardened unit may not ask the kernel (ProtectClock=); systemd-timesyncd leaves a mark. */
int clock_is_synced(void)
{
	struct timex query = { .modes = 0 };

	if (access("/run/systemd/timesync/synchronized", F_OK) == 0)
		return 1;
	if (adjtimex(&query) < 0)
		return -1;
	return !(query.status & STA_UNSYNC);
}

int clock_boot_id(char ret_id[BOOT_ID_SIZE], struct err *err)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	char id[BOOT_ID_SIZE];
	FILE *file = fopen(path, "re");
	size_t length;

	if (!file)
		return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	length = fread(id, 1, BOOT_ID_SIZE - 1, file);
	fclose(file);
	if (length != BOOT_ID_SIZE - 1)
		return err_set(err, ERR_IO, "%s: %zu bytes where a UUID of %d was expected", path, length, BOOT_ID_SIZE - 1);
	id[length] = '\0';
	memcpy(ret_id, id, sizeof id);
	return 0;
}

void clock_format_utc(int64_t realtime_ms, char ret_text[CLOCK_TEXT_SIZE])
{
	int64_t ms = (realtime_ms % 1000 + 1000) % 1000;   /* of the second below, also before 1970 */
	time_t seconds = (realtime_ms - ms) / 1000;
	struct tm utc;
	size_t length;

	gmtime_r(&seconds, &utc);
	length = strftime(ret_text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(ret_text + length, CLOCK_TEXT_SIZE - length, ".%03dZ", (int)ms);
}
