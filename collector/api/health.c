#include "collector/api/health.h"

#include "collector/api/routes.h"

void health_alive(struct http_request *http)
{
	static const char body[] = "{\"status\":\"alive\"}";

	http_reply_header(http, "Content-Type", "application/json");
	http_reply_header(http, "Cache-Control", "no-store");
	http_reply(http, 200, body, sizeof body - 1);
}

int ready_read(struct api_call *call, struct txn *txn, struct err *err)
{
	bool exists;

	if (node_exists(txn, "", &exists, err) < 0)   /* any question that the database must answer */
		return -1;
	call->answer = json_pack("{s:s}", "status", "ready");
	return 0;
}
