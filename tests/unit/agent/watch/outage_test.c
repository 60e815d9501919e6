/* The worked cases of methodology 9.5, and what can go wrong between them, on the pure machine: each row says when which
 * level is dead; a small world tries the levels in their cadences and in the sweeps that the machine asks for. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/watch/outage.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define DEAD_MAX 4
#define WANT_MAX 3

struct dead {
	enum ladder_level level;
	int from_s, to_s;
};

struct want {
	enum outage_cause cause;
	bool brief;
	int from_s, to_s, down_s;   /* as the attempts see it, to within one cadence */
};

static const struct {
	const char *name;
	struct dead dead[DEAD_MAX];
	struct want want[WANT_MAX];
} cases[] = {
	{ "nothing happens", { { 0 } }, { { 0 } } },
	{ "O-a: local and hub dead, gateway fine: the provider's access",
	  { { LEVEL_LOCAL, 600, 900 }, { LEVEL_HUB, 600, 900 } }, { { CAUSE_ACCESS, false, 600, 900, 300 } } },
	{ "carrier down takes all with it",
	  { { LEVEL_CARRIER, 600, 720 }, { LEVEL_GATEWAY, 600, 720 }, { LEVEL_LOCAL, 600, 720 }, { LEVEL_HUB, 600, 720 } },
	  { { CAUSE_CARRIER, false, 600, 720, 120 } } },
	{ "gateway dead, carrier up",
	  { { LEVEL_GATEWAY, 600, 720 }, { LEVEL_LOCAL, 600, 720 }, { LEVEL_HUB, 600, 720 } },
	  { { CAUSE_GATEWAY, false, 600, 720, 120 } } },
	{ "O-g: local dead 20 min, hub fine: the server's fault",
	  { { LEVEL_LOCAL, 600, 1800 } }, { { CAUSE_LOCAL_SERVER, false, 600, 1800, 1200 } } },
	{ "only the hub unreachable", { { LEVEL_HUB, 600, 900 } }, { { CAUSE_UPSTREAM, false, 600, 900, 300 } } },
	{ "names do not resolve, addresses answer", { { LEVEL_NAMES, 600, 900 } }, { { CAUSE_DNS, false, 600, 900, 300 } } },
	{ "O4: 30 s are a brief interruption, counted apart",
	  { { LEVEL_LOCAL, 600, 630 }, { LEVEL_HUB, 600, 630 } }, { { CAUSE_ACCESS, true, 600, 630, 30 } } },
	{ "O-c, O5: down 60 s, up 90 s, down 60 s is one event of 120 s",
	  { { LEVEL_LOCAL, 600, 660 }, { LEVEL_HUB, 600, 660 }, { LEVEL_LOCAL, 750, 810 }, { LEVEL_HUB, 750, 810 } },
	  { { CAUSE_ACCESS, false, 600, 810, 120 } } },
	{ "up for 5 min between: two events",
	  { { LEVEL_LOCAL, 600, 700 }, { LEVEL_HUB, 600, 700 }, { LEVEL_LOCAL, 1000, 1100 }, { LEVEL_HUB, 1000, 1100 } },
	  { { CAUSE_ACCESS, false, 600, 700, 100 }, { CAUSE_ACCESS, false, 1000, 1100, 100 } } },
	{ "access fails, comes back, and the hub stays dead: two causes",
	  { { LEVEL_LOCAL, 600, 900 }, { LEVEL_HUB, 600, 1500 } },
	  { { CAUSE_ACCESS, false, 600, 900, 300 }, { CAUSE_UPSTREAM, false, 900, 1500, 600 } } },
	{ "one lost echo is loss", { { LEVEL_LOCAL, 600, 601 } }, { { 0 } } },
};

struct world {
	struct ladder ladder;
	const struct dead *dead;
	struct outage got[WANT_MAX + 1];
	int got_count;
};

static bool is_dead(const struct world *world, enum ladder_level level, int64_t at_us)
{
	for (int i = 0; i < DEAD_MAX; i++)
		if (world->dead[i].level == level && at_us >= world->dead[i].from_s * SECOND && at_us < world->dead[i].to_s * SECOND)
			return true;
	return false;
}

