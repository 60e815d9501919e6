#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <sys/socket.h>

#include "agent/base/json.h"
#include "agent/measure/probe.h"
#include "tests/unit/agent/scripted_server.h"

#define MIB          1048576
#define LOCAL        240000
#define FAST         3900000   /* nearly what 1 MiB can show (S1) */
#define OK           "HTTP/1.1 200 OK\nContent-Length: 1048576\nPlumbline-Nonce: {nonce}\n"
#define STEP_US      10000     /* 64 pieces: a body of 0.64 s or more */
#define SLOW_STEP_US 1000000000
#define START_MS     INT64_C(1790000000000)

/* One probe of the scripted server. The clock moves on at each look, and so once for each 16 kB of the body. */
struct run {
	uv_loop_t loop;
	struct server server;
	struct fetch *fetch;
	struct probe *probe;
	struct instant now;
	int64_t step_us;
	size_t cross_bytes;       /* of somebody else, over the same interface, at each look */
	int crowd;                /* the socket that sends them */
	uint64_t seed;
	struct measurement record;
	int dones, progresses;
	bool abort_at_progress;
};

static struct instant read_clock(void *context)
{
	struct run *run = context;
	struct sockaddr_in discard = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(9) };
	static const char bytes[60000];

	if (run->cross_bytes)
		(void)!sendto(run->crowd, bytes, run->cross_bytes, 0, (struct sockaddr *)&discard, sizeof discard);
	run->now.monotonic_us += run->step_us;
	return run->now;
}

static void end(struct run *run)
{
	server_close(&run->server);
	fetch_close(run->fetch, NULL, NULL);
}

static void on_done(void *arg, const struct measurement *record)
{
	struct run *run = arg;

	run->dones++;
	run->record = *record;
	end(run);
}

static void on_progress(void *arg, const struct probe_progress *progress)
{
	struct run *run = arg;

	run->progresses++;
	if (progress->bytes != 10000 || !run->abort_at_progress)
		return;
	assert_int_equal(progress->total_bytes, MIB);
	assert_true(progress->elapsed_us > 0);
	probe_abort(run->probe);
	end(run);
}

static void run_probe(struct run *run, struct script script, struct probe_request request)
{
	struct random_source random = random_seeded(&run->seed);
	struct clock clock = { .read = read_clock, .context = run };
	char sha256[] = "00";
	struct err err;

	run->seed = 1;
	run->now = (struct instant){ START_MS, 77000000, 5000000 };
	run->step_us = run->step_us ? run->step_us : STEP_US;
	run->crowd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uv_loop_init(&run->loop);
	server_open(&run->server, &run->loop, script);
	assert_int_equal(fetch_open(&run->loop, &run->fetch, &err), 0);
	if (!request.url)
		request.url = run->server.url;
	request.file_name = "ref";
	request.server_busy = (struct busy_limits){ 70, 85 };
	if (request.sha256 && !*request.sha256)
		request.sha256 = sha256;
	run->probe = probe_start(run->fetch, &clock, &random, &request, on_progress, on_done, run);
	memset(sha256, 'x', sizeof sha256 - 1);   /* what request points to is the caller's again */
	assert_int_equal(run->dones, 0);
	assert_int_equal(uv_run(&run->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&run->loop), 0);
	close(run->crowd);
}

static char body_sha256[65];

static int hash_body(void **state)
{
	unsigned char *body = xcalloc(MIB, 1), digest[32];

	(void)state;
	for (size_t i = 0; i < MIB; i++)
		body[i] = script_byte(i);
	EVP_Digest(body, MIB, digest, NULL, EVP_sha256(), NULL);
	sodium_bin2hex(body_sha256, sizeof body_sha256, digest, sizeof digest);
	free(body);
	return 0;
}

