/* Counters, transfer, counters again, then the record is filled in the order of its groups and judged. A timer serves
 * progress, and the end of a probe that could not be started: both then come from the loop, outside curl, where the
 * caller may abort. */
#include "agent/measure/probe.h"

#include <curl/curl.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/measure/answer.h"
#include "agent/base/json.h"
#include "agent/base/judge.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/measure/estimate.h"
#include "agent/measure/nonce.h"
#include "agent/measure/record.h"
#include "agent/measure/traffic.h"
#include "agent/measure/transfer.h"

#define DIGEST_BYTES      32
#define PROGRESS_MS       100
#define STALL_BYTES_PER_S 1000   /* T10 */
#define STALL_S           30

struct probe {
	struct clock clock;
	struct probe_request request;    /* its texts are the caller's, and gone once probe_start has returned */
	char *sha256, *interface;
	char nonce[NONCE_SIZE];
	struct transfer *transfer;       /* NULL: could not be started */
	EVP_MD_CTX *digest;              /* NULL: the content is not checked */
	struct traffic before;
	struct instant start;
	uv_timer_t timer;
	struct measurement record;
	void (*progress)(void *arg, const struct probe_progress *progress);
	void (*done)(void *arg, const struct measurement *measurement);
	void *arg;
};

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void probe_free(struct probe *probe)
{
	EVP_MD_CTX_free(probe->digest);
	traffic_free(&probe->before);
	free(probe->sha256);
	free(probe->interface);
	uv_close((uv_handle_t *)&probe->timer, on_closed);
}

/* Of a whole body only: nothing can be said of a part. */
static const char *finish_digest(struct probe *probe, const struct transfer_result *result,
				 char ret_hex[2 * DIGEST_BYTES + 1])
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (!probe->digest || result->failure || !EVP_DigestFinal_ex(probe->digest, digest, NULL))
		return NULL;
	sodium_bin2hex(ret_hex, 2 * DIGEST_BYTES + 1, digest, DIGEST_BYTES);
	probe->record.sha256_ok = !strcasecmp(ret_hex, probe->sha256);
	return ret_hex;
}

static struct estimate record_rates(struct measurement *record, const struct transfer_result *result)
{
	struct estimate estimate = estimate_rates(&(struct estimate_facts){
		.t0_us = result->t0_us,
		.t5_us = result->t5_us,
		.t6_us = result->t6_us,
		.bytes = result->bytes,
		.first_read_bytes = result->first_read_bytes,
		.stalled = result->failure == REASON_STALLED,
	});

	record->rate_body_bps = estimate.rate_body_bps;
	record->rate_user_bps = estimate.rate_user_bps;
	return estimate;
}

static int64_t file_bytes(const struct probe *probe, const struct transfer_result *result)
{
	if (probe->request.size_bytes)
		return probe->request.size_bytes;
	return result->content_length > 0 ? result->content_length : result->bytes;
}

static void record_judgement(struct probe *probe, const struct transfer_result *result)
{
	const struct probe_request *request = &probe->request;
	struct measurement *record = &probe->record;
	char hex[2 * DIGEST_BYTES + 1];
	const char *sha256 = finish_digest(probe, result, hex);
	struct judge_facts facts = {
		.cached = answer_is_cached(result),
		.nonce_wrong = answer_nonce_is_wrong(result, probe->nonce, request->nonce_required),
		.encoded = *result->headers[HEADER_CONTENT_ENCODING] != '\0',
		.server_busy = answer_server_is_busy(result, &request->server_busy),
		.in_maintenance = request->in_maintenance,
		.failure = answer_find_failure(result, request->size_bytes, probe->sha256, sha256),
		.file_bytes = file_bytes(probe, result),
		.cross_rx_bps = record->cross_rx_bps,
		.threshold_bps = request->threshold_bps,
	};
	struct judge_result judged;

	if (!facts.failure || facts.failure == REASON_STALLED) {   /* a failed transfer has no rate (T10) */
		struct estimate estimate = record_rates(record, result);

		facts.rate_body_bps = estimate.rate_body_bps;
		facts.rate_user_bps = estimate.rate_user_bps;
		facts.short_transfer = estimate.short_transfer;
	}
	judged = judge(&facts);
	record->judgement = judged.judgement;
	record->reason = judged.reason;
	record->throughput_bps = judged.throughput_bps;
	if (judged.throughput_bps != JSON_ABSENT)
		record->lower_bound = judged.lower_bound;
}