static void try_level(struct world *world, int level, int64_t at_us)
{
	ladder_attempt(&world->ladder, (enum ladder_level)level, at_us, !is_dead(world, (enum ladder_level)level, at_us));
}

/* Each level in its cadence, at an offset of its own; and the sweeps. */
static void run_world(struct world *world, int64_t until_us)
{
	static const int cadence_s[LEVEL_COUNT] = { 10, 10, 10, 30, 60, 60 };

	for (int64_t at_us = 0; at_us < until_us; at_us += SECOND) {
		for (int level = 0; level < LEVEL_COUNT; level++)
			if (at_us / SECOND % cadence_s[level] == level % cadence_s[level])
				try_level(world, level, at_us);
		if (at_us >= ladder_next_sweep_us(&world->ladder)) {
			ladder_swept(&world->ladder, at_us);
			for (int level = 0; level < LEVEL_COUNT; level++)
				try_level(world, level, at_us);
		}
		while (world->got_count <= WANT_MAX && ladder_take(&world->ladder, at_us, &world->got[world->got_count]))
			world->got_count++;
	}
}

static void assert_near(const char *name, const char *what, int64_t got_us, int want_s)
{
	if (llabs(got_us - want_s * SECOND) > 31 * SECOND)
		fail_msg("%s: %s is %" PRId64 " s, not about %d s", name, what, got_us / SECOND, want_s);
}

static void assert_case(const char *name, const struct world *world, const struct want *want)
{
	int want_count = 0;

	while (want_count < WANT_MAX && want[want_count].cause != CAUSE_NONE)
		want_count++;
	if (world->got_count != want_count)
		fail_msg("%s: %d events, not %d", name, world->got_count, want_count);
	for (int i = 0; i < want_count; i++) {
		const struct outage *got = &world->got[i];

		assert_string_equal(outage_cause_names[got->cause], outage_cause_names[want[i].cause]);
		if (got->brief != want[i].brief)
			fail_msg("%s: brief is %d", name, got->brief);
		assert_near(name, "start", got->started_us, want[i].from_s);
		assert_near(name, "end", got->ended_us, want[i].to_s);
		assert_near(name, "downtime", got->down_us, want[i].down_s);
		assert_true(got->shortest_us <= got->down_us && got->down_us <= got->longest_us);
	}
}

static void test_worked_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct world world = { .dead = cases[i].dead };
		struct ladder_rule rule = ladder_rule_documented();

		ladder_init(&world.ladder, &rule);
		run_world(&world, 60 * MINUTE);
		assert_case(cases[i].name, &world, cases[i].want);
	}
}

/* Attempts at exactly the seconds that the worked case names. */
static void feed(struct ladder *ladder, enum ladder_level level, const int *seconds, int count, bool ok)
{
	for (int i = 0; i < count; i++)
		ladder_attempt(ladder, level, seconds[i] * SECOND, ok);
}

static void start_with_all_up(struct ladder *ladder)
{
	struct ladder_rule rule = ladder_rule_documented();

	ladder_init(ladder, &rule);
	for (int level = 0; level < LEVEL_COUNT; level++)
		ladder_attempt(ladder, (enum ladder_level)level, 0, true);
}

static void test_exact_times_of_o_a(void **state)
{
	static const int fails[] = { 100, 101, 103, 113, 123, 390 }, oks[] = { 400, 410, 420 };
	struct ladder ladder;
	struct outage outage;

	(void)state;
	start_with_all_up(&ladder);
	ladder_attempt(&ladder, LEVEL_LOCAL, 95 * SECOND, true);
	feed(&ladder, LEVEL_LOCAL, fails, 4, false);
	assert_int_equal(ladder.levels[LEVEL_LOCAL].state, LEVEL_DOUBT);   /* confirmed, but 13 s are not 20 */
	feed(&ladder, LEVEL_LOCAL, fails + 4, 2, false);
	assert_int_equal(ladder.levels[LEVEL_LOCAL].state, LEVEL_DOWN);
	feed(&ladder, LEVEL_HUB, fails, 6, false);
	feed(&ladder, LEVEL_LOCAL, oks, 3, true);
	feed(&ladder, LEVEL_HUB, oks, 3, true);
	assert_false(ladder_take(&ladder, 519 * SECOND, &outage));          /* may still merge */
	assert_true(ladder_take(&ladder, 520 * SECOND, &outage));
	assert_int_equal(outage.cause, CAUSE_ACCESS);
	assert_int_equal(outage.started_us, 100 * SECOND);
	assert_int_equal(outage.ended_us, 400 * SECOND);
	assert_int_equal(outage.down_us, 300 * SECOND);
	assert_int_equal(outage.longest_us, 305 * SECOND);                  /* O3: from the last success before */
	assert_int_equal(outage.shortest_us, 290 * SECOND);                 /* O3: to the last failure */
	assert_false(ladder_take(&ladder, 10000 * SECOND, &outage));
}

