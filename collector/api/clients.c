#include <string.h>

#include "collector/api/input.h"
#include "collector/api/lines.h"
#include "collector/api/orders.h"
#include "collector/api/outages.h"
#include "collector/api/routes.h"
#include "collector/derive/outages.h"
#include "collector/store/measurements.h"
#include "collector/store/tickets.h"

#define LIMIT_MAX     500
#define LIMIT_PRESET  50
#define SCAN_MAX      2000   /* clients looked at for one page, when few of them have the quality asked for */
#define DAY_MS        INT64_C(86400000)
#define RECENT_POINTS 200
#define LONG_MS       (90 * DAY_MS)
#define TICKETS_MAX   100

static const char *const quality_names[] = { "good", "bad", "unmeasured", NULL };
static const char *const tier_names[] = { "A", "B", "C", NULL };

static const char *good_of(const json_t *quality)
{
	return json_string_value(json_object_get(quality, "good"));
}

/* Bad outweighs unmeasured, which outweighs good: V3 for a client of several lines. */
static int weight_of(const char *good)
{
	return !strcmp(good, "bad") ? 2 : !strcmp(good, "unmeasured");
}

/* The client's quality is that of its worst line; without a line it is unmeasured. */
static void set_client_quality(json_t *client)
{
	const json_t *line;
	json_t *worst = NULL;
	size_t i;

	json_array_foreach(json_object_get(client, "lines"), i, line) {
		json_t *quality = json_object_get(line, "quality");

		if (!worst || weight_of(good_of(quality)) > weight_of(good_of(worst)))
			worst = quality;
	}
	if (worst)
		json_object_set(client, "quality", worst);
	else
		json_object_set_new(client, "quality", json_pack("{s:s, s:{s:s, s:s}, s:s, s:s, s:n}", "good", "unmeasured",
			"fast", "local", "unmeasured", "hub", "unmeasured", "reliable", "unmeasured", "reason", "no line",
			"coverage"));
}

static int add_quality(struct api_call *call, struct txn *txn, json_t *client, struct err *err)
{
	json_t *line;
	size_t i;

	json_array_foreach(json_object_get(client, "lines"), i, line)
		if (line_add_quality(call, txn, line, err) < 0)
			return -1;
	set_client_quality(client);
	return 0;
}

/* Adds the items of one page from the store that have the wanted quality (NULL: any) to items. */
static int take_page(struct api_call *call, struct txn *txn, const json_t *page, const char *quality, json_t *items,
		     struct err *err)
{
	json_t *client;
	size_t i;

	json_array_foreach(json_object_get(page, "items"), i, client) {
		if (add_quality(call, txn, client, err) < 0)
			return -1;
		if (!quality || !strcmp(good_of(json_object_get(client, "quality")), quality))
			json_array_append(items, client);
	}
	return 0;
}

/* Reads on until limit items are there: never more than are missing, so that the store's cursor stays right. */
static int search(struct api_call *call, struct txn *txn, struct client_filter filter, const char *quality, struct err *err)
{
	int64_t limit = filter.limit;
	json_t *items = json_array();
	json_t *page = NULL;
	size_t scanned = 0;
	int rc = -1;

	do {
		json_t *previous = page;

		filter.limit = limit - (int64_t)json_array_size(items);
		page = NULL;
		rc = clients_search(txn, &filter, &page, err);
		json_decref(previous);   /* filter.cursor pointed into it */
		if (rc < 0 || (rc = take_page(call, txn, page, quality, items, err)) < 0)
			goto out;
		scanned += json_array_size(json_object_get(page, "items"));
		filter.cursor = json_string_value(json_object_get(page, "cursor"));
	} while (filter.cursor && (int64_t)json_array_size(items) < limit && scanned < SCAN_MAX);
	call->answer = json_pack("{s:O, s:s?}", "items", items, "cursor", filter.cursor);
out:
	json_decref(page);
	json_decref(items);
	return rc;
}

