/* latency.h - delay, loss and delay variation of one target, a bin at a time.
 *
 * An echo belongs to the bin in which it was sent and is added once its fate is final. A bin is taken when nothing of it
 * can be under way any more. Echoes sent while the target was in a confirmed episode of the ladder are left out: that
 * time is unavailable, not lossy.
 *
 * Units:   _us: boottime or durations; JSON_ABSENT where there is no figure.
 * Source:  methodology 8, L2 (percentiles by nearest rank; RFC 5481's PDV, RFC 3393's IPDV, RFC 6703 for late answers).
 * Bounds:  LATENCY_SAMPLES_MAX delays a bin; more are counted and their delays left out.
 * Threads: pure. */
#ifndef PLUMBLINE_LATENCY_H
#define PLUMBLINE_LATENCY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LATENCY_SAMPLES_MAX 1024
#define LATENCY_EPISODES_MAX 16
#define LATENCY_HOURS        24
#define LATENCY_LOSS_FROM    20   /* L2: loss is published only with so many sent */

enum latency_fate { LATENCY_ANSWERED, LATENCY_LATE, LATENCY_LOST };

struct latency_sample {
	int64_t sent_us;
	int64_t delay_us;            /* JSON_ABSENT: lost */
	bool late;
};

struct latency_bin {
	int64_t number;              /* of its interval since boot; -1: not in use */
	size_t count, beyond;        /* samples kept, and echoes that found no room */
	struct latency_sample samples[LATENCY_SAMPLES_MAX];
};

struct latency_episode {
	int64_t from_us, to_us;      /* to_us INT64_MAX: under way */
};

struct latency {
	int64_t bin_us;
	int64_t settle_us;           /* an echo's fate is final so long after it was sent */
	int64_t opened_us;
	struct latency_bin bins[2];
	struct latency_episode episodes[LATENCY_EPISODES_MAX];
	size_t episode_count;
	struct {
		int64_t hour;
		int64_t min_us;
	} hours[LATENCY_HOURS];      /* shortest delay of each of the last hours */
};

struct latency_figures {
	int64_t from_us, to_us;
	int64_t sent, lost, late;    /* without the unavailable time */
	int64_t loss_ppm;            /* lost / sent; absent with fewer than LATENCY_LOSS_FROM sent */
	int64_t min_us, p50_us, p95_us, p99_us;
	int64_t pdv_us;              /* p95 - min */
	int64_t ipdv_us;             /* mean absolute difference of successive answers */
	int64_t base_us;             /* minimum of 24 h */
	int64_t unavailable_us;
};

void latency_init(struct latency *latency, int64_t bin_us, int64_t settle_us, int64_t now_us);

/* The fate of one echo; delay_us is not read for a lost one. */
void latency_add(struct latency *latency, int64_t sent_us, enum latency_fate fate, int64_t delay_us);

/* A confirmed episode began, or ended, at this time. Beginning twice is beginning once. */
void latency_unavailable(struct latency *latency, int64_t from_us);
void latency_available(struct latency *latency, int64_t from_us);

/* Takes out the oldest bin that is final at now_us, or with flush the oldest that there is; true while there was one. Must
 * be called at least once a bin. */
bool latency_take(struct latency *latency, int64_t now_us, bool flush, struct latency_figures *ret_figures);

/* The figures' members of a `latency` event, without times and target. */
json_t *latency_figures_to_json(const struct latency_figures *figures);

#endif
