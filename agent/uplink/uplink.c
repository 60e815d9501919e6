/* The happy path: uplink_report -> send_report -> (answer) end_report -> settle -> next, which sends again while events
 * wait, and else rests until uplink_report.
 * Whatever fails goes through fail(), which waits and then reports again. */
#include "agent/uplink/uplink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/gzip.h"
#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/uplink/instruction.h"
#include "agent/uplink/request.h"

#define PATH "/agent/v1/reports"

struct uplink {
	struct uplink_options options;
	struct request request;
	uv_timer_t retry;
	bool is_busy;              /* a transfer is under way, or the retry timer runs */
	bool is_transferring;
	bool is_failing;           /* since the last accepted report */
	size_t max_events;
	char spool[UUID_SIZE];     /* that the report under way was made from */
	struct spool_batch batch;  /* what the report under way carries; its texts are released once it is packed */
	int64_t suspect_seq;       /* the lone event of a report that could not be read, while an empty one is tried; or 0 */
	char suspicion[256];
	char etag[ETAG_SIZE];      /* of the instruction in force, as the last answer named it */
	int64_t resent_from_seq;   /* as the collector asked last */
	char last_fault[sizeof ((struct err *)0)->message];
	void (*closed)(void *arg);
	void *closed_arg;
};

/* What the collector says to a report. */
struct answer {
	int64_t acked_seq;
	int64_t generation;
	char instruction[ETAG_SIZE];
};

/* What it asks for once more. */
struct resend {
	char spool[UUID_SIZE];
	int64_t seq;
};

static const struct json_field answer_fields[] = {
	{ .name = "acked_seq", .type = JSON_FIELD_INTEGER, .required = true, .offset = offsetof(struct answer, acked_seq),
	  .min = 0, .max = INT64_MAX },
	{ .name = "generation", .type = JSON_FIELD_INTEGER, .required = true,
	  .offset = offsetof(struct answer, generation), .min = 0, .max = INT64_MAX },
	{ .name = "instruction", .type = JSON_FIELD_TEXT, .offset = offsetof(struct answer, instruction),
	  .size = ETAG_SIZE },
};

static const struct json_field resend_fields[] = {
	{ .name = "spool", .type = JSON_FIELD_TEXT, .required = true, .offset = offsetof(struct resend, spool),
	  .size = UUID_SIZE },
	{ .name = "seq", .type = JSON_FIELD_INTEGER, .required = true, .offset = offsetof(struct resend, seq), .min = 1,
	  .max = INT64_MAX },
};

static const struct json_field seq_field = { .name = "seq", .type = JSON_FIELD_INTEGER, .required = true, .min = 1,
					     .max = INT64_MAX };

static void send_report(struct uplink *uplink);

int uplink_open(const struct uplink_options *options, struct uplink **ret_uplink, struct err *err)
{
	struct uplink *uplink = xcalloc(1, sizeof *uplink);

	if (request_init(&uplink->request, options->collector_url, options->ca_file, err) < 0) {
		free(uplink);
		return -1;
	}
	uplink->options = *options;
	uplink->max_events = UPLINK_BATCH_EVENTS;
	uv_timer_init(options->loop, &uplink->retry);
	uplink->retry.data = uplink;
	*ret_uplink = uplink;
	return 0;
}

static void release(uv_handle_t *handle)
{
	struct uplink *uplink = handle->data;

	request_free(&uplink->request);
	if (uplink->closed)
		uplink->closed(uplink->closed_arg);
	free(uplink);
}

void uplink_close(struct uplink *uplink, void (*closed)(void *arg), void *arg)
{
	if (uplink->is_transferring)
		fetch_cancel(uplink->options.fetch, uplink->request.easy);
	uplink->closed = closed;
	uplink->closed_arg = arg;
	uv_close((uv_handle_t *)&uplink->retry, release);
}

void uplink_report(struct uplink *uplink)
{
	if (!uplink->is_busy)
		send_report(uplink);
}

static void on_retry(uv_timer_t *timer)
{
	send_report(timer->data);
}

/* Says it once for a run of equal failures, keeps it for `status`, and tries again later. */
static void fail(struct uplink *uplink, const struct err *why, int64_t retry_after_ms)
{
	int64_t wait_ms = backoff_fail(&uplink->options.backoff, retry_after_ms, &uplink->options.random);
	struct err err;

	uplink->suspect_seq = 0;
	uplink->is_busy = true;
	uv_timer_start(&uplink->retry, on_retry, (uint64_t)wait_ms, 0);
	if (uplink->is_failing && !strcmp(uplink->last_fault, why->message))
		return;
	uplink->is_failing = true;
	text_copy(uplink->last_fault, sizeof uplink->last_fault, why->message);
	log_warning("report: %s; what was measured stays here, trying again in %" PRId64 " ms", why->message, wait_ms);
	if (spool_note_fault(uplink->options.spool, why->message, clock_now(&uplink->options.clock).realtime_ms, &err) < 0)
		log_error("%s", err.message);
}

