#include "collector/store/people.h"

#include "tests/unit/collector/store/sqlite/fixture.h"

#define NOW INT64_C(1763800000000)

static const unsigned char first_hash[SESSION_HASH_BYTES] = { 1, 0, 3 };
static const unsigned char second_hash[SESSION_HASH_BYTES] = { 2 };

static struct txn *txn_of(void **state)
{
	return &((struct fixture *)*state)->txn;
}

static void put_person(struct txn *txn, const char *name, enum role role)
{
	struct person person = { .role = (int)role, .password_hash = "$argon2id$x", .disabled_ms = JSON_ABSENT };

	text_copy(person.name, sizeof person.name, name);
	assert_ok(person_put(txn, &person, NOW, &err));
}

static void keeps_people(void **state)
{
	struct txn *txn = txn_of(state);
	struct person person;
	json_t *people;

	put_person(txn, "olga", ROLE_ADMIN);
	put_person(txn, "boris", ROLE_VIEWER);
	assert_ok(person_get(txn, "olga", &person, &err));
	assert_string_equal(person.name, "olga");
	assert_string_equal(person.password_hash, "$argon2id$x");
	assert_int_equal(person.role, ROLE_ADMIN);
	assert_int_equal(person.disabled_ms, JSON_ABSENT);
	assert_fails(person_get(txn, "Olga", &person, &err), ERR_NOT_FOUND, "user Olga: unknown");
	assert_fails(person_put(txn, &person, NOW, &err), ERR_CONFLICT, "user olga: exists already");
	assert_ok(person_disable(txn, "boris", NOW + 1, &err));
	assert_ok(person_disable(txn, "boris", NOW + 2, &err));
	assert_fails(person_disable(txn, "nobody", NOW, &err), ERR_NOT_FOUND, "user nobody: unknown");
	assert_ok(people_list(txn, &people, &err));
	assert_json(people, "{'items':[{'created_ms':1763800000000,'disabled_ms':1763800000001,'name':'boris','role':'viewer'},"
			    "{'created_ms':1763800000000,'name':'olga','role':'admin'}]}");
	json_decref(people);
}

static void ends_sessions(void **state)
{
	struct txn *txn = txn_of(state);
	struct session session;

	put_person(txn, "olga", ROLE_TECH);
	assert_ok(session_put(txn, first_hash, "olga", "csrf-1", NOW, NOW + 1000, &err));
	assert_ok(session_put(txn, second_hash, "olga", "csrf-2", NOW, NOW + 2000, &err));
	assert_ok(session_get(txn, first_hash, NOW + 999, &session, &err));
	assert_string_equal(session.person.name, "olga");
	assert_int_equal(session.person.role, ROLE_TECH);
	assert_string_equal(session.csrf, "csrf-1");
	assert_int_equal(session.expires_ms, NOW + 1000);
	assert_fails(session_get(txn, first_hash, NOW + 1000, &session, &err), ERR_UNAUTHORIZED,
		     "session: unknown or expired");
	assert_ok(sessions_prune(txn, NOW + 1000, &err));
	assert_fails(session_get(txn, first_hash, NOW, &session, &err), ERR_UNAUTHORIZED, "session: unknown or expired");
	assert_ok(session_get(txn, second_hash, NOW, &session, &err));
	assert_ok(session_remove(txn, second_hash, &err));
	assert_fails(session_get(txn, second_hash, NOW, &session, &err), ERR_UNAUTHORIZED, "session: unknown or expired");
	assert_fails(session_put(txn, first_hash, "nobody", "", NOW, NOW, &err), ERR_CONFLICT,
		     "FOREIGN KEY constraint failed");
}

static void disabling_ends_sessions(void **state)
{
	struct txn *txn = txn_of(state);
	struct session session;

	put_person(txn, "olga", ROLE_TECH);
	put_person(txn, "boris", ROLE_TECH);
	assert_ok(session_put(txn, first_hash, "olga", "", NOW, NOW + 1000, &err));
	assert_ok(session_put(txn, second_hash, "boris", "", NOW, NOW + 1000, &err));
	assert_ok(person_disable(txn, "olga", NOW, &err));
	assert_fails(session_get(txn, first_hash, NOW, &session, &err), ERR_UNAUTHORIZED, "session: unknown or expired");
	assert_ok(session_get(txn, second_hash, NOW, &session, &err));
	/* One that was on its way meanwhile opens nothing either. */
	assert_ok(session_put(txn, first_hash, "olga", "", NOW, NOW + 1000, &err));
	assert_fails(session_get(txn, first_hash, NOW, &session, &err), ERR_UNAUTHORIZED, "session: unknown or expired");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(keeps_people), TEST(ends_sessions), TEST(disabling_ends_sessions) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
