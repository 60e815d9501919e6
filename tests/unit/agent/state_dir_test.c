#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/state_dir.h"
#include "tests/unit/agent/scratch.h"

static void test_one_process_holds_it_at_a_time(void **unused)
{
	struct scratch scratch;
	char want[128];
	struct err err;
	int first, second;

	(void)unused;
	scratch_make(&scratch);
	assert_false(state_dir_is_locked(scratch.path));
	assert_int_equal(state_dir_lock(scratch.path, &first, &err), 0);
	assert_true(state_dir_is_locked(scratch.path));
	assert_int_equal(state_dir_lock(scratch.path, &second, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	snprintf(want, sizeof want, "%s: another plumbline-agent runs here", scratch.path);
	assert_string_equal(err.message, want);
	close(first);
	assert_int_equal(state_dir_lock(scratch.path, &second, &err), 0);
	close(second);
	scratch_remove(&scratch);
}

static void test_it_is_made_private_once(void **unused)
{
	struct scratch scratch;
	struct stat made;
	struct err err;

	(void)unused;
	scratch_make(&scratch);
	scratch_file(&scratch, "state");
	assert_int_equal(state_dir_make(scratch.file, &err), 0);
	assert_int_equal(state_dir_make(scratch.file, &err), 0);
	assert_int_equal(stat(scratch.file, &made), 0);
	assert_int_equal(made.st_mode & 0777, 0700);
	rmdir(scratch.file);
	assert_int_equal(state_dir_make("/nowhere/state", &err), -1);
	assert_string_equal(err.message, "/nowhere/state: No such file or directory");
	scratch_remove(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_process_holds_it_at_a_time),
		cmocka_unit_test(test_it_is_made_private_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
