#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/collector/decide/histories.h"

#define CELL_MS   INT64_C(900000)
#define CELLS     1200
#define HISTORIES 60
#define MOVES_MAX 2000

/* What a walk leaves behind. */
struct trace {
	struct move moves[MOVES_MAX];
	int count, of_defect[DEFECT_COUNT], of_kind[MOVE_RETURN + 1];
	struct buf state;
};

static struct line_fold *load(const struct buf *bytes)
{
	struct line_fold *fold = NULL;
	struct err err = { 0 };

	if (line_fold_load(bytes->data, bytes->length_bytes, &fold, &err) < 0)
		fail_msg("%s", err.message);
	return fold;
}

static struct line_fold *pass_through_bytes(struct line_fold *fold)
{
	struct buf bytes = { 0 };

	line_fold_save(fold, &bytes);
	line_fold_free(fold);
	fold = load(&bytes);
	buf_free(&bytes);
	return fold;
}

/* Steps through facts[from .. to); saves and loads with this chance after each, and repeats each with that chance. */
static struct line_fold *walk(struct line_fold *fold, const struct fold_rules *rules, const struct fact *facts, size_t from,
			      size_t to, int load_percent, int repeat_percent, const struct random_source *random,
			      struct trace *trace)
{
	for (size_t i = from; i < to; i++) {
		int count = history_step(fold, rules, &facts[i], trace->moves + trace->count);

		assert_true(trace->count + count + FOLD_MOVES_MAX < MOVES_MAX);
		for (int k = 0; k < count; k++) {
			trace->of_defect[trace->moves[trace->count + k].defect]++;
			trace->of_kind[trace->moves[trace->count + k].what]++;
		}
		trace->count += count;
		if (history_chance(random, load_percent))
			fold = pass_through_bytes(fold);
		if (history_chance(random, repeat_percent))
			assert_int_equal(history_step(fold, rules, &facts[i], trace->moves + trace->count), 0);
	}
	return fold;
}

static void finish(struct line_fold *fold, struct trace *trace)
{
	buf_clear(&trace->state);
	line_fold_save(fold, &trace->state);
	line_fold_free(fold);
}

static void assert_same(const char *what, int history, const struct trace *got, const struct trace *want)
{
	if (got->count != want->count || got->state.length_bytes != want->state.length_bytes ||
	    memcmp(got->state.data, want->state.data, want->state.length_bytes))
		fail_msg("history %d: %s: other state", history, what);
	for (int i = 0; i < want->count; i++)
		if (memcmp(&got->moves[i], &want->moves[i], offsetof(struct move, window) + sizeof want->moves[i].window))
			fail_msg("history %d: %s: move %d is another", history, what, i);
}

/* However often the state is saved and loaded, wherever it is taken up again, and whatever is repeated: the same moves and
 * the same bytes. */
static void test_same_however_walked(void **state)
{
	static struct trace plain, other;
	uint64_t seed = 4711;
	struct random_source random = random_seeded(&seed);
	int of_defect[DEFECT_COUNT] = { 0 }, of_kind[MOVE_RETURN + 1] = { 0 };

	(void)state;
	for (int history = 0; history < HISTORIES; history++) {
		struct fold_rules rules = history_rules(&history_rule, CELL_MS, history % 2);
		struct exemption exemptions[HISTORY_EXEMPTIONS];
		struct buf checkpoint = { 0 };
		size_t count, middle;
		struct fact *facts = history_draw(CELL_MS, CELLS, &random, &count);
		struct line_fold *fold;

		history_exemptions(CELL_MS, CELLS, &random, exemptions);
		rules.exemptions = exemptions;
		rules.exemption_count = HISTORY_EXEMPTIONS;
		memset(&plain, 0, sizeof plain);
		finish(walk(line_fold_new(), &rules, facts, 0, count, 0, 0, &random, &plain), &plain);
		for (int i = 0; i < DEFECT_COUNT; i++)
			of_defect[i] += plain.of_defect[i];
		for (int i = 0; i <= MOVE_RETURN; i++)
			of_kind[i] += plain.of_kind[i];

		memset(&other, 0, sizeof other);
		finish(walk(line_fold_new(), &rules, facts, 0, count, 20, 0, &random, &other), &other);
		assert_same("saved and loaded", history, &other, &plain);
		buf_free(&other.state);

		memset(&other, 0, sizeof other);
		finish(walk(line_fold_new(), &rules, facts, 0, count, 0, 30, &random, &other), &other);
		assert_same("repeated", history, &other, &plain);
		buf_free(&other.state);

		memset(&other, 0, sizeof other);
		middle = (size_t)history_below(&random, (int64_t)count);
		fold = walk(line_fold_new(), &rules, facts, 0, middle, 0, 0, &random, &other);
		line_fold_save(fold, &checkpoint);
		line_fold_free(walk(fold, &rules, facts, middle, middle + (count - middle) / 2, 0, 0, &random,
				    &(struct trace){ .count = 0 }));
		finish(walk(load(&checkpoint), &rules, facts, middle, count, 0, 0, &random, &other), &other);
		assert_same("taken up from a checkpoint", history, &other, &plain);

		buf_free(&checkpoint);
		buf_free(&other.state);
		buf_free(&plain.state);
		free(facts);
	}
	/* The histories are worth something only if everything happens in them. */
	assert_true(of_defect[DEFECT_SLOW_LOCAL] > 100 && of_defect[DEFECT_SLOW_HUB] > 100 && of_defect[DEFECT_ALTERED] > 100);
	for (int what = MOVE_OPEN; what <= MOVE_RETURN; what++)
		assert_true(of_kind[what] > 50);
}