static void next(struct uplink *uplink)
{
	struct spool_state state;
	struct err err;

	if (spool_state(uplink->options.spool, &state, &err) < 0)
		fail(uplink, &err, 0);
	else if (state.waiting)
		send_report(uplink);
	else
		uplink->is_busy = false;
}

static int check_rejected(const struct spool_batch *batch, const json_t *rejected, struct err *err)
{
	if (rejected && !json_is_array(rejected))
		return err_set(err, ERR_INPUT, "rejected: must be an array");
	for (size_t i = 0; i < json_array_size(rejected); i++) {
		int64_t seq;

		if (json_fields_read(json_array_get(rejected, i), &seq_field, 1, &seq, NULL, err) < 0)
			return err_wrap(err, "rejected[%zu]", i);
		if (seq < batch->first_seq || seq > batch->last_seq)
			return err_set(err, ERR_INPUT, "rejected[%zu]: seq %" PRId64 " was not sent", i, seq);
	}
	return 0;
}

static void log_rejected(const json_t *rejected)
{
	for (size_t i = 0; i < json_array_size(rejected); i++) {
		const json_t *event = json_array_get(rejected, i);
		const char *detail = json_string_value(json_object_get(event, "detail"));

		log_warning("report: the collector rejects event %" JSON_INTEGER_FORMAT ": %s",
			    json_integer_value(json_object_get(event, "seq")), detail ? detail : "without a reason");
	}
}

/* The seq to send again from; 0 when the collector asks for nothing of this very spool. */
static int read_resend(struct uplink *uplink, const json_t *object, int64_t *ret_seq, struct err *err)
{
	const json_t *asked = json_object_get(object, "resend_from");
	struct resend resend;

	*ret_seq = 0;
	if (!asked)
		return 0;
	if (json_fields_read(asked, resend_fields, sizeof resend_fields / sizeof resend_fields[0], &resend, NULL, err) < 0)
		return err_wrap(err, "resend_from");
	if (!strcmp(resend.spool, uplink->spool))
		*ret_seq = resend.seq;
	return 0;
}

/* What is not here any more is asked for in vain: dropped, rejected, or gone after its week. */
static int send_again(struct uplink *uplink, int64_t from_seq, struct err *err)
{
	bool is_kept;

	if (!from_seq || from_seq == uplink->resent_from_seq)
		return 0;
	uplink->resent_from_seq = from_seq;
	if (spool_keeps(uplink->options.spool, from_seq, uplink->batch.first_seq, &is_kept, err) < 0)
		return -1;
	if (!is_kept)
		return 0;
	log_warning("report: the collector has lost event %" PRId64 " and what followed; what is kept of it is sent again",
		    from_seq);
	return spool_resend(uplink->options.spool, from_seq, err);
}

/* Acknowledges no more than what was sent, whatever the answer claims. */
static int take_answer(struct uplink *uplink, const json_t *object, struct err *err)
{
	const struct spool_batch *batch = &uplink->batch;
	const json_t *rejected = json_object_get(object, "rejected");
	struct answer answer;
	int64_t resend_seq;

	if (json_fields_read(object, answer_fields, sizeof answer_fields / sizeof answer_fields[0], &answer, NULL, err) < 0 ||
	    check_rejected(batch, rejected, err) < 0 || read_resend(uplink, object, &resend_seq, err) < 0)
		return -1;
	if (batch->count && answer.acked_seq < batch->first_seq && !json_array_size(rejected))
		return err_set(err, ERR_BUSY, "acked_seq %" PRId64 ": event %" PRId64 " was sent and not acknowledged",
			       answer.acked_seq, batch->first_seq);
	log_rejected(rejected);
	text_copy(uplink->etag, sizeof uplink->etag, answer.instruction);
	if (spool_acknowledge(uplink->options.spool,
			      &(struct spool_answer){
				      .spool = uplink->spool,
				      .acked_seq = answer.acked_seq < batch->last_seq ? answer.acked_seq : batch->last_seq,
				      .generation = answer.generation,
				      .at_ms = clock_now(&uplink->options.clock).realtime_ms,
				      .rejected = rejected },
			      err) < 0)
		return -1;
	return send_again(uplink, resend_seq, err);
}

