/* measurement.h - the record of one probe of one leg, and its JSON as reports carry it.
 * Units:   _bps bits per second, _us microseconds, _ms UTC milliseconds, _bytes bytes; JSON_ABSENT where unknown.
 * Source:  methodology 2 (T1 to T5), 4, 5 and 8 (L3, L4); contract section 3.
 * Enums:   the collector stores their numbers: new ones go last.
 * Threads: pure. */
#ifndef PLUMBLINE_MEASUREMENT_H
#define PLUMBLINE_MEASUREMENT_H

#include <jansson.h>
#include <stdint.h>

#include "agent/base/err.h"

enum leg { LEG_LOCAL, LEG_HUB, LEG_COUNT };
extern const char *const leg_names[];   /* "local", "hub", NULL */

enum judgement {
	JUDGED_GOOD,         /* at least 1.05 x the threshold */
	JUDGED_MARGINAL,     /* between the threshold and that */
	JUDGED_BAD,          /* below the threshold */
	JUDGED_UNRESOLVED,   /* proves nothing about the threshold */
	JUDGED_INVALID,      /* something other than the line bounded or served it */
	JUDGED_FAILED,       /* no transfer, or not the content */
	JUDGED_SKIPPED,      /* not probed */
};
extern const char *const judgement_names[];

/* Why a judgement is not simply the figure against the threshold. */
enum reason {
	REASON_NONE,
	REASON_LOWER_BOUND,      /* good: even the lower bound is past the dead band (T8) */
	REASON_LINE_CARRIED_IT,  /* good: the figure and the client's own traffic reach the threshold (K2) */
	REASON_CONTENDED,        /* bad: below the threshold with the client's own traffic added (K2) */
	REASON_STALLED,          /* bad: began, then stalled or hit its deadline (T10); unresolved: the same above the threshold */
	REASON_NO_THRESHOLD,     /* unresolved: nothing to compare with */
	REASON_SHORT_TRANSFER,   /* unresolved: body arrived in less than 0.2 s (T8) */
	REASON_FILE_TOO_SMALL,   /* unresolved: threshold above what a file of this size can show (S1) */
	REASON_CACHE,            /* invalid: a cache answered (5.2) */
	REASON_NONCE,            /* invalid: the nonce's echo differs, or is missing where it is required (5.2) */
	REASON_ENCODED,          /* invalid: the body was re-encoded on the way (5.2) */
	REASON_SERVER_BUSY,      /* invalid: 503, 429, or the server states too high a load (H3) */
	REASON_MAINTENANCE,      /* invalid: announced work */
	REASON_DNS,              /* failed, in the order in which a transfer can fail */
	REASON_CONNECT,
	REASON_TLS,
	REASON_NO_ANSWER,
	REASON_HTTP_STATUS,
	REASON_TRUNCATED,
	REASON_ALTERED,
	REASON_ABORTED,          /* failed: this agent stopped it */
	REASON_TOO_SHORT,        /* unresolved: less than 1 s, or 10 slices, under full load (T7) */
	REASON_SLOW_START,       /* unresolved: the rate was still growing */
	REASON_WINDOW_LIMITED,   /* unresolved: the receive window bounded it (S5) */
	REASON_ENV,              /* invalid: this machine could not carry it (S8) */
	REASON_BUSY,             /* skipped: the line was in use (K1) */
	REASON_BUDGET,           /* skipped: this month's bytes are used (P4) */
	REASON_CLOCK,            /* invalid: nobody knows when it was (J4) */
	REASON_COUNT
};
extern const char *const reason_names[];

/* S2: the reference file for liveness and promises up to 4 Mbit/s, a time-bounded download for faster ones. */
enum probe_kind { KIND_REFERENCE, KIND_CAPACITY };
extern const char *const kind_names[];   /* "reference", "capacity", NULL */

/* What made this probe run; windows of D3 and D6 count scheduled ones only (D2). */
enum trigger { TRIGGER_SCHEDULE, TRIGGER_EXTRA, TRIGGER_ORDER, TRIGGER_CHECK };
extern const char *const trigger_names[];

