/* carrier.h - the interface that the line hangs on: its carrier, and the gateway behind it.
 *
 * The interface is the configured one, or the default route's. Kernel events and a poll keep the view fresh. While a route
 * is gone the last interface and gateway stay in view: a cable that is pulled often takes the route with it.
 *
 * Source:  methodology 9.1 (the lowest rung of the ladder).
 * Threads: the loop's. */
#ifndef PLUMBLINE_CARRIER_H
#define PLUMBLINE_CARRIER_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "agent/base/err.h"

struct carrier_view {
	char interface[IF_NAMESIZE];       /* "" while none was ever known */
	bool up;
	struct sockaddr_storage gateway;   /* AF_UNSPEC while none was ever known */
};

struct carrier;

/* interface: NULL for the default route's. changed is called after the view has changed by an event of the kernel. Fails
 * with ERR_IO. */
int carrier_open(uv_loop_t *loop, const char *interface, void (*changed)(void *arg), void *arg,
		 struct carrier **ret_carrier, struct err *err);

/* The poll: reads the view anew after an event of the kernel, and each sixth time. It stays valid until the carrier is closed. */
const struct carrier_view *carrier_look(struct carrier *carrier);

/* Everything is released when the loop has run; accepts NULL. */
void carrier_close(struct carrier *carrier);

#endif
