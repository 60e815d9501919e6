/* load_delay.h - how much longer round trips take while the line is full than while it is idle.
 * Units:   _us; percentiles by nearest rank. Source: methodology 8 (L4). Threads: pure. */
#ifndef PLUMBLINE_LOAD_DELAY_H
#define PLUMBLINE_LOAD_DELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/measurement.h"

#define LOAD_DELAY_ECHO_MS     50    /* 20 echoes a second */
#define LOAD_DELAY_GET_MS      200   /* one foreign request in each */
#define LOAD_DELAY_IDLE_ECHOES 20    /* before the load */
#define LOAD_DELAY_LEAST       5     /* fewer answers give no percentile */
#define LOAD_DELAY_ANSWERS_MAX 256   /* ten seconds of echoes, and room */

struct delays {
	int64_t us[LOAD_DELAY_ANSWERS_MAX];
	int count;             /* answered */
	int64_t sent, lost;
};

struct load_delay {
	struct delays idle, loaded;   /* echoes */
	struct delays http;           /* foreign requests under load, without their name lookups */
	enum load_way way;            /* of the echoes under load */
};

/* Those beyond LOAD_DELAY_ANSWERS_MAX are dropped. */
void delays_add(struct delays *delays, int64_t us);

/* JSON_ABSENT with fewer than LOAD_DELAY_LEAST. */
int64_t delays_rank(const struct delays *delays, int percent);

/* Whether foreign requests take at most 1 % of what is promised. */
bool load_delay_affords_http(int64_t threshold_bps, bool is_tls);

/* Fills in idle_p50_us, loaded_* of record. */
void load_delay_record(const struct load_delay *delay, struct measurement *record);

#endif
