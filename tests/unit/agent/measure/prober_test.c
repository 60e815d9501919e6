#include "agent/measure/prober.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "tests/unit/agent/scratch.h"
#include "tests/unit/agent/scripted_server.h"

#define BODY_BYTES   40000
#define RECORDS_MAX  16
#define HOUR_MS      INT64_C(3600000)
#define NOVEMBER_MS  INT64_C(1793520000000)   /* 2026-11-01T08:00Z */
#define FAST_BPS     INT64_C(10000000000)     /* what others do on loopback is little beside it */
#define FREE_BPS     INT64_C(1000000000000)   /* a promise of which 2 % is more than loopback carries: never a busy line */

/* A prober on loopback. Its wall clock stands where the test sets it, the others run. */
struct run {
	uint64_t seed;          /* of what is drawn: with this one no capacity probe falls due within the first hours */
	uv_loop_t loop;
	struct server server;
	struct fetch *fetch;
	struct scratch scratch;
	struct spool *spool;
	struct instruction instruction;
	struct prober *prober;
	int64_t realtime_ms;
	struct measurement records[RECORDS_MAX];
	int count, wanted;      /* records: so far, and when the loop is left */
};

static struct instant read_clock(void *context)
{
	struct clock machine = clock_system();
	struct instant now = clock_now(&machine);

	now.realtime_ms = ((struct run *)context)->realtime_ms;
	return now;
}

static void on_measured(void *arg, const struct measurement *measurement)
{
	struct run *run = arg;

	if (run->count < RECORDS_MAX)
		run->records[run->count++] = *measurement;
	if (run->count == run->wanted)
		uv_stop(&run->loop);
}

static void add_file(struct run *run, enum leg leg, const char *name, int64_t size_bytes)
{
	struct instruction_file *file = &run->instruction.files[run->instruction.file_count++];

	*file = (struct instruction_file){ .leg = (int)leg, .size_bytes = size_bytes };
	snprintf(file->name, sizeof file->name, "%s", name);
	snprintf(file->url, sizeof file->url, "%s", run->server.url);
}

static void start_prober(struct run *run, bool has_collector)
{
	run->prober = prober_open(&(struct prober_options){
		.clock = { .read = read_clock, .context = run }, .random = random_seeded(&run->seed), .fetch = run->fetch,
		.spool = run->spool, .instruction = &run->instruction, .budget_bytes = 1000000, .has_collector = has_collector,
		.measured = on_measured, .arg = run });
}

static void open_run(struct run *run, int64_t threshold_bps, bool has_collector)
{
	struct random_source random = random_seeded(&run->seed);
	struct err err;

	*run = (struct run){ .seed = 1, .realtime_ms = NOVEMBER_MS };
	uv_loop_init(&run->loop);
	server_open(&run->server, &run->loop,
		    (struct script){ .head = "HTTP/1.1 200 OK\nContent-Length: 40000\n", .body_bytes = BODY_BYTES });
	scratch_make(&run->scratch);
	assert_int_equal(spool_open(scratch_file(&run->scratch, "spool.db"), INT64_MAX, &random, &run->spool, &err), 0);
	assert_int_equal(fetch_open(&run->loop, &run->fetch, &err), 0);
	run->instruction.interval_ms = 300;
	run->instruction.threshold_bps[LEG_LOCAL] = run->instruction.threshold_bps[LEG_HUB] = threshold_bps;
	add_file(run, LEG_LOCAL, "local", BODY_BYTES);
	add_file(run, LEG_HUB, "hub", BODY_BYTES);
	start_prober(run, has_collector);
}

static void close_run(struct run *run)
{
	prober_close(run->prober);
	server_close(&run->server);
	fetch_close(run->fetch, NULL, NULL);
	uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&run->loop), 0);
	spool_close(run->spool);
	scratch_remove(&run->scratch);
}

static void run_until(struct run *run, int wanted)
{
	run->wanted = wanted;
	if (run->count < wanted)
		uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_int_equal(run->count, wanted);
}

static struct instruction_order order(const char *id, enum leg leg)
{
	struct instruction_order made = { .leg = (int)leg };

	snprintf(made.id, sizeof made.id, "%s", id);
	return made;
}

static void give_order(struct run *run, const char *id, enum leg leg)
{
	struct instruction_order made = order(id, leg);

	prober_order(run->prober, &made);
}

