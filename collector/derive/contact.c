#include "collector/derive/contact.h"

#include <inttypes.h>
#include <stdlib.h>

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "collector/decide/absence.h"
#include "collector/derive/follow.h"
#include "collector/store/contact.h"
#include "collector/store/derived.h"

#define HOUR_MS INT64_C(3600000)

struct round {
	const struct contact_options *options;
	const struct silence_rule *rule;
	struct txn *txn;
	struct self_state self;
	int64_t now_ms;
	struct contact_row *rows;         /* of lines that are not fresh, or were not */
	size_t count;
	struct silence_mass mass;         /* the newest */
	int64_t fresh, fallen, newly_late;   /* fresh: agents */
	int64_t left;                     /* of the mass's lines still not heard */
	int64_t changed_from_ms;          /* INT64_MAX: nothing did that others look at */
};

/* One line's ticket, while its moves are followed. */
struct episode {
	const struct round *round;
	const struct contact_row *row;
	enum absence why;
	int64_t why_ms;
};

static void note_change(struct round *round, int64_t from_ms)
{
	if (from_ms < round->changed_from_ms)
		round->changed_from_ms = from_ms;
}

/* Q4: what nobody here could hear was not silent. */
static int64_t counted_from(const struct round *round, const struct contact_row *row)
{
	return row->heard_ms > round->self.listening_ms ? row->heard_ms : round->self.listening_ms;
}

static enum contact contact_of(const struct round *round, const struct contact_row *row, int64_t *ret_since_ms)
{
	return silence_contact(round->rule, counted_from(round, row), round->now_ms, ret_since_ms);
}

static bool is_kept(const struct contact_row *row)
{
	return row->late_ms != JSON_ABSENT;
}

/* Was it heard since it became late? */
static bool is_back(const struct contact_row *row)
{
	return row->heard_ms > row->gap_from_ms;
}

static void count_line(struct round *round, const struct contact_row *row)
{
	int64_t late_ms, since_ms;

	if (contact_of(round, row, &since_ms) == CONTACT_FRESH)
		return;
	late_ms = is_kept(row) && !is_back(row) ? row->late_ms : silence_late_ms(round->rule, counted_from(round, row));
	round->fallen += late_ms > round->now_ms - silence_at_once_ms(round->rule);
}

/* Q3. */
static int judge_mass(struct round *round, bool *ret_is, struct err *err)
{
	int64_t hours[SILENCE_WEEKS];
	int weeks = contact_hours(round->txn, round->now_ms / HOUR_MS, hours, err);

	if (weeks < 0)
		return -1;
	*ret_is = silence_is_mass(round->rule, round->fallen, round->fresh, silence_expected(round->rule, hours, weeks));
	return 0;
}

static void tell_mass(const struct round *round)
{
	if (round->mass.is_own)
		log_error("%" PRId64 " agents fell silent at once while the collector finds a fault in itself: no ticket is opened "
			  "for silence", round->fallen);
	else
		log_warning("%" PRId64 " agents fell silent at once: no client's ticket is opened for it until most are back",
			    round->fallen);
}

/* A mass of the collector's own making begins only while there is a fault, another only while there is none. */
static int find_mass(struct round *round, struct err *err)
{
	bool was_active = silence_guard_is_active(&round->mass);
	bool is_mass;

	if (judge_mass(round, &is_mass, err) < 0)
		return -1;
	if (!is_mass)
		return contact_hour_add(round->txn, round->now_ms / HOUR_MS, round->self.faults ? 0 : round->newly_late, err);
	silence_mass_extend(round->rule, &round->mass, round->self.faults, round->now_ms);
	if (!was_active) {
		tell_mass(round);
		note_change(round, round->mass.from_ms);
	}
	return silence_mass_put(round->txn, &round->mass, err);
}

static int end_own_mass(struct round *round, struct err *err)
{
	if (!silence_guard_is_active(&round->mass) || !round->mass.is_own)
		return 0;
	round->mass.ended_ms = round->now_ms;
	note_change(round, round->now_ms);
	return silence_mass_put(round->txn, &round->mass, err);
}

