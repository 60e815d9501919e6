/* tundelay: a wire with a delay between two network namespaces, for kernels without netem.
 *
 *   tundelay NS_A DEV_A NS_B DEV_B ONE_WAY_DELAY_US
 *
 * Makes a TUN device in each namespace and carries every packet from one to the other after the delay. Rates are tc's
 * business, on the devices. Large segments pass whole (virtio headers), or a gigabit would be beyond one process.
 * Says "ready", then runs until it is killed; the devices go with it. */
#define _GNU_SOURCE   /* setns, ppoll */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_PACKETS    16384         /* a power of two */
#define PACKET_BYTES_MAX (65536 + 64)
#define PACKETS_A_ROUND  64            /* read from one side before the other has its turn */
#define VIRTIO_HEADER    10

struct packet {
	int64_t due_ns;
	size_t length;
	unsigned char *bytes;
};

/* One direction: a ring of packets, all delayed alike, so the first in is the first due. */
struct direction {
	int from, to;
	struct packet queue[QUEUE_PACKETS];
	unsigned head, tail;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void enter(const char *namespace)
{
	char path[256];
	int fd;

	snprintf(path, sizeof path, "/var/run/netns/%s", namespace);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		fail(path);
	close(fd);
}

static int open_tun(const char *namespace, const char *device)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int fd, header = VIRTIO_HEADER;

	enter(namespace);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	strncpy(request.ifr_name, device, IFNAMSIZ - 1);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		fail(device);
	if (ioctl(fd, TUNSETVNETHDRSZ, &header) < 0 || ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
		fail("TUNSETOFFLOAD");
	return fd;
}

/* Writes what is due; returns when the next packet will be. */
static int64_t deliver(struct direction *direction)
{
	int64_t now = now_ns();

	while (direction->head != direction->tail) {
		struct packet *packet = &direction->queue[direction->head % QUEUE_PACKETS];

		if (packet->due_ns > now)
			return packet->due_ns;
		if (write(direction->to, packet->bytes, packet->length) < 0 && errno != EAGAIN && errno != EIO)
			fail("write");   /* EAGAIN: its queue is full; EIO: the device is down. Both lose the packet, as wires do */
		free(packet->bytes);
		direction->head++;
	}
	return INT64_MAX;
}

static void take_in(struct direction *direction, int64_t delay_ns)
{
	static unsigned char bytes[PACKET_BYTES_MAX];

	for (int i = 0; i < PACKETS_A_ROUND; i++) {
		ssize_t length = read(direction->from, bytes, sizeof bytes);
		struct packet *packet = &direction->queue[direction->tail % QUEUE_PACKETS];

		if (length <= 0)
			return;
		if (direction->tail - direction->head == QUEUE_PACKETS)
			continue;
		*packet = (struct packet){ now_ns() + delay_ns, (size_t)length, malloc((size_t)length) };
		if (!packet->bytes)
			fail("malloc");
		memcpy(packet->bytes, bytes, (size_t)length);
		direction->tail++;
	}
}

static void wait_for(const struct direction *directions, int64_t due_ns, bool ret_readable[2])
{
	struct pollfd polled[2] = { { .fd = directions[0].from, .events = POLLIN }, { .fd = directions[1].from, .events = POLLIN } };
	int64_t left_ns = due_ns == INT64_MAX ? 0 : due_ns - now_ns();
	struct timespec timeout = { left_ns > 0 ? left_ns / 1000000000 : 0, left_ns > 0 ? left_ns % 1000000000 : 0 };

	if (ppoll(polled, 2, due_ns == INT64_MAX ? NULL : &timeout, NULL) < 0 && errno != EINTR)
		fail("ppoll");
	for (int i = 0; i < 2; i++)
		ret_readable[i] = polled[i].revents & POLLIN;
}

int main(int argc, char **argv)
{
	static struct direction directions[2];
	int64_t delay_ns;

	if (argc != 6) {
		fprintf(stderr, "usage: tundelay NS_A DEV_A NS_B DEV_B ONE_WAY_DELAY_US\n");
		return 2;
	}
	prctl(PR_SET_TIMERSLACK, 1UL);   /* or every packet is up to 50 us late */
	directions[0].from = directions[1].to = open_tun(argv[1], argv[2]);
	directions[1].from = directions[0].to = open_tun(argv[3], argv[4]);
	delay_ns = strtoll(argv[5], NULL, 10) * 1000;
	puts("ready");
	fflush(stdout);
	for (;;) {
		int64_t due_ns = INT64_MAX;
		bool readable[2];

		for (int i = 0; i < 2; i++) {
			int64_t next_ns = deliver(&directions[i]);

			due_ns = next_ns < due_ns ? next_ns : due_ns;
		}
		wait_for(directions, due_ns, readable);
		for (int i = 0; i < 2; i++)
			if (readable[i])
				take_in(&directions[i], delay_ns);
	}
}
