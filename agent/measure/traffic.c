#include "agent/measure/traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/json.h"
#include "agent/base/measurement.h"
#include "agent/base/mem.h"

#define ANSWER_BYTES 32768   /* what the kernel sends at most in one piece of a dump */

typedef void answer_taker(const struct nlmsghdr *message, void *arg);

/* Hands each message of one piece over. Returns 1 when the answer is complete, 0 when more follows, -1 with errno. */
static int take_piece(const struct nlmsghdr *message, size_t length, answer_taker *take, void *arg)
{
	for (; NLMSG_OK(message, length); message = NLMSG_NEXT(message, length)) {
		if (message->nlmsg_type == NLMSG_DONE)
			return 1;
		if (message->nlmsg_type == NLMSG_ERROR) {
			errno = -((const struct nlmsgerr *)NLMSG_DATA(message))->error;
			return -1;
		}
		take(message, arg);
		if (!(message->nlmsg_flags & NLM_F_MULTI))
			return 1;
	}
	return 0;
}

/* Asks the kernel and hands over what it answers. Each piece is there as soon as it is asked for: MSG_DONTWAIT only
 * says that nothing here may ever wait. Returns -1 with errno. */
static int ask(const struct nlmsghdr *request, answer_taker *take, void *arg)
{
	_Alignas(struct nlmsghdr) char piece[ANSWER_BYTES];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int rc = 0, failed;
	ssize_t length;

	if (fd < 0)
		return -1;
	if (send(fd, request, request->nlmsg_len, 0) < 0)
		rc = -1;
	while (rc == 0) {
		length = recv(fd, piece, sizeof piece, MSG_DONTWAIT);
		rc = length < 0 ? -1 : take_piece((const struct nlmsghdr *)(void *)piece, (size_t)length, take, arg);
	}
	failed = errno;
	close(fd);
	errno = failed;
	return rc < 0 ? -1 : 0;
}

static void take_link(const struct nlmsghdr *message, void *arg)
{
	struct traffic *traffic = arg;
	const struct ifinfomsg *link = NLMSG_DATA(message);
	const struct rtattr *at = IFLA_RTA(link);
	size_t left = IFLA_PAYLOAD(message);
	struct traffic_interface *item;

	if (message->nlmsg_type != RTM_NEWLINK)
		return;
	traffic->items = xrealloc(traffic->items, traffic->count + 1, sizeof *item);
	item = &traffic->items[traffic->count++];
	*item = (struct traffic_interface){ .index = link->ifi_index };
	for (; RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		if (at->rta_type == IFLA_IFNAME) {
			text_copy(item->name, sizeof item->name, RTA_DATA(at));
		} else if (at->rta_type == IFLA_STATS64) {
			struct rtnl_link_stats64 stats = { 0 };   /* the attribute is aligned to 4 bytes only */

			memcpy(&stats, RTA_DATA(at), RTA_PAYLOAD(at) < sizeof stats ? RTA_PAYLOAD(at) : sizeof stats);
			item->rx_bytes = stats.rx_bytes;
			item->tx_bytes = stats.tx_bytes;
		}
	}
}

int traffic_read(struct traffic *ret_traffic, struct err *err)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} request = {
		.header = { .nlmsg_len = sizeof request, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	};
	struct traffic traffic = { 0 };

	if (ask(&request.header, take_link, &traffic) < 0) {
		traffic_free(&traffic);
		return err_set(err, ERR_IO, "interface counters: %s", strerror(errno));
	}
	*ret_traffic = traffic;
	return 0;
}

void traffic_free(struct traffic *traffic)
{
	free(traffic->items);
	*traffic = (struct traffic){ 0 };
}

const struct traffic_interface *traffic_by_index(const struct traffic *traffic, int index)
{
	for (size_t i = 0; i < traffic->count; i++)
		if (traffic->items[i].index == index)
			return &traffic->items[i];
	return NULL;
}

