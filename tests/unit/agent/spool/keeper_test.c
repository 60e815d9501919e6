#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/sqlite.h"
#include "agent/spool/keeper.h"
#include "agent/spool/spool_mark.h"
#include "tests/unit/agent/scratch.h"

#define NOW_MS    INT64_C(1763821800000)
#define MAX_BYTES (INT64_C(256) << 20)

/* A disk of its own for the spool: a directory, or a file system of 1 MiB where the test may mount one. */
static struct scratch scratch;
static bool is_mounted;
static uint64_t seed;
static struct keeper *keeper;
static int made;

static struct instant read_clock(void *context)
{
	(void)context;
	return (struct instant){ NOW_MS, 5000000, 5000000 };
}

static int set_up(void **unused)
{
	(void)unused;
	log_set_level(LOG_ERROR);
	scratch_make(&scratch);
	seed = 42;
	made = 0;
	return 0;
}

static void close_keeper(void)
{
	keeper_close(keeper);
	keeper = NULL;
}

static int tear_down(void **unused)
{
	(void)unused;
	close_keeper();
	if (is_mounted)
		umount(scratch.path);
	is_mounted = false;
	scratch_remove(&scratch);
	return 0;
}

static void mount_disk(void)
{
	if (mount("none", scratch.path, "tmpfs", 0, "size=1m") < 0)
		skip();
	is_mounted = true;
}

static void remount(unsigned long flags)
{
	assert_int_equal(mount("none", scratch.path, "tmpfs", MS_REMOUNT | flags, "size=1m"), 0);
}

static const char *spool_path(void)
{
	return scratch_file(&scratch, "spool.db");
}

static void open_keeper(void)
{
	char path[300];
	struct keeper_options options = { .path = path, .max_bytes = MAX_BYTES, .random = random_seeded(&seed),
					  .clock = { .read = read_clock } };
	struct err err = { 0 };

	snprintf(path, sizeof path, "%s", spool_path());
	if (keeper_open(&options, &keeper, &err) < 0)
		fail_msg("%s", err.message);
}

static void make(const char *type, int count)
{
	for (int n = 0; n < count; n++) {
		struct spool_event event = { "boot-1", type, NOW_MS + made, json_pack("{s:i}", "n", made) };

		keeper_append(keeper, &event);
		json_decref((json_t *)(uintptr_t)event.members);
		made++;
	}
}

static struct spool_state state_of_spool(void)
{
	struct spool_state state;
	struct err err = { 0 };

	if (spool_state(keeper_spool(keeper), &state, &err) < 0)
		fail_msg("%s", err.message);
	return state;
}

static void acknowledge(int64_t acked_seq, int64_t generation)
{
	struct spool_state state = state_of_spool();
	struct err err;

	assert_int_equal(spool_acknowledge(keeper_spool(keeper),
					   &(struct spool_answer){ .spool = state.uuid, .acked_seq = acked_seq,
								   .generation = generation, .at_ms = NOW_MS }, &err), 0);
}

/* [event, ...] that waits, in order of seq. */
static json_t *read_waiting(void)
{
	struct spool_batch batch;
	struct buf text = { 0 };
	json_t *events;
	struct err err = { 0 };

	if (spool_batch(keeper_spool(keeper), 100000, 1 << 24, &batch, &err) < 0)
		fail_msg("%s", err.message);
	buf_printf(&text, "[%s]", buf_text(&batch.events));
	assert_int_equal(json_parse(text.data, text.length_bytes, &events, &err), 0);
	buf_free(&text);
	spool_batch_free(&batch);
	return events;
}

/* What waits apart from "dropped", in the order in which it was made; and what the one "dropped" says, or nothing. */
static int count_waiting(json_t **ret_lost)
{
	json_t *events = read_waiting(), *event;
	int count = 0, last = -1;
	size_t i;

	*ret_lost = NULL;
	json_array_foreach(events, i, event) {
		int n = (int)json_integer_value(json_object_get(event, "n"));

		if (!strcmp(json_string_value(json_object_get(event, "type")), "dropped")) {
			assert_null(*ret_lost);
			*ret_lost = json_incref(json_object_get(event, "lost"));
			continue;
		}
		assert_true(n > last);
		last = n;
		count++;
	}
	json_decref(events);
	return count;
}

/* The first loss, or the only one: its reason, and its count (JSON_ABSENT: unknown). */
static int64_t read_loss(const json_t *lost, const char *reason)
{
	const json_t *entry = json_array_get(lost, 0), *count = json_object_get(entry, "count");

	assert_non_null(entry);
	assert_string_equal(json_string_value(json_object_get(entry, "reason")), reason);
	return count ? json_integer_value(count) : JSON_ABSENT;
}

