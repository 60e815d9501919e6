#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "collector/decide/line_fold.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define CELL_MS   (15 * MINUTE_MS)
#define START_MS  (20000 * DAY_MS)   /* some midnight */
#define HUB_MS    (5 * MINUTE_MS)    /* the hub is probed so long after the local server */

static const struct decision_rule rule = {
	.open_bad = 8, .open_of = 12, .blind_bad = 10, .blind_of = 16, .open_span_ms = 90 * MINUTE_MS,
	.open_within_ms = 6 * HOUR_MS, .contended_percent = 50, .close_not_good = 2, .close_of = 24, .band_not_good = 8,
	.band_of = 96, .band_ms = 6 * HOUR_MS, .band_share_percent = 70, .band_span_ms = DAY_MS,
	.reopen_within_ms = 72 * HOUR_MS, .suspect_bad = 3, .suspect_of = 4, .altered_of = 2, .intact_of = 8,
	.verdict_valid = 4, .verdict_cells = 2,
};

static struct fold_rules rules_both(void)
{
	struct promise promise = { .is_promised = true, .rule = &rule, .interval_ms = CELL_MS, .cell_ms = CELL_MS };

	return (struct fold_rules){ .promises = { promise, promise } };
}

/* Letters of a cell of a leg: g good, m marginal, b bad, c bad and contended, a altered, t truncated, f failed otherwise, s
 * stalled, u unresolved, k a good capacity probe, K a bad one; with a + before it, extra. */
static void read_letter(char letter, struct sample *sample)
{
	static const struct {
		char letter;
		int judgement, reason, kind;
	} rows[] = {
		{ 'g', JUDGED_GOOD, REASON_NONE, KIND_REFERENCE },      { 'm', JUDGED_MARGINAL, REASON_NONE, KIND_REFERENCE },
		{ 'b', JUDGED_BAD, REASON_NONE, KIND_REFERENCE },       { 'c', JUDGED_BAD, REASON_CONTENDED, KIND_REFERENCE },
		{ 'a', JUDGED_FAILED, REASON_ALTERED, KIND_REFERENCE }, { 't', JUDGED_FAILED, REASON_TRUNCATED, KIND_REFERENCE },
		{ 'f', JUDGED_FAILED, REASON_CONNECT, KIND_REFERENCE }, { 's', JUDGED_BAD, REASON_STALLED, KIND_REFERENCE },
		{ 'u', JUDGED_UNRESOLVED, REASON_SHORT_TRANSFER, KIND_REFERENCE },
		{ 'k', JUDGED_GOOD, REASON_NONE, KIND_CAPACITY },       { 'K', JUDGED_BAD, REASON_NONE, KIND_CAPACITY },
	};
	size_t i = 0;

	while (rows[i].letter != letter)
		i++;
	sample->judgement = rows[i].judgement;
	sample->reason = rows[i].reason;
	sample->kind = rows[i].kind;
}

static void write_moves(const struct line_fold *fold, const struct move *moves, int count, char *ret_text)
{
	static const char defects[] = { [DEFECT_SLOW_LOCAL] = 'l', [DEFECT_SLOW_HUB] = 'h', [DEFECT_ALTERED] = 'a' };
	static const char *const whats[] = { [MOVE_OPEN] = "open", [MOVE_REOPEN] = "reopen", [MOVE_PROVE] = "prove",
					     [MOVE_RETURN] = "return" };

	for (int i = 0; i < count; i++) {
		assert_int_equal(moves[i].at_ms, line_fold_newest_ms(fold));
		assert_true(moves[i].from_ms <= moves[i].at_ms);
		sprintf(ret_text + strlen(ret_text), "%c-%s %d/%d ", defects[moves[i].defect], whats[moves[i].what],
			(int)((moves[i].at_ms - START_MS) / CELL_MS), moves[i].window);
	}
}

/* Steps through both legs, one letter a cell; F and C of the third are marks at the end of the cell (fixed, closed). */
static void walk(struct line_fold *fold, const struct fold_rules *rules, const char *local, const char *hub, const char *marks,
		 enum defect marked, char *ret_text)
{
	const char *next[LEG_COUNT] = { local, hub };
	struct move moves[FOLD_MOVES_MAX];

