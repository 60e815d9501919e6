/* The API as its users meet it: a real server and store on a temporary file, libcurl as the client. The collector's loop
 * runs on a thread of its own; the clock is set by the tests. */
#include "collector/api/api.h"

#include <fcntl.h>
#include <pthread.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <sodium.h>

#include "agent/base/gzip.h"
#include "agent/base/httpsig.h"
#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "collector/api/auth.h"
#include "collector/store/incidents.h"
#include "collector/store/measurements.h"
#include "collector/store/tickets.h"

#define NOW_MS   INT64_C(1700000000000)
#define SPOOL    "6f1c0a52-5e0a-4a8e-9d6b-2f6c1f0a3b7d"
#define PASSWORD "correct horse"

static const char yaml[] =
	"reference_files:\n"
	"  - {name: local, leg: local, node: core, url: \"http://files.isp.example/ref.bin\", sha256: \"" /* 64 digits */
	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}\n"
	"service_plans:\n"
	"  - {name: norm, local_min: 30KB/s, hub_min: 20KB/s, reliability: norm-2001, interval: 15m}\n"
	"  - {name: fast}\n";

struct fixture {
	char directory[64];
	struct collector_config config;
	uv_loop_t loop;
	uv_async_t stop;
	struct store *store;
	struct api *api;
	struct http_server *server;
	pthread_t thread;
	int port;
	_Atomic int64_t now_ms;
	_Atomic int measured;      /* what the observer was told of */
};

static struct fixture *fixture;

static struct instant read_clock(void *context)
{
	struct fixture *f = context;
	int64_t now_ms = f->now_ms;

	return (struct instant){ .realtime_ms = now_ms, .boottime_us = now_ms * 1000, .monotonic_us = now_ms * 1000 };
}

static void count_measured(void *arg, const struct line *line, const struct measurement *measurement)
{
	struct fixture *f = arg;

	(void)measurement;
	if (!strcmp(line->client, "42") && !strcmp(line->id, "line-7"))
		f->measured++;
}

static int add_person(struct txn *txn, const char *name, enum role role, struct err *err)
{
	static char hash[PASSWORD_HASH_SIZE];   /* made once: it is made to be slow */
	struct person person = { .role = role, .disabled_ms = JSON_ABSENT };

	if (!hash[0] && password_hash(PASSWORD, hash, err) < 0)
		return -1;
	text_copy(person.name, sizeof person.name, name);
	text_copy(person.password_hash, sizeof person.password_hash, hash);
	return person_put(txn, &person, NOW_MS, err);
}

static int add_token(struct txn *txn, const char *token, struct err *err)
{
	unsigned char hash[TOKEN_HASH_BYTES];

	auth_hash_token(token, hash);
	return token_put(txn, hash, "line-7", NOW_MS, NOW_MS + 86400000, err);
}

static int add_ticket(struct txn *txn, const char *id, enum defect defect, struct err *err)
{
	struct ticket ticket = { .client = "42", .line = "line-7", .defect = defect, .state = TICKET_OPEN, .holder = "dispatch",
				 .opened_ms = NOW_MS, .defect_from_ms = NOW_MS - 1000, .fixed_ms = JSON_ABSENT,
				 .proven_ms = JSON_ABSENT, .closed_ms = JSON_ABSENT, .reopened_ms = JSON_ABSENT };
	json_t *evidence = json_pack("{s:[]}", "measurements");
	struct line line;
	int rc = line_get(txn, "line-7", &line, err);

	text_copy(ticket.id, sizeof ticket.id, id);
	if (rc == 0) {
		ticket.line_number = line.number;
		rc = ticket_insert(txn, &ticket, evidence, err);
	}
	json_decref(evidence);
	return rc;
}

/* Of the ticket's line, as the fold leaves it. */
static int add_incident(struct txn *txn, void *arg, struct err *err)
{
	json_t *incidents = json_pack("[{s:s, s:s, s:s, s:s, s:s, s:[s], s:[], s:i, s:I, s:I, s:I, s:[], s:[i]}]", "id", "I-1", "key", "k",
				      "kind", "segment", "cause", "slow", "node", "core", "class", "core", "alternatives", "margin", 18,
				      "from_ms", NOW_MS - 2000, "opened_ms", NOW_MS - 1000, "last_ms", NOW_MS - 500, "moves", "lines", 1);
	int rc = incidents_replace(txn, 0, NOW_MS, incidents, NOW_MS, err);

	(void)arg;
	json_decref(incidents);
	return rc < 0 ? -1 : incidents_adopt_tickets(txn, 0, err);
}

static int fill(struct txn *txn, void *arg, struct err *err)
{
	const struct node core = { "core", "core", "Core" };
	const struct client client = { .id = "42", .name = "Типография «Ромашка»", .tier = "A", .key = true, .manager = "Anna" };
	const struct line line = { .id = "line-7", .client = "42", .node = "core", .address = "Garden Street 1",
				   .service_plan = "norm", .always_on = true };

	(void)arg;
	if (node_put(txn, &core, NULL, 0, err) < 0 || client_put(txn, &client, err) < 0 || line_put(txn, &line, err) < 0 ||
	    add_person(txn, "tech", ROLE_TECH, err) < 0 || add_person(txn, "viewer", ROLE_VIEWER, err) < 0 ||
	    add_token(txn, "token-1", err) < 0 || add_token(txn, "token-2", err) < 0)
		return -1;
	return add_ticket(txn, "t-1", DEFECT_SLOW_LOCAL, err) < 0 || add_ticket(txn, "t-2", DEFECT_UNRELIABLE, err) < 0 ? -1 : 0;
}

static void in_store(store_job job, void *arg)
{
	const struct store_options options = { .path = fixture->config.database, .readers = 1 };
	struct store *store;
	struct err err;

	if (store_open(&options, &store, &err) < 0 || store_run(store, job, arg, &err) < 0)
		fail_msg("%s", err.message);
	store_close(store, NULL, NULL);
}

static void on_idle(void *arg)
{
	struct fixture *f = arg;

	store_close(f->store, NULL, NULL);
}

static void on_server_stopped(void *arg)
{
	struct fixture *f = arg;

	api_when_idle(f->api, on_idle, f);
}

static void on_stop(uv_async_t *handle)
{
	struct fixture *f = handle->data;

	uv_close((uv_handle_t *)handle, NULL);
	api_stop_waiting(f->api);
	http_server_stop(f->server, 1000, on_server_stopped, f);
}

static void *run_loop(void *arg)
{
	struct fixture *f = arg;

	uv_run(&f->loop, UV_RUN_DEFAULT);
	return NULL;
}

static void write_config(struct fixture *f)
{
	struct buf faults = { 0 };
	struct err err;
	char path[96];
	FILE *file;

	snprintf(path, sizeof path, "%s/collector.yaml", f->directory);
	file = fopen(path, "w");
	fprintf(file, "database: %s/collector.db\n%s", f->directory, yaml);
	fclose(file);
	if (collector_config_read(path, &f->config, &faults, &err) < 0)
		fail_msg("%s", buf_text(&faults));
	buf_free(&faults);
}

