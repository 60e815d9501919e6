#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>

#include "agent/base/gzip.h"
#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/uplink/uplink.h"
#include "tests/unit/agent/scratch.h"
#include "tests/unit/agent/scripted_collector.h"

#define PROBLEM  "Content-Type: application/problem+json\r\n"
#define NOW_MS   INT64_C(1763821800000)
#define HOUR_MS  INT64_C(3600000)

/* Everything that an uplink needs, and a collector that answers by script. */
struct world {
	struct scratch scratch;
	struct scripted_collector *server;
	uv_loop_t loop;
	struct fetch *fetch;
	struct spool *spool;
	struct identity identity;
	struct uplink *uplink;
	uint64_t state;
	struct random_source random;
	int reported;
	char etag[64];       /* as it was named last */
};

static struct instant read_clock(void *context)
{
	(void)context;
	return (struct instant){ NOW_MS, 5000000, 5000000 };
}

static void on_reported(void *arg, const char *etag)
{
	struct world *world = arg;

	world->reported++;
	snprintf(world->etag, sizeof world->etag, "%s", etag);
}

static void open_uplink(struct world *world, int64_t first_wait_ms)
{
	struct uplink_options options = {
		.loop = &world->loop, .fetch = world->fetch, .clock = { .read = read_clock }, .random = world->random,
		.spool = world->spool, .identity = &world->identity, .boot = "boot-1", .collector_url = world->server->url,
		.backoff = { .first_ms = first_wait_ms, .longest_ms = first_wait_ms }, .reported = on_reported, .arg = world,
	};
	struct err err;

	assert_int_equal(uplink_open(&options, &world->uplink, &err), 0);
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof *world);
	struct err err;

	log_set_level(LOG_ERROR);
	scratch_make(&world->scratch);
	world->server = scripted_start();
	world->state = 99;
	world->random = random_seeded(&world->state);
	uv_loop_init(&world->loop);
	identity_new(&world->identity, &world->random);
	snprintf(world->identity.agent, sizeof world->identity.agent, "a-1");
	world->identity.generation = 40;
	assert_int_equal(fetch_open(&world->loop, &world->fetch, &err), 0);
	assert_int_equal(spool_open(scratch_file(&world->scratch, "spool.db"), 1 << 24, &world->random, &world->spool, &err), 0);
	open_uplink(world, 1);
	*state = world;
	return 0;
}

static void close_uplink(struct world *world)
{
	if (world->uplink)
		uplink_close(world->uplink, NULL, NULL);
	world->uplink = NULL;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	close_uplink(world);
	fetch_close(world->fetch, NULL, NULL);
	uv_run(&world->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&world->loop), 0);
	scripted_stop(world->server);
	spool_close(world->spool);
	identity_free(&world->identity);
	scratch_remove(&world->scratch);
	free(world);
	return 0;
}

static void append(struct world *world, int count)
{
	struct spool_event event = { "boot-1", "alive", 1, json_object() };
	struct err err;
	int64_t seq;

	for (int n = 0; n < count; n++)
		assert_int_equal(spool_append(world->spool, &event, &seq, &err), 0);
	json_decref((json_t *)(uintptr_t)event.members);
}

static struct spool_state state_of(struct world *world)
{
	struct spool_state state;
	struct err err;

	assert_int_equal(spool_state(world->spool, &state, &err), 0);
	return state;
}

/* Runs the loop until the spool's state is so; alarm() ends a test that waits in vain. */
static void run_until(struct world *world, bool (*is_so)(struct world *world, int64_t value), int64_t value)
{
	alarm(20);
	while (!is_so(world, value))
		uv_run(&world->loop, UV_RUN_ONCE);
	alarm(0);
}

static bool generation_is(struct world *world, int64_t generation)
{
	return state_of(world).generation == generation;
}

static bool reported_is(struct world *world, int64_t count)
{
	return world->reported == count;
}