static int count_mass(struct round *round, struct err *err)
{
	if (!silence_guard_is_active(&round->mass))
		return 0;
	silence_mass_count(round->rule, &round->mass, round->left, round->now_ms);
	if (!silence_guard_is_active(&round->mass)) {
		log_info("most of the agents that fell silent at once are back");
		note_change(round, round->now_ms);
	}
	return silence_mass_put(round->txn, &round->mass, err);
}

static json_t *describe_opening(const struct episode *episode)
{
	const struct silence_rule *rule = episode->round->rule;

	return json_pack("{s:{s:I}, s:[], s:{s:I}}", "rule", "silent_span_ms", (json_int_t)rule->ticket_after_ms, "measurements",
			 "contact", "last_report_ms", (json_int_t)episode->row->gap_from_ms);
}

/* The larger part of the gap, and how long that was. */
static json_t *describe_proof(const struct episode *episode)
{
	return json_pack("{s:[], s:{s:I, s:I, s:s, s:I}}", "measurements", "contact",
			 "last_report_ms", (json_int_t)episode->row->gap_from_ms, "returned_ms", (json_int_t)episode->row->returned_ms,
			 "cause", absence_names[episode->why], "cause_span_ms", (json_int_t)episode->why_ms);
}

static int make_evidence(void *arg, struct txn *txn, const struct move *move, json_t **ret_evidence, struct err *err)
{
	(void)txn;
	(void)err;
	*ret_evidence = move->what == MOVE_PROVE ? describe_proof(arg) : describe_opening(arg);
	return 0;
}

static int follow_line(struct episode *episode, const struct move *move, int64_t since_ms, struct err *err)
{
	const struct round *round = episode->round;
	const struct decision_rule *rule = &round->options->config->decision;
	struct line line;
	struct follow follow = {
		.line = &line, .defect = DEFECT_NO_CONTACT, .moves = move, .count = move != NULL, .since_ms = since_ms,
		.now_ms = round->now_ms, .chronic_reopens = rule->chronic_reopens, .chronic_within_ms = rule->chronic_within_ms,
		.withdrawn = "its agent was watching all the while: only its reports did not come through",
		.evidence = make_evidence, .arg = episode,
	};

	if (line_get(round->txn, episode->row->line, &line, err) < 0 || tickets_follow(round->txn, &follow, err) < 0)
		return err_wrap(err, "line %s", episode->row->line);
	return 0;
}

/* D7: is the last proof so recent that the same ticket opens again? */
static int was_proven(struct round *round, const struct line *line, int64_t due_ms, bool *ret_was, struct err *err)
{
	int64_t from_ms = due_ms - round->options->config->decision.reopen_within_ms;
	struct move *moves;
	size_t count;

	if (moves_from(round->txn, line, DEFECT_NO_CONTACT, from_ms, &moves, &count, err) < 0)
		return -1;
	*ret_was = count && moves[count - 1].what == MOVE_PROVE;
	free(moves);
	return 0;
}

static int open_ticket(struct round *round, const struct line *line, struct contact_row *row, int64_t due_ms, struct err *err)
{
	struct episode episode = { .round = round, .row = row };
	struct move move = { .at_ms = due_ms, .from_ms = row->gap_from_ms, .defect = DEFECT_NO_CONTACT, .what = MOVE_OPEN };
	bool again;

	if (was_proven(round, line, due_ms, &again, err) < 0)
		return -1;
	if (again)
		move.what = MOVE_REOPEN;
	row->opened_ms = due_ms;
	if (follow_line(&episode, &move, due_ms, err) < 0)
		return -1;
	return contact_put(round->txn, row, err);
}

/* Q2: the line's hour begins when planned work above it is over. */
static int end_of_maintenance(struct round *round, const struct line *line, int64_t from_ms, int64_t *ret_ms, struct err *err)
{
	struct exemption *list;
	size_t count;

	if (exemptions_of_line(round->txn, line, from_ms, &list, &count, err) < 0)
		return -1;
	*ret_ms = from_ms;
	for (size_t i = 0; i < count; i++)
		if (list[i].why == EXEMPT_MAINTENANCE && list[i].from_ms <= round->now_ms && list[i].to_ms > *ret_ms)
			*ret_ms = list[i].to_ms;
	free(list);
	return 0;
}

