/* judge.h - judge one measurement against the threshold its line was promised.
 * Ownership: keeps nothing. Threads: pure.
 * Units:     _bps, bits per second of TCP payload.
 * Source:    methodology 2 (T3, T7, T8, T10), 3 (S1, S2, S4, S8), 5.1 (K2) and 5.3 (order, dead band). */
#ifndef PLUMBLINE_JUDGE_H
#define PLUMBLINE_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/measurement.h"

/* What a probe brought home. The flags before failure are set as far as they are known, whatever happened to the
 * transfer: an answer from a cache is invalid also when it was cut short. */
struct judge_facts {
	bool cached;              /* 5.2: Age above 0, X-Cache or Cache-Status names a hit */
	bool nonce_wrong;         /* 5.2: the echo differs, or is missing where it is required */
	bool encoded;             /* 5.2: Content-Encoding is present */
	bool server_busy;         /* H2, H3 */
	bool in_maintenance;
	bool cannot_carry;        /* S8, known before the probe: the network card is slower than 1.2 x the threshold */
	enum reason failure;      /* REASON_NONE; REASON_STALLED (T10); REASON_DNS to REASON_ABORTED */
	int64_t file_bytes;       /* what the body was to bring, which stalled ones did not: S1 binds by this */
	int64_t rate_body_bps;    /* T1; not looked at in a short transfer */
	int64_t rate_user_bps;    /* T2 */
	bool short_transfer;      /* T8: the figure is rate_user_bps, and a lower bound */
	enum probe_kind kind;
	int64_t rate_steady_bps;  /* T3, of a capacity probe; JSON_ABSENT: it had no full load */
	int64_t early_good_bps;   /* S4: it was stopped because it was good, with this rate; 0: it was not */
	enum reason doubt;        /* why T3 is only a lower bound: REASON_TOO_SHORT, SLOW_START, WINDOW_LIMITED, ENV; or NONE */
	int64_t cross_rx_bps;     /* the client's own traffic, or JSON_ABSENT */
	int64_t threshold_bps;    /* 0: none */
};

struct judge_result {
	enum judgement judgement;
	enum reason reason;
	int64_t throughput_bps;   /* the figure that was judged; JSON_ABSENT when invalid or failed */
	bool lower_bound;         /* it proves only "at least" */
};

struct judge_result judge(const struct judge_facts *facts);

/* Whether a body of so many bytes can show that a line is below this threshold: 4 Mbit/s for 1 MiB, in proportion (S1). */
bool judge_file_shows(int64_t file_bytes, int64_t threshold_bps);

#endif
