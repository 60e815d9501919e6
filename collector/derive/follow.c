/* The happy path: the defect's moves changed; all of them are cut into episodes, each episode finds its ticket, and each
 * ticket is stepped through what happened to it in event time: moves, what people said of the defect, who accepted it. A
 * ticket is what comes out of that, so it does not matter which of it was learnt first; the chain gets an entry for each move
 * that it has not told of yet.
 *
 * What can fail: only the store. The database refuses a second unclosed ticket; an episode begins only after the one before was
 * closed by a person, so there is none. */
#include "collector/derive/follow.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/measurement.h"
#include "agent/base/mem.h"
#include "collector/store/derived.h"
#include "collector/store/tickets.h"

#define PLUMBLINE "plumbline"   /* holds what nobody has accepted yet */

/* A defect from its opening until a person closed it for good. */
struct episode {
	const struct move *moves;
	size_t count;
	int64_t until_ms;         /* the next one begins; INT64_MAX */
	struct ticket *ticket;    /* that it had, or of a withdrawn one that it takes up again; NULL: it gets a new one */
};

struct history {
	const struct follow *follow;
	struct txn *txn;
	struct move *old_moves, *moves;   /* all of them, as they were and as they are */
	size_t old_count, count;
	struct mark *marks;
	size_t mark_count;
	struct episode *episodes;
	size_t episode_count;
	struct ticket *tickets;
	size_t ticket_count;
	bool *taken;                      /* which of them have an episode */
};

/* What a person did with one ticket. */
struct act {
	int64_t at_ms;
	bool is_fix;              /* else an acceptance */
	char by[ID_SIZE];
};

/* One ticket while it is stepped through its episode. */
struct walk {
	const struct history *history;
	const struct episode *episode;
	struct ticket ticket;
	bool is_new;              /* or withdrawn: its chain tells of none of the moves */
	struct act *acts;         /* in the order of the chain */
	size_t act_count;
	int64_t noted_ms;         /* when the collector learnt of the last opening */
	const char *fixer;        /* who last said that it was repaired; NULL */
	const char *note;         /* what the entry of the last move says besides; NULL */
};

enum step_kind { STEP_ACT, STEP_MARK, STEP_MOVE };

/* Something that happened to a ticket: its kind's place-th. */
struct step {
	int64_t at_ms;
	enum step_kind kind;
	size_t place;
};

static const int leg_of[DEFECT_COUNT] = {
	[DEFECT_SLOW_LOCAL] = LEG_LOCAL,    [DEFECT_SLOW_HUB] = LEG_HUB,     [DEFECT_UNRELIABLE] = JSON_ABSENT,
	[DEFECT_NO_CONTACT] = JSON_ABSENT,  [DEFECT_ALTERED] = JSON_ABSENT,
};

static bool has_act(const struct move *moves, size_t count, const struct move *move)
{
	for (size_t i = 0; i < count; i++)
		if (moves[i].at_ms == move->at_ms && moves[i].what == move->what)
			return true;
	return false;
}

/* Did a person close it after one opening and before the next? */
static bool closed_between(const struct history *history, int64_t opened_ms, int64_t again_ms)
{
	for (size_t i = 0; i < history->mark_count; i++) {
		const struct mark *mark = &history->marks[i];

		if (mark->defect == history->follow->defect && mark->kind == MARK_CLOSED && mark->at_ms > opened_ms &&
		    mark->at_ms <= again_ms)
			return true;
	}
	return false;
}

static bool is_opening(const struct move *move)
{
	return move->what == MOVE_OPEN || move->what == MOVE_REOPEN;
}