	*ret_text = '\0';
	for (int64_t cell_ms = START_MS; *next[0] || *next[1] || *marks; cell_ms += CELL_MS) {
		for (int leg = 0; leg < LEG_COUNT; leg++) {
			struct sample sample = { .started_ms = cell_ms + leg * HUB_MS, .leg = leg, .seq = cell_ms / CELL_MS };

			if (*next[leg] == '+') {
				sample.trigger = TRIGGER_EXTRA;
				next[leg]++;
			}
			if (*next[leg] && *next[leg] != ' ') {
				read_letter(*next[leg], &sample);
				for (int twice = 0; twice < 2; twice++) {   /* a repeated one changes nothing */
					int count = line_fold_sample(fold, rules, &sample, moves);

					assert_true(count <= FOLD_MOVES_MAX && (!twice || !count));
					write_moves(fold, moves, count, ret_text);
				}
			}
			next[leg] += *next[leg] != '\0';
		}
		if (*marks && *marks != ' ')
			line_fold_mark(fold, &(struct mark){ cell_ms + CELL_MS - 1, marked,
							     *marks == 'F' ? MARK_FIXED : MARK_CLOSED });
		marks += *marks != '\0';
	}
}

#define B8  "bbbbbbbb"
#define G8  "gggggggg"
#define G24 G8 G8 G8

static const struct {
	const char *name, *local, *hub, *marks;
	enum defect marked;
	const char *want;   /* of each move: defect, what, cell, window */
} walks[] = {
	{ "good",                            G24, G24, "", 0, "" },
	{ "local only",                      B8 G24, G24 G8, "", 0, "l-open 7/8 l-prove 31/24 " },
	{ "hub only",                        G24 G8, B8 G24, "", 0, "h-open 7/8 h-prove 31/24 " },
	{ "both: it is the local leg",       B8 G24, B8 G24, "", 0, "l-open 7/8 l-prove 31/24 " },
	{ "the hub goes on after the local leg is proven", B8 G24 G8 G8, B8 B8 B8 B8 "bbbb", "", 0,
	  "l-open 7/8 l-prove 31/24 h-open 31/12 " },
	{ "local suspect by extra probes holds the hub back", "     +b+b+b", B8, "", 0, "" },
	{ "extra probes open nothing",       "+b+b+b+b+b+b+b+b+b+b+b+b", "", "", 0, "" },
	{ "and prove nothing",               B8 "+g+g+g+g+g+g+g+g+g+g+g+g+g+g+g+g+g+g+g+g+g+g+g+g", "", "", 0, "l-open 7/8 " },
	{ "failed ones are no bad ones",     "ffffffffffff", "", "", 0, "" },
	{ "returned to the fixer",           B8 "bbbb", "", "       F", DEFECT_SLOW_LOCAL, "l-open 7/8 l-return 10/3 " },
	{ "the proof begins after the claim", B8 G24 G8, "", "           F", DEFECT_SLOW_LOCAL, "l-open 7/8 l-prove 35/24 " },
	{ "closed by a person, bad still",   B8 "b", "", "       C", DEFECT_SLOW_LOCAL, "l-open 7/8 l-reopen 8/9 " },
	{ "proven, closed, bad again",       B8 G24 B8, "", "                                C", DEFECT_SLOW_LOCAL,
	  "l-open 7/8 l-prove 31/24 l-reopen 39/12 " },
	{ "altered once",                    "gaga", "", "", 0, "" },
	{ "altered twice",                   "gaa", "", "", 0, "a-open 2/2 " },
	{ "cut short counts likewise",       "gat", "", "", 0, "a-open 2/2 " },
	{ "a failure between is no transfer", "gafa", "", "", 0, "a-open 3/2 " },
	{ "one on each leg is not twice on one", "ga", "ga", "", 0, "" },
	{ "the hub's",                       "", "aa", "", 0, "a-open 1/2 " },
	{ "extra ones do not count",         "+a+a", "", "", 0, "" },
	{ "intact: slow and unresolved too", "aa" "gbumgbu" "g", "", "", 0, "a-open 1/2 a-prove 9/8 " },
	{ "seven are not enough",            "aa" "ggggggg", "", "", 0, "a-open 1/2 " },
	{ "what stalled tells nothing",      "aa" "gggsgggg" "g", "", "", 0, "a-open 1/2 a-prove 10/8 " },
	{ "nor does a capacity probe",       "aa" "gggkgggg" "g", "", "", 0, "a-open 1/2 a-prove 10/8 " },
	{ "an altered one begins the row anew", "aa" "ggga" G8, "", "", 0, "a-open 1/2 a-prove 13/8 " },
	{ "the other leg does not prove it", "aa", G24, "", 0, "a-open 1/2 " },
	{ "both legs must",                  "aa" G8 "gg", "    aa" G8, "", 0, "a-open 1/2 a-prove 13/8 " },
	{ "altered after the claim",         "aa" "gga" "a", "", "  F", DEFECT_ALTERED, "a-open 1/2 a-return 5/2 " },
	{ "altered and intact before the claim do not count", "aa" "ggga" G8, "", "     F", DEFECT_ALTERED,
	  "a-open 1/2 a-prove 13/8 " },
	{ "altered again after the proof",   "aa" G8 "aa", "", "", 0, "a-open 1/2 a-prove 9/8 a-reopen 11/2 " },
	{ "a slow line with altered files",  B8 "aa", "", "", 0, "l-open 7/8 a-open 9/2 " },
};