static struct spool_mark read_mark(void)
{
	struct spool_mark mark;
	struct err err = { 0 };

	if (spool_mark_read(scratch_file(&scratch, "spool.db.mark"), &mark, &err) < 0)
		fail_msg("%s", err.message);
	return mark;
}

/* Takes the last byte of the disk, or gives all of it back. */
static void fill_disk(void)
{
	int fd = open(scratch_file(&scratch, "filler"), O_WRONLY | O_CREAT, 0600);
	char block[4096] = { 0 };

	assert_true(fd >= 0);
	while (write(fd, block, sizeof block) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void free_disk(void)
{
	assert_int_equal(unlink(scratch_file(&scratch, "filler")), 0);
}

/* What fits into the log of commits needs no new block; after so many events there is no room there either. */
static void make_until_refused(void)
{
	while (!keeper_held(keeper)) {
		make("measurement", 1);
		assert_true(made < 2000);
	}
}

static void test_a_full_disk_keeps_events_in_memory(void **unused)
{
	json_t *lost;
	int stored;

	(void)unused;
	mount_disk();
	open_keeper();
	make("boot", 1);
	fill_disk();
	make_until_refused();
	stored = made - 1;
	make("outage", 9);
	assert_int_equal(keeper_held(keeper), 10);
	assert_int_equal(state_of_spool().waiting, stored);
	assert_int_equal(read_mark().held, 10);
	assert_int_equal(read_mark().fault_ms, NOW_MS);
	assert_non_null(strstr(read_mark().fault, "database or disk is full"));

	free_disk();
	keeper_tend(keeper);
	assert_int_equal(keeper_held(keeper), 0);
	assert_int_equal(count_waiting(&lost), made);
	assert_null(lost);
	assert_int_equal(read_mark().fault_ms, JSON_ABSENT);
	assert_int_equal(read_mark().held, 0);
}

static void test_memory_is_bounded_and_says_what_it_lost(void **unused)
{
	json_t *lost;
	int measurements;

	(void)unused;
	mount_disk();
	open_keeper();
	fill_disk();
	make_until_refused();
	make("outage", 100);
	measurements = made;
	make("measurement", KEEPER_HELD_MAX);
	assert_int_equal(keeper_held(keeper), KEEPER_HELD_MAX);
	assert_int_equal(read_mark().lost, 101);
	free_disk();
	keeper_tend(keeper);
	assert_int_equal(count_waiting(&lost), made - 101);
	assert_int_equal(json_array_size(lost), 1);
	assert_int_equal(read_loss(lost, "memory"), 101);
	assert_string_equal(json_string_value(json_object_get(json_array_get(lost, 0), "type")), "measurement");
	assert_null(json_object_get(json_array_get(lost, 0), "first_seq"));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(lost, 0), "to_ms")), NOW_MS + measurements + 99);
	json_decref(lost);
}

/* The agent ends, or is killed, while the disk is full: the next start says how many were lost with it. */
static void test_what_memory_held_at_the_end_is_counted(void **unused)
{
	json_t *lost;
	int stored;

	(void)unused;
	mount_disk();
	open_keeper();
	fill_disk();
	make_until_refused();
	stored = made - 1;
	make("outage", 4);
	close_keeper();
	free_disk();
	open_keeper();
	make("boot", 1);
	assert_int_equal(count_waiting(&lost), stored + 1);
	assert_int_equal(read_loss(lost, "stopped"), 5);
	json_decref(lost);
	close_keeper();

	open_keeper();   /* said once */
	make("boot", 1);
	assert_int_equal(count_waiting(&lost), stored + 2);
	assert_int_equal(json_array_size(lost), 1);
	assert_int_equal(read_loss(lost, "stopped"), 5);
	json_decref(lost);
}

static void test_a_read_only_disk_is_waited_for(void **unused)
{
	json_t *lost;

	(void)unused;
	mount_disk();
	open_keeper();
	make("measurement", 5);
	close_keeper();
	remount(MS_RDONLY);
	open_keeper();
	make("measurement", 5);
	keeper_tend(keeper);
	assert_int_equal(keeper_held(keeper), 5);
	remount(0);
	keeper_tend(keeper);
	assert_int_equal(keeper_held(keeper), 0);
	assert_int_equal(count_waiting(&lost), 10);
	assert_null(lost);
}

static void test_a_disk_without_a_spool_is_waited_for(void **unused)
{
	json_t *lost;

	(void)unused;
	mount_disk();
	remount(MS_RDONLY);
	open_keeper();
	make("measurement", 5);
	remount(0);
	keeper_tend(keeper);
	assert_int_equal(count_waiting(&lost), 5);
	assert_null(lost);
}

