#include "collector/store/maintenance.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/base/mem.h"
#include "collector/api/input.h"
#include "collector/api/routes.h"
#include "collector/api/waiting.h"
#include "collector/web/zone.h"

#define LIMIT_MAX    500
#define LIMIT_PRESET 50
#define NOTE_SIZE    501
#define ID_BYTES     6
#define LONGEST_MS   (14 * INT64_C(86400000))

/* What was announced, on its way from the read step to the write step. */
struct planning {
	struct maintenance maintenance;
	char note[NOTE_SIZE];
};

static bool may_plan(const struct api_call *call)
{
	return role_may((enum role)call->session.person.role, ACTION_PLAN_WORK);
}

/* The nodes that the page's form offers. */
static int add_nodes(struct api_call *call, struct txn *txn, struct err *err)
{
	json_t *topology;

	json_object_set_new(call->answer, "may_plan", json_boolean(may_plan(call)));
	if (!call->is_page || !may_plan(call))
		return 0;
	if (topology_get(txn, &topology, err) < 0)
		return -1;
	json_object_set(call->answer, "nodes", json_object_get(topology, "items"));
	json_decref(topology);
	return 0;
}

int maintenance_read(struct api_call *call, struct txn *txn, struct err *err)
{
	struct maintenance_filter filter = { .now_ms = call->now.realtime_ms };
	char cursor[1024];

	if (query_text(call, "cursor", cursor, sizeof cursor, &filter.cursor, err) < 0 ||
	    query_integer(call, "limit", 1, LIMIT_MAX, LIMIT_PRESET, &filter.limit, err) < 0 ||
	    maintenance_list(txn, &filter, &call->answer, err) < 0)
		return -1;
	return add_nodes(call, txn, err);
}

/* A program sends the member from_ms, a form the field from, as clocks of the collector's time zone show it. */
static int read_time(struct api_call *call, const char *name, const char *form_name, int64_t *ret_ms, struct err *err)
{
	const json_t *member = json_object_get(call->input, name);
	struct tm local = { 0 };
	const char *end;
	char text[32];

	if (call->input) {
		if (!json_is_integer(member) || json_integer_value(member) < 0)
			return input_fault(call, err, name, "must be a time in Unix milliseconds");
		*ret_ms = json_integer_value(member);
		return 0;
	}
	if (input_text(call, form_name, true, text, sizeof text, err) < 0)
		return -1;
	end = strptime(text, "%Y-%m-%dT%H:%M", &local);
	if (!end || *end)
		return input_fault(call, err, form_name, "must be a time such as 2030-01-31T23:00");
	*ret_ms = zone_to_utc_ms(call->api->zone, (int64_t)timegm(&local) * 1000);
	return 0;
}

/* What began already is an outage, and stays one. */
static int check_times(struct api_call *call, const struct maintenance *maintenance, struct err *err)
{
	if (maintenance->from_ms <= maintenance->announced_ms)
		return input_fault(call, err, "from_ms", "must lie ahead: work is announced before it starts");
	if (maintenance->to_ms <= maintenance->from_ms)
		return input_fault(call, err, "to_ms", "must be later than from_ms");
	if (maintenance->to_ms - maintenance->from_ms > LONGEST_MS)
		return input_fault(call, err, "to_ms", "must be at most 14 days after from_ms");
	return 0;
}

int maintenance_plan_read(struct api_call *call, struct txn *txn, struct err *err)
{
	struct planning *planning = xcalloc(1, sizeof *planning);
	struct maintenance *maintenance = &planning->maintenance;
	bool exists;

	call->state = planning;
	call->free_state = free;
	maintenance->announced_ms = call->now.realtime_ms;
	maintenance->by = call->session.person.name;
	maintenance->note = planning->note;
	text_copy(maintenance->id, sizeof maintenance->id, "m-");
	random_hex(&call->api->options.random, ID_BYTES, maintenance->id + 2);
	if (input_text(call, "node", true, maintenance->node, sizeof maintenance->node, err) < 0 ||
	    input_text(call, "note", false, planning->note, sizeof planning->note, err) < 0 ||
	    read_time(call, "from_ms", "from", &maintenance->from_ms, err) < 0 ||
	    read_time(call, "to_ms", "to", &maintenance->to_ms, err) < 0 || check_times(call, maintenance, err) < 0 ||
	    node_exists(txn, maintenance->node, &exists, err) < 0)
		return -1;
	return exists ? 0 : input_fault(call, err, "node", "there is no node %s", maintenance->node);
}

static void wake(struct api_call *call)
{
	waiting_wake(call->api->waiting);
}

/* The agents below are told at once; the answer is the list as it is now. */
static int show_changed(struct api_call *call, struct txn *txn, struct err *err)
{
	const struct maintenance_filter filter = { .now_ms = call->now.realtime_ms, .limit = LIMIT_PRESET };

	call->committed = wake;
	text_copy(call->location, sizeof call->location, "/maintenance");
	return maintenance_list(txn, &filter, &call->answer, err);
}

int maintenance_plan_write(struct api_call *call, struct txn *txn, struct err *err)
{
	const struct planning *planning = call->state;

	return maintenance_put(txn, &planning->maintenance, err) < 0 ? -1 : show_changed(call, txn, err);
}

int maintenance_end_write(struct api_call *call, struct txn *txn, struct err *err)
{
	if (maintenance_end(txn, call->match.parameters[0], call->now.realtime_ms, err) < 0)
		return -1;
	return show_changed(call, txn, err);
}
