/* The watch with a clock that the test sets: what it says of gaps between rows, of a suspend and of a clock that jumps; and
 * once with the real clock, on loopback, in milliseconds: an interruption from its first lost echo to its event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/buf.h"
#include "agent/base/json.h"
#include "agent/watch/journal.h"
#include "agent/watch/ladder_json.h"
#include "agent/watch/watch.h"
#include "tests/unit/agent/own_net.h"
#include "tests/unit/agent/scratch.h"
#include "tests/unit/agent/scripted_server.h"

#define SECOND  INT64_C(1000000)
#define NOON_MS INT64_C(1763812800000)

struct world {
	struct scratch scratch;
	uv_loop_t loop;
	struct fetch *fetch;
	struct watch *watch;
	struct instant now;
	const char *boot_id;
	json_t *events;      /* [{"type", …}] */
	int64_t told_ms;     /* leave_row: the start that was told of its episode; 0: it was not told */
	const char *awaited; /* stops the loop when an event of this type comes */
};

static bool net_is_own;

static struct instant read_now(void *context)
{
	return ((struct world *)context)->now;
}

static void on_event(void *arg, const char *type, json_t *event)
{
	struct world *world = arg;

	json_object_set_new(event, "type", json_string(type));
	json_array_append_new(world->events, event);
	if (world->awaited && !strcmp(world->awaited, type))
		uv_stop(&world->loop);
}

static struct world open_world(void)
{
	struct world world = { .now = { NOON_MS, 1000 * SECOND, 1000 * SECOND }, .boot_id = "b1" };

	scratch_make(&world.scratch);
	world.events = json_array();
	return world;
}

static void close_world(struct world *world)
{
	json_decref(world->events);
	scratch_remove(&world->scratch);
}

static void start(struct world *world, struct clock clock, const struct watch_rule *rule)
{
	struct watch_options options = { .loop = &world->loop, .clock = clock, .random = random_system(), .rule = *rule,
					 .boot_id = world->boot_id, .journal_path = scratch_file(&world->scratch, "journal.db"),
					 .emit = on_event, .arg = world };
	struct err err;

	assert_int_equal(uv_loop_init(&world->loop), 0);
	assert_int_equal(fetch_open(&world->loop, &world->fetch, &err), 0);
	options.fetch = world->fetch;
	if (watch_open(&options, &world->watch, &err) < 0)
		fail_msg("%s", err.message);
}

static void stop(struct world *world)
{
	watch_close(world->watch);
	fetch_close(world->fetch, NULL, NULL);
	uv_run(&world->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&world->loop), 0);
}

static void start_scripted(struct world *world)
{
	struct watch_rule rule = watch_rule_documented();

	start(world, (struct clock){ .read = read_now, .context = world }, &rule);
}

/* The row that a killed agent left: hub in a confirmed episode, alive interval unreported since 100 s before. */
static void leave_row(struct world *world, bool clean)
{
	struct ladder_rule rule = ladder_rule_documented();
	struct journal *journal;
	struct journal_row row = { .alive = { .at = world->now, .ended_clean = clean, .process_id = "p1" }, .synced = 1,
				   .alive_from_us = world->now.boottime_us - 100 * SECOND, .state = json_object() };
	struct ladder ladder;
	struct err err;

	snprintf(row.alive.boot_id, sizeof row.alive.boot_id, "%s", world->boot_id);
	ladder_init(&ladder, &rule);
	for (int i = -80; i <= 0; i += 10)
		ladder_attempt(&ladder, LEVEL_HUB, world->now.boottime_us + i * SECOND, i == -80);
	row.ladder = ladder_to_json(&ladder);
	if (world->told_ms)
		json_object_set_new(row.ladder, "told",
				    json_pack("{s:I, s:I, s:I}", "at_us", (json_int_t)(world->now.boottime_us - 40 * SECOND), "started_us",
					      (json_int_t)(world->now.boottime_us - 70 * SECOND), "started_ms",
					      (json_int_t)world->told_ms));
	assert_int_equal(journal_open(scratch_file(&world->scratch, "journal.db"), &journal, &err), 0);
	assert_int_equal(journal_write(journal, &row, true, &err), 0);
	journal_close(journal);
	journal_row_free(&row);
}

