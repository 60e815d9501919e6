/* traffic.h - 64-bit byte counters of the network interfaces, and from two readings the client's own traffic.
 * Ownership: traffic_read allocates, traffic_free releases; all zero is an empty reading.
 * Threads:   any. A reading is one question to the kernel, which answers without waiting.
 * Source:    methodology 4 (interface) and 5.1 (cross traffic, h = 1.06). */
#ifndef PLUMBLINE_TRAFFIC_H
#define PLUMBLINE_TRAFFIC_H

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"

struct traffic_interface {
	int index;               /* a replaced interface has another one, even under the same name */
	char name[IF_NAMESIZE];
	uint64_t rx_bytes, tx_bytes;
};

struct traffic {
	struct traffic_interface *items;
	size_t count;
};

/* Fails with ERR_IO. */
int traffic_read(struct traffic *ret_traffic, struct err *err);
void traffic_free(struct traffic *traffic);

/* NULL when there is none. */
const struct traffic_interface *traffic_by_index(const struct traffic *traffic, int index);
const struct traffic_interface *traffic_by_name(const struct traffic *traffic, const char *name);

/* The index of the interface through which packets from one address of this host to peer leave now.
 * Fails with ERR_INPUT for what is no pair of addresses, ERR_NOT_FOUND without a route, ERR_IO. */
int traffic_egress(const char *local_ip, const char *peer_ip, int *ret_index, struct err *err);

struct traffic_cross {
	int64_t rx_bps, tx_bps;  /* JSON_ABSENT when unknown */
};

/* What went over the interface besides a body of so many bytes (5.1). Unknown when either reading is NULL, when they are
 * of different interfaces, when a counter went back, or when no time passed. */
struct traffic_cross traffic_cross(const struct traffic_interface *before, const struct traffic_interface *after,
				   int64_t body_bytes, int64_t duration_us);

#endif
