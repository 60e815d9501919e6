/* The same facts give the same history, whatever order they arrive in. An in-memory driver does what collector/derive/fast.h
 * describes: a head, a checkpoint a week, and everything since stepped through again for a fact that arrives late. 200 random
 * histories of 20 lines over 60 days, one probe of a leg in 6 h, so that it takes seconds; windows shorter than the defaults,
 * so that every kind of move is frequent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/unit/collector/decide/histories.h"

#define HISTORIES   200
#define LINES       20
#define CELL_MS     (6 * HISTORY_HOUR_MS)
#define CELLS       (60 * 4)
#define WEEK_MS     (7 * HISTORY_DAY_MS)
#define WEEKS       10
#define MOVES_MAX   1000
#define LEAVES_MAX  4000

struct leaf_at {
	int64_t at_ms;
	enum leg leg;
	enum leaf_state state;
};

/* What is stored of one line. */
struct store {
	const struct fact **facts;         /* in order */
	size_t count;
	struct buf head;
	struct buf checkpoints[WEEKS];
	int64_t checkpoint_ms[WEEKS];
	int checkpoint_count;
	struct move moves[MOVES_MAX];
	int move_count;
	struct leaf_at leaves[LEAVES_MAX];
	int leaf_count;
	int replays;
};

static struct line_fold *load(const struct buf *bytes)
{
	struct line_fold *fold = NULL;
	struct err err = { 0 };

	if (!bytes->length_bytes)
		return line_fold_new();
	if (line_fold_load(bytes->data, bytes->length_bytes, &fold, &err) < 0)
		fail_msg("%s", err.message);
	return fold;
}

static void save(const struct line_fold *fold, struct buf *ret_bytes)
{
	buf_clear(ret_bytes);
	line_fold_save(fold, ret_bytes);
}

/* Puts the report's facts among those that are there. Returns the time of the oldest new one; INT64_MAX without any. */
static int64_t insert(struct store *store, const struct fact *report, size_t count)
{
	int64_t from_ms = INT64_MAX;

	for (size_t i = 0; i < count; i++) {
		size_t at = store->count;

		while (at && fact_compare(store->facts[at - 1], &report[i]) > 0)
			at--;
		if (at && fact_compare(store->facts[at - 1], &report[i]) == 0)
			continue;
		memmove(&store->facts[at + 1], &store->facts[at], (store->count++ - at) * sizeof *store->facts);
		store->facts[at] = &report[i];
		if (fact_ms(&report[i]) < from_ms)
			from_ms = fact_ms(&report[i]);
	}
	return from_ms;
}

/* Forgets what was derived from from_ms on; returns the state to go on from. */
static struct line_fold *rewind_to(struct store *store, int64_t from_ms)
{
	static const struct buf nothing = { 0 };
	struct line_fold *fold;

	while (store->checkpoint_count && store->checkpoint_ms[store->checkpoint_count - 1] >= from_ms)
		store->checkpoint_count--;
	fold = load(store->checkpoint_count ? &store->checkpoints[store->checkpoint_count - 1] : &nothing);
	while (store->move_count && store->moves[store->move_count - 1].at_ms > line_fold_newest_ms(fold))
		store->move_count--;
	while (store->leaf_count && store->leaves[store->leaf_count - 1].at_ms > line_fold_newest_ms(fold))
		store->leaf_count--;
	store->replays++;
	return fold;
}

static void note_leaf(struct store *store, const struct line_fold *fold, const struct fold_rules *rules, enum leg leg,
		      int64_t at_ms)
{
	enum leaf_state state = line_fold_leaf(fold, rules, leg, at_ms), before = LEAF_UNKNOWN;

	for (int i = store->leaf_count - 1; i >= 0 && before == LEAF_UNKNOWN; i--)
		if (store->leaves[i].leg == leg) {
			before = store->leaves[i].state;
			break;
		}
	assert_true(store->leaf_count < LEAVES_MAX);
	if (state != before)
		store->leaves[store->leaf_count++] = (struct leaf_at){ at_ms, leg, state };
}

/* A copy of the state as a week ends; a later one of the same week takes its place. */
static void keep_checkpoint(struct store *store, const struct line_fold *fold, int64_t next_ms)
{
	int64_t newest_ms = line_fold_newest_ms(fold);
	int at = store->checkpoint_count;

	if (newest_ms == JSON_ABSENT || next_ms / WEEK_MS == newest_ms / WEEK_MS)
		return;
	if (at && store->checkpoint_ms[at - 1] / WEEK_MS == newest_ms / WEEK_MS)
		at--;
	assert_true(at < WEEKS);
	store->checkpoint_ms[at] = newest_ms;
	save(fold, &store->checkpoints[at]);
	store->checkpoint_count = at + 1;
}

static void step(struct store *store, struct line_fold *fold, const struct fold_rules *rules, const struct fact *fact)
{
	keep_checkpoint(store, fold, fact_ms(fact));
	assert_true(store->move_count + FOLD_MOVES_MAX < MOVES_MAX);
	store->move_count += history_step(fold, rules, fact, store->moves + store->move_count);
	for (int leg = 0; leg < LEG_COUNT; leg++)
		note_leaf(store, fold, rules, (enum leg)leg, fact_ms(fact));
}

/* What a fact or a change of the exemptions at from_ms means. */
static void derive(struct store *store, const struct fold_rules *rules, int64_t from_ms)
{
	struct line_fold *fold = load(&store->head);
	size_t next = store->count;

	if (from_ms <= line_fold_newest_ms(fold)) {
		line_fold_free(fold);
		fold = rewind_to(store, from_ms);
	}
	while (next && fact_ms(store->facts[next - 1]) > line_fold_newest_ms(fold))
		next--;
	for (; next < store->count; next++)
		step(store, fold, rules, store->facts[next]);
	save(fold, &store->head);
	line_fold_free(fold);
}