/* The hub answers again 8 s after the local server, the last to recover: the bounds are the local server's all the same. */
static void test_bounds_where_another_level_ends_the_event(void **state)
{
	static const int fails[] = { 100, 101, 103, 113, 123, 390 }, oks[] = { 400, 410, 420 };
	static const int hub_fails[] = { 101, 102, 104, 114, 124, 398 }, hub_oks[] = { 408, 418, 428 };
	struct ladder ladder;
	struct outage outage;

	(void)state;
	start_with_all_up(&ladder);
	ladder_attempt(&ladder, LEVEL_LOCAL, 95 * SECOND, true);
	feed(&ladder, LEVEL_LOCAL, fails, 6, false);
	feed(&ladder, LEVEL_HUB, hub_fails, 6, false);
	feed(&ladder, LEVEL_LOCAL, oks, 3, true);
	feed(&ladder, LEVEL_HUB, hub_oks, 3, true);
	assert_true(ladder_take(&ladder, INT64_MAX, &outage));
	assert_int_equal(outage.cause, CAUSE_ACCESS);
	assert_int_equal(outage.started_us, 100 * SECOND);
	assert_int_equal(outage.ended_us, 408 * SECOND);
	assert_int_equal(outage.shortest_us, 290 * SECOND);
	assert_int_equal(outage.longest_us, 313 * SECOND);
	assert_false(ladder_take(&ladder, INT64_MAX, &outage));
}

/* What is said of an outage while it lasts has the start that its end will have. */
static void test_under_way(void **state)
{
	static const int fails[] = { 100, 101, 103, 113, 123 }, oks[] = { 170, 180, 190 }, again[] = { 250, 251, 253, 263, 273 };
	struct ladder ladder;
	struct outage so_far, outage;

	(void)state;
	start_with_all_up(&ladder);
	assert_false(ladder_under_way(&ladder, 99 * SECOND, &so_far));
	feed(&ladder, LEVEL_LOCAL, fails, 4, false);
	assert_false(ladder_under_way(&ladder, 113 * SECOND, &so_far));    /* O1: confirmed, and not down */
	feed(&ladder, LEVEL_LOCAL, fails + 4, 1, false);
	assert_true(ladder_under_way(&ladder, 124 * SECOND, &so_far));
	assert_int_equal(so_far.cause, CAUSE_LOCAL_SERVER);
	assert_int_equal(so_far.started_us, 100 * SECOND);
	assert_int_equal(so_far.down_us, 24 * SECOND);
	feed(&ladder, LEVEL_HUB, fails + 1, 4, false);
	assert_true(ladder_under_way(&ladder, 130 * SECOND, &so_far));
	assert_int_equal(so_far.cause, CAUSE_ACCESS);                      /* another cause, the same start */
	assert_int_equal(so_far.started_us, 100 * SECOND);
	assert_int_equal(ladder.pending_count, 0);                         /* looking changes nothing */
	feed(&ladder, LEVEL_LOCAL, oks, 3, true);
	feed(&ladder, LEVEL_HUB, oks, 3, true);
	assert_false(ladder_under_way(&ladder, 200 * SECOND, &so_far));

	feed(&ladder, LEVEL_LOCAL, again, 5, false);
	feed(&ladder, LEVEL_HUB, again, 5, false);
	assert_true(ladder_under_way(&ladder, 280 * SECOND, &so_far));     /* O5: less than 120 s later: the same event */
	assert_int_equal(so_far.started_us, 100 * SECOND);
	assert_int_equal(so_far.down_us, (70 + 30) * SECOND);
	ladder_interrupt(&ladder, 280 * SECOND, 0);
	assert_true(ladder_take(&ladder, INT64_MAX, &outage));
	assert_int_equal(outage.started_us, so_far.started_us);
	assert_int_equal(outage.down_us, so_far.down_us);
}

