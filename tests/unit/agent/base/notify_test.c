#include "agent/base/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* Listens where systemd would; name begins with "@" for an abstract socket. */
static int listen_at(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (const struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
	return fd;
}

static void test_sends_one_datagram(void **state)
{
	char directory[] = "/tmp/notify_test.XXXXXX", path[64], abstract[64], got[64];

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/socket", directory);
	snprintf(abstract, sizeof abstract, "@%s", directory);
	for (int i = 0; i < 2; i++) {
		const char *name = i ? abstract : path;
		int fd = listen_at(name);
		ssize_t length;

		setenv("NOTIFY_SOCKET", name, 1);
		notify_send("READY=1\nSTATUS=up");
		length = recv(fd, got, sizeof got, 0);
		assert_int_equal(length, 17);
		assert_memory_equal(got, "READY=1\nSTATUS=up", 17);
		assert_int_equal(recv(fd, got, sizeof got, 0), -1);
		close(fd);
	}
	unlink(path);
	rmdir(directory);
}

static void test_without_systemd_it_does_nothing(void **state)
{
	char long_path[200];

	(void)state;
	memset(long_path, '/', sizeof long_path);
	long_path[sizeof long_path - 1] = '\0';
	unsetenv("NOTIFY_SOCKET");
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", long_path, 1);
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "/nowhere/to/be/found", 1);
	notify_send("READY=1");
}

static void test_watchdog_interval(void **state)
{
	char own[32];
	const struct {
		const char *allowed_us, *pid;
		int64_t want_ms;
	} cases[] = {
		{ NULL, NULL, 0 },
		{ "30000000", NULL, 15000 },
		{ "30000000", own, 15000 },
		{ "30000000", "1", 0 },
		{ "nonsense", NULL, 0 },
	};

	(void)state;
	snprintf(own, sizeof own, "%d", (int)getpid());
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		unsetenv("WATCHDOG_USEC");
		unsetenv("WATCHDOG_PID");
		if (cases[i].allowed_us)
			setenv("WATCHDOG_USEC", cases[i].allowed_us, 1);
		if (cases[i].pid)
			setenv("WATCHDOG_PID", cases[i].pid, 1);
		assert_int_equal(notify_watchdog_interval_ms(), cases[i].want_ms);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sends_one_datagram),
		cmocka_unit_test(test_without_systemd_it_does_nothing),
		cmocka_unit_test(test_watchdog_interval),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