/* K3: whether cross_rx_bps and cross_tx_bps are all of the client's own traffic. */
enum cross { CROSS_MEASURED, CROSS_UNKNOWN };
extern const char *const cross_names[];   /* "measured", "unknown", NULL */

/* How echoes under load went. */
enum load_way { LOAD_WAY_NONE, LOAD_WAY_ICMP, LOAD_WAY_TCP };
extern const char *const load_way_names[];   /* "", "icmp", "tcp", NULL */

#define MEASUREMENT_RATE_MAX_BPS    INT64_C(1000000000000)   /* 1 Tbit/s: what a record can hold */
#define MEASUREMENT_DURATION_MAX_US INT64_C(86400000000)     /* a day: longer than any deadline */

#define MEASUREMENT_TRACE_SIZE      1024
#define MEASUREMENT_TCP_SIZE        768

struct measurement {
	int leg;                    /* enum leg */
	int kind;                   /* enum probe_kind */
	int trigger;                /* enum trigger */
	char file[64];              /* the reference file's name */
	char order[64];             /* the order it answers, or "" */
	int64_t cell_ms;            /* start of its schedule cell (P1), or absent */
	int64_t started_ms;
	int64_t boottime_us;        /* at the start */
	int64_t duration_us;        /* t6 - t0 */
	int64_t bytes;              /* of the body, as received */
	int64_t rate_body_bps;      /* T1 */
	int64_t rate_user_bps;      /* T2 */
	int64_t rate_steady_bps;    /* T3, over steady_us from steady_from_us after the first byte */
	int64_t rate_max1s_bps;     /* T4 */
	int64_t steady_from_us;
	int64_t steady_us;
	int64_t throughput_bps;     /* the one judged */
	int64_t threshold_bps;
	int64_t dns_us;             /* T5 */
	int64_t connect_us;
	int64_t tls_us;
	int64_t first_byte_us;
	int64_t http_status;
	char peer[64];              /* address and port */
	char interface[16];         /* the egress interface whose counters were read */
	int sha256_ok;              /* flag */
	int64_t cross_rx_bps;       /* the client's own traffic meanwhile (5.1) */
	int64_t cross_tx_bps;
	int cross;                  /* enum cross */
	int lower_bound;            /* flag: throughput_bps proves only "at least" (T8) */
	int64_t family;             /* 4 or 6: the version of IP */
	int64_t connections;        /* of a capacity probe (S5) */
	int64_t bytes_spent;        /* what it took from the line, headers and what was thrown away included (P4) */
	int64_t link_bps;           /* speed of the network card (S8) */
	int64_t cpu_percent;        /* of one core that this agent used meanwhile (S8) */
	int64_t rtt_us;             /* smallest of the running probe's, else what connecting took (L3) */
	int64_t idle_p50_us;        /* echoes before a capacity probe (L4) */
	int64_t loaded_p50_us;      /* and during it */
	int64_t loaded_p95_us;
	int64_t loaded_increase_us; /* loaded_p50_us - idle_p50_us, at least 0 */
	int64_t loaded_http_p50_us; /* foreign requests during it, without their name lookups */
	int loaded_way;             /* enum load_way */
	int64_t loaded_sent;        /* echoes during it */
	int64_t loaded_lost;
	char trace[MEASUREMENT_TRACE_SIZE];   /* trace_format of trace.h, all connections together */
	char tcp[MEASUREMENT_TCP_SIZE];       /* tcp_log_format of tcp_log.h */
	int judgement;              /* enum judgement */
	int reason;                 /* enum reason */
};

/* Everything absent, "" or 0. */
void measurement_init(struct measurement *measurement);

/* Fails with ERR_INPUT naming the field; *ret is then undefined. faults as in json_fields_read. */
int measurement_from_json(const json_t *object, struct measurement *ret, json_t *faults, struct err *err);

/* The members of an event of type "measurement", without seq, boot and type. */
json_t *measurement_to_json(const struct measurement *measurement);

#endif