static void test_o_b_is_brief_and_never_down(void **state)
{
	static const int fails[] = { 0, 1, 3 }, oks[] = { 13, 23, 33 };
	struct ladder ladder;
	struct outage outage;

	(void)state;
	start_with_all_up(&ladder);
	for (int i = 0; i < 3; i++) {
		feed(&ladder, LEVEL_LOCAL, &fails[i], 1, false);
		feed(&ladder, LEVEL_HUB, &fails[i], 1, false);
		assert_int_not_equal(ladder.levels[LEVEL_LOCAL].state, LEVEL_DOWN);
	}
	feed(&ladder, LEVEL_LOCAL, oks, 3, true);
	feed(&ladder, LEVEL_HUB, oks, 3, true);
	assert_true(ladder_take(&ladder, 200 * SECOND, &outage));
	assert_true(outage.brief);
	assert_int_equal(outage.down_us, 13 * SECOND);
}

static void test_an_interrupted_recovery_prolongs_the_outage(void **state)
{
	static const int fails[] = { 10, 11, 13, 23, 33 }, ok_once[] = { 43 }, fails_again[] = { 53 }, oks[] = { 63, 73, 83 };
	struct ladder ladder;
	struct outage outage;

	(void)state;
	start_with_all_up(&ladder);
	feed(&ladder, LEVEL_HUB, fails, 5, false);
	feed(&ladder, LEVEL_HUB, ok_once, 1, true);
	feed(&ladder, LEVEL_HUB, fails_again, 1, false);
	feed(&ladder, LEVEL_HUB, oks, 3, true);
	assert_true(ladder_take(&ladder, 1000 * SECOND, &outage));
	assert_int_equal(outage.ended_us - outage.started_us, 53 * SECOND);
}

static void test_a_gateway_that_never_answers_accuses_nobody(void **state)
{
	struct ladder_rule rule = ladder_rule_documented();
	struct ladder ladder;
	struct outage outage;

	(void)state;
	ladder_init(&ladder, &rule);
	for (int s = 0; s < 600; s += 10) {
		ladder_attempt(&ladder, LEVEL_GATEWAY, s * SECOND, false);
		ladder_attempt(&ladder, LEVEL_LOCAL, s * SECOND, true);
	}
	assert_int_equal(ladder.levels[LEVEL_GATEWAY].state, LEVEL_UNTRIED);
	assert_int_equal(ladder_next_sweep_us(&ladder), INT64_MAX);
	assert_false(ladder_take(&ladder, 10000 * SECOND, &outage));
}

static void test_sweeps_follow_the_first_failure(void **state)
{
	struct ladder ladder;
	int64_t since_us;

	(void)state;
	start_with_all_up(&ladder);
	assert_int_equal(ladder_next_sweep_us(&ladder), INT64_MAX);
	ladder_attempt(&ladder, LEVEL_LOCAL, 100 * SECOND, false);
	assert_int_equal(ladder_next_sweep_us(&ladder), 101 * SECOND);
	ladder_swept(&ladder, 101 * SECOND);
	assert_int_equal(ladder_next_sweep_us(&ladder), 103 * SECOND);
	ladder_swept(&ladder, 103 * SECOND);
	assert_int_equal(ladder_next_sweep_us(&ladder), 113 * SECOND);
	assert_int_equal(ladder_cause_now(&ladder, &since_us), CAUSE_NONE);
	ladder_attempt(&ladder, LEVEL_LOCAL, 101 * SECOND, false);
	ladder_attempt(&ladder, LEVEL_LOCAL, 103 * SECOND, false);
	assert_int_equal(ladder_cause_now(&ladder, &since_us), CAUSE_LOCAL_SERVER);
	assert_int_equal(since_us, 100 * SECOND);
}