/* What opens again while nobody has closed it is the same defect, whichever move says so. */
static void cut_into_episodes(struct history *history)
{
	struct episode *last = NULL;
	int64_t last_opened_ms = 0;

	history->episodes = xcalloc(history->count + 1, sizeof *history->episodes);
	for (size_t i = 0; i < history->count; i++) {
		const struct move *move = &history->moves[i];

		if (!last || (move->what == MOVE_OPEN && closed_between(history, last_opened_ms, move->at_ms))) {
			if (last)
				last->until_ms = move->at_ms;
			last = &history->episodes[history->episode_count++];
			*last = (struct episode){ .moves = move, .until_ms = INT64_MAX };
		}
		last->count++;
		if (is_opening(move))
			last_opened_ms = move->at_ms;
	}
}

static int64_t opened_ms(const struct episode *episode)
{
	return episode->moves[0].at_ms;
}

static int64_t ended_ms(const struct episode *episode)
{
	const struct move *last = &episode->moves[episode->count - 1];

	return last->what == MOVE_PROVE ? last->at_ms : episode->until_ms;
}

static bool has_opened_with(const struct ticket *ticket, const struct episode *episode)
{
	return ticket->state != TICKET_WITHDRAWN && ticket->opened_ms == opened_ms(episode);
}

static bool overlaps(const struct ticket *ticket, const struct episode *episode)
{
	int64_t end_ms = ticket->proven_ms != JSON_ABSENT ? ticket->proven_ms
		       : ticket->closed_ms != JSON_ABSENT ? ticket->closed_ms : INT64_MAX;

	return ticket->state != TICKET_WITHDRAWN && ticket->defect_from_ms <= ended_ms(episode) &&
	       end_ms >= episode->moves[0].from_ms;
}

static bool was_withdrawn_from(const struct ticket *ticket, const struct episode *episode)
{
	return ticket->state == TICKET_WITHDRAWN && ticket->opened_ms >= episode->moves[0].from_ms &&
	       ticket->opened_ms <= ended_ms(episode);
}

static void match(struct history *history, bool (*fits)(const struct ticket *ticket, const struct episode *episode))
{
	for (size_t e = 0; e < history->episode_count; e++) {
		struct episode *episode = &history->episodes[e];

		for (size_t t = 0; t < history->ticket_count && !episode->ticket; t++) {
			if (history->taken[t] || !fits(&history->tickets[t], episode))
				continue;
			history->taken[t] = true;
			episode->ticket = &history->tickets[t];
		}
	}
}

/* The same history gives the same names, as far as they are free. Crockford's base 32: no letter that is misheard or
 * misread for a digit. */
static void make_name(const struct ticket *ticket, int serial, char ret_id[ID_SIZE])
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	unsigned char hash[crypto_hash_sha256_BYTES];
	uint64_t bits = 0;
	char text[ID_SIZE + 64];
	int length = snprintf(text, sizeof text, "%s %s %" PRId64, ticket->line, defect_names[ticket->defect],
			      ticket->opened_ms);

	if (serial)
		length += snprintf(text + length, sizeof text - (size_t)length, " %d", serial);
	crypto_hash_sha256(hash, (const unsigned char *)text, (unsigned long long)length);
	for (int i = 0; i < 5; i++)
		bits = bits << 8 | hash[i];
	memcpy(ret_id, "T-", 2);
	for (int i = 0; i < 8; i++, bits >>= 5)
		ret_id[2 + i] = digits[bits & 31];
	ret_id[10] = '\0';
}

/* 40 bits meet by chance, and a ticket whose times changed keeps its name. */
static int name_ticket(struct txn *txn, struct ticket *ticket, struct err *err)
{
	struct ticket other;
	int serial = 0;

	do
		make_name(ticket, serial++, ticket->id);
	while (ticket_get(txn, ticket->id, &other, err) == 0);
	return err->code == ERR_NOT_FOUND ? 0 : -1;
}

