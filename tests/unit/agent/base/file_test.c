#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/base/file.h"
#include "agent/base/mem.h"
#include "tests/unit/agent/scratch.h"

static struct scratch scratch;

static int set_up(void **unused)
{
	(void)unused;
	scratch_make(&scratch);
	return 0;
}

static int tear_down(void **unused)
{
	(void)unused;
	scratch_remove(&scratch);
	return 0;
}

static void expect_content(const char *path, const char *want)
{
	struct buf bytes = { 0 };
	struct err err;

	assert_int_equal(file_read(path, 100000, &bytes, &err), 0);
	assert_string_equal(buf_text(&bytes), want);
	buf_free(&bytes);
}

static void test_a_file_is_replaced_whole_and_private(void **unused)
{
	const char *path = scratch_file(&scratch, "a");
	struct stat file;
	struct err err;

	(void)unused;
	assert_int_equal(file_replace(path, "first, and longer", 17, &err), 0);
	assert_int_equal(file_replace(path, "second", 6, &err), 0);
	expect_content(path, "second");
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	assert_int_equal(access(scratch_file(&scratch, "a.new"), F_OK), -1);
}

static void test_what_stands_in_the_way_is_not_written_to(void **unused)
{
	char victim[PATH_MAX], fresh[PATH_MAX];
	struct stat file;
	struct err err;

	(void)unused;
	text_copy(victim, sizeof victim, scratch_file(&scratch, "victim"));
	text_copy(fresh, sizeof fresh, scratch_file(&scratch, "a.new"));
	assert_int_equal(file_replace(victim, "untouched", 9, &err), 0);
	assert_int_equal(symlink(victim, fresh), 0);
	assert_int_equal(file_replace(scratch_file(&scratch, "a"), "secret", 6, &err), 0);
	expect_content(victim, "untouched");
	expect_content(scratch.file, "secret");

	assert_int_equal(close(open(fresh, O_WRONLY | O_CREAT, 0644)), 0);   /* left by a crash */
	assert_int_equal(file_replace(scratch.file, "secret", 6, &err), 0);
	assert_int_equal(stat(scratch.file, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
}

static void test_a_full_disk_leaves_the_old_file(void **unused)
{
	struct rlimit none = { 3, RLIM_INFINITY }, all = { RLIM_INFINITY, RLIM_INFINITY };
	struct err err;

	(void)unused;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(file_replace(scratch_file(&scratch, "a"), "old", 3, &err), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(file_replace(scratch.file, "newer", 5, &err), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.message, "/a: File too large"));
	expect_content(scratch.file, "old");
	assert_int_equal(access(scratch_file(&scratch, "a.new"), F_OK), -1);
}

static void test_reading_is_bounded_and_says_what_is_wrong(void **unused)
{
	struct buf bytes = { 0 };
	struct err err;

	(void)unused;
	assert_int_equal(file_read("/nowhere/x", 10, &bytes, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.message, "/nowhere/x: No such file or directory");
	assert_int_equal(file_read("/", 10, &bytes, &err), -1);
	assert_int_equal(err.code, ERR_IO);

	assert_int_equal(file_replace(scratch_file(&scratch, "a"), "12345678901", 11, &err), 0);
	assert_int_equal(file_read(scratch.file, 10, &bytes, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_non_null(strstr(err.message, "larger than 10 bytes, shorten it"));
	assert_int_equal(file_read(scratch.file, 11, &bytes, &err), 0);
	assert_string_equal(buf_text(&bytes), "12345678901");
	buf_free(&bytes);
	assert_int_equal(file_replace("/nowhere/x", "", 0, &err), -1);
	assert_string_equal(err.message, "/nowhere/x: No such file or directory");
}

static void test_creating_replaces_nothing(void **unused)
{
	char want[PATH_MAX + 16];
	struct err err;
	int fd;

	(void)unused;
	assert_int_equal(file_create(scratch_file(&scratch, "a"), &fd, &err), 0);
	assert_int_equal(file_write(fd, "12345", 5), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(file_create(scratch.file, &fd, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	snprintf(want, sizeof want, "%s: File exists", scratch.file);
	assert_string_equal(err.message, want);
	expect_content(scratch.file, "12345");
	assert_int_equal(file_create("/nowhere/x", &fd, &err), -1);
	assert_int_equal(err.code, ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_file_is_replaced_whole_and_private, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_stands_in_the_way_is_not_written_to, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_full_disk_leaves_the_old_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_creating_replaces_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reading_is_bounded_and_says_what_is_wrong, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
