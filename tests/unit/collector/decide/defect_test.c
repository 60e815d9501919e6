#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include "collector/decide/defect.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define CELL_MS   (15 * MINUTE_MS)
#define START_MS  (20000 * DAY_MS)   /* some midnight */
#define MOST      1200

struct zone {
	int64_t offset_s;
};

static const struct decision_rule rule = {
	.open_bad = 8, .open_of = 12, .blind_bad = 10, .blind_of = 16, .open_span_ms = 90 * MINUTE_MS, .open_within_ms = 6 * HOUR_MS, .contended_percent = 50,
	.close_not_good = 2, .close_of = 24, .band_not_good = 8, .band_of = 96, .band_ms = 6 * HOUR_MS,
	.band_share_percent = 70, .band_span_ms = DAY_MS, .reopen_within_ms = 72 * HOUR_MS, .suspect_bad = 3, .suspect_of = 4,
};
static const struct defect_terms terms = { .rule = &rule, .interval_ms = CELL_MS };

/* One letter a sample, one cell apart: g good, m marginal, b bad, c bad and contended; a capital when nobody knows the client's
 * own traffic; a space is a cell without a valid sample. Returns how many. */
static int draw(const char *text, int64_t from_ms, int64_t cell_ms, struct sample *ret_samples)
{
	int count = 0;

	for (int cell = 0; text[cell]; cell++) {
		struct sample *sample = &ret_samples[count];

		if (text[cell] == ' ')
			continue;
		*sample = (struct sample){ .started_ms = from_ms + cell * cell_ms, .seq = cell, .throughput_bps = 1000 };
		sample->is_blind = isupper((unsigned char)text[cell]);
		sample->judgement = strchr("gG", text[cell]) ? JUDGED_GOOD : text[cell] == 'm' ? JUDGED_MARGINAL : JUDGED_BAD;
		sample->reason = text[cell] == 'c' ? REASON_CONTENDED : REASON_NONE;
		count++;
	}
	return count;
}

static const struct {
	const char *name, *stream;
	bool want;
} suspects[] = {
	{ "nothing there yet",                 "",         false },
	{ "two bad are no suspicion",          "bb",       false },
	{ "three bad on a young line",         "bbb",      true },
	{ "three of the last four",            "ggbgbb",   true },
	{ "the newest need not be bad",        "gbbbg",    true },
	{ "two of the last four",              "bbgbg",    false },
	{ "marginal is not bad",               "bbmm",     false },
};

static void test_suspect(void **state)
{
	struct sample samples[MOST];

	(void)state;
	for (size_t i = 0; i < sizeof suspects / sizeof suspects[0]; i++) {
		int count = draw(suspects[i].stream, START_MS, CELL_MS, samples);

		if (defect_is_suspect(&rule, samples, count) != suspects[i].want)
			fail_msg("%s", suspects[i].name);
	}
}

static const struct {
	const char *name, *stream;
	int64_t cell_ms, interval_ms;
	bool want;
} defects[] = {
	{ "nothing there yet",                     "",                          CELL_MS, CELL_MS, false },
	{ "seven bad in a row",                    "gggggbbbbbbb",              CELL_MS, CELL_MS, false },
	{ "eight bad in a row",                    "ggggbbbbbbbb",              CELL_MS, CELL_MS, true },
	{ "eight bad on a young line",             "bbbbbbbb",                  CELL_MS, CELL_MS, true },
	{ "eight of twelve with good between",     "bbgbbgbbgbgb",              CELL_MS, CELL_MS, true },
	{ "seven of twelve: the eighth is older",  "bgbbgbbgbgbgb",             CELL_MS, CELL_MS, false },
	{ "marginal ones are not bad",             "bbmbbmbbmmbm",              CELL_MS, CELL_MS, false },
	{ "the newest is not bad",                 "bbbbbbbbbbbg",              CELL_MS, CELL_MS, false },
	{ "eight bad within 84 minutes",           "bbbbbbbb",           12 * MINUTE_MS, CELL_MS, false },
	{ "eight bad spanning just 90 minutes",    "bbbb  bbbb",         10 * MINUTE_MS, CELL_MS, true },
	{ "the twelve lie within just six hours",  "ggggb      b      b bbbbb", CELL_MS, CELL_MS, true },
	{ "the twelve do not lie within six hours", "ggggb      b      b  bbbbb", CELL_MS, CELL_MS, false },
	{ "interval of 5 min: a third of the time", "bbbbbbbb",           5 * MINUTE_MS, 5 * MINUTE_MS, true },
	{ "interval of an hour: four times",       "bbbbbbbb",                  HOUR_MS, HOUR_MS, true },
	{ "interval of an hour, probed faster",    "bbbbbbbb",                  CELL_MS, HOUR_MS, false },
	{ "half of the bad ones contended",        "ggggcbcbcbcb",              CELL_MS, CELL_MS, true },
	{ "more than half contended: undecidable", "ggggcbcbcccb",              CELL_MS, CELL_MS, false },
	{ "own traffic unknown: nine of sixteen",   "GGGGGGGBBBBBBBBB",          CELL_MS, CELL_MS, false },
	{ "own traffic unknown: ten of sixteen",    "GGGGGGBBBBBBBBBB",          CELL_MS, CELL_MS, true },
	{ "own traffic unknown: ten on a young line", "BBBBBBBBBB",              CELL_MS, CELL_MS, true },
	{ "own traffic known of half of the twelve", "GGGGGGbbbbbbBB",           CELL_MS, CELL_MS, true },
	{ "own traffic known of less than half",    "GGGGGGBbbbbbBB",            CELL_MS, CELL_MS, false },
};

