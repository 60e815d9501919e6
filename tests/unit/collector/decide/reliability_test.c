#include "collector/decide/reliability.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define LIST_MAX  8

static const struct outage_rule outage_rule = {
	.brief_from_ms = 10 * SECOND_MS, .outage_from_ms = 60 * SECOND_MS, .merge_gap_ms = 120 * SECOND_MS,
	.site_power_percent = 60, .site_power_within_ms = 120 * SECOND_MS, .coverage_percent = 90,
};
static const struct reliability_rule documented = {
	.window_ms = 30 * DAY_MS, .outages = 4, .down_ms = 216 * MINUTE_MS, .briefs = 20, .briefs_within_ms = DAY_MS,
	.proof_ms = 14 * DAY_MS, .proof_outages = 1, .proof_down_ms = 20 * MINUTE_MS, .proof_step_ms = DAY_MS,
	.reopen_within_ms = 72 * HOUR_MS,
};

/* An outage of the access network that begins at noon of a day and lasts so many seconds; so often, three minutes apart. */
struct noon {
	int day, seconds, times;
};

struct said {
	int day;               /* at 18:00 */
	enum mark_kind kind;
};

/* Moves are written as letters and the hours since day 0 at which they were made: o open, r re-open, p prove, t return. */
static const struct {
	const char *name;
	enum reliability_profile profile;
	struct noon outages[LIST_MAX];
	struct said marks[LIST_MAX];
	struct stretch unwatched_days;   /* nobody watched from that day to this */
	int until_day;
	const char *want;
	bool broken;                     /* on the last day */
} cases[] = {
	{ "norm-2001: no outage, nothing", PROFILE_NORM_2001, { { 0 } }, { { 0 } }, { 0, 0 }, 40, "", false },
	{ "norm-2001: brief interruptions are counted apart", PROFILE_NORM_2001, { { 1, 59, 1 } }, { { 0 } }, { 0, 0 }, 40, "", false },
	{ "norm-2001: one outage opens when it ends, the 14th quiet day proves it at midnight", PROFILE_NORM_2001, { { 1, 60, 1 } },
	  { { 0 } }, { 0, 0 }, 40, "o36.0 p384.0 ", false },
	{ "norm-2001: while 14 days are not over nothing is proven", PROFILE_NORM_2001, { { 1, 60, 1 } }, { { 0 } }, { 0, 0 }, 15,
	  "o36.0 ", true },
	{ "norm-2001: another outage meanwhile makes it wait from that one", PROFILE_NORM_2001, { { 1, 60, 1 }, { 10, 60, 1 } },
	  { { 0 } }, { 0, 0 }, 40, "o36.0 p600.0 ", false },
	{ "norm-2001: an outage after the proof re-opens", PROFILE_NORM_2001, { { 1, 60, 1 }, { 20, 60, 1 } }, { { 0 } }, { 0, 0 }, 60,
	  "o36.0 p384.0 r492.0 p840.0 ", false },
	{ "norm-2001: an outage after a repair was reported returns it", PROFILE_NORM_2001, { { 1, 60, 1 }, { 5, 60, 1 } },
	  { { 2, MARK_FIXED } }, { 0, 0 }, 40, "o36.0 t132.0 p480.0 ", false },
	{ "proof counts from when a repair was reported", PROFILE_NORM_2001, { { 1, 60, 1 } }, { { 4, MARK_FIXED } }, { 0, 0 }, 40,
	  "o36.0 p456.0 ", false },
	{ "closed without proof, an outage within 72 h re-opens it", PROFILE_NORM_2001, { { 1, 60, 1 }, { 4, 60, 1 } },
	  { { 2, MARK_CLOSED } }, { 0, 0 }, 10, "o36.0 r108.0 ", true },
	{ "closed without proof, a later one opens another", PROFILE_NORM_2001, { { 1, 60, 1 }, { 6, 60, 1 } },
	  { { 2, MARK_CLOSED } }, { 0, 0 }, 10, "o36.0 o156.0 ", true },
	{ "closed without proof the profile stays broken until the outage is 30 days old", PROFILE_NORM_2001, { { 1, 60, 1 } },
	  { { 2, MARK_CLOSED } }, { 0, 0 }, 30, "o36.0 ", true },
	{ "closed without proof, after 30 days", PROFILE_NORM_2001, { { 1, 60, 1 } }, { { 2, MARK_CLOSED } }, { 0, 0 }, 32, "o36.0 ",
	  false },
	{ "time in which nobody watched proves nothing", PROFILE_NORM_2001, { { 1, 60, 1 } }, { { 0 } }, { 8, 13 }, 40,
	  "o36.0 p624.0 ", false },
	{ "standard: three outages are within it", PROFILE_STANDARD, { { 1, 60, 1 }, { 3, 60, 1 }, { 5, 60, 1 } }, { { 0 } }, { 0, 0 },
	  40, "", false },
	{ "standard: the fourth opens; with one outage left in 14 days it is proven", PROFILE_STANDARD,
	  { { 1, 60, 1 }, { 3, 60, 1 }, { 5, 60, 1 }, { 7, 60, 1 }, { 15, 60, 1 } }, { { 0 } }, { 0, 0 }, 40, "o180.0 p528.0 ", false },
	{ "standard: the fourth after 30 days does not count with the first", PROFILE_STANDARD,
	  { { 1, 60, 1 }, { 3, 60, 1 }, { 5, 60, 1 }, { 33, 60, 1 } }, { { 0 } }, { 0, 0 }, 60, "", false },
	{ "standard: 216 min in all are within it", PROFILE_STANDARD, { { 1, 216 * 60, 1 } }, { { 0 } }, { 0, 0 }, 40, "", false },
	{ "standard: more than 216 min are not", PROFILE_STANDARD, { { 1, 217 * 60, 1 } }, { { 0 } }, { 0, 0 }, 40, "o39.6 p384.0 ",
	  false },
	{ "standard: 20 min down keep it from being proven", PROFILE_STANDARD, { { 1, 217 * 60, 1 }, { 10, 20 * 60, 1 } }, { { 0 } },
	  { 0, 0 }, 40, "o39.6 p600.0 ", false },
	{ "standard: 19 brief ones on one day are within it", PROFILE_STANDARD, { { 1, 30, 19 } }, { { 0 } }, { 0, 0 }, 40, "", false },
	{ "standard: 20 are not", PROFILE_STANDARD, { { 1, 30, 20 } }, { { 0 } }, { 0, 0 }, 40, "o37.0 p384.0 ", false },
	{ "standard: 19 brief ones on the next day too keep it back no longer", PROFILE_STANDARD, { { 1, 30, 20 }, { 3, 30, 19 } },
	  { { 0 } }, { 0, 0 }, 40, "o37.0 p384.0 ", false },
	{ "standard: after a proof it takes four new ones", PROFILE_STANDARD,
	  { { 1, 60, 1 }, { 2, 60, 1 }, { 3, 60, 1 }, { 4, 60, 1 }, { 20, 60, 1 }, { 22, 60, 1 } }, { { 0 } }, { 0, 0 }, 40,
	  "o108.0 p456.0 ", false },
};

