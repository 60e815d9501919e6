/* rtnetlink in short: a request names what to dump; the answer is a run of messages that ends with NLMSG_DONE; each message
 * is a fixed struct followed by attributes (type, length, value). */
#include "agent/watch/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/mem.h"

#define BUFFER_BYTES 32768
#define DUMP_BYTES_MAX (4 * 1024 * 1024)   /* a full routing table is not read to its end */

typedef void message_taker(void *arg, const struct nlmsghdr *message);

struct request {
	struct nlmsghdr header;
	union {
		struct rtmsg route;
		struct ifinfomsg link;
	};
};

/* Hands on the messages of one read; true when the dump goes on. */
static bool take_messages(const char *bytes, size_t length, message_taker *take, void *arg)
{
	for (const struct nlmsghdr *message = (const void *)bytes; NLMSG_OK(message, length);
	     message = NLMSG_NEXT(message, length)) {
		if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
			return false;
		take(arg, message);
	}
	return true;
}

static int read_dump(int fd, message_taker *take, void *arg, struct err *err)
{
	_Alignas(struct nlmsghdr) char bytes[BUFFER_BYTES];
	size_t total = 0;
	ssize_t length;

	do {
		length = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);   /* the kernel has answered already */
		if (length < 0)
			return err_set(err, ERR_IO, "rtnetlink: %s", strerror(errno));
		total += (size_t)length;
	} while (take_messages(bytes, (size_t)length, take, arg) && total < DUMP_BYTES_MAX);
	return 0;
}

static int dump(uint16_t type, unsigned char family, message_taker *take, void *arg, struct err *err)
{
	struct request request = { .header = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), rc;

	if (fd < 0)
		return err_set(err, ERR_IO, "rtnetlink: %s", strerror(errno));
	if (type == RTM_GETROUTE) {
		request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.route);
		request.route.rtm_family = family;
	} else {
		request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.link);
		request.link.ifi_family = family;
	}
	if (send(fd, &request, request.header.nlmsg_len, 0) < 0)
		rc = err_set(err, ERR_IO, "rtnetlink: %s", strerror(errno));
	else
		rc = read_dump(fd, take, arg, err);
	close(fd);
	return rc;
}

static void collect_attributes(const struct rtattr *first, size_t length, const struct rtattr **ret_table, unsigned short count)
{
	memset(ret_table, 0, count * sizeof *ret_table);
	for (const struct rtattr *attribute = first; RTA_OK(attribute, length); attribute = RTA_NEXT(attribute, length))
		if (attribute->rta_type < count)
			ret_table[attribute->rta_type] = attribute;
}

static uint32_t read_number(const struct rtattr *attribute)
{
	uint32_t number = 0;

	if (attribute && RTA_PAYLOAD(attribute) >= sizeof number)
		memcpy(&number, RTA_DATA(attribute), sizeof number);
	return number;
}

/* --- the default route --- */

struct route_search {
	const char *interface;
	bool found;
	uint32_t metric;
	uint32_t link;
	struct sockaddr_storage gateway;
};

static struct sockaddr_storage make_address(unsigned char family, const struct rtattr *attribute, uint32_t link)
{
	struct sockaddr_storage storage = { .ss_family = AF_UNSPEC };
	struct sockaddr_in *v4 = (void *)&storage;
	struct sockaddr_in6 *v6 = (void *)&storage;

	if (!attribute)
		return storage;
	if (family == AF_INET && RTA_PAYLOAD(attribute) == sizeof v4->sin_addr) {
		v4->sin_family = AF_INET;
		memcpy(&v4->sin_addr, RTA_DATA(attribute), sizeof v4->sin_addr);
	} else if (family == AF_INET6 && RTA_PAYLOAD(attribute) == sizeof v6->sin6_addr) {
		v6->sin6_family = AF_INET6;
		memcpy(&v6->sin6_addr, RTA_DATA(attribute), sizeof v6->sin6_addr);
		if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
			v6->sin6_scope_id = link;
	}
	return storage;
}

/* Of several next hops the first counts. */
static void descend_to_next_hop(const struct rtattr **table, uint32_t *ret_link)
{
	const struct rtattr *paths = table[RTA_MULTIPATH];
	const struct rtnexthop *hop;

	if (!paths || RTA_PAYLOAD(paths) < sizeof *hop)
		return;
	hop = RTA_DATA(paths);
	if (hop->rtnh_len < sizeof *hop || hop->rtnh_len > RTA_PAYLOAD(paths))
		return;
	collect_attributes((const void *)(hop + 1), hop->rtnh_len - sizeof *hop, table, RTA_MAX + 1);
	*ret_link = (uint32_t)hop->rtnh_ifindex;
}

