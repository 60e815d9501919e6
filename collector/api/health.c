#include "collector/api/health.h"

#include "agent/base/json.h"
#include "collector/api/routes.h"
#include "collector/self_check.h"

void health_alive(struct http_request *http)
{
	static const char body[] = "{\"status\":\"alive\"}";

	http_reply_header(http, "Content-Type", "application/json");
	http_reply_header(http, "Cache-Control", "no-store");
	http_reply(http, 200, body, sizeof body - 1);
}

static json_t *describe_self_check(struct self_check *check)
{
	struct self_state state = self_check_state(check);
	json_t *faults = json_array();
	json_t *object;

	for (int i = 0; i < OWN_FAULT_COUNT; i++)
		if (state.faults & 1u << i)
			json_array_append_new(faults, json_string(own_fault_names[i]));
	object = json_pack("{s:o, s:I}", "faults", faults, "listening_ms", (json_int_t)state.listening_ms);
	if (state.looked_ms != JSON_ABSENT)
		json_object_update_new(object, json_pack("{s:b, s:I}", "passed", !state.faults, "at_ms", (json_int_t)state.looked_ms));
	return object;
}

/* Faults that the collector finds in itself keep no report from being taken in: it is ready all the same. */
int ready_read(struct api_call *call, struct txn *txn, struct err *err)
{
	bool exists;

	if (node_exists(txn, "", &exists, err) < 0)   /* any question that the database must answer */
		return -1;
	call->answer = json_pack("{s:s}", "status", "ready");
	if (call->api->options.self_check)
		json_object_set_new(call->answer, "self_check", describe_self_check(call->api->options.self_check));
	return 0;
}
