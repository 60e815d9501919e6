/* A ladder that went through its JSON gives the same events as one that did not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/json.h"
#include "agent/watch/ladder_json.h"

#define SECOND INT64_C(1000000)

static struct ladder make_ladder(void)
{
	struct ladder_rule rule = ladder_rule_documented();
	struct ladder ladder;

	ladder_init(&ladder, &rule);
	return ladder;
}

/* One event pending, the hub recovering, the local server down, names in doubt; HTTP never answered. */
static struct ladder make_busy_ladder(void)
{
	struct ladder ladder = make_ladder();

	for (int level = 0; level < LEVEL_HTTP; level++)
		ladder_attempt(&ladder, (enum ladder_level)level, SECOND, true);
	for (int s = 100; s < 200; s += 5)
		ladder_attempt(&ladder, LEVEL_HUB, s * SECOND, s >= 170);
	for (int s = 250; s < 400; s += 10) {
		ladder_attempt(&ladder, LEVEL_LOCAL, s * SECOND, false);
		ladder_attempt(&ladder, LEVEL_HUB, s * SECOND, s >= 390);
	}
	ladder_attempt(&ladder, LEVEL_NAMES, 395 * SECOND, false);
	return ladder;
}

static struct ladder pass_through_text(const struct ladder *ladder)
{
	struct ladder copy = make_ladder();
	json_t *object = ladder_to_json(ladder), *parsed;
	char *text = json_dumps(object, JSON_COMPACT);
	struct err err;

	assert_int_equal(json_parse(text, strlen(text), &parsed, &err), 0);
	if (ladder_from_json(parsed, &copy, &err) < 0)
		fail_msg("%s", err.message);
	free(text);
	json_decref(object);
	json_decref(parsed);
	return copy;
}

static void test_events_are_the_same(void **state)
{
	struct ladder ladder = make_busy_ladder(), copy = pass_through_text(&ladder);
	struct outage want, got;
	int events = 0;

	(void)state;
	assert_int_equal(ladder.pending_count, 1);
	ladder_interrupt(&ladder, 400 * SECOND, 0);
	ladder_interrupt(&copy, 400 * SECOND, 0);
	for (; ladder_take(&ladder, INT64_MAX, &want); events++) {
		assert_true(ladder_take(&copy, INT64_MAX, &got));
		assert_int_equal(got.cause, want.cause);
		assert_int_equal(got.brief, want.brief);
		assert_int_equal(got.started_us, want.started_us);
		assert_int_equal(got.ended_us, want.ended_us);
		assert_int_equal(got.down_us, want.down_us);
		assert_int_equal(got.shortest_us, want.shortest_us);
		assert_int_equal(got.longest_us, want.longest_us);
	}
	assert_false(ladder_take(&copy, INT64_MAX, &got));
	assert_true(events >= 2);
	for (int level = 0; level < LEVEL_COUNT; level++)
		assert_int_equal(copy.levels[level].state, level == LEVEL_HTTP ? LEVEL_UNTRIED : LEVEL_UP);
}

static void test_what_does_not_fit_changes_nothing(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "{}", "ladder: another number of levels or episodes than this program keeps" },
		{ "{\"levels\":[{\"state\":\"up\"},{},{},{},{},{}],\"ended\":[],\"pending\":[]}", "ladder: level: state: is missing" },
		{ "{\"levels\":[{\"state\":\"down\"},{},{},{},{},{}],\"ended\":[],\"pending\":[]}", "ladder: episode: must be an object" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct ladder ladder = make_ladder(), before = ladder;
		json_t *object = json_loads(cases[i].text, 0, NULL);
		struct err err;

		assert_int_equal(ladder_from_json(object, &ladder, &err), -1);
		assert_string_equal(err.message, cases[i].message);
		assert_int_equal(ladder.levels[0].state, before.levels[0].state);
		json_decref(object);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events_are_the_same),
		cmocka_unit_test(test_what_does_not_fit_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
