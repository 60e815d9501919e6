#include "collector/evaluate.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/judge.h"
#include "agent/base/mem.h"
#include "collector/decide/defect.h"
#include "collector/decide/statistics.h"
#include "collector/decide/verdict.h"
#include "collector/derive/reliable.h"
#include "collector/store/measurements.h"
#include "collector/store/tickets.h"

#define PLUMBLINE   "plumbline"               /* holds what nobody has accepted yet */
#define HISTORY     960                       /* ten days of 15-min probes: enough to show a time of day */
#define PAGE        1024
#define COVERAGE_MS (30 * INT64_C(86400000))
#define SAMPLES_MAX      1000                /* what close_of may be: WINDOW_MAX of collector_keys.c */
#define REFERENCE_BYTES  INT64_C(1048576)    /* U4, of a file whose size is not stated */
#define CAPACITY_CELL_MS INT64_C(54000000)   /* P2: at most 15 h between capacity probes */

static const enum defect defect_of_leg[LEG_COUNT] = { DEFECT_SLOW_LOCAL, DEFECT_SLOW_HUB };

/* How a leg's promise is tested: by every reference probe, or, where the reference file cannot show it (S1), by capacity
 * probes, a few a day: a stream of its own with a rule of its own (D3). */
struct promise {
	enum sample_stream samples;
	const struct decision_rule *rule;
	int64_t interval_ms;           /* what D3's times scale with */
	int64_t cell_ms;               /* each is to have a probe (V1) */
};

/* One leg while it is evaluated. */
struct stream {
	enum leg leg;
	struct promise promise;
	struct ticket ticket;          /* when defect.phase is not PHASE_NONE */
	struct defect_state defect;
	struct sample *samples;        /* those before the new ones, then the new ones */
	int count;
	int next;                      /* how many were stepped through or lie before the new ones */
	enum defect_move move;         /* what the newest of those moved ... */
	int window;                    /* ... and how many of them that rests on */
};

struct evaluation {
	struct txn *txn;
	const struct line *line;
	int64_t now_ms;
	struct stream streams[LEG_COUNT];
};

/* The smallest file of the leg is what its reference probe downloads. */
static int64_t reference_bytes(const struct collector_config *config, enum leg leg)
{
	const struct served_file *files = config->reference_files.items;
	int64_t least_bytes = INT64_MAX;

	for (size_t i = 0; i < config->reference_files.count; i++)
		if (files[i].leg == (int)leg && files[i].size_bytes && files[i].size_bytes < least_bytes)
			least_bytes = files[i].size_bytes;
	return least_bytes == INT64_MAX ? REFERENCE_BYTES : least_bytes;
}

static struct promise promise_of(const struct collector_config *config, const struct service_plan *plan, enum leg leg)
{
	int64_t threshold_bps = leg == LEG_LOCAL ? plan->local_min_bps : plan->hub_min_bps;

	if (judge_file_shows(reference_bytes(config, leg), threshold_bps))
		return (struct promise){ STREAM_VALID, &config->decision, plan->interval_ms, plan->interval_ms };
	return (struct promise){ STREAM_FAST, &config->capacity_decision, RULE_INTERVAL_MS, CAPACITY_CELL_MS };
}

static const struct sample *newest(const struct stream *stream)
{
	return &stream->samples[stream->next - 1];
}

static struct defect_state defect_state_of(const struct ticket *ticket)
{
	static const enum defect_phase phases[] = {
		[TICKET_OPEN] = PHASE_OPEN,         [TICKET_ACCEPTED] = PHASE_OPEN, [TICKET_FIXED] = PHASE_FIXED,
		[TICKET_RETURNED] = PHASE_OPEN,     [TICKET_PROVEN] = PHASE_PROVEN, [TICKET_CLOSED] = PHASE_CLOSED,
		[TICKET_WITHDRAWN] = PHASE_NONE,
	};

	return (struct defect_state){
		.phase = phases[ticket->state],
		.from_ms = ticket->defect_from_ms,
		.opened_ms = ticket->opened_ms > ticket->reopened_ms ? ticket->opened_ms : ticket->reopened_ms,
		.fixed_ms = ticket->fixed_ms,
		.proven_ms = ticket->proven_ms,
		.closed_ms = ticket->closed_ms,
	};
}