static void on_transfer_done(void *arg, const struct transfer_result *result)
{
	struct probe *probe = arg;

	record_transfer(&probe->record, result);
	record_cross_traffic(&probe->record, &probe->before, probe->interface, probe->request.sees_part, result,
			     result->bytes);
	record_judgement(probe, result);
	if (probe->record.judgement == JUDGED_FAILED)
		log_info("probe of %s (%s): %s%s%s", leg_names[probe->record.leg], probe->record.file,
			 reason_names[probe->record.reason], *result->detail ? ": " : "", result->detail);
	probe->done(probe->arg, &probe->record);
	probe_free(probe);
}

static void on_body(void *arg, const void *bytes, size_t length)
{
	struct probe *probe = arg;

	if (probe->digest)
		EVP_DigestUpdate(probe->digest, bytes, length);
}

static void on_tick(uv_timer_t *timer)
{
	struct probe *probe = timer->data;
	const struct transfer_result *so_far = transfer_peek(probe->transfer);
	struct probe_progress progress = {
		.bytes = so_far->bytes,
		.total_bytes = so_far->content_length > 0 ? so_far->content_length : probe->request.size_bytes,
		.elapsed_us = clock_now(&probe->clock).monotonic_us - probe->start.monotonic_us,
	};

	probe->progress(probe->arg, &progress);
}

static void on_not_started(uv_timer_t *timer)
{
	struct probe *probe = timer->data;

	probe->record.judgement = JUDGED_FAILED;
	probe->record.reason = REASON_ABORTED;
	probe->done(probe->arg, &probe->record);
	probe_free(probe);
}

static int start_digest(struct probe *probe, struct err *err)
{
	if (!probe->sha256)
		return 0;
	probe->digest = EVP_MD_CTX_new();   /* OpenSSL's uses the processor's instructions; libsodium's does not */
	if (!probe->digest || !EVP_DigestInit_ex(probe->digest, EVP_sha256(), NULL))
		return err_set(err, ERR_INTERNAL, "no SHA-256");
	return 0;
}

static int start_transfer(struct probe *probe, struct fetch *fetch, struct err *err)
{
	const struct probe_request *request = &probe->request;
	char *url = nonce_add(request->url, probe->nonce);
	struct transfer_request transfer = {
		.url = url,
		.interface = request->interface,
		.ip_version = CURL_IPRESOLVE_WHATEVER,
		.max_bytes = request->size_bytes,
		.deadline_ms = transfer_deadline_ms(request->size_bytes, request->threshold_bps),
		.stall_bytes_per_s = STALL_BYTES_PER_S,
		.stall_s = STALL_S,
		.body = on_body,
	};
	int rc = -1;

	if (!url)
		return err_set(err, ERR_INPUT, "%.200s: not a URL", request->url);
	if (start_digest(probe, err) < 0)
		goto out;
	record_counters(&probe->before);
	rc = transfer_start(fetch, &probe->clock, &transfer, on_transfer_done, probe, &probe->transfer, err);
out:
	curl_free(url);
	return rc;
}

struct probe *probe_start(struct fetch *fetch, const struct clock *clock, const struct random_source *random,
			  const struct probe_request *request,
			  void (*progress)(void *arg, const struct probe_progress *progress),
			  void (*done)(void *arg, const struct measurement *measurement), void *arg)
{
	struct probe *probe = xcalloc(1, sizeof *probe);
	struct err err;

	probe->clock = *clock;
	probe->request = *request;
	probe->sha256 = request->sha256 ? xstrdup(request->sha256) : NULL;
	probe->interface = request->interface ? xstrdup(request->interface) : NULL;
	probe->progress = progress;
	probe->done = done;
	probe->arg = arg;
	probe->start = clock_now(clock);
	nonce_draw(random, probe->nonce);
	record_request(&probe->record, request, &probe->start);
	uv_timer_init(fetch_loop(fetch), &probe->timer);
	probe->timer.data = probe;
	if (start_transfer(probe, fetch, &err) < 0) {
		log_warning("probe of %s (%s): %s", leg_names[request->leg], request->file_name, err.message);
		uv_timer_start(&probe->timer, on_not_started, 0, 0);
	} else if (progress) {
		uv_timer_start(&probe->timer, on_tick, PROGRESS_MS, PROGRESS_MS);
	}
	return probe;
}

void probe_abort(struct probe *probe)
{
	if (probe->transfer)
		transfer_abort(probe->transfer);
	probe_free(probe);
}
