/* agent_keys.h - agent.yaml as a struct. Every key, its unit and default stands in the table of agent_keys.c, in
 * config/agent.yaml and in the manual; a test compares them. */
#ifndef PLUMBLINE_AGENT_KEYS_H
#define PLUMBLINE_AGENT_KEYS_H

#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/keys.h"
#include "agent/measure/answer.h"

struct reference_file {
	char *name;
	int leg;               /* enum leg */
	char *url;
	char *sha256;          /* 64 hexadecimal digits, or NULL: the content is not checked */
	int64_t size_bytes;    /* 0 when not stated */
	int nonce_required;    /* 1: "nonce: required" */
};

/* How the line is watched (methodology 8 and 9); every constant can be set. */
struct watch_config {
	int64_t carrier_ms, gateway_ms, local_ms, hub_ms, names_ms, http_ms;   /* cadences */
	int64_t timeout_ms, sweep_ms;
	int64_t down_after_ms, up_after_ms;
	int64_t brief_ms, outage_ms, merge_ms, starting_ms;
	int64_t bin_ms, hub_bin_ms;
	int64_t journal_ms;
};

struct agent_config {
	char *collector_url;            /* NULL: works alone */
	char *collector_ca_file;
	char *state_dir;
	int64_t spool_max_bytes;
	char *interface;                /* NULL: whichever the route takes */
	int sees_part;                  /* 1: "sees_all_traffic: no" (K3) */
	struct key_texts targets_allowed;
	struct key_list reference_files;   /* struct reference_file */
	int64_t local_min_bps, hub_min_bps;   /* 0: no threshold */
	int64_t interval_ms, report_ms;
	struct watch_config watch;
	int64_t budget_bytes;           /* a month (P4); the instruction's counts where it is smaller */
	int64_t discard_bytes;          /* S6 */
	struct busy_limits server_busy; /* H3 */
	int log_level;                  /* enum log_level */
};

extern const struct key agent_keys[];

/* Fails with ERR_USAGE; *ret_faults then has a line for each fault, also those that span keys. */
int agent_config_read(const char *path, struct agent_config *ret_config, struct buf *ret_faults, struct err *err);
void agent_config_free(struct agent_config *config);

#endif
