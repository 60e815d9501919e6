#include "collector/derive/cells.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"

#define DAY_MS(config) ((config)->guard.base_ms / GUARD_BASE_DAYS)

struct states {
	const struct landscape *landscape;
	enum leg leg;
	enum leaf_state *states;
};

static void take_state(void *arg, int64_t line_number, enum leg leg, enum judgement judgement)
{
	struct states *states = arg;
	int place = landscape_find(states->landscape, line_number);

	if (leg != states->leg || place < 0 || judgement > JUDGED_BAD)
		return;
	if (judgement == JUDGED_BAD)
		states->states[place] = LEAF_BAD;
	else if (states->states[place] == LEAF_UNKNOWN)
		states->states[place] = LEAF_GOOD;
}

int cell_states(struct txn *txn, const struct landscape *landscape, int64_t cell_ms, int64_t length_ms, enum leg leg,
		enum leaf_state *ret_states, struct err *err)
{
	struct states states = { landscape, leg, ret_states };

	for (int i = 0; i < landscape->line_count; i++)
		ret_states[i] = LEAF_UNKNOWN;
	return guard_samples(txn, cell_ms, cell_ms + length_ms, take_state, &states, err);
}

struct lines {
	enum leg leg;
	enum judgement judgement;
	json_t *numbers;
};

static void take_line(void *arg, int64_t line_number, enum leg leg, enum judgement judgement)
{
	struct lines *lines = arg;
	size_t count = json_array_size(lines->numbers);

	if (leg != lines->leg || judgement != lines->judgement)
		return;
	if (!count || json_integer_value(json_array_get(lines->numbers, count - 1)) != line_number)
		json_array_append_new(lines->numbers, json_integer(line_number));
}

int cell_lines(struct txn *txn, int64_t cell_ms, int64_t length_ms, enum leg leg, enum judgement judgement,
	       json_t **ret_lines, struct err *err)
{
	struct lines lines = { leg, judgement, json_array() };

	if (guard_samples(txn, cell_ms, cell_ms + length_ms, take_line, &lines, err) < 0) {
		json_decref(lines.numbers);
		return -1;
	}
	*ret_lines = lines.numbers;
	return 0;
}

/* One cell while it is judged. */
struct judging {
	struct txn *txn;
	const struct collector_config *config;
	const struct landscape *landscape;
	int64_t cell_ms, length_ms;
};

/* H4. A canary that is no line of ours, or was not measured, tells nothing. */
static int ask_canary(const struct judging *judging, const char *id, enum leg leg, int64_t cell_ms, enum guard_canary *answer,
		      struct err *err)
{
	const struct guard_rule *rule = &judging->config->guard;
	int64_t *now = NULL, *history = NULL;
	int now_count, history_count;
	enum guard_canary canary;
	struct line line;

	if (line_get(judging->txn, id, &line, err) < 0)
		return err->code == ERR_NOT_FOUND ? 0 : -1;
	if (guard_figures(judging->txn, &line, leg, cell_ms, cell_ms + judging->length_ms, &now, &now_count, err) < 0)
		return -1;
	if (now_count == 0)
		return 0;
	if (guard_figures(judging->txn, &line, leg, cell_ms - rule->canary_ms, cell_ms, &history, &history_count, err) < 0) {
		free(now);
		return -1;
	}
	canary = guard_canary_of(rule, now[now_count - 1], history, history_count);
	*answer = canary > *answer ? canary : *answer;   /* one that is bad outweighs those that are fine */
	free(now);
	free(history);
	return 0;
}

static int ask_canaries(const struct judging *judging, enum leg leg, int64_t cell_ms, enum guard_canary *ret_canary,
			struct err *err)
{
	const struct served_file *files = judging->config->reference_files.items;

	*ret_canary = CANARY_UNKNOWN;
	for (size_t i = 0; i < judging->config->reference_files.count; i++)
		for (size_t n = 0; files[i].leg == (int)leg && n < files[i].canaries.count; n++)
			if (ask_canary(judging, files[i].canaries.items[n], leg, cell_ms, ret_canary, err) < 0)
				return -1;
	return 0;
}

/* A leg in the cell: what decides about it, and what else it shows. */
struct leg_view {
	struct guard_leg leg;
	int64_t bad;
	bool is_content;
	bool is_suspect;   /* H4: a canary of this cell or one beside it is bad */
};