#define OUTAGES_MAX 64

static size_t list_outages(const struct noon *noons, struct outage_fact *ret_facts)
{
	size_t count = 0;

	for (; noons->times; noons++)
		for (int i = 0; i < noons->times; i++) {
			int64_t from_ms = noons->day * DAY_MS + 12 * HOUR_MS + i * 200 * SECOND_MS;

			/* they end at noon when they last a minute or less, so that hours come out round */
			if (noons->seconds <= 60)
				from_ms -= noons->seconds * SECOND_MS;
			ret_facts[count++] = (struct outage_fact){ from_ms, from_ms + noons->seconds * SECOND_MS, JSON_ABSENT, CAUSE_ACCESS,
								   false };
		}
	return count;
}

static void write_moves(const struct move *moves, size_t count, char *ret_text, size_t size)
{
	static const char letters[] = { [MOVE_OPEN] = 'o', [MOVE_REOPEN] = 'r', [MOVE_PROVE] = 'p', [MOVE_RETURN] = 't' };

	ret_text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		size_t used = strlen(ret_text);
		long long tenths = moves[i].at_ms / (HOUR_MS / 10);

		assert_int_equal(moves[i].defect, DEFECT_UNRELIABLE);
		assert_true(moves[i].from_ms <= moves[i].at_ms);
		snprintf(ret_text + used, size - used, "%c%lld.%lld ", letters[moves[i].what], tenths / 10, tenths % 10);
	}
}