static void consider_route(void *arg, const struct nlmsghdr *message)
{
	struct route_search *search = arg;
	const struct rtmsg *route = NLMSG_DATA(message);
	const struct rtattr *table[RTA_MAX + 1];
	uint32_t metric, link;
	char name[IF_NAMESIZE];

	if (message->nlmsg_type != RTM_NEWROUTE || route->rtm_dst_len || route->rtm_table != RT_TABLE_MAIN ||
	    route->rtm_type != RTN_UNICAST)
		return;
	collect_attributes(RTM_RTA(route), RTM_PAYLOAD(message), table, RTA_MAX + 1);
	metric = read_number(table[RTA_PRIORITY]);
	link = read_number(table[RTA_OIF]);
	descend_to_next_hop(table, &link);
	if ((search->found && metric >= search->metric) || !if_indextoname(link, name) ||
	    (search->interface && strcmp(name, search->interface) != 0))
		return;
	search->found = true;
	search->metric = metric;
	search->link = link;
	search->gateway = make_address(route->rtm_family, table[RTA_GATEWAY], link);
}

int route_read_default(const char *interface, struct default_route *ret_route, struct err *err)
{
	static const unsigned char families[] = { AF_INET, AF_INET6 };
	struct route_search search = { .interface = interface };

	for (int i = 0; i < 2 && !search.found; i++)
		if (dump(RTM_GETROUTE, families[i], consider_route, &search, err) < 0)
			return -1;
	if (!search.found || !if_indextoname(search.link, ret_route->interface))
		return err_set(err, ERR_NOT_FOUND, "there is no default route");
	ret_route->gateway = search.gateway;
	return 0;
}

/* --- the carrier --- */

#define OPERATION_UNKNOWN 0   /* drivers that do not say, loopback and tunnels among them (RFC 2863, IF_OPER_*) */
#define OPERATION_UP      6

struct link_search {
	const char *interface;
	bool found, up;
};

static void consider_link(void *arg, const struct nlmsghdr *message)
{
	struct link_search *search = arg;
	const struct ifinfomsg *link = NLMSG_DATA(message);
	const struct rtattr *table[IFLA_MAX + 1], *state;
	unsigned int need = IFF_UP | 1u << 16 /* IFF_LOWER_UP */;
	int operation = OPERATION_UNKNOWN;

	if (message->nlmsg_type != RTM_NEWLINK)
		return;
	collect_attributes(IFLA_RTA(link), IFLA_PAYLOAD(message), table, IFLA_MAX + 1);
	if (!table[IFLA_IFNAME] || strcmp(RTA_DATA(table[IFLA_IFNAME]), search->interface) != 0)
		return;
	state = table[IFLA_OPERSTATE];
	if (state && RTA_PAYLOAD(state) >= 1)
		operation = *(const unsigned char *)RTA_DATA(state);
	search->found = true;
	search->up = (link->ifi_flags & need) == need && (operation == OPERATION_UP || operation == OPERATION_UNKNOWN);
}

int route_read_carrier(const char *interface, bool *ret_up, struct err *err)
{
	struct link_search search = { .interface = interface };

	if (dump(RTM_GETLINK, AF_UNSPEC, consider_link, &search, err) < 0)
		return -1;
	if (!search.found)
		return err_set(err, ERR_NOT_FOUND, "there is no interface %s", interface);
	*ret_up = search.up;
	return 0;
}

/* --- events --- */

int route_open_events(void)
{
	struct sockaddr_nl groups = { .nl_family = AF_NETLINK,
				      .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&groups, sizeof groups) == 0)
		return fd;
	close(fd);
	return -1;
}

static void consider_event(void *arg, const struct nlmsghdr *message)
{
	bool *concerns = arg;
	const struct rtmsg *route = NLMSG_DATA(message);

	if (message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK)
		*concerns = true;
	else if ((message->nlmsg_type == RTM_NEWROUTE || message->nlmsg_type == RTM_DELROUTE) && !route->rtm_dst_len)
		*concerns = true;
}

bool route_drain_events(int events)
{
	_Alignas(struct nlmsghdr) char bytes[BUFFER_BYTES];
	bool concerns = false;
	ssize_t length;

	while ((length = recv(events, bytes, sizeof bytes, 0)) > 0)
		take_messages(bytes, (size_t)length, consider_event, &concerns);
	return concerns || (length < 0 && errno == ENOBUFS);   /* some were lost: anything may have changed */
}
