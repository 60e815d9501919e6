#include "agent/measure/steady.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/base/json.h"

#define MBPS INT64_C(1000000)
#define S    INT64_C(1000000)

/* Bytes of a slice at this rate. */
#define AT(mbps) ((mbps) * 12500)

/* Slices 0 to 99 follow a shape. */
enum shape { FLAT, RAMP_THEN_FLAT, LINEAR, SAW, BUCKET, SILENT };

static struct trace trace_of(enum shape shape, int64_t mbps)
{
	struct trace trace = { 0 };

	for (int i = 0; i < TRACE_SLICES; i++)
		switch (shape) {
		case FLAT:           trace.bytes[i] = AT(mbps); break;
		case RAMP_THEN_FLAT: trace.bytes[i] = i < 5 ? AT(mbps) * i / 5 : AT(mbps); break;
		case LINEAR:         trace.bytes[i] = AT(mbps) * (i + 1) / TRACE_SLICES; break;
		case SAW:            trace.bytes[i] = AT(mbps) + (i % 7 - 3) * AT(mbps) / 20; break;
		case BUCKET:         trace.bytes[i] = i < 15 ? 3 * AT(mbps) : AT(mbps); break;
		case SILENT:         break;
		}
	return trace;
}

static const struct {
	const char *name;
	enum shape shape;
	int64_t mbps, loaded_us, until_us, rtt_us, discard_bytes, window_bytes;
	struct steady want;
} cases[] = {
	{ "T3 leaves half a second out", RAMP_THEN_FLAT, 100, 0, 10 * S, 0, 0, 0,
	  { S / 2, 10 * S, 100 * MBPS, 100 * MBPS, 100 * MBPS, REASON_NONE } },
	{ "or ten round trips", FLAT, 100, 0, 10 * S, 60000, 0, 0,
	  { 6 * S / 10, 10 * S, 100 * MBPS, 100 * MBPS, 100 * MBPS, REASON_NONE } },
	{ "T6: counted from the last connection's first byte, whole slices only", FLAT, 100, 20001, 10 * S, 0, 0, 0,
	  { 6 * S / 10, 10 * S, 100 * MBPS, 100 * MBPS, 100 * MBPS, REASON_NONE } },
	{ "T6: to the first one's end", FLAT, 8, 0, 3199999, 0, 0, 0,
	  { S / 2, 31 * S / 10, 8 * MBPS, 8 * MBPS, 8 * MBPS, REASON_NONE } },
	{ "T6: one connection never began", FLAT, 8, JSON_ABSENT, 10 * S, 0, 0, 0, { 10 * S, 10 * S, 0, 0, 0, REASON_TOO_SHORT } },
	{ "T7: ten slices are enough", FLAT, 8, 0, 15 * S / 10, 0, 0, 0,
	  { S / 2, 15 * S / 10, 8 * MBPS, 8 * MBPS, 8 * MBPS, REASON_NONE } },
	{ "T7: nine are not", FLAT, 8, 0, 15 * S / 10 - 1, 0, 0, 0, { S / 2, 14 * S / 10, 8 * MBPS, 0, 0, REASON_TOO_SHORT } },
	{ "ended inside the ramp", FLAT, 8, 0, S / 5, 0, 0, 0, { S / 5, S / 5, 0, 0, 0, REASON_TOO_SHORT } },
	{ "no more than a hundred slices", FLAT, 8, 0, 60 * S, 0, 0, 0,
	  { S / 2, 10 * S, 8 * MBPS, 8 * MBPS, 8 * MBPS, REASON_NONE } },
	{ "nothing came after the first byte: the line is that slow", SILENT, 0, 0, 10 * S, 0, 0, 0,
	  { S / 2, 10 * S, 0, 0, 0, REASON_NONE } },
	{ "S6: a bucket is thrown away by its size", BUCKET, 80, 0, 10 * S, 0, 15 * AT(240), 0,
	  { 15 * S / 10, 10 * S, 80 * MBPS, 80 * MBPS, 80 * MBPS, REASON_NONE } },
	{ "T4 shows the bucket that nobody declared, T3 contains it", BUCKET, 80, 0, 10 * S, 0, 0, 0,
	  { S / 2, 10 * S, 96842105, 240 * MBPS, 80 * MBPS, REASON_NONE } },
	{ "S6: more to discard than there is", FLAT, 80, 0, 2 * S, 0, AT(8000), 0, { 2 * S, 2 * S, 0, 0, 0, REASON_TOO_SHORT } },
	{ "still growing", LINEAR, 100, 0, 10 * S, 0, 0, 0,
	  { S / 2, 10 * S, 53 * MBPS, 95500000, 95500000, REASON_SLOW_START } },
	{ "varying is not growing", SAW, 100, 0, 75 * S / 10, 0, 0, 0,
	  { S / 2, 75 * S / 10, 100 * MBPS, 103 * MBPS, 100 * MBPS, REASON_NONE } },
	{ "S5: window used up: 8 Mbit/s at 100 ms are 100 kB in flight", FLAT, 8, 0, 10 * S, 100000, 0, 124999,
	  { S, 10 * S, 8 * MBPS, 8 * MBPS, 8 * MBPS, REASON_WINDOW_LIMITED } },
	{ "S5: window large enough", FLAT, 8, 0, 10 * S, 100000, 0, 125000,
	  { S, 10 * S, 8 * MBPS, 8 * MBPS, 8 * MBPS, REASON_NONE } },
	{ "S5: window unknown", FLAT, 8, 0, 10 * S, 100000, 0, 0,
	  { S, 10 * S, 8 * MBPS, 8 * MBPS, 8 * MBPS, REASON_NONE } },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct trace trace = trace_of(cases[i].shape, cases[i].mbps);
		struct steady_facts facts = { &trace, cases[i].loaded_us, cases[i].until_us, cases[i].rtt_us,
					      cases[i].discard_bytes, cases[i].window_bytes };
		struct steady got = steady_find(&facts), want = cases[i].want;

		if (got.from_us != want.from_us || got.to_us != want.to_us || got.rate_bps != want.rate_bps ||
		    got.max1s_bps != want.max1s_bps || got.last1s_bps != want.last1s_bps || got.doubt != want.doubt)
			fail_msg("%s: %ld to %ld us, %ld bit/s, max %ld, last %ld, %s", cases[i].name, (long)got.from_us,
				 (long)got.to_us, (long)got.rate_bps, (long)got.max1s_bps, (long)got.last1s_bps,
				 reason_names[got.doubt]);
	}
}