static void test_walk(void **state)
{
	struct fold_rules rules = rules_both();
	char text[1000];

	(void)state;
	for (size_t i = 0; i < sizeof walks / sizeof walks[0]; i++) {
		struct line_fold *fold = line_fold_new();

		walk(fold, &rules, walks[i].local, walks[i].hub, walks[i].marks, walks[i].marked, text);
		if (strcmp(text, walks[i].want))
			fail_msg("%s: %s", walks[i].name, text);
		line_fold_free(fold);
	}
}

static void test_promises(void **state)
{
	struct fold_rules rules = rules_both();
	struct line_fold *fold = line_fold_new();
	struct decision_rule capacity = rule;
	char text[1000];
	int count;

	(void)state;
	rules.promises[LEG_LOCAL].is_promised = false;
	walk(fold, &rules, B8 "aa", "", "", 0, text);
	assert_string_equal(text, "a-open 9/2 ");
	assert_null(line_fold_stream(fold, LEG_LOCAL, &count));
	assert_int_equal(count, 0);
	line_fold_free(fold);

	capacity.open_bad = 3;
	capacity.open_of = 4;
	capacity.blind_bad = 3;
	capacity.blind_of = 4;
	capacity.open_span_ms = 0;
	capacity.close_not_good = capacity.band_not_good = 0;
	capacity.close_of = capacity.band_of = 3;
	rules.promises[LEG_LOCAL] = (struct promise){ true, true, &capacity, RULE_INTERVAL_MS, 15 * HOUR_MS };
	fold = line_fold_new();
	walk(fold, &rules, "bKmKbK" "kgm" "k", "", "", 0, text);   /* slow reference files show nothing of this promise */
	assert_string_equal(text, "l-open 5/3 l-prove 9/3 ");
	assert_non_null(line_fold_stream(fold, LEG_LOCAL, &count));
	assert_int_equal(count, 4);   /* its widest window */
	line_fold_free(fold);
}

static void test_exempt(void **state)
{
	static const struct {
		const char *name;
		struct exemption exemption;
		const char *want;
	} rows[] = {
		{ "another time",           { 0, START_MS, EXEMPT_BOTH_LEGS, EXEMPT_SERVER }, "l-open 7/8 a-open 9/2 " },
		{ "another leg",            { 0, INT64_MAX, LEG_HUB, EXEMPT_SERVER }, "l-open 7/8 a-open 9/2 " },
		{ "content",                { 0, INT64_MAX, LEG_LOCAL, EXEMPT_CONTENT }, "l-open 7/8 " },
		{ "server",                 { 0, INT64_MAX, LEG_LOCAL, EXEMPT_SERVER }, "" },
		{ "maintenance, the first two", { 0, START_MS + 2 * CELL_MS, EXEMPT_BOTH_LEGS, EXEMPT_MAINTENANCE },
		  "a-open 9/2 l-open 11/8 " },
	};
	char text[1000];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fold_rules rules = rules_both();
		struct line_fold *fold = line_fold_new();

		rules.exemptions = &rows[i].exemption;
		rules.exemption_count = 1;
		walk(fold, &rules, B8 "aabb", "", "", 0, text);
		if (strcmp(text, rows[i].want))
			fail_msg("%s: %s", rows[i].name, text);
		line_fold_free(fold);
	}
}

