#include "agent/base/clock.h"
#include "collector/commands/command.h"
#include "collector/store/agents.h"

static int list_job(struct txn *txn, void *arg, struct err *err)
{
	return agents_list(txn, arg, err);
}

int command_agent_list(const void *parsed, int argument_count, char **arguments)
{
	static const char *const columns[] = { "id", "line", "host", "version", "enrolled_ms", "last_report_ms", "revoked_ms",
					       "copied_ms", NULL };
	const struct command_options *options = parsed;
	json_t *agents = NULL;
	int code = command_read(options, "agent list", list_job, &agents);

	(void)argument_count;
	(void)arguments;
	if (code == 0 && options->json)
		command_print_json(agents);
	else if (code == 0)
		command_print_table(json_object_get(agents, "items"), columns);
	json_decref(agents);
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
