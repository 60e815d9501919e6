#include "collector/store/derived.h"
#include "tests/unit/collector/derive/fixture.h"

static int look(struct txn *txn, void *arg, struct err *err)
{
	struct fixture *fixture = arg;

	json_decref(fixture->shown);
	fixture->shown = NULL;
	return quality_of_line(txn, &config, &fixture->line, fixture->has_agent, fixture->now_ms, &fixture->shown, err);
}

static void assert_quality(struct fixture *fixture, int cell, const char *want)
{
	char *got;

	fixture->now_ms = START_MS + cell * CELL_MS + 10 * MINUTE_MS;
	run(fixture, look);
	got = json_dumps(fixture->shown, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(got, want);
	free(got);
}

static void test_quality(void **state)
{
	struct fixture *fixture = *state;

	fixture->has_agent = false;
	assert_quality(fixture, 0, "{\"coverage\":0,\"fast\":{\"hub\":\"unmeasured\",\"local\":\"unmeasured\"},"
		       "\"good\":\"unmeasured\",\"reason\":\"no-agent\",\"reliable\":\"unmeasured\"}");
	fixture->has_agent = true;
	report(fixture, 0, G8, G8);
	assert_quality(fixture, 8, "{\"coverage\":100,\"fast\":{\"hub\":\"good\",\"local\":\"good\"},"
		       "\"good\":\"unmeasured\",\"reason\":\"little-watched\",\"reliable\":\"unmeasured\"}");
	report(fixture, 8, G8, "g g g g ");
	assert_quality(fixture, 16, "{\"coverage\":75,\"fast\":{\"hub\":\"good\",\"local\":\"good\"},"
		       "\"good\":\"unmeasured\",\"reason\":\"little-watched\",\"reliable\":\"unmeasured\"}");
	report(fixture, 16, B8, G8);
	assert_quality(fixture, 24, "{\"coverage\":83,\"fast\":{\"hub\":\"good\",\"local\":\"bad\"},"
		       "\"good\":\"bad\",\"reason\":\"slow-local\",\"reliable\":\"unmeasured\"}");
}

/* The agent's clock was a year ahead for a while; now it has been silent for three cells. */
static void test_what_is_dated_ahead_hides_no_silence(void **state)
{
	struct fixture *fixture = *state;

	report(fixture, 0, G8, G8);
	report(fixture, 4 * 24 * 365, G8, G8);
	assert_quality(fixture, 11, "{\"coverage\":72,\"fast\":{\"hub\":\"unmeasured\",\"local\":\"unmeasured\"},"
		       "\"good\":\"unmeasured\",\"reason\":\"silent\",\"reliable\":\"unmeasured\"}");
}

static int exempt_now(struct txn *txn, void *arg, struct err *err)
{
	const struct exemption exemption = { START_MS + 8 * CELL_MS, INT64_MAX, LEG_LOCAL, EXEMPT_SERVER };

	(void)arg;
	return exemptions_replace(txn, LEG_LOCAL, INT64_MIN, &exemption, 1, err);
}

/* What is said of the local leg in a cell. */
static const char *look_at(struct fixture *fixture, int cell)
{
	fixture->now_ms = START_MS + cell * CELL_MS + 10 * MINUTE_MS;
	run(fixture, look);
	return json_string_value(json_object_get(json_object_get(fixture->shown, "fast"), "local"));
}

static void assert_reason(struct fixture *fixture, int cell, const char *want)
{
	look_at(fixture, cell);
	assert_string_equal(json_string_value(json_object_get(fixture->shown, "reason")), want);
}

static void test_says_what_hinders(void **state)
{
	struct fixture *fixture = *state;

	report(fixture, 0, G8 "uuu", G8 "ggg");
	assert_string_equal(look_at(fixture, 9), "good");   /* until the newest probe is too old */
	assert_reason(fixture, 10, "in-use");
	assert_reason(fixture, 15, "silent");
	run(fixture, exempt_now);
	assert_reason(fixture, 15, "server");
}

static void assert_coverage(struct fixture *fixture, int cell, int64_t want)
{
	look_at(fixture, cell);
	assert_int_equal(json_integer_value(json_object_get(fixture->shown, "coverage")), want);
}

static void test_coverage_counts_what_arrives_late(void **state)
{
	struct fixture *fixture = *state;

	report(fixture, 90, G8, G8);
	assert_coverage(fixture, 98, 100);
	report(fixture, 82, "g g g g ", "g g g g ");
	assert_coverage(fixture, 98, 75);
	report(fixture, 82, " g g g g", " g g g g");
	assert_coverage(fixture, 98, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_quality),
		CASE(test_what_is_dated_ahead_hides_no_silence),
		CASE(test_says_what_hinders),
		CASE(test_coverage_counts_what_arrives_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