static const struct {
	const char *name;
	const char *head;
	size_t body_bytes;
	struct probe_request request;
	int64_t step_us;
	enum judgement judgement;
	enum reason reason;
	int sha256_ok;
} cases[] = {
	{ "fast enough", OK, MIB, { .sha256 = body_sha256, .size_bytes = MIB, .nonce_required = true, .threshold_bps = LOCAL },
	  STEP_US, JUDGED_GOOD, REASON_NONE, 1 },
	{ "too slow", OK, MIB, { .threshold_bps = FAST }, SLOW_STEP_US, JUDGED_BAD, REASON_NONE, JSON_ABSENT },
	{ "too short for more than a lower bound", OK, MIB, { .threshold_bps = LOCAL }, 1, JUDGED_GOOD, REASON_LOWER_BOUND, JSON_ABSENT },
	{ "too small a file for the threshold",
	  OK, MIB, { .threshold_bps = 50000000 }, SLOW_STEP_US, JUDGED_UNRESOLVED, REASON_FILE_TOO_SMALL, JSON_ABSENT },
	{ "no threshold", OK, MIB, { 0 }, STEP_US, JUDGED_UNRESOLVED, REASON_NO_THRESHOLD, JSON_ABSENT },
	{ "any web server", "HTTP/1.1 200 OK\n", MIB, { .sha256 = body_sha256, .threshold_bps = LOCAL }, STEP_US, JUDGED_GOOD,
	  REASON_NONE, 1 },
	{ "altered", OK, MIB, { .sha256 = "", .threshold_bps = LOCAL }, STEP_US, JUDGED_FAILED, REASON_ALTERED, 0 },
	{ "another page in its place", "HTTP/1.1 200 OK\nContent-Length: 9\n", 9, { .size_bytes = MIB, .threshold_bps = LOCAL },
	  STEP_US, JUDGED_FAILED, REASON_ALTERED, JSON_ABSENT },
	{ "truncated", OK, MIB - 1, { .sha256 = "", .threshold_bps = LOCAL }, STEP_US, JUDGED_FAILED, REASON_TRUNCATED, JSON_ABSENT },
	{ "no echo though required",
	  "HTTP/1.1 200 OK\nContent-Length: 1048576\n", MIB, { .nonce_required = true, .threshold_bps = LOCAL },
	  STEP_US, JUDGED_INVALID, REASON_NONCE, JSON_ABSENT },
	{ "another's echo", "HTTP/1.1 200 OK\nContent-Length: 1048576\nPlumbline-Nonce: 00\n", MIB, { .threshold_bps = LOCAL },
	  STEP_US, JUDGED_INVALID, REASON_NONCE, JSON_ABSENT },
	{ "from a cache, and truncated by it", OK "Age: 30\n", MIB - 1, { .threshold_bps = LOCAL }, STEP_US,
	  JUDGED_INVALID, REASON_CACHE, JSON_ABSENT },
	{ "encoded on the way", OK "Content-Encoding: gzip\n", MIB, { .threshold_bps = LOCAL }, STEP_US,
	  JUDGED_INVALID, REASON_ENCODED, JSON_ABSENT },
	{ "server says it is full", "HTTP/1.1 503 Full\nRetry-After: 9\nContent-Length: 0\n", 0, { .nonce_required = true },
	  STEP_US, JUDGED_INVALID, REASON_SERVER_BUSY, JSON_ABSENT },
	{ "server says its wire is full", OK "Plumbline-Load: flows=3, nic=71, cpu=1\n", MIB, { .threshold_bps = FAST },
	  SLOW_STEP_US, JUDGED_INVALID, REASON_SERVER_BUSY, JSON_ABSENT },
	{ "announced work", "", 0, { .in_maintenance = true }, STEP_US, JUDGED_INVALID, REASON_MAINTENANCE, JSON_ABSENT },
	{ "no answer", "", 0, { 0 }, STEP_US, JUDGED_FAILED, REASON_NO_ANSWER, JSON_ABSENT },
	{ "refused", "", 0, { .url = "http://127.0.0.1:1/" }, STEP_US, JUDGED_FAILED, REASON_CONNECT, JSON_ABSENT },
	{ "not a URL", "", 0, { .url = "no url" }, STEP_US, JUDGED_FAILED, REASON_ABORTED, JSON_ABSENT },
};

static void test_judged_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct run run = { .step_us = cases[i].step_us };

		run_probe(&run, (struct script){ .head = cases[i].head, .body_bytes = cases[i].body_bytes }, cases[i].request);
		if (run.dones != 1 || run.record.judgement != (int)cases[i].judgement ||
		    run.record.reason != (int)cases[i].reason || run.record.sha256_ok != cases[i].sha256_ok)
			fail_msg("%s: %s %s, SHA-256 %d", cases[i].name, judgement_names[run.record.judgement],
				 reason_names[run.record.reason], run.record.sha256_ok);
	}
}

static void assert_can_be_reported(const struct measurement *record)
{
	struct measurement again;
	struct err err;
	json_t *object = measurement_to_json(record);

	if (measurement_from_json(object, &again, NULL, &err) < 0)
		fail_msg("%s", err.message);
	json_decref(object);
}

static void test_the_full_record(void **state)
{
	struct run run = { .step_us = STEP_US };
	const struct measurement *record = &run.record;

	(void)state;
	run_probe(&run, (struct script){ .head = OK, .body_bytes = MIB },
		  (struct probe_request){ .leg = LEG_HUB, .trigger = TRIGGER_ORDER, .order = "order-1", .cell_ms = START_MS - 5,
					  .threshold_bps = LOCAL, .sha256 = body_sha256 });
	assert_int_equal(record->leg, LEG_HUB);
	assert_int_equal(record->trigger, TRIGGER_ORDER);
	assert_string_equal(record->file, "ref");
	assert_string_equal(record->order, "order-1");
	assert_int_equal(record->cell_ms, START_MS - 5);
	assert_int_equal(record->started_ms, START_MS);
	assert_int_equal(record->boottime_us, 77000000);
	assert_int_equal(record->bytes, MIB);
	assert_true(record->duration_us >= 64 * STEP_US);
	assert_int_equal(record->throughput_bps, record->rate_body_bps);
	assert_int_equal(record->rate_user_bps, MIB * INT64_C(8000000) / record->duration_us);
	assert_int_equal(record->threshold_bps, LOCAL);
	assert_int_equal(record->http_status, 200);
	assert_true(record->dns_us >= 0 && record->connect_us >= 0 && record->first_byte_us > 0);
	assert_int_equal(record->tls_us, JSON_ABSENT);
	assert_memory_equal(record->peer, "127.0.0.1:", 10);
	assert_string_equal(record->interface, "lo");
	assert_true(record->cross_rx_bps >= 0 && record->cross_tx_bps >= 0);
	assert_int_equal(record->cross, CROSS_MEASURED);
	assert_int_equal(record->lower_bound, 0);
	assert_can_be_reported(record);
}

