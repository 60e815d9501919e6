/* orders.h - having a line probed now: placing orders, and showing how they went.
 * Threads: a store thread, inside a step. */
#ifndef PLUMBLINE_API_ORDERS_H
#define PLUMBLINE_API_ORDERS_H

#include "collector/api/api.h"

/* A set of legs: bits 1 << leg. */
#define ORDER_BOTH_LEGS (1u << LEG_LOCAL | 1u << LEG_HUB)

/* Places an order for each of these legs that has a reference file, unless one stands already. For a write step, which
 * wakes waiting agents once it is committed (orders_wake as call->committed). */
int orders_place(struct api_call *call, struct txn *txn, const struct line *line, unsigned legs, struct err *err);
void orders_wake(struct api_call *call);

/* The orders placed last, at from_ms or later and as many as there are legs, as "orders" of object; in "may_order" whether
 * this person may place one and there is an agent to answer it. */
int orders_show_last(struct api_call *call, struct txn *txn, const struct line *line, int64_t from_ms, json_t *object,
		     struct err *err);

#endif
