/* echo.h - does this address answer, and how fast? Many echoes at once, none of which blocks.
 *
 * ICMP goes through a datagram socket, one a family, where net.ipv4.ping_group_range allows it; elsewhere a TCP connection
 * is tried, and a refusal is an answer too. An answer after the time-out is late, not lost: an echo goes on listening.
 *
 *   sent -> ANSWERED                     within the time-out
 *   sent -> OVERDUE -> LATE or LOST      after it; OVERDUE at once when it could not be sent or was turned back
 *
 * Units:     _ms, _us of boottime.       Source:  methodology 8, L1.
 * Ownership: an echo belongs to its echoer and is gone after ANSWERED, LATE or LOST.
 * Threads:   the loop's. */
#ifndef PLUMBLINE_ECHO_H
#define PLUMBLINE_ECHO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "agent/base/clock.h"
#include "agent/base/random.h"

#define ECHO_PAYLOAD_BYTES 64

enum echo_way { ECHO_ICMP, ECHO_TCP };
extern const char *const echo_way_names[];   /* "icmp", "tcp", NULL */

enum echo_outcome { ECHO_ANSWERED, ECHO_OVERDUE, ECHO_LATE, ECHO_LOST };

struct echo_result {
	enum echo_outcome outcome;
	enum echo_way way;
	int64_t sent_us;
	int64_t delay_us;          /* of ANSWERED and LATE */
};

struct echo_options {
	uv_loop_t *loop;
	struct clock clock;
	struct random_source random;
	const char *interface;     /* bind to it, or NULL */
	int64_t timeout_ms;        /* L1: 3 s */
	int64_t late_ms;           /* how much longer it listens */
};

struct echoer;

struct echoer *echoer_open(const struct echo_options *options);

/* Whether ICMP is possible for AF_INET or AF_INET6. */
bool echoer_has_icmp(const struct echoer *echoer, int family);

/* Sends one to an AF_INET or AF_INET6 address; its port is the one TCP tries. ICMP becomes TCP where it is not possible.
 * done comes once or twice, from the loop, never from within this call; it may send echoes, not close the echoer. */
void echo_send(struct echoer *echoer, const struct sockaddr_storage *to, enum echo_way way,
	       void (*done)(void *arg, const struct echo_result *result), void *arg);

/* Echoes under way end without a word. Everything is released when the loop has run; accepts NULL. */
void echoer_close(struct echoer *echoer);

#endif
