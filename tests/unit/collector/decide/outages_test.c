#include "collector/decide/outages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define UNDER_WAY JSON_ABSENT
#define ALL       JSON_ABSENT
#define LIST_MAX  4

static const struct outage_rule rule = {
	.brief_from_ms = 10 * SECOND_MS, .outage_from_ms = 60 * SECOND_MS, .merge_gap_ms = 120 * SECOND_MS,
	.site_power_percent = 60, .site_power_within_ms = 120 * SECOND_MS, .coverage_percent = 90,
};
static const struct outage_owners usual = { .port = OWNER_CLIENT, .gateway = OWNER_CLIENT, .resolver = OWNER_PROVIDER };
static const struct outage_owners ours = { OWNER_PROVIDER, OWNER_PROVIDER, OWNER_CLIENT };

#define AT(hour, minute, second) ((hour) * HOUR_MS + (minute) * MINUTE_MS + (second) * SECOND_MS)

/* A day from midnight to midnight; lists end with an empty item. */
static const struct {
	const char *name;
	struct outage_fact outages[LIST_MAX];
	struct stretch watched[LIST_MAX];
	struct planned_work works[LIST_MAX];
	struct outage_owners owners;
	struct {
		int count;                       /* outages in the history, brief ones too */
		int64_t down_ms, maintenance_ms, unknown_ms;
		int64_t outages, briefs;
		int64_t available_ppm;
	} want;
} cases[] = {
	{ "O-a: local and hub dead from 10:00:00 to 10:05:00 is an outage of 300 s",
	  { { AT(10, 0, 0), AT(10, 5, 0), ALL, CAUSE_ACCESS, false } }, { { 0, DAY_MS } }, { { 0 } }, { 0 },
	  { 1, 300 * SECOND_MS, 0, 0, 1, 0, 996527 } },
	{ "O-b: 13 s are a brief interruption, counted apart",
	  { { AT(10, 0, 0), AT(10, 0, 13), ALL, CAUSE_ACCESS, false } }, { { 0, DAY_MS } }, { { 0 } }, { 0 },
	  { 1, 0, 0, 0, 0, 1, 1000000 } },
	{ "O-c: down 60 s, up 90 s, down 60 s is one event of 120 s",
	  { { AT(10, 0, 0), AT(10, 1, 0), ALL, CAUSE_ACCESS, false }, { AT(10, 2, 30), AT(10, 3, 30), ALL, CAUSE_ACCESS, false } },
	  { { 0, DAY_MS } }, { { 0 } }, { 0 }, { 1, 120 * SECOND_MS, 0, 0, 1, 0, 998611 } },
	{ "O-c, merged by the agent already",
	  { { AT(10, 0, 0), AT(10, 3, 30), 120 * SECOND_MS, CAUSE_ACCESS, false } }, { { 0, DAY_MS } }, { { 0 } }, { 0 },
	  { 1, 120 * SECOND_MS, 0, 0, 1, 0, 998611 } },
	{ "O-d: power off from 22:10 until 07:30 is time that nobody knows, no down time",
	  { { -AT(1, 50, 0), AT(7, 30, 0), ALL, CAUSE_POWER, false } }, { { AT(7, 30, 0), DAY_MS } }, { { 0 } }, { 0 },
	  { 1, 0, 0, AT(7, 30, 0), 0, 0, 1000000 } },
	{ "O-e: a laptop closed for an hour takes nothing from availability",
	  { { AT(12, 0, 0), AT(13, 0, 0), ALL, CAUSE_SUSPEND, false } }, { { 0, AT(12, 0, 0) }, { AT(13, 0, 0), DAY_MS } }, { { 0 } },
	  { 0 }, { 1, 0, 0, HOUR_MS, 0, 0, 1000000 } },
	{ "O-f: a step of the clock is no outage, and durations stay",
	  { { AT(10, 0, 0), AT(10, 5, 0), ALL, CAUSE_ACCESS, false }, { AT(12, 0, 0), AT(14, 0, 0), ALL, CAUSE_CLOCK, false } },
	  { { 0, DAY_MS } }, { { 0 } }, { 0 }, { 1, 300 * SECOND_MS, 0, 0, 1, 0, 996527 } },
	{ "O-g: the local server dead for 20 min is no line's outage",
	  { { AT(10, 0, 0), AT(10, 20, 0), ALL, CAUSE_LOCAL_SERVER, false } }, { { 0, DAY_MS } }, { { 0 } }, { 0 },
	  { 1, 0, 0, 0, 0, 0, 1000000 } },
	{ "O-h: 01:50 to 02:20 with maintenance from 02:00: 10 min are down time",
	  { { AT(1, 50, 0), AT(2, 20, 0), ALL, CAUSE_ACCESS, false } }, { { 0, DAY_MS } }, { { 0, AT(2, 0, 0), AT(4, 0, 0) } }, { 0 },
	  { 1, 10 * MINUTE_MS, 2 * HOUR_MS, 0, 1, 0, 992424 } },
	{ "O-i: reports that came late are no outage, once they are here all is known",
	  { { AT(10, 0, 0), AT(13, 0, 0), ALL, CAUSE_REPORT, false } }, { { 0, DAY_MS } }, { { 0 } }, { 0 },
	  { 0, 0, 0, 0, 0, 0, 1000000 } },
	{ "maintenance announced after it began does not count",
	  { { AT(1, 50, 0), AT(2, 20, 0), ALL, CAUSE_ACCESS, false } }, { { 0, DAY_MS } },
	  { { AT(2, 0, 0), AT(2, 0, 0), AT(4, 0, 0) } }, { 0 }, { 1, 30 * MINUTE_MS, 0, 0, 1, 0, 979166 } },
	{ "maintenance announced twice counts once",
	  { { AT(1, 50, 0), AT(2, 20, 0), ALL, CAUSE_ACCESS, false } }, { { 0, DAY_MS } },
	  { { 0, AT(2, 0, 0), AT(4, 0, 0) }, { 1, AT(2, 30, 0), AT(4, 0, 0) } }, { 0 },
	  { 1, 10 * MINUTE_MS, 2 * HOUR_MS, 0, 1, 0, 992424 } },
	{ "power off during maintenance is not unknown twice",
	  { { AT(1, 0, 0), AT(3, 0, 0), ALL, CAUSE_POWER, false } }, { { 0, AT(1, 0, 0) }, { AT(3, 0, 0), DAY_MS } },
	  { { 0, AT(2, 0, 0), AT(4, 0, 0) } }, { 0 }, { 1, 0, 2 * HOUR_MS, HOUR_MS, 0, 0, 1000000 } },
	{ "a restart of the agent takes nothing from availability",
	  { { AT(5, 0, 0), AT(5, 10, 0), ALL, CAUSE_AGENT, false } }, { { 0, AT(5, 0, 0) }, { AT(5, 10, 0), DAY_MS } }, { { 0 } }, { 0 },
	  { 1, 0, 0, 10 * MINUTE_MS, 0, 0, 1000000 } },
	{ "under 10 s is nothing",
	  { { AT(10, 0, 0), AT(10, 0, 9), ALL, CAUSE_ACCESS, false } }, { { 0, DAY_MS } }, { { 0 } }, { 0 },
	  { 0, 0, 0, 0, 0, 0, 1000000 } },
	{ "two minutes apart are two",
	  { { AT(10, 0, 0), AT(10, 1, 0), ALL, CAUSE_ACCESS, false }, { AT(10, 3, 0), AT(10, 4, 0), ALL, CAUSE_ACCESS, false } },
	  { { 0, DAY_MS } }, { { 0 } }, { 0 }, { 2, 120 * SECOND_MS, 0, 0, 2, 0, 998611 } },
	{ "another cause in between is not merged, and does not keep its neighbours apart",
	  { { AT(10, 0, 0), AT(10, 1, 0), ALL, CAUSE_ACCESS, false }, { AT(10, 1, 0), AT(10, 2, 0), ALL, CAUSE_GATEWAY, false },
	    { AT(10, 2, 0), AT(10, 3, 0), ALL, CAUSE_ACCESS, false } },
	  { { 0, DAY_MS } }, { { 0 } }, { 0 }, { 2, 120 * SECOND_MS, 0, 0, 1, 0, 998611 } },
	{ "two brief ones together are an outage",
	  { { AT(10, 0, 0), AT(10, 0, 40), ALL, CAUSE_ACCESS, false }, { AT(10, 1, 0), AT(10, 1, 40), ALL, CAUSE_ACCESS, false } },
	  { { 0, DAY_MS } }, { { 0 } }, { 0 }, { 1, 80 * SECOND_MS, 0, 0, 1, 0, 999074 } },
	{ "seen by two agents of the line it is down once",
	  { { AT(10, 0, 0), AT(10, 10, 0), ALL, CAUSE_ACCESS, false }, { AT(10, 0, 5), AT(10, 9, 0), ALL, CAUSE_ACCESS, false } },
	  { { 0, DAY_MS } }, { { 0 } }, { 0 }, { 1, 10 * MINUTE_MS, 0, 0, 1, 0, 993055 } },
	{ "a dead gateway is the client's",
	  { { AT(10, 0, 0), AT(10, 5, 0), ALL, CAUSE_GATEWAY, false } }, { { 0, DAY_MS } }, { { 0 } }, { 0 },
	  { 1, 0, 0, 0, 0, 0, 1000000 } },
	{ "unless the gateway is the provider's",
	  { { AT(10, 0, 0), AT(10, 5, 0), ALL, CAUSE_GATEWAY, false } }, { { 0, DAY_MS } }, { { 0 } }, { 0, OWNER_PROVIDER, 0 },
	  { 1, 300 * SECOND_MS, 0, 0, 1, 0, 996527 } },
	{ "one under way lasts as long as the line was watched",
	  { { AT(10, 0, 0), UNDER_WAY, ALL, CAUSE_ACCESS, false } }, { { 0, AT(10, 5, 0) }, { AT(20, 0, 0), DAY_MS } }, { { 0 } }, { 0 },
	  { 1, 300 * SECOND_MS, 0, AT(9, 55, 0), 1, 0, 994082 } },
	{ "who sees a line down is watching it",
	  { { AT(10, 0, 0), AT(16, 0, 0), ALL, CAUSE_ACCESS, false } }, { { 0, AT(10, 0, 0) } }, { { 0 } }, { 0 },
	  { 1, 6 * HOUR_MS, 0, 8 * HOUR_MS, 1, 0, 625000 } },
	{ "of an outage since yesterday today's part counts",
	  { { -HOUR_MS, HOUR_MS, ALL, CAUSE_ACCESS, false } }, { { -DAY_MS, DAY_MS } }, { { 0 } }, { 0 },
	  { 1, HOUR_MS, 0, 0, 1, 0, 958333 } },
	{ "nobody watched: nothing is said", { { 0 } }, { { 0 } }, { { 0 } }, { 0 }, { 0, 0, 0, DAY_MS, 0, 0, JSON_ABSENT } },
};