/* The ticket that is not closed, else the one closed last that the new samples could re-open (D7) or still belong to. */
static int load_ticket(struct evaluation *evaluation, struct stream *stream, int64_t from_ms, struct err *err)
{
	enum defect defect = defect_of_leg[stream->leg];
	int64_t since_ms = from_ms - stream->promise.rule->reopen_within_ms;
	int found = ticket_find_open(evaluation->txn, evaluation->line, defect, &stream->ticket, err);

	if (!found)
		found = ticket_find_closed(evaluation->txn, evaluation->line, defect, since_ms, &stream->ticket, err);
	if (found < 0)
		return -1;
	stream->defect = found ? defect_state_of(&stream->ticket) : defect_state_none;
	return 0;
}

static int widest_window(const struct stream *stream)
{
	const struct decision_rule *rule = stream->promise.rule;
	const int64_t windows[] = { rule->suspect_of, rule->open_of, rule->close_of, rule->band_of };
	int64_t widest = stream->defect.phase == PHASE_NONE ? 0 : HISTORY;

	for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++)
		widest = windows[i] > widest ? windows[i] : widest;
	return (int)widest;
}

static int load_samples(struct evaluation *evaluation, struct stream *stream, int64_t from_ms, struct err *err)
{
	int before = widest_window(stream);
	int fresh;

	stream->samples = xcalloc((size_t)before, sizeof *stream->samples);
	stream->next = samples_before(evaluation->txn, evaluation->line, stream->leg, from_ms, stream->promise.samples,
				      stream->samples, before,
				      err);
	if (stream->next < 0)
		return -1;
	for (int limit = PAGE;; limit *= 2) {
		stream->samples = xrealloc(stream->samples, (size_t)(stream->next + limit), sizeof *stream->samples);
		fresh = samples_from(evaluation->txn, evaluation->line, stream->leg, from_ms, stream->promise.samples,
				     stream->samples + stream->next, limit, err);
		if (fresh < 0)
			return -1;
		if (fresh < limit)
			break;
	}
	stream->count = stream->next + fresh;
	return 0;
}

static const char *const move_actions[] = {
	[MOVE_OPEN] = "opened", [MOVE_REOPEN] = "reopened", [MOVE_PROVE] = "proven", [MOVE_RETURN] = "returned",
};

/* The rule that was fulfilled, with its times as they are at this interval. */
static json_t *describe_rule(const struct stream *stream)
{
	const struct decision_rule *rule = stream->promise.rule;
	int64_t not_good = stream->window == rule->close_of ? rule->close_not_good : rule->band_not_good;

	if (stream->move == MOVE_PROVE)
		return json_pack("{s:I, s:i}", "not_good", not_good, "of", stream->window);
	if (stream->move == MOVE_RETURN)
		return json_pack("{s:I, s:I}", "bad", rule->suspect_bad, "of", rule->suspect_of);
	return json_pack("{s:I, s:I, s:I, s:I}", "bad", rule->open_bad, "of", rule->open_of,
			 "span_ms", rule_scaled_ms(rule->open_span_ms, stream->promise.interval_ms),
			 "within_ms", rule_scaled_ms(rule->open_within_ms, stream->promise.interval_ms));
}

/* D8. Bad and contended are those of the window; the figures are of the samples that have one. */
static json_t *describe_statistics(const struct sample *samples, int count)
{
	int64_t *values = xcalloc((size_t)count, sizeof *values);
	int figures = 0, bad = 0, contended = 0;
	json_t *object;

	for (int i = 0; i < count; i++) {
		bad += samples[i].judgement == JUDGED_BAD;
		contended += samples[i].reason == REASON_CONTENDED;
		if (samples[i].throughput_bps != JSON_ABSENT)
			values[figures++] = samples[i].throughput_bps;
	}
	object = json_pack("{s:i, s:i, s:i}", "valid", count, "bad", bad, "contended", contended);
	if (samples[count - 1].threshold_bps != JSON_ABSENT)
		json_object_set_new(object, "threshold_bps", json_integer(samples[count - 1].threshold_bps));
	if (figures) {
		struct statistics statistics = statistics_of(values, figures);

		json_object_set_new(object, "median_bps", json_integer(statistics.median));
		json_object_set_new(object, "p10_bps", json_integer(statistics.p10));
		json_object_set_new(object, "p5_bps", json_integer(statistics.p5));
		json_object_set_new(object, "min_bps", json_integer(statistics.min));
	}
	free(values);
	return object;
}