static void start_collector(struct fixture *f)
{
	const struct store_options store = { .path = f->config.database, .loop = &f->loop, .readers = 2 };
	struct api_options api = { .loop = &f->loop, .config = &f->config, .clock = { read_clock, f }, .random = random_system(),
				   .measured = count_measured, .measured_arg = f };
	struct http_server_options server = { .address = "127.0.0.1", .max_connections = 1000, .max_body_bytes = 1 << 20,
					      .head_timeout_ms = 5000, .body_timeout_ms = 5000, .idle_timeout_ms = 5000,
					      .handle = api_handle };
	struct err err;

	uv_loop_init(&f->loop);
	uv_async_init(&f->loop, &f->stop, on_stop);
	f->stop.data = f;
	if (store_open(&store, &f->store, &err) < 0)
		fail_msg("%s", err.message);
	api.store = f->store;
	if (api_new(&api, &f->api, &err) < 0)
		fail_msg("%s", err.message);
	server.arg = f->api;
	if (http_server_start(&f->loop, &server, &f->server, &err) < 0)
		fail_msg("%s", err.message);
	f->port = http_server_port(f->server);
	pthread_create(&f->thread, NULL, run_loop, f);
}

static int set_up(void **state)
{
	fixture = xcalloc(1, sizeof *fixture);
	*state = fixture;
	strcpy(fixture->directory, "/tmp/plumbline-api-XXXXXX");
	if (!mkdtemp(fixture->directory))
		return -1;
	fixture->now_ms = NOW_MS;
	write_config(fixture);
	in_store(fill, NULL);
	start_collector(fixture);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "collector.yaml", "collector.db", "collector.db-wal", "collector.db-shm" };
	struct fixture *f = *state;
	char path[96];

	uv_async_send(&f->stop);
	pthread_join(f->thread, NULL);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	api_free(f->api);
	collector_config_free(&f->config);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", f->directory, names[i]);
		unlink(path);
	}
	rmdir(f->directory);
	free(f);
	return 0;
}

/* The client. */

struct reply {
	long status;
	struct buf head, body;
	json_t *json;          /* NULL when the body is none */
};

static struct reply reply;

static size_t take(char *bytes, size_t size, size_t count, void *arg)
{
	buf_append(arg, bytes, size * count);
	return size * count;
}

static void clear_reply(void)
{
	json_decref(reply.json);
	buf_free(&reply.head);
	buf_free(&reply.body);
	reply = (struct reply){ 0 };
}

/* headers: lines of "Name: value", or NULL. body NULL: none. */
static long ask_bytes(const char *method, const char *path, struct curl_slist *headers, const void *body, size_t length)
{
	CURL *easy = curl_easy_init();
	struct err err;
	char url[512];

	clear_reply();
	snprintf(url, sizeof url, "http://127.0.0.1:%d%s", fixture->port, path);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	if (body) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)length);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &reply.body);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, &reply.head);
	if (curl_easy_perform(easy) != CURLE_OK)
		fail_msg("%s %s: no answer", method, path);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &reply.status);
	curl_easy_cleanup(easy);
	curl_slist_free_all(headers);
	if (json_parse(buf_text(&reply.body), reply.body.length_bytes, &reply.json, &err) < 0)
		reply.json = NULL;
	return reply.status;
}

static const char *text_of(const char *member)
{
	const char *text = json_string_value(json_object_get(reply.json, member));

	return text ? text : "";
}

static bool head_has(const char *text)
{
	return strstr(buf_text(&reply.head), text) != NULL;
}

/* Somebody with a browser. */
struct visitor {
	char cookie[128];
	char csrf[CSRF_SIZE];
};

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
	char line[512];

	snprintf(line, sizeof line, "%s: %s", name, value);
	return curl_slist_append(list, line);
}

static long ask(const struct visitor *visitor, const char *method, const char *path, const char *type, const char *body)
{
	struct curl_slist *headers = NULL;

	if (visitor && visitor->cookie[0])
		headers = add_header(headers, "Cookie", visitor->cookie);
	if (visitor && visitor->csrf[0])
		headers = add_header(headers, "X-CSRF-Token", visitor->csrf);
	if (type)
		headers = add_header(headers, "Content-Type", type);
	return ask_bytes(method, path, headers, body, body ? strlen(body) : 0);
}

static long get(const struct visitor *visitor, const char *path)
{
	return ask(visitor, "GET", path, NULL, NULL);
}

static long post(const struct visitor *visitor, const char *path, const char *json)
{
	return ask(visitor, "POST", path, "application/json", json);
}

static struct visitor log_in(const char *name)
{
	struct visitor visitor = { 0 };
	char body[128];
	const char *cookie;

	snprintf(body, sizeof body, "{\"user\":\"%s\",\"password\":\"" PASSWORD "\"}", name);
	assert_int_equal(post(NULL, "/api/v1/session", body), 200);
	assert_string_equal(text_of("user"), name);
	text_copy(visitor.csrf, sizeof visitor.csrf, text_of("csrf"));
	cookie = strstr(buf_text(&reply.head), SESSION_COOKIE "=");
	assert_non_null(cookie);
	snprintf(visitor.cookie, sizeof visitor.cookie, "%.*s", (int)strcspn(cookie, ";"), cookie);
	assert_true(head_has("HttpOnly; SameSite=Lax"));
	return visitor;
}

/* Somebody's agent. */
struct agent_key {
	char id[ID_SIZE];
	unsigned char public_key[HTTPSIG_PUBLIC_KEY_BYTES], secret_key[HTTPSIG_SECRET_KEY_BYTES];
	int64_t generation;
};

static long enroll(const char *token, const struct agent_key *key)
{
	char text[64], body[256];

	sodium_bin2base64(text, sizeof text, key->public_key, sizeof key->public_key, sodium_base64_VARIANT_ORIGINAL);
	snprintf(body, sizeof body, "{\"token\":\"%s\",\"public_key\":\"%s\",\"host\":\"site\",\"version\":\"1\"}", token, text);
	return post(NULL, "/agent/v1/enroll", body);
}

static struct agent_key make_agent(const char *token)
{
	struct agent_key key = { 0 };

	crypto_sign_keypair(key.public_key, key.secret_key);
	assert_int_equal(enroll(token, &key), 200);
	text_copy(key.id, sizeof key.id, text_of("agent"));
	key.generation = json_integer_value(json_object_get(reply.json, "generation"));
	return key;
}

static long ask_signed(const struct agent_key *key, const char *method, const char *path, const void *body, size_t length,
		       const char *more_name, const char *more_value)
{
	const struct httpsig_message message = { .method = method, .path = path, .body = body, .body_bytes = length };
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	struct httpsig_headers made;
	struct err err;

	assert_int_equal(httpsig_sign(&message, key->id, key->secret_key, NOW_MS / 1000, &made, &err), 0);
	if (body)
		headers = add_header(headers, "Content-Digest", made.content_digest);
	headers = add_header(headers, "Signature-Input", made.signature_input);
	headers = add_header(headers, "Signature", made.signature);
	if (more_name)
		headers = add_header(headers, more_name, more_value);
	return ask_bytes(method, path, headers, body, length);
}

static long report_text(const struct agent_key *key, const char *text)
{
	return ask_signed(key, "POST", "/agent/v1/reports", text, strlen(text), NULL, NULL);
}

#define MEASUREMENT(seq, at) "{\"seq\":" seq ",\"boot\":\"b\",\"type\":\"measurement\",\"leg\":\"local\",\"file\":\"local\"," \
	"\"started_ms\":" at ",\"boottime_us\":1,\"duration_us\":1000000,\"bytes\":1048576,\"throughput_bps\":8000000," \
	"\"threshold_bps\":240000,\"judgement\":\"good\"}"

static long report(struct agent_key *key, int64_t generation, const char *events)
{
	char text[4096];

	snprintf(text, sizeof text, "{\"spool\":\"" SPOOL "\",\"sent_ms\":1,\"generation\":%lld,\"events\":[%s]}",
		 (long long)generation, events);
	return report_text(key, text);
}

static int64_t number_of(const char *member)
{
	return json_integer_value(json_object_get(reply.json, member));
}

static int count_stored(const json_t *measurement, void *arg)
{
	(void)measurement;
	++*(int *)arg;
	return 0;
}

