#include "collector/api/reports.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "collector/api/instruction.h"
#include "collector/api/routes.h"
#include "collector/decide/skew.h"
#include "collector/derive/fast.h"
#include "collector/derive/network.h"
#include "collector/derive/reliable.h"
#include "collector/store/measurements.h"
#include "collector/store/orders.h"
#include "collector/store/outages.h"
#include "collector/store/rollups.h"

#define TIME_MS_MAX    INT64_C(32503680000000)   /* the year 3000 */
#define GENERATION_MAX (INT64_MAX - 1)           /* there is one after it */

enum generation_means generation_compare(int64_t expected, int64_t reported)
{
	if (reported > expected)
		return GENERATION_AHEAD;
	if (reported == expected)
		return GENERATION_NEXT;
	return reported == expected - 1 ? GENERATION_REPEATED : GENERATION_COPIED;
}

static const struct json_field fields[] = {
	{ "spool", JSON_FIELD_TEXT, true, offsetof(struct report, spool), UUID_SIZE, 0, 0, NULL },
	{ "boot", JSON_FIELD_TEXT, false, offsetof(struct report, boot), BOOT_ID_SIZE, 0, 0, NULL },
	{ "sent_boottime_us", JSON_FIELD_INTEGER, false, offsetof(struct report, sent_boottime_us), 0, 0, INT64_MAX, NULL },
	{ "sent_ms", JSON_FIELD_INTEGER, true, offsetof(struct report, sent_ms), 0, 0, TIME_MS_MAX, NULL },
	{ "generation", JSON_FIELD_INTEGER, true, offsetof(struct report, generation), 0, 0, GENERATION_MAX, NULL },
};

