#include "collector/rounds.h"

#include "tests/unit/collector/store/sqlite/fixture.h"

#define HOUR_MS INT64_C(3600000)

struct bench {
	char directory[32];
	char path[64];
	uv_loop_t loop;
	struct store *store;
	struct rounds *rounds;
	int often, seldom, failing;
};

static int run_often(struct txn *txn, void *arg, struct err *err)
{
	struct bench *bench = arg;

	bench->often++;
	return db_execute(txn->db, "INSERT INTO node (id, kind, name) SELECT hex(randomblob(8)), 'x', 'x'", err);
}

static int run_seldom(struct txn *txn, void *arg, struct err *err)
{
	struct bench *bench = arg;

	(void)txn;
	(void)err;
	return ++bench->seldom < 3;
}

static int run_failing(struct txn *txn, void *arg, struct err *err)
{
	struct bench *bench = arg;

	(void)txn;
	bench->failing++;
	return err_set(err, ERR_IO, "no luck");
}

/* Rows run independently: each again after its time, at once when it has more to do, also after it failed. */
static void test_rounds_come_again(void **state)
{
	struct bench bench = { .often = 0 };
	const struct round table[] = {
		{ "often", 1, run_often, &bench },
		{ "seldom", HOUR_MS, run_seldom, &bench },
		{ "failing", 100, run_failing, &bench },
	};
	const struct store_options options = { .path = bench.path, .loop = &bench.loop, .readers = 1 };

	(void)state;
	directory_make(bench.directory, bench.path);
	uv_loop_init(&bench.loop);
	assert_ok(store_open(&options, &bench.store, &err));
	bench.rounds = rounds_start(&bench.loop, bench.store, table, 3);
	while (bench.often < 3 || bench.seldom < 3 || bench.failing < 2)
		uv_run(&bench.loop, UV_RUN_ONCE);
	rounds_stop(bench.rounds);
	rounds_stop(bench.rounds);
	store_close(bench.store, NULL, NULL);
	uv_run(&bench.loop, UV_RUN_DEFAULT);
	rounds_free(bench.rounds);
	assert_int_equal(bench.seldom, 3);
	assert_int_equal(uv_loop_close(&bench.loop), 0);
	directory_remove(bench.directory);
}

static void test_nothing_to_stop(void **state)
{
	(void)state;
	rounds_stop(NULL);
	rounds_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds_come_again),
		cmocka_unit_test(test_nothing_to_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