static int count_job(struct txn *txn, void *arg, struct err *err)
{
	return measurements_visit(txn, INT64_MIN, count_stored, arg, err);
}

static int stored_count(void)
{
	int count = 0;

	in_store(count_job, &count);
	return count;
}

/* The tests. */

static void test_nobody_gets_no_further_than_the_door(void **state)
{
	static const struct {
		const char *method, *path;
		long status;
		const char *head;
	} cases[] = {
		{ "GET", "/healthz", 200, "application/json" },
		{ "GET", "/readyz", 200, "application/json" },
		{ "GET", "/login", 200, "text/html" },
		{ "GET", "/static/style.css", 200, "text/css" },
		{ "GET", "/static/../templates/login.mustache", 404, "" },
		{ "GET", "/api/v1/clients", 401, "application/problem+json" },
		{ "GET", "/api/v1/tickets/t-1", 401, "application/problem+json" },
		{ "GET", "/api/v1/lines/line-7/measurements", 401, "application/problem+json" },
		{ "GET", "/", 303, "Location: /login\r\n" },
		{ "GET", "/clients/42?lang=ru", 303, "Location: /login?next=/clients/42%3Flang%3Dru\r\n" },
		{ "POST", "/tickets/t-1/accept", 303, "Location: /login\r\n" },
		{ "GET", "/nowhere", 404, "text/html" },
		{ "GET", "/api/v1/nowhere", 404, "application/problem+json" },
		{ "PUT", "/api/v1/clients", 405, "Allow: GET" },
		{ "GET", "/agent/v1/instruction", 401, "application/problem+json" },
		{ "POST", "/agent/v1/reports", 401, "application/problem+json" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ask(NULL, cases[i].method, cases[i].path, NULL, NULL);
		if (reply.status != cases[i].status || !head_has(cases[i].head))
			fail_msg("%s %s: %s%s", cases[i].method, cases[i].path, buf_text(&reply.head), buf_text(&reply.body));
		assert_true(head_has("X-Content-Type-Options: nosniff") || !strcmp(cases[i].path, "/healthz"));
	}
}

static void test_problems_say_what_is_wrong(void **state)
{
	(void)state;
	assert_int_equal(get(NULL, "/api/v1/nowhere"), 404);
	assert_string_equal(text_of("type"), "about:blank");
	assert_string_equal(text_of("title"), "Not Found");
	assert_string_equal(text_of("detail"), "there is nothing at /api/v1/nowhere");
	assert_int_equal(number_of("status"), 404);
	assert_true(head_has("Content-Security-Policy: default-src 'self'"));
	assert_true(head_has("Cache-Control: no-store"));
}

static void test_log_ins_that_fail(void **state)
{
	static const struct {
		const char *body;
		long status;
		const char *detail;
	} cases[] = {
		{ "{\"user\":\"tech\",\"password\":\"wrong\"}", 401, "user or password is wrong" },
		{ "{\"user\":\"nobody\",\"password\":\"" PASSWORD "\"}", 401, "user or password is wrong" },
		{ "{\"user\":\"tech\"}", 400, "password: is missing" },
		{ "{\"user\":5,\"password\":\"x\"}", 400, "user: must be a string" },
		{ "{\"user\":\"tech\",\"password\":", 400, "body: line 1" },
		{ "[]", 400, "body: must be a JSON object" },
		{ "{\"user\":\"a\",\"user\":\"b\"}", 400, "body: line 1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		post(NULL, "/api/v1/session", cases[i].body);
		if (reply.status != cases[i].status || strncmp(text_of("detail"), cases[i].detail, strlen(cases[i].detail)))
			fail_msg("%s: %ld %s", cases[i].body, reply.status, buf_text(&reply.body));
		assert_false(head_has(SESSION_COOKIE));
	}
	assert_int_equal(ask(NULL, "POST", "/api/v1/session", "text/plain", "user=tech"), 415);
}

static void test_log_ins_that_fail_are_logged(void **state)
{
	char text[512] = "";
	int before = dup(STDERR_FILENO), pipes[2];

	(void)state;
	assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
	dup2(pipes[1], STDERR_FILENO);
	log_set_level(LOG_WARNING);
	post(NULL, "/api/v1/session", "{\"user\":\"te\\nch \\u001b[2J\",\"password\":\"wrong\"}");
	log_set_level(LOG_ERROR);
	dup2(before, STDERR_FILENO);
	assert_true(read(pipes[0], text, sizeof text - 1) > 0);
	close(before);
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(reply.status, 401);
	assert_true(head_has("WWW-Authenticate: Cookie realm=\"plumbline\"\r\n"));
	assert_non_null(strstr(text, "log-in from 127.0.0.1:"));
	assert_non_null(strstr(text, " failed, name given: te ch  [2J\n"));
	assert_null(strstr(text, "wrong"));
}

/* Browsers say who sends a form; programs say nothing. */
static void test_other_sites_cannot_log_in(void **state)
{
	static const char good[] = "{\"user\":\"tech\",\"password\":\"" PASSWORD "\"}";
	struct fixture *f = *state;
	char own[64], own_elsewhere[64];
	const struct {
		const char *header, *value;
		long status;
	} cases[] = {
		{ "Origin", own, 200 },
		{ "Origin", own_elsewhere, 403 },
		{ "Origin", "https://evil.example", 403 },
		{ "Origin", "null", 403 },
		{ "Sec-Fetch-Site", "same-origin", 200 },
		{ "Sec-Fetch-Site", "none", 200 },
		{ "Sec-Fetch-Site", "same-site", 403 },
		{ "Sec-Fetch-Site", "cross-site", 403 },
	};

	snprintf(own, sizeof own, "http://127.0.0.1:%d", f->port);
	snprintf(own_elsewhere, sizeof own_elsewhere, "http://127.0.0.1:%d", f->port + 1);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct curl_slist *headers = add_header(NULL, "Content-Type", "application/json");

		headers = add_header(headers, cases[i].header, cases[i].value);
		if (ask_bytes("POST", "/api/v1/session", headers, good, strlen(good)) != cases[i].status)
			fail_msg("%s: %s: %ld", cases[i].header, cases[i].value, reply.status);
		assert_true(head_has(SESSION_COOKIE) == (cases[i].status == 200));
	}
}

static void test_guessing_is_slowed_down(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 10; i++)
		assert_int_equal(post(NULL, "/api/v1/session", "{\"user\":\"guessed\",\"password\":\"x\"}"), 401);
	assert_int_equal(post(NULL, "/api/v1/session", "{\"user\":\"guessed\",\"password\":\"x\"}"), 429);
	assert_true(head_has("Retry-After: 61"));
	f->now_ms += 60000;
	assert_int_equal(post(NULL, "/api/v1/session", "{\"user\":\"guessed\",\"password\":\"x\"}"), 401);
}

static void test_session_ends_by_log_out_and_by_age(void **state)
{
	struct fixture *f = *state;
	struct visitor tech = log_in("tech");
	struct visitor other = log_in("tech");

	assert_int_equal(get(&tech, "/api/v1/clients"), 200);
	assert_int_equal(ask(&tech, "DELETE", "/api/v1/session", NULL, NULL), 200);
	assert_int_equal(get(&tech, "/api/v1/clients"), 401);
	assert_int_equal(get(&other, "/api/v1/clients"), 200);
	f->now_ms += SESSION_LIFE_MS;
	assert_int_equal(get(&other, "/api/v1/clients"), 401);
}

