/* The happy path: counters, full load, counters again; then the record is filled in and judged. The load's speaker, the
 * transfer that ended by itself or else the first, lends the record its phases, peer and status; bytes and rates are of
 * all connections together. */
#include "agent/measure/capacity_probe.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/measure/answer.h"
#include "agent/base/json.h"
#include "agent/base/judge.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/measure/full_load.h"
#include "agent/measure/nonce.h"
#include "agent/measure/record.h"
#include "agent/measure/traffic.h"

#define DIGEST_BYTES      32
#define START_DEADLINE_MS 60000   /* to the first byte; after it capacity_step ends the load */
#define CONNECT_S         30

struct capacity_probe {
	struct capacity_request request;   /* all texts but sys are gone once capacity_probe_start has returned */
	char nonces[CAPACITY_CONNECTIONS_MAX][NONCE_SIZE];
	char *sha256, *interface;
	EVP_MD_CTX *digest;                /* NULL: the content is not checked */
	struct full_load *load;            /* NULL: could not be started */
	struct traffic before;
	struct instant started;
	uv_timer_t timer;                  /* the end of a probe that could not be started */
	void (*progress)(void *arg, const struct probe_progress *progress);
	void (*done)(void *arg, const struct measurement *measurement);
	void *arg;
	struct measurement record;
};

static void release(uv_handle_t *handle)
{
	struct capacity_probe *probe = handle->data;

	EVP_MD_CTX_free(probe->digest);
	traffic_free(&probe->before);
	free(probe->sha256);
	free(probe->interface);
	free(probe);
}

static void hand_over(struct capacity_probe *probe)
{
	uv_close((uv_handle_t *)&probe->timer, release);
	probe->done(probe->arg, &probe->record);
}

/* --- the record --- */

static void record_load(struct measurement *record, const struct full_load_result *load)
{
	const struct steady *steady = &load->steady;

	record->duration_us = load->ended_us - load->t0_us;
	record->bytes = load->bytes;
	record->bytes_spent = load->bytes_spent;
	record->cpu_percent = load->cpu_percent;
	trace_format(&load->trace, load->slices, record->trace);
	tcp_log_format(&load->tcp, record->tcp);
	if (record->duration_us > 0)
		record->rate_user_bps = load->bytes * 8 * 1000000 / record->duration_us;
	if (steady->from_us == steady->to_us)
		return;
	record->rate_steady_bps = steady->rate_bps;
	record->steady_from_us = steady->from_us;
	record->steady_us = steady->to_us - steady->from_us;
	if (steady->doubt != REASON_TOO_SHORT)
		record->rate_max1s_bps = steady->max1s_bps;
}

/* Something on the way may hold up the handshake alone (RFC 6349): what the running probe saw counts for more (L3). */
static void record_rtt(struct measurement *record, const struct tcp_log *tcp)
{
	record->rtt_us = tcp->count ? tcp->smallest.value[TCP_MIN_RTT] : record->connect_us;
}

/* --- judging --- */

/* Of a whole body of the first connection only. */
static const char *finish_digest(struct capacity_probe *probe, const struct transfer_result *speaker,
				 char ret_hex[2 * DIGEST_BYTES + 1])
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (!probe->digest || speaker->failure || !EVP_DigestFinal_ex(probe->digest, digest, NULL))
		return NULL;
	sodium_bin2hex(ret_hex, 2 * DIGEST_BYTES + 1, digest, DIGEST_BYTES);
	probe->record.sha256_ok = !strcasecmp(ret_hex, probe->sha256);
	return ret_hex;
}

/* T10: one that ended by itself brought the whole file or failed; one that was stopped is checked on what was announced. */
static enum reason find_failure(struct capacity_probe *probe, const struct full_load_result *load)
{
	const struct transfer_result *speaker = &load->transfers[load->speaker];
	int64_t expected = probe->request.probe.size_bytes;
	char hex[2 * DIGEST_BYTES + 1];