static bool is_uuid(const char *text)
{
	for (int i = 0; i < UUID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return text[UUID_SIZE - 1] == '\0';
}

/* What the writer's steps share while a report is stored. */
struct storing {
	struct txn *txn;
	const struct collector_config *config;
	const struct line *line;
	int64_t spool;
	struct arrival arrival;
	int64_t measured_from_ms;   /* the oldest new measurement; INT64_MAX */
	int64_t watched_from_ms;    /* the oldest new fact about outages; INT64_MAX */
};

/* How events of a type are checked and stored. What is wrong with an event harms only itself. */
struct event_type {
	const char *name;
	int (*read)(struct report_event *event, struct err *err);
	int (*store)(struct storing *storing, struct report_event *event, struct err *err);
};

static int read_measurement(struct report_event *event, struct err *err)
{
	event->is_measurement = true;
	return measurement_from_json(event->object, &event->measurement, NULL, err);
}

/* J4. Where nobody knows when it was, it is kept as of its arrival and judges nothing. */
static void date_measurement(const struct arrival *arrival, const char *boot, struct measurement *m)
{
	if (skew_is_trusted(arrival, m->started_ms) || skew_rebase(arrival, boot, m->boottime_us, &m->started_ms))
		return;
	m->started_ms = arrival->received_ms;
	m->judgement = JUDGED_INVALID;
	m->reason = REASON_CLOCK;
}

static int store_measurement(struct storing *storing, struct report_event *event, struct err *err)
{
	struct measurement *m = &event->measurement;

	date_measurement(&storing->arrival, event->boot, m);
	if (m->started_ms < storing->measured_from_ms)
		storing->measured_from_ms = m->started_ms;
	if (measurement_put(storing->txn, storing->line, storing->spool, event->seq, m, err) < 0)
		return -1;
	return m->order[0] ? order_answer(storing->txn, storing->line, storing->spool, event->seq, m, err) : 0;
}

/* It is kept as it is. */
static int read_other(struct report_event *event, struct err *err)
{
	if (json_dumpb(event->object, NULL, 0, JSON_COMPACT) > REPORT_EVENT_MAX_BYTES)
		return err_set(err, ERR_INPUT, "larger than %d bytes", REPORT_EVENT_MAX_BYTES);
	return 0;
}

static int store_other(struct storing *storing, struct report_event *event, struct err *err)
{
	return event_put(storing->txn, storing->line, storing->spool, event->seq, event->type->name, event->object, err);
}

static int read_watched(struct report_event *event, struct err *err)
{
	return read_other(event, err) < 0 ? -1 : outage_event_check(event->type->name, event->object, err);
}

/* J4: by how much the event's dates are wrong; false where nobody knows. */
static bool find_shift(const struct arrival *arrival, const struct report_event *event, int64_t *ret_shift_ms)
{
	const json_t *ended_ms = json_object_get(event->object, "ended_ms");
	int64_t started_ms = json_integer_value(json_object_get(event->object, "started_ms")), at_ms = started_ms;
	int64_t length_ms = ended_ms ? json_integer_value(ended_ms) - started_ms : 0;
	const json_t *boottime_us = json_object_get(event->object, "boottime_us");

	if (!skew_is_trusted(arrival, started_ms) &&
	    (!json_is_integer(boottime_us) || !skew_rebase(arrival, event->boot, json_integer_value(boottime_us), &at_ms)))
		return false;
	*ret_shift_ms = at_ms - started_ms;
	return skew_is_trusted(arrival, at_ms + length_ms);
}

/* What nobody knows the time of is kept as it came, and judges nothing. */
static int store_watched(struct storing *storing, struct report_event *event, struct err *err)
{
	int64_t shift_ms;

	if (store_other(storing, event, err) < 0)
		return -1;
	if (!find_shift(&storing->arrival, event, &shift_ms))
		return 0;
	return outage_event_put(storing->txn, storing->line, storing->spool, event->seq, event->type->name, event->object,
				shift_ms, &storing->watched_from_ms, err);
}

static const struct event_type event_types[] = {
	{ "measurement", read_measurement, store_measurement },
	{ "outage",      read_watched,     store_watched },
	{ "latency",     read_other,       store_other },
	{ "alive",       read_watched,     store_watched },
	{ "boot",        read_other,       store_other },
	{ "clock_step",  read_other,       store_other },
	{ "dropped",     read_other,       store_other },
	{ NULL, NULL, NULL },
};

/* Is this one event fit to be stored? */
static int check_event(struct report_event *event, struct err *err)
{
	const json_t *name = json_object_get(event->object, "type");
	const json_t *boot = json_object_get(event->object, "boot");

	if (event->seq > SEQ_MAX)
		return err_set(err, ERR_INPUT, "seq: must be at most %" PRId64, SEQ_MAX);
	if (!json_is_string(name))
		return err_set(err, ERR_INPUT, "type: is missing, or no string");
	if (boot && !json_is_string(boot))
		return err_set(err, ERR_INPUT, "boot: must be a string");
	if (boot)
		text_copy(event->boot, sizeof event->boot, json_string_value(boot));
	for (event->type = event_types; event->type->name; event->type++)
		if (!strcmp(event->type->name, json_string_value(name)))
			return event->type->read(event, err);
	return err_set(err, ERR_INPUT, "type: no such type of event");
}

static int fail_at(json_t *faults, size_t index, const char *detail, struct err *err)
{
	char field[32];

	snprintf(field, sizeof field, "events[%zu]", index);
	json_array_append_new(faults, json_pack("{s:s, s:s}", "field", field, "detail", detail));
	return err_set(err, ERR_INPUT, "%s: %s", field, detail);
}

static int read_event(const json_t *object, size_t index, struct report *report, json_t *faults, struct err *err)
{
	struct report_event *event = &report->events[report->event_count];
	const json_t *seq = json_object_get(object, "seq");
	struct err why;

	if (!json_is_object(object))
		return fail_at(faults, index, "must be an object", err);
	if (!json_is_integer(seq) || json_integer_value(seq) <= report->acked_seq)
		return fail_at(faults, index, "seq must be a whole number above 0 that rises from event to event", err);
	*event = (struct report_event){ .seq = json_integer_value(seq), .object = object };
	report->acked_seq = event->seq;
	if (check_event(event, &why) < 0)
		json_array_append_new(report->rejected, json_pack("{s:I, s:s}", "seq", (json_int_t)event->seq, "detail",
								  why.message));
	else
		report->event_count++;
	return 0;
}

static int read_events(const json_t *events, struct report *report, json_t *faults, struct err *err)
{
	const json_t *object;
	size_t i;

	json_array_foreach(events, i, object)
		if (read_event(object, i, report, faults, err) < 0)
			return -1;
	return 0;
}

int report_read(const json_t *body, struct report *ret_report, json_t *faults, struct err *err)
{
	const json_t *events = json_object_get(body, "events");
	struct report report = { 0 };

	if (json_fields_read(body, fields, sizeof fields / sizeof fields[0], &report, faults, err) < 0)
		return -1;
	if (!is_uuid(report.spool)) {
		json_array_append_new(faults, json_pack("{s:s, s:s}", "field", "spool", "detail", "must be a UUID"));
		return err_set(err, ERR_INPUT, "spool: must be a UUID");
	}
	if (!json_is_array(events))
		return err_set(err, ERR_INPUT, "events: must be an array");
	if (json_array_size(events) > REPORT_EVENTS_MAX)
		return err_set(err, ERR_TOO_LARGE, "events: at most %d in a report", REPORT_EVENTS_MAX);
	report.events = xcalloc(json_array_size(events) + 1, sizeof *report.events);
	report.rejected = json_array();
	if (read_events(events, &report, faults, err) < 0) {
		report_close(&report);
		return -1;
	}
	*ret_report = report;
	return 0;
}

void report_close(struct report *report)
{
	free(report->events);
	json_decref(report->rejected);
}

/* What the steps of a call hand on. */
struct ingest {
	struct report report;
	struct line line;
	char etag[INSTRUCTION_ETAG_SIZE];   /* of the line's instruction */
};

static void free_ingest(void *state)
{
	struct ingest *ingest = state;

	report_close(&ingest->report);
	free(ingest);
}

/* Lets go of the body when nothing borrows from it. On the thread that made it, that costs the least. */
static void release_body(struct api_call *call, struct report *report)
{
	for (size_t i = 0; i < report->event_count; i++)
		if (!report->events[i].is_measurement)
			return;
	for (size_t i = 0; i < report->event_count; i++)
		report->events[i].object = NULL;
	json_decref(call->input);
	call->input = NULL;
}

/* All that the writer need not do for everybody in turn is done here. */
int reports_read(struct api_call *call, struct txn *txn, struct err *err)
{
	struct ingest *ingest = xcalloc(1, sizeof *ingest);
	json_t *instruction;

	call->state = ingest;
	call->free_state = free_ingest;
	if (!call->input)
		return err_set(err, ERR_INPUT, "body: must be a JSON object");
	if (report_read(call->input, &ingest->report, call->faults, err) < 0 ||
	    line_get(txn, call->agent.line, &ingest->line, err) < 0 ||
	    instruction_of_line(txn, call->api->options.config, &ingest->line, call->now.realtime_ms, &instruction, err) < 0)
		return -1;
	instruction_etag(instruction, ingest->etag);
	json_decref(instruction);
	release_body(call, &ingest->report);
	return 0;
}

static int keep_report(struct api_call *call, struct txn *txn, bool copied, struct err *err)
{
	const struct ingest *ingest = call->state;
	const struct report_fact fact = {
		.agent = &call->agent,
		.spool = ingest->report.spool,
		.received_ms = call->now.realtime_ms,
		.sent_ms = ingest->report.sent_ms,
		.content_digest = call->headers[HEADER_CONTENT_DIGEST],
		.signature_input = call->headers[HEADER_SIGNATURE_INPUT],
		.signature = call->headers[HEADER_SIGNATURE],
		.body = call->body,
		.body_bytes = call->body_bytes,
		.copied = copied,
	};

	return report_put(txn, &fact, err);
}

/* Which events are new. Nearly always all of them, one after the other: then they are one step. */
static int take_events(struct txn *txn, int64_t spool, struct report *report, struct err *err)
{
	int64_t first_seq = report->events[0].seq, last_seq = report->events[report->event_count - 1].seq;
	bool fresh = false;

	if (last_seq - first_seq == (int64_t)report->event_count - 1 &&
	    spool_take_run(txn, spool, first_seq, last_seq, &fresh, err) < 0)
		return -1;
	for (size_t i = 0; i < report->event_count; i++) {
		struct report_event *event = &report->events[i];

		event->counted = fresh;
		if (!fresh && spool_take(txn, spool, event->seq, &event->counted, err) < 0)
			return -1;
	}
	return 0;
}

/* Asks for what the agent reported before this report and we do not have. A report that is repeated, because our
 * answer was lost, asks again; the next one does not: it continues the range that this one began. */
static int find_missing(struct txn *txn, int64_t spool, struct report *report, struct err *err)
{
	int64_t first_seq = report->events[0].seq, from_seq;

	if (spool_gap(txn, spool, first_seq, &from_seq, err) < 0)
		return -1;
	if (from_seq < first_seq)
		report->missing_from = from_seq;
	return 0;
}

static int note_measurements(const struct storing *storing, const struct report *report, struct err *err)
{
	const struct measurement **list = xcalloc(report->event_count, sizeof *list);
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < report->event_count; i++)
		if (report->events[i].counted && report->events[i].is_measurement)
			list[count++] = &report->events[i].measurement;
	rc = count ? network_note(storing->txn, storing->config, storing->line, list, count, err) : 0;
	free(list);
	return rc;
}