static void test_form_log_in_goes_on_to_local_pages_only(void **state)
{
	static const char type[] = "application/x-www-form-urlencoded";

	(void)state;
	assert_int_equal(ask(NULL, "POST", "/session", type, "user=tech&password=correct+horse&next=/tickets%3Fstate%3Dopen"), 303);
	assert_true(head_has("Location: /tickets?state=open\r\n"));
	assert_int_equal(ask(NULL, "POST", "/session", type, "user=tech&password=correct+horse&next=//evil.example"), 303);
	assert_true(head_has("Location: /\r\n"));
	assert_int_equal(ask(NULL, "POST", "/session", type, "user=tech&password=wrong&next=/tickets"), 303);
	assert_true(head_has("Location: /login?failed=1&next=/tickets\r\n"));
}

static void test_clients_and_lines(void **state)
{
	static const struct {
		const char *path;
		long status;
		int items;    /* -1: no list */
	} cases[] = {
		{ "/api/v1/clients", 200, 1 },
		{ "/api/v1/clients?q=%D0%A0%D0%9E%D0%9C%D0%90%D0%A8", 200, 1 },
		{ "/api/v1/clients?q=absent", 200, 0 },
		{ "/api/v1/clients?tier=A&manager=Anna", 200, 1 },
		{ "/api/v1/clients?tier=B", 200, 0 },
		{ "/api/v1/clients?quality=bad", 200, 1 },
		{ "/api/v1/clients?quality=good", 200, 0 },
		{ "/api/v1/clients?quality=shiny", 400, -1 },
		{ "/api/v1/clients?tier=D", 400, -1 },
		{ "/api/v1/clients?limit=0", 400, -1 },
		{ "/api/v1/clients?limit=501", 400, -1 },
		{ "/api/v1/clients?limit=x", 400, -1 },
		{ "/api/v1/clients?q=%FF", 400, -1 },
		{ "/api/v1/clients?cursor=nonsense", 400, -1 },
		{ "/api/v1/clients/42", 200, -1 },
		{ "/api/v1/clients/43", 404, -1 },
		{ "/api/v1/agents", 200, 0 },
		{ "/api/v1/agents?contact=silent&limit=5", 200, 0 },
		{ "/api/v1/agents?contact=asleep", 400, -1 },
		{ "/api/v1/agents?limit=501", 400, -1 },
		{ "/api/v1/agents?cursor=nonsense", 400, -1 },
		{ "/api/v1/lines/line-7/measurements", 200, 0 },
		{ "/api/v1/lines/line-7/measurements?from_ms=5&to_ms=4", 400, -1 },
		{ "/api/v1/lines/line-7/measurements?points=0", 400, -1 },
		{ "/api/v1/lines/line-8/measurements", 404, -1 },
		{ "/api/v1/lines/line-7/history", 200, 0 },
		{ "/api/v1/tickets", 200, 2 },
		{ "/api/v1/tickets?state=open&client=42", 200, 2 },
		{ "/api/v1/tickets?state=unclosed&holder=nobody", 200, 0 },
		{ "/api/v1/tickets?state=broken", 400, -1 },
		{ "/api/v1/tickets/t-1", 200, -1 },
		{ "/api/v1/tickets/t-9", 404, -1 },
	};
	struct visitor viewer = log_in("viewer");

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		get(&viewer, cases[i].path);
		if (reply.status != cases[i].status)
			fail_msg("%s: %ld %s", cases[i].path, reply.status, buf_text(&reply.body));
		if (cases[i].items >= 0 && json_array_size(json_object_get(reply.json, "items")) != (size_t)cases[i].items)
			fail_msg("%s: %s", cases[i].path, buf_text(&reply.body));
	}
}

static void test_dossier(void **state)
{
	struct visitor viewer = log_in("viewer");
	const json_t *line;

	(void)state;
	assert_int_equal(get(&viewer, "/api/v1/clients/42"), 200);
	assert_string_equal(text_of("name"), "Типография «Ромашка»");
	assert_string_equal(json_string_value(json_object_get(json_object_get(reply.json, "quality"), "good")), "bad");
	assert_int_equal(json_array_size(json_object_get(json_object_get(reply.json, "tickets"), "items")), 2);
	line = json_array_get(json_object_get(reply.json, "lines"), 0);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(line, "thresholds"), "local_bps")), 240000);
	assert_true(json_is_array(json_object_get(json_object_get(line, "recent"), "items")));
	assert_true(json_is_object(json_object_get(line, "quality")));
	assert_int_equal(get(&viewer, "/api/v1/lines/line-7/history"), 200);
	assert_string_equal(json_string_value(json_object_get(json_object_get(reply.json, "line"), "client_name")),
			    "Типография «Ромашка»");
}

static void test_pages(void **state)
{
	static const char *const paths[] = { "/clients", "/clients/42", "/lines/line-7/history", "/tickets?state=unclosed",
					     "/tickets/t-1" };
	struct visitor viewer = log_in("viewer");

	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		if (get(&viewer, paths[i]) != 200 || !head_has("text/html") || !strstr(buf_text(&reply.body), "<!DOCTYPE html>"))
			fail_msg("%s: %ld %s", paths[i], reply.status, buf_text(&reply.body));
	}
	assert_int_equal(get(&viewer, "/"), 303);
	assert_true(head_has("Location: /clients\r\n"));
	assert_int_equal(get(&viewer, "/clients?lang=ru"), 200);
	assert_true(head_has("Set-Cookie: lang=ru"));
	assert_non_null(strstr(buf_text(&reply.body), "lang=\"ru\""));
	assert_int_equal(get(&viewer, "/clients/43"), 404);
	assert_true(head_has("text/html"));
}

static void test_ticket_moves(void **state)
{
	static const struct {
		const char *name, *path, *body;
		long status;
		const char *state_after;   /* NULL: not asked */
	} cases[] = {
		{ "not accepted yet", "t-1/fixed", "{\"cause\":\"c\",\"done\":\"d\"}", 409, NULL },
		{ "no such move",     "t-1/explode", "{}", 404, NULL },
		{ "no such ticket",   "t-9/accept", "{}", 404, NULL },
		{ "a note of nothing", "t-1/note", "{}", 400, NULL },
		{ "a note",           "t-1/note", "{\"note\":\"called\"}", 200, "open" },
		{ "accept",           "t-1/accept", "{}", 200, "accepted" },
		{ "twice",            "t-1/accept", "{}", 409, NULL },
		{ "fixed, not saying what", "t-1/fixed", "{}", 400, NULL },
		{ "fixed, wrong type", "t-1/fixed", "{\"cause\":1,\"done\":\"d\"}", 400, NULL },
		{ "fixed",            "t-1/fixed", "{\"cause\":\"splitter\",\"done\":\"replaced\",\"expense\":\"ours\"}", 200, "fixed" },
		{ "closed unproven",  "t-1/close", "{\"note\":\"client told\"}", 200, "closed" },
		{ "closed twice",     "t-1/close", "{}", 409, NULL },
	};
	struct visitor tech = log_in("tech");
	const json_t *custody;
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(path, sizeof path, "/api/v1/tickets/%s", cases[i].path);
		post(&tech, path, cases[i].body);
		if (reply.status != cases[i].status || (cases[i].state_after && strcmp(text_of("state"), cases[i].state_after)))
			fail_msg("%s: %ld %s", cases[i].name, reply.status, buf_text(&reply.body));
	}
	assert_int_equal(get(&tech, "/api/v1/tickets/t-1"), 200);
	assert_string_equal(text_of("holder"), "tech");
	assert_true(json_is_true(json_object_get(reply.json, "unverified")));
	assert_int_equal(number_of("fixed_ms"), NOW_MS);
	custody = json_object_get(reply.json, "custody");
	assert_int_equal(json_array_size(custody), 4);
	assert_string_equal(json_string_value(json_object_get(json_array_get(custody, 2), "cause")), "splitter");
}

