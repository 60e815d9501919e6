/* collector_keys.h - collector.yaml as a struct. Every key, its unit and default stands in the table of
 * collector_keys.c, in config/collector.yaml and in the manual; a test compares them. */
#ifndef PLUMBLINE_COLLECTOR_KEYS_H
#define PLUMBLINE_COLLECTOR_KEYS_H

#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/keys.h"
#include "collector/decide/outages.h"
#include "collector/decide/reliability.h"
#include "collector/decide/guard.h"
#include "collector/decide/rule.h"
#include "collector/decide/silence.h"

#define KEEP_MEASUREMENTS_LEAST_MS INT64_C(3456000000)   /* 40 days: the month that a line is judged by, and what a late fact is judged with */

struct zone;   /* of collector/web/zone.h */

struct served_file {
	char *name;
	int leg;                /* enum leg */
	char *node;             /* topology node where its server stands, or NULL */
	char *url;
	char *sha256;           /* 64 lower-case hexadecimal digits */
	int64_t size_bytes;     /* 0 when not stated */
	int nonce_required;     /* 1: "nonce: required" */
	struct key_texts canaries;   /* lines of agents beside its server (H4) */
};

struct service_plan {
	char *name;
	int64_t local_min_bps, hub_min_bps;   /* 0: that leg is not promised */
	int layer;                            /* tcp_payload, ip, ethernet (U3) */
	int reliability;                      /* enum reliability_profile */
	struct outage_owners owners;
	int64_t interval_ms;
	int64_t budget_bytes;                 /* that its agent may download in a month */
};
extern const char *const layer_names[];
extern const char *const reliability_names[];

struct collector_config {
	char *listen;                 /* "address:port", "[v6]:port" */
	char *public_url;             /* what agents and people reach it by; NULL: derived from listen */
	char *tls_certificate, *tls_key;
	char *database;
	char *time_zone;              /* IANA name, e.g. Europe/Moscow */
	struct zone *zone;            /* the same, read; NULL: UTC */
	char *reference_dir;          /* files served under /reference/, or NULL */
	struct key_list reference_files;   /* struct served_file */
	struct key_list service_plans;     /* struct service_plan */
	struct decision_rule decision;
	struct decision_rule capacity_decision;   /* of promises that capacity probes test; what it does not set is as in decision */
	struct outage_rule outages;
	struct reliability_rule reliability;      /* the profile standard; reopen_within_ms is that of decision */
	struct guard_rule guard;
	int64_t incident_good_percent;            /* 12.5: of the lines affected, good again when an incident is proven gone */
	int64_t report_ms;            /* how often agents report */
	struct silence_rule silence;
	char *check_url;              /* that the collector asks itself by; NULL: its public_url, or made from listen */
	char *check_ca_file;          /* NULL: its own certificate, or the system's authorities */
	int64_t order_expires_ms;     /* an order that nobody answered */
	int64_t keep_reports_ms;      /* bytes of reports as received */
	int64_t keep_measurements_ms; /* each of them; then their roll-ups, by hour ... */
	int64_t keep_hourly_ms;
	int64_t keep_daily_ms;        /* ... and by day */
	int64_t keep_events_ms;       /* what agents report besides measurements and outages */
	int64_t max_connections;
	int64_t max_body_bytes;
	int log_level;                /* enum log_level */
};

extern const struct key collector_keys[];

/* Fails with ERR_USAGE; *ret_faults then has a line for each fault, also those that span keys (a plan named twice, no
 * TLS on an address that is not loopback, an unknown time zone). */
int collector_config_read(const char *path, struct collector_config *ret_config, struct buf *ret_faults, struct err *err);
void collector_config_free(struct collector_config *config);

/* Takes "192.0.2.1:8443" or "[2001:db8::1]:8443" apart. Fails with ERR_INPUT. */
#define LISTEN_ADDRESS_SIZE 64
int collector_listen_parse(const char *listen, char ret_address[LISTEN_ADDRESS_SIZE], int *ret_port, struct err *err);

/* Whose the parts are that 9.2 leaves open, for a line of this plan; without one, as by default. */
struct outage_owners collector_config_owners(const struct service_plan *plan);

/* NULL when there is none of that name. */
const struct service_plan *collector_config_find_plan(const struct collector_config *config, const char *name);

/* The cells of H5: the shortest interval of any plan; 15 min when there is none. */
int64_t collector_config_cell_ms(const struct collector_config *config);

#endif
