/* orders.h - orders: probes that somebody asked for, each answered by the measurement that carries its id.
 * An order stands until it is answered or has expired. Its answer counts also when it arrives later.
 * Times: _ms UTC. Threads: a store thread, inside a job. */
#ifndef PLUMBLINE_ORDERS_H
#define PLUMBLINE_ORDERS_H

#include <jansson.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/measurement.h"
#include "collector/store/clients.h"

struct txn;

struct order {
	char id[ID_SIZE];
	enum leg leg;
	int64_t placed_ms, expires_ms;
	const char *by;           /* a person's name */
};

/* Gives the line its next revision too, as order_answer does. */
int order_put(struct txn *txn, const struct line *line, const struct order *order, struct err *err);

/* Notes the stored measurement m as the answer to the order that it names. The first answer stays; an order that is
 * none of this line and leg is passed over. */
int order_answer(struct txn *txn, const struct line *line, int64_t spool, int64_t seq, const struct measurement *m,
		 struct err *err);

/* [{id, leg, placed_ms, expires_ms}]: those that stand, as an instruction names them; oldest first. */
int orders_standing(struct txn *txn, const struct line *line, int64_t now_ms, json_t **ret_orders, struct err *err);

struct order_filter {
	int64_t now_ms;
	int64_t from_ms;          /* placed then or later */
	const char *cursor;       /* from an earlier page, or NULL */
	int64_t limit;            /* 1 to 500 */
};

/* {"items": [{id, leg, placed_ms, expires_ms, by, state: "placed", "answered" or "expired", answer?: the measurement}],
 * "cursor"}, newest first. */
int orders_list(struct txn *txn, const struct line *line, const struct order_filter *filter, json_t **ret_page,
		struct err *err);

#endif
