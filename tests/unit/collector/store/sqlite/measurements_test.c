#include "collector/store/measurements.h"

#include "agent/base/random.h"
#include "tests/unit/collector/store/sqlite/fixture.h"

static struct txn *txn_of(void **state)
{
	return &((struct fixture *)*state)->txn;
}

static void put(struct txn *txn, const struct line *line, enum leg leg, int64_t started_ms, int64_t throughput_bps,
		enum judgement judgement, enum trigger trigger)
{
	struct measurement m;

	measurement_init(&m);
	m.leg = (int)leg;
	m.started_ms = started_ms;
	m.throughput_bps = throughput_bps;
	m.judgement = (int)judgement;
	m.trigger = (int)trigger;
	assert_ok(measurement_put(txn, line, 1, started_ms * 2 + (int)leg, &m, &err));
}

static void keeps_the_first(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	struct measurement m;
	struct sample sample;
	json_t *array;

	measurement_init(&m);
	m.leg = LEG_HUB;
	m.started_ms = 1000;
	m.bytes = 1048576;
	m.duration_us = 3000000;
	m.throughput_bps = 2900000;
	m.threshold_bps = 160000;
	m.first_byte_us = 20000;
	m.cross_rx_bps = 0;
	m.idle_p50_us = 2300;
	m.loaded_p50_us = 40000;
	m.cross = CROSS_MEASURED;
	m.judgement = JUDGED_BAD;
	m.reason = REASON_CONTENDED;
	m.trigger = TRIGGER_ORDER;
	m.kind = KIND_CAPACITY;
	assert_ok(measurement_put(txn, &line, 3, 9, &m, &err));
	m.bytes = 5;
	assert_ok(measurement_put(txn, &line, 3, 9, &m, &err));
	assert_int_equal(samples_before(txn, &line, LEG_LOCAL, 1001, STREAM_ALL, &sample, 1, NULL), 0);
	assert_int_equal(samples_before(txn, &line, LEG_HUB, 1001, STREAM_ALL, &sample, 1, NULL), 1);
	assert_int_equal(sample.leg, LEG_HUB);
	assert_int_equal(sample.kind, KIND_CAPACITY);
	assert_false(sample.is_blind);
	assert_int_equal(sample.started_ms, 1000);
	assert_int_equal(sample.spool, 3);
	assert_int_equal(sample.seq, 9);
	assert_int_equal(sample.throughput_bps, 2900000);
	assert_int_equal(sample.threshold_bps, 160000);
	assert_int_equal(sample.judgement, JUDGED_BAD);
	assert_int_equal(sample.reason, REASON_CONTENDED);
	assert_int_equal(sample.trigger, TRIGGER_ORDER);
	assert_int_equal(sample.leg, LEG_HUB);
	assert_int_equal(sample.kind, KIND_CAPACITY);
	assert_false(sample.is_blind);
	assert_ok(measurements_get(txn, &line, LEG_HUB, &sample, 1, &array, &err));
	assert_json(array, "[{'bytes':1048576,'cross_rx_bps':0,'duration_us':3000000,'first_byte_us':20000,'idle_p50_us':2300,'judgement':'bad',"
			   "'kind':'capacity','leg':'hub','loaded_p50_us':40000,'rate_user_bps':2796202,'reason':'contended','started_ms':1000,"
			   "'threshold_bps':160000,'throughput_bps':2900000,'trigger':'order'}]");
	json_decref(array);

	m.cross = CROSS_UNKNOWN;   /* K3: a part of the traffic is no figure */
	assert_ok(measurement_put(txn, &line, 3, 10, &m, &err));
	sample.seq++;
	assert_ok(measurements_get(txn, &line, LEG_HUB, &sample, 1, &array, &err));
	assert_null(json_object_get(json_array_get(array, 0), "cross_rx_bps"));
	json_decref(array);
	sample.seq++;
	assert_fails(measurements_get(txn, &line, LEG_HUB, &sample, 1, &array, &err), ERR_NOT_FOUND,
		     "line line-1: a measurement is missing");
}

static void leaves_out_what_is_absent(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	struct sample sample;
	json_t *array;

	put(txn, &line, LEG_LOCAL, 5, JSON_ABSENT, JUDGED_FAILED, TRIGGER_SCHEDULE);
	assert_int_equal(samples_before(txn, &line, LEG_LOCAL, 6, STREAM_ALL, &sample, 1, NULL), 1);
	assert_int_equal(sample.throughput_bps, JSON_ABSENT);
	assert_int_equal(sample.threshold_bps, JSON_ABSENT);
	assert_int_equal(sample.kind, KIND_REFERENCE);
	assert_true(sample.is_blind);
	assert_ok(measurements_get(txn, &line, LEG_LOCAL, &sample, 1, &array, &err));
	assert_json(array, "[{'bytes':0,'duration_us':0,'judgement':'failed','kind':'reference','leg':'local','started_ms':5,"
			   "'trigger':'schedule'}]");
	json_decref(array);
}