static void test_a_run_is_local_then_hub(void **state)
{
	struct run run;

	(void)state;
	open_run(&run, FREE_BPS, false);
	prober_run(run.prober, 1000);
	assert_true(prober_is_measuring(run.prober));
	run_until(&run, 2);
	assert_false(prober_is_measuring(run.prober));
	for (int leg = 0; leg < LEG_COUNT; leg++) {
		assert_int_equal(run.records[leg].leg, leg);
		assert_int_equal(run.records[leg].kind, KIND_REFERENCE);
		assert_int_equal(run.records[leg].trigger, TRIGGER_SCHEDULE);
		assert_int_equal(run.records[leg].cell_ms, 1000);
		assert_int_equal(run.records[leg].bytes, BODY_BYTES);
	}
	close_run(&run);
}

static void test_orders_come_first_and_once(void **state)
{
	struct run run;

	(void)state;
	open_run(&run, 1000000, false);
	prober_run(run.prober, 1000);   /* local is under way */
	give_order(&run, "o-1", LEG_HUB);
	give_order(&run, "o-1", LEG_HUB);
	run_until(&run, 3);
	assert_string_equal(run.records[0].order, "");
	assert_string_equal(run.records[1].order, "o-1");
	assert_int_equal(run.records[1].trigger, TRIGGER_ORDER);
	assert_int_equal(run.records[1].cell_ms, JSON_ABSENT);
	assert_string_equal(run.records[2].order, "");
	assert_int_equal(run.records[2].leg, LEG_HUB);
	close_run(&run);
}

/* Its own carrier is loopback; the test sends over it, as a client would. */
static void send_traffic(uv_timer_t *timer)
{
	static const char bytes[8000];
	struct sockaddr_in nobody = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void)!sendto(*(int *)timer->data, bytes, sizeof bytes, 0, (struct sockaddr *)&nobody, sizeof nobody);
}

static void test_a_line_in_use_is_skipped_after_six_looks(void **state)
{
	struct run run;
	uv_timer_t timer;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	open_run(&run, 240000, false);
	uv_timer_init(&run.loop, &timer);
	timer.data = &fd;
	uv_timer_start(&timer, send_traffic, 0, 1);
	prober_run(run.prober, 1000);   /* local goes at once: nobody knows the interface yet */
	run_until(&run, 2);
	assert_int_equal(run.records[0].judgement == JUDGED_SKIPPED, 0);
	assert_int_equal(run.records[1].leg, LEG_HUB);
	assert_int_equal(run.records[1].judgement, JUDGED_SKIPPED);
	assert_int_equal(run.records[1].reason, REASON_BUSY);
	assert_int_equal(run.records[1].bytes, 0);
	assert_int_equal(run.records[1].cell_ms, 1000);
	give_order(&run, "o-1", LEG_HUB);   /* somebody asked */
	run_until(&run, 3);
	assert_int_equal(run.records[2].judgement == JUDGED_SKIPPED, 0);
	uv_close((uv_handle_t *)&timer, NULL);
	close_run(&run);
	close(fd);
}

/* What is spent meanwhile is added to what the spool knows, once it can be read. */
static void test_the_budget_waits_for_its_spool(void **state)
{
	struct random_source random;
	struct spool *whole;
	char text[64];
	struct run run;
	struct err err;

	(void)state;
	open_run(&run, FREE_BPS, false);
	random = random_seeded(&run.seed);
	whole = run.spool;
	assert_int_equal(spool_keep(whole, "budget", "2026-11 1000", &err), 0);
	prober_close(run.prober);
	uv_run(&run.loop, UV_RUN_NOWAIT);
	run.spool = spool_new(scratch_file(&run.scratch, "spool.db"), INT64_MAX, &random);
	start_prober(&run, false);
	prober_run(run.prober, 1000);
	run_until(&run, 2);
	assert_int_equal(spool_kept(whole, "budget", text, sizeof text, &err), 0);
	assert_string_equal(text, "2026-11 1000");
	assert_int_equal(spool_recover(run.spool, &err), 0);
	run.realtime_ms += HOUR_MS;
	prober_run(run.prober, 2000);
	run_until(&run, 4);
	assert_int_equal(spool_kept(whole, "budget", text, sizeof text, &err), 0);
	assert_string_equal(text, "2026-11 161000");
	spool_close(whole);
	close_run(&run);
}