static void pass(struct world *world, int64_t awake_s, int64_t asleep_s, int64_t step_s)
{
	world->now.monotonic_us += awake_s * SECOND;
	world->now.boottime_us += (awake_s + asleep_s) * SECOND;
	world->now.realtime_ms += (awake_s + asleep_s + step_s) * 1000;
}

/* Off for so long, then up for so long. */
static void reboot(struct world *world, int64_t off_s, int64_t up_s)
{
	world->boot_id = "b2";
	world->now.realtime_ms += (off_s + up_s) * 1000;
	world->now.boottime_us = world->now.monotonic_us = up_s * SECOND;
}

/* "alive b1 -100..0 | outage b1 power 0..50": seconds since noon. */
static void assert_events(struct world *world, const char *want)
{
	struct buf text = { 0 };
	const json_t *event;
	size_t i;

	json_array_foreach(world->events, i, event) {
		const char *boot = json_string_value(json_object_get(event, "boot"));
		const char *cause = json_string_value(json_object_get(event, "cause"));

		buf_printf(&text, "%s%s", i ? " | " : "", json_string_value(json_object_get(event, "type")));
		if (boot)
			buf_printf(&text, " %s", boot);
		if (cause)
			buf_printf(&text, " %s", cause);
		if (json_object_get(event, "step_ms"))
			buf_printf(&text, " %" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(event, "step_ms")) / 1000);
		else
			buf_printf(&text, " %" JSON_INTEGER_FORMAT "..%" JSON_INTEGER_FORMAT,
				   (json_integer_value(json_object_get(event, "started_ms")) - NOON_MS) / 1000,
				   (json_integer_value(json_object_get(event, "ended_ms")) - NOON_MS) / 1000);
	}
	assert_string_equal(buf_text(&text), want);
	buf_free(&text);
}

static void test_first_start_has_nothing_to_explain(void **state)
{
	struct world world = open_world();

	(void)state;
	start_scripted(&world);
	assert_events(&world, "");
	pass(&world, 20, 0, 0);
	stop(&world);
	assert_events(&world, "alive b1 0..20");
	close_world(&world);
}

