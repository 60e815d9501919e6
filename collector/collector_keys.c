#include "collector/collector_keys.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/base/key_checks.h"
#include "agent/base/log.h"
#include "agent/base/measurement.h"
#include "collector/web/zone.h"

#define SECOND_MS INT64_C(1000)
#define DAY_MS    INT64_C(86400000)
#define KIB       INT64_C(1024)
#define TIB       (KIB * KIB * KIB * KIB)
#define TBPS      INT64_C(1000000000000)

#define ID_LENGTH_MAX 63     /* of names that the store keeps as ids */
#define WINDOW_MAX    1000   /* probes that a rule may look back on */

const char *const layer_names[] = { "tcp_payload", "ip", "ethernet", NULL };
const char *const reliability_names[] = { "norm-2001", "standard", NULL };   /* enum reliability_profile */

static int parse_port(const char *text, int *ret_port)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 5 || text[digits] || strtol(text, NULL, 10) > 65535)
		return -1;
	*ret_port = (int)strtol(text, NULL, 10);
	return 0;
}

int collector_listen_parse(const char *listen, char ret_address[LISTEN_ADDRESS_SIZE], int *ret_port, struct err *err)
{
	bool is_v6 = listen[0] == '[';
	const char *end = is_v6 ? strstr(listen, "]:") : strchr(listen, ':');
	size_t length = end ? (size_t)(end - listen - is_v6) : 0;
	char address[LISTEN_ADDRESS_SIZE] = "";
	unsigned char bytes[16];
	int port;

	if (!end || length >= sizeof address)
		goto fail;
	memcpy(address, listen + is_v6, length);
	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, address, bytes) != 1 || parse_port(end + 1 + is_v6, &port) < 0)
		goto fail;
	memcpy(ret_address, address, sizeof address);
	*ret_port = port;
	return 0;
fail:
	return err_set(err, ERR_INPUT, "\"%.80s\" is no address with a port, write 127.0.0.1:8443 or [::]:8443", listen);
}

static int check_listen(char *listen, struct err *err)
{
	char address[LISTEN_ADDRESS_SIZE];
	int port;

	return collector_listen_parse(listen, address, &port, err);
}

static int check_time_zone(char *zone, struct err *err)
{
	char path[256];
	struct stat info;

	if (!strcmp(zone, "UTC"))
		return 0;
	snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", zone);
	if (zone[0] != '/' && zone[0] != '.' && !strstr(zone, "/.") && stat(path, &info) == 0 && S_ISREG(info.st_mode))
		return 0;
	return err_set(err, ERR_INPUT, "\"%.80s\" is not a time zone of this machine, write one like Europe/Moscow", zone);
}

#define AT(member)      .offset = offsetof(struct collector_config, member)
#define FILE_AT(member) .offset = offsetof(struct served_file, member)
#define PLAN_AT(member) .offset = offsetof(struct service_plan, member)
#define END             { .name = NULL }

static const struct key tls_rows[] = {
	{ .name = "certificate", .type = KEY_TEXT, AT(tls_certificate), .help = "PEM file with the certificate and its chain" },
	{ .name = "key", .type = KEY_TEXT, AT(tls_key), .help = "PEM file with its private key" },
	END,
};

static const struct key file_rows[] = {
	{ .name = "name", .type = KEY_TEXT, FILE_AT(name), .required = true, .min = 1,
	  .max = REFERENCE_NAME_LENGTH_MAX, .help = "what measurements call it" },
	{ .name = "leg", .type = KEY_CHOICE, FILE_AT(leg), .required = true, .names = leg_names,
	  .help = "local (the provider's own server) or hub (the exchange)" },
	{ .name = "node", .type = KEY_TEXT, FILE_AT(node), .min = 1, .max = ID_LENGTH_MAX,
	  .help = "topology node where its server stands" },
	{ .name = "url", .type = KEY_TEXT, FILE_AT(url), .required = true, .min = 1,
	  .max = REFERENCE_URL_LENGTH_MAX, .check = key_check_url, .help = "where agents download it from" },
	{ .name = "sha256", .type = KEY_TEXT, FILE_AT(sha256), .required = true, .check = key_check_sha256,
	  .help = "its digest, as plumbline-collector reference prints it" },
	{ .name = "size", .type = KEY_SIZE, FILE_AT(size_bytes), .min = 1, .max = REFERENCE_BYTES_MAX,
	  .help = "its length; without it the server's word is taken" },
	{ .name = "nonce", .type = KEY_CHOICE, FILE_AT(nonce_required), .preset = "optional", .names = nonce_names,
	  .help = "whether the server must echo the nonce: optional or required" },
	{ .name = "canaries", .type = KEY_TEXTS, FILE_AT(canaries), .min = 1, .max = ID_LENGTH_MAX,
	  .help = "lines of agents that stand beside its server; when they are slow, it is the server" },
	END,
};

