#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/json.h"
#include "collector/decide/silence.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS INT64_C(60000)
#define HEARD_MS  (INT64_C(20000) * 24 * 60 * MINUTE_MS)

static const struct silence_rule rule = {
	.report_ms = 5 * MINUTE_MS, .late_reports = 2, .silent_reports = 3, .silent_extra_ms = MINUTE_MS,
	.ticket_after_ms = 60 * MINUTE_MS, .guard_least = 5, .guard_percent = 20, .guard_deviations = 6, .guard_left_percent = 20,
	.hold_reports = 3, .hold_extra_ms = 5 * MINUTE_MS, .check_every_ms = MINUTE_MS, .check_commit_ms = SECOND_MS,
	.check_disk_percent = 5, .check_clock_step_ms = 2 * SECOND_MS,
};

static void test_contact(void **state)
{
	static const struct {
		const char *name;
		int64_t after_ms;
		enum contact want;
		int64_t since_ms;
	} cases[] = {
		{ "just heard", 0, CONTACT_FRESH, 0 },
		{ "heard later than now, after the clock was set back", -MINUTE_MS, CONTACT_FRESH, 0 },
		{ "two intervals are not late", 10 * MINUTE_MS, CONTACT_FRESH, 0 },
		{ "more than two are", 10 * MINUTE_MS + 1, CONTACT_LATE, 10 * MINUTE_MS },
		{ "16 min are not silent", 16 * MINUTE_MS, CONTACT_LATE, 10 * MINUTE_MS },
		{ "more than 16 min are", 16 * MINUTE_MS + 1, CONTACT_SILENT, 16 * MINUTE_MS },
		{ "and stay it", 9000 * MINUTE_MS, CONTACT_SILENT, 16 * MINUTE_MS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t since_ms;

		print_message("%s\n", cases[i].name);
		assert_int_equal(silence_contact(&rule, HEARD_MS, HEARD_MS + cases[i].after_ms, &since_ms), cases[i].want);
		assert_int_equal(since_ms - HEARD_MS, cases[i].since_ms);
	}
}

static void test_nothing_is_judged_after_a_start(void **state)
{
	static const struct {
		const char *name;
		int64_t after_ms;
		bool want;
	} cases[] = {
		{ "at the start", 0, true },
		{ "20 min less a moment", 20 * MINUTE_MS - 1, true },
		{ "20 min", 20 * MINUTE_MS, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		print_message("%s\n", cases[i].name);
		assert_int_equal(silence_is_held(&rule, HEARD_MS, HEARD_MS + cases[i].after_ms), cases[i].want);
	}
}

static void test_ticket_is_due(void **state)
{
	static const struct silence_rule seldom = {
		.report_ms = 60 * MINUTE_MS, .late_reports = 2, .silent_reports = 3, .silent_extra_ms = MINUTE_MS,
		.ticket_after_ms = 60 * MINUTE_MS,
	};
	static const struct {
		const char *name;
		const struct silence_rule *rule;
		int64_t after_ms;
		int64_t want_ms;   /* after the same beginning; -1: not due */
	} cases[] = {
		{ "silent, not for long", &rule, 30 * MINUTE_MS, -1 },
		{ "an hour less a moment", &rule, 60 * MINUTE_MS - 1, -1 },
		{ "an hour", &rule, 60 * MINUTE_MS, 60 * MINUTE_MS },
		{ "found a week later, it was due after an hour all the same", &rule, 10080 * MINUTE_MS, 60 * MINUTE_MS },
		{ "who reports once an hour is not silent after one", &seldom, 100 * MINUTE_MS, -1 },
		{ "but after three and a minute", &seldom, 182 * MINUTE_MS, 181 * MINUTE_MS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t want_ms = cases[i].want_ms < 0 ? JSON_ABSENT : HEARD_MS + cases[i].want_ms;

		print_message("%s\n", cases[i].name);
		assert_int_equal(silence_ticket_due(cases[i].rule, HEARD_MS, HEARD_MS + cases[i].after_ms), want_ms);
	}
}

static void test_mass(void **state)
{
	static const struct {
		const char *name;
		int64_t fallen, fresh;
		double expected;
		bool want;
	} cases[] = {
		{ "nobody", 0, 0, 0, false },
		{ "four of five are too few to tell", 4, 1, 0, false },
		{ "five are enough in a small network", 5, 0, 0, true },
		{ "five of 25 others are a fifth", 5, 25, 0, true },
		{ "five of 26 are not, and six deviations above nothing are seven", 5, 26, 0, false },
		{ "six are not above six", 6, 1000, 0, false },
		{ "seven are", 7, 1000, 0, true },
		{ "where eight fall every Friday evening, 26 are usual", 26, 1000, 8, false },
		{ "27 are not", 27, 1000, 8, true },
		{ "a fifth is a mass even when it is usual", 200, 1000, 190, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		print_message("%s\n", cases[i].name);
		assert_int_equal(silence_is_mass(&rule, cases[i].fallen, cases[i].fresh, cases[i].expected), cases[i].want);
	}
}

static void test_expectation(void **state)
{
	static const int64_t weeks[SILENCE_WEEKS] = { 60, 0, 30, 30 };

	(void)state;
	assert_float_equal(silence_expected(&rule, weeks, 0), 0, 0);         /* nothing is known yet */
	assert_float_equal(silence_expected(&rule, weeks, 1), 10, 1e-9);     /* 10 min of an hour with 60 */
	assert_float_equal(silence_expected(&rule, weeks, SILENCE_WEEKS), 5, 1e-9);
}

static void test_guard(void **state)
{
	struct silence_mass mass = silence_mass_none;

	(void)state;
	silence_mass_count(&rule, &mass, 0, HEARD_MS);
	assert_int_equal(mass.ended_ms, JSON_ABSENT);                        /* one that never began does not end */
	assert_false(silence_guard_is_active(&mass));
	assert_false(silence_mass_has(&mass, HEARD_MS));

	silence_mass_extend(&rule, &mass, false, HEARD_MS);
	assert_true(silence_guard_is_active(&mass));
	assert_false(silence_mass_has(&mass, HEARD_MS - 10 * MINUTE_MS));    /* silent before: not one of them */
	assert_true(silence_mass_has(&mass, HEARD_MS - 10 * MINUTE_MS + 1));
	assert_true(silence_mass_has(&mass, HEARD_MS));
	assert_false(silence_mass_has(&mass, HEARD_MS + 1));                 /* later: only if the mass goes on */
	silence_mass_count(&rule, &mass, 8, HEARD_MS);

	silence_mass_extend(&rule, &mass, true, HEARD_MS + MINUTE_MS);
	assert_true(silence_mass_has(&mass, HEARD_MS + 1));
	assert_false(mass.is_own);                                           /* it stays what it began as */
	silence_mass_count(&rule, &mass, 10, HEARD_MS + MINUTE_MS);

	silence_mass_count(&rule, &mass, 3, HEARD_MS + 50 * MINUTE_MS);      /* three of ten are still away */
	assert_true(silence_guard_is_active(&mass));
	silence_mass_count(&rule, &mass, 2, HEARD_MS + 60 * MINUTE_MS);      /* two of ten: over */
	assert_false(silence_guard_is_active(&mass));
	assert_int_equal(mass.ended_ms, HEARD_MS + 60 * MINUTE_MS);

	silence_mass_extend(&rule, &mass, true, HEARD_MS + 90 * MINUTE_MS);  /* another */
	assert_int_equal(mass.from_ms, HEARD_MS + 80 * MINUTE_MS);
	assert_true(mass.is_own && mass.agents == 0);
}

static void test_own_faults(void **state)
{
	static const struct {
		const char *name;
		struct own_facts facts;
		unsigned want;
	} cases[] = {
		{ "well", { true, 3, 40, 0 }, 0 },
		{ "the public address does not answer", { false, 3, 40, 0 }, 1u << OWN_ADDRESS },
		{ "a commit took a second", { true, 1000, 40, 0 }, 1u << OWN_STORE },
		{ "or a moment less", { true, 999, 40, 0 }, 0 },
		{ "or failed", { true, JSON_ABSENT, 40, 0 }, 1u << OWN_STORE },
		{ "5 % of the disk are free", { true, 3, 5, 0 }, 1u << OWN_DISK },
		{ "6 % are", { true, 3, 6, 0 }, 0 },
		{ "how much is free is not known", { true, 3, JSON_ABSENT, 0 }, 0 },
		{ "the clock went on by 2 s", { true, 3, 40, 2000 }, 0 },
		{ "or more", { true, 3, 40, 2001 }, 1u << OWN_CLOCK },
		{ "the clock was set back", { true, 3, 40, -2001 }, 1u << OWN_CLOCK },
		{ "several", { false, JSON_ABSENT, 0, 9999 }, 15 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		print_message("%s\n", cases[i].name);
		assert_int_equal(silence_own_faults(&rule, &cases[i].facts), cases[i].want);
	}
}

static void test_self_is_looked_at(void **state)
{
	static const struct {
		const char *name;
		int64_t at_ms;
		unsigned faults;
		int64_t listening_ms;
	} looks[] = {
		{ "well", MINUTE_MS, 0, 0 },
		{ "faulty for five minutes", 2 * MINUTE_MS, 1u << OWN_ADDRESS, 0 },
		{ "still", 6 * MINUTE_MS, 1u << OWN_ADDRESS, 0 },
		{ "well again: too short to make anybody late", 7 * MINUTE_MS, 0, 0 },
		{ "faulty for more", 8 * MINUTE_MS, 1u << OWN_STORE, 0 },
		{ "still", 14 * MINUTE_MS, 1u << OWN_STORE, 0 },
		{ "it listens from here on", 15 * MINUTE_MS, 0, 15 * MINUTE_MS },
		{ "the clock stepped", 16 * MINUTE_MS, 1u << OWN_CLOCK, 16 * MINUTE_MS },
		{ "and goes on", 17 * MINUTE_MS, 0, 16 * MINUTE_MS },
		{ "a look is six minutes late", 24 * MINUTE_MS, 0, 24 * MINUTE_MS },
	};
	struct self_state self = { .looked_ms = JSON_ABSENT, .listening_ms = HEARD_MS, .failing_ms = JSON_ABSENT };

	(void)state;
	for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
		print_message("%s\n", looks[i].name);
		silence_self_look(&rule, &self, looks[i].faults, HEARD_MS + looks[i].at_ms);
		assert_int_equal(self.listening_ms - HEARD_MS, looks[i].listening_ms);
		assert_int_equal(self.failing_ms == JSON_ABSENT, looks[i].faults == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contact),
		cmocka_unit_test(test_nothing_is_judged_after_a_start),
		cmocka_unit_test(test_ticket_is_due),
		cmocka_unit_test(test_mass),
		cmocka_unit_test(test_expectation),
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_own_faults),
		cmocka_unit_test(test_self_is_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