static void test_incidents(void **state)
{
	struct visitor tech = log_in("tech"), viewer = log_in("viewer");
	const json_t *node;

	(void)state;
	in_store(add_incident, NULL);
	assert_int_equal(get(&viewer, "/api/v1/incidents?state=open"), 200);
	assert_int_equal(json_array_size(json_object_get(reply.json, "items")), 1);
	assert_int_equal(get(&viewer, "/api/v1/incidents?state=ajar"), 400);
	assert_int_equal(get(&viewer, "/api/v1/incidents/I-9"), 404);
	assert_int_equal(get(&viewer, "/incidents"), 200);
	assert_int_equal(get(&viewer, "/incidents/I-1"), 200);
	assert_int_equal(get(&viewer, "/api/v1/tickets?incident=I-1"), 200);
	assert_int_equal(json_array_size(json_object_get(reply.json, "items")), 1);
	assert_int_equal(get(&viewer, "/api/v1/tickets/t-1"), 200);
	assert_string_equal(text_of("incident"), "I-1");
	assert_string_equal(text_of("culprit"), "core");
	assert_int_equal(get(&viewer, "/api/v1/topology"), 200);
	node = json_array_get(json_object_get(reply.json, "items"), 0);
	assert_string_equal(json_string_value(json_object_get(node, "quality")), "bad");
	assert_int_equal(json_integer_value(json_object_get(node, "coverage")), 0);
	assert_int_equal(post(&viewer, "/api/v1/incidents/I-1/close", "{}"), 403);
	assert_int_equal(post(&tech, "/api/v1/incidents/I-1/explode", "{}"), 404);
	assert_int_equal(post(&tech, "/api/v1/incidents/I-1/fixed", "{}"), 400);
	assert_int_equal(post(&tech, "/api/v1/incidents/I-1/fixed", "{\"cause\":\"cable\",\"done\":\"spliced\"}"), 200);
	assert_int_equal(number_of("fixed_ms"), NOW_MS);
	assert_int_equal(post(&tech, "/api/v1/incidents/I-1/close", "{}"), 200);
	assert_string_equal(text_of("state"), "closed");
	assert_int_equal(post(&tech, "/api/v1/incidents/I-1/close", "{}"), 409);
	assert_int_equal(get(&tech, "/api/v1/tickets/t-1"), 200);
	assert_string_equal(text_of("state"), "fixed");
	assert_string_equal(text_of("holder"), "tech");
	assert_int_equal(get(&tech, "/api/v1/tickets/t-2"), 200);
	assert_string_equal(text_of("state"), "open");   /* none of its */
}

static void test_every_missing_field_of_a_repair_is_named(void **state)
{
	struct visitor tech = log_in("tech");

	(void)state;
	assert_int_equal(post(&tech, "/api/v1/tickets/t-1/fixed", "{}"), 400);
	assert_int_equal(json_array_size(json_object_get(reply.json, "errors")), 2);
}

static void test_moves_need_the_token_and_the_role(void **state)
{
	static const char type[] = "application/x-www-form-urlencoded";
	struct visitor tech = log_in("tech");
	struct visitor viewer = log_in("viewer");
	struct visitor careless = tech;
	char form[128];

	(void)state;
	careless.csrf[0] = '\0';
	assert_int_equal(post(&careless, "/api/v1/tickets/t-2/accept", "{}"), 403);
	memset(careless.csrf, '0', CSRF_SIZE - 1);
	assert_int_equal(post(&careless, "/api/v1/tickets/t-2/accept", "{}"), 403);
	assert_int_equal(post(&viewer, "/api/v1/tickets/t-2/accept", "{}"), 403);
	assert_string_equal(text_of("detail"), "the role viewer may not do this");
	assert_int_equal(get(&viewer, "/api/v1/tickets/t-2"), 200);
	assert_string_equal(text_of("state"), "open");
	assert_int_equal(json_object_size(json_object_get(reply.json, "moves")), 0);
	assert_int_equal(get(&viewer, "/tickets/t-2"), 200);
	assert_null(strstr(buf_text(&reply.body), "action=\"/tickets/"));
	assert_int_equal(get(&tech, "/tickets/t-2"), 200);
	assert_non_null(strstr(buf_text(&reply.body), "action=\"/tickets/t-2/accept\""));
	assert_null(strstr(buf_text(&reply.body), "action=\"/tickets/t-2/fixed\""));

	careless.csrf[0] = '\0';
	snprintf(form, sizeof form, "csrf=%s&note=on+my+way", tech.csrf);
	assert_int_equal(ask(&careless, "POST", "/tickets/t-2/accept", type, form), 303);
	assert_true(head_has("Location: /tickets/t-2\r\n"));
	assert_int_equal(get(&tech, "/api/v1/tickets/t-2"), 200);
	assert_string_equal(text_of("state"), "accepted");
}

static void test_enrolment(void **state)
{
	struct agent_key key = make_agent("token-1");
	struct agent_key other = { 0 };
	int64_t generation = key.generation;

	(void)state;
	assert_string_equal(text_of("line"), "line-7");
	assert_string_equal(json_string_value(json_array_get(json_object_get(reply.json, "targets"), 0)), "files.isp.example");
	assert_int_equal(strlen(key.id), 14);
	assert_int_equal(enroll("token-1", &key), 200);
	assert_string_equal(text_of("agent"), key.id);
	assert_int_equal(number_of("generation"), generation);

	crypto_sign_keypair(other.public_key, other.secret_key);
	assert_int_equal(enroll("token-1", &other), 409);
	assert_int_equal(enroll("token-9", &other), 401);
	assert_int_equal(post(NULL, "/agent/v1/enroll", "{\"token\":\"token-2\",\"public_key\":\"AAAA\"}"), 400);
	assert_string_equal(text_of("detail"), "public_key: must be base64 of 32 bytes");
	assert_int_equal(post(NULL, "/agent/v1/enroll", "{}"), 400);
	assert_int_equal(json_array_size(json_object_get(reply.json, "errors")), 2);
	assert_int_equal(post(NULL, "/agent/v1/enroll", NULL), 400);
}

static void test_reports_count_once(void **state)
{
	struct fixture *f = *state;
	struct agent_key key = make_agent("token-1");
	int64_t first = key.generation;

	assert_int_equal(report(&key, first, MEASUREMENT("1", "1699999000000") "," MEASUREMENT("2", "1699999100000")), 200);
	assert_int_equal(number_of("acked_seq"), 2);
	assert_int_equal(number_of("generation"), first + 1);
	assert_int_equal(json_array_size(json_object_get(reply.json, "rejected")), 0);
	assert_int_equal(stored_count(), 2);

	/* The answer was lost: the same once more. */
	assert_int_equal(report(&key, first, MEASUREMENT("1", "1699999000000") "," MEASUREMENT("2", "1699999100000")), 200);
	assert_int_equal(number_of("acked_seq"), 2);
	assert_int_equal(number_of("generation"), first + 1);

	/* A bad event harms only itself. */
	assert_int_equal(report(&key, first + 1, "{\"seq\":3,\"type\":\"measurement\"}," MEASUREMENT("4", "1699999200000")), 200);
	assert_int_equal(number_of("acked_seq"), 4);
	assert_int_equal(json_array_size(json_object_get(reply.json, "rejected")), 1);
	assert_int_equal(stored_count(), 3);

	/* The sign of life, and other events. */
	assert_int_equal(report(&key, first + 2, ""), 200);
	assert_int_equal(report(&key, first + 3, "{\"seq\":5,\"boot\":\"b\",\"type\":\"alive\",\"from_ms\":1}"), 200);
	assert_int_equal(number_of("generation"), first + 4);

	/* A copied disk: acknowledged, kept apart, not counted. */
	assert_int_equal(report(&key, first, MEASUREMENT("9", "1699999300000")), 200);
	assert_int_equal(number_of("acked_seq"), 9);
	assert_int_equal(number_of("generation"), first);
	assert_int_equal(stored_count(), 3);
	assert_int_equal(f->measured, 3);
}