static const struct key plan_rows[] = {
	{ .name = "name", .type = KEY_TEXT, PLAN_AT(name), .required = true, .min = 1, .max = ID_LENGTH_MAX,
	  .help = "what clients.csv calls it" },
	{ .name = "local_min", .type = KEY_RATE, PLAN_AT(local_min_bps), .min = 1, .max = TBPS,
	  .help = "promised on the local leg; without it nothing is" },
	{ .name = "hub_min", .type = KEY_RATE, PLAN_AT(hub_min_bps), .min = 1, .max = TBPS,
	  .help = "promised on the hub leg; without it nothing is" },
	{ .name = "layer", .type = KEY_CHOICE, PLAN_AT(layer), .preset = "tcp_payload", .names = layer_names,
	  .help = "where the promised rates count: tcp_payload, ip or ethernet" },
	{ .name = "reliability", .type = KEY_CHOICE, PLAN_AT(reliability), .preset = "standard", .names = reliability_names,
	  .help = "norm-2001 (no outage in 30 days) or standard" },
	{ .name = "port_owner", .type = KEY_CHOICE, PLAN_AT(owners.port), .preset = "client", .names = owner_names,
	  .help = "whose the port is that the agent sits on: client or provider" },
	{ .name = "gateway_owner", .type = KEY_CHOICE, PLAN_AT(owners.gateway), .preset = "client", .names = owner_names,
	  .help = "whose the gateway is: client or provider" },
	{ .name = "resolver_owner", .type = KEY_CHOICE, PLAN_AT(owners.resolver), .preset = "provider", .names = owner_names,
	  .help = "whose the name server is: client or provider" },
	{ .name = "interval", .type = KEY_DURATION, PLAN_AT(interval_ms), .preset = "15m", .min = SECOND_MS, .max = DAY_MS,
	  .help = "one probe a leg in each" },
	{ .name = "budget", .type = KEY_SIZE, PLAN_AT(budget_bytes), .preset = "20GB", .min = 1, .max = TIB,
	  .help = "what an agent may download in a month" },
	END,
};