static void make(size_t i, struct outage_history *ret_history)
{
	struct outage_facts facts = { .rule = &rule, .owners = cases[i].owners, .outages = cases[i].outages,
				      .watched = cases[i].watched, .works = cases[i].works };

	while (cases[i].outages[facts.outage_count].ended_ms)
		facts.outage_count++;
	while (cases[i].watched[facts.watched_count].to_ms)
		facts.watched_count++;
	while (cases[i].works[facts.work_count].to_ms)
		facts.work_count++;
	outage_history_make(&facts, ret_history);
}

static void test_a_day(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct outage_history history;
		struct availability day;

		make(i, &history);
		day = outage_availability(&history, 0, DAY_MS);
		if ((int)history.count != cases[i].want.count || day.down_ms != cases[i].want.down_ms ||
		    day.maintenance_ms != cases[i].want.maintenance_ms || day.unknown_ms != cases[i].want.unknown_ms ||
		    day.outages != cases[i].want.outages || day.briefs != cases[i].want.briefs ||
		    availability_ppm(&day) != cases[i].want.available_ppm)
			fail_msg("%s: %zu in the history, %lld ms down, %lld in maintenance, %lld unknown, %lld outages, %lld brief, %lld ppm",
				 cases[i].name, history.count, (long long)day.down_ms, (long long)day.maintenance_ms,
				 (long long)day.unknown_ms, (long long)day.outages, (long long)day.briefs,
				 (long long)availability_ppm(&day));
		outage_history_free(&history);
	}
}

