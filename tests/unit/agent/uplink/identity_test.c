#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <sodium.h>
#include <sys/stat.h>

#include "agent/base/file.h"
#include "agent/uplink/identity.h"
#include "tests/unit/agent/scratch.h"
#include "tests/unit/agent/scripted_collector.h"

#define ENROLLED "{\"agent\":\"a-1\",\"line\":\"line-7\",\"generation\":3,\"targets\":[\"files.example\",\"10.0.0.1\"]}"
#define PROBLEM  "Content-Type: application/problem+json\r\n"

static struct scratch scratch;
static struct scripted_collector *server;
static uint64_t state;
static struct random_source random_source;

static int set_up(void **unused)
{
	(void)unused;
	scratch_make(&scratch);
	scratch_file(&scratch, "identity.json");
	server = scripted_start();
	state = 7;
	random_source = random_seeded(&state);
	return 0;
}

static int tear_down(void **unused)
{
	(void)unused;
	scripted_stop(server);
	scratch_remove(&scratch);
	return 0;
}

static int enroll(const char *token, struct identity *ret_identity, struct err *err)
{
	struct enrolment enrolment = { .collector_url = server->url, .token = token, .host = "site-7" };

	return identity_enroll(scratch.file, &enrolment, &random_source, ret_identity, err);
}

/* The public key of the n-th request. */
static const char *asked_key(int n)
{
	static char key[64];
	json_t *question = json_loads(server->requests[n].body.data, 0, NULL);

	snprintf(key, sizeof key, "%s", json_string_value(json_object_get(question, "public_key")));
	json_decref(question);
	return key;
}

static void test_enrolment_is_asked_for_and_kept(void **unused)
{
	struct identity identity, loaded;
	char key[64];
	struct stat file;
	struct err err = { 0 };
	json_t *question;

	(void)unused;
	scripted_add(server, 200, NULL, ENROLLED);
	assert_int_equal(enroll("t-1", &identity, &err), 0);
	assert_string_equal(server->requests[0].line, "POST /agent/v1/enroll HTTP/1.1");
	sodium_bin2base64(key, sizeof key, identity.public_key, 32, sodium_base64_VARIANT_ORIGINAL);
	assert_string_equal(asked_key(0), key);
	question = json_loads(server->requests[0].body.data, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(question, "token")), "t-1");
	assert_string_equal(json_string_value(json_object_get(question, "host")), "site-7");
	assert_string_equal(json_string_value(json_object_get(question, "version")), PLUMBLINE_VERSION);
	json_decref(question);

	assert_int_equal(stat(scratch.file, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	assert_int_equal(identity_load(scratch.file, &loaded, &err), 0);
	assert_string_equal(loaded.agent, "a-1");
	assert_string_equal(loaded.line, "line-7");
	assert_string_equal(loaded.collector, server->url);
	assert_int_equal(loaded.generation, 3);
	assert_int_equal(loaded.targets.count, 2);
	assert_string_equal(loaded.targets.items[1], "10.0.0.1");
	assert_memory_equal(loaded.secret_key, identity.secret_key, sizeof identity.secret_key);
	assert_memory_equal(loaded.public_key, identity.public_key, sizeof identity.public_key);
	identity_free(&identity);
	identity_free(&loaded);
}

static void test_a_lost_answer_is_asked_for_again_with_the_same_key(void **unused)
{
	struct identity identity;
	char first[64];
	struct err err = { 0 };

	(void)unused;
	scripted_add(server, 0, NULL, NULL);
	scripted_add(server, 200, NULL, ENROLLED);
	assert_int_equal(enroll("t-1", &identity, &err), -1);
	assert_int_equal(err.code, ERR_UNREACHABLE);
	assert_int_equal(err_exit_code(&err), 3);
	snprintf(first, sizeof first, "%s", asked_key(0));
	assert_int_equal(enroll("t-1", &identity, &err), 0);
	assert_string_equal(asked_key(1), first);
	identity_free(&identity);
}

static void test_asking_again_answers_from_the_file(void **unused)
{
	struct identity identity;
	struct err err = { 0 };

	(void)unused;
	scripted_add(server, 200, NULL, ENROLLED);
	for (int n = 0; n < 2; n++) {
		assert_int_equal(enroll("t-1", &identity, &err), 0);
		assert_string_equal(identity.agent, "a-1");
		identity_free(&identity);
	}
	assert_int_equal(scripted_count(server), 1);

	assert_int_equal(enroll("t-2", &identity, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_non_null(strstr(err.message, "this agent is enrolled already, as a-1 for line line-7; to enrol it anew, stop it "
					    "and remove its state directory"));
}

static const struct {
	int status;
	const char *headers, *body;
	enum err_code code;
	const char *message;
} refusals[] = {
	{ 401, PROBLEM, "{\"detail\":\"token: unknown or expired, ask for a new one\"}", ERR_UNAUTHORIZED,
	  "token: unknown or expired, ask for a new one (401)" },
	{ 409, PROBLEM, "{\"detail\":\"token: used by another key\"}", ERR_CONFLICT, "token: used by another key (409)" },
	{ 200, NULL, "<html>", ERR_UNREACHABLE, "not the answer of a collector: line 1, column 1: " },
	{ 200, NULL, "{\"agent\":\"a\"}", ERR_UNREACHABLE, "not the answer of a collector: line: is missing" },
	{ 200, NULL, "{\"agent\":\"a\",\"line\":\"l\",\"generation\":0,\"targets\":[7]}", ERR_UNREACHABLE,
	  "not the answer of a collector: targets: must be an array of host names or networks" },
};

static void test_refusals_leave_it_unfinished(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		struct identity identity;
		struct err err = { 0 };

		scripted_add(server, refusals[i].status, refusals[i].headers, refusals[i].body);
		assert_int_equal(enroll("t-1", &identity, &err), -1);
		assert_int_equal(err.code, refusals[i].code);
		if (!strstr(err.message, refusals[i].message))
			fail_msg("%s", err.message);
		assert_int_equal(identity_load(scratch.file, &identity, &err), 0);
		assert_false(identity_is_enrolled(&identity));
		identity_free(&identity);
	}
}

static void test_a_damaged_file_is_not_written_over(void **unused)
{
	struct identity identity;
	struct err err;

	(void)unused;
	assert_int_equal(file_replace(scratch.file, "{\"generation\":1,\"secret_key\":\"AAAA\"}", 36, &err), 0);
	assert_int_equal(enroll("t-1", &identity, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	assert_non_null(strstr(err.message, "identity.json: secret_key: must be 64 bytes in base64"));
	assert_int_equal(scripted_count(server), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_enrolment_is_asked_for_and_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_lost_answer_is_asked_for_again_with_the_same_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_asking_again_answers_from_the_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refusals_leave_it_unfinished, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_damaged_file_is_not_written_over, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