static void test_the_budget(void **state)
{
	char text[64];
	struct run run;
	struct err err;

	(void)state;
	open_run(&run, FREE_BPS, false);
	run.instruction.budget_bytes = 2 * BODY_BYTES;
	prober_run(run.prober, 1000);
	run_until(&run, 2);
	assert_int_equal(spool_kept(run.spool, "budget", text, sizeof text, &err), 0);
	assert_string_equal(text, "2026-11 80000");
	prober_run(run.prober, 2000);          /* the same hour */
	run_until(&run, 4);
	assert_int_equal(run.records[2].judgement, JUDGED_SKIPPED);
	assert_int_equal(run.records[2].reason, REASON_BUDGET);
	assert_int_equal(run.records[3].reason, REASON_BUDGET);
	run.realtime_ms += HOUR_MS;
	prober_run(run.prober, 3000);
	run_until(&run, 6);
	assert_int_equal(run.records[4].reason == REASON_BUDGET, 0);
	assert_int_equal(run.records[5].reason == REASON_BUDGET, 0);
	give_order(&run, "o-1", LEG_LOCAL);    /* of a fast promise: a capacity probe */
	run_until(&run, 7);
	assert_int_equal(run.records[6].kind, KIND_CAPACITY);
	assert_int_equal(run.records[6].reason, REASON_BUDGET);
	assert_string_equal(run.records[6].order, "o-1");
	close_run(&run);
}

static void test_an_order_without_a_file_that_is_large_enough(void **state)
{
	struct run run;

	(void)state;
	open_run(&run, FREE_BPS, false);
	give_order(&run, "o-1", LEG_LOCAL);
	run_until(&run, 1);
	assert_int_equal(run.records[0].kind, KIND_REFERENCE);
	assert_string_equal(run.records[0].order, "o-1");
	close_run(&run);
}

/* The answers are those of the files that were asked for. */
static void test_another_instruction_while_servers_are_asked(void **state)
{
	struct run run;

	(void)state;
	open_run(&run, FREE_BPS, false);
	give_order(&run, "o-1", LEG_LOCAL);
	for (int i = 0; i < 20; i++)
		add_file(&run, LEG_LOCAL, "new", 0);
	run_until(&run, 1);
	assert_string_equal(run.records[0].file, "local");
	assert_string_equal(run.records[0].order, "o-1");
	close_run(&run);
}

/* Sixteen hours later a capacity probe is due whatever was drawn. What it gets is too short: it fails, as a capacity probe. */
static void test_capacity_probes_follow_runs_in_their_time(void **state)
{
	struct run run;

	(void)state;
	open_run(&run, FAST_BPS, false);
	add_file(&run, LEG_HUB, "hub-4g", INT64_C(4) << 30);
	prober_run(run.prober, 1000);
	run_until(&run, 2);
	run.realtime_ms += 16 * HOUR_MS;
	prober_run(run.prober, 2000);
	run_until(&run, 5);
	assert_int_equal(run.records[2].kind, KIND_REFERENCE);
	assert_int_equal(run.records[3].kind, KIND_REFERENCE);
	assert_int_equal(run.records[4].kind, KIND_CAPACITY);
	assert_int_equal(run.records[4].leg, LEG_HUB);
	assert_string_equal(run.records[4].file, "hub-4g");
	assert_int_equal(run.records[4].cell_ms, JSON_ABSENT);
	close_run(&run);
}

static void test_no_capacity_probes_for_a_collector_that_is_gone(void **state)
{
	struct run run;

	(void)state;
	open_run(&run, FAST_BPS, true);
	add_file(&run, LEG_HUB, "hub-4g", INT64_C(4) << 30);
	run.realtime_ms += 8 * 24 * HOUR_MS;
	prober_run(run.prober, 1000);
	run_until(&run, 2);
	assert_false(prober_is_measuring(run.prober));
	close_run(&run);
}

static void test_closed_under_way(void **state)
{
	struct run run;

	(void)state;
	open_run(&run, FREE_BPS, false);
	prober_run(run.prober, 1000);
	close_run(&run);
	assert_int_equal(run.count, 0);
	prober_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_run_is_local_then_hub),
		cmocka_unit_test(test_orders_come_first_and_once),
		cmocka_unit_test(test_a_line_in_use_is_skipped_after_six_looks),
		cmocka_unit_test(test_the_budget),
		cmocka_unit_test(test_the_budget_waits_for_its_spool),
		cmocka_unit_test(test_an_order_without_a_file_that_is_large_enough),
		cmocka_unit_test(test_another_instruction_while_servers_are_asked),
		cmocka_unit_test(test_capacity_probes_follow_runs_in_their_time),
		cmocka_unit_test(test_no_capacity_probes_for_a_collector_that_is_gone),
		cmocka_unit_test(test_closed_under_way),
	};

	curl_global_init(CURL_GLOBAL_DEFAULT);
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