int clients_read(struct api_call *call, struct txn *txn, struct err *err)
{
	char text[NAME_SIZE], manager[NAME_SIZE], cursor[1024];
	struct client_filter filter = { 0 };
	const char *quality;

	if (query_text(call, "q", text, sizeof text, &filter.text, err) < 0 ||
	    query_choice(call, "tier", tier_names, &filter.tier, err) < 0 ||
	    query_text(call, "manager", manager, sizeof manager, &filter.manager, err) < 0 ||
	    query_text(call, "cursor", cursor, sizeof cursor, &filter.cursor, err) < 0 ||
	    query_choice(call, "quality", quality_names, &quality, err) < 0 ||
	    query_integer(call, "limit", 1, LIMIT_MAX, LIMIT_PRESET, &filter.limit, err) < 0)
		return -1;
	return search(call, txn, filter, quality, err);
}

/* The outages of a line's last 30 days; its figures are added to those of the client's other lines. */
static int add_outages(struct api_call *call, struct txn *txn, const struct line *stored, json_t *line,
		       struct stretch *whole, struct availability *sum, struct err *err)
{
	struct availability availability;
	struct stretch period;
	json_t *outages;

	if (outages_last_period(txn, call->api->options.config, stored, call->now.realtime_ms, &period, err) < 0 ||
	    outages_show(call, txn, stored, &period, &outages, &availability, err) < 0)
		return -1;
	json_object_set_new(line, "outages", outages);
	availability_add(sum, &availability);
	if (period.from_ms < whole->from_ms)
		whole->from_ms = period.from_ms;
	if (period.to_ms > whole->to_ms)
		whole->to_ms = period.to_ms;
	return 0;
}

static int add_recent(struct api_call *call, struct txn *txn, json_t *line, struct stretch *whole, struct availability *sum,
		      struct err *err)
{
	int64_t now_ms = call->now.realtime_ms;
	struct line stored;
	json_t *recent, *days;

	if (line_get(txn, json_string_value(json_object_get(line, "id")), &stored, err) < 0 ||
	    measurements_series(txn, &stored, now_ms - DAY_MS, now_ms, RECENT_POINTS, &recent, err) < 0)
		return -1;
	if (add_outages(call, txn, &stored, line, whole, sum, err) < 0) {
		json_decref(recent);
		return -1;
	}
	json_object_set_new(line, "recent", recent);
	if (measurements_overview(txn, &stored, now_ms - LONG_MS, now_ms, RECENT_POINTS, &days, err) < 0)
		return -1;
	json_object_set_new(line, "days", days);
	json_object_set_new(line, "thresholds", line_thresholds(call->api->options.config, &stored));
	return orders_show_last(call, txn, &stored, 0, line, err);
}

static int add_dossier(struct api_call *call, struct txn *txn, const char *id, struct err *err)
{
	const struct ticket_filter filter = { .client = id, .limit = TICKETS_MAX };
	struct stretch whole = { INT64_MAX, INT64_MIN };
	struct availability sum = { 0 };
	json_t *line, *tickets;
	size_t i;

	if (add_quality(call, txn, call->answer, err) < 0)
		return -1;
	json_array_foreach(json_object_get(call->answer, "lines"), i, line)
		if (add_recent(call, txn, line, &whole, &sum, err) < 0)
			return -1;
	if (sum.period_ms > 0)
		json_object_set_new(call->answer, "availability",
				    availability_to_json(&call->api->options.config->outages, &sum, &whole));
	if (tickets_list(txn, &filter, &tickets, err) < 0)
		return -1;
	json_object_set_new(call->answer, "tickets", tickets);
	return 0;
}

int client_read(struct api_call *call, struct txn *txn, struct err *err)
{
	const char *id = call->match.parameters[0];

	if (client_get(txn, id, &call->answer, err) < 0)
		return -1;
	return add_dossier(call, txn, id, err);
}