static int count_kept_aside(void)
{
	glob_t found;
	int count = 0;

	if (glob(scratch_file(&scratch, "spool.db.damaged-*Z"), 0, NULL, &found) == 0)
		count = (int)found.gl_pathc;
	globfree(&found);
	return count;
}

static void write_garbage(off_t from, size_t length)
{
	int fd = open(spool_path(), O_WRONLY);
	char garbage[4096];

	assert_true(fd >= 0 && length <= sizeof garbage);
	memset(garbage, 0x5a, sizeof garbage);
	assert_int_equal(pwrite(fd, garbage, length, from), length);
	close(fd);
}

static off_t file_size(void)
{
	struct stat file;

	assert_int_equal(stat(spool_path(), &file), 0);
	return file.st_size;
}

static void make_at_once(int count)
{
	struct spool_event events[128];
	int64_t first_seq;
	struct err err;

	for (int n = 0; n < count; n++, made++)
		events[n] = (struct spool_event){ "boot-1", "measurement", NOW_MS + made, json_pack("{s:i}", "n", made) };
	assert_int_equal(spool_append_all(keeper_spool(keeper), events, (size_t)count, &first_seq, &err), 0);
	for (int n = 0; n < count; n++)
		json_decref((json_t *)(uintptr_t)events[n].members);
}

static void start_afresh(void **state)
{
	tear_down(state);
	set_up(state);
	open_keeper();
	make_at_once(100);
	acknowledge(10, 77);
	close_keeper();   /* everything is in the file itself now */
}

static void remove_aside(void)
{
	glob_t found;

	if (glob(scratch_file(&scratch, "spool.db.damaged-*"), 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
	globfree(&found);
}

/* After damage: it is found by what an agent does anyway, a new spool takes its place, with the generation that the
 * collector expects, and says that events were lost. Where the damage hit nothing that is used, all is still there. */
static void expect_recovery(const char *name, off_t from)
{
	struct spool_state state;
	struct spool_batch batch;
	json_t *lost;
	struct err err;
	int waiting;

	make("measurement", 1);
	if (spool_batch(keeper_spool(keeper), 100000, 1 << 24, &batch, &err) == 0)
		spool_batch_free(&batch);
	keeper_tend(keeper);
	make("outage", 1);
	assert_int_equal(keeper_held(keeper), 0);
	state = state_of_spool();
	assert_int_equal(state.generation, 77);
	close_keeper();
	open_keeper();
	make("boot", 1);
	waiting = count_waiting(&lost);
	if (count_kept_aside()) {
		assert_in_range(waiting, 1, 3);
		assert_int_not_equal(read_loss(lost, "damaged"), 0);
	} else if (waiting != 90 + 3) {
		fail_msg("%s, garbage at %d: %d events wait and none is said to be lost", name, (int)from, waiting);
	}
	json_decref(lost);
	remove_aside();
}

static void test_damage_of_any_page_is_survived(void **state)
{
	off_t size;
	int found = 0;

	start_afresh(state);
	size = file_size();
	assert_true(size >= 8 * 4096);
	for (off_t from = 0; from < size; from += 4096) {
		start_afresh(state);
		write_garbage(from, 4096);
		open_keeper();
		found += count_kept_aside();
		expect_recovery("before the start", from);

		start_afresh(state);
		open_keeper();
		write_garbage(from, 4096);
		expect_recovery("while it runs", from);
	}
	assert_true(found >= (int)(size / 4096) - 2);
}

static void test_a_truncated_file_is_survived(void **state)
{
	json_t *lost;

	for (off_t size = 0; size < 40000; size += 6000) {
		start_afresh(state);
		if (size >= file_size())
			break;
		assert_int_equal(truncate(spool_path(), size), 0);
		open_keeper();
		make("boot", 1);
		assert_int_equal(state_of_spool().generation, 77);
		assert_int_equal(count_waiting(&lost), 1);
		assert_int_not_equal(read_loss(lost, size ? "damaged" : "missing"), 0);
		json_decref(lost);
	}
}

static void test_a_removed_file_is_noticed(void **state)
{
	struct spool_state before;
	json_t *lost;

	start_afresh(state);
	open_keeper();
	before = state_of_spool();
	unlink(spool_path());
	keeper_tend(keeper);
	make("measurement", 3);
	assert_string_not_equal(state_of_spool().uuid, before.uuid);
	assert_int_equal(state_of_spool().generation, 77);
	assert_int_equal(count_waiting(&lost), 3);
	assert_int_equal(read_loss(lost, "missing"), 90);
	assert_string_equal(json_string_value(json_object_get(json_array_get(lost, 0), "spool")), before.uuid);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(lost, 0), "first_seq")), 11);
	json_decref(lost);
	close_keeper();

	unlink(spool_path());   /* and while no agent runs */
	open_keeper();
	make("measurement", 1);
	assert_int_equal(count_waiting(&lost), 1);
	assert_int_equal(read_loss(lost, "missing"), JSON_ABSENT);
	json_decref(lost);
}

