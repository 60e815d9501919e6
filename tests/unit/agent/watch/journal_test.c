/* The row that survives: rewritten, read by another connection, kept when the process is killed, begun anew when broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "agent/base/json.h"
#include "agent/watch/journal.h"
#include "tests/unit/agent/scratch.h"

static struct journal_row make_row(int64_t boottime_us)
{
	struct journal_row row = {
		.alive = { .boot_id = "b1", .process_id = "p1", .at = { 1700000000000, boottime_us, 5 }, .ended_clean = true },
		.synced = JSON_ABSENT,
		.alive_from_us = 3,
		.state = json_pack("{s:s}", "cause", "access"),
		.ladder = json_pack("{s:[]}", "levels"),
	};

	return row;
}

static void write_row(struct journal *journal, int64_t boottime_us, bool durable)
{
	struct journal_row row = make_row(boottime_us);
	struct err err;

	if (journal_write(journal, &row, durable, &err) < 0)
		fail_msg("%s", err.message);
	journal_row_free(&row);
}

static void assert_read(struct journal *journal, int64_t boottime_us)
{
	struct journal_row row;
	struct err err;

	if (journal_read(journal, &row, &err) < 0)
		fail_msg("%s", err.message);
	assert_string_equal(row.alive.boot_id, "b1");
	assert_string_equal(row.alive.process_id, "p1");
	assert_int_equal(row.alive.at.realtime_ms, 1700000000000);
	assert_int_equal(row.alive.at.boottime_us, boottime_us);
	assert_int_equal(row.alive.at.monotonic_us, 5);
	assert_true(row.alive.ended_clean);
	assert_int_equal(row.synced, JSON_ABSENT);
	assert_int_equal(row.alive_from_us, 3);
	assert_string_equal(json_string_value(json_object_get(row.state, "cause")), "access");
	assert_true(json_is_array(json_object_get(row.ladder, "levels")));
	journal_row_free(&row);
}

static void test_only_the_last_row_counts(void **state)
{
	struct scratch scratch;
	struct journal *journal, *reader;
	struct journal_row row;
	struct err err;

	(void)state;
	scratch_make(&scratch);
	assert_int_equal(journal_open_reading(scratch_file(&scratch, "journal.db"), &reader, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(journal_open(scratch_file(&scratch, "journal.db"), &journal, &err), 0);
	assert_int_equal(journal_read(journal, &row, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	write_row(journal, 10, true);
	write_row(journal, 20, false);
	assert_read(journal, 20);
	assert_int_equal(journal_open_reading(scratch_file(&scratch, "journal.db"), &reader, &err), 0);
	assert_read(reader, 20);
	journal_close(reader);
	journal_close(journal);
	scratch_remove(&scratch);
}

static void test_a_killed_process_leaves_its_last_row(void **state)
{
	struct scratch scratch;
	struct journal *journal;
	struct err err;
	pid_t child;

	(void)state;
	scratch_make(&scratch);
	child = fork();
	if (child == 0) {
		if (journal_open(scratch_file(&scratch, "journal.db"), &journal, &err) < 0)
			_exit(1);
		write_row(journal, 10, true);
		write_row(journal, 20, false);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	assert_int_equal(journal_open(scratch_file(&scratch, "journal.db"), &journal, &err), 0);
	assert_read(journal, 20);
	journal_close(journal);
	scratch_remove(&scratch);
}

static void test_a_broken_file_is_begun_anew(void **state)
{
	struct scratch scratch;
	struct journal *journal;
	struct journal_row row;
	struct err err;
	FILE *file;

	(void)state;
	scratch_make(&scratch);
	file = fopen(scratch_file(&scratch, "journal.db"), "w");
	for (int i = 0; i < 2000; i++)
		fputs("no database ", file);
	fclose(file);
	assert_int_equal(journal_open(scratch_file(&scratch, "journal.db"), &journal, &err), 0);
	assert_int_equal(journal_read(journal, &row, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	write_row(journal, 10, true);
	assert_read(journal, 10);
	journal_close(journal);
	assert_int_equal(journal_open("/proc/nowhere/journal.db", &journal, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	scratch_remove(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_last_row_counts),
		cmocka_unit_test(test_a_killed_process_leaves_its_last_row),
		cmocka_unit_test(test_a_broken_file_is_begun_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
