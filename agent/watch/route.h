/* route.h - what the kernel says about links and default routes (rtnetlink).
 * A question is answered from the kernel's memory at once; nothing waits for a network.
 * Threads: pure but for the kernel. */
#ifndef PLUMBLINE_ROUTE_H
#define PLUMBLINE_ROUTE_H

#include <linux/netlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "agent/base/err.h"

struct default_route {
	char interface[IF_NAMESIZE];
	struct sockaddr_storage gateway;   /* AF_UNSPEC: the route has none (a point-to-point link) */
};

/* The default route with the lowest metric, IPv4 before IPv6; interface: only those through it, or NULL. Fails with
 * ERR_NOT_FOUND when there is none, else ERR_IO. */
int route_read_default(const char *interface, struct default_route *ret_route, struct err *err);

/* Whether the link is up and has its carrier. Fails with ERR_NOT_FOUND when there is no such interface, else ERR_IO. */
int route_read_carrier(const char *interface, bool *ret_up, struct err *err);

/* A socket that becomes readable when a link or a route changes, or -1. */
int route_open_events(void);

/* Reads away the events that wait. True when one of them may have changed a carrier or a default route. */
bool route_drain_events(int events);

#endif