/* The other leg's samples over the same stretch of time. */
static int get_beside(struct evaluation *evaluation, const struct stream *other, int64_t from_ms, int64_t to_ms,
		      json_t **ret_array, struct err *err)
{
	int first = 0, count = 0;

	while (first < other->count && other->samples[first].started_ms < from_ms)
		first++;
	while (first + count < other->count && other->samples[first + count].started_ms <= to_ms)
		count++;
	if (!count) {
		*ret_array = json_array();
		return 0;
	}
	return measurements_get(evaluation->txn, evaluation->line, other->leg, other->samples + first, count, ret_array,
				err);
}

/* What a move rests on: the newest samples of the leg, with the rule, the figures and the other leg beside them. */
static int make_evidence(struct evaluation *evaluation, const struct stream *stream, json_t **ret_evidence, struct err *err)
{
	const struct stream *other = &evaluation->streams[stream->leg == LEG_LOCAL ? LEG_HUB : LEG_LOCAL];
	const struct sample *first = newest(stream) + 1 - stream->window;
	json_t *measurements = NULL, *beside = NULL;

	if (measurements_get(evaluation->txn, evaluation->line, stream->leg, first, stream->window, &measurements, err) < 0)
		return -1;
	if (get_beside(evaluation, other, first->started_ms, newest(stream)->started_ms, &beside, err) < 0) {
		json_decref(measurements);
		return -1;
	}
	*ret_evidence = json_pack("{s:o, s:o, s:o, s:o, s:I}",
				  "rule", describe_rule(stream),
				  "statistics", describe_statistics(first, stream->window),
				  "measurements", measurements,
				  leg_names[other->leg], beside,
				  "interval_ms", stream->promise.interval_ms);
	return 0;
}

/* The same history gives the same ids. Crockford's base 32: no letter that is misheard or misread for a digit. */
static void name_ticket(struct ticket *ticket)
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	unsigned char hash[crypto_hash_sha256_BYTES];
	uint64_t bits = 0;
	char text[ID_SIZE + 64];
	int length = snprintf(text, sizeof text, "%s %s %" PRId64, ticket->line, defect_names[ticket->defect],
			      ticket->opened_ms);

	crypto_hash_sha256(hash, (const unsigned char *)text, (unsigned long long)length);
	for (int i = 0; i < 5; i++)
		bits = bits << 8 | hash[i];
	memcpy(ticket->id, "T-", 2);
	for (int i = 0; i < 8; i++, bits >>= 5)
		ticket->id[2 + i] = digits[bits & 31];
	ticket->id[10] = '\0';
}

/* The entry of the ticket's chain: made in event time; noted_ms says when the collector learnt of it. */
static int add_move(struct evaluation *evaluation, const struct stream *stream, const char *note, struct err *err)
{
	json_t *details = json_pack("{s:I}", "noted_ms", evaluation->now_ms);
	struct ticket_move move = {
		.action = move_actions[stream->move], .by = PLUMBLINE, .at_ms = newest(stream)->started_ms, .note = note,
		.details = details,
	};
	int rc = ticket_add_move(evaluation->txn, &stream->ticket, &move, err);

	json_decref(details);
	return rc;
}

static int open_ticket(struct evaluation *evaluation, struct stream *stream, struct err *err)
{
	struct ticket *ticket = &stream->ticket;
	json_t *evidence;
	int rc;

	*ticket = (struct ticket){
		.line_number = evaluation->line->number,
		.defect = (int)defect_of_leg[stream->leg],
		.leg = (int)stream->leg,
		.state = TICKET_OPEN,
		.holder = PLUMBLINE,
		.opened_ms = stream->defect.opened_ms,
		.defect_from_ms = stream->defect.from_ms,
		.fixed_ms = JSON_ABSENT,
		.proven_ms = JSON_ABSENT,
		.closed_ms = JSON_ABSENT,
		.reopened_ms = JSON_ABSENT,
	};
	text_copy(ticket->client, sizeof ticket->client, evaluation->line->client);
	text_copy(ticket->line, sizeof ticket->line, evaluation->line->id);
	name_ticket(ticket);
	if (make_evidence(evaluation, stream, &evidence, err) < 0)
		return -1;
	rc = ticket_insert(evaluation->txn, ticket, evidence, err);
	json_decref(evidence);
	return rc < 0 ? -1 : add_move(evaluation, stream, NULL, err);
}

