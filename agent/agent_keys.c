#include "agent/agent_keys.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/key_checks.h"
#include "agent/base/log.h"
#include "agent/base/measurement.h"

#define SECOND_MS INT64_C(1000)
#define DAY_MS    INT64_C(86400000)
#define WATCH_MIN_MS 100
#define KIB       INT64_C(1024)
#define GIB       (KIB * KIB * KIB)
#define TBPS      INT64_C(1000000000000)

/* "10.20.0.0/16", "2001:db8::/32" */
static bool is_network(const char *text, const char *slash)
{
	char address[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	size_t length = (size_t)(slash - text);
	char *end;
	long bits;

	if (length >= sizeof address || slash[1] < '0' || slash[1] > '9')
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	bits = strtol(slash + 1, &end, 10);
	if (*end)
		return false;
	return (inet_pton(AF_INET, address, bytes) == 1 && bits <= 32) || (inet_pton(AF_INET6, address, bytes) == 1 && bits <= 128);
}

static int check_target(char *target, struct err *err)
{
	static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	const char *slash = strchr(target, '/');
	unsigned char bytes[16];

	if (slash ? is_network(target, slash) : !target[strspn(target, name_bytes)] || inet_pton(AF_INET6, target, bytes) == 1)
		return 0;
	return err_set(err, ERR_INPUT, "\"%.100s\" is neither a host nor a network, write files.isp.example or 10.20.0.0/16",
		       target);
}

#define AT(member)      .offset = offsetof(struct agent_config, member)
#define FILE_AT(member) .offset = offsetof(struct reference_file, member)
#define END             { .name = NULL }

static const char *const yes_no[] = { "yes", "no", NULL };

static const struct key collector_rows[] = {
	{ .name = "url", .type = KEY_TEXT, AT(collector_url), .check = key_check_url,
	  .help = "where reports go; without it the agent works alone" },
	{ .name = "ca_file", .type = KEY_TEXT, AT(collector_ca_file),
	  .help = "PEM certificates that the collector's may be signed by; without it the system's" },
	END,
};

static const struct key spool_rows[] = {
	{ .name = "max_size", .type = KEY_SIZE, AT(spool_max_bytes), .preset = "256MiB", .min = 64 * KIB, .max = 1024 * GIB,
	  .help = "how large the spool may become; then the least important goes first, and is counted" },
	END,
};

static const struct key file_rows[] = {
	{ .name = "name", .type = KEY_TEXT, FILE_AT(name), .required = true, .min = 1,
	  .max = REFERENCE_NAME_LENGTH_MAX, .help = "what measurements call it" },
	{ .name = "leg", .type = KEY_CHOICE, FILE_AT(leg), .required = true, .names = leg_names,
	  .help = "local (the provider's own server) or hub (the exchange)" },
	{ .name = "url", .type = KEY_TEXT, FILE_AT(url), .required = true, .min = 1,
	  .max = REFERENCE_URL_LENGTH_MAX, .check = key_check_url, .help = "where it is downloaded from" },
	{ .name = "sha256", .type = KEY_TEXT, FILE_AT(sha256), .check = key_check_sha256,
	  .help = "its digest; without it the content is not checked" },
	{ .name = "size", .type = KEY_SIZE, FILE_AT(size_bytes), .min = 1, .max = REFERENCE_BYTES_MAX,
	  .help = "its length; without it the server's word is taken" },
	{ .name = "nonce", .type = KEY_CHOICE, FILE_AT(nonce_required), .preset = "optional", .names = nonce_names,
	  .help = "whether the server must echo the nonce: optional or required" },
	END,
};

static const struct key threshold_rows[] = {
	{ .name = "local_min", .type = KEY_RATE, AT(local_min_bps), .min = 1, .max = TBPS,
	  .help = "below it the local leg is bad; without it figures only" },
	{ .name = "hub_min", .type = KEY_RATE, AT(hub_min_bps), .min = 1, .max = TBPS,
	  .help = "below it the hub leg is bad; without it figures only" },
	END,
};

static const struct key schedule_rows[] = {
	{ .name = "interval", .type = KEY_DURATION, AT(interval_ms), .preset = "15m", .min = SECOND_MS, .max = DAY_MS,
	  .help = "one probe a leg in each; the collector's instruction outranks it" },
	{ .name = "report", .type = KEY_DURATION, AT(report_ms), .preset = "5m", .min = SECOND_MS, .max = DAY_MS,
	  .help = "how often it reports; the collector's instruction outranks it" },
	END,
};

static const struct key watch_rows[] = {
	{ .name = "carrier", .type = KEY_DURATION, AT(watch.carrier_ms), .preset = "10s", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "how often the carrier is looked at, besides the kernel's events" },
	{ .name = "gateway", .type = KEY_DURATION, AT(watch.gateway_ms), .preset = "10s", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "one echo to the default gateway in each" },
	{ .name = "local", .type = KEY_DURATION, AT(watch.local_ms), .preset = "10s", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "one echo to the local file server in each" },
	{ .name = "hub", .type = KEY_DURATION, AT(watch.hub_ms), .preset = "30s", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "one echo to the hub in each" },
	{ .name = "names", .type = KEY_DURATION, AT(watch.names_ms), .preset = "1m", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "one look-up of the file servers' names in each" },
	{ .name = "http", .type = KEY_DURATION, AT(watch.http_ms), .preset = "1m", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "one HTTP request to the local file server in each" },
	{ .name = "timeout", .type = KEY_DURATION, AT(watch.timeout_ms), .preset = "3s", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "an echo without an answer is then a failed attempt; a later answer is late, not lost" },
	{ .name = "sweep", .type = KEY_DURATION, AT(watch.sweep_ms), .preset = "10s", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "how often all are tried while one fails; first after a tenth and three tenths of it" },
	{ .name = "down_after", .type = KEY_DURATION, AT(watch.down_after_ms), .preset = "20s", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "so long must three failures in a row span" },
	{ .name = "up_after", .type = KEY_DURATION, AT(watch.up_after_ms), .preset = "10s", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "so long must three answers in a row span" },
	{ .name = "brief", .type = KEY_DURATION, AT(watch.brief_ms), .preset = "10s", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "shorter interruptions are loss, no interruption" },
	{ .name = "outage", .type = KEY_DURATION, AT(watch.outage_ms), .preset = "1m", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "shorter ones are brief interruptions, counted apart" },
	{ .name = "merge", .type = KEY_DURATION, AT(watch.merge_ms), .preset = "2m", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "interruptions of one cause closer than this are one" },
	{ .name = "starting", .type = KEY_DURATION, AT(watch.starting_ms), .preset = "5m", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "so long after a boot or a resume the line may take to come up" },
	{ .name = "bin", .type = KEY_DURATION, AT(watch.bin_ms), .preset = "5m", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "delay and loss are reported for each, of gateway and local server" },
	{ .name = "hub_bin", .type = KEY_DURATION, AT(watch.hub_bin_ms), .preset = "15m", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "the same, of the hub" },
	{ .name = "journal", .type = KEY_DURATION, AT(watch.journal_ms), .preset = "30s", .min = WATCH_MIN_MS, .max = DAY_MS,
	  .help = "how often the agent notes that it is watching; every second note survives a power cut" },
	END,
};

static const struct key capacity_rows[] = {
	{ .name = "budget_per_month", .type = KEY_SIZE, AT(budget_bytes), .preset = "20GB", .min = KIB, .max = 1024 * GIB,
	  .help = "bytes that measuring may take; a smaller budget of the collector's outranks it" },
	{ .name = "discard", .type = KEY_SIZE, AT(discard_bytes), .max = GIB,
	  .help = "bytes that a shaper lets pass faster than promised, left out of capacity probes; without it none" },
	END,
};

static const struct key busy_rows[] = {
	{ .name = "nic", .type = KEY_INTEGER, AT(server_busy.nic_percent), .preset = "70", .max = 100,
	  .help = "percent of its network card that a server states and is too busy with; 0: off" },
	{ .name = "cpu", .type = KEY_INTEGER, AT(server_busy.cpu_percent), .preset = "85", .max = 100,
	  .help = "percent of its processor that a server states and is too busy with; 0: off" },
	END,
};

static const struct key log_rows[] = {
	{ .name = "level", .type = KEY_CHOICE, AT(log_level), .preset = "info", .names = log_level_names,
	  .help = "error, warning, info or debug" },
	END,
};

const struct key agent_keys[] = {
	{ .name = "collector", .type = KEY_MAP, .children = collector_rows, .help = "who gets the reports" },
	{ .name = "state_dir", .type = KEY_TEXT, AT(state_dir), .preset = "/var/lib/plumbline-agent",
	  .help = "where key and spool are kept" },
	{ .name = "spool", .type = KEY_MAP, .children = spool_rows, .help = "what waits for the collector" },
	{ .name = "interface", .type = KEY_TEXT, AT(interface), .min = 1, .max = 15,
	  .help = "bind to it and watch its counters; without it whichever the route takes" },
	{ .name = "sees_all_traffic", .type = KEY_CHOICE, AT(sees_part), .preset = "yes", .names = yes_no,
	  .help = "no where other machines use the line too: no measurement then claims to know the client's own traffic" },
	{ .name = "targets_allowed", .type = KEY_TEXTS, AT(targets_allowed), .check = check_target,
	  .help = "hosts and networks that an instruction may name; without it those learnt at enrolment" },
	{ .name = "reference_files", .type = KEY_LIST, AT(reference_files), .children = file_rows,
	  .item_size = sizeof(struct reference_file), .max = REFERENCE_FILES_MAX,
	  .help = "for check and for work without a collector; several sizes a leg make a ladder" },
	{ .name = "thresholds", .type = KEY_MAP, .children = threshold_rows, .help = "what the line is promised" },
	{ .name = "schedule", .type = KEY_MAP, .children = schedule_rows, .help = "how often" },
	{ .name = "watch", .type = KEY_MAP, .children = watch_rows, .help = "how the line is watched for interruptions" },
	{ .name = "capacity", .type = KEY_MAP, .children = capacity_rows, .help = "how much measuring may take" },
	{ .name = "server_busy", .type = KEY_MAP, .children = busy_rows, .help = "from which load on a file server is too busy" },
	{ .name = "log", .type = KEY_MAP, .children = log_rows, .help = "what goes to the journal" },
	END,
};

static void check_config(const void *from, struct key_faults *faults)
{
	const struct agent_config *config = from;

	key_check_names(faults, "reference_files", &config->reference_files, sizeof(struct reference_file));
	if (config->collector_ca_file && !config->collector_url)
		key_fault(faults, "collector.url", "ca_file: is of no use without url, add url or remove it");
}

int agent_config_read(const char *path, struct agent_config *ret_config, struct buf *ret_faults, struct err *err)
{
	*ret_config = (struct agent_config){ 0 };
	return keys_read_file(path, agent_keys, check_config, ret_config, ret_faults, err);
}

void agent_config_free(struct agent_config *config)
{
	keys_free(agent_keys, config);
}