static void test_gaps_between_two_starts(void **state)
{
	static const struct {
		const char *name;
		bool clean, rebooted;
		int64_t awake_s, asleep_s, step_s;   /* of a reboot: off, up */
		const char *want;
	} cases[] = {
		{ "killed, started again after 60 s: what was open waits, to be one event with what follows", false, false, 60, 0, 0,
		  "alive b1 -100..0 | outage b1 agent 0..60" },
		{ "killed while the clock jumps 2 h: rows before are re-based", false, false, 60, 0, 7200,
		  "alive b1 7100..7200 | outage b1 agent 7200..7260 | clock_step 7200" },
		{ "stopped, the laptop slept, started", true, false, 10, 3600, 0,
		  "alive b1 -100..0 | outage b1 suspend 0..3610 | outage b1 upstream -70..0" },
		{ "O-d: power cut; the open episode ends with the last row", false, true, 30000, 45, 0,
		  "alive b1 -100..0 | outage b1 upstream -70..0 | outage b1 power 0..30000" },
		{ "shut down cleanly", true, true, 30000, 45, 0,
		  "alive b1 -100..0 | outage b1 upstream -70..0 | outage b1 shutdown 0..30000" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct world world = open_world();

		print_message("  %s\n", cases[i].name);
		leave_row(&world, cases[i].clean);
		if (cases[i].rebooted)
			reboot(&world, cases[i].awake_s, cases[i].asleep_s);
		else
			pass(&world, cases[i].awake_s, cases[i].asleep_s, cases[i].step_s);
		start_scripted(&world);
		assert_events(&world, cases[i].want);
		stop(&world);
		close_world(&world);
	}
}

static int64_t read_integer(const struct world *world, size_t event, const char *name)
{
	return json_integer_value(json_object_get(json_array_get(world->events, event), name));
}

static void test_bounds_of_a_power_cut(void **state)
{
	struct world world = open_world();

	(void)state;
	leave_row(&world, false);
	reboot(&world, 3000, 45);
	start_scripted(&world);
	assert_int_equal(read_integer(&world, 2, "down_ms"), 3000000);
	assert_int_equal(read_integer(&world, 2, "longest_ms"), 3000000);
	assert_int_equal(read_integer(&world, 2, "shortest_ms"), 2940000);   /* J1: durable each 60 s */
	assert_int_equal(read_integer(&world, 1, "down_ms"), 70000);
	stop(&world);
	close_world(&world);
}

/* The start that was told stays, and the end is counted from it, whatever the clock was set to meanwhile. */
static void test_what_was_told_ends_with_the_start_that_was_told(void **state)
{
	struct world world = open_world();

	(void)state;
	world.told_ms = NOON_MS - 7200000;
	leave_row(&world, false);
	reboot(&world, 3000, 45);
	start_scripted(&world);
	assert_events(&world, "alive b1 -100..0 | outage b1 upstream -7200..-7130 | outage b1 power 0..3000");
	stop(&world);

	/* It is over: nothing of it is left for the next start. */
	json_array_clear(world.events);
	world.told_ms = 0;
	pass(&world, 5, 0, 0);
	start_scripted(&world);
	assert_events(&world, "outage b2 agent 3045..3050");
	stop(&world);
	close_world(&world);
}

/* What was said once is not said again, whatever comes between. */
static void test_a_second_start_says_nothing_twice(void **state)
{
	struct world world = open_world();

	(void)state;
	leave_row(&world, false);
	reboot(&world, 3000, 45);
	start_scripted(&world);
	stop(&world);
	json_array_clear(world.events);
	pass(&world, 5, 0, 0);
	start_scripted(&world);
	assert_events(&world, "outage b2 agent 3045..3050");
	stop(&world);
	close_world(&world);
}

static void test_suspend_and_clock_step_while_watching(void **state)
{
	struct world world = open_world();

	(void)state;
	start_scripted(&world);
	pass(&world, 20, 0, 0);
	watch_set_url(world.watch, LEVEL_HUB, NULL);   /* something happens: the watch looks */
	uv_run(&world.loop, UV_RUN_NOWAIT);
	pass(&world, 1, 3600, 0);
	stop(&world);
	assert_events(&world, "alive b1 0..20 | outage b1 suspend 20..3621");
	close_world(&world);

	world = open_world();
	start_scripted(&world);
	pass(&world, 20, 0, -7200);
	stop(&world);
	assert_events(&world, "clock_step -7200 | alive b1 -7200..-7180");
	close_world(&world);
}

/* --- with the real clock, on loopback --- */

static struct watch_rule fast_rule(void)
{
	struct watch_rule rule = watch_rule_documented();

	for (int level = 0; level < LEVEL_COUNT; level++)
		rule.reach.every_ms[level] = 50;
	rule.reach.timeout_ms = 100;
	rule.reach.late_ms = 50;
	rule.ladder.down_span_us = 200000;
	rule.ladder.recover_span_us = 100000;
	rule.ladder.brief_from_us = 100000;
	rule.ladder.outage_from_us = 600000;
	rule.ladder.merge_gap_us = 200000;
	rule.ladder.skew_us = 150000;
	rule.ladder.sweep_first_us = 10000;
	rule.ladder.sweep_second_us = 30000;
	rule.ladder.sweep_every_us = 100000;
	rule.bin_ms = rule.hub_bin_ms = 200;
	rule.starting_ms = 0;
	return rule;
}

static const json_t *find_event(const struct world *world, const char *type)
{
	const json_t *event;
	size_t i;

	json_array_foreach(world->events, i, event)
		if (!strcmp(json_string_value(json_object_get(event, "type")), type))
			return event;
	return NULL;
}

/* The caller's now. */
static json_t *take_event(struct world *world, const char *type)
{
	json_t *event;
	size_t i;

	json_array_foreach(world->events, i, event) {
		if (strcmp(json_string_value(json_object_get(event, "type")), type))
			continue;
		json_incref(event);
		json_array_remove(world->events, i);
		return event;
	}
	return NULL;
}

static const json_t *wait_for_event(struct world *world, const char *type)
{
	world->awaited = type;
	while (!find_event(world, type))
		uv_run(&world->loop, UV_RUN_DEFAULT);
	world->awaited = NULL;
	return find_event(world, type);
}

static bool all_up(const struct watch *watch)
{
	json_t *status = watch_status(watch), *levels = json_object_get(status, "levels");
	bool up = true;

	up = up && !strcmp(json_string_value(json_object_get(levels, "local")), "up");
	up = up && !strcmp(json_string_value(json_object_get(levels, "hub")), "up");
	up = up && !strcmp(json_string_value(json_object_get(levels, "http")), "up");
	json_decref(status);
	return up;
}

static bool is_interrupted(const struct watch *watch)
{
	json_t *status = watch_status(watch);
	bool interrupted = json_object_get(status, "cause") && !strcmp(json_string_value(json_object_get(
								       json_object_get(status, "levels"), "local")), "down");

	json_decref(status);
	return interrupted;
}

static void wait_until(struct world *world, bool (*condition)(const struct watch *watch))
{
	while (!condition(world->watch))
		uv_run(&world->loop, UV_RUN_ONCE);
}

static void test_an_interruption_on_loopback(void **state)
{
	struct watch_rule rule = fast_rule();
	struct world world = open_world();
	struct server server;
	char hub_url[80];
	const json_t *outage, *latency;
	json_t *early;

	(void)state;
	if (!net_is_own)
		skip();
	start(&world, clock_system(), &rule);
	server_open(&server, &world.loop, (struct script){ .head = "HTTP/1.1 200 OK\nContent-Length: 0\n" });
	snprintf(hub_url, sizeof hub_url, "http://127.0.0.2%s", strrchr(server.url, ':'));
	watch_set_url(world.watch, LEVEL_LOCAL, server.url);
	watch_set_url(world.watch, LEVEL_HUB, hub_url);
	wait_until(&world, all_up);

	own_net_write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1");
	wait_until(&world, is_interrupted);
	wait_for_event(&world, "outage");
	early = take_event(&world, "outage");
	assert_null(json_object_get(early, "ended_ms"));
	assert_non_null(json_object_get(early, "cause"));
	own_net_write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "0");
	outage = wait_for_event(&world, "outage");
	assert_non_null(json_object_get(outage, "ended_ms"));
	assert_true(json_equal(json_object_get(outage, "started_ms"), json_object_get(early, "started_ms")));
	assert_true(json_equal(json_object_get(outage, "boottime_us"), json_object_get(early, "boottime_us")));
	json_decref(early);
	assert_string_equal(json_string_value(json_object_get(outage, "cause")), "access");
	assert_in_range(json_integer_value(json_object_get(outage, "down_ms")), 200, 60000);
	assert_true(json_integer_value(json_object_get(outage, "shortest_ms")) <=
		    json_integer_value(json_object_get(outage, "longest_ms")));
	latency = wait_for_event(&world, "latency");
	assert_string_equal(json_string_value(json_object_get(latency, "way")), "icmp");
	assert_true(json_integer_value(json_object_get(latency, "sent")) > 0);

	watch_close(world.watch);
	server_close(&server);
	fetch_close(world.fetch, NULL, NULL);
	uv_run(&world.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&world.loop), 0);
	close_world(&world);
}