/* The agent knows a later state than this database: what it reports counts, and what came before is asked for. */
static void test_a_restored_database_takes_reports_and_asks_for_what_it_lost(void **state)
{
	struct agent_key key = make_agent("token-1");
	int64_t first = key.generation;
	const json_t *resend;

	(void)state;
	assert_int_equal(report(&key, first, MEASUREMENT("1", "1699999000000")), 200);
	assert_null(json_object_get(reply.json, "resend_from"));
	for (int times = 0; times < 2; times++) {   /* the first answer is lost */
		assert_int_equal(report(&key, first + 40, MEASUREMENT("90", "1699999900000")), 200);
		assert_int_equal(number_of("generation"), first + 41);
		resend = json_object_get(reply.json, "resend_from");
		assert_string_equal(json_string_value(json_object_get(resend, "spool")), SPOOL);
		assert_int_equal(json_integer_value(json_object_get(resend, "seq")), 2);
	}
	assert_int_equal(report(&key, first + 41, MEASUREMENT("2", "1699999100000") "," MEASUREMENT("91", "1699999950000")), 200);
	assert_null(json_object_get(reply.json, "resend_from"));
	assert_int_equal(report(&key, first + 42, ""), 200);
	assert_null(json_object_get(reply.json, "resend_from"));
	assert_int_equal(stored_count(), 4);
}

static void test_packed_reports(void **state)
{
	struct agent_key key = make_agent("token-1");
	struct buf packed = { 0 }, text = { 0 };
	struct err err;

	(void)state;
	buf_printf(&text, "{\"spool\":\"" SPOOL "\",\"sent_ms\":1,\"generation\":%lld,\"events\":[" MEASUREMENT("1", "1699999000000")
		   "]}", (long long)key.generation);
	assert_int_equal(gzip_pack(buf_text(&text), text.length_bytes, &packed, &err), 0);
	assert_int_equal(ask_signed(&key, "POST", "/agent/v1/reports", packed.data, packed.length_bytes, "Content-Encoding",
				    "gzip"), 200);
	assert_int_equal(stored_count(), 1);

	packed.data[packed.length_bytes / 2] ^= 0x55;
	assert_int_equal(ask_signed(&key, "POST", "/agent/v1/reports", packed.data, packed.length_bytes, "Content-Encoding",
				    "gzip"), 400);
	assert_int_equal(ask_signed(&key, "POST", "/agent/v1/reports", packed.data, packed.length_bytes, "Content-Encoding",
				    "br"), 415);

	buf_clear(&packed);
	buf_clear(&text);
	memset(buf_reserve(&text, 9 << 20), ' ', 9 << 20);
	text.length_bytes = 9 << 20;
	assert_int_equal(gzip_pack(text.data, text.length_bytes, &packed, &err), 0);
	assert_int_equal(ask_signed(&key, "POST", "/agent/v1/reports", packed.data, packed.length_bytes, "Content-Encoding",
				    "gzip"), 413);
	assert_int_equal(ask_signed(&key, "POST", "/agent/v1/reports", text.data, 2 << 20, NULL, NULL), 413);
	buf_free(&packed);
	buf_free(&text);
}

/* Whoever has not signed: a log-in, an enrolment, a path that is not there. */
static void test_strangers_send_little(void **state)
{
	static const char *const paths[] = { "/api/v1/session", "/agent/v1/enroll", "/agent/v1/nothing" };
	struct buf text = { 0 }, packed = { 0 };
	struct err err;

	(void)state;
	for (int i = 0; i < 30000; i++)
		buf_append_text(&text, i ? ",{}" : "[{}");
	buf_append_text(&text, "]");
	assert_int_equal(gzip_pack(text.data, text.length_bytes, &packed, &err), 0);
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct curl_slist *headers = add_header(NULL, "Content-Type", "application/json");

		headers = add_header(headers, "Content-Encoding", "gzip");
		assert_int_equal(ask_bytes("POST", paths[i], headers, packed.data, packed.length_bytes), 413);
		assert_string_equal(text_of("detail"), "body: gzip: more than 65536 bytes when unpacked");
		assert_int_equal(ask_bytes("POST", paths[i], NULL, text.data, text.length_bytes), 413);
		assert_string_equal(text_of("detail"), "body: at most 65536 bytes");
	}
	buf_free(&packed);
	buf_free(&text);
}

static void test_bad_reports_store_nothing(void **state)
{
	static const struct {
		const char *text;
		long status;
	} cases[] = {
		{ "", 400 },
		{ "{", 400 },
		{ "[]", 400 },
		{ "{}", 400 },
		{ "{\"spool\":\"x\",\"sent_ms\":1,\"generation\":1,\"events\":[]}", 400 },
		{ "{\"spool\":\"" SPOOL "\",\"sent_ms\":\"now\",\"generation\":1,\"events\":[]}", 400 },
		{ "{\"spool\":\"" SPOOL "\",\"sent_ms\":1,\"generation\":1,\"events\":{}}", 400 },
		{ "{\"spool\":\"" SPOOL "\",\"sent_ms\":1,\"generation\":1,\"events\":[" MEASUREMENT("1", "1") ",5]}", 400 },
		{ "{\"spool\":\"" SPOOL "\",\"sent_ms\":1,\"generation\":1,\"events\":[" MEASUREMENT("2", "1") ","
		  MEASUREMENT("1", "1") "]}", 400 },
	};
	struct agent_key key = make_agent("token-1");

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (report_text(&key, cases[i].text) != cases[i].status)
			fail_msg("%s: %ld %s", cases[i].text, reply.status, buf_text(&reply.body));
	assert_int_equal(stored_count(), 0);
}

static int revoke_job(struct txn *txn, void *arg, struct err *err)
{
	return agent_revoke(txn, arg, NOW_MS, err);
}

static void test_only_the_agent_itself_is_believed(void **state)
{
	struct agent_key key = make_agent("token-1");
	struct agent_key stranger = key, impostor = key;

	(void)state;
	strcpy(stranger.id, "a-000000000000");
	assert_int_equal(report(&stranger, key.generation, ""), 401);
	assert_true(head_has("WWW-Authenticate: Signature realm=\"plumbline\"\r\n"));
	assert_string_equal(text_of("detail"), "no agent a-000000000000 is enrolled here");
	crypto_sign_keypair(impostor.public_key, impostor.secret_key);
	assert_int_equal(report(&impostor, key.generation, MEASUREMENT("1", "1699999000000")), 401);
	/* Signed as a path, sent as a path and a query. */
	assert_int_equal(ask_signed(&key, "GET", "/agent/v1/instruction?wait=1", NULL, 0, NULL, NULL), 401);

	in_store(revoke_job, key.id);
	assert_int_equal(report(&key, key.generation, MEASUREMENT("1", "1699999000000")), 401);
	assert_int_equal(stored_count(), 0);
}