/* Q2. */
static int consider_ticket(struct round *round, struct contact_row *row, struct err *err)
{
	int64_t from_ms = counted_from(round, row), due_ms;
	struct line line;

	if (!row->always_on || row->opened_ms != JSON_ABSENT || silence_guard_is_active(&round->mass))
		return 0;
	if (round->mass.ended_ms > from_ms)
		from_ms = round->mass.ended_ms;
	if (silence_ticket_due(round->rule, from_ms, round->now_ms) == JSON_ABSENT)
		return 0;
	if (line_get(round->txn, row->line, &line, err) < 0 || end_of_maintenance(round, &line, from_ms, &from_ms, err) < 0)
		return -1;
	due_ms = silence_ticket_due(round->rule, from_ms, round->now_ms);
	return due_ms == JSON_ABSENT ? 0 : open_ticket(round, &line, row, due_ms, err);
}

/* Who fell silent in a mass is remembered; others are forgotten. */
static int forget_line(struct round *round, struct contact_row *row, int64_t returned_ms, struct err *err)
{
	bool in_mass = silence_guard_is_active(&round->mass) || round->mass.ended_ms >= row->late_ms;

	if (silence_mass_has(&round->mass, row->late_ms))
		note_change(round, round->now_ms);
	if (in_mass && row->silent_ms != JSON_ABSENT && contact_gap_put(round->txn, row, returned_ms, err) < 0)
		return -1;
	row->late_ms = JSON_ABSENT;
	return contact_drop(round->txn, row->line_number, err);
}

static int settle_ticket(struct round *round, struct contact_row *row, const struct absence_fact *facts, size_t count,
			 struct err *err)
{
	struct episode episode = { .round = round, .row = row };
	/* A report may have come in while the ticket was opened. */
	const struct move move = {
		.at_ms = row->returned_ms > row->opened_ms ? row->returned_ms : row->opened_ms + 1, .from_ms = row->gap_from_ms,
		.defect = DEFECT_NO_CONTACT, .what = MOVE_PROVE,
	};
	int rc;

	episode.why = absence_explain(facts, count, row->gap_from_ms, row->returned_ms, &episode.why_ms);
	if (episode.why == ABSENCE_REPORT)
		rc = follow_line(&episode, NULL, row->opened_ms, err);
	else
		rc = follow_line(&episode, &move, row->opened_ms + 1, err);
	return rc < 0 ? -1 : forget_line(round, row, row->returned_ms, err);
}

/* Q2: its journal says what had happened, once it arrived up to here; it is not waited for longer than agents take to become
 * silent, nor when this one is late again. */
static int consider_return(struct round *round, struct contact_row *row, bool is_fresh, struct err *err)
{
	int64_t wait_ms = round->rule->silent_reports * round->rule->report_ms, newest_ms;
	struct absence_fact *facts;
	struct line line;
	size_t count;
	int rc = 0;

	if (row->returned_ms == JSON_ABSENT) {
		row->returned_ms = row->heard_ms;
		if (contact_put(round->txn, row, err) < 0)
			return -1;
	}
	if (line_get(round->txn, row->line, &line, err) < 0 ||
	    absence_facts(round->txn, &line, row->gap_from_ms, row->returned_ms, &facts, &count, &newest_ms, err) < 0)
		return -1;
	if (!is_fresh || newest_ms >= row->returned_ms || round->now_ms >= row->returned_ms + wait_ms)
		rc = settle_ticket(round, row, facts, count, err);
	free(facts);
	return rc;
}

static int note_silence(struct round *round, struct contact_row *row, enum contact contact, int64_t since_ms, struct err *err)
{
	bool is_new = !is_kept(row), is_silent = contact == CONTACT_SILENT;

	if (!is_new && (row->silent_ms != JSON_ABSENT || !is_silent))
		return 0;
	if (is_new) {
		row->late_ms = silence_late_ms(round->rule, counted_from(round, row));
		row->gap_from_ms = row->heard_ms;
		row->silent_ms = row->opened_ms = row->returned_ms = JSON_ABSENT;
		round->newly_late++;
	}
	if (is_silent) {
		row->silent_ms = since_ms;
		if (silence_guard_is_active(&round->mass))
			note_change(round, since_ms);
	}
	return contact_put(round->txn, row, err);
}