/* K3: the figures stand, and say that they are a part. */
static void test_one_machine_among_several(void **state)
{
	struct run run = { 0 };

	(void)state;
	run_probe(&run, (struct script){ .head = OK, .body_bytes = MIB }, (struct probe_request){ .sees_part = true });
	assert_true(run.record.cross_rx_bps >= 0);
	assert_int_equal(run.record.cross, CROSS_UNKNOWN);
}

static void test_a_failed_probe_has_no_rate(void **state)
{
	struct run run = { 0 };

	(void)state;
	run_probe(&run, (struct script){ .head = OK, .body_bytes = MIB - 1 }, (struct probe_request){ .threshold_bps = LOCAL });
	assert_int_equal(run.record.bytes, MIB - 1);
	assert_int_equal(run.record.rate_body_bps, JSON_ABSENT);
	assert_int_equal(run.record.rate_user_bps, JSON_ABSENT);
	assert_int_equal(run.record.throughput_bps, JSON_ABSENT);
	assert_int_equal(run.record.lower_bound, JSON_ABSENT);
	assert_can_be_reported(&run.record);
}

static void test_a_probe_that_was_not_started_can_be_reported(void **state)
{
	struct run run = { 0 };

	(void)state;
	run_probe(&run, (struct script){ .head = "" }, (struct probe_request){ .url = "no url" });
	assert_int_equal(run.record.started_ms, START_MS);
	assert_can_be_reported(&run.record);
}

static void test_the_nonce_goes_into_the_query(void **state)
{
	static const struct {
		const char *suffix, *want;
	} urls[] = {
		{ "", "GET /ref.bin?nonce=" },
		{ "?size=1", "GET /ref.bin?size=1&nonce=" },
		{ "?size=1#part", "GET /ref.bin?size=1&nonce=" },
	};
	char first[64] = "";

	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		struct run run = { .seed = i + 1 };
		struct random_source random = random_seeded(&run.seed);
		struct clock clock = { .read = read_clock, .context = &run };
		struct probe_request request = { .file_name = "ref" };
		const char *line;
		struct err err;
		char url[128];

		uv_loop_init(&run.loop);
		server_open(&run.server, &run.loop, (struct script){ .head = NULL });
		assert_int_equal(fetch_open(&run.loop, &run.fetch, &err), 0);
		snprintf(url, sizeof url, "%.63s%s", run.server.url, urls[i].suffix);
		request.url = url;
		run.probe = probe_start(run.fetch, &clock, &random, &request, NULL, on_done, &run);
		while (!run.server.requests)
			uv_run(&run.loop, UV_RUN_ONCE);
		line = buf_text(&run.server.request);
		assert_memory_equal(line, urls[i].want, strlen(urls[i].want));
		line += strlen(urls[i].want);
		assert_int_equal(strspn(line, "0123456789abcdef"), 32);
		assert_memory_not_equal(line, first, 32);
		text_copy(first, 33, line);
		probe_abort(run.probe);
		end(&run);
		uv_run(&run.loop, UV_RUN_DEFAULT);
		assert_int_equal(uv_loop_close(&run.loop), 0);
	}
}

/* K2: what the probe lacks, the client's own traffic had. */
static void test_the_clients_own_traffic_is_no_defect(void **state)
{
	struct run run = { .step_us = 100000, .cross_bytes = 60000 };

	(void)state;
	run_probe(&run, (struct script){ .head = OK, .body_bytes = MIB }, (struct probe_request){ .threshold_bps = FAST });
	assert_true(run.record.throughput_bps < FAST);
	assert_int_equal(run.record.judgement, JUDGED_GOOD);
	assert_int_equal(run.record.reason, REASON_LINE_CARRIED_IT);
}

static void test_aborted_from_progress(void **state)
{
	struct run run = { .abort_at_progress = true };

	(void)state;
	run_probe(&run, (struct script){ .head = OK, .body_bytes = 10000, .keep_open = true }, (struct probe_request){ 0 });
	assert_int_equal(run.dones, 0);
	assert_true(run.progresses > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judged_records),
		cmocka_unit_test(test_the_full_record),
		cmocka_unit_test(test_one_machine_among_several),
		cmocka_unit_test(test_a_failed_probe_has_no_rate),
		cmocka_unit_test(test_a_probe_that_was_not_started_can_be_reported),
		cmocka_unit_test(test_the_nonce_goes_into_the_query),
		cmocka_unit_test(test_the_clients_own_traffic_is_no_defect),
		cmocka_unit_test(test_aborted_from_progress),
	};

	curl_global_init(CURL_GLOBAL_DEFAULT);
	return cmocka_run_group_tests(tests, hash_body, NULL);
}