/* A request's report. */
static json_t *report_of(struct world *world, int index)
{
	const struct scripted_request *request;
	struct buf text = { 0 };
	json_t *report = NULL;
	struct err err = { 0 };

	assert_true(index < scripted_count(world->server));
	request = &world->server->requests[index];
	assert_string_equal(request->line, "POST /agent/v1/reports HTTP/1.1");
	assert_int_equal(gzip_unpack(request->body.data, request->body.length_bytes, 1 << 20, &text, &err), 0);
	assert_int_equal(json_parse(text.data, text.length_bytes, &report, &err), 0);
	buf_free(&text);
	return report;
}

static void expect_report(struct world *world, int index, int64_t generation, int64_t first_seq, size_t count)
{
	json_t *report = report_of(world, index), *events = json_object_get(report, "events");

	assert_int_equal(json_integer_value(json_object_get(report, "generation")), generation);
	assert_int_equal(json_array_size(events), count);
	if (count)
		assert_int_equal(json_integer_value(json_object_get(json_array_get(events, 0), "seq")), first_seq);
	json_decref(report);
}

static void test_a_report_is_signed_and_whole(void **state)
{
	struct world *world = *state;
	const struct scripted_request *request = &world->server->requests[0];
	struct httpsig_message message = { .method = "POST", .path = "/agent/v1/reports" };
	char digest[128], input[256], signature[256], encoding[32];
	struct httpsig_claim claim;
	json_t *report;
	struct err err = { 0 };

	append(world, 2);
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":2,\"generation\":41,\"instruction\":\"\",\"rejected\":[]}");
	uplink_report(world->uplink);
	run_until(world, generation_is, 41);
	assert_int_equal(state_of(world).waiting, 0);
	assert_int_equal(state_of(world).reported_ms, NOW_MS);

	message.body = request->body.data;
	message.body_bytes = request->body.length_bytes;
	scripted_header(request, "Content-Digest", digest, sizeof digest);
	scripted_header(request, "Signature-Input", input, sizeof input);
	scripted_header(request, "Signature", signature, sizeof signature);
	scripted_header(request, "Content-Encoding", encoding, sizeof encoding);
	assert_string_equal(encoding, "gzip");
	assert_int_equal(httpsig_verify(&message, digest, input, signature, world->identity.public_key, &err), 0);
	assert_int_equal(httpsig_read_claim(input, true, &claim, &err), 0);
	assert_string_equal(claim.keyid, "a-1");
	assert_int_equal(claim.created_s, NOW_MS / 1000);

	report = report_of(world, 0);
	assert_string_equal(json_string_value(json_object_get(report, "spool")), state_of(world).uuid);
	assert_int_equal(json_integer_value(json_object_get(report, "sent_ms")), NOW_MS);
	assert_int_equal(json_integer_value(json_object_get(report, "sent_boottime_us")), 5000000);
	assert_string_equal(json_string_value(json_object_get(report, "boot")), "boot-1");
	json_decref(report);
	expect_report(world, 0, 40, 1, 2);
}

static void test_an_empty_report_is_the_sign_of_life(void **state)
{
	struct world *world = *state;

	scripted_add(world->server, 200, NULL, "{\"acked_seq\":0,\"generation\":41}");
	uplink_report(world->uplink);
	run_until(world, generation_is, 41);
	expect_report(world, 0, 40, 0, 0);
}

static void test_a_backlog_follows_in_batches(void **state)
{
	struct world *world = *state;

	append(world, 450);
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":200,\"generation\":41}");
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":400,\"generation\":42}");
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":450,\"generation\":43}");
	uplink_report(world->uplink);
	run_until(world, generation_is, 43);
	expect_report(world, 0, 40, 1, 200);
	expect_report(world, 1, 41, 201, 200);
	expect_report(world, 2, 42, 401, 50);
}

/* Whatever goes wrong on the way, nothing is lost: the same report follows, also after a restart, with the same
 * generation. */