static int parse_answer(struct uplink *uplink, struct err *err)
{
	const struct buf *text = &uplink->request.answer;
	json_t *object;
	int rc;

	if (json_parse(buf_text(text), text->length_bytes, &object, err) < 0)
		return err_wrap(err, "answer");
	rc = take_answer(uplink, object, err);
	json_decref(object);
	return rc < 0 ? err_wrap(err, "answer") : 0;
}

static void settle(struct uplink *uplink)
{
	struct err err;

	if (parse_answer(uplink, &err) < 0) {
		fail(uplink, &err, 0);
		return;
	}
	if (uplink->suspect_seq) {
		log_error("report: the collector cannot read event %" PRId64 ", it is set aside: %s", uplink->suspect_seq,
			  uplink->suspicion);
		if (spool_set_aside(uplink->options.spool, uplink->suspect_seq, uplink->suspicion, &err) < 0) {
			fail(uplink, &err, 0);
			return;
		}
	}
	if (uplink->is_failing)
		log_info("report: the collector has it again");
	uplink->is_failing = false;
	uplink->suspect_seq = 0;
	uplink->max_events = UPLINK_BATCH_EVENTS;
	backoff_succeed(&uplink->options.backoff);
	next(uplink);
	uplink->options.reported(uplink->options.arg, uplink->etag);
}

/* The collector could not read the report: look for the event that is to blame. */
static void divide(struct uplink *uplink, const struct err *why)
{
	if (uplink->batch.count > 1) {
		uplink->max_events = uplink->batch.count / 2;
	} else {
		uplink->suspect_seq = uplink->batch.first_seq;
		text_copy(uplink->suspicion, sizeof uplink->suspicion, why->message);
	}
	send_report(uplink);
}

static void end_report(void *arg, CURL *easy, CURLcode result)
{
	struct uplink *uplink = arg;
	struct err err;

	(void)easy;
	uplink->is_transferring = false;
	if (request_finish(&uplink->request, result, &err) == 0)
		settle(uplink);
	else if (uplink->batch.count && (err.code == ERR_INPUT || err.code == ERR_TOO_LARGE))
		divide(uplink, &err);
	else
		fail(uplink, &err, request_retry_after_ms(&uplink->request));
}

static int pack_report(struct uplink *uplink, struct err *err)
{
	struct instant now = clock_now(&uplink->options.clock);
	struct buf text = { 0 };
	struct spool_state state;
	int rc;

	if (spool_state(uplink->options.spool, &state, err) < 0)
		return -1;
	if (strcmp(uplink->spool, state.uuid) != 0)   /* another file since: its seqs mean other events */
		uplink->suspect_seq = uplink->resent_from_seq = 0;
	text_copy(uplink->spool, sizeof uplink->spool, state.uuid);
	if (spool_batch(uplink->options.spool, uplink->suspect_seq ? 0 : uplink->max_events, UPLINK_BATCH_BYTES,
			&uplink->batch, err) < 0)
		return -1;
	if (state.generation == JSON_ABSENT)
		state.generation = uplink->options.identity->generation;
	buf_printf(&text, "{\"spool\":\"%s\",\"boot\":\"%s\",\"sent_ms\":%" PRId64 ",\"sent_boottime_us\":%" PRId64
			  ",\"generation\":%" PRId64 ",\"events\":[%s]}",
		   state.uuid, uplink->options.boot, now.realtime_ms, now.boottime_us, state.generation,
		   buf_text(&uplink->batch.events));
	buf_clear(&uplink->request.body);
	rc = gzip_pack(text.data, text.length_bytes, &uplink->request.body, err);
	buf_free(&text);
	buf_free(&uplink->batch.events);
	return rc;
}

static void send_report(struct uplink *uplink)
{
	struct err err;

	if (pack_report(uplink, &err) < 0) {
		fail(uplink, &err, 0);
		return;
	}
	request_prepare(&uplink->request, PATH);
	request_add_header(&uplink->request, "Content-Encoding", "gzip");
	if (request_sign(&uplink->request, uplink->options.identity, PATH, clock_now(&uplink->options.clock).realtime_ms, &err) < 0 ||
	    fetch_start(uplink->options.fetch, uplink->request.easy, end_report, uplink, &err) < 0) {
		fail(uplink, &err, 0);
		return;
	}
	uplink->is_busy = true;
	uplink->is_transferring = true;
}
