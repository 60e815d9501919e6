#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/spool/dropped.h"

#define SPOOL "6f1c0a52-5e0a-4a8e-9d6b-2f6c1f0a3b7d"
#define NONE  JSON_ABSENT

static const struct {
	const char *name;
	struct dropped losses[3];
	size_t count;
	const char *want;
} cases[] = {
	{ "nothing", { { .reason = "" } }, 0, "{}" },
	{ "one",
	  { { "full", "measurement", "", 1, 7, 7, 100, 100 } }, 1,
	  "{\"count\":1,\"lost\":[{\"count\":1,\"first_seq\":7,\"from_ms\":100,\"last_seq\":7,\"reason\":\"full\","
	  "\"to_ms\":100,\"type\":\"measurement\"}]}" },
	{ "of one kind they grow, at both ends",
	  { { "full", "alive", "", 2, 7, 9, 100, 120 }, { "full", "alive", "", 1, 11, 11, 90, 90 }, { "full", "alive", "", 1, 5, 5, 130, 130 } }, 3,
	  "{\"count\":4,\"lost\":[{\"count\":4,\"first_seq\":5,\"from_ms\":90,\"last_seq\":11,\"reason\":\"full\","
	  "\"to_ms\":130,\"type\":\"alive\"}]}" },
	{ "reasons, types and spools stay apart",
	  { { "full", "alive", "", 1, 1, 1, 1, 1 }, { "memory", "alive", "", 2, NONE, NONE, 2, 2 }, { "missing", "alive", SPOOL, 3, 3, 5, 3, 3 } }, 3,
	  "{\"count\":6,\"lost\":[{\"count\":1,\"first_seq\":1,\"from_ms\":1,\"last_seq\":1,\"reason\":\"full\",\"to_ms\":1,"
	  "\"type\":\"alive\"},{\"count\":2,\"from_ms\":2,\"reason\":\"memory\",\"to_ms\":2,\"type\":\"alive\"},{\"count\":3,"
	  "\"first_seq\":3,\"from_ms\":3,\"last_seq\":5,\"reason\":\"missing\",\"spool\":\"" SPOOL "\",\"to_ms\":3,"
	  "\"type\":\"alive\"}]}" },
	{ "an unknown number makes the sum unknown",
	  { { "damaged", "", SPOOL, 5, 1, 5, 1, 5 }, { "damaged", "", SPOOL, NONE, NONE, NONE, NONE, NONE } }, 2,
	  "{\"count\":5,\"lost\":[{\"first_seq\":1,\"from_ms\":1,\"last_seq\":5,\"reason\":\"damaged\",\"spool\":\"" SPOOL "\","
	  "\"to_ms\":5}]}" },
};

static void expect(const char *name, const json_t *members, const char *want)
{
	char *text = json_dumps(members, JSON_COMPACT | JSON_SORT_KEYS);

	if (strcmp(text, want) != 0)
		fail_msg("%s: %s, not %s", name, text, want);
	free(text);
}

static void test_losses_add_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		json_t *one = json_object(), *all = json_object();

		for (size_t n = 0; n < cases[i].count; n++)
			dropped_add(one, &cases[i].losses[n]);
		expect(cases[i].name, one, cases[i].want);
		assert_int_equal(dropped_is_empty(one), cases[i].count == 0);

		dropped_add_all(all, one);   /* what was merged says the same */
		assert_true(json_equal(json_object_get(all, "lost"), json_object_get(one, "lost")) || !cases[i].count);
		json_decref(one);
		json_decref(all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_losses_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