/* What the report's new events mean for the line. */
static int derive(const struct api_call *call, const struct storing *storing, struct err *err)
{
	const struct collector_config *config = call->api->options.config;
	int64_t now_ms = call->now.realtime_ms;

	if (storing->watched_from_ms != INT64_MAX &&
	    (derive_reliable(storing->txn, config, storing->line, storing->watched_from_ms, now_ms, err) < 0 ||
	     network_note_change(storing->txn, storing->watched_from_ms, err) < 0))
		return -1;
	if (storing->measured_from_ms == INT64_MAX)
		return 0;
	return derive_fast(storing->txn, config, storing->line, storing->measured_from_ms, now_ms, err);
}

static int store_events(struct api_call *call, struct txn *txn, struct err *err)
{
	struct ingest *ingest = call->state;
	struct report *report = &ingest->report;
	struct storing storing = {
		.txn = txn, .config = call->api->options.config, .line = &ingest->line, .measured_from_ms = INT64_MAX,
		.watched_from_ms = INT64_MAX,
		.arrival = { call->now.realtime_ms, report->sent_boottime_us, report->boot },
	};

	if (report->event_count == 0)
		return 0;
	if (spool_number(txn, &call->agent, report->spool, &storing.spool, err) < 0 ||
	    events_mark(txn, storing.spool, report->events[0].seq, call->now.realtime_ms, err) < 0 ||
	    take_events(txn, storing.spool, report, err) < 0)
		return -1;
	for (size_t i = 0; i < report->event_count; i++)
		if (report->events[i].counted && report->events[i].type->store(&storing, &report->events[i], err) < 0)
			return -1;
	if (find_missing(txn, storing.spool, report, err) < 0 || note_measurements(&storing, report, err) < 0)
		return -1;
	return derive(call, &storing, err);
}

