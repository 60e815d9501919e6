#include "collector/api/orders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "collector/api/answer.h"
#include "collector/api/input.h"
#include "collector/api/routes.h"
#include "collector/api/waiting.h"
#include "collector/store/orders.h"

#define ID_BYTES     6
#define LIMIT_MAX    500
#define LIMIT_PRESET 50

/* What was asked for, on its way from the read step to the write step. */
struct placing {
	unsigned legs;
	char next[512];   /* the page to go back to */
};

static unsigned legs_with_files(const struct collector_config *config)
{
	const struct served_file *files = config->reference_files.items;
	unsigned legs = 0;

	for (size_t i = 0; i < config->reference_files.count; i++)
		legs |= 1u << files[i].leg;
	return legs;
}

/* The bit of an order's leg. */
static unsigned leg_of(const json_t *order)
{
	bool is_local = !strcmp(json_string_value(json_object_get(order, "leg")), leg_names[LEG_LOCAL]);

	return 1u << (is_local ? LEG_LOCAL : LEG_HUB);
}

static int put_one(struct api_call *call, struct txn *txn, const struct line *line, enum leg leg, struct err *err)
{
	const struct api_options *options = &call->api->options;
	int64_t now_ms = call->now.realtime_ms;
	struct order order = { .id = "o-", .leg = leg, .placed_ms = now_ms,
			       .expires_ms = now_ms + options->config->order_expires_ms, .by = call->session.person.name };

	random_hex(&options->random, ID_BYTES, order.id + 2);
	return order_put(txn, line, &order, err);
}

int orders_place(struct api_call *call, struct txn *txn, const struct line *line, unsigned legs, struct err *err)
{
	json_t *standing, *order;
	size_t i;

	if (orders_standing(txn, line, call->now.realtime_ms, &standing, err) < 0)
		return -1;
	legs &= legs_with_files(call->api->options.config);
	json_array_foreach(standing, i, order)
		legs &= ~leg_of(order);
	json_decref(standing);
	for (unsigned leg = 0; leg < LEG_COUNT; leg++)
		if (legs & 1u << leg && put_one(call, txn, line, (enum leg)leg, err) < 0)
			return -1;
	return 0;
}

void orders_wake(struct api_call *call)
{
	waiting_wake(call->api->waiting);
}

int orders_show_last(struct api_call *call, struct txn *txn, const struct line *line, int64_t from_ms, json_t *object,
		     struct err *err)
{
	const struct order_filter filter = { .now_ms = call->now.realtime_ms, .from_ms = from_ms, .limit = LEG_COUNT };
	bool may_order = role_may((enum role)call->session.person.role, ACTION_PLACE_ORDERS), has_agent;
	json_t *page;

	if (line_has_agent(txn, line, &has_agent, err) < 0 || orders_list(txn, line, &filter, &page, err) < 0)
		return -1;
	json_object_set(object, "orders", json_object_get(page, "items"));
	json_object_set_new(object, "may_order", json_boolean(may_order && has_agent));
	json_decref(page);
	return 0;
}

int orders_read(struct api_call *call, struct txn *txn, struct err *err)
{
	struct order_filter filter = { .now_ms = call->now.realtime_ms };
	char cursor[1024];
	struct line line;

	if (line_get(txn, call->match.parameters[0], &line, err) < 0 ||
	    query_text(call, "cursor", cursor, sizeof cursor, &filter.cursor, err) < 0 ||
	    query_integer(call, "limit", 1, LIMIT_MAX, LIMIT_PRESET, &filter.limit, err) < 0)
		return -1;
	return orders_list(txn, &line, &filter, &call->answer, err);
}

static int read_legs(struct api_call *call, unsigned *ret_legs, struct err *err)
{
	char leg[16];

	if (input_text(call, "leg", false, leg, sizeof leg, err) < 0)
		return -1;
	if (!leg[0] || !strcmp(leg, "both"))
		*ret_legs = ORDER_BOTH_LEGS;
	else if (!strcmp(leg, leg_names[LEG_LOCAL]))
		*ret_legs = 1u << LEG_LOCAL;
	else if (!strcmp(leg, leg_names[LEG_HUB]))
		*ret_legs = 1u << LEG_HUB;
	else
		return input_fault(call, err, "leg", "must be one of: local, hub, both");
	return 0;
}

int order_place_read(struct api_call *call, struct txn *txn, struct err *err)
{
	struct placing *placing = xcalloc(1, sizeof *placing);

	(void)txn;
	call->state = placing;
	call->free_state = free;
	if (read_legs(call, &placing->legs, err) < 0 ||
	    input_text(call, "next", false, placing->next, sizeof placing->next, err) < 0)
		return -1;
	if (!(placing->legs & legs_with_files(call->api->options.config)))
		return err_set(err, ERR_CONFLICT, "nothing to probe with: the collector has no reference file for that leg");
	return 0;
}

/* The orders that stand now for the legs that were asked for. */
static int show_placed(struct api_call *call, struct txn *txn, const struct line *line, struct err *err)
{
	const struct placing *placing = call->state;
	json_t *standing, *order, *items = json_array();
	size_t i;

	call->answer = json_pack("{s:o, s:n}", "items", items, "cursor");
	if (orders_standing(txn, line, call->now.realtime_ms, &standing, err) < 0)
		return -1;
	json_array_foreach(standing, i, order) {
		if (!(leg_of(order) & placing->legs))
			continue;
		json_object_set_new(order, "state", json_string("placed"));
		json_array_append(items, order);
	}
	json_decref(standing);
	return 0;
}

int order_place_write(struct api_call *call, struct txn *txn, struct err *err)
{
	const struct placing *placing = call->state;
	struct line line;
	bool has_agent;

	if (line_get(txn, call->match.parameters[0], &line, err) < 0 || line_has_agent(txn, &line, &has_agent, err) < 0)
		return -1;
	if (!has_agent)
		return err_set(err, ERR_CONFLICT, "line %s: has no agent that could probe it", line.id);
	if (orders_place(call, txn, &line, placing->legs, err) < 0 || show_placed(call, txn, &line, err) < 0)
		return -1;
	call->committed = orders_wake;
	if (answer_is_local_path(placing->next))
		text_copy(call->location, sizeof call->location, placing->next);
	else
		snprintf(call->location, sizeof call->location, "/lines/%s/history", line.id);
	return 0;
}
