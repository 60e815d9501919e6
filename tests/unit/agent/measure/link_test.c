#include "agent/measure/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/json.h"

static const struct {
	const char *name;
	const char *speed;       /* NULL: no such file */
	bool is_physical, is_wireless;
	int64_t want_bps;
} cards[] = {
	{ "gigabit", "1000\n", true, false, 1000000000 },
	{ "no carrier", "-1\n", true, false, JSON_ABSENT },
	{ "a card that does not say", NULL, true, false, JSON_ABSENT },
	{ "nonsense", "fast\n", true, false, JSON_ABSENT },
	{ "a tunnel's 10 Mbit/s mean nothing", "10\n", false, false, JSON_ABSENT },
	{ "wireless", NULL, true, true, JSON_ABSENT },
};

static void in(char *ret_path, const char *sys, const char *name)
{
	snprintf(ret_path, 256, "%s/eth0%s%s", sys, *name ? "/" : "", name);
}

static void make(const char *sys, size_t i)
{
	char path[256];
	FILE *file;

	in(path, sys, "");
	assert_int_equal(mkdir(path, 0700), 0);
	in(path, sys, "device");
	assert_true(!cards[i].is_physical || mkdir(path, 0700) == 0);
	in(path, sys, "wireless");
	assert_true(!cards[i].is_wireless || mkdir(path, 0700) == 0);
	in(path, sys, "speed");
	if (!cards[i].speed)
		return;
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(cards[i].speed, file);
	fclose(file);
}

static void unmake(const char *sys)
{
	static const char *const names[] = { "device", "wireless", "speed", "" };
	char path[256];

	for (size_t i = 0; i < 4; i++) {
		in(path, sys, names[i]);
		remove(path);
	}
}

static void test_cards(void **state)
{
	char sys[] = "/tmp/plumbline-link-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(sys));
	for (size_t i = 0; i < sizeof cards / sizeof cards[0]; i++) {
		make(sys, i);
		if (link_speed_bps(sys, "eth0") != cards[i].want_bps || link_is_wireless(sys, "eth0") != cards[i].is_wireless)
			fail_msg("%s: %ld", cards[i].name, (long)link_speed_bps(sys, "eth0"));
		unmake(sys);
	}
	assert_int_equal(link_speed_bps(sys, "eth0"), JSON_ABSENT);
	assert_int_equal(link_speed_bps(sys, ""), JSON_ABSENT);
	assert_false(link_is_wireless(sys, ""));
	rmdir(sys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