	if (load->ended_by == CAPACITY_GO_ON)
		return answer_find_failure(speaker, expected, probe->sha256, finish_digest(probe, speaker, hex));
	for (int i = 0; i < load->connections; i++) {
		int64_t announced = load->transfers[i].content_length;

		if (expected && announced != JSON_ABSENT && announced != expected)
			return REASON_ALTERED;
	}
	return REASON_NONE;
}

/* What any of the answers says counts for all. */
static void judge_answers(const struct capacity_probe *probe, const struct full_load_result *load, struct judge_facts *facts)
{
	for (int i = 0; i < load->connections; i++) {
		const struct transfer_result *answer = &load->transfers[i];

		facts->cached |= answer_is_cached(answer);
		facts->nonce_wrong |= answer_nonce_is_wrong(answer, probe->nonces[i], probe->request.probe.nonce_required);
		facts->encoded |= *answer->headers[HEADER_CONTENT_ENCODING] != '\0';
		facts->server_busy |= answer_server_is_busy(answer, &probe->request.probe.server_busy);
	}
}

static int64_t greater(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void record_judgement(struct capacity_probe *probe, const struct full_load_result *load)
{
	struct measurement *record = &probe->record;
	struct capacity_host host = {
		.link_bps = link_speed_bps(probe->request.sys, record->interface),
		.is_wireless = link_is_wireless(probe->request.sys, record->interface),
		.cpu_percent = load->cpu_percent,
	};
	struct judge_facts facts = {
		.kind = KIND_CAPACITY,
		.in_maintenance = probe->request.probe.in_maintenance,
		.cannot_carry = !capacity_can_carry(&host, record->threshold_bps),
		.failure = find_failure(probe, load),
		.rate_user_bps = record->rate_user_bps,
		.rate_steady_bps = load->steady.rate_bps,
		.early_good_bps = load->ended_by == CAPACITY_STOP_GOOD ? greater(load->steady.last1s_bps, load->steady.rate_bps) : 0,
		.doubt = load->steady.doubt,
		.cross_rx_bps = record->cross_rx_bps,
		.threshold_bps = record->threshold_bps,
	};
	struct judge_result judged;

	if (!facts.doubt && capacity_is_held_by(&host))
		facts.doubt = REASON_ENV;
	judge_answers(probe, load, &facts);
	judged = judge(&facts);
	record->link_bps = host.link_bps;
	record->judgement = (int)judged.judgement;
	record->reason = (int)judged.reason;
	record->throughput_bps = judged.throughput_bps;
	if (judged.throughput_bps != JSON_ABSENT)
		record->lower_bound = judged.lower_bound;
}

/* --- the load --- */

static void on_loaded(void *arg, const struct full_load_result *load)
{
	struct capacity_probe *probe = arg;
	const struct transfer_result *speaker = &load->transfers[load->speaker];

	record_transfer(&probe->record, speaker);
	record_load(&probe->record, load);
	record_rtt(&probe->record, &load->tcp);
	record_cross_traffic(&probe->record, &probe->before, probe->interface, probe->request.probe.sees_part, speaker,
			     load->bytes_spent);   /* also bytes never read */
	record_judgement(probe, load);
	if (probe->record.judgement == JUDGED_FAILED)
		log_info("capacity probe of %s (%s): %s: %s", leg_names[probe->record.leg], probe->record.file,
			 reason_names[probe->record.reason], speaker->detail);
	hand_over(probe);
}

static void on_progress(void *arg, const struct full_load_progress *progress)
{
	struct capacity_probe *probe = arg;

	probe->progress(probe->arg, &(struct probe_progress){ .bytes = progress->bytes, .elapsed_us = progress->elapsed_us });
}

static void on_body(void *arg, const void *bytes, size_t length)
{
	EVP_DigestUpdate(((struct capacity_probe *)arg)->digest, bytes, length);
}

static void on_not_started(uv_timer_t *timer)
{
	hand_over(timer->data);
}

static void give_up(struct capacity_probe *probe, enum judgement judgement, enum reason reason)
{
	probe->record.judgement = (int)judgement;
	probe->record.reason = (int)reason;
	uv_timer_start(&probe->timer, on_not_started, 0, 0);
}

/* S8, before a byte is spent. */
static bool is_card_too_slow(struct capacity_probe *probe)
{
	const char *interface = probe->interface ? probe->interface : probe->request.carrier;
	struct capacity_host host = { .link_bps = link_speed_bps(probe->request.sys, interface) };

	if (capacity_can_carry(&host, probe->request.probe.threshold_bps))
		return false;
	probe->record.link_bps = host.link_bps;
	text_copy(probe->record.interface, sizeof probe->record.interface, interface);
	return true;
}

/* Hashing is for one connection: at what needs several it would cost more than it tells, and the reference probe
 * checks the content every time. */
static void start_digest(struct capacity_probe *probe)
{
	if (!probe->request.probe.sha256 || probe->record.connections > 1)
		return;
	probe->sha256 = xstrdup(probe->request.probe.sha256);
	probe->digest = EVP_MD_CTX_new();
	if (!probe->digest || EVP_DigestInit_ex(probe->digest, EVP_sha256(), NULL) != 1)
		abort();   /* out of memory */
}

static int start_load(struct capacity_probe *probe, struct fetch *fetch, const struct clock *clock,
		      const struct random_source *random, struct err *err)
{
	const struct probe_request *request = &probe->request.probe;
	struct full_load_request load = {
		.transfer = { .interface = request->interface, .ip_version = probe->request.ip_version,
			      .max_bytes = request->size_bytes, .deadline_ms = START_DEADLINE_MS, .stall_s = CONNECT_S },
		.connections = (int)probe->record.connections,
		.threshold_bps = request->threshold_bps,
		.bytes_allowed = probe->request.bytes_allowed,
		.discard_bytes = probe->request.discard_bytes,
		.body = probe->digest ? on_body : NULL,
	};
	int rc;

	for (int i = 0; i < load.connections; i++) {
		nonce_draw(random, probe->nonces[i]);
		load.urls[i] = nonce_add(request->url, probe->nonces[i]);
	}
	if (load.urls[0])
		rc = full_load_start(fetch, clock, &load, probe->progress ? on_progress : NULL, on_loaded, probe, &probe->load, err);
	else
		rc = err_set(err, ERR_INPUT, "%.200s: not a URL", request->url);
	for (int i = 0; i < load.connections; i++)
		curl_free((char *)load.urls[i]);
	return rc;
}

struct capacity_probe *capacity_probe_start(struct fetch *fetch, const struct clock *clock,
					    const struct random_source *random, const struct capacity_request *request,
					    void (*progress)(void *arg, const struct probe_progress *progress),
					    void (*done)(void *arg, const struct measurement *measurement), void *arg)
{
	struct capacity_probe *probe = xcalloc(1, sizeof *probe);
	struct err err;

	*probe = (struct capacity_probe){ .request = *request, .started = clock_now(clock), .progress = progress, .done = done,
					  .arg = arg };
	record_request(&probe->record, &request->probe, &probe->started);
	probe->record.kind = KIND_CAPACITY;
	probe->record.connections = capacity_connections(request->probe.threshold_bps);
	probe->interface = request->probe.interface ? xstrdup(request->probe.interface) : NULL;
	start_digest(probe);
	uv_timer_init(fetch_loop(fetch), &probe->timer);
	probe->timer.data = probe;
	record_counters(&probe->before);
	if (is_card_too_slow(probe)) {
		give_up(probe, JUDGED_INVALID, REASON_ENV);
	} else if (start_load(probe, fetch, clock, random, &err) < 0) {
		log_warning("capacity probe of %s (%s): %s", leg_names[request->probe.leg], request->probe.file_name, err.message);
		give_up(probe, JUDGED_FAILED, REASON_ABORTED);
	}
	return probe;
}

void capacity_probe_abort(struct capacity_probe *probe)
{
	if (probe->load)
		full_load_abort(probe->load);
	uv_close((uv_handle_t *)&probe->timer, release);
}