/* Writes the changed ticket, what the change rests on, and the entry of its chain. */
static int record_change(struct evaluation *evaluation, const struct stream *stream, const char *note, struct err *err)
{
	json_t *evidence;
	int rc;

	if (ticket_update(evaluation->txn, &stream->ticket, err) < 0 ||
	    make_evidence(evaluation, stream, &evidence, err) < 0)
		return -1;
	json_object_set_new(evidence, "at_ms", json_integer(newest(stream)->started_ms));
	json_object_set_new(evidence, "what", json_string(move_actions[stream->move]));
	rc = ticket_add_evidence(evaluation->txn, &stream->ticket, evidence, err);
	json_decref(evidence);
	return rc < 0 ? -1 : add_move(evaluation, stream, note, err);
}

/* What the ticket's chain says. */
struct chain {
	char fixer[ID_SIZE];   /* who last said that it was fixed; its holder when nobody did */
	int64_t reopens;       /* since the time asked for */
	int64_t noted_ms;      /* when the collector learnt of the last opening */
};

static void read_move(const json_t *move, int64_t since_ms, struct chain *chain)
{
	const char *action = json_string_value(json_object_get(move, "action"));
	const json_t *noted_ms = json_object_get(json_object_get(move, "details"), "noted_ms");

	if (!strcmp(action, "fixed"))
		text_copy(chain->fixer, sizeof chain->fixer, json_string_value(json_object_get(move, "by")));
	if (!strcmp(action, "opened") || !strcmp(action, "reopened"))
		chain->noted_ms = json_integer_value(noted_ms);
	if (!strcmp(action, "reopened"))
		chain->reopens += json_integer_value(json_object_get(move, "at_ms")) >= since_ms;
}

static int read_chain(struct evaluation *evaluation, const struct stream *stream, int64_t since_ms, struct chain *ret_chain,
		      struct err *err)
{
	json_t *shown, *move;
	size_t i;

	if (ticket_show(evaluation->txn, stream->ticket.id, &shown, err) < 0)
		return -1;
	*ret_chain = (struct chain){ .reopens = 0 };
	text_copy(ret_chain->fixer, sizeof ret_chain->fixer, stream->ticket.holder);
	json_array_foreach(json_object_get(shown, "custody"), i, move)
		read_move(move, since_ms, ret_chain);
	json_decref(shown);
	return 0;
}

static int reopen_ticket(struct evaluation *evaluation, struct stream *stream, struct err *err)
{
	struct ticket *ticket = &stream->ticket;
	int64_t since_ms = newest(stream)->started_ms - stream->promise.rule->chronic_within_ms;
	struct chain chain;

	if (read_chain(evaluation, stream, since_ms, &chain, err) < 0)
		return -1;
	ticket->state = TICKET_OPEN;
	text_copy(ticket->holder, sizeof ticket->holder, PLUMBLINE);
	ticket->reopened_ms = stream->defect.opened_ms;
	ticket->reopen_count++;
	ticket->fixed_ms = ticket->proven_ms = ticket->closed_ms = JSON_ABSENT;
	ticket->unverified = ticket->retrospective = false;
	ticket->chronic = ticket->chronic || chain.reopens + 1 >= stream->promise.rule->chronic_reopens;
	return record_change(evaluation, stream, NULL, err);
}

static int prove_ticket(struct evaluation *evaluation, struct stream *stream, struct err *err)
{
	struct ticket *ticket = &stream->ticket;
	const char *note = ticket->state == TICKET_FIXED ? NULL : "recovered with no repair reported";
	struct chain chain;

	if (read_chain(evaluation, stream, 0, &chain, err) < 0)
		return -1;
	ticket->state = TICKET_PROVEN;
	ticket->proven_ms = stream->defect.proven_ms;
	ticket->retrospective = ticket->proven_ms < chain.noted_ms;
	return record_change(evaluation, stream, note, err);
}

