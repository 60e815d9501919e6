#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/json.h"
#include "collector/load.h"

#define UNKNOWN JSON_ABSENT
#define S       INT64_C(1000000)
#define GBIT    INT64_C(1000000000)

static const struct {
	const char *name;
	struct load_counters earlier, later;
	int nic, cpu;
} cases[] = {
	{ "no time has passed", { 5 * S, 1000, GBIT, 10, 100 }, { 5 * S, 1000, GBIT, 10, 100 }, UNKNOWN, UNKNOWN },
	{ "idle", { 0, 1000, GBIT, 10, 100 }, { 10 * S, 1000, GBIT, 10, 200 }, 0, 0 },
	{ "half busy", { 0, 0, GBIT, 0, 0 }, { 10 * S, GBIT * 10 / 8 / 2, GBIT, 1000, 2000 }, 50, 50 },
	{ "full", { 0, 0, GBIT, 0, 0 }, { 10 * S, GBIT * 10 / 8, GBIT, 2000, 2000 }, 100, 100 },
	{ "a burst counted late is no more than full", { 0, 0, GBIT, 0, 0 }, { S, GBIT, GBIT, 3, 2 }, 100, 100 },
	{ "10 Mbit/s, 125 kB in 10 s", { 0, 0, 10000000, 0, 0 }, { 10 * S, 125000, 10000000, 0, 1 }, 1, 0 },
	{ "400 Gbit/s", { 0, 0, 400 * GBIT, 0, 0 }, { 10 * S, 400 * GBIT * 10 / 8 / 4, 400 * GBIT, 0, 1 }, 25, 0 },
	{ "speed unknown", { 0, 0, UNKNOWN, 0, 0 }, { 10 * S, 1000, UNKNOWN, 1, 2 }, UNKNOWN, 50 },
	{ "no card before", { 0, UNKNOWN, UNKNOWN, 0, 0 }, { 10 * S, 1000, GBIT, 1, 2 }, UNKNOWN, 50 },
	{ "no card any more", { 0, 1000, GBIT, 0, 0 }, { 10 * S, UNKNOWN, UNKNOWN, 1, 2 }, UNKNOWN, 50 },
	{ "another card counts from less", { 0, 1000, GBIT, 0, 0 }, { 10 * S, 10, GBIT, 1, 2 }, UNKNOWN, 50 },
	{ "no /proc/stat", { 0, 0, GBIT, UNKNOWN, UNKNOWN }, { 10 * S, 0, GBIT, UNKNOWN, UNKNOWN }, 0, UNKNOWN },
};

static void test_between(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct load_percent got = load_between(&cases[i].earlier, &cases[i].later);

		if (got.nic != cases[i].nic || got.cpu != cases[i].cpu)
			fail_msg("%s: nic %d, cpu %d", cases[i].name, got.nic, got.cpu);
	}
}

static void test_cpu(void **state)
{
	int64_t busy = 0, total = 0;

	(void)state;
	assert_true(load_parse_cpu("cpu  100 20 30 4000 500 6 7 8 90 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n", &busy, &total));
	assert_int_equal(total, 4671);
	assert_int_equal(busy, 171);
	assert_false(load_parse_cpu("", &busy, &total));
	assert_false(load_parse_cpu("cpu  100 20 30\n", &busy, &total));
	assert_false(load_parse_cpu("intr 1 2 3 4 5 6 7 8\n", &busy, &total));
	assert_int_equal(total, 4671);
}

#define HEAD "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

static const struct {
	const char *name, *text, *want;   /* want NULL: there is none */
} routes[] = {
	{ "unreadable", "", NULL },
	{ "no route", HEAD, NULL },
	{ "a network only", HEAD "eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", NULL },
	{ "half of everything is no default", HEAD "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n", NULL },
	{ "one default", HEAD "eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
	  "eth1\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n", "eth1" },
	{ "two defaults: the lower metric", HEAD "wlan0\t00000000\t0100000A\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
	  "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
	  "eth1\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n", "eth0" },
	{ "cut in the middle", HEAD "eth0\t000000", NULL },
};

static void test_route(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
		char interface[LOAD_INTERFACE_SIZE] = "untouched";
		bool found = load_parse_route(routes[i].text, interface);

		if (found != (routes[i].want != NULL))
			fail_msg("%s: %s", routes[i].name, interface);
		assert_string_equal(interface, found ? routes[i].want : "untouched");
	}
}

static void test_starts_and_stops(void **state)
{
	struct load_percent percent;
	struct load *load;
	uv_loop_t loop;

	(void)state;
	uv_loop_init(&loop);
	load = load_start(&loop);
	percent = load_now(load);   /* one reading: nothing to compare it with */
	assert_int_equal(percent.cpu, UNKNOWN);
	assert_int_equal(percent.nic, UNKNOWN);
	load_stop(load);
	load_stop(NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_between),
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_route),
		cmocka_unit_test(test_starts_and_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