static bool is_cause_http(const struct watch *watch)
{
	json_t *status = watch_status(watch);
	const char *cause = json_string_value(json_object_get(status, "cause"));
	bool is_http = cause && !strcmp(cause, "http");

	json_decref(status);
	return is_http;
}

/* T10: with an hour between attempts only sweeps look, and only a failed transfer starts one. */
static void test_a_failed_transfer_starts_a_sweep(void **state)
{
	struct watch_rule rule = fast_rule();
	struct world world = open_world();
	struct server server;

	(void)state;
	if (!net_is_own)
		skip();
	for (int level = 0; level < LEVEL_COUNT; level++)
		rule.reach.every_ms[level] = 3600000;
	start(&world, clock_system(), &rule);
	server_open(&server, &world.loop, (struct script){ .head = "HTTP/1.1 200 OK\nContent-Length: 0\n" });
	watch_set_url(world.watch, LEVEL_LOCAL, server.url);
	watch_set_url(world.watch, LEVEL_HUB, server.url);
	uv_run(&world.loop, UV_RUN_NOWAIT);
	while (!all_up(world.watch)) {
		watch_transfer_failed(world.watch, LEG_HUB, REASON_CONNECT);
		uv_run(&world.loop, UV_RUN_ONCE);
	}
	watch_transfer_failed(world.watch, LEG_LOCAL, REASON_ALTERED);   /* an answer */
	assert_true(all_up(world.watch));

	server.script.head = "HTTP/1.1 500 Broken\nContent-Length: 0\n";
	watch_transfer_failed(world.watch, LEG_LOCAL, REASON_HTTP_STATUS);
	wait_until(&world, is_cause_http);
	server.script.head = "HTTP/1.1 200 OK\nContent-Length: 0\n";
	wait_until(&world, all_up);

	watch_close(world.watch);
	server_close(&server);
	fetch_close(world.fetch, NULL, NULL);
	uv_run(&world.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&world.loop), 0);
	close_world(&world);
}