static const struct {
	const char *name;
	struct scripted_answer answer;
	const char *fault;   /* part of what `status` shows meanwhile */
} losses[] = {
	{ "the answer is lost",          { 0, NULL, NULL }, "Empty reply from server" },
	{ "not an answer",               { 200, NULL, "<html>" }, "answer: line 1" },
	{ "an answer without its parts", { 200, NULL, "{\"acked_seq\":2}" }, "answer: generation: is missing" },
	{ "nothing is acknowledged",     { 200, NULL, "{\"acked_seq\":0,\"generation\":41}" },
	  "answer: acked_seq 0: event 1 was sent and not acknowledged" },
	{ "a wish that is none",         { 200, NULL, "{\"acked_seq\":2,\"generation\":41,\"resend_from\":{\"seq\":3}}" },
	  "answer: resend_from: spool: is missing" },
	{ "a rejected event never sent", { 200, NULL, "{\"acked_seq\":2,\"generation\":41,\"rejected\":[{\"seq\":3}]}" },
	  "answer: rejected[0]: seq 3 was not sent" },
	{ "revoked",                     { 401, PROBLEM, "{\"detail\":\"agent a-1 is revoked\"}" }, "agent a-1 is revoked (401)" },
	{ "overloaded",                  { 503, PROBLEM, "{\"detail\":\"busy\"}" }, "busy (503)" },
	{ "a proxy's 400",               { 400, NULL, "<html>" }, "answered 400, and not as a collector does" },
	{ "a proxy's 413",               { 413, NULL, "<html>" }, "answered 413, and not as a collector does" },
};

static bool fault_is_there(struct world *world, int64_t unused)
{
	(void)unused;
	return state_of(world).fault[0] != '\0';
}

static void test_losses_are_made_up_for(void **state)
{
	for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
		struct world *world = *state;

		append(world, 2);
		close_uplink(world);
		open_uplink(world, HOUR_MS);
		scripted_add(world->server, losses[i].answer.status, losses[i].answer.headers, losses[i].answer.body);
		uplink_report(world->uplink);
		run_until(world, fault_is_there, 0);
		if (!strstr(state_of(world).fault, losses[i].fault))
			fail_msg("%s: %s", losses[i].name, state_of(world).fault);
		assert_int_equal(state_of(world).waiting, 2);
		assert_int_equal(state_of(world).fault_ms, NOW_MS);
		close_uplink(world);
		open_uplink(world, HOUR_MS);
		scripted_add(world->server, 200, NULL, "{\"acked_seq\":2,\"generation\":77}");
		uplink_report(world->uplink);
		run_until(world, generation_is, 77);
		expect_report(world, 0, 40, 1, 2);
		expect_report(world, 1, 40, 1, 2);
		assert_string_equal(state_of(world).fault, "");
		tear_down(state);
		set_up(state);
	}
}

static void test_a_failed_report_is_tried_again_by_itself(void **state)
{
	struct world *world = *state;

	append(world, 1);
	for (int n = 0; n < 5; n++)
		scripted_add(world->server, 503, PROBLEM, "{}");
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":1,\"generation\":41}");
	uplink_report(world->uplink);
	run_until(world, generation_is, 41);
	expect_report(world, 5, 40, 1, 1);
}

static void test_retry_after_is_obeyed(void **state)
{
	struct world *world = *state;

	scripted_add(world->server, 503, PROBLEM "Retry-After: 1800\r\n", "{}");
	uplink_report(world->uplink);
	run_until(world, fault_is_there, 0);
	assert_in_range(uv_backend_timeout(&world->loop), 1700000, 1801000);
}

static void test_what_cannot_be_read_is_halved_and_set_aside(void **state)
{
	struct world *world = *state;
	json_t *rejected;
	struct err err;

	append(world, 5);   /* the third one is bad */
	scripted_add(world->server, 400, PROBLEM, "{\"detail\":\"events[2]\"}");                   /* 1-5 */
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":2,\"generation\":41}");             /* 1-2 */
	scripted_add(world->server, 413, PROBLEM, "{\"detail\":\"too long\"}");                    /* 3-5 */
	scripted_add(world->server, 400, PROBLEM, "{\"detail\":\"not an event\"}");                /* 3 */
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":2,\"generation\":42}");             /* none */
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":5,\"generation\":43}");             /* 4-5 */
	uplink_report(world->uplink);
	run_until(world, generation_is, 43);
	expect_report(world, 0, 40, 1, 5);
	expect_report(world, 1, 40, 1, 2);
	expect_report(world, 2, 41, 3, 3);
	expect_report(world, 3, 41, 3, 1);
	expect_report(world, 4, 41, 0, 0);
	expect_report(world, 5, 42, 4, 2);
	assert_int_equal(state_of(world).waiting, 0);
	assert_int_equal(spool_rejected(world->spool, &rejected, &err), 0);
	assert_int_equal(json_array_size(rejected), 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rejected, 0), "seq")), 3);
	assert_non_null(strstr(json_string_value(json_object_get(json_array_get(rejected, 0), "detail")), "not an event (400)"));
	json_decref(rejected);
}