static void test_sweeps_count_from_when_the_failure_is_known(void **state)
{
	struct ladder ladder;

	(void)state;
	start_with_all_up(&ladder);
	ladder_sweep_from(&ladder, 50 * SECOND);
	assert_int_equal(ladder_next_sweep_us(&ladder), INT64_MAX);
	ladder_attempt(&ladder, LEVEL_LOCAL, 100 * SECOND, false);
	ladder_sweep_from(&ladder, 103 * SECOND);
	assert_int_equal(ladder_next_sweep_us(&ladder), 104 * SECOND);
}

static void test_a_gap_is_never_billed(void **state)
{
	static const int before[] = { 100, 101, 103, 113, 123 }, after[] = { 4000, 4001, 4003, 4013, 4023 },
			 oks[] = { 4033, 4043, 4053 };
	struct ladder ladder;
	struct outage outage;

	(void)state;
	start_with_all_up(&ladder);
	feed(&ladder, LEVEL_HUB, before, 5, false);
	ladder_interrupt(&ladder, 170 * SECOND, 0);
	assert_true(ladder_take(&ladder, INT64_MAX, &outage));
	assert_int_equal(outage.started_us, 100 * SECOND);
	assert_int_equal(outage.ended_us, 170 * SECOND);
	assert_int_equal(outage.shortest_us, 23 * SECOND);
	feed(&ladder, LEVEL_HUB, after, 5, false);
	feed(&ladder, LEVEL_HUB, oks, 3, true);
	assert_true(ladder_take(&ladder, INT64_MAX, &outage));
	assert_int_equal(outage.started_us, 4000 * SECOND);
	assert_int_equal(outage.longest_us, 33 * SECOND);   /* what went before the gap is not known to be one with it */
}

static void test_a_gap_ends_a_recovery_where_it_began(void **state)
{
	static const int fails[] = { 100, 101, 103, 113, 173 }, oks[] = { 180, 185 };
	struct ladder ladder;
	struct outage outage;

	(void)state;
	start_with_all_up(&ladder);
	feed(&ladder, LEVEL_HUB, fails, 5, false);
	feed(&ladder, LEVEL_HUB, oks, 2, true);
	ladder_interrupt(&ladder, 186 * SECOND, 0);
	assert_true(ladder_take(&ladder, INT64_MAX, &outage));
	assert_int_equal(outage.ended_us, 180 * SECOND);
}

static void test_starting_is_an_outage_only_past_300_s(void **state)
{
	static const int starting[] = { 10, 20, 200, 299 }, late[] = { 300, 301, 303, 313, 323, 370 }, oks[] = { 380, 390, 400 };
	struct ladder ladder;
	struct outage outage;

	(void)state;
	start_with_all_up(&ladder);
	ladder_interrupt(&ladder, 0, 300 * SECOND);
	feed(&ladder, LEVEL_HUB, starting, 4, false);
	assert_int_equal(ladder.levels[LEVEL_HUB].state, LEVEL_UP);
	feed(&ladder, LEVEL_HUB, late, 6, false);
	feed(&ladder, LEVEL_HUB, oks, 3, true);
	assert_true(ladder_take(&ladder, INT64_MAX, &outage));
	assert_int_equal(outage.started_us, 300 * SECOND);

	/* the first answer ends the excuse */
	ladder_interrupt(&ladder, 1000 * SECOND, 1300 * SECOND);
	ladder_attempt(&ladder, LEVEL_HUB, 1010 * SECOND, true);
	ladder_attempt(&ladder, LEVEL_HUB, 1020 * SECOND, false);
	assert_int_equal(ladder.levels[LEVEL_HUB].state, LEVEL_DOUBT);
}

static void test_a_new_target_has_never_answered(void **state)
{
	static const int fails[] = { 100, 101, 103, 113, 123 };
	struct ladder ladder;
	struct outage outage;

	(void)state;
	start_with_all_up(&ladder);
	feed(&ladder, LEVEL_HUB, fails, 5, false);
	ladder_forget(&ladder, LEVEL_HUB, 150 * SECOND);
	assert_int_equal(ladder.levels[LEVEL_HUB].state, LEVEL_UNTRIED);
	assert_true(ladder_take(&ladder, INT64_MAX, &outage));
	assert_int_equal(outage.ended_us, 150 * SECOND);
}