static void test_leaf(void **state)
{
	static const struct {
		const char *name, *local;
		int64_t after_ms;   /* of the newest's cell */
		enum leaf_state want;
	} rows[] = {
		{ "nothing",                             "", 0, LEAF_UNKNOWN },
		{ "two good ones",                       "gg", 0, LEAF_UNKNOWN },
		{ "three",                               "ggg", 0, LEAF_GOOD },
		{ "bad ones that are no suspicion",      "gbgb", 0, LEAF_GOOD },
		{ "extra ones count",                    "g+g+b", 0, LEAF_GOOD },
		{ "the same an hour later",              "ggg", 2 * CELL_MS + 1, LEAF_UNKNOWN },
		{ "the third lies an hour back",         "g  gg", 0, LEAF_UNKNOWN },
		{ "suspect",                             "gbbb", 0, LEAF_BAD },
		{ "suspect by extra ones",               "g+b+b+b", 2 * CELL_MS, LEAF_BAD },
		{ "suspect and silent since",            "gbbb", 2 * CELL_MS + 1, LEAF_UNKNOWN },
		{ "mostly the client's own traffic",     "gcbc", 0, LEAF_UNKNOWN },
		{ "not only that",                       "bcbc", 0, LEAF_BAD },
		{ "a defect while good again",           B8 "gggg", 0, LEAF_BAD },
		{ "proven",                              B8 G24, 0, LEAF_GOOD },
	};
	struct fold_rules rules = rules_both();
	char text[1000];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct line_fold *fold = line_fold_new();
		int64_t at_ms;

		walk(fold, &rules, rows[i].local, "", "", 0, text);
		at_ms = (*rows[i].local ? line_fold_newest_ms(fold) : START_MS) + rows[i].after_ms;
		if (line_fold_leaf(fold, &rules, LEG_LOCAL, at_ms) != rows[i].want)
			fail_msg("%s", rows[i].name);
		assert_int_equal(line_fold_leaf(fold, &rules, LEG_HUB, at_ms), LEAF_UNKNOWN);
		line_fold_free(fold);
	}
}

static void test_compare(void **state)
{
	static const struct {
		const char *name;
		struct sample a, b;
		int want;
	} rows[] = {
		{ "time first",  { .started_ms = 1, .leg = 1, .judgement = 2, .seq = 9 }, { .started_ms = 2 }, -1 },
		{ "then leg",    { .leg = 1 }, { .leg = 0, .judgement = 2, .seq = 9 }, 1 },
		{ "then judgement", { .judgement = 1 }, { .judgement = 2, .seq = -1 }, -1 },
		{ "then seq",    { .seq = 2 }, { .seq = 1 }, 1 },
		{ "not spool",   { .seq = 1, .spool = 2 }, { .seq = 1, .spool = 1 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (line_fold_compare(&rows[i].a, &rows[i].b) != rows[i].want ||
		    line_fold_compare(&rows[i].b, &rows[i].a) != -rows[i].want)
			fail_msg("%s", rows[i].name);
}

static void test_new(void **state)
{
	struct line_fold *fold = line_fold_new();

	(void)state;
	assert_int_equal(line_fold_newest_ms(fold), JSON_ABSENT);
	assert_memory_equal(line_fold_defect(fold, DEFECT_ALTERED), &defect_state_none, sizeof defect_state_none);
	line_fold_mark(fold, &(struct mark){ 5, DEFECT_NO_CONTACT, MARK_FIXED });
	assert_int_equal(line_fold_newest_ms(fold), 5);
	line_fold_free(fold);
	line_fold_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_promises),
		cmocka_unit_test(test_exempt),
		cmocka_unit_test(test_leaf),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