static const struct key decision_rows[] = {
	{ .name = "open_bad", .type = KEY_INTEGER, AT(decision.open_bad), .preset = "8", .min = 1, .max = WINDOW_MAX,
	  .help = "a defect: so many probes bad" },
	{ .name = "open_of", .type = KEY_INTEGER, AT(decision.open_of), .preset = "12", .min = 1, .max = WINDOW_MAX,
	  .help = "of the last so many valid ones" },
	{ .name = "blind_bad", .type = KEY_INTEGER, AT(decision.blind_bad), .preset = "10", .min = 1, .max = WINDOW_MAX,
	  .help = "the same while the client's own traffic is unknown: so many probes bad" },
	{ .name = "blind_of", .type = KEY_INTEGER, AT(decision.blind_of), .preset = "16", .min = 1, .max = WINDOW_MAX,
	  .help = "of the last so many valid ones" },
	{ .name = "open_span", .type = KEY_DURATION, AT(decision.open_span_ms), .preset = "90m", .max = 30 * DAY_MS,
	  .help = "the bad ones span at least this" },
	{ .name = "open_within", .type = KEY_DURATION, AT(decision.open_within_ms), .preset = "6h", .min = 1,
	  .max = 30 * DAY_MS, .help = "and all of them lie within this" },
	{ .name = "contended_percent", .type = KEY_INTEGER, AT(decision.contended_percent), .preset = "50", .max = 100,
	  .help = "at most this share of the bad ones may be contended by the client's own traffic" },
	{ .name = "close_not_good", .type = KEY_INTEGER, AT(decision.close_not_good), .preset = "2", .max = WINDOW_MAX,
	  .help = "a repair is proven: at most so many probes not good" },
	{ .name = "close_of", .type = KEY_INTEGER, AT(decision.close_of), .preset = "24", .min = 1, .max = WINDOW_MAX,
	  .help = "of the last so many valid ones" },
	{ .name = "band_not_good", .type = KEY_INTEGER, AT(decision.band_not_good), .preset = "8", .max = WINDOW_MAX,
	  .help = "the same for a defect with a time of day: at most so many not good" },
	{ .name = "band_of", .type = KEY_INTEGER, AT(decision.band_of), .preset = "96", .min = 1, .max = WINDOW_MAX,
	  .help = "of the last so many valid ones" },
	{ .name = "band", .type = KEY_DURATION, AT(decision.band_ms), .preset = "6h", .min = 15 * 60 * SECOND_MS, .max = DAY_MS,
	  .help = "a defect has a time of day when a band of the day as wide as this" },
	{ .name = "band_share_percent", .type = KEY_INTEGER, AT(decision.band_share_percent), .preset = "70", .min = 1, .max = 100,
	  .help = "holds at least this share of its bad probes" },
	{ .name = "band_span", .type = KEY_DURATION, AT(decision.band_span_ms), .preset = "24h", .max = 30 * DAY_MS,
	  .help = "and they span more than this" },
	{ .name = "reopen_within", .type = KEY_DURATION, AT(decision.reopen_within_ms), .preset = "72h", .max = 365 * DAY_MS,
	  .help = "a defect that is back within this re-opens its ticket" },
	{ .name = "chronic_reopens", .type = KEY_INTEGER, AT(decision.chronic_reopens), .preset = "3", .min = 1, .max = 1000,
	  .help = "so many re-openings" },
	{ .name = "chronic_within", .type = KEY_DURATION, AT(decision.chronic_within_ms), .preset = "14d", .max = 365 * DAY_MS,
	  .help = "within this make a ticket chronic" },
	{ .name = "suspect_bad", .type = KEY_INTEGER, AT(decision.suspect_bad), .preset = "3", .min = 1, .max = WINDOW_MAX,
	  .help = "suspect: so many bad" },
	{ .name = "suspect_of", .type = KEY_INTEGER, AT(decision.suspect_of), .preset = "4", .min = 1, .max = WINDOW_MAX,
	  .help = "of the last so many valid ones" },
	{ .name = "altered_of", .type = KEY_INTEGER, AT(decision.altered_of), .preset = "2", .min = 1, .max = WINDOW_MAX,
	  .help = "altered: so many transfers in a row brought other content" },
	{ .name = "intact_of", .type = KEY_INTEGER, AT(decision.intact_of), .preset = "8", .min = 1, .max = WINDOW_MAX,
	  .help = "proven repaired: so many in a row brought the right one" },
	{ .name = "verdict_valid", .type = KEY_INTEGER, AT(decision.verdict_valid), .preset = "4", .min = 1, .max = WINDOW_MAX,
	  .help = "a leg is unmeasured with fewer valid probes" },
	{ .name = "verdict_cells", .type = KEY_INTEGER, AT(decision.verdict_cells), .preset = "2", .min = 1, .max = 1000,
	  .help = "or when the newest is older than so many intervals" },
	END,
};