static void answer(struct api_call *call, int64_t generation)
{
	const struct ingest *ingest = call->state;

	call->answer = json_pack("{s:I, s:I, s:s, s:O}", "acked_seq", (json_int_t)ingest->report.acked_seq, "generation",
				 (json_int_t)generation, "instruction", ingest->etag, "rejected", ingest->report.rejected);
	if (ingest->report.missing_from)
		json_object_set_new(call->answer, "resend_from", json_pack("{s:s, s:I}", "spool", ingest->report.spool, "seq",
									   (json_int_t)ingest->report.missing_from));
}

static void warn_of_copy(struct api_call *call)
{
	const struct ingest *ingest = call->state;

	log_warning("agent %s of line %s sent generation %" PRId64 " where %" PRId64 " is expected: its disk was copied or "
		    "restored; the report is kept apart, enrol that host anew", call->agent.id, call->agent.line,
		    ingest->report.generation, call->agent.generation);
}

static void announce(struct api_call *call)
{
	const struct api_options *options = &call->api->options;
	const struct ingest *ingest = call->state;
	const struct report_event *events = ingest->report.events;

	if (json_array_size(ingest->report.rejected) > 0)
		log_warning("agent %s: %zu events were rejected", call->agent.id,
			    json_array_size(ingest->report.rejected));
	if (!options->measured)
		return;
	for (size_t i = 0; i < ingest->report.event_count; i++)
		if (events[i].counted && events[i].is_measurement)
			options->measured(options->measured_arg, &ingest->line, &events[i].measurement);
}

/* Said once: the generations meet again with our answer. */
static void announce_restored(struct api_call *call)
{
	const struct ingest *ingest = call->state;

	log_warning("agent %s of line %s sent generation %" PRId64 " where %" PRId64 " is expected: this database was restored "
		    "from an older backup; what the agent still has from then is asked for", call->agent.id,
		    call->agent.line, ingest->report.generation, call->agent.generation);
	announce(call);
}

static int ingest_report(struct api_call *call, struct txn *txn, enum generation_means means, struct err *err)
{
	const struct ingest *ingest = call->state;
	int64_t generation = means == GENERATION_REPEATED ? call->agent.generation : ingest->report.generation + 1;

	if (keep_report(call, txn, false, err) < 0 || store_events(call, txn, err) < 0 ||
	    agent_heard(txn, &call->agent, generation, call->now.realtime_ms, err) < 0)
		return -1;
	call->committed = means == GENERATION_AHEAD ? announce_restored : announce;
	answer(call, generation);
	return 0;
}

int reports_write(struct api_call *call, struct txn *txn, struct err *err)
{
	const struct ingest *ingest = call->state;
	int64_t reported = ingest->report.generation;
	enum generation_means means;

	/* Another report of this agent may have been written since the read step. */
	if (agent_get(txn, call->agent.id, &call->agent, err) < 0)
		return -1;
	means = generation_compare(call->agent.generation, reported);
	if (means != GENERATION_COPIED)
		return ingest_report(call, txn, means, err);
	if (keep_report(call, txn, true, err) < 0)
		return -1;
	call->committed = warn_of_copy;
	answer(call, reported);
	return 0;
}
