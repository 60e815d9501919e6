#include <stdio.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/random.h"
#include "agent/base/units.h"
#include "collector/api/auth.h"
#include "collector/commands/command.h"
#include "collector/store/agents.h"

#define TOKEN_BYTES 32
#define TTL_PRESET  "7d"

struct new_token {
	const char *line;
	char text[2 * TOKEN_BYTES + 1];
	int64_t created_ms, expires_ms;
};

static int put_job(struct txn *txn, void *arg, struct err *err)
{
	const struct new_token *token = arg;
	unsigned char hash[TOKEN_HASH_BYTES];
	struct line line;

	if (line_get(txn, token->line, &line, err) < 0)
		return err->code == ERR_NOT_FOUND ?
			err_set(err, ERR_NOT_FOUND, "line %s: unknown, take it in with import clients", token->line) : -1;
	auth_hash_token(token->text, hash);
	return token_put(txn, hash, line.id, token->created_ms, token->expires_ms, err);
}

static int make(const struct command_options *options, struct new_token *ret_token, struct err *err)
{
	const struct random_source random = random_system();
	const struct clock clock = clock_system();
	int64_t ttl_ms;

	if (!options->line)
		return err_set(err, ERR_USAGE, "--line LINE is missing");
	if (units_parse_duration(options->ttl ? options->ttl : TTL_PRESET, &ttl_ms, err) < 0) {
		err->code = ERR_USAGE;
		return err_wrap(err, "--ttl");
	}
	ret_token->line = options->line;
	ret_token->created_ms = clock_now(&clock).realtime_ms;
	ret_token->expires_ms = ret_token->created_ms + ttl_ms;
	random_hex(&random, TOKEN_BYTES, ret_token->text);
	return 0;
}

int command_token_new(const void *parsed, int argument_count, char **arguments)
{
	const struct command_options *options = parsed;
	struct new_token token = { 0 };
	struct err err;
	json_t *said;
	int code;

	(void)argument_count;
	(void)arguments;
	if (make(options, &token, &err) < 0)
		return command_fail("token new", &err);
	code = command_write(options, "token new", put_job, &token);
	if (code != 0)
		return code;
	if (options->json) {
		said = json_pack("{s:s, s:s, s:I}", "token", token.text, "line", token.line, "expires_ms",
				 (json_int_t)token.expires_ms);
		command_print_json(said);
		json_decref(said);
	} else {
		puts(token.text);
	}
	return 0;
}
