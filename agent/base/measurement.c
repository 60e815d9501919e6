#include "agent/base/measurement.h"

#include "agent/base/json.h"

const char *const leg_names[] = { "local", "hub", NULL };

const char *const judgement_names[] = {
	[JUDGED_GOOD] = "good",       [JUDGED_MARGINAL] = "marginal", [JUDGED_BAD] = "bad",
	[JUDGED_UNRESOLVED] = "unresolved", [JUDGED_INVALID] = "invalid",   [JUDGED_FAILED] = "failed",
	[JUDGED_SKIPPED] = "skipped", NULL,
};

const char *const reason_names[] = {
	[REASON_NONE] = "",
	[REASON_LOWER_BOUND] = "lower-bound",
	[REASON_LINE_CARRIED_IT] = "line-carried-it",
	[REASON_CONTENDED] = "contended",
	[REASON_STALLED] = "stalled",
	[REASON_NO_THRESHOLD] = "no-threshold",
	[REASON_SHORT_TRANSFER] = "short-transfer",
	[REASON_FILE_TOO_SMALL] = "file-too-small",
	[REASON_CACHE] = "cache",
	[REASON_NONCE] = "nonce",
	[REASON_ENCODED] = "encoded",
	[REASON_SERVER_BUSY] = "server-busy",
	[REASON_MAINTENANCE] = "maintenance",
	[REASON_DNS] = "dns",
	[REASON_CONNECT] = "connect",
	[REASON_TLS] = "tls",
	[REASON_NO_ANSWER] = "no-answer",
	[REASON_HTTP_STATUS] = "http-status",
	[REASON_TRUNCATED] = "truncated",
	[REASON_ALTERED] = "altered",
	[REASON_ABORTED] = "aborted",
	[REASON_TOO_SHORT] = "too-short",
	[REASON_SLOW_START] = "slow-start",
	[REASON_WINDOW_LIMITED] = "window-limited",
	[REASON_ENV] = "env",
	[REASON_BUSY] = "busy",
	[REASON_BUDGET] = "budget",
	[REASON_CLOCK] = "clock",
	[REASON_COUNT] = NULL,
};

const char *const kind_names[] = { "reference", "capacity", NULL };
const char *const trigger_names[] = { "schedule", "extra", "order", "check", NULL };
const char *const cross_names[] = { "measured", "unknown", NULL };
const char *const load_way_names[] = { "", "icmp", "tcp", NULL };

#define TIME_MS_MAX     INT64_C(32503680000000)   /* the year 3000 */
#define DURATION_US_MAX MEASUREMENT_DURATION_MAX_US
#define RATE_BPS_MAX    MEASUREMENT_RATE_MAX_BPS
#define BYTES_MAX       INT64_C(1000000000000)

#define ECHOES_MAX      1000000

#define INTEGER(member, need, lowest, highest)                                                                         \
	{ .name = #member, .type = JSON_FIELD_INTEGER, .required = need, .offset = offsetof(struct measurement, member), \
	  .min = lowest, .max = highest }
#define FLAG(member) { .name = #member, .type = JSON_FIELD_FLAG, .offset = offsetof(struct measurement, member) }
#define TEXT(member, need)                                                                                             \
	{ .name = #member, .type = JSON_FIELD_TEXT, .required = need, .offset = offsetof(struct measurement, member),  \
	  .size = sizeof ((struct measurement *)0)->member }
#define CHOICE(member, need, list)                                                                                     \
	{ .name = #member, .type = JSON_FIELD_CHOICE, .required = need, .offset = offsetof(struct measurement, member), \
	  .names = list }