static int look_at_leg(const struct judging *judging, enum leg leg, struct leg_view *ret_view, struct err *err)
{
	const struct guard_rule *rule = &judging->config->guard;
	int64_t day_ms = judging->cell_ms - judging->cell_ms % DAY_MS(judging->config);
	struct guard_count *branches;
	struct guard_cell cell = { 0 };
	enum guard_canary beside;

	if (guard_counts(judging->txn, leg, judging->cell_ms, &branches, &cell.branch_count, err) < 0)
		return -1;
	cell.branches = branches;
	if (guard_base(judging->txn, leg, day_ms - GUARD_BASE_DAYS * DAY_MS(judging->config), day_ms, &cell.base, &cell.has_base,
		       err) < 0 || ask_canaries(judging, leg, judging->cell_ms, &ret_view->leg.canary, err) < 0) {
		free(branches);
		return -1;
	}
	ret_view->leg.spread = guard_spread_of(rule, &cell);
	ret_view->is_content = guard_is_content(&cell);
	ret_view->is_suspect = ret_view->leg.canary == CANARY_BAD;
	if (guard_is_busy(rule, &cell))
		ret_view->leg.canary = CANARY_BAD;
	ret_view->bad = 0;
	for (int i = 0; i < cell.branch_count; i++)
		ret_view->bad += branches[i].bad;
	free(branches);
	for (int side = -1; side <= 1 && !ret_view->is_suspect; side += 2) {
		if (ask_canaries(judging, leg, judging->cell_ms + side * judging->length_ms, &beside, err) < 0)
			return -1;
		ret_view->is_suspect = beside == CANARY_BAD;
	}
	return 0;
}

/* Section 12 on what the lines showed in this very cell: states that last longer depend on what is decided here. */
static int ask_localiser(const struct judging *judging, bool *ret_is_core, struct err *err)
{
	enum leaf_state *states = xcalloc((size_t)judging->landscape->line_count + 1, sizeof *states);
	json_t *blames, *blame;
	size_t i;

	*ret_is_core = false;
	if (cell_states(judging->txn, judging->landscape, judging->cell_ms, judging->length_ms, LEG_LOCAL, states, err) < 0) {
		free(states);
		return -1;
	}
	blames = landscape_blames(judging->landscape, states, false, "slow");
	json_array_foreach(blames, i, blame)
		*ret_is_core = *ret_is_core || !strcmp(json_string_value(json_object_get(blame, "kind")), "core");
	json_decref(blames);
	free(states);
	return 0;
}

/* R5, of what the agents showed in this cell. */
static int ask_upstream(const struct judging *judging, bool *ret_is_upstream, struct err *err)
{
	const struct landscape *landscape = judging->landscape;
	enum leaf_state *local = xcalloc(2 * (size_t)landscape->line_count + 1, sizeof *local);
	enum leaf_state *hub = local + landscape->line_count;
	struct agent_legs *agents = xcalloc((size_t)landscape->line_count + 1, sizeof *agents);
	int count = 0, rc = -1;

	if (cell_states(judging->txn, landscape, judging->cell_ms, judging->length_ms, LEG_LOCAL, local, err) < 0 ||
	    cell_states(judging->txn, landscape, judging->cell_ms, judging->length_ms, LEG_HUB, hub, err) < 0)
		goto out;
	for (int i = 0; i < landscape->line_count; i++)
		if (landscape->lines[i].node != NETWORK_NONE)
			agents[count++] = (struct agent_legs){ landscape->lines[i].node, local[i], hub[i] };
	*ret_is_upstream = localise_is_upstream(&landscape->network, agents, count);
	rc = 0;
out:
	free(local);
	free(agents);
	return rc;
}

static int judge(const struct judging *judging, struct guard_verdict *verdict, struct err *err)
{
	struct leg_view views[LEG_COUNT];
	struct guard_leg legs[LEG_COUNT];
	bool holds = false;

	for (int leg = 0; leg < LEG_COUNT; leg++) {
		if (look_at_leg(judging, (enum leg)leg, &views[leg], err) < 0)
			return -1;
		legs[leg] = views[leg].leg;
	}
	if (legs[LEG_LOCAL].spread != SPREAD_MANY && legs[LEG_HUB].spread == SPREAD_FEW &&
	    views[LEG_HUB].bad >= judging->config->guard.bad_min && ask_upstream(judging, &holds, err) < 0)
		return -1;
	if (holds)
		legs[LEG_HUB].spread = SPREAD_MANY;
	verdict->result = guard_decide(legs);
	if (verdict->result == GUARD_NETWORK && ask_localiser(judging, &holds, err) < 0)
		return -1;
	if (verdict->result == GUARD_NETWORK && holds)
		verdict->result = GUARD_CORE;
	for (int leg = 0; leg < LEG_COUNT; leg++) {
		verdict->exempt[leg] = views[leg].is_suspect || guard_exempts((enum guard_result)verdict->result, (enum leg)leg,
									     legs[leg].spread == SPREAD_MANY);
		verdict->content[leg] = views[leg].is_content;
	}
	return 0;
}

int cells_judge(struct txn *txn, const struct collector_config *config, const struct landscape *landscape, int64_t first_ms,
		int count, struct guard_verdict *ret_verdicts, struct err *err)
{
	struct judging judging = { txn, config, landscape, first_ms, collector_config_cell_ms(config) };

	for (int i = 0; i < count; i++, judging.cell_ms += judging.length_ms) {
		ret_verdicts[i] = (struct guard_verdict){ .cell_ms = judging.cell_ms };
		if (judge(&judging, &ret_verdicts[i], err) < 0)
			return -1;
	}
	return 0;
}