static int return_ticket(struct evaluation *evaluation, struct stream *stream, struct err *err)
{
	struct ticket *ticket = &stream->ticket;
	struct chain chain;

	if (read_chain(evaluation, stream, 0, &chain, err) < 0)
		return -1;
	ticket->state = TICKET_RETURNED;
	text_copy(ticket->holder, sizeof ticket->holder, chain.fixer);
	return record_change(evaluation, stream, "still bad after the repair was reported", err);
}

/* Steps through the stream's next sample. */
static int step(struct evaluation *evaluation, struct stream *stream, struct err *err)
{
	static int (*const act[])(struct evaluation *, struct stream *, struct err *) = {
		[MOVE_OPEN] = open_ticket,   [MOVE_REOPEN] = reopen_ticket,
		[MOVE_PROVE] = prove_ticket, [MOVE_RETURN] = return_ticket,
	};
	const struct stream *local = &evaluation->streams[LEG_LOCAL];
	int64_t at_ms = stream->samples[stream->next++].started_ms;
	bool held = stream->leg == LEG_HUB && defect_is_local(local->promise.rule, local->promise.interval_ms, &local->defect,
							      local->samples, local->next, at_ms);

	stream->move = defect_step(stream->promise.rule, stream->promise.interval_ms, &stream->defect, held, stream->samples,
				   stream->next, &stream->window);
	return stream->move == MOVE_NONE ? 0 : act[stream->move](evaluation, stream, err);
}

/* The leg whose next sample was made first; NULL when all were stepped through. */
static struct stream *next_stream(struct evaluation *evaluation)
{
	struct stream *first = NULL;

	for (int leg = 0; leg < LEG_COUNT; leg++) {
		struct stream *stream = &evaluation->streams[leg];

		if (stream->next < stream->count &&
		    (!first || stream->samples[stream->next].started_ms < first->samples[first->next].started_ms))
			first = stream;
	}
	return first;
}

/* Both legs are stepped through from the oldest new sample of either: what one means depends on the other (D4), and
 * samples that were stepped through before move nothing. */
int evaluate_line(struct txn *txn, const struct collector_config *config, const struct line *line,
		  const int64_t from_ms[LEG_COUNT], int64_t now_ms, struct err *err)
{
	const struct service_plan *plan = collector_config_find_plan(config, line->service_plan);
	int64_t start_ms = from_ms[LEG_LOCAL] < from_ms[LEG_HUB] ? from_ms[LEG_LOCAL] : from_ms[LEG_HUB];
	struct evaluation evaluation = { .txn = txn, .line = line, .now_ms = now_ms };
	struct stream *stream;
	int rc = -1;

	if (!plan || start_ms == INT64_MAX)
		return 0;
	for (int leg = 0; leg < LEG_COUNT; leg++) {
		stream = &evaluation.streams[leg];
		stream->leg = (enum leg)leg;
		stream->promise = promise_of(config, plan, stream->leg);
		if (load_ticket(&evaluation, stream, start_ms, err) < 0 ||
		    load_samples(&evaluation, stream, start_ms, err) < 0)
			goto out;
	}
	while ((stream = next_stream(&evaluation)))
		if (step(&evaluation, stream, err) < 0)
			goto out;
	rc = 0;
out:
	if (rc < 0)
		err_wrap(err, "line %s", line->id);
	for (int leg = 0; leg < LEG_COUNT; leg++)
		free(evaluation.streams[leg].samples);
	return rc;
}

/* An agent's clock may be a little ahead. A sample from later on was made by one that is wrong: counted, it would be the
 * newest until that time comes, and a silent line would go on being good. */
static int64_t latest_ms(int64_t interval_ms, int64_t now_ms)
{
	return now_ms + interval_ms;
}