static void test_instruction_and_its_etag(void **state)
{
	struct agent_key key = make_agent("token-1");
	char etag[64];

	(void)state;
	assert_int_equal(report(&key, key.generation, ""), 200);
	text_copy(etag, sizeof etag, text_of("instruction"));
	assert_int_equal(ask_signed(&key, "GET", "/agent/v1/instruction", NULL, 0, NULL, NULL), 200);
	assert_true(head_has(etag));
	assert_string_equal(text_of("line"), "line-7");
	assert_int_equal(ask_signed(&key, "GET", "/agent/v1/instruction", NULL, 0, "If-None-Match", etag), 304);
	assert_int_equal(reply.body.length_bytes, 0);
	assert_int_equal(ask_signed(&key, "GET", "/agent/v1/instruction", NULL, 0, "If-None-Match", "\"other\""), 200);
}

/* Orders. */

#define ANSWER "{\"seq\":1,\"boot\":\"b\",\"type\":\"measurement\",\"leg\":\"local\",\"file\":\"local\"," \
	"\"trigger\":\"order\",\"order\":\"%s\",\"started_ms\":1700000001000,\"boottime_us\":1,\"duration_us\":1000000," \
	"\"bytes\":1048576,\"throughput_bps\":8000000,\"threshold_bps\":240000,\"judgement\":\"good\"}"

static size_t item_count(void)
{
	return json_array_size(json_object_get(reply.json, "items"));
}

static const char *item_text(const char *member)
{
	const char *text = json_string_value(json_object_get(json_array_get(json_object_get(reply.json, "items"), 0), member));

	return text ? text : "";
}

static size_t orders_in_instruction(const struct agent_key *key)
{
	assert_int_equal(ask_signed(key, "GET", "/agent/v1/instruction", NULL, 0, NULL, NULL), 200);
	return json_array_size(json_object_get(reply.json, "orders"));
}

static void test_orders_that_cannot_be(void **state)
{
	static const struct {
		const char *name, *path, *body;
		long status;
		const char *detail;
	} cases[] = {
		{ "no such line",  "/api/v1/lines/line-8/orders", "{}", 404, "line line-8: unknown" },
		{ "no such leg",   "/api/v1/lines/line-7/orders", "{\"leg\":\"moon\"}", 400, "leg: must be one of: local, hub, both" },
		{ "nothing there", "/api/v1/lines/line-7/orders", "{\"leg\":\"hub\"}", 409,
		  "nothing to probe with: the collector has no reference file for that leg" },
		{ "nobody there",  "/api/v1/lines/line-7/orders", "{}", 409, "line line-7: has no agent that could probe it" },
	};
	struct visitor tech = log_in("tech"), viewer = log_in("viewer");

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		post(&tech, cases[i].path, cases[i].body);
		if (reply.status != cases[i].status || strcmp(text_of("detail"), cases[i].detail))
			fail_msg("%s: %ld %s", cases[i].name, reply.status, buf_text(&reply.body));
	}
	assert_int_equal(post(&viewer, "/api/v1/lines/line-7/orders", "{}"), 403);
	assert_int_equal(get(&viewer, "/api/v1/lines/line-8/orders"), 404);
	assert_int_equal(get(&viewer, "/api/v1/lines/line-7/orders?limit=0"), 400);
	assert_int_equal(get(&viewer, "/api/v1/lines/line-7/orders"), 200);
	assert_int_equal(item_count(), 0);
}

static void test_an_order_from_the_button_to_its_answer(void **state)
{
	struct fixture *f = *state;
	struct agent_key key = make_agent("token-1");
	struct visitor tech = log_in("tech");
	char id[ID_SIZE], events[512];

	assert_int_equal(orders_in_instruction(&key), 0);
	assert_int_equal(post(&tech, "/api/v1/lines/line-7/orders", "{}"), 200);
	assert_int_equal(item_count(), 1);   /* there is no reference file for the hub */
	assert_string_equal(item_text("state"), "placed");
	text_copy(id, sizeof id, item_text("id"));
	assert_int_equal(post(&tech, "/api/v1/lines/line-7/orders", "{\"leg\":\"local\"}"), 200);
	assert_string_equal(item_text("id"), id);   /* asked twice, probed once */
	assert_int_equal(orders_in_instruction(&key), 1);

	snprintf(events, sizeof events, ANSWER, id);
	assert_int_equal(report(&key, key.generation, events), 200);
	assert_int_equal(orders_in_instruction(&key), 0);
	assert_int_equal(get(&tech, "/api/v1/lines/line-7/orders"), 200);
	assert_string_equal(item_text("state"), "answered");
	assert_string_equal(item_text("by"), "tech");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(json_array_get(json_object_get(
		reply.json, "items"), 0), "answer"), "throughput_bps")), 8000000);

	f->now_ms += 1;
	assert_int_equal(post(&tech, "/api/v1/lines/line-7/orders", "{}"), 200);
	assert_string_not_equal(item_text("id"), id);
	f->now_ms += 600000;
	assert_int_equal(orders_in_instruction(&key), 0);
	assert_int_equal(get(&tech, "/api/v1/lines/line-7/orders?limit=1"), 200);
	assert_string_equal(item_text("state"), "expired");
	assert_true(json_is_string(json_object_get(reply.json, "cursor")));
}

static void test_the_button_is_on_the_pages_and_leads_back(void **state)
{
	static const char *const paths[] = { "/clients/42", "/lines/line-7/history" };
	static const char type[] = "application/x-www-form-urlencoded";
	struct visitor tech = log_in("tech"), viewer = log_in("viewer");
	char form[256];

	(void)state;
	for (size_t i = 0; i < 2; i++) {   /* without an agent there is none */
		assert_int_equal(get(&tech, paths[i]), 200);
		assert_null(strstr(buf_text(&reply.body), "/lines/line-7/orders"));
	}
	make_agent("token-1");
	for (size_t i = 0; i < 2; i++) {
		snprintf(form, sizeof form, "csrf=%s&next=%s", tech.csrf, paths[i]);
		assert_int_equal(ask(&tech, "POST", "/lines/line-7/orders", type, form), 303);
		assert_true(head_has("Location: ") && head_has(paths[i]));
		assert_int_equal(get(&tech, paths[i]), 200);
		assert_non_null(strstr(buf_text(&reply.body), "action=\"/lines/line-7/orders\""));
		assert_non_null(strstr(buf_text(&reply.body), "waiting for the agent"));
		assert_int_equal(get(&viewer, paths[i]), 200);
		assert_null(strstr(buf_text(&reply.body), "action=\"/lines/line-7/orders\""));
	}
	snprintf(form, sizeof form, "csrf=%s&next=//evil.example", tech.csrf);
	assert_int_equal(ask(&tech, "POST", "/lines/line-7/orders", type, form), 303);
	assert_true(head_has("Location: /lines/line-7/history\r\n"));
}

/* D6 */
static void test_a_reported_repair_is_probed_at_once(void **state)
{
	struct visitor tech = log_in("tech");
	struct agent_key key = make_agent("token-1");

	(void)state;
	assert_int_equal(post(&tech, "/api/v1/tickets/t-1/accept", "{}"), 200);
	assert_int_equal(orders_in_instruction(&key), 0);
	assert_int_equal(post(&tech, "/api/v1/tickets/t-1/fixed", "{\"cause\":\"c\",\"done\":\"d\"}"), 200);
	assert_int_equal(json_array_size(json_object_get(reply.json, "orders")), 1);
	assert_int_equal(orders_in_instruction(&key), 1);
	assert_int_equal(get(&tech, "/tickets/t-1"), 200);
	assert_non_null(strstr(buf_text(&reply.body), "waiting for the agent"));
}

/* Agents that wait for another instruction. */