/* A collector that reads a report as a whole or not at all, and cannot read the events of bad. */
static void answer_as_it_reads(struct world *world, const bool *bad, int made)
{
	static char answers[64][64];
	int acked = 0, max = made, count = 0, generation = 40;

	while (acked < made) {
		int sent = max < made - acked ? max : made - acked, first = acked + 1, broken = 0;

		for (int seq = first; seq < first + sent; seq++)
			broken += bad[seq];
		assert_true(count < 62);
		if (broken) {
			scripted_add(world->server, count % 2 ? 400 : 413, PROBLEM, "{\"detail\":\"not readable\"}");
			max = sent / 2;
			count++;
			if (sent > 1)
				continue;
			acked = first;   /* it is alone: an empty report is read, so the event is to blame */
			snprintf(answers[count], sizeof answers[0], "{\"acked_seq\":%d,\"generation\":%d}", first - 1, ++generation);
		} else {
			acked += sent;
			snprintf(answers[count], sizeof answers[0], "{\"acked_seq\":%d,\"generation\":%d}", acked, ++generation);
		}
		scripted_add(world->server, 200, NULL, answers[count++]);
		max = UPLINK_BATCH_EVENTS;
	}
}

static bool nothing_waits(struct world *world, int64_t unused)
{
	(void)unused;
	return state_of(world).waiting == 0;
}

static void test_several_bad_events_cost_only_themselves(void **state)
{
	static const bool bad[11] = { [1] = true, [4] = true, [5] = true, [10] = true };
	struct world *world = *state;
	json_t *rejected, *event;
	struct err err;
	size_t i;

	append(world, 10);
	answer_as_it_reads(world, bad, 10);
	uplink_report(world->uplink);
	run_until(world, nothing_waits, 0);
	assert_int_equal(spool_rejected(world->spool, &rejected, &err), 0);
	assert_int_equal(json_array_size(rejected), 4);
	json_array_foreach(rejected, i, event)
		assert_true(bad[json_integer_value(json_object_get(event, "seq"))]);
	json_decref(rejected);
	assert_int_equal(state_of(world).acked_seq, 9);   /* the last one was set aside */
}

static void test_a_collector_that_reads_nothing_costs_no_event(void **state)
{
	struct world *world = *state;

	append(world, 1);
	scripted_add(world->server, 400, PROBLEM, "{\"detail\":\"spool: must be a UUID\"}");
	scripted_add(world->server, 400, PROBLEM, "{\"detail\":\"spool: must be a UUID\"}");
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":1,\"generation\":41}");
	uplink_report(world->uplink);
	run_until(world, generation_is, 41);
	expect_report(world, 0, 40, 1, 1);
	expect_report(world, 1, 40, 0, 0);
	expect_report(world, 2, 40, 1, 1);
	assert_int_equal(state_of(world).set_aside, 0);
}

static void test_rejected_events_are_set_aside(void **state)
{
	struct world *world = *state;

	append(world, 3);
	scripted_add(world->server, 200, NULL,
		     "{\"acked_seq\":3,\"generation\":41,\"rejected\":[{\"seq\":2,\"detail\":\"leg: is missing\"}]}");
	uplink_report(world->uplink);
	run_until(world, generation_is, 41);
	assert_int_equal(state_of(world).set_aside, 1);
	assert_int_equal(state_of(world).waiting, 0);
}