/* D3 and D6 for a few probes a day: their times do not scale. */
static const struct key capacity_rows[] = {
	{ .name = "open_bad", .type = KEY_INTEGER, AT(capacity_decision.open_bad), .preset = "3", .min = 1, .max = WINDOW_MAX,
	  .help = "a defect: so many capacity probes bad" },
	{ .name = "open_of", .type = KEY_INTEGER, AT(capacity_decision.open_of), .preset = "4", .min = 1, .max = WINDOW_MAX,
	  .help = "of the last so many valid ones" },
	{ .name = "open_span", .type = KEY_DURATION, AT(capacity_decision.open_span_ms), .preset = "6h", .max = 30 * DAY_MS,
	  .help = "the bad ones span at least this" },
	{ .name = "open_within", .type = KEY_DURATION, AT(capacity_decision.open_within_ms), .preset = "7d", .min = 1,
	  .max = 30 * DAY_MS, .help = "and all of them lie within this" },
	{ .name = "close_not_good", .type = KEY_INTEGER, AT(capacity_decision.close_not_good), .preset = "0",
	  .max = WINDOW_MAX, .help = "a repair is proven: at most so many not good" },
	{ .name = "close_of", .type = KEY_INTEGER, AT(capacity_decision.close_of), .preset = "3", .min = 1, .max = WINDOW_MAX,
	  .help = "of the last so many valid ones" },
	{ .name = "evening_from", .type = KEY_DURATION, AT(capacity_decision.evening_from_ms), .preset = "19h", .max = DAY_MS,
	  .help = "one of which was made at this time of day or later" },
	{ .name = "evening_to", .type = KEY_DURATION, AT(capacity_decision.evening_to_ms), .preset = "23h", .min = 1, .max = DAY_MS,
	  .help = "and before this one; any time will do when both are equal" },
	END,
};

static const struct key outage_rows[] = {
	{ .name = "brief_from", .type = KEY_DURATION, AT(outages.brief_from_ms), .preset = "10s", .max = DAY_MS,
	  .help = "shorter interruptions are dropped" },
	{ .name = "outage_from", .type = KEY_DURATION, AT(outages.outage_from_ms), .preset = "60s", .min = 1, .max = DAY_MS,
	  .help = "shorter ones are brief and counted apart" },
	{ .name = "merge_gap", .type = KEY_DURATION, AT(outages.merge_gap_ms), .preset = "120s", .max = DAY_MS,
	  .help = "two of one cause less than this apart are one" },
	{ .name = "site_power_percent", .type = KEY_INTEGER, AT(outages.site_power_percent), .preset = "60", .min = 1, .max = 100,
	  .help = "the power of a site failed: at least this share of its agents came back" },
	{ .name = "site_power_within", .type = KEY_DURATION, AT(outages.site_power_within_ms), .preset = "120s", .max = DAY_MS,
	  .help = "within this of each other" },
	{ .name = "coverage_percent", .type = KEY_INTEGER, AT(outages.coverage_percent), .preset = "90", .min = 1, .max = 100,
	  .help = "with less coverage no availability is given and nothing is proven" },
	END,
};

static const struct key reliability_rows[] = {
	{ .name = "window", .type = KEY_DURATION, AT(reliability.window_ms), .preset = "30d", .min = SECOND_MS, .max = 365 * DAY_MS,
	  .help = "a line is unreliable when within this" },
	{ .name = "outages", .type = KEY_INTEGER, AT(reliability.outages), .preset = "4", .min = 1, .max = WINDOW_MAX,
	  .help = "it had so many outages" },
	{ .name = "down", .type = KEY_DURATION, AT(reliability.down_ms), .preset = "216m", .max = 365 * DAY_MS,
	  .help = "or was down for longer than this" },
	{ .name = "briefs", .type = KEY_INTEGER, AT(reliability.briefs), .preset = "20", .min = 1, .max = WINDOW_MAX,
	  .help = "or had so many brief interruptions" },
	{ .name = "briefs_within", .type = KEY_DURATION, AT(reliability.briefs_within_ms), .preset = "24h", .min = SECOND_MS,
	  .max = 30 * DAY_MS, .help = "within this" },
	{ .name = "proof", .type = KEY_DURATION, AT(reliability.proof_ms), .preset = "14d", .min = SECOND_MS, .max = 365 * DAY_MS,
	  .help = "it is proven reliable again after this time" },
	{ .name = "proof_outages", .type = KEY_INTEGER, AT(reliability.proof_outages), .preset = "1", .max = WINDOW_MAX,
	  .help = "with at most so many outages" },
	{ .name = "proof_down", .type = KEY_DURATION, AT(reliability.proof_down_ms), .preset = "20m", .max = 365 * DAY_MS,
	  .help = "and down for less than this" },
	{ .name = "proof_every", .type = KEY_DURATION, AT(reliability.proof_step_ms), .preset = "1d", .min = SECOND_MS, .max = DAY_MS,
	  .help = "looked at so often, counted from midnight UTC" },
	END,
};