/* Out of the last 30 days, or of those since the leg's first valid probe. */
static int measure_coverage(struct txn *txn, const struct line *line, enum leg leg, const struct promise *promise, int64_t now_ms,
			    int *ret_percent, struct err *err)
{
	int64_t from_ms = now_ms - COVERAGE_MS;
	struct coverage coverage;
	struct sample older;
	int found = samples_before(txn, line, leg, from_ms, promise->samples, &older, 1, err);

	if (found < 0 || samples_cover(txn, line, leg, promise->samples, promise->cell_ms, from_ms,
				       latest_ms(promise->interval_ms, now_ms), &coverage, err) < 0)
		return -1;
	if (found)
		coverage.begin_ms = from_ms;
	*ret_percent = coverage_percent(&coverage, now_ms);
	return 0;
}

static int find_leg_facts(struct txn *txn, const struct line *line, enum leg leg, const struct promise *promise, int64_t now_ms,
			  struct leg_facts *facts, struct sample *samples, struct err *err)
{
	struct ticket ticket;
	int found = ticket_find_open(txn, line, defect_of_leg[leg], &ticket, err);

	if (found < 0)
		return -1;
	facts->defective = found && ticket.state != TICKET_PROVEN;
	facts->rule = promise->rule;
	facts->interval_ms = promise->cell_ms;
	facts->samples = samples;
	facts->count = samples_before(txn, line, leg, latest_ms(promise->interval_ms, now_ms), promise->samples, samples,
				      (int)promise->rule->close_of, err);
	return facts->count < 0 ? -1 : 0;
}

static json_t *describe_quality(const struct verdict *verdict, int coverage)
{
	return json_pack("{s:s, s:{s:s, s:s}, s:s, s:s, s:i}",
			 "good", value_names[verdict->good],
			 "fast", "local", value_names[verdict->fast[LEG_LOCAL]], "hub", value_names[verdict->fast[LEG_HUB]],
			 "reliable", value_names[verdict->reliable],
			 "reason", verdict_reason_names[verdict->reason],
			 "coverage", coverage);
}

/* Leg by leg: what is promised, what was measured, and how much of the time. */
static int find_facts(struct txn *txn, const struct collector_config *config, const struct line *line, int64_t now_ms,
		      struct line_facts *facts, struct sample *samples, int *ret_coverage, struct err *err)
{
	const struct service_plan *plan = collector_config_find_plan(config, line->service_plan);

	facts->has_plan = plan != NULL;
	for (int i = 0; plan && i < LEG_COUNT; i++) {
		enum leg leg = (enum leg)i;
		struct promise promise = promise_of(config, plan, leg);
		int percent;

		facts->legs[leg].promised = (leg == LEG_LOCAL ? plan->local_min_bps : plan->hub_min_bps) > 0;
		if (find_leg_facts(txn, line, leg, &promise, now_ms, &facts->legs[leg], samples + leg * SAMPLES_MAX, err) < 0)
			return -1;
		if (!facts->legs[leg].promised)
			continue;
		if (measure_coverage(txn, line, leg, &promise, now_ms, &percent, err) < 0)
			return -1;
		*ret_coverage = *ret_coverage < 0 || percent < *ret_coverage ? percent : *ret_coverage;
	}
	return 0;
}

int quality_of_line(struct txn *txn, const struct collector_config *config, const struct line *line, bool has_agent,
		    int64_t now_ms, json_t **ret_quality, struct err *err)
{
	struct sample *samples = xcalloc((size_t)SAMPLES_MAX * LEG_COUNT, sizeof *samples);
	struct line_facts facts = { .has_agent = has_agent };
	struct reliability reliability = { .value = VALUE_UNMEASURED };
	int coverage = -1;
	int rc = find_facts(txn, config, line, now_ms, &facts, samples, &coverage, err);

	if (rc == 0)
		rc = reliability_of_line(txn, config, line, now_ms, &reliability, err);
	if (rc == 0) {
		struct verdict verdict;

		facts.reliable = reliability.value;
		verdict = verdict_line(&facts, now_ms);
		*ret_quality = describe_quality(&verdict, coverage < 0 ? 0 : coverage);
		if (reliability.is_young)
			json_object_set_new(*ret_quality, "reliable_from_ms", json_integer(reliability.period.from_ms));
	}
	free(samples);
	return rc;
}