static void read_act(const json_t *entry, struct walk *walk)
{
	const char *action = json_string_value(json_object_get(entry, "action"));
	bool is_fix = !strcmp(action, "fixed");
	struct act *act = &walk->acts[walk->act_count];

	if (!strcmp(action, "opened") || !strcmp(action, "reopened"))
		walk->noted_ms = json_integer_value(json_object_get(json_object_get(entry, "details"), "noted_ms"));
	if (!is_fix && strcmp(action, "accepted"))
		return;
	act->at_ms = json_integer_value(json_object_get(entry, "at_ms"));
	act->is_fix = is_fix;
	text_copy(act->by, sizeof act->by, json_string_value(json_object_get(entry, "by")));
	walk->act_count++;
}

/* Of its chain, what people did with the ticket. */
static int read_acts(struct txn *txn, struct walk *walk, struct err *err)
{
	json_t *shown, *custody, *entry;
	size_t i;

	if (ticket_show(txn, walk->ticket.id, &shown, err) < 0)
		return -1;
	custody = json_object_get(shown, "custody");
	walk->acts = xcalloc(json_array_size(custody) + 1, sizeof *walk->acts);
	json_array_foreach(custody, i, entry)
		read_act(entry, walk);
	json_decref(shown);
	return 0;
}

static bool is_open(const struct ticket *ticket)
{
	return ticket->state == TICKET_OPEN || ticket->state == TICKET_ACCEPTED || ticket->state == TICKET_RETURNED;
}

static void hold(struct ticket *ticket, const char *holder)
{
	text_copy(ticket->holder, sizeof ticket->holder, holder);
}

static void apply_act(struct walk *walk, size_t place)
{
	const struct act *act = &walk->acts[place];

	if (act->is_fix) {
		walk->fixer = act->by;
		return;
	}
	hold(&walk->ticket, act->by);
	if (is_open(&walk->ticket))
		walk->ticket.state = TICKET_ACCEPTED;
}

static void apply_mark(struct walk *walk, size_t place)
{
	const struct mark *mark = &walk->history->marks[place];
	struct ticket *ticket = &walk->ticket;

	if (mark->kind == MARK_FIXED && is_open(ticket)) {
		ticket->state = TICKET_FIXED;
		ticket->fixed_ms = mark->at_ms;
	} else if (mark->kind == MARK_CLOSED && ticket->state != TICKET_CLOSED) {
		ticket->unverified = ticket->state != TICKET_PROVEN;   /* D6 */
		ticket->state = TICKET_CLOSED;
		ticket->closed_ms = mark->at_ms;
	}
}

/* D7: so many re-openings, this one included, within two weeks. */
static bool is_chronic(const struct follow *follow, const struct move *opening, const struct move *move)
{
	int64_t reopens = 1;

	for (const struct move *m = opening + 1; m < move; m++)
		reopens += is_opening(m) && m->at_ms >= move->at_ms - follow->chronic_within_ms;
	return reopens >= follow->chronic_reopens;
}

static void open_ticket(struct walk *walk, const struct move *move)
{
	struct ticket *ticket = &walk->ticket;

	ticket->state = TICKET_OPEN;
	hold(ticket, PLUMBLINE);
	ticket->fixed_ms = ticket->proven_ms = ticket->closed_ms = JSON_ABSENT;
	ticket->unverified = false;
	if (move == walk->episode->moves)
		return;
	ticket->reopened_ms = move->at_ms;
	ticket->reopen_count++;
	ticket->chronic = ticket->chronic || is_chronic(walk->history->follow, walk->episode->moves, move);
}

static void prove_ticket(struct walk *walk, const struct move *move)
{
	walk->note = walk->ticket.state == TICKET_FIXED ? NULL : "recovered with no repair reported";
	walk->ticket.state = TICKET_PROVEN;
	walk->ticket.proven_ms = move->at_ms;
}

static void return_ticket(struct walk *walk, const struct move *move)
{
	(void)move;
	walk->note = "still bad after the repair was reported";
	walk->ticket.state = TICKET_RETURNED;
	if (walk->fixer)
		hold(&walk->ticket, walk->fixer);
}