static int step_line(struct round *round, struct contact_row *row, struct err *err)
{
	int64_t since_ms;
	enum contact contact = contact_of(round, row, &since_ms);

	if (is_kept(row) && is_back(row)) {
		if (row->opened_ms != JSON_ABSENT ? consider_return(round, row, contact == CONTACT_FRESH, err) < 0 :
						    forget_line(round, row, row->heard_ms, err) < 0)
			return -1;
	}
	if (contact == CONTACT_FRESH)
		return 0;
	return note_silence(round, row, contact, since_ms, err);
}

static int step_lines(struct round *round, struct err *err)
{
	for (size_t i = 0; i < round->count; i++)
		if (step_line(round, &round->rows[i], err) < 0)
			return -1;
	return 0;
}

static void count_left(struct round *round)
{
	for (size_t i = 0; i < round->count; i++)
		round->left += is_kept(&round->rows[i]) && !is_back(&round->rows[i]) &&
			       silence_mass_has(&round->mass, round->rows[i].late_ms);
}

static int open_tickets(struct round *round, struct err *err)
{
	for (size_t i = 0; i < round->count; i++)
		if (is_kept(&round->rows[i]) && round->rows[i].silent_ms != JSON_ABSENT &&
		    consider_ticket(round, &round->rows[i], err) < 0)
			return -1;
	return 0;
}

/* While the collector has a fault nothing is concluded but that it is its own. */
static int judge(struct round *round, struct err *err)
{
	for (size_t i = 0; i < round->count; i++)
		count_line(round, &round->rows[i]);
	if (round->self.faults)
		return silence_guard_is_active(&round->mass) ? 0 : find_mass(round, err);
	if (step_lines(round, err) < 0 || find_mass(round, err) < 0)
		return -1;
	count_left(round);
	return count_mass(round, err) < 0 ? -1 : open_tickets(round, err);
}

static int read_lines(struct round *round, struct err *err)
{
	int64_t since_ms = round->now_ms - silence_late_ms(round->rule, 0);

	if (contacts_count_heard(round->txn, since_ms, &round->fresh, err) < 0)
		return -1;
	return contacts_read(round->txn, since_ms, &round->rows, &round->count, err);
}

static bool is_held(const struct round *round)
{
	return round->self.looked_ms == JSON_ABSENT || silence_is_held(round->rule, round->self.listening_ms, round->now_ms);
}

int contact_round(struct txn *txn, void *arg, struct err *err)
{
	const struct contact_options *options = arg;
	struct round round = {
		.options = options, .rule = &options->config->silence, .txn = txn, .self = options->self(options->self_arg),
		.now_ms = clock_now(&options->clock).realtime_ms, .mass = silence_mass_none, .changed_from_ms = INT64_MAX,
	};
	int rc = -1;

	if (silence_mass_newest(txn, &round.mass, err) < 0)
		return -1;
	if (round.self.looked_ms != JSON_ABSENT && !round.self.faults && end_own_mass(&round, err) < 0)
		return -1;
	if (!is_held(&round) && (read_lines(&round, err) < 0 || judge(&round, err) < 0))
		goto out;
	if (options->changed && round.changed_from_ms != INT64_MAX && options->changed(txn, round.changed_from_ms, err) < 0)
		goto out;
	rc = 0;
out:
	free(round.rows);
	return rc;
}

void contact_describe(json_t *agent, const struct silence_rule *rule, int64_t now_ms)
{
	const json_t *heard_ms = json_object_get(agent, "last_report_ms");
	enum contact contact;
	int64_t since_ms;

	if (json_object_get(agent, "revoked_ms"))
		return;
	if (!heard_ms)
		heard_ms = json_object_get(agent, "enrolled_ms");
	contact = silence_contact(rule, json_integer_value(heard_ms), now_ms, &since_ms);
	json_object_set_new(agent, "contact", json_string(contact_names[contact]));
	json_object_set_new(agent, "contact_since_ms", json_integer(since_ms));
}