static const struct key guard_rows[] = {
	{ .name = "bad_min", .type = KEY_INTEGER, AT(guard.bad_min), .preset = "5", .min = 1, .max = 1000000,
	  .help = "not the lines' fault: in one interval at least so many are bad," },
	{ .name = "bad_percent", .type = KEY_INTEGER, AT(guard.bad_percent), .preset = "20", .min = 1, .max = 100,
	  .help = "at least this share of those measured," },
	{ .name = "branches", .type = KEY_INTEGER, AT(guard.branches), .preset = "2", .min = 1, .max = 1000,
	  .help = "under at least so many top-level branches of the topology," },
	{ .name = "false_per_million", .type = KEY_INTEGER, AT(guard.false_per_million), .preset = "1", .min = 1, .max = 1000000,
	  .help = "and at least as many as chance reaches in so many intervals of a million" },
	{ .name = "base_percent", .type = KEY_INTEGER, AT(guard.base_percent), .preset = "2", .min = 1, .max = 100,
	  .help = "share of bad probes that chance is reckoned with until there is a base" },
	{ .name = "base_window", .type = KEY_DURATION, AT(guard.base_ms), .preset = "28d", .min = GUARD_BASE_DAYS * SECOND_MS,
	  .max = 365 * DAY_MS, .help = "how far back that share is counted" },
	{ .name = "canary_percent", .type = KEY_INTEGER, AT(guard.canary_percent), .preset = "80", .min = 1, .max = 100,
	  .help = "a canary is slow below this share of its median" },
	{ .name = "canary_window", .type = KEY_DURATION, AT(guard.canary_ms), .preset = "7d", .min = SECOND_MS,
	  .max = 365 * DAY_MS, .help = "over this long" },
	END,
};

static const struct key incident_rows[] = {
	{ .name = "good_percent", .type = KEY_INTEGER, AT(incident_good_percent), .preset = "80", .min = 1, .max = 100,
	  .help = "an incident is proven gone: this share of the lines it affected is good again" },
	END,
};

static const struct key schedule_rows[] = {
	{ .name = "report", .type = KEY_DURATION, AT(report_ms), .preset = "5m", .min = SECOND_MS, .max = DAY_MS,
	  .help = "how often agents report" },
	{ .name = "order_expires", .type = KEY_DURATION, AT(order_expires_ms), .preset = "10m", .min = SECOND_MS, .max = DAY_MS,
	  .help = "how long an order to probe now stands without an answer" },
	END,
};

static const struct key silence_rows[] = {
	{ .name = "late_reports", .type = KEY_INTEGER, AT(silence.late_reports), .preset = "2", .min = 1, .max = 1000,
	  .help = "an agent is late when it was not heard for longer than so many reports take" },
	{ .name = "silent_reports", .type = KEY_INTEGER, AT(silence.silent_reports), .preset = "3", .min = 1, .max = 1000,
	  .help = "and silent after so many" },
	{ .name = "silent_extra", .type = KEY_DURATION, AT(silence.silent_extra_ms), .preset = "60s", .max = DAY_MS,
	  .help = "and this" },
	{ .name = "ticket_after", .type = KEY_DURATION, AT(silence.ticket_after_ms), .preset = "60m", .min = SECOND_MS,
	  .max = 30 * DAY_MS, .help = "a line that is always on and silent for so long gets a ticket" },
	{ .name = "guard_least", .type = KEY_INTEGER, AT(silence.guard_least), .preset = "5", .min = 1, .max = 1000000,
	  .help = "many agents at once are so many" },
	{ .name = "guard_percent", .type = KEY_INTEGER, AT(silence.guard_percent), .preset = "20", .min = 1, .max = 100,
	  .help = "and this share of the others" },
	{ .name = "guard_deviations", .type = KEY_INTEGER, AT(silence.guard_deviations), .preset = "6", .min = 1, .max = 1000,
	  .help = "or so many deviations above what this hour of the week brings" },
	{ .name = "guard_left_percent", .type = KEY_INTEGER, AT(silence.guard_left_percent), .preset = "20", .max = 99,
	  .help = "it is over when at most this share of them is not heard" },
	{ .name = "hold_reports", .type = KEY_INTEGER, AT(silence.hold_reports), .preset = "3", .min = 1, .max = 1000,
	  .help = "after a start nothing is judged for so many reports" },
	{ .name = "hold_extra", .type = KEY_DURATION, AT(silence.hold_extra_ms), .preset = "5m", .max = DAY_MS,
	  .help = "and this" },
	{ .name = "check_every", .type = KEY_DURATION, AT(silence.check_every_ms), .preset = "60s", .min = SECOND_MS,
	  .max = DAY_MS, .help = "how often the collector looks at its agents and at itself" },
	{ .name = "check_commit", .type = KEY_DURATION, AT(silence.check_commit_ms), .preset = "1s", .min = 1, .max = DAY_MS,
	  .help = "a commit takes less" },
	{ .name = "check_disk_percent", .type = KEY_INTEGER, AT(silence.check_disk_percent), .preset = "5", .max = 99,
	  .help = "more than this share of the database's disk is free" },
	{ .name = "check_clock_step", .type = KEY_DURATION, AT(silence.check_clock_step_ms), .preset = "2s", .min = 1,
	  .max = DAY_MS, .help = "the clock steps by no more" },
	{ .name = "check_url", .type = KEY_TEXT, AT(check_url), .check = key_check_url,
	  .help = "the address that it asks itself by; public_url unless given" },
	{ .name = "check_ca_file", .type = KEY_TEXT, AT(check_ca_file),
	  .help = "whom that address's certificate is held against; tls.certificate unless given" },
	END,
};

