/* maintenance.h - planned work on a node, announced before it starts: what hangs from that node is measured meanwhile and
 * not judged.
 * Times:   _ms UTC. Threads: a store thread, inside a job.
 * Source:  methodology 9.4 (M), 11.3 D5; contract 4. */
#ifndef PLUMBLINE_MAINTENANCE_H
#define PLUMBLINE_MAINTENANCE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "collector/store/clients.h"

struct txn;

struct maintenance {
	char id[ID_SIZE];
	char node[ID_SIZE];
	int64_t announced_ms;
	int64_t from_ms, to_ms;   /* from <= t < to */
	const char *by;           /* a person's name */
	const char *note;         /* what is done, for people; or "" */
};

/* Fails with ERR_INPUT when the node is unknown. Every line below the node gets its next revision, here and in
 * maintenance_end: their agents are told. */
int maintenance_put(struct txn *txn, const struct maintenance *maintenance, struct err *err);

/* Ends it at now_ms; one that has not begun is called off. ERR_NOT_FOUND; ERR_CONFLICT when it is over. */
int maintenance_end(struct txn *txn, const char *id, int64_t now_ms, struct err *err);

extern const char *const maintenance_state_names[];   /* "planned", "running", "over", "called-off", NULL */

struct maintenance_filter {
	int64_t now_ms;
	const char *cursor;       /* from an earlier page, or NULL */
	int64_t limit;            /* 1 to 500 */
};

/* {"items": [{id, node, node_name, announced_ms, from_ms, to_ms, by, note, lines, state}], "cursor"}: the one that begins last comes first. lines: how many hang from the node. */
int maintenance_list(struct txn *txn, const struct maintenance_filter *filter, json_t **ret_page, struct err *err);

/* [{from_ms, to_ms}] of the nodes above the line that end after after_ms, by from_ms: as an instruction and the rules want
 * them. Work called off is not among them. */
int maintenance_of_line(struct txn *txn, const struct line *line, int64_t after_ms, json_t **ret_windows, struct err *err);

/* The nodes that are worked on at a time. */
int maintenance_nodes_at(struct txn *txn, int64_t at_ms, void (*visit)(void *arg, const char *node), void *arg, struct err *err);

/* The numbers of the lines below a node, rising. */
int lines_below(struct txn *txn, const char *node, void (*visit)(void *arg, int64_t line_number), void *arg, struct err *err);

#endif
