/* sample.h - what the rules of methodology 11 look at of one measurement.
 * Units:   _ms UTC milliseconds (event time), _bps bits per second; JSON_ABSENT where there is no figure.
 * Threads: plain data. */
#ifndef PLUMBLINE_SAMPLE_H
#define PLUMBLINE_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/json.h"
#include "agent/base/measurement.h"

struct sample {
	int64_t started_ms;
	int leg;                     /* enum leg */
	int64_t spool, seq;          /* which measurement it was */
	int64_t throughput_bps;      /* JSON_ABSENT when there is no figure */
	int64_t threshold_bps;
	int judgement;               /* enum judgement */
	int reason;                  /* enum reason */
	int trigger;                 /* enum trigger */
	int kind;                    /* enum probe_kind */
	bool is_blind;               /* K3: the client's own traffic meanwhile is unknown */
};

#endif