static void test_defect(void **state)
{
	struct sample samples[MOST];

	(void)state;
	for (size_t i = 0; i < sizeof defects / sizeof defects[0]; i++) {
		int count = draw(defects[i].stream, START_MS, defects[i].cell_ms, samples);

		if (defect_is_there(&rule, defects[i].interval_ms, samples, count) != defects[i].want)
			fail_msg("%s", defects[i].name);
	}
}

/* Days of samples, bad from one hour of the day to another (past midnight when to < from), else good. */
static int draw_days(int days, int bad_from_hour, int bad_to_hour, struct sample *ret_samples)
{
	char text[MOST];

	for (int cell = 0; cell < days * 96; cell++) {
		int hour = cell % 96 / 4;
		bool bad = bad_from_hour <= bad_to_hour ? hour >= bad_from_hour && hour < bad_to_hour :
							  hour >= bad_from_hour || hour < bad_to_hour;

		text[cell] = bad ? 'b' : 'g';
	}
	text[days * 96] = '\0';
	return draw(text, START_MS, CELL_MS, ret_samples);
}

static const struct {
	const char *name;
	int days, from_hour, to_hour;
	int64_t from_ms;
	bool want;
} dailies[] = {
	{ "no bad one at all",                       2, 0, 0, 0, false },
	{ "one evening has no time of day yet",      1, 19, 23, 0, false },
	{ "two evenings",                            2, 19, 23, 0, true },
	{ "two evenings, the first before the defect", 2, 19, 23, START_MS + DAY_MS, false },
	{ "two nights past midnight",                3, 22, 3, 0, true },
	{ "eight hours a day: 75 % in a band of six", 3, 10, 18, 0, true },
	{ "ten hours a day: 60 %",                   3, 10, 20, 0, false },
	{ "bad all day",                             3, 0, 24, 0, false },
};

static void test_daily(void **state)
{
	struct sample samples[MOST];

	(void)state;
	for (size_t i = 0; i < sizeof dailies / sizeof dailies[0]; i++) {
		int count = draw_days(dailies[i].days, dailies[i].from_hour, dailies[i].to_hour, samples);
		struct defect_hours hours = defect_hours_of(samples, count, dailies[i].from_ms);

		if (defect_is_daily(&rule, &hours) != dailies[i].want)
			fail_msg("%s", dailies[i].name);
	}
}

/* Steps through samples[from .. count) and writes "o12 p40 ": which move at which sample. */
static void walk(struct defect_state *state, const struct sample *samples, int from, int count, char *ret_moves)
{
	static const char letters[] = { [MOVE_NONE] = '-', [MOVE_OPEN] = 'o', [MOVE_REOPEN] = 'r', [MOVE_PROVE] = 'p',
					[MOVE_RETURN] = 'b' };
	int window = 0;

	*ret_moves = '\0';
	for (int i = from; i < count; i++) {
		enum defect_move move = defect_step(&terms, state, false, samples, i + 1, &window);

		if (move != MOVE_NONE)
			ret_moves += sprintf(ret_moves, "%c%d/%d ", letters[move], i, window);
	}
}

#define B8  "bbbbbbbb"
#define G12 "gggggggggggg"
#define G24 G12 G12
#define G96 G24 G24 G24 G24