/* Samples at 1 good, 2 bad, 3 failed, 4 good but ordered, 5 marginal, 6 unresolved, 7 bad but extra, 8 good. */
static const struct {
	const char *name;
	bool valid_only;
	int64_t at_ms;
	int limit;
	const char *want;
} windows[] = {
	{ "newest before, oldest first",   false, 9, 3, "678" },
	{ "before is not at",              false, 8, 3, "567" },
	{ "fewer than wanted",             false, 3, 9, "12" },
	{ "none before",                   false, 1, 9, "" },
	{ "valid before",                  true,  9, 3, "258" },
	{ "all valid before",              true,  9, 9, "1258" },
};

static void reads_windows(void **state)
{
	static const enum judgement judged[] = {
		JUDGED_GOOD, JUDGED_BAD, JUDGED_FAILED, JUDGED_GOOD, JUDGED_MARGINAL, JUDGED_UNRESOLVED, JUDGED_BAD, JUDGED_GOOD,
	};
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1"), other = put_line(txn, "42", "line-2");

	for (int i = 0; i < 8; i++) {
		enum trigger trigger = i == 3 ? TRIGGER_ORDER : i == 6 ? TRIGGER_EXTRA : TRIGGER_SCHEDULE;

		put(txn, &line, LEG_LOCAL, i + 1, 100, judged[i], trigger);
		put(txn, &line, LEG_HUB, i + 1, 100, JUDGED_GOOD, TRIGGER_SCHEDULE);
		put(txn, &other, LEG_LOCAL, i + 1, 100, JUDGED_GOOD, TRIGGER_SCHEDULE);
	}
	for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
		struct sample samples[9];
		char got[16] = "";
		enum sample_stream stream = windows[i].valid_only ? STREAM_VALID : STREAM_ALL;
		int count = samples_before(txn, &line, LEG_LOCAL, windows[i].at_ms, stream, samples, windows[i].limit, NULL);

		for (int k = 0; k < count; k++)
			snprintf(got + k, sizeof got - (size_t)k, "%d", (int)samples[k].started_ms);
		if (strcmp(got, windows[i].want))
			fail_msg("%s: %s", windows[i].name, got);
	}
}

static void reads_everything_since(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1"), other = put_line(txn, "42", "line-2");
	struct sample *samples;
	size_t count;

	put(txn, &line, LEG_LOCAL, 4, 100, JUDGED_GOOD, TRIGGER_SCHEDULE);
	put(txn, &line, LEG_LOCAL, 5, 100, JUDGED_FAILED, TRIGGER_ORDER);
	put(txn, &line, LEG_HUB, 6, 100, JUDGED_BAD, TRIGGER_EXTRA);
	put(txn, &other, LEG_LOCAL, 7, 100, JUDGED_GOOD, TRIGGER_SCHEDULE);
	assert_ok(samples_since(txn, &line, 5, &samples, &count, &err));
	assert_int_equal(count, 2);
	assert_int_equal(samples[0].started_ms + samples[1].started_ms, 11);
	assert_int_equal(samples[0].leg + samples[1].leg, LEG_HUB);
	assert_true(samples[0].is_blind);
	free(samples);
	assert_ok(samples_since(txn, &line, 7, &samples, &count, &err));
	assert_int_equal(count, 0);
	free(samples);
}

/* What the series keeps of these rows, as "leg started_ms throughput" texts. Two points are asked for, stretches are 10 ms long. */
struct row {
	enum leg leg;
	int64_t started_ms, throughput_bps;
	enum judgement judgement;
};

