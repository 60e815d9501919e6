/* rtnetlink in short: a request names what is asked for; the answer is one message, or a run that ends with NLMSG_DONE; each
 * message is a fixed struct followed by attributes (type, length, value). */
#include "agent/watch/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/mem.h"

#define BUFFER_BYTES     32768
#define ANSWER_BYTES_MAX (4 * 1024 * 1024)   /* a full routing table is not read to its end */

typedef void message_taker(void *arg, const struct nlmsghdr *message);

struct route_request {
	struct nlmsghdr header;
	struct rtmsg route;
};

struct link_request {
	struct nlmsghdr header;
	struct ifinfomsg link;
	struct rtattr name_header;
	char name[IF_NAMESIZE];
	struct rtattr filter_header;
	uint32_t filter;
};

/* Hands on the messages of one read; true when the answer goes on. */
static bool take_messages(const char *bytes, size_t length, message_taker *take, void *arg)
{
	bool goes_on = true;

	for (const struct nlmsghdr *message = (const void *)bytes; NLMSG_OK(message, length);
	     message = NLMSG_NEXT(message, length)) {
		if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
			return false;
		take(arg, message);
		goes_on = message->nlmsg_flags & NLM_F_MULTI;
	}
	return goes_on;
}

static int read_answer(int fd, message_taker *take, void *arg, struct err *err)
{
	_Alignas(struct nlmsghdr) char bytes[BUFFER_BYTES];
	size_t total = 0;
	ssize_t length;

	do {
		length = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);   /* the kernel has answered already */
		if (length < 0)
			return err_set(err, ERR_IO, "rtnetlink: %s", strerror(errno));
		total += (size_t)length;
	} while (take_messages(bytes, (size_t)length, take, arg) && total < ANSWER_BYTES_MAX);
	return 0;
}

static int ask(const struct nlmsghdr *request, message_taker *take, void *arg, struct err *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), rc;

	if (fd < 0)
		return err_set(err, ERR_IO, "rtnetlink: %s", strerror(errno));
	if (send(fd, request, request->nlmsg_len, 0) < 0)
		rc = err_set(err, ERR_IO, "rtnetlink: %s", strerror(errno));
	else
		rc = read_answer(fd, take, arg, err);
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
	struct route_request request = {
		.header = { .nlmsg_len = sizeof request, .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	};
	struct route_search search = { .interface = interface };

	for (int i = 0; i < 2 && !search.found; i++) {
		request.route.rtm_family = families[i];
		if (ask(&request.header, consider_route, &search, err) < 0)
			return -1;
	}
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
	struct link_request request = {
		.header = { .nlmsg_len = sizeof request, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST },
		.name_header = { .rta_len = RTA_LENGTH(sizeof request.name), .rta_type = IFLA_IFNAME },
		.filter_header = { .rta_len = RTA_LENGTH(sizeof request.filter), .rta_type = IFLA_EXT_MASK },
		.filter = RTEXT_FILTER_SKIP_STATS,
	};
	struct link_search search = { .interface = interface };

	text_copy(request.name, sizeof request.name, interface);
	if (ask(&request.header, consider_link, &search, err) < 0)
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