const struct traffic_interface *traffic_by_name(const struct traffic *traffic, const char *name)
{
	for (size_t i = 0; i < traffic->count; i++)
		if (!strcmp(traffic->items[i].name, name))
			return &traffic->items[i];
	return NULL;
}

static void take_route(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *route = NLMSG_DATA(message);
	const struct rtattr *at = RTM_RTA(route);
	size_t left = RTM_PAYLOAD(message);

	if (message->nlmsg_type != RTM_NEWROUTE)
		return;
	for (; RTA_OK(at, left); at = RTA_NEXT(at, left))
		if (at->rta_type == RTA_OIF)
			memcpy(arg, RTA_DATA(at), sizeof(int));
}

struct route_request {
	struct nlmsghdr header;
	struct rtmsg route;
	char attributes[2 * RTA_SPACE(sizeof(struct in6_addr))];
};

static void add_address(struct route_request *request, unsigned short type, const void *address, size_t length)
{
	struct rtattr *at = (struct rtattr *)(void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));

	at->rta_type = type;
	at->rta_len = (unsigned short)RTA_LENGTH(length);
	memcpy(RTA_DATA(at), address, length);
	request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + (unsigned)RTA_SPACE(length);
}

int traffic_egress(const char *local_ip, const char *peer_ip, int *ret_index, struct err *err)
{
	int family = strchr(peer_ip, ':') ? AF_INET6 : AF_INET, index = 0;
	size_t length = family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
	struct in6_addr local, peer;
	struct route_request request = {
		.header = { .nlmsg_len = NLMSG_LENGTH(sizeof request.route), .nlmsg_type = RTM_GETROUTE,
			    .nlmsg_flags = NLM_F_REQUEST },
		.route = { .rtm_family = (unsigned char)family, .rtm_src_len = (unsigned char)(8 * length),
			   .rtm_dst_len = (unsigned char)(8 * length) },
	};

	if (inet_pton(family, local_ip, &local) != 1 || inet_pton(family, peer_ip, &peer) != 1)
		return err_set(err, ERR_INPUT, "%s to %s: not two addresses of one family", local_ip, peer_ip);
	add_address(&request, RTA_SRC, &local, length);
	add_address(&request, RTA_DST, &peer, length);
	if (ask(&request.header, take_route, &index) < 0)
		return err_set(err, errno == ENETUNREACH || errno == EHOSTUNREACH ? ERR_NOT_FOUND : ERR_IO, "route to %s: %s",
			       peer_ip, strerror(errno));
	if (!index)
		return err_set(err, ERR_NOT_FOUND, "route to %s: leaves through no interface", peer_ip);
	*ret_index = index;
	return 0;
}

/* Of a hundredth of a byte each; at most what a record can hold. */
static int64_t rate_bps(__int128 centibytes, int64_t duration_us)
{
	__int128 bps = centibytes * 8 * 1000000 / 100 / duration_us;

	if (bps <= 0)
		return 0;
	return bps > MEASUREMENT_RATE_MAX_BPS ? MEASUREMENT_RATE_MAX_BPS : (int64_t)bps;
}

struct traffic_cross traffic_cross(const struct traffic_interface *before, const struct traffic_interface *after,
				   int64_t body_bytes, int64_t duration_us)
{
	__int128 rx, tx;

	if (!before || !after || before->index != after->index || strcmp(before->name, after->name) ||
	    after->rx_bytes < before->rx_bytes || after->tx_bytes < before->tx_bytes || duration_us <= 0)
		return (struct traffic_cross){ JSON_ABSENT, JSON_ABSENT };
	rx = after->rx_bytes - before->rx_bytes;
	tx = after->tx_bytes - before->tx_bytes;
	return (struct traffic_cross){
		.rx_bps = rate_bps(rx * 100 - (__int128)body_bytes * 106, duration_us),   /* h = 1.06: headers */
		.tx_bps = rate_bps(tx * 100 - rx * 4, duration_us),                       /* 4 %: acknowledgements */
	};
}