/* The example of 9.4, to the last figure. */
static void test_thirty_days(void **state)
{
	static const struct outage_fact outages[] = {
		{ 5 * DAY_MS, 5 * DAY_MS + 90 * MINUTE_MS, ALL, CAUSE_ACCESS, false },
		{ 10 * DAY_MS + 10 * MINUTE_MS, 10 * DAY_MS + 110 * MINUTE_MS, ALL, CAUSE_ACCESS, false },
		{ 20 * DAY_MS, 23 * DAY_MS, ALL, CAUSE_SHUTDOWN, false },
	};
	static const struct stretch watched[] = { { 0, 20 * DAY_MS }, { 23 * DAY_MS, 30 * DAY_MS } };
	static const struct planned_work work = { 9 * DAY_MS, 10 * DAY_MS, 10 * DAY_MS + 120 * MINUTE_MS };
	const struct outage_facts facts = { .rule = &rule, .outages = outages, .outage_count = 3, .watched = watched,
					    .watched_count = 2, .works = &work, .work_count = 1 };
	struct outage_history history;
	struct availability month, both;

	(void)state;
	outage_history_make(&facts, &history);
	month = outage_availability(&history, 0, 30 * DAY_MS);
	assert_int_equal(month.period_ms, 43200 * MINUTE_MS);
	assert_int_equal(month.maintenance_ms, 120 * MINUTE_MS);
	assert_int_equal(month.down_ms, 90 * MINUTE_MS);
	assert_int_equal(month.unknown_ms, 4320 * MINUTE_MS);
	assert_int_equal(history.outages[1].in_maintenance_ms, 100 * MINUTE_MS);
	assert_int_equal(availability_ppm(&month), 997678);            /* 99.768 % */
	assert_int_equal(availability_coverage_ppm(&month), 899721);   /* 89.97 % */
	assert_false(availability_is_covered(&rule, &month));

	both = outage_availability(&history, 0, 10 * DAY_MS);
	assert_true(availability_is_covered(&rule, &both));
	month = outage_availability(&history, 10 * DAY_MS, 30 * DAY_MS);
	availability_add(&both, &month);
	month = outage_availability(&history, 0, 30 * DAY_MS);
	assert_memory_equal(&both, &month, sizeof month);
	outage_history_free(&history);
}