static const struct {
	const char *name, *stream;
	const char *want;   /* move, index of the sample it came with, size of the window it rests on */
} walks[] = {
	{ "a good line",                                G96,                          "" },
	{ "opens with the eighth bad one",              G12 B8,                       "o19/12 " },
	{ "opens once",                                 G12 B8 B8 B8,                 "o19/12 " },
	{ "23 good ones prove nothing",                 G12 B8 G12 "ggggggggggg",     "o19/12 " },
	{ "24 good ones prove it",                      G12 B8 G24,                   "o19/12 p43/24 " },
	{ "two not good among 24 are forgiven",         B8 "gbggggmggggggggggggggggg", "o7/8 p31/24 " },
	{ "three are not, until the first has gone by", B8 "gbggmgmggggggggggggggggg" "gg", "o7/8 p33/24 " },
	{ "a defect that goes on is not proven",        B8 "bgbgbgbgbgbgbgbgbgbgbgbgbgbgbgbg", "o7/8 " },
	{ "comes back after the proof: re-opens",       B8 G24 B8,                    "o7/8 p31/24 r39/12 " },
	{ "and is proven again by 24 after that",       B8 G24 B8 G24,                "o7/8 p31/24 r39/12 p63/24 " },
	{ "nobody closed it: re-opens after a week too", B8 G24 G96 G96 G96 G96 G96 G96 G96 B8, "o7/8 p31/24 r711/12 " },
};

static void test_walk(void **state)
{
	struct sample samples[MOST];
	char moves[1000];

	(void)state;
	for (size_t i = 0; i < sizeof walks / sizeof walks[0]; i++) {
		int count = draw(walks[i].stream, START_MS, CELL_MS, samples);
		struct defect_state defect = defect_state_none, after;

		walk(&defect, samples, 0, count, moves);
		if (strcmp(moves, walks[i].want))
			fail_msg("%s: %s", walks[i].name, moves);
		after = defect;
		walk(&defect, samples, 0, count, moves);
		if (*moves || memcmp(&defect, &after, sizeof after))
			fail_msg("%s: the same samples again: %s", walks[i].name, moves);
	}
}

static void test_time_of_day(void **state)
{
	struct sample samples[MOST];
	struct defect_state defect = defect_state_none;
	char moves[1000];
	int count;

	(void)state;
	/* Bad on four evenings, then repaired: the first night's 24 good ones deceive once, then only a whole day does. */
	count = draw_days(4, 19, 23, samples);
	count += draw(G96 G24, START_MS + 4 * DAY_MS, CELL_MS, samples + count);
	walk(&defect, samples, 0, count, moves);
	/* Evenings are samples 76 to 91 of each day; the last bad one is 379, and 467 is the first with only 8 among 96. */
	assert_string_equal(moves, "o83/12 p113/24 r179/12 p467/96 ");
}

static void test_fixed(void **state)
{
	struct sample samples[MOST];
	struct defect_state defect = defect_state_none;
	char moves[1000];
	int count = draw(B8 "bbbb" "bgbb" G24, START_MS, CELL_MS, samples);

	(void)state;
	walk(&defect, samples, 0, 12, moves);
	assert_string_equal(moves, "o7/8 ");
	defect.phase = PHASE_FIXED;
	defect.fixed_ms = samples[11].started_ms + MINUTE_MS;
	walk(&defect, samples, 0, 15, moves);
	assert_string_equal(moves, "");            /* two bad ones since the claim; those before it do not refute it */
	walk(&defect, samples, 15, 16, moves);
	assert_string_equal(moves, "b15/4 ");
	assert_int_equal(defect.phase, PHASE_OPEN);
	walk(&defect, samples, 0, 36, moves);
	assert_string_equal(moves, "");            /* returned once */
	walk(&defect, samples, 36, count, moves);
	assert_string_equal(moves, "p36/24 ");     /* with the two bad ones of 13 to 36 forgiven */
}

static void test_fixed_starts_the_proof_anew(void **state)
{
	struct sample samples[MOST];
	struct defect_state defect = defect_state_none;
	char moves[1000];
	int count = draw(B8 G24 G12, START_MS, CELL_MS, samples);

	(void)state;
	walk(&defect, samples, 0, 20, moves);
	defect.phase = PHASE_FIXED;
	defect.fixed_ms = samples[19].started_ms;
	walk(&defect, samples, 0, count - 1, moves);
	assert_string_equal(moves, "");
	walk(&defect, samples, count - 1, count, moves);
	assert_string_equal(moves, "p43/24 ");
}