static void store_init(struct store *store, size_t facts_max)
{
	memset(store, 0, sizeof *store);
	store->facts = xcalloc(facts_max + 1, sizeof *store->facts);
}

static void store_close(struct store *store)
{
	for (int i = 0; i < WEEKS; i++)
		buf_free(&store->checkpoints[i]);
	buf_free(&store->head);
	free(store->facts);
}

struct report {
	size_t first, count;
	int64_t arrives;   /* place in the order of arrival */
};

static int by_arrival(const void *left, const void *right)
{
	const struct report *a = left, *b = right;

	if (a->arrives != b->arrives)
		return a->arrives < b->arrives ? -1 : 1;
	return (a->first > b->first) - (a->first < b->first);
}

/* Cuts the facts into reports of 1 to 60. Three of ten arrive late; one of ten twice; of every tenth history any order. */
static size_t cut(size_t count, bool is_shuffled, const struct random_source *random, struct report *ret_reports)
{
	size_t reports = 0, next = 0;

	for (int64_t place = 0; next < count; place += 2) {
		struct report report = { .first = next, .count = 1 + (size_t)history_below(random, 60) };

		if (report.count > count - next)
			report.count = count - next;
		next += report.count;
		for (int copies = history_chance(random, 10) ? 2 : 1; copies; copies--) {
			report.arrives = is_shuffled ? history_below(random, 1000) :
						       place + (history_chance(random, 30) ? history_below(random, 30) : 0);
			ret_reports[reports++] = report;
		}
	}
	qsort(ret_reports, reports, sizeof *ret_reports, by_arrival);
	return reports;
}

/* Delivers the facts as they come; what was exempt becomes known somewhere between, one stretch of time after the other. */
static void deliver(struct store *store, const struct fold_rules *rules, const struct fact *facts, size_t count, bool is_shuffled,
		    const struct random_source *random)
{
	struct report *reports = xcalloc(2 * count, sizeof *reports);
	size_t report_count = cut(count, is_shuffled, random, reports);
	struct exemption known[HISTORY_EXEMPTIONS];
	struct fold_rules growing = *rules;

	growing.exemptions = known;
	growing.exemption_count = 0;
	for (size_t i = 0; i < report_count; i++) {
		int64_t from_ms = insert(store, facts + reports[i].first, reports[i].count);

		if (from_ms != INT64_MAX)
			derive(store, &growing, from_ms);
		while (growing.exemption_count < HISTORY_EXEMPTIONS && history_chance(random, 20)) {
			const struct exemption *learnt = &rules->exemptions[growing.exemption_count];

			known[growing.exemption_count++] = *learnt;
			derive(store, &growing, learnt->from_ms);
		}
	}
	while (growing.exemption_count < HISTORY_EXEMPTIONS) {
		known[growing.exemption_count] = rules->exemptions[growing.exemption_count];
		derive(store, &growing, known[growing.exemption_count++].from_ms);
	}
	free(reports);
}

static void assert_same(int history, int line, const struct store *got, const struct store *want)
{
	bool same = got->count == want->count && got->move_count == want->move_count && got->leaf_count == want->leaf_count &&
		    got->head.length_bytes == want->head.length_bytes &&
		    !memcmp(got->head.data, want->head.data, want->head.length_bytes) &&
		    !memcmp(got->leaves, want->leaves, (size_t)want->leaf_count * sizeof *want->leaves);

	for (int i = 0; same && i < want->move_count; i++)
		same = !memcmp(&got->moves[i], &want->moves[i],
			       offsetof(struct move, window) + sizeof want->moves[i].window);
	if (!same)
		fail_msg("history %d, line %d: %d moves and %d leaf states, in order %d and %d", history, line, got->move_count,
			 got->leaf_count, want->move_count, want->leaf_count);
}

static void test_any_order(void **state)
{
	static struct store in_order, as_it_came;
	uint64_t seed = 20010911;
	struct random_source random = random_seeded(&seed);
	int64_t moves = 0, leaves = 0, replays = 0;

	(void)state;
	for (int history = 0; history < HISTORIES; history++) {
		struct exemption exemptions[HISTORY_EXEMPTIONS];
		struct fold_rules rules = history_rules(&history_rule, CELL_MS, history % 2);

		history_exemptions(CELL_MS, CELLS, &random, exemptions);
		rules.exemptions = exemptions;
		rules.exemption_count = HISTORY_EXEMPTIONS;
		for (int line = 0; line < LINES; line++) {
			size_t count;
			struct fact *facts = history_draw(CELL_MS, CELLS, &random, &count);

			store_init(&in_order, count);
			store_init(&as_it_came, count);
			insert(&in_order, facts, count);
			derive(&in_order, &rules, HISTORY_START_MS);
			deliver(&as_it_came, &rules, facts, count, history % 10 == 9, &random);
			assert_same(history, line, &as_it_came, &in_order);
			moves += in_order.move_count;
			leaves += in_order.leaf_count;
			replays += as_it_came.replays;
			store_close(&in_order);
			store_close(&as_it_came);
			free(facts);
		}
	}
	/* It was worth doing. */
	assert_true(moves > 5 * HISTORIES * LINES);
	assert_true(leaves > 20 * HISTORIES * LINES);
	assert_true(replays > 8 * HISTORIES * LINES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
