/* connection.h - one client's connection: bytes in, one request at a time to the handler, its answer out.
 *
 * A connection goes IDLE -> HEAD -> BODY -> OWNED -> ANSWERING and back to IDLE. Bytes that come while a request is
 * owned or answered wait, and reading pauses. After the last answer it is LINGERING: our side is shut, and what still
 * comes is thrown away until the peer closes too, because closing over unread bytes would reset the answer away.
 * It can break in each of these; close_now is the one way out.
 *
 * Ownership: a connection frees itself once its handle is closed.   Threads: the loop's. */
#ifndef PLUMBLINE_HTTP_CONNECTION_H
#define PLUMBLINE_HTTP_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "agent/base/buf.h"
#include "collector/http/server.h"

struct connection;

/* What the connections of one server share. */
struct connection_group {
	struct http_server_options options;
	struct connection *first;
	int64_t count;
	bool draining;                /* no request after the one at hand */
	char *received;               /* what one read brings, of any connection */
	struct buf plain;             /* the same, decrypted */
	void (*one_ended)(void *arg); /* a connection is gone from the list */
	void *arg;
};

/* Allocates what group shares; the caller filled in the rest. */
void connection_group_init(struct connection_group *group);
void connection_group_close(struct connection_group *group);   /* when count is 0 */

/* Takes the next client from the listener and begins to read. */
void connection_accept(struct connection_group *group, uv_stream_t *listener);

/* Ends what took longer than the options allow and, while draining, what is idle; with all, every connection. */
void connection_group_sweep(struct connection_group *group, bool all);

#endif