static void test_whose_it_is(void **state)
{
	static const struct {
		enum outage_cause cause;
		bool site_power;
		const struct outage_owners *owners;
		enum attribution want;
	} rows[] = {
		{ CAUSE_CARRIER, false, &usual, OF_CLIENT },      { CAUSE_CARRIER, false, &ours, OF_PROVIDER },
		{ CAUSE_GATEWAY, false, &usual, OF_CLIENT },      { CAUSE_GATEWAY, false, &ours, OF_PROVIDER },
		{ CAUSE_ACCESS, false, &usual, OF_PROVIDER },     { CAUSE_LOCAL_SERVER, false, &ours, OF_NOBODY },
		{ CAUSE_UPSTREAM, false, &usual, OF_PROVIDER },   { CAUSE_DNS, false, &usual, OF_PROVIDER },
		{ CAUSE_DNS, false, &ours, OF_CLIENT },           { CAUSE_HTTP, false, &ours, OF_NOBODY },
		{ CAUSE_POWER, false, &ours, OF_CLIENT },         { CAUSE_POWER, true, &usual, OF_NOBODY },
		{ CAUSE_SHUTDOWN, false, &ours, OF_EXCLUDED },    { CAUSE_SUSPEND, false, &ours, OF_EXCLUDED },
		{ CAUSE_AGENT, false, &ours, OF_EXCLUDED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (outage_attribution(rows[i].cause, rows[i].owners, rows[i].site_power) != rows[i].want)
			fail_msg("row %zu: %s", i, cause_names[rows[i].cause]);
}

/* Section 13, invariant 6: beside an outage in the access network, wherever in the day, watched meanwhile or not. */
static void test_what_is_off_never_lowers_availability(void **state)
{
	static const enum outage_cause causes[] = { CAUSE_POWER, CAUSE_SUSPEND, CAUSE_SHUTDOWN, CAUSE_AGENT };

	(void)state;
	for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
		for (int64_t from_ms = 0; from_ms < DAY_MS; from_ms += 10 * MINUTE_MS) {
			const int64_t to_ms = from_ms + 50 * MINUTE_MS;
			const struct outage_fact outages[] = {
				{ AT(10, 0, 0), AT(10, 20, 0), ALL, CAUSE_ACCESS, false }, { from_ms, to_ms, ALL, causes[i], false },
			};
			const struct stretch watched[] = { { 0, from_ms }, { to_ms, DAY_MS } };
			struct outage_facts facts = { .rule = &rule, .owners = usual, .outages = outages, .outage_count = 1,
						      .watched = watched, .watched_count = 2 };
			struct outage_history without, with;
			struct availability alone, beside;

			outage_history_make(&facts, &without);
			facts.outage_count = 2;
			outage_history_make(&facts, &with);
			alone = outage_availability(&without, 0, DAY_MS);
			beside = outage_availability(&with, 0, DAY_MS);
			if (availability_ppm(&beside) < availability_ppm(&alone) || beside.down_ms > alone.down_ms)
				fail_msg("cause %d at minute %d: %d ppm with it, %d without", (int)causes[i],
					 (int)(from_ms / MINUTE_MS), (int)availability_ppm(&beside), (int)availability_ppm(&alone));
			outage_history_free(&without);
			outage_history_free(&with);
		}
}

static void test_site_power(void **state)
{
	(void)state;
	assert_true(outage_is_site_power(&rule, 6, 10));
	assert_false(outage_is_site_power(&rule, 5, 9));
	assert_true(outage_is_site_power(&rule, 2, 2));
	assert_false(outage_is_site_power(&rule, 1, 1));
	assert_false(outage_is_site_power(&rule, 0, 0));
}

/* A dead upstream is one incident, not a ticket for each line behind it; neither is what the guard excused. */
static void test_what_accuses_a_line(void **state)
{
	static const struct outage_fact outages[] = {
		{ AT(1, 0, 0), AT(1, 5, 0), ALL, CAUSE_ACCESS, false },   { AT(2, 0, 0), AT(2, 5, 0), ALL, CAUSE_UPSTREAM, false },
		{ AT(3, 0, 0), AT(3, 5, 0), ALL, CAUSE_ACCESS, false },   { AT(4, 0, 0), AT(4, 5, 0), ALL, CAUSE_CARRIER, false },
		{ AT(5, 0, 0), AT(5, 0, 30), ALL, CAUSE_ACCESS, false },
	};
	static const bool want[] = { true, false, false, false, true };
	static const struct stretch excused = { AT(2, 59, 0), AT(4, 0, 0) };
	const struct outage_facts facts = { .rule = &rule, .owners = usual, .outages = outages, .outage_count = 5,
					    .excused = &excused, .excused_count = 1 };
	struct outage_history history;

	(void)state;
	outage_history_make(&facts, &history);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(history.outages[i].accuses, want[i]);
	assert_int_equal(outage_availability(&history, 0, DAY_MS).outages, 3);
	outage_history_free(&history);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_day),
		cmocka_unit_test(test_thirty_days),
		cmocka_unit_test(test_whose_it_is),
		cmocka_unit_test(test_what_is_off_never_lowers_availability),
		cmocka_unit_test(test_site_power),
		cmocka_unit_test(test_what_accuses_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