static void check(size_t i)
{
	const int64_t until_ms = cases[i].until_day * DAY_MS;
	const struct reliability_rule rule = reliability_rule_of(cases[i].profile, &documented);
	struct outage_fact outages[OUTAGES_MAX];
	struct mark marks[LIST_MAX];
	const struct stretch watched[] = { { 0, cases[i].unwatched_days.to_ms ? cases[i].unwatched_days.from_ms * DAY_MS : until_ms },
					   { cases[i].unwatched_days.to_ms * DAY_MS, until_ms } };
	struct outage_facts facts = { .rule = &outage_rule, .outages = outages, .watched = watched, .watched_count = 2 };
	struct reliability_facts asked = { .rule = &rule, .marks = marks, .until_ms = until_ms };
	struct outage_history history;
	struct defect_state state;
	struct move *moves;
	char text[256];
	size_t count;

	facts.outage_count = list_outages(cases[i].outages, outages);
	for (const struct said *said = cases[i].marks; said->day; said++)
		marks[asked.mark_count++] = (struct mark){ said->day * DAY_MS + 18 * HOUR_MS, DEFECT_UNRELIABLE, said->kind };
	outage_history_make(&facts, &history);
	asked.history = &history;
	count = reliability_fold(&asked, &moves, &state);
	write_moves(moves, count, text, sizeof text);
	if (strcmp(text, cases[i].want) || reliability_is_broken(&asked, &state, until_ms) != cases[i].broken)
		fail_msg("%s: %s", cases[i].name, text);
	free(moves);
	outage_history_free(&history);
}

static void test_profiles(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check(i);
}

/* Nothing is proven while the line is down, though the outage has not ended yet. */
static void test_no_proof_in_the_middle_of_an_outage(void **state)
{
	static const struct outage_fact outages[] = {
		{ DAY_MS, DAY_MS + HOUR_MS, JSON_ABSENT, CAUSE_ACCESS, false },
		{ 14 * DAY_MS, 17 * DAY_MS, JSON_ABSENT, CAUSE_ACCESS, false },
	};
	static const struct stretch watched = { 0, 20 * DAY_MS };
	const struct reliability_rule rule = reliability_rule_of(PROFILE_NORM_2001, &documented);
	const struct outage_facts facts = { .rule = &outage_rule, .outages = outages, .outage_count = 2, .watched = &watched,
					    .watched_count = 1 };
	struct reliability_facts asked = { .rule = &rule, .until_ms = 20 * DAY_MS };
	struct outage_history history;
	struct defect_state end;
	struct move *moves;

	(void)state;
	outage_history_make(&facts, &history);
	asked.history = &history;
	assert_int_equal(reliability_fold(&asked, &moves, &end), 1);
	assert_int_equal(end.phase, PHASE_OPEN);
	free(moves);
	outage_history_free(&history);
}

/* Invariant 6: power-off, suspend and a restart of the agent accuse nobody, with either profile. */
static void test_time_without_an_agent_accuses_nobody(void **state)
{
	static const enum outage_cause causes[] = { CAUSE_POWER, CAUSE_SHUTDOWN, CAUSE_SUSPEND, CAUSE_AGENT };
	struct outage_fact outages[8];
	struct reliability_facts asked = { .until_ms = 30 * DAY_MS };
	const struct outage_facts facts = { .rule = &outage_rule, .outages = outages, .outage_count = 8 };
	struct outage_history history;
	struct defect_state end;
	struct move *moves;

	(void)state;
	for (int i = 0; i < 8; i++)
		outages[i] = (struct outage_fact){ i * DAY_MS, i * DAY_MS + 6 * HOUR_MS, JSON_ABSENT, (int)causes[i % 4], i % 8 == 4 };
	outage_history_make(&facts, &history);
	asked.history = &history;
	for (int profile = PROFILE_NORM_2001; profile <= PROFILE_STANDARD; profile++) {
		const struct reliability_rule rule = reliability_rule_of((enum reliability_profile)profile, &documented);

		asked.rule = &rule;
		assert_int_equal(reliability_fold(&asked, &moves, &end), 0);
	}
	outage_history_free(&history);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_no_proof_in_the_middle_of_an_outage),
		cmocka_unit_test(test_time_without_an_agent_accuses_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
