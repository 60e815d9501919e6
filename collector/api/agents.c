#include <string.h>

#include "collector/api/input.h"
#include "collector/api/routes.h"
#include "collector/derive/contact.h"

#define LIMIT_MAX    500
#define LIMIT_PRESET 100

/* Not heard for longer than the one and not longer than the other. */
static void set_contact(struct agent_filter *filter, const char *name, const struct silence_rule *rule, int64_t now_ms)
{
	int64_t late_ms = rule->late_reports * rule->report_ms;
	int64_t silent_ms = rule->silent_reports * rule->report_ms + rule->silent_extra_ms;
	bool is_fresh = !strcmp(name, contact_names[CONTACT_FRESH]), is_silent = !strcmp(name, contact_names[CONTACT_SILENT]);

	filter->heard_from_ms = is_silent ? 0 : now_ms - (is_fresh ? late_ms : silent_ms);
	filter->heard_before_ms = is_fresh ? INT64_MAX : now_ms - (is_silent ? silent_ms : late_ms);
}

int agents_read(struct api_call *call, struct txn *txn, struct err *err)
{
	const struct silence_rule *rule = &call->api->options.config->silence;
	struct agent_filter filter = { 0 };
	const char *contact;
	char cursor[1024];
	json_t *agent;
	size_t i;

	if (query_choice(call, "contact", contact_names, &contact, err) < 0 ||
	    query_text(call, "cursor", cursor, sizeof cursor, &filter.cursor, err) < 0 ||
	    query_integer(call, "limit", 1, LIMIT_MAX, LIMIT_PRESET, &filter.limit, err) < 0)
		return -1;
	if (contact)
		set_contact(&filter, contact, rule, call->now.realtime_ms);
	if (agents_list(txn, &filter, &call->answer, err) < 0)
		return -1;
	json_array_foreach(json_object_get(call->answer, "items"), i, agent)
		contact_describe(agent, rule, call->now.realtime_ms);
	return 0;
}