static void test_closed(void **state)
{
	struct sample samples[MOST];
	int count = draw(G12 B8, START_MS, CELL_MS, samples), window = 0;
	int64_t newest_ms = samples[count - 1].started_ms;
	const struct {
		const char *name;
		int64_t proven_ms, closed_ms;
		enum defect_move want;
	} rows[] = {
		{ "closed just 72 h ago",              newest_ms - 80 * HOUR_MS, newest_ms - 72 * HOUR_MS, MOVE_REOPEN },
		{ "closed longer ago",                 newest_ms - 80 * HOUR_MS, newest_ms - 72 * HOUR_MS - 1, MOVE_OPEN },
		{ "closed without proof, still bad",   JSON_ABSENT, newest_ms - 1, MOVE_REOPEN },
		{ "closed without proof after this",   JSON_ABSENT, newest_ms, MOVE_NONE },
		{ "closed after this, proven before",  newest_ms - HOUR_MS, newest_ms + HOUR_MS, MOVE_REOPEN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct defect_state defect = { PHASE_CLOSED, START_MS - 200 * HOUR_MS, START_MS - 199 * HOUR_MS, JSON_ABSENT,
					       rows[i].proven_ms, rows[i].closed_ms, { .bad = 0 } };
		enum defect_move got = defect_step(&terms, &defect, false, samples, count, &window);

		if (got != rows[i].want)
			fail_msg("%s: %d", rows[i].name, (int)got);
		if (got == MOVE_NONE)
			continue;
		assert_int_equal(defect.opened_ms, newest_ms);
		assert_int_equal(defect.from_ms, got == MOVE_REOPEN ? START_MS - 200 * HOUR_MS : samples[12].started_ms);
		assert_int_equal(defect.closed_ms, JSON_ABSENT);
	}
}

/* The state goes on counting what it was handed of the defect, so that samples need not be kept to know its time of day. */
static void test_hours(void **state)
{
	struct sample samples[MOST];
	struct defect_state defect = defect_state_none;
	struct defect_hours want;
	char moves[1000];
	int count = draw_days(5, 19, 23, samples);

	(void)state;
	walk(&defect, samples, 0, count, moves);
	want = defect_hours_of(samples, count, defect.from_ms);
	assert_int_equal(want.bad, 5 * 16);
	assert_memory_equal(&defect.hours, &want, sizeof want);
}

static int64_t offset_of(const struct zone *zone, int64_t utc_ms)
{
	assert_true(utc_ms >= START_MS);
	return zone->offset_s;
}

/* Capacity probes, eight hours apart from midnight UTC on: bad ones, then good ones. */
static void test_evening(void **state)
{
	static const struct {
		const char *name;
		int64_t offset_s, from_h, to_h;
		const char *want;
	} rows[] = {
		{ "any time of day",                         0, 0, 0, "o2/3 p5/3 " },
		{ "16 h UTC is evening three hours east",    3 * 3600, 19, 23, "o2/3 p5/3 " },
		{ "no probe is made in the evening of UTC",  0, 19, 23, "o2/3 " },
		{ "0 h UTC is evening two hours west",       -2 * 3600, 19, 23, "o2/3 p5/3 " },
		{ "to is not part of it",                    -3600, 19, 23, "o2/3 " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct decision_rule capacity = rule;
		struct zone zone = { rows[i].offset_s };
		struct defect_terms evening = { &capacity, RULE_INTERVAL_MS, offset_of, &zone };
		struct defect_state defect = defect_state_none;
		struct sample samples[MOST];
		int count = draw("bbbggggggg", START_MS, 8 * HOUR_MS, samples), window;
		char moves[100] = "";

		capacity.open_bad = 3;
		capacity.open_of = 4;
		capacity.open_within_ms = 7 * DAY_MS;
		capacity.close_not_good = capacity.band_not_good = 0;
		capacity.close_of = capacity.band_of = 3;
		capacity.evening_from_ms = rows[i].from_h * HOUR_MS;
		capacity.evening_to_ms = rows[i].to_h * HOUR_MS;
		for (int k = 0; k < count; k++) {
			enum defect_move move = defect_step(&evening, &defect, false, samples, k + 1, &window);

			if (move != MOVE_NONE)
				sprintf(moves + strlen(moves), "%c%d/%d ", move == MOVE_OPEN ? 'o' : 'p', k, window);
		}
		if (strcmp(moves, rows[i].want))
			fail_msg("%s: %s", rows[i].name, moves);
	}
}

static void test_mark(void **state)
{
	static const struct {
		const char *name;
		enum defect_phase phase, want;
		enum mark_kind kind;
		int64_t at_ms;
	} rows[] = {
		{ "fixed",                                PHASE_OPEN,   PHASE_FIXED,  MARK_FIXED,  300 },
		{ "fixed once more",                      PHASE_FIXED,  PHASE_FIXED,  MARK_FIXED,  300 },
		{ "the same claim again after a return",  PHASE_OPEN,   PHASE_OPEN,   MARK_FIXED,  200 },
		{ "said before this opening",             PHASE_OPEN,   PHASE_OPEN,   MARK_FIXED,  100 },
		{ "a claim of what is proven already",    PHASE_PROVEN, PHASE_PROVEN, MARK_FIXED,  300 },
		{ "a claim of what is not there",         PHASE_NONE,   PHASE_NONE,   MARK_FIXED,  300 },
		{ "closed after the proof",               PHASE_PROVEN, PHASE_CLOSED, MARK_CLOSED, 300 },
		{ "closed without one",                   PHASE_OPEN,   PHASE_CLOSED, MARK_CLOSED, 300 },
		{ "closed as it is said to be fixed",     PHASE_FIXED,  PHASE_CLOSED, MARK_CLOSED, 200 },
		{ "closed before it was re-opened",       PHASE_OPEN,   PHASE_OPEN,   MARK_CLOSED, 100 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct defect_state defect = { rows[i].phase, 50, 100, 200, JSON_ABSENT, JSON_ABSENT, { 0 } };

		defect_mark(&defect, rows[i].kind, rows[i].at_ms);
		if (defect.phase != rows[i].want)
			fail_msg("%s: %d", rows[i].name, (int)defect.phase);
		if (defect.phase == PHASE_CLOSED)
			assert_int_equal(defect.closed_ms, rows[i].at_ms);
	}
}

static void test_held(void **state)
{
	struct sample samples[MOST];
	struct defect_state defect = defect_state_none;
	int count = draw(B8, START_MS, CELL_MS, samples), window = 0;

	(void)state;
	assert_int_equal(defect_step(&terms, &defect, true, samples, count, &window), MOVE_NONE);
	assert_int_equal(defect.phase, PHASE_NONE);
	assert_int_equal(defect_step(&terms, &defect, false, samples, count, &window), MOVE_OPEN);
}

static void test_local(void **state)
{
	struct sample samples[MOST];
	const struct {
		const char *name, *local;
		struct defect_state defect;
		int64_t after_ms;   /* of the hub's sample after the local leg's newest */
		bool want;
	} rows[] = {
		{ "nothing known of the local leg", "", { PHASE_NONE, -1, -1, -1, -1, -1, { 0 } }, MINUTE_MS, false },
		{ "local leg good", G12, { PHASE_NONE, -1, -1, -1, -1, -1, { 0 } }, MINUTE_MS, false },
		{ "local leg suspect", "gggbbb", { PHASE_NONE, -1, -1, -1, -1, -1, { 0 } }, MINUTE_MS, true },
		{ "suspect, but six hours ago", "gggbbb", { PHASE_NONE, -1, -1, -1, -1, -1, { 0 } }, 6 * HOUR_MS + 1, false },
		{ "local defect open", B8 "gggg", { PHASE_OPEN, 0, START_MS, -1, -1, -1, { 0 } }, MINUTE_MS, true },
		{ "a repair is claimed only", B8 "gggg", { PHASE_FIXED, 0, START_MS, START_MS + 1, -1, -1, { 0 } }, MINUTE_MS, true },
		{ "proven before", B8 G24, { PHASE_PROVEN, 0, START_MS, -1, START_MS + HOUR_MS, -1, { 0 } }, MINUTE_MS, false },
		{ "proven since", G12, { PHASE_PROVEN, 0, START_MS, -1, START_MS + DAY_MS, -1, { 0 } }, MINUTE_MS, true },
		{ "opened since", G12, { PHASE_OPEN, 0, START_MS + DAY_MS, -1, -1, -1, { 0 } }, MINUTE_MS, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int count = draw(rows[i].local, START_MS, CELL_MS, samples);
		int64_t at_ms = (count ? samples[count - 1].started_ms : START_MS) + rows[i].after_ms;

		if (defect_is_local(&rule, CELL_MS, &rows[i].defect, samples, count, at_ms) != rows[i].want)
			fail_msg("%s", rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suspect),
		cmocka_unit_test(test_defect),
		cmocka_unit_test(test_daily),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_time_of_day),
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_fixed_starts_the_proof_anew),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_hours),
		cmocka_unit_test(test_evening),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_local),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
