#include "collector/store/sqlite/schema.h"

#include "tests/unit/collector/store/sqlite/fixture.h"

static int open_empty(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof *fixture);

	directory_make(fixture->directory, fixture->path);
	assert_ok(db_open(fixture->path, false, &fixture->txn.db, &err));
	*state = fixture;
	return 0;
}

static void upgrades_once(void **state)
{
	struct db *db = ((struct fixture *)*state)->txn.db;
	int64_t version;

	assert_ok(schema_upgrade(db, &err));
	version = query(db, "PRAGMA user_version");
	assert_true(version >= 1);
	assert_int_equal(query(db, "SELECT count(*) FROM measurement"), 0);
	assert_ok(schema_upgrade(db, &err));
	assert_int_equal(query(db, "PRAGMA user_version"), version);
}

static void refuses_a_newer_file(void **state)
{
	struct db *db = ((struct fixture *)*state)->txn.db;

	assert_ok(db_execute(db, "PRAGMA user_version = 1000", &err));
	assert_fails(schema_upgrade(db, &err), ERR_USAGE,
		     "schema 1000 was written by a newer Plumbline, this one knows 1");
	assert_int_equal(query(db, "SELECT count(*) FROM sqlite_schema"), 0);
}

static void leaves_nothing_of_a_failed_migration(void **state)
{
	struct db *db = ((struct fixture *)*state)->txn.db;

	assert_ok(db_execute(db, "CREATE TABLE session (foreign_table)", &err));
	assert_fails(schema_upgrade(db, &err), ERR_IO, "schema 1: table session already exists");
	assert_int_equal(query(db, "SELECT count(*) FROM sqlite_schema"), 1);
	assert_int_equal(query(db, "PRAGMA user_version"), 0);
	assert_ok(db_execute(db, "DROP TABLE session", &err));
	assert_ok(schema_upgrade(db, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(upgrades_once, open_empty, fixture_close),
		cmocka_unit_test_setup_teardown(refuses_a_newer_file, open_empty, fixture_close),
		cmocka_unit_test_setup_teardown(leaves_nothing_of_a_failed_migration, open_empty, fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
