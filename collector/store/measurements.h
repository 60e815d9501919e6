/* measurements.h - measurements by line, leg and time.
 * Units: as in agent/base/measurement.h. Threads: a store thread, inside a job. */
#ifndef PLUMBLINE_MEASUREMENTS_H
#define PLUMBLINE_MEASUREMENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/measurement.h"
#include "collector/decide/sample.h"
#include "collector/store/clients.h"

struct txn;

/* Stores one, and marks its day (rollups.h); one that is there already is left as it is. */
int measurement_put(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const struct measurement *m,
		    struct err *err);

/* An event that is not a measurement (alive, boot, outage …), kept as it came. */
int event_put(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const char *type, const json_t *event,
	      struct err *err);

/* Which samples of a leg: STREAM_FAST is the stream of a promise that the reference file cannot show (S1): capacity probes,
 * and reference probes whose lower bound is good already (T8). */
enum sample_stream { STREAM_ALL, STREAM_VALID /* D1, D2: scheduled good, marginal and bad ones */, STREAM_FAST };

/* The newest samples of a leg with started_ms < before_ms, oldest first; fills at most limit. Returns how many, or -1. */
int samples_before(struct txn *txn, const struct line *line, enum leg leg, int64_t before_ms, enum sample_stream stream,
		   struct sample *ret_samples, int limit, struct err *err);

/* Every sample of both legs with started_ms >= from_ms, in no order that matters; the caller frees *ret_samples. */
int samples_since(struct txn *txn, const struct line *line, int64_t from_ms, struct sample **ret_samples, size_t *ret_count,
		  struct err *err);

/* The members of these samples' measurements as the API shows them, [{leg, started_ms, throughput_bps, …}], with idle_p50_us and
 * loaded_p50_us where they were measured. */
int measurements_get(struct txn *txn, const struct line *line, enum leg leg, const struct sample *samples, int count,
		     json_t **ret_array, struct err *err);

/* {"items": [{leg, started_ms, throughput_bps, threshold_bps, judgement, reason, trigger, kind, bytes, duration_us, rate_user_bps,
 * first_byte_us, cross_rx_bps}]}, both legs, oldest first, within [from_ms, to_ms); a leg with more than points rows is thinned to about that so that
 * the minimum of each stretch of time stays. From when measurements are no longer kept there are roll-ups, as rollups_append
 * (rollups.h) has them: the members span_ms and count tell them apart. */
int measurements_series(struct txn *txn, const struct line *line, int64_t from_ms, int64_t to_ms, int64_t points,
			json_t **ret_series, struct err *err);

/* The same for a picture of a long time: days as their roll-ups, and measurements only after the newest of these. */
int measurements_overview(struct txn *txn, const struct line *line, int64_t from_ms, int64_t to_ms, int64_t points,
			  json_t **ret_series, struct err *err);

/* Every measurement from this time on, in the order stored, to visit one at a time: for export. visit gets the object
 * (borrowed) with client, line and the members above; a non-zero return ends it with that value. */
int measurements_visit(struct txn *txn, int64_t from_ms, int (*visit)(const json_t *measurement, void *arg), void *arg,
		       struct err *err);

#endif