static const struct key log_rows[] = {
	{ .name = "level", .type = KEY_CHOICE, AT(log_level), .preset = "info", .names = log_level_names,
	  .help = "error, warning, info or debug" },
	END,
};

const struct key collector_keys[] = {
	{ .name = "listen", .type = KEY_TEXT, AT(listen), .preset = "127.0.0.1:8443", .check = check_listen,
	  .help = "address and port" },
	{ .name = "public_url", .type = KEY_TEXT, AT(public_url), .check = key_check_url,
	  .help = "what agents and people reach it by; without it made from listen" },
	{ .name = "tls", .type = KEY_MAP, .children = tls_rows, .help = "may be absent only when listening on loopback" },
	{ .name = "database", .type = KEY_TEXT, AT(database), .preset = "/var/lib/plumbline/collector.db",
	  .help = "the SQLite file" },
	{ .name = "time_zone", .type = KEY_TEXT, AT(time_zone), .preset = "UTC", .check = check_time_zone,
	  .help = "the one that people see times in, like Europe/Moscow" },
	{ .name = "reference_dir", .type = KEY_TEXT, AT(reference_dir),
	  .help = "directory whose files are served under /reference/; without it none are" },
	{ .name = "reference_files", .type = KEY_LIST, AT(reference_files), .children = file_rows,
	  .item_size = sizeof(struct served_file), .max = REFERENCE_FILES_MAX,
	  .help = "what agents download; several sizes a leg make a ladder" },
	{ .name = "service_plans", .type = KEY_LIST, AT(service_plans), .children = plan_rows,
	  .item_size = sizeof(struct service_plan), .help = "what lines are promised" },
	{ .name = "decision", .type = KEY_MAP, .children = decision_rows,
	  .help = "when a defect opens and when its repair is proven; times are for an interval of 15m and scale with it" },
	{ .name = "capacity_decision", .type = KEY_MAP, .children = capacity_rows,
	  .help = "the same for promises that only capacity probes can test; as it stands, not scaled" },
	{ .name = "outages", .type = KEY_MAP, .children = outage_rows, .help = "what counts as an outage" },
	{ .name = "reliability", .type = KEY_MAP, .children = reliability_rows,
	  .help = "when a line is unreliable, and when that is over; norm-2001 allows no outage in either" },
	{ .name = "guard", .type = KEY_MAP, .children = guard_rows,
	  .help = "when many lines are slow at once and it is not the lines" },
	{ .name = "incidents", .type = KEY_MAP, .children = incident_rows, .help = "when one cause of many defects is over" },
	{ .name = "schedule", .type = KEY_MAP, .children = schedule_rows, .help = "how often" },
	{ .name = "silence", .type = KEY_MAP, .children = silence_rows,
	  .help = "when an agent that is not heard means something" },
	{ .name = "keep_reports", .type = KEY_DURATION, AT(keep_reports_ms), .preset = "35d", .min = SECOND_MS,
	  .max = 3650 * DAY_MS, .help = "how long the bytes of reports stay, as received" },
	{ .name = "keep_measurements", .type = KEY_DURATION, AT(keep_measurements_ms), .preset = "180d",
	  .min = KEEP_MEASUREMENTS_LEAST_MS, .max = 3650 * DAY_MS, .help = "how long each measurement stays" },
	{ .name = "keep_hourly", .type = KEY_DURATION, AT(keep_hourly_ms), .preset = "730d", .min = KEEP_MEASUREMENTS_LEAST_MS,
	  .max = 3650 * DAY_MS, .help = "how long what they amount to by the hour stays" },
	{ .name = "keep_daily", .type = KEY_DURATION, AT(keep_daily_ms), .preset = "3650d", .min = KEEP_MEASUREMENTS_LEAST_MS,
	  .max = 36500 * DAY_MS, .help = "how long what they amount to by the day stays" },
	{ .name = "keep_events", .type = KEY_DURATION, AT(keep_events_ms), .preset = "90d", .min = KEEP_MEASUREMENTS_LEAST_MS,
	  .max = 3650 * DAY_MS, .help = "how long other events stay (latency, alive); outages stay for good" },
	{ .name = "max_connections", .type = KEY_INTEGER, AT(max_connections), .preset = "16384", .min = 1, .max = 1000000,
	  .help = "beyond it nobody is let in; an agent holds two" },
	{ .name = "max_body", .type = KEY_SIZE, AT(max_body_bytes), .preset = "1MiB", .min = KIB, .max = 64 * KIB * KIB,
	  .help = "the largest body of a request, as sent" },
	{ .name = "log", .type = KEY_MAP, .children = log_rows, .help = "what goes to the journal" },
	END,
};