static const struct json_field fields[] = {
	CHOICE(leg, true, leg_names),
	CHOICE(kind, false, kind_names),
	CHOICE(trigger, false, trigger_names),
	TEXT(file, true),
	TEXT(order, false),
	INTEGER(cell_ms, false, 0, TIME_MS_MAX),
	INTEGER(started_ms, true, 0, TIME_MS_MAX),
	INTEGER(boottime_us, true, 0, INT64_MAX),
	INTEGER(duration_us, true, 0, DURATION_US_MAX),
	INTEGER(bytes, true, 0, BYTES_MAX),
	INTEGER(rate_body_bps, false, 0, RATE_BPS_MAX),
	INTEGER(rate_user_bps, false, 0, RATE_BPS_MAX),
	INTEGER(rate_steady_bps, false, 0, RATE_BPS_MAX),
	INTEGER(rate_max1s_bps, false, 0, RATE_BPS_MAX),
	INTEGER(steady_from_us, false, 0, DURATION_US_MAX),
	INTEGER(steady_us, false, 0, DURATION_US_MAX),
	INTEGER(throughput_bps, false, 0, RATE_BPS_MAX),
	INTEGER(threshold_bps, false, 1, RATE_BPS_MAX),
	INTEGER(dns_us, false, 0, DURATION_US_MAX),
	INTEGER(connect_us, false, 0, DURATION_US_MAX),
	INTEGER(tls_us, false, 0, DURATION_US_MAX),
	INTEGER(first_byte_us, false, 0, DURATION_US_MAX),
	INTEGER(http_status, false, 100, 999),
	TEXT(peer, false),
	TEXT(interface, false),
	FLAG(sha256_ok),
	INTEGER(cross_rx_bps, false, 0, RATE_BPS_MAX),
	INTEGER(cross_tx_bps, false, 0, RATE_BPS_MAX),
	CHOICE(cross, false, cross_names),
	FLAG(lower_bound),
	INTEGER(family, false, 4, 6),
	INTEGER(connections, false, 1, 16),
	INTEGER(bytes_spent, false, 0, BYTES_MAX),
	INTEGER(link_bps, false, 0, RATE_BPS_MAX),
	INTEGER(cpu_percent, false, 0, 100),
	INTEGER(rtt_us, false, 0, DURATION_US_MAX),
	INTEGER(idle_p50_us, false, 0, DURATION_US_MAX),
	INTEGER(loaded_p50_us, false, 0, DURATION_US_MAX),
	INTEGER(loaded_p95_us, false, 0, DURATION_US_MAX),
	INTEGER(loaded_increase_us, false, 0, DURATION_US_MAX),
	INTEGER(loaded_http_p50_us, false, 0, DURATION_US_MAX),
	CHOICE(loaded_way, false, load_way_names),
	INTEGER(loaded_sent, false, 0, ECHOES_MAX),
	INTEGER(loaded_lost, false, 0, ECHOES_MAX),
	TEXT(trace, false),
	TEXT(tcp, false),
	CHOICE(judgement, true, judgement_names),
	CHOICE(reason, false, reason_names),
};

#define FIELD_COUNT (sizeof fields / sizeof fields[0])

void measurement_init(struct measurement *measurement)
{
	*measurement = (struct measurement){
		.cell_ms = JSON_ABSENT,         .rate_body_bps = JSON_ABSENT,  .rate_user_bps = JSON_ABSENT,
		.rate_steady_bps = JSON_ABSENT, .throughput_bps = JSON_ABSENT, .threshold_bps = JSON_ABSENT,
		.dns_us = JSON_ABSENT,          .connect_us = JSON_ABSENT,     .tls_us = JSON_ABSENT,
		.first_byte_us = JSON_ABSENT,   .http_status = JSON_ABSENT,    .sha256_ok = JSON_ABSENT,
		.cross_rx_bps = JSON_ABSENT,    .cross_tx_bps = JSON_ABSENT,   .lower_bound = JSON_ABSENT,
		.rate_max1s_bps = JSON_ABSENT,  .steady_from_us = JSON_ABSENT, .steady_us = JSON_ABSENT,
		.family = JSON_ABSENT,          .connections = JSON_ABSENT,    .bytes_spent = JSON_ABSENT,
		.link_bps = JSON_ABSENT,        .cpu_percent = JSON_ABSENT,    .cross = CROSS_UNKNOWN,
		.rtt_us = JSON_ABSENT,          .idle_p50_us = JSON_ABSENT,    .loaded_p50_us = JSON_ABSENT,
		.loaded_p95_us = JSON_ABSENT,   .loaded_increase_us = JSON_ABSENT, .loaded_http_p50_us = JSON_ABSENT,
		.loaded_sent = JSON_ABSENT,     .loaded_lost = JSON_ABSENT,
	};
}

int measurement_from_json(const json_t *object, struct measurement *ret, json_t *faults, struct err *err)
{
	return json_fields_read(object, fields, FIELD_COUNT, ret, faults, err);
}

json_t *measurement_to_json(const struct measurement *measurement)
{
	return json_fields_write(fields, FIELD_COUNT, measurement);
}