static void test_no_more_is_acknowledged_than_was_sent(void **state)
{
	struct world *world = *state;

	append(world, 201);
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":9999,\"generation\":41}");
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":201,\"generation\":42}");
	uplink_report(world->uplink);
	run_until(world, generation_is, 42);
	expect_report(world, 1, 41, 201, 1);
}

static void test_a_report_waits_for_the_one_before(void **state)
{
	struct world *world = *state;

	scripted_add(world->server, 200, NULL, "{\"acked_seq\":0,\"generation\":41}");
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":0,\"generation\":42}");
	uplink_report(world->uplink);
	uplink_report(world->uplink);
	run_until(world, generation_is, 41);
	assert_int_equal(scripted_count(world->server), 1);
	uplink_report(world->uplink);
	run_until(world, generation_is, 42);
}

static void test_the_instruction_in_force_is_named(void **state)
{
	struct world *world = *state;

	scripted_add(world->server, 200, NULL, "{\"acked_seq\":0,\"generation\":41,\"instruction\":\"\\\"e1\\\"\"}");
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":0,\"generation\":42}");
	uplink_report(world->uplink);
	run_until(world, reported_is, 1);
	assert_string_equal(world->etag, "\"e1\"");
	uplink_report(world->uplink);
	run_until(world, reported_is, 2);
	assert_string_equal(world->etag, "");
}

static void append_measurement(struct world *world)
{
	struct spool_event event = { "boot-1", "measurement", 1, json_object() };
	struct err err;
	int64_t seq;

	assert_int_equal(spool_append(world->spool, &event, &seq, &err), 0);
	json_decref((json_t *)(uintptr_t)event.members);
}

/* A restored collector asks for what came before. Asked for the same in vain, the agent does not go on for ever. */
static void test_what_the_collector_lost_is_sent_again(void **state)
{
	struct world *world = *state;
	char asked[256];

	for (int n = 0; n < 3; n++)
		append_measurement(world);
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":3,\"generation\":41}");
	uplink_report(world->uplink);
	run_until(world, generation_is, 41);

	append_measurement(world);
	snprintf(asked, sizeof asked, "{\"acked_seq\":4,\"generation\":42,\"resend_from\":{\"spool\":\"%s\",\"seq\":2}}",
		 state_of(world).uuid);
	scripted_add(world->server, 200, NULL, asked);
	scripted_add(world->server, 200, NULL, asked);
	uplink_report(world->uplink);
	run_until(world, reported_is, 3);
	expect_report(world, 1, 41, 4, 1);
	expect_report(world, 2, 42, 2, 3);
	assert_int_equal(state_of(world).waiting, 0);
	assert_int_equal(state_of(world).acked_seq, 4);
}

static void test_another_spool_is_not_sent_again(void **state)
{
	struct world *world = *state;

	append_measurement(world);
	append_measurement(world);
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":2,\"generation\":41}");
	scripted_add(world->server, 200, NULL, "{\"acked_seq\":0,\"generation\":42,\"resend_from\":{\"spool\":\"other\",\"seq\":1}}");
	uplink_report(world->uplink);
	run_until(world, generation_is, 41);
	uplink_report(world->uplink);
	run_until(world, generation_is, 42);
	assert_int_equal(state_of(world).waiting, 0);
}

static void test_closing_ends_what_is_under_way(void **state)
{
	struct world *world = *state;

	append(world, 1);
	uplink_report(world->uplink);
	close_uplink(world);
	assert_int_equal(state_of(world).waiting, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_report_is_signed_and_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_empty_report_is_the_sign_of_life, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_backlog_follows_in_batches, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_losses_are_made_up_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_failed_report_is_tried_again_by_itself, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_retry_after_is_obeyed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_read_is_halved_and_set_aside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_several_bad_events_cost_only_themselves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_collector_that_reads_nothing_costs_no_event, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rejected_events_are_set_aside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_more_is_acknowledged_than_was_sent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_report_waits_for_the_one_before, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_instruction_in_force_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_the_collector_lost_is_sent_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_spool_is_not_sent_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_closing_ends_what_is_under_way, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