/* What a person has closed is proven or returned no more. */
static void apply_move(struct walk *walk, size_t place)
{
	static void (*const apply[])(struct walk *walk, const struct move *move) = {
		[MOVE_OPEN] = open_ticket,   [MOVE_REOPEN] = open_ticket,
		[MOVE_PROVE] = prove_ticket, [MOVE_RETURN] = return_ticket,
	};
	const struct move *move = &walk->episode->moves[place];

	walk->note = NULL;
	if (is_opening(move) || walk->ticket.state != TICKET_CLOSED)
		apply[move->what](walk, move);
}

/* The ticket as it was before its episode began; its name stays. */
static void rewind_ticket(struct walk *walk)
{
	const struct follow *follow = walk->history->follow;
	struct ticket ticket = {
		.line_number = follow->line->number,
		.defect = (int)follow->defect,
		.leg = leg_of[follow->defect],
		.holder = PLUMBLINE,
		.opened_ms = opened_ms(walk->episode),
		.defect_from_ms = walk->episode->moves[0].from_ms,
		.fixed_ms = JSON_ABSENT, .proven_ms = JSON_ABSENT, .closed_ms = JSON_ABSENT, .reopened_ms = JSON_ABSENT,
	};

	text_copy(ticket.id, sizeof ticket.id, walk->ticket.id);
	text_copy(ticket.client, sizeof ticket.client, follow->line->client);
	text_copy(ticket.line, sizeof ticket.line, follow->line->id);
	walk->ticket = ticket;
	walk->fixer = NULL;
}