static int waiter_start(const struct agent_key *key, const char *etag, int wait_s)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons((uint16_t)fixture->port) };
	const struct timeval patience = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct httpsig_headers made;
	struct buf text = { 0 };
	char query[32];
	struct httpsig_message message = { .method = "GET", .path = "/agent/v1/instruction", .query = query };
	struct err err;

	snprintf(query, sizeof query, "wait=%d", wait_s);
	assert_int_equal(httpsig_sign(&message, key->id, key->secret_key, NOW_MS / 1000, &made, &err), 0);
	buf_printf(&text, "GET /agent/v1/instruction?%s HTTP/1.1\r\nHost: x\r\nSignature-Input: %s\r\nSignature: %s\r\n"
		   "If-None-Match: %s\r\n\r\n", query, made.signature_input, made.signature, etag);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(write(fd, text.data, text.length_bytes), (ssize_t)text.length_bytes);
	buf_free(&text);
	return fd;
}

/* The status of what comes; 0 when nothing does. */
static long waiter_answer(int fd)
{
	char text[4096] = "";

	if (recv(fd, text, sizeof text - 1, 0) <= 0)
		return 0;
	close(fd);
	assert_memory_equal(text, "HTTP/1.1 ", 9);
	return strtol(text + 9, NULL, 10);
}

/* The answer comes only after those to the requests before: what waits is waiting now. */
static void let_them_wait(void)
{
	for (int i = 0; i < 8; i++)
		assert_int_equal(get(NULL, "/readyz"), 200);
}

static void read_etag(const struct agent_key *key, char ret_etag[64])
{
	const char *etag;

	assert_int_equal(ask_signed(key, "GET", "/agent/v1/instruction", NULL, 0, NULL, NULL), 200);
	etag = strstr(buf_text(&reply.head), "ETag: ");
	assert_non_null(etag);
	snprintf(ret_etag, 64, "%.*s", (int)strcspn(etag + 6, "\r"), etag + 6);
}

static int64_t monotonic_ms(void)
{
	return (int64_t)(uv_hrtime() / 1000000);
}

static void test_nothing_new_is_said_after_the_wait(void **state)
{
	struct agent_key key = make_agent("token-1");
	int64_t began_ms = monotonic_ms();
	char etag[64];

	(void)state;
	read_etag(&key, etag);
	assert_int_equal(waiter_answer(waiter_start(&key, "\"other\"", 600)), 200);
	assert_int_equal(waiter_answer(waiter_start(&key, etag, 0)), 304);
	assert_int_equal(waiter_answer(waiter_start(&key, etag, 601)), 400);
	assert_int_equal(waiter_answer(waiter_start(&key, etag, 1)), 304);
	assert_true(monotonic_ms() - began_ms >= 1000);
}

static void test_an_order_answers_everybody_on_its_line(void **state)
{
	enum { COUNT = 300 };
	struct agent_key key = make_agent("token-1");
	struct visitor tech = log_in("tech");
	int fds[COUNT];
	char etag[64];

	(void)state;
	read_etag(&key, etag);
	for (int i = 0; i < COUNT; i++)
		fds[i] = waiter_start(&key, etag, 600);
	let_them_wait();
	close(fds[0]);
	assert_int_equal(post(&tech, "/api/v1/lines/line-7/orders", "{}"), 200);
	for (int i = 1; i < COUNT; i++)
		assert_int_equal(waiter_answer(fds[i]), 200);
}

static int change_plan(struct txn *txn, void *arg, struct err *err)
{
	struct line line;

	if (line_get(txn, "line-7", &line, err) < 0)
		return -1;
	text_copy(line.service_plan, sizeof line.service_plan, arg);
	return line_put(txn, &line, err);
}

static void test_a_command_beside_the_daemon_is_noticed(void **state)
{
	struct agent_key key = make_agent("token-1");
	char etag[64], plan[] = "fast", like[] = "gone";
	int fd;

	(void)state;
	read_etag(&key, etag);
	fd = waiter_start(&key, etag, 600);
	let_them_wait();
	in_store(change_plan, plan);
	assert_int_equal(waiter_answer(fd), 200);

	/* The same once more is no news; nor is a plan that asks for the same. */
	read_etag(&key, etag);
	fd = waiter_start(&key, etag, 2);
	let_them_wait();
	in_store(change_plan, plan);
	in_store(change_plan, like);
	assert_int_equal(waiter_answer(fd), 304);
}

static void test_an_agent_that_is_revoked_meanwhile_learns_nothing(void **state)
{
	struct agent_key key = make_agent("token-1");
	char etag[64], plan[] = "fast";
	int fd;

	(void)state;
	read_etag(&key, etag);
	fd = waiter_start(&key, etag, 600);
	let_them_wait();
	in_store(revoke_job, key.id);
	in_store(change_plan, plan);
	assert_int_equal(waiter_answer(fd), 401);
}

static int waits_for_the_end;

static void test_who_waits_when_the_collector_stops(void **state)
{
	struct agent_key key = make_agent("token-1");
	char etag[64];

	(void)state;
	read_etag(&key, etag);
	waits_for_the_end = waiter_start(&key, etag, 600);
	let_them_wait();
}

static int tear_down_with_a_waiter(void **state)
{
	int64_t began_ms = monotonic_ms();

	if (tear_down(state) < 0)
		return -1;
	assert_true(monotonic_ms() - began_ms < 900);   /* the server drains for 1 s */
	return waiter_answer(waits_for_the_end) == 304 ? 0 : -1;
}

/* Checking a password takes long enough for the connection to be gone before the answer. */
static void test_connections_that_break_harm_nobody(void **state)
{
	static const char request[] = "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
				      "Content-Length: 42\r\n\r\n{\"user\":\"tech\",\"password\":\"" PASSWORD "\"}";
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void)state;
	address.sin_port = htons((uint16_t)fixture->port);
	for (int i = 0; i < 8; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
		assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
		close(fd);
	}
	assert_int_equal(get(NULL, "/readyz"), 200);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nobody_gets_no_further_than_the_door),
		TEST(test_problems_say_what_is_wrong),
		TEST(test_log_ins_that_fail),
		TEST(test_log_ins_that_fail_are_logged),
		TEST(test_other_sites_cannot_log_in),
		TEST(test_guessing_is_slowed_down),
		TEST(test_session_ends_by_log_out_and_by_age),
		TEST(test_form_log_in_goes_on_to_local_pages_only),
		TEST(test_clients_and_lines),
		TEST(test_dossier),
		TEST(test_pages),
		TEST(test_ticket_moves),
		TEST(test_incidents),
		TEST(test_every_missing_field_of_a_repair_is_named),
		TEST(test_moves_need_the_token_and_the_role),
		TEST(test_enrolment),
		TEST(test_reports_count_once),
		TEST(test_packed_reports),
		TEST(test_strangers_send_little),
		TEST(test_bad_reports_store_nothing),
		TEST(test_only_the_agent_itself_is_believed),
		TEST(test_instruction_and_its_etag),
		TEST(test_a_restored_database_takes_reports_and_asks_for_what_it_lost),
		TEST(test_orders_that_cannot_be),
		TEST(test_an_order_from_the_button_to_its_answer),
		TEST(test_the_button_is_on_the_pages_and_leads_back),
		TEST(test_a_reported_repair_is_probed_at_once),
		TEST(test_nothing_new_is_said_after_the_wait),
		TEST(test_an_order_answers_everybody_on_its_line),
		TEST(test_a_command_beside_the_daemon_is_noticed),
		TEST(test_an_agent_that_is_revoked_meanwhile_learns_nothing),
		cmocka_unit_test_setup_teardown(test_who_waits_when_the_collector_stops, set_up, tear_down_with_a_waiter),
		TEST(test_connections_that_break_harm_nobody),
	};
	int failed;

	if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT))
		return 1;
	signal(SIGPIPE, SIG_IGN);   /* as collector.c does */
	log_set_level(LOG_ERROR);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	clear_reply();
	curl_global_cleanup();
	return failed;
}
