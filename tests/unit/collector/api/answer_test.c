#include "collector/api/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_statuses_of_failures(void **state)
{
	static const struct {
		enum err_code code;
		int want;
	} cases[] = {
		{ ERR_INPUT, 400 },    { ERR_UNAUTHORIZED, 401 }, { ERR_FORBIDDEN, 403 }, { ERR_NOT_FOUND, 404 },
		{ ERR_CONFLICT, 409 }, { ERR_TOO_LARGE, 413 },    { ERR_UNSUPPORTED, 415 },    { ERR_BUSY, 503 },      { ERR_IO, 503 },
		{ ERR_DAMAGED, 503 },
		{ ERR_INTERNAL, 500 }, { ERR_USAGE, 500 },        { ERR_UNREACHABLE, 503 },
	};

	(void)state;
	assert_int_equal(sizeof cases / sizeof cases[0], ERR_COUNT - 1);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(answer_status(cases[i].code), cases[i].want);
}

static void test_readers_are_sent_to_local_paths_only(void **state)
{
	static const struct {
		const char *path;
		bool want;
	} cases[] = {
		{ "/", true },
		{ "/clients/42?lang=ru", true },
		{ "", false },
		{ "clients", false },
		{ "//evil.example/", false },
		{ "/\\evil.example/", false },
		{ "https://evil.example/", false },
		{ "/a\r\nSet-Cookie: x", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (answer_is_local_path(cases[i].path) != cases[i].want)
			fail_msg("%s", cases[i].path);
}

static void test_login_remembers_where_its_reader_wanted_to_go(void **state)
{
	struct api_call call = { 0 };

	(void)state;
	answer_go_to_login(&call, NULL, false);
	assert_string_equal(call.location, "/login");
	answer_go_to_login(&call, "/tickets?state=open&q=a b", false);
	assert_string_equal(call.location, "/login?next=/tickets%3Fstate%3Dopen%26q%3Da%20b");
	answer_go_to_login(&call, "/", true);
	assert_string_equal(call.location, "/login?failed=1&next=/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses_of_failures),
		cmocka_unit_test(test_readers_are_sent_to_local_paths_only),
		cmocka_unit_test(test_login_remembers_where_its_reader_wanted_to_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
