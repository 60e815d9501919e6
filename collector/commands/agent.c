#include "agent/base/clock.h"
#include "collector/commands/command.h"
#include "collector/derive/contact.h"
#include "collector/store/agents.h"

static int list_job(struct txn *txn, void *arg, struct err *err)
{
	const struct agent_filter all = { .limit = 0 };

	return agents_list(txn, &all, arg, err);
}

static int list(const struct collector_config *config, json_t **ret_agents, struct err *err)
{
	const struct clock clock = clock_system();
	json_t *agent;
	size_t i;

	if (command_read_job(config, list_job, ret_agents, err) < 0)
		return -1;
	json_object_del(*ret_agents, "cursor");
	json_array_foreach(json_object_get(*ret_agents, "items"), i, agent)
		contact_describe(agent, &config->silence, clock_now(&clock).realtime_ms);
	return 0;
}

int command_agent_list(const void *parsed, int argument_count, char **arguments)
{
	static const char *const columns[] = { "id", "line", "host", "version", "contact", "contact_since_ms", "enrolled_ms",
					       "last_report_ms", "revoked_ms", "copied_ms", NULL };
	const struct command_options *options = parsed;
	struct collector_config config = { 0 };
	json_t *agents = NULL;
	struct err err;
	int code = command_read_config(options, &config);

	(void)argument_count;
	(void)arguments;
	if (code != 0)
		return code;
	if (list(&config, &agents, &err) < 0)
		code = command_fail("agent list", &err);
	else if (options->json)
		command_print_json(agents);
	else
		command_print_table(json_object_get(agents, "items"), columns);
	json_decref(agents);
	collector_config_free(&config);
	return code;
}

static int revoke_job(struct txn *txn, void *arg, struct err *err)
{
	const struct clock clock = clock_system();

	return agent_revoke(txn, arg, clock_now(&clock).realtime_ms, err);
}

int command_agent_revoke(const void *parsed, int argument_count, char **arguments)
{
	(void)argument_count;
	return command_write(parsed, "agent revoke", revoke_job, arguments[0]);
}