/* A target that answers no ICMP is tried by TCP. */
static bool hub_is_up_by_tcp(const struct watch *watch)
{
	json_t *status = watch_status(watch), *target = json_object_get(json_object_get(status, "targets"), "hub");
	bool up = !strcmp(json_string_value(json_object_get(target, "way")), "tcp") &&
		  !strcmp(json_string_value(json_object_get(json_object_get(status, "levels"), "hub")), "up");

	json_decref(status);
	return up;
}

static void test_a_target_deaf_to_icmp_is_tried_by_tcp(void **state)
{
	struct watch_rule rule = fast_rule();
	struct world world = open_world();

	(void)state;
	if (!net_is_own)
		skip();
	own_net_write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1");
	start(&world, clock_system(), &rule);
	watch_set_url(world.watch, LEVEL_HUB, "http://127.0.0.3:9/");   /* refuses */
	wait_until(&world, hub_is_up_by_tcp);
	stop(&world);
	own_net_write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "0");
	assert_null(find_event(&world, "outage"));
	close_world(&world);
}

static void test_another_host_is_another_target(void **state)
{
	struct watch_rule rule = fast_rule();
	struct world world = open_world();
	json_t *status;

	(void)state;
	if (!net_is_own)
		skip();
	start(&world, clock_system(), &rule);
	watch_set_url(world.watch, LEVEL_HUB, "http://127.0.0.3:9/");
	wait_for_event(&world, "latency");
	watch_set_url(world.watch, LEVEL_HUB, "http://[::1]:9/");
	status = watch_status(world.watch);
	assert_string_equal(json_string_value(json_object_get(json_object_get(status, "levels"), "hub")), "untried");
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(json_object_get(status, "targets"), "hub"), "host")), "::1");
	json_decref(status);
	stop(&world);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_start_has_nothing_to_explain),
		cmocka_unit_test(test_gaps_between_two_starts),
		cmocka_unit_test(test_bounds_of_a_power_cut),
		cmocka_unit_test(test_what_was_told_ends_with_the_start_that_was_told),
		cmocka_unit_test(test_a_second_start_says_nothing_twice),
		cmocka_unit_test(test_suspend_and_clock_step_while_watching),
		cmocka_unit_test(test_an_interruption_on_loopback),
		cmocka_unit_test(test_a_failed_transfer_starts_a_sweep),
		cmocka_unit_test(test_a_target_deaf_to_icmp_is_tried_by_tcp),
		cmocka_unit_test(test_another_host_is_another_target),
	};

	net_is_own = own_net_make();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