static int compare_steps(const void *a, const void *b)
{
	const struct step *x = a, *y = b;

	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

/* Everything that happened to the ticket, oldest first; of equal times acts, then marks, then moves. What a person did before
 * an opening that was moved to a later time comes after it. */
static size_t line_up(const struct walk *walk, struct step **ret_steps)
{
	const struct history *history = walk->history;
	const struct episode *episode = walk->episode;
	struct step *steps = xcalloc(walk->act_count + history->mark_count + episode->count, sizeof *steps);
	size_t count = 0;

	for (size_t i = 0; i < episode->count; i++)
		steps[count++] = (struct step){ episode->moves[i].at_ms, STEP_MOVE, i };
	for (size_t i = 0; i < walk->act_count; i++)
		if (walk->acts[i].at_ms > opened_ms(episode))
			steps[count++] = (struct step){ walk->acts[i].at_ms, STEP_ACT, i };
		else
			steps[count++] = (struct step){ opened_ms(episode) + 1, STEP_ACT, i };
	for (size_t i = 0; i < history->mark_count; i++)
		if (history->marks[i].defect == history->follow->defect && history->marks[i].at_ms > opened_ms(episode) &&
		    history->marks[i].at_ms <= episode->until_ms)
			steps[count++] = (struct step){ history->marks[i].at_ms, STEP_MARK, i };
	qsort(steps, count, sizeof *steps, compare_steps);
	*ret_steps = steps;
	return count;
}

/* tell, where there is one, is called after each move. */
static int step_through(struct walk *walk, int (*tell)(struct walk *walk, const struct move *move, struct err *err),
			struct err *err)
{
	static void (*const apply[])(struct walk *walk, size_t place) = {
		[STEP_ACT] = apply_act, [STEP_MARK] = apply_mark, [STEP_MOVE] = apply_move,
	};
	struct step *steps;
	size_t count = line_up(walk, &steps);
	int rc = 0;

	rewind_ticket(walk);
	for (size_t i = 0; i < count && rc == 0; i++) {
		apply[steps[i].kind](walk, steps[i].place);
		if (tell && steps[i].kind == STEP_MOVE)
			rc = tell(walk, &walk->episode->moves[steps[i].place], err);
	}
	free(steps);
	return rc;
}

/* An entry of the ticket's chain. noted_ms says when the collector learnt of it. */
static int add_entry(struct walk *walk, const char *action, int64_t at_ms, const char *note, struct err *err)
{
	json_t *details = json_pack("{s:I}", "noted_ms", (json_int_t)walk->history->follow->now_ms);
	const struct ticket_move entry = {
		.action = action, .by = PLUMBLINE, .at_ms = at_ms, .note = note, .details = details,
	};
	int rc = ticket_add_move(walk->history->txn, &walk->ticket, &entry, err);

	json_decref(details);
	return rc;
}

static const char *action_of(const struct walk *walk, const struct move *move)
{
	if (is_opening(move))
		return move == walk->episode->moves ? "opened" : "reopened";
	return move->what == MOVE_PROVE ? "proven" : "returned";
}

static bool is_told(const struct walk *walk, const struct move *move)
{
	return !walk->is_new && has_act(walk->history->old_moves, walk->history->old_count, move);
}

static int make_evidence(const struct walk *walk, const struct move *move, json_t **ret_evidence, struct err *err)
{
	const struct follow *follow = walk->history->follow;

	return follow->evidence(follow->arg, walk->history->txn, move, ret_evidence, err);
}

static int add_evidence(struct walk *walk, const struct move *move, struct err *err)
{
	json_t *evidence;
	int rc;

	if (make_evidence(walk, move, &evidence, err) < 0)
		return -1;
	json_object_set_new(evidence, "at_ms", json_integer(move->at_ms));
	json_object_set_new(evidence, "what", json_string(action_of(walk, move)));
	rc = ticket_add_evidence(walk->history->txn, &walk->ticket, evidence, err);
	json_decref(evidence);
	return rc;
}

/* The evidence of a new ticket's opening came with it. */
static int tell_move(struct walk *walk, const struct move *move, struct err *err)
{
	bool came_with_it = !walk->episode->ticket && move == walk->episode->moves;

	if (is_told(walk, move))
		return 0;
	if (!came_with_it && add_evidence(walk, move, err) < 0)
		return -1;
	return add_entry(walk, action_of(walk, move), move->at_ms, walk->note, err);
}

/* Something that the ticket's chain told of did not happen after all. */
static bool is_revised(const struct walk *walk)
{
	const struct history *history = walk->history;
	const struct ticket *ticket = walk->episode->ticket;
	int64_t until_ms = INT64_MAX;

	for (size_t i = 0; i < history->ticket_count; i++)
		if (history->tickets[i].state != TICKET_WITHDRAWN && history->tickets[i].opened_ms > ticket->opened_ms &&
		    history->tickets[i].opened_ms < until_ms)
			until_ms = history->tickets[i].opened_ms;
	for (size_t i = 0; i < history->old_count; i++)
		if (history->old_moves[i].at_ms >= ticket->opened_ms && history->old_moves[i].at_ms < until_ms &&
		    !has_act(history->moves, history->count, &history->old_moves[i]))
			return true;
	return false;
}

static int insert_ticket(struct walk *walk, struct err *err)
{
	json_t *evidence;
	int rc;

	if (name_ticket(walk->history->txn, &walk->ticket, err) < 0 ||
	    make_evidence(walk, walk->episode->moves, &evidence, err) < 0)
		return -1;
	rc = ticket_insert(walk->history->txn, &walk->ticket, evidence, err);
	json_decref(evidence);
	return rc;
}

static int write_ticket(struct walk *walk, struct err *err)
{
	if (!walk->episode->ticket)
		return insert_ticket(walk, err);
	if (!walk->is_new && is_revised(walk) &&
	    add_entry(walk, "revised", walk->history->follow->now_ms, "a late report changed what is known", err) < 0)
		return -1;
	return ticket_update(walk->history->txn, &walk->ticket, err);
}

/* Steps twice: first to what the ticket comes to, which is what the database may see of it, then to tell the chain. */
static int settle_episode(const struct history *history, const struct episode *episode, struct err *err)
{
	struct walk walk = { .history = history, .episode = episode, .noted_ms = history->follow->now_ms };
	int rc = -1;

	walk.is_new = !episode->ticket || episode->ticket->state == TICKET_WITHDRAWN;
	if (episode->ticket) {
		text_copy(walk.ticket.id, sizeof walk.ticket.id, episode->ticket->id);
		if (read_acts(history->txn, &walk, err) < 0)
			goto out;
	}
	for (size_t i = 0; i < episode->count; i++)
		if (is_opening(&episode->moves[i]) && !is_told(&walk, &episode->moves[i]))
			walk.noted_ms = history->follow->now_ms;
	if (step_through(&walk, NULL, err) < 0)
		goto out;
	walk.ticket.retrospective = walk.ticket.proven_ms != JSON_ABSENT && walk.ticket.proven_ms < walk.noted_ms;
	if (write_ticket(&walk, err) < 0 || step_through(&walk, tell_move, err) < 0)
		goto out;
	rc = 0;
out:
	free(walk.acts);
	return rc;
}

static int withdraw_ticket(const struct history *history, struct ticket *ticket, struct err *err)
{
	struct walk walk = { .history = history, .ticket = *ticket };

	walk.ticket.state = TICKET_WITHDRAWN;
	if (ticket_update(history->txn, &walk.ticket, err) < 0)
		return -1;
	return add_entry(&walk, "withdrawn", history->follow->now_ms, history->follow->withdrawn, err);
}

/* Withdrawn ones first: they make room for others. */
static int settle(const struct history *history, struct err *err)
{
	for (size_t i = 0; i < history->ticket_count; i++)
		if (!history->taken[i] && history->tickets[i].state != TICKET_WITHDRAWN &&
		    withdraw_ticket(history, &history->tickets[i], err) < 0)
			return -1;
	for (size_t i = 0; i < history->episode_count; i++) {
		const struct episode *episode = &history->episodes[i];

		if ((!episode->ticket || episode->until_ms >= history->follow->since_ms) &&
		    settle_episode(history, episode, err) < 0)
			return -1;
	}
	return 0;
}

/* What stands, then what is new. */
static void join_moves(struct history *history)
{
	const struct follow *follow = history->follow;

	history->moves = xcalloc(history->old_count + follow->count + 1, sizeof *history->moves);
	while (history->count < history->old_count && history->old_moves[history->count].at_ms < follow->since_ms) {
		history->moves[history->count] = history->old_moves[history->count];
		history->count++;
	}
	for (size_t i = 0; i < follow->count; i++)
		history->moves[history->count++] = follow->moves[i];
}

static int follow_history(struct history *history, struct err *err)
{
	const struct follow *follow = history->follow;

	if (moves_from(history->txn, follow->line, follow->defect, INT64_MIN, &history->old_moves, &history->old_count, err) < 0 ||
	    marks_of_line(history->txn, follow->line, INT64_MIN, &history->marks, &history->mark_count, err) < 0 ||
	    tickets_of_defect(history->txn, follow->line, follow->defect, &history->tickets, &history->ticket_count, err) < 0 ||
	    moves_replace(history->txn, follow->line, follow->defect, follow->since_ms, follow->moves, follow->count, err) < 0)
		return -1;
	join_moves(history);
	cut_into_episodes(history);
	history->taken = xcalloc(history->ticket_count + 1, sizeof *history->taken);
	match(history, has_opened_with);
	match(history, overlaps);
	match(history, was_withdrawn_from);
	return settle(history, err);
}

int tickets_follow(struct txn *txn, const struct follow *follow, struct err *err)
{
	struct history history = { .follow = follow, .txn = txn };
	int rc = 0;

	if (follow->count == 0 && moves_from(txn, follow->line, follow->defect, follow->since_ms, &history.old_moves,
					     &history.old_count, err) < 0)
		return -1;
	if (follow->count || history.old_count) {
		free(history.old_moves);
		history.old_moves = NULL;
		history.old_count = 0;
		rc = follow_history(&history, err);
	}
	free(history.old_moves);
	free(history.moves);
	free(history.marks);
	free(history.episodes);
	free(history.tickets);
	free(history.taken);
	return rc;
}