/* The hub is dead for ten hours; in the third the access is, for 5 min. */
static void test_a_dead_server_does_not_hold_back_what_comes_and_goes(void **state)
{
	const int hour = 3600;
	struct ladder ladder;
	struct outage outage;
	int64_t since_us;

	(void)state;
	start_with_all_up(&ladder);
	for (int s = 100; s < 10 * hour; s += 10) {
		ladder_attempt(&ladder, LEVEL_HUB, s * SECOND, false);
		ladder_attempt(&ladder, LEVEL_LOCAL, s * SECOND, s < 3 * hour || s >= 3 * hour + 300);
		ladder_slice(&ladder, s * SECOND);
		if (s <= 3 * hour + 300)
			assert_false(ladder_take(&ladder, s * SECOND, &outage));
	}
	assert_int_equal(ladder_cause_now(&ladder, &since_us), CAUSE_UPSTREAM);
	assert_int_equal(since_us, 100 * SECOND);

	assert_true(ladder_take(&ladder, 10 * hour * SECOND, &outage));
	assert_int_equal(outage.cause, CAUSE_UPSTREAM);
	assert_int_equal(outage.ended_us, 3 * hour * SECOND);
	assert_int_equal(outage.down_us, (3 * hour - 100) * SECOND);
	assert_true(ladder_take(&ladder, 10 * hour * SECOND, &outage));
	assert_int_equal(outage.cause, CAUSE_ACCESS);
	assert_int_equal(outage.started_us, 3 * hour * SECOND);
	assert_int_equal(outage.down_us, 300 * SECOND);
	assert_false(ladder_take(&ladder, 10 * hour * SECOND, &outage));

	for (int s = 10 * hour; s < 10 * hour + 30; s += 10)
		ladder_attempt(&ladder, LEVEL_HUB, s * SECOND, true);
	assert_true(ladder_take(&ladder, 11 * hour * SECOND, &outage));
	assert_int_equal(outage.started_us, (3 * hour + 300) * SECOND);   /* one event, whatever was sliced off */
	assert_int_equal(outage.down_us, (7 * hour - 300) * SECOND);
	assert_in_range(outage.shortest_us, outage.down_us - 10 * SECOND, outage.down_us);
	assert_int_equal(outage.longest_us, outage.down_us);
}

static void test_flapping_for_hours_stays_bounded(void **state)
{
	struct ladder ladder;
	struct outage outage;
	int events = 0;

	(void)state;
	start_with_all_up(&ladder);
	ladder_attempt(&ladder, LEVEL_HUB, SECOND, false);   /* keeps everything unsettled */
	for (int i = 0; i < 10 * LADDER_EPISODES_MAX; i++)
		for (int s = 0; s < 100; s += 5)
			ladder_attempt(&ladder, LEVEL_LOCAL, (10 + i * 100 + s) * SECOND, s >= 50);
	assert_true(ladder.ended_count <= LADDER_EPISODES_MAX);
	for (int s = 0; s < 30; s += 10)
		ladder_attempt(&ladder, LEVEL_HUB, (100000 + s) * SECOND, true);
	while (ladder_take(&ladder, 200000 * SECOND, &outage))
		events++;
	assert_true(events >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worked_cases),
		cmocka_unit_test(test_exact_times_of_o_a),
		cmocka_unit_test(test_bounds_where_another_level_ends_the_event),
		cmocka_unit_test(test_under_way),
		cmocka_unit_test(test_o_b_is_brief_and_never_down),
		cmocka_unit_test(test_an_interrupted_recovery_prolongs_the_outage),
		cmocka_unit_test(test_a_gateway_that_never_answers_accuses_nobody),
		cmocka_unit_test(test_sweeps_follow_the_first_failure),
		cmocka_unit_test(test_sweeps_count_from_when_the_failure_is_known),
		cmocka_unit_test(test_a_gap_is_never_billed),
		cmocka_unit_test(test_a_gap_ends_a_recovery_where_it_began),
		cmocka_unit_test(test_starting_is_an_outage_only_past_300_s),
		cmocka_unit_test(test_a_new_target_has_never_answered),
		cmocka_unit_test(test_a_dead_server_does_not_hold_back_what_comes_and_goes),
		cmocka_unit_test(test_flapping_for_hours_stays_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