static const struct {
	const char *name;
	struct row rows[9];
	const char *want;
} series[] = {
	{ "nothing", { { 0 } }, "" },
	{ "the minimum of each stretch and leg",
	  { { LEG_LOCAL, 100, 50, JUDGED_GOOD }, { LEG_LOCAL, 105, 40, JUDGED_GOOD }, { LEG_LOCAL, 109, 60, JUDGED_GOOD },
	    { LEG_HUB, 104, 9, JUDGED_GOOD }, { LEG_HUB, 103, 8, JUDGED_GOOD }, { LEG_HUB, 105, 10, JUDGED_GOOD },
	    { LEG_LOCAL, 110, 70, JUDGED_GOOD } },
	  "h103:8 l105:40 l110:70 " },
	{ "a bad one stays among good ones",
	  { { LEG_LOCAL, 101, 50, JUDGED_GOOD }, { LEG_LOCAL, 102, 5, JUDGED_BAD }, { LEG_LOCAL, 103, 30, JUDGED_MARGINAL } },
	  "l102:5 " },
	{ "failures stay, one a stretch",
	  { { LEG_LOCAL, 101, 50, JUDGED_GOOD }, { LEG_LOCAL, 102, JSON_ABSENT, JUDGED_FAILED },
	    { LEG_LOCAL, 103, JSON_ABSENT, JUDGED_FAILED }, { LEG_LOCAL, 104, 60, JUDGED_GOOD } },
	  "l101:50 l102:-1 " },
	{ "only failures",
	  { { LEG_HUB, 101, JSON_ABSENT, JUDGED_FAILED }, { LEG_HUB, 111, JSON_ABSENT, JUDGED_FAILED } },
	  "h101:-1 h111:-1 " },
	{ "an invalid low figure hides no valid one",
	  { { LEG_LOCAL, 101, 50, JUDGED_BAD }, { LEG_LOCAL, 102, 1, JUDGED_INVALID }, { LEG_LOCAL, 103, 2, JUDGED_FAILED },
	    { LEG_LOCAL, 104, 60, JUDGED_GOOD } },
	  "l101:50 l102:1 l103:2 " },
	{ "one without a figure hides no figure",
	  { { LEG_LOCAL, 101, JSON_ABSENT, JUDGED_BAD }, { LEG_LOCAL, 102, 7, JUDGED_BAD } },
	  "l101:-1 l102:7 " },
	{ "the first of equals",
	  { { LEG_LOCAL, 102, 7, JUDGED_GOOD }, { LEG_LOCAL, 101, 7, JUDGED_GOOD }, { LEG_LOCAL, 103, 7, JUDGED_GOOD } }, "l101:7 " },
	{ "no more than were asked for: all of them",
	  { { LEG_LOCAL, 101, 50, JUDGED_GOOD }, { LEG_LOCAL, 102, 60, JUDGED_GOOD } }, "l101:50 l102:60 " },
	{ "from is in, to is out",
	  { { LEG_LOCAL, 99, 1, JUDGED_GOOD }, { LEG_LOCAL, 100, 2, JUDGED_GOOD }, { LEG_LOCAL, 119, 3, JUDGED_GOOD },
	    { LEG_LOCAL, 120, 4, JUDGED_GOOD } },
	  "l100:2 l119:3 " },
};

static void thins_without_hiding(void **state)
{
	struct txn *txn = txn_of(state);

	for (size_t i = 0; i < sizeof series / sizeof series[0]; i++) {
		char id[16], got[128] = "";
		json_t *page, *item;
		struct line line;
		size_t k;

		snprintf(id, sizeof id, "line-%zu", i);
		line = put_line(txn, "42", id);
		for (const struct row *row = series[i].rows; row->started_ms; row++)
			put(txn, &line, row->leg, row->started_ms, row->throughput_bps, row->judgement, TRIGGER_SCHEDULE);
		assert_ok(measurements_series(txn, &line, 100, 120, 2, &page, &err));
		json_array_foreach(json_object_get(page, "items"), k, item) {
			json_t *throughput = json_object_get(item, "throughput_bps");

			snprintf(got + strlen(got), sizeof got - strlen(got), "%c%d:%d ",
				 json_string_value(json_object_get(item, "leg"))[0],
				 (int)json_integer_value(json_object_get(item, "started_ms")),
				 throughput ? (int)json_integer_value(throughput) : JSON_ABSENT);
		}
		if (strcmp(got, series[i].want))
			fail_msg("%s: %s", series[i].name, got);
		json_decref(page);
	}
}

static void bounds_the_series(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	json_t *page;

	put(txn, &line, LEG_LOCAL, 5, 1, JUDGED_GOOD, TRIGGER_SCHEDULE);
	assert_ok(measurements_series(txn, &line, 0, INT64_MAX, 1, &page, &err));
	assert_int_equal(json_array_size(json_object_get(page, "items")), 1);
	json_decref(page);
	assert_ok(measurements_series(txn, &line, 0, INT64_MAX, INT64_MAX, &page, &err));
	json_decref(page);
	assert_fails(measurements_series(txn, &line, 5, 5, 1, &page, &err), ERR_INPUT, "from_ms: must lie before to_ms");
	assert_fails(measurements_series(txn, &line, -1, 5, 1, &page, &err), ERR_INPUT, "from_ms: must lie before to_ms");
	assert_fails(measurements_series(txn, &line, 0, 5, 0, &page, &err), ERR_INPUT, "points: must be at least 1");
}

