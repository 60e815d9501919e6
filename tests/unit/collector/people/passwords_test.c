#include "collector/people/passwords.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

static void test_only_the_right_password_of_somebody_is_right(void **state)
{
	struct passwords *passwords;
	char hash[PASSWORD_HASH_SIZE];
	struct err err;
	bool right;

	(void)state;
	assert_int_equal(passwords_new(&passwords, &err), 0);
	assert_int_equal(password_hash("correct horse", hash, &err), 0);
	assert_int_equal(strncmp(hash, "$argon2id$", 10), 0);

	assert_int_equal(passwords_check(passwords, hash, "correct horse", &right, &err), 0);
	assert_true(right);
	assert_int_equal(passwords_check(passwords, hash, "correct horsf", &right, &err), 0);
	assert_false(right);
	/* Not even the password of the decoy lets nobody in. */
	assert_int_equal(passwords_check(passwords, NULL, "decoy", &right, &err), 0);
	assert_false(right);
	passwords_free(passwords);
}

static void test_length_is_bounded(void **state)
{
	char hash[PASSWORD_HASH_SIZE], text[PASSWORD_MAX_LENGTH + 2];
	struct err err;

	(void)state;
	assert_int_equal(password_hash("1234567", hash, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	assert_string_equal(err.message, "a password has 8 to 256 bytes, this one 7");
	memset(text, 'x', sizeof text);
	text[PASSWORD_MAX_LENGTH + 1] = '\0';
	assert_int_equal(password_hash(text, hash, &err), -1);
	text[PASSWORD_MAX_LENGTH] = '\0';
	assert_int_equal(password_hash(text, hash, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_right_password_of_somebody_is_right),
		cmocka_unit_test(test_length_is_bounded),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