static bool is_loopback(const char *listen)
{
	char address[LISTEN_ADDRESS_SIZE];
	struct err err;
	int port;

	return collector_listen_parse(listen, address, &port, &err) == 0 &&
	       (!strncmp(address, "127.", 4) || !strcmp(address, "::1"));
}

static void check_tls(const struct collector_config *config, struct key_faults *faults)
{
	if (!config->tls_certificate != !config->tls_key)
		key_fault(faults, "tls", "tls: needs both certificate and key, add the other");
	else if (!config->tls_certificate && config->listen && !is_loopback(config->listen))
		key_fault(faults, "tls", "tls: is missing, add certificate and key or listen on 127.0.0.1 (now %s)",
			  config->listen);
}

static void check_decision(const struct decision_rule *rule, const char *map, struct key_faults *faults)
{
	const struct {
		int64_t lesser, greater;
		const char *lesser_name, *greater_name;
	} pairs[] = {
		{ rule->open_bad, rule->open_of, "open_bad", "open_of" },
		{ rule->blind_bad, rule->blind_of, "blind_bad", "blind_of" },
		{ rule->open_span_ms, rule->open_within_ms, "open_span", "open_within" },
		{ rule->close_not_good, rule->close_of, "close_not_good", "close_of" },
		{ rule->band_not_good, rule->band_of, "band_not_good", "band_of" },
		{ rule->suspect_bad, rule->suspect_of, "suspect_bad", "suspect_of" },
		{ rule->evening_from_ms, rule->evening_to_ms, "evening_from", "evening_to" },
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		char path[64];

		if (pairs[i].lesser <= pairs[i].greater || !pairs[i].greater)   /* 0: was faulty itself */
			continue;
		snprintf(path, sizeof path, "%s.%s", map, pairs[i].lesser_name);
		key_fault(faults, path, "%s: must not exceed %s, lower it", pairs[i].lesser_name, pairs[i].greater_name);
	}
}

/* An instruction counts in whole seconds. */
static void check_whole_seconds(const struct collector_config *config, struct key_faults *faults)
{
	const struct service_plan *plans = config->service_plans.items;

	for (size_t i = 0; i < config->service_plans.count; i++) {
		char path[64];

		snprintf(path, sizeof path, "service_plans.%zu.interval", i);
		if (plans[i].interval_ms % SECOND_MS)
			key_fault(faults, path, "interval: must be whole seconds, write 2s or 15m");
	}
	if (config->report_ms % SECOND_MS)
		key_fault(faults, "schedule.report", "report: must be whole seconds, write 2s or 5m");
}

