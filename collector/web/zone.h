/* zone.h - the offset of a time zone from UTC at a given time, without the process-wide TZ of libc.
 * Reads the 64-bit part of a TZif file below /usr/share/zoneinfo. The rule in its footer is not read: after the last
 * transition listed (2037 in the files that Debian installs) the last offset stays.
 * Ownership: zone_load makes, zone_free releases. Threads: pure but for reading the file.
 * Source:    RFC 8536. */
#ifndef PLUMBLINE_ZONE_H
#define PLUMBLINE_ZONE_H

#include <stdint.h>

#include "agent/base/err.h"

struct zone;

/* An IANA name: "Europe/Moscow". Fails with ERR_INPUT when the name is none or its file is malformed, ERR_IO when the
 * file cannot be read. */
int zone_load(const char *name, struct zone **ret_zone, struct err *err);
void zone_free(struct zone *zone);

/* Seconds to add to UTC; a zone of NULL is UTC. */
int64_t zone_offset_s(const struct zone *zone, int64_t utc_ms);

/* The time at which clocks of the zone show local_ms (as if it were UTC). Of an hour that they show twice, the first; one
 * that they skip counts on from the hour before. */
int64_t zone_to_utc_ms(const struct zone *zone, int64_t local_ms);

#endif
