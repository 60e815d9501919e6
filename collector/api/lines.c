#include "collector/api/lines.h"

#include <string.h>

#include "collector/api/input.h"
#include "collector/api/orders.h"
#include "collector/api/routes.h"
#include "collector/derive/quality.h"
#include "collector/store/measurements.h"

#define DAY_MS        INT64_C(86400000)
#define TIME_MS_MAX   INT64_C(32503680000000)   /* the year 3000 */
#define POINTS_MAX    5000
#define POINTS_PRESET 500
#define OVERVIEW_MS   (14 * DAY_MS)   /* a page shows so long a time by the day */

int line_add_quality(struct api_call *call, struct txn *txn, json_t *line, struct err *err)
{
	bool has_agent = json_is_string(json_object_get(line, "agent"));
	struct line stored;
	json_t *quality;

	if (line_get(txn, json_string_value(json_object_get(line, "id")), &stored, err) < 0 ||
	    quality_of_line(txn, call->api->options.config, &stored, has_agent, call->now.realtime_ms, &quality, err) < 0)
		return -1;
	json_object_set_new(line, "quality", quality);
	return 0;
}

static json_t *threshold(int64_t bps)
{
	return bps > 0 ? json_integer(bps) : json_null();
}

json_t *line_thresholds(const struct collector_config *config, const struct line *line)
{
	const struct service_plan *plan = collector_config_find_plan(config, line->service_plan);

	return json_pack("{s:o, s:o}", "local_bps", threshold(plan ? plan->local_min_bps : 0), "hub_bps",
			 threshold(plan ? plan->hub_min_bps : 0));
}

/* The measurements of the asked stretch of time (preset_ms up to now) as {items, cursor, from_ms, to_ms}. For a page of a long
 * one, days. */
static int read_series(struct api_call *call, struct txn *txn, const struct line *line, int64_t preset_ms, bool for_page,
		       struct err *err)
{
	int64_t now_ms = call->now.realtime_ms;
	int64_t from_ms, to_ms, points;

	if (query_integer(call, "to_ms", 0, TIME_MS_MAX, now_ms, &to_ms, err) < 0 ||
	    query_integer(call, "from_ms", 0, TIME_MS_MAX, to_ms - preset_ms, &from_ms, err) < 0 ||
	    query_integer(call, "points", 1, POINTS_MAX, POINTS_PRESET, &points, err) < 0)
		return -1;
	if (from_ms > to_ms)
		return input_fault(call, err, "from_ms", "must not be later than to_ms");
	if ((for_page && to_ms - from_ms >= OVERVIEW_MS ? measurements_overview : measurements_series)(
		    txn, line, from_ms, to_ms, points, &call->answer, err) < 0)
		return -1;
	json_object_set_new(call->answer, "cursor", json_null());
	json_object_set_new(call->answer, "from_ms", json_integer(from_ms));
	json_object_set_new(call->answer, "to_ms", json_integer(to_ms));
	return 0;
}

int measurements_read(struct api_call *call, struct txn *txn, struct err *err)
{
	struct line line;

	if (line_get(txn, call->match.parameters[0], &line, err) < 0)
		return -1;
	return read_series(call, txn, &line, DAY_MS, false, err);
}

int history_read(struct api_call *call, struct txn *txn, struct err *err)
{
	struct line line;
	json_t *client;

	if (line_get(txn, call->match.parameters[0], &line, err) < 0 || read_series(call, txn, &line, 30 * DAY_MS, true, err) < 0 ||
	    client_get(txn, line.client, &client, err) < 0)
		return -1;
	json_object_set_new(call->answer, "line", json_pack("{s:s, s:s, s:O, s:s, s:s, s:s, s:o}", "id", line.id, "client",
		line.client, "client_name", json_object_get(client, "name"), "node", line.node, "address", line.address,
		"service_plan", line.service_plan, "thresholds", line_thresholds(call->api->options.config, &line)));
	json_decref(client);
	return orders_show_last(call, txn, &line, 0, json_object_get(call->answer, "line"), err);
}