/* Roll-ups take over from measurements, days from hours. */
static void check_keeping(const struct collector_config *config, struct key_faults *faults)
{
	if (config->keep_hourly_ms && config->keep_measurements_ms > config->keep_hourly_ms)
		key_fault(faults, "keep_measurements", "keep_measurements: must not exceed keep_hourly, lower it");
	if (config->keep_daily_ms && config->keep_hourly_ms > config->keep_daily_ms)
		key_fault(faults, "keep_hourly", "keep_hourly: must not exceed keep_daily, lower it");
}

static void check_config(const void *from, struct key_faults *faults)
{
	const struct collector_config *config = from;

	check_tls(config, faults);
	key_check_names(faults, "reference_files", &config->reference_files, sizeof(struct served_file));
	key_check_names(faults, "service_plans", &config->service_plans, sizeof(struct service_plan));
	check_decision(&config->decision, "decision", faults);
	check_decision(&config->capacity_decision, "capacity_decision", faults);
	check_whole_seconds(config, faults);
	check_keeping(config, faults);
}

/* What capacity_decision has no keys for is the same for both, but that K3 raises nothing, and that a probe of the evening
 * proves what elsewhere a whole day must (D6). */
static void complete_capacity(const struct decision_rule *decision, struct decision_rule *capacity)
{
	struct decision_rule own = *capacity;

	*capacity = *decision;
	capacity->open_bad = own.open_bad;
	capacity->open_of = own.open_of;
	capacity->blind_bad = own.open_bad;
	capacity->blind_of = own.open_of;
	capacity->open_span_ms = own.open_span_ms;
	capacity->open_within_ms = own.open_within_ms;
	capacity->close_not_good = own.close_not_good;
	capacity->close_of = own.close_of;
	capacity->band_not_good = own.close_not_good;
	capacity->band_of = own.close_of;
	capacity->evening_from_ms = own.evening_from_ms;
	capacity->evening_to_ms = own.evening_to_ms;
}

int collector_config_read(const char *path, struct collector_config *ret_config, struct buf *ret_faults, struct err *err)
{
	*ret_config = (struct collector_config){ 0 };
	if (keys_read_file(path, collector_keys, check_config, ret_config, ret_faults, err) < 0)
		return -1;
	complete_capacity(&ret_config->decision, &ret_config->capacity_decision);
	if (strcmp(ret_config->time_zone, "UTC") != 0 && zone_load(ret_config->time_zone, &ret_config->zone, err) < 0) {
		collector_config_free(ret_config);
		buf_printf(ret_faults, "%s: time_zone: %s\n", path, err->message);
		return err_set(err, ERR_USAGE, "%s: time_zone cannot be read", path);
	}
	ret_config->reliability.reopen_within_ms = ret_config->decision.reopen_within_ms;
	ret_config->silence.report_ms = ret_config->report_ms;
	return 0;
}

void collector_config_free(struct collector_config *config)
{
	keys_free(collector_keys, config);
	zone_free(config->zone);
}

struct outage_owners collector_config_owners(const struct service_plan *plan)
{
	static const struct outage_owners usual = { .port = OWNER_CLIENT, .gateway = OWNER_CLIENT, .resolver = OWNER_PROVIDER };

	return plan ? plan->owners : usual;
}

const struct service_plan *collector_config_find_plan(const struct collector_config *config, const char *name)
{
	const struct service_plan *plans = config->service_plans.items;

	for (size_t i = 0; i < config->service_plans.count; i++)
		if (!strcmp(plans[i].name, name))
			return &plans[i];
	return NULL;
}

int64_t collector_config_cell_ms(const struct collector_config *config)
{
	const struct service_plan *plans = config->service_plans.items;
	int64_t cell_ms = INT64_MAX;

	for (size_t i = 0; i < config->service_plans.count; i++)
		cell_ms = plans[i].interval_ms < cell_ms ? plans[i].interval_ms : cell_ms;
	return cell_ms == INT64_MAX ? RULE_INTERVAL_MS : cell_ms;
}