/* Bytes are held back in slices 4 and 5 and come at once in slice 6; where all are disordered, T3 decides. */
static void test_does_not_begin_with_bytes_held_back(void **state)
{
	struct trace trace = trace_of(FLAT, 80);
	struct steady_facts facts = { .trace = &trace, .until_us = 2 * S };
	struct steady got;

	(void)state;
	trace.bytes[5] = 0;
	trace.bytes[6] += AT(80);
	trace.disordered[4] = trace.disordered[5] = trace.disordered[6] = true;
	got = steady_find(&facts);
	assert_int_equal(got.from_us, 8 * S / 10);
	assert_int_equal(got.rate_bps, 80 * MBPS);
	facts.until_us = 16 * S / 10;   /* its last second begins at slice 6 */
	assert_int_equal(steady_find(&facts).last1s_bps, 0);
	for (int i = 4; i < TRACE_SLICES; i++)
		trace.disordered[i] = true;
	facts.until_us = 19 * S / 10;
	assert_int_equal(steady_find(&facts).last1s_bps, 0);
	facts.until_us = 2 * S;   /* the look at 1.5 s sees what was missing too */
	assert_int_equal(steady_find(&facts).last1s_bps, 80 * MBPS);
	assert_int_equal(steady_find(&facts).from_us, S / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_does_not_begin_with_bytes_held_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
