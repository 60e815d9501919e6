/* api.h - how a request becomes an answer: routes as a table, each with up to two steps that run on the store's threads.
 *
 * The loop matches a route (routes.c) and makes a call. The call's read step runs on a reader thread: it finds out who
 * asks, checks what was sent, and for a GET makes the answer. Its write step, where there is one, runs on the writer in
 * the group commit. The answer is JSON for /api/v1 and /agent/v1; for a page the same JSON goes through the page's template.
 * A connection that breaks meanwhile takes nothing with it: the call goes on until its steps are done.
 *
 * Errors:  a step that fails sets err; its code gives the HTTP status, its message the problem's detail (RFC 9457).
 * Threads: steps on store threads; they use nothing but the call, the txn and what is constant in struct api. The rest
 *          on the loop's. */
#ifndef PLUMBLINE_API_H
#define PLUMBLINE_API_H

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/measurement.h"
#include "agent/base/random.h"
#include "collector/collector_keys.h"
#include "collector/http/router.h"
#include "collector/http/server.h"
#include "collector/people/brake.h"
#include "collector/people/passwords.h"
#include "collector/people/roles.h"
#include "collector/store/agents.h"
#include "collector/store/clients.h"
#include "collector/store/people.h"
#include "collector/store/store.h"

struct reference;
struct self_check;
struct waiting;

struct api_options {
	uv_loop_t *loop;
	const struct collector_config *config;
	struct store *store;
	struct reference *reference;    /* serves /reference/…; NULL: there is none */
	struct self_check *self_check;  /* NULL: none is made */
	struct clock clock;
	struct random_source random;    /* fit for keys and tokens, from any thread */
	bool secure;                    /* reached over TLS: cookies say so */
	/* Each measurement that counted, on the loop after its commit; may be NULL. */
	void (*measured)(void *arg, const struct line *line, const struct measurement *measurement);
	void *measured_arg;
};

/* Constant while the collector runs; passwords and brake lock for themselves. */
struct api {
	struct api_options options;
	struct passwords *passwords;
	struct brake *brake;
	struct zone *zone;              /* of people */
	struct waiting *waiting;        /* the loop's */
	size_t calls;                   /* under way; the loop's */
	void (*idle)(void *arg);
	void *idle_arg;
};

int api_new(const struct api_options *options, struct api **ret_api, struct err *err);

/* handle of http_server_options; arg is the struct api. */
void api_handle(void *arg, struct http_request *http);

/* Answers the calls that wait (waiting.h); from now on none does. Before the server stops, or they would hold it up. */
void api_stop_waiting(struct api *api);

/* Calls idle on the loop once no call is under way: at once, or when the last one ends. */
void api_when_idle(struct api *api, void (*idle)(void *arg), void *arg);
void api_free(struct api *api);   /* no call may be under way; accepts NULL */

struct api_call;
typedef int (*api_step)(struct api_call *call, struct txn *txn, struct err *err);

enum api_auth {
	API_ANYONE,
	API_AGENT,      /* signature of an enrolled, not revoked agent */
	API_PERSON,     /* a session (cookie) of a role that the action table allows */
};

struct api_route {
	const char *method, *pattern;
	enum api_auth auth;
	enum action action;      /* for API_PERSON */
	api_step read, write;    /* each may be NULL */
	const char *page;        /* template of the page at this address without /api/v1; NULL: JSON only */
};

/* Request headers that steps may look at. */
enum api_header {
	HEADER_ACCEPT_LANGUAGE, HEADER_CONTENT_DIGEST, HEADER_CONTENT_ENCODING, HEADER_CONTENT_TYPE, HEADER_COOKIE,
	HEADER_CSRF, HEADER_HOST, HEADER_IF_NONE_MATCH, HEADER_ORIGIN, HEADER_SEC_FETCH_SITE, HEADER_SIGNATURE,
	HEADER_SIGNATURE_INPUT, API_HEADER_COUNT
};

#define API_LOCATION_SIZE 1024

/* One request on its way, and its answer. */
struct api_call {
	struct api_call *next_waiting, **waiting_link;   /* waiting.c's; the link is NULL while it does not wait */
	int64_t wait_until_ms;       /* on the loop's clock; 0 before it waits */
	struct api *api;
	const struct api_route *route;
	struct route_match match;
	struct http_request *http;   /* the loop's; NULL once the connection broke: steps use the copies below */
	char *method, *path;
	char *query;                 /* or NULL */
	char *peer;                  /* "192.0.2.1:1234" */
	char *headers[API_HEADER_COUNT];   /* or NULL */
	char *body;
	size_t body_bytes;
	bool is_page;
	struct instant now;
	struct agent agent;          /* API_AGENT */
	struct session session;      /* API_PERSON */
	unsigned char session_hash[SESSION_HASH_BYTES];
	json_t *input;               /* the body when it was a JSON object, else NULL; a form stays in body */
	void *state;                 /* what the read step hands to the write step */
	void (*free_state)(void *state);
	void (*committed)(struct api_call *call);   /* on the loop once the write is durable; set by the write step */
	int64_t wait_ms;             /* the read step's wish: not to be answered yet, but run again when there is a newer */
	int64_t revision;            /* ... revision (clients.h) of the agent's line than this, and for so long */

	bool failed;                 /* reply is a problem */
	int status;                  /* of the answer; 0: 200, or by the error's code */
	json_t *answer;
	json_t *faults;              /* [{field, detail}] for errors[] of the problem */
	char location[API_LOCATION_SIZE];   /* of a redirect: pages only */
	char allow[64];
	char etag[64];
	char cookie[192];            /* of Set-Cookie */
	int64_t retry_after_s;       /* 0: not said */
	struct buf reply;            /* the answer's bytes */
	const char *reply_type;      /* NULL while they are not made */
};

/* For waiting.c: runs a call from its read step again; sends the answer that it has. */
void api_call_repeat(struct api_call *call);
void api_call_end(struct api_call *call);

#endif