/* A quiet line at the default windows. */
static void test_size(void **state)
{
	struct decision_rule rule = history_rule;
	struct fold_rules rules = history_rules(&rule, CELL_MS, false);
	struct line_fold *fold = line_fold_new();
	struct move moves[FOLD_MOVES_MAX];
	struct buf bytes = { 0 };

	(void)state;
	rule.band_of = 96;
	for (int cell = 0; cell < 300; cell++)
		for (int leg = 0; leg < LEG_COUNT; leg++) {
			struct sample sample = { .started_ms = HISTORY_START_MS + cell * CELL_MS + leg, .leg = leg };

			line_fold_sample(fold, &rules, &sample, moves);
		}
	line_fold_save(fold, &bytes);
	assert_true(bytes.length_bytes > 700 && bytes.length_bytes < 1000);
	buf_free(&bytes);
	line_fold_free(fold);
}

/* A busy state, with two defects and marks. */
static struct buf busy_state(const struct fold_rules *rules, const struct random_source *random)
{
	struct buf bytes = { 0 };
	struct line_fold *fold = line_fold_new();
	struct move moves[FOLD_MOVES_MAX];
	size_t count;
	struct fact *facts = history_draw(CELL_MS, 400, random, &count);

	for (size_t i = 0; i < count; i++)
		history_step(fold, rules, &facts[i], moves);
	line_fold_save(fold, &bytes);
	line_fold_free(fold);
	free(facts);
	return bytes;
}

/* Whatever the bytes are: an error, or a state that can be asked and stepped on from. */
static bool survive(const void *bytes, size_t size, const struct fold_rules *rules, const struct fact *facts, size_t count)
{
	struct line_fold *fold = NULL;
	struct move moves[FOLD_MOVES_MAX];
	struct err err = { 0 };
	struct buf again = { 0 };
	int length;

	if (line_fold_load(bytes, size, &fold, &err) < 0) {
		assert_true(err.code == ERR_DAMAGED || err.code == ERR_UNSUPPORTED);
		assert_null(fold);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		history_step(fold, rules, &facts[i], moves);
	for (int leg = 0; leg < LEG_COUNT; leg++) {
		line_fold_leaf(fold, rules, (enum leg)leg, HISTORY_START_MS);
		line_fold_stream(fold, (enum leg)leg, &length);
	}
	line_fold_save(fold, &again);
	buf_free(&again);
	line_fold_free(fold);
	return true;
}

static void test_hostile_bytes(void **state)
{
	uint64_t seed = 99;
	struct random_source random = random_seeded(&seed);
	struct fold_rules rules = history_rules(&history_rule, CELL_MS, false);
	struct buf bytes = busy_state(&rules, &random);
	unsigned char *copy = malloc(bytes.length_bytes + 1);
	size_t count;
	struct fact *facts = history_draw(CELL_MS, 30, &random, &count);

	(void)state;
	for (size_t length = 0; length < bytes.length_bytes; length++) {
		unsigned char *cut = malloc(length + 1);   /* of its own size, so that a read past it is found */

		memcpy(cut, bytes.data, length);
		assert_false(survive(cut, length, &rules, facts, count));
		free(cut);
	}
	memcpy(copy, bytes.data, bytes.length_bytes + 1);
	assert_false(survive(copy, bytes.length_bytes + 1, &rules, facts, count));
	assert_true(survive(copy, bytes.length_bytes, &rules, facts, count));
	for (size_t i = 0; i < bytes.length_bytes; i++)
		for (int bit = 0; bit < 8; bit++) {
			copy[i] ^= (unsigned char)(1 << bit);
			survive(copy, bytes.length_bytes, &rules, facts, count);
			copy[i] ^= (unsigned char)(1 << bit);
		}
	for (int round = 0; round < 5000; round++) {
		memcpy(copy, bytes.data, bytes.length_bytes);
		for (int i = 0; i < 1 + round % 5; i++)
			copy[1 + history_below(&random, (int64_t)bytes.length_bytes - 1)] = (unsigned char)history_below(&random, 256);
		survive(copy, bytes.length_bytes, &rules, facts, count);
	}
	free(facts);
	free(copy);
	buf_free(&bytes);
}

static void test_messages(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t size;
		enum err_code code;
		const char *message;
	} rows[] = {
		{ "nothing at all", "", 0, ERR_DAMAGED, "the saved state of a line is damaged" },
		{ "another version", "\x02", 1, ERR_UNSUPPORTED, "the saved state of a line is of another version" },
		{ "a version that never ends", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11, ERR_DAMAGED,
		  "the saved state of a line is damaged" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct line_fold *fold = NULL;
		struct err err = { 0 };

		assert_int_equal(line_fold_load(rows[i].bytes, rows[i].size, &fold, &err), -1);
		if (err.code != rows[i].code || strcmp(err.message, rows[i].message))
			fail_msg("%s: %s", rows[i].name, err.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_however_walked),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_hostile_bytes),
		cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