struct visits {
	char seen[128];
	int end_after;
};

static int visit(const json_t *measurement, void *arg)
{
	struct visits *visits = arg;

	snprintf(visits->seen + strlen(visits->seen), sizeof visits->seen - strlen(visits->seen), "%s/%s/%d ",
		 json_string_value(json_object_get(measurement, "client")),
		 json_string_value(json_object_get(measurement, "line")),
		 (int)json_integer_value(json_object_get(measurement, "started_ms")));
	return --visits->end_after == 0 ? 77 : 0;
}

static void visits_in_order(void **state)
{
	struct txn *txn = txn_of(state);
	struct line second = put_line(txn, "b", "line-2"), first = put_line(txn, "a", "line-1");
	struct visits all = { .end_after = -1 }, one = { .end_after = 1 };

	put(txn, &first, LEG_LOCAL, 3, 1, JUDGED_GOOD, TRIGGER_SCHEDULE);
	put(txn, &second, LEG_LOCAL, 9, 1, JUDGED_GOOD, TRIGGER_SCHEDULE);
	put(txn, &second, LEG_LOCAL, 4, 1, JUDGED_GOOD, TRIGGER_SCHEDULE);
	put(txn, &second, LEG_LOCAL, 2, 1, JUDGED_GOOD, TRIGGER_SCHEDULE);
	assert_ok(measurements_visit(txn, 3, visit, &all, &err));
	assert_string_equal(all.seen, "b/line-2/4 b/line-2/9 a/line-1/3 ");
	assert_int_equal(measurements_visit(txn, 3, visit, &one, NULL), 77);
	assert_string_equal(one.seen, "b/line-2/4 ");
}

static void keeps_other_events(void **state)
{
	struct txn *txn = txn_of(state);
	struct line line = put_line(txn, "42", "line-1");
	json_t *event = json_pack("{s:s, s:i}", "type", "boot", "seq", 7);

	assert_ok(event_put(txn, &line, 1, 7, "boot", event, &err));
	assert_ok(event_put(txn, &line, 1, 7, "alive", event, &err));
	json_decref(event);
	assert_int_equal(query(txn->db, "SELECT count(*) FROM event WHERE type = 'boot' AND"
					" event = '{\"type\":\"boot\",\"seq\":7}'"), 1);
	assert_int_equal(query(txn->db, "SELECT count(*) FROM event"), 1);
}

/* 20 lines for 10 days with the usual reference file, in the order in which reports come. */
static void takes_at_most_60_bytes(void **state)
{
	struct txn *txn = txn_of(state);
	uint64_t seed = 42;
	struct random_source random = random_seeded(&seed);
	int64_t pages, rows = 0;
	struct line lines[20];
	char id[16];

	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof id, "line-%d", i);
		lines[i] = put_line(txn, "42", id);
		lines[i].number += 1000;
		lines[i].client_number += 1000;
	}
	pages = query(txn->db, "PRAGMA page_count");
	for (int64_t cell = 0; cell < 960; cell++) {
		for (int64_t i = 0; i < 40; i++, rows++) {
			struct measurement m;

			measurement_init(&m);
			m.leg = (int)(i % 2);
			m.started_ms = 1763800000000 + cell * 900000 + (int64_t)random_below(&random, 900000);
			m.bytes = 1048576;
			m.throughput_bps = 20000000 + (int64_t)random_below(&random, 80000000);
			m.duration_us = m.bytes * 8000000 / m.throughput_bps;
			m.threshold_bps = 240000;
			m.first_byte_us = 5000 + (int64_t)random_below(&random, 80000);
			m.cross_rx_bps = (int64_t)random_below(&random, 200000);
			m.cross = CROSS_MEASURED;
			assert_ok(measurement_put(txn, &lines[i / 2], 1000 + i / 2, 100000 + cell * 2 + i % 2, &m, &err));
		}
	}
	pages = query(txn->db, "PRAGMA page_count") - pages;
	assert_in_range(pages * 4096 / rows, 1, 60);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keeps_the_first),      TEST(leaves_out_what_is_absent), TEST(reads_windows), TEST(reads_everything_since),
		TEST(thins_without_hiding), TEST(bounds_the_series),         TEST(visits_in_order),
		TEST(keeps_other_events),   TEST(takes_at_most_60_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