/* Killed between the new file and the event that tells of the old one: the next start tells it. */
static void test_a_loss_is_not_forgotten_before_it_is_told(void **state)
{
	json_t *lost;

	start_afresh(state);
	write_garbage(0, 4096);
	open_keeper();
	close_keeper();
	open_keeper();
	make("boot", 1);
	assert_int_equal(count_waiting(&lost), 1);
	assert_int_equal(read_loss(lost, "missing"), JSON_ABSENT);
	json_decref(lost);
}

static void test_an_answer_to_the_spool_before_changes_nothing(void **state)
{
	struct spool_state before;
	struct err err;

	start_afresh(state);
	open_keeper();
	before = state_of_spool();
	unlink(spool_path());
	keeper_tend(keeper);
	make("measurement", 3);
	assert_int_equal(spool_acknowledge(keeper_spool(keeper), &(struct spool_answer){ .spool = before.uuid, .acked_seq = 90,
											 .generation = 78 }, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_non_null(strstr(err.message, "was replaced since that report"));
	assert_int_equal(state_of_spool().waiting, 4);
}

/* A commit that failed and is in the file all the same: another connection plays its part. */
static void test_a_commit_that_was_there_after_all_counts_once(void **unused)
{
	struct spool_event events[] = { { "boot-1", "measurement", 1, json_pack("{s:i}", "n", 1) },
					{ "boot-1", "outage", 2, json_pack("{s:i}", "n", 2) } };
	int64_t first_seq;
	struct db *db;
	json_t *lost;
	struct err err;

	(void)unused;
	open_keeper();
	make("boot", 1);
	assert_int_equal(db_open(spool_path(), false, &db, &err), 0);
	assert_int_equal(db_execute(db, "BEGIN; UPDATE meta SET next_seq = 3; INSERT INTO event (class, seq, type, at_ms, body)"
					" VALUES (0, 2, 'measurement', 1, '{\"seq\":2,\"type\":\"measurement\",\"n\":1}'); COMMIT", &err), 0);
	db_close(db);
	assert_int_equal(spool_append_all(keeper_spool(keeper), events, 2, &first_seq, &err), 0);
	assert_int_equal(first_seq, 2);
	assert_int_equal(count_waiting(&lost), 3);
	json_decref((json_t *)(uintptr_t)events[0].members);
	json_decref((json_t *)(uintptr_t)events[1].members);
}

static void test_few_damaged_files_are_kept(void **state)
{
	char name[64];

	start_afresh(state);
	for (int n = 0; n < 5; n++) {
		snprintf(name, sizeof name, "spool.db.damaged-2026010%dT000000Z", n);
		close(open(scratch_file(&scratch, name), O_WRONLY | O_CREAT, 0600));
	}
	write_garbage(0, 4096);
	open_keeper();
	assert_int_equal(count_kept_aside(), 2);
}

static void test_a_spool_of_a_newer_version_is_refused(void **state)
{
	struct keeper_options options = { .max_bytes = MAX_BYTES, .random = random_seeded(&seed), .clock = { .read = read_clock } };
	struct db *db;
	struct err err;

	start_afresh(state);
	assert_int_equal(db_open(spool_path(), false, &db, &err), 0);
	assert_int_equal(db_execute(db, "PRAGMA user_version = 2", &err), 0);
	db_close(db);
	options.path = spool_path();
	assert_int_equal(keeper_open(&options, &keeper, &err), -1);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_non_null(strstr(err.message, "made by a newer version of plumbline-agent"));
	assert_int_equal(count_kept_aside(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_full_disk_keeps_events_in_memory),
		TEST(test_memory_is_bounded_and_says_what_it_lost),
		TEST(test_what_memory_held_at_the_end_is_counted),
		TEST(test_a_read_only_disk_is_waited_for),
		TEST(test_a_disk_without_a_spool_is_waited_for),
		TEST(test_damage_of_any_page_is_survived),
		TEST(test_a_truncated_file_is_survived),
		TEST(test_a_removed_file_is_noticed),
		TEST(test_a_loss_is_not_forgotten_before_it_is_told),
		TEST(test_an_answer_to_the_spool_before_changes_nothing),
		TEST(test_a_commit_that_was_there_after_all_counts_once),
		TEST(test_few_damaged_files_are_kept),
		TEST(test_a_spool_of_a_newer_version_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
