/* own_net.h - a network namespace for this test process alone: loopback up, ICMP sockets allowed. */
#ifndef PLUMBLINE_TESTS_OWN_NET_H
#define PLUMBLINE_TESTS_OWN_NET_H

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static inline bool own_net_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static inline bool own_net_set_up(const char *interface, bool up)
{
	struct ifreq request = { .ifr_flags = up ? IFF_UP : 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	memcpy(request.ifr_name, interface, strlen(interface) + 1);
	ok = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	close(fd);
	return ok;
}

/* False without the right to make one (it takes root): what needs it is then left out. */
static inline bool own_net_make(void)
{
	return unshare(CLONE_NEWNET) == 0 && own_net_set_up("lo", true) &&
	       own_net_write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
}

#endif
