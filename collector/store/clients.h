/* clients.h - clients, their lines of service, and the topology that the lines hang from.
 * Times: _ms UTC. Texts are UTF-8. Threads: a store thread, inside a job. */
#ifndef PLUMBLINE_CLIENTS_H
#define PLUMBLINE_CLIENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"

struct txn;

#define ID_SIZE   64    /* ids of clients, lines, nodes, agents, tickets */
#define NAME_SIZE 256

struct client {
	char id[ID_SIZE];
	char name[NAME_SIZE];
	char tier[2];             /* "A", "B", "C" */
	bool key;
	char manager[NAME_SIZE];
	char contact_name[NAME_SIZE];
	char contact_phone[NAME_SIZE];
	char contact_email[NAME_SIZE];
};

struct line {
	char id[ID_SIZE];
	char client[ID_SIZE];
	char node[ID_SIZE];
	char address[NAME_SIZE];
	char service_plan[ID_SIZE];
	bool always_on;
	int64_t number;           /* made by the store; the key of measurements */
	int64_t client_number;
};

struct node {
	char id[ID_SIZE];
	char kind[ID_SIZE];
	char name[NAME_SIZE];
};

/* Insert or update by id. line_put fails with ERR_INPUT when the client is unknown, ERR_CONFLICT when the line belongs
 * to another client. */
int client_put(struct txn *txn, const struct client *client, struct err *err);
int line_put(struct txn *txn, const struct line *line, struct err *err);

/* Replaces a node and its parents. */
int node_put(struct txn *txn, const struct node *node, const char *const *parents, size_t parent_count, struct err *err);

/* ERR_NOT_FOUND when there is none. */
int line_get(struct txn *txn, const char *id, struct line *ret_line, struct err *err);
int node_exists(struct txn *txn, const char *id, bool *ret_exists, struct err *err);

/* Revisions tell cheaply which agents are asked for something else than before. A line gets the next one of all lines
 * when it is made, when its service plan changes, and by line_touch. */
int line_touch(struct txn *txn, const struct line *line, struct err *err);

/* The newest revision; 0 without lines. */
int lines_revision(struct txn *txn, int64_t *ret_revision, struct err *err);

/* The numbers of the lines with a revision above since, rising. */
int lines_changed(struct txn *txn, int64_t since, void (*visit)(int64_t number, void *arg), void *arg, struct err *err);

/* Every line, by number: what it is called and what it hangs from. */
int lines_visit(struct txn *txn, void (*visit)(void *arg, int64_t number, const char *id, const char *node), void *arg,
		struct err *err);

struct client_filter {
	const char *text;         /* part of a name or id, any case, any script; NULL: all */
	const char *tier;         /* NULL: any */
	const char *manager;      /* NULL: any */
	const char *cursor;       /* from an earlier page, or NULL */
	int64_t limit;            /* 1 to 500 */
};

/* {"items": [client], "cursor": null or text}: clients by name, each {id, name, tier, key, manager, lines: [{id, node,
 * address, service_plan, always_on, number, agent: id or null}]}. ERR_INPUT when the cursor is none of ours. */
int clients_search(struct txn *txn, const struct client_filter *filter, json_t **ret_page, struct err *err);

/* One client in the shape above with contact_name, contact_phone, contact_email. ERR_NOT_FOUND. */
int client_get(struct txn *txn, const char *id, json_t **ret_client, struct err *err);

/* {"items": [{id, kind, name, parents: [id]}]}, every node by id. */
int topology_get(struct txn *txn, json_t **ret_topology, struct err *err);

#endif
