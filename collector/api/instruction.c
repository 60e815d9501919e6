#include "collector/api/instruction.h"

#include <curl/curl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/api/input.h"
#include "collector/api/routes.h"
#include "collector/store/maintenance.h"
#include "collector/store/orders.h"

#define VERSION 1
#define WAIT_MAX_S 600
#define WINDOWS_MAX 64   /* of maintenance that an agent takes: the next ones */
#define PLANLESS_INTERVAL_MS INT64_C(900000)        /* P1: a probe each 15 min */
#define PLANLESS_BUDGET_BYTES INT64_C(20000000000)

static json_t *make_leg(int64_t threshold_bps, int layer)
{
	json_t *leg = json_pack("{s:s}", "layer", layer_names[layer]);

	if (threshold_bps > 0)
		json_object_set_new(leg, "threshold_bps", json_integer(threshold_bps));
	return leg;
}

static json_t *make_files(const struct collector_config *config)
{
	const struct served_file *files = config->reference_files.items;
	json_t *array = json_array();

	for (size_t i = 0; i < config->reference_files.count; i++) {
		const struct served_file *file = &files[i];
		json_t *item = json_pack("{s:s, s:s, s:s, s:s*}", "name", file->name, "leg", leg_names[file->leg], "url",
					 file->url, "sha256", file->sha256);

		if (file->size_bytes > 0)
			json_object_set_new(item, "bytes", json_integer(file->size_bytes));
		if (file->nonce_required)
			json_object_set_new(item, "nonce", json_string("required"));
		json_array_append_new(array, item);
	}
	return array;
}

json_t *instruction_make(const struct collector_config *config, const struct line *line, json_t *maintenance,
			 json_t *orders)
{
	const struct service_plan *plan = collector_config_find_plan(config, line->service_plan);
	int64_t interval_ms = plan ? plan->interval_ms : PLANLESS_INTERVAL_MS;
	int64_t budget_bytes = plan ? plan->budget_bytes : PLANLESS_BUDGET_BYTES;

	return json_pack("{s:i, s:s, s:{s:o, s:o}, s:o, s:{s:I, s:I}, s:I, s:o, s:o}",
			 "version", VERSION, "line", line->id,
			 "legs", leg_names[LEG_LOCAL], make_leg(plan ? plan->local_min_bps : 0, plan ? plan->layer : 0),
			 leg_names[LEG_HUB], make_leg(plan ? plan->hub_min_bps : 0, plan ? plan->layer : 0),
			 "reference_files", make_files(config),
			 "schedule", "interval_s", (json_int_t)(interval_ms / 1000), "report_s",
			 (json_int_t)(config->report_ms / 1000),
			 "budget_bytes_per_month", (json_int_t)budget_bytes, "maintenance", maintenance, "orders", orders);
}

int instruction_of_line(struct txn *txn, const struct collector_config *config, const struct line *line, int64_t now_ms,
			json_t **ret_instruction, struct err *err)
{
	json_t *orders, *maintenance;

	if (orders_standing(txn, line, now_ms, &orders, err) < 0)
		return -1;
	if (maintenance_of_line(txn, line, now_ms, &maintenance, err) < 0) {
		json_decref(orders);
		return -1;
	}
	while (json_array_size(maintenance) > WINDOWS_MAX)
		json_array_remove(maintenance, WINDOWS_MAX);
	*ret_instruction = instruction_make(config, line, maintenance, orders);
	return 0;
}

void instruction_etag(const json_t *instruction, char ret_etag[INSTRUCTION_ETAG_SIZE])
{
	char *text = json_dumps(instruction, JSON_COMPACT | JSON_SORT_KEYS);
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[33];

	crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
	sodium_bin2hex(hex, sizeof hex, hash, 16);
	snprintf(ret_etag, INSTRUCTION_ETAG_SIZE, "\"%s\"", hex);
	free(text);
}

static void add_host(json_t *hosts, const char *host)
{
	const json_t *known;
	size_t i;

	json_array_foreach(hosts, i, known)
		if (!strcmp(json_string_value(known), host))
			return;
	json_array_append_new(hosts, json_string(host));
}

json_t *instruction_targets(const struct collector_config *config)
{
	const struct served_file *files = config->reference_files.items;
	json_t *hosts = json_array();

	for (size_t i = 0; i < config->reference_files.count; i++) {
		CURLU *url = curl_url();
		char *host = NULL;

		if (!curl_url_set(url, CURLUPART_URL, files[i].url, 0) && !curl_url_get(url, CURLUPART_HOST, &host, 0))
			add_host(hosts, host);
		curl_free(host);
		curl_url_cleanup(url);
	}
	return hosts;
}

int instruction_read(struct api_call *call, struct txn *txn, struct err *err)
{
	const char *known = call->headers[HEADER_IF_NONE_MATCH];
	struct line line;
	int64_t wait_s;

	if (query_integer(call, "wait", 0, WAIT_MAX_S, 0, &wait_s, err) < 0 || line_get(txn, call->agent.line, &line, err) < 0 ||
	    instruction_of_line(txn, call->api->options.config, &line, call->now.realtime_ms, &call->answer, err) < 0)
		return -1;
	instruction_etag(call->answer, call->etag);
	if (!known || strcmp(known, call->etag))
		return 0;
	json_decref(call->answer);
	call->answer = NULL;
	call->status = 304;
	call->wait_ms = wait_s * 1000;
	return lines_revision(txn, &call->revision, err);
}
