#include "agent/enroll.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/file.h"
#include "agent/base/random.h"
#include "agent/command.h"
#include "agent/uplink/identity.h"
#include "agent/state_dir.h"

#define TOKEN_BYTES_MAX 1024

const struct option_row enroll_option_rows[] = {
	COMMAND_CONFIG_ROW(struct enroll_options),
	{ .name = "collector", .type = OPTION_TEXT, .offset = offsetof(struct enroll_options, collector),
	  .value_name = "URL", .help = "the collector; https, or http on loopback" },
	{ .name = "token", .type = OPTION_TEXT, .offset = offsetof(struct enroll_options, token), .value_name = "T",
	  .help = "the join token" },
	{ .name = "token-file", .type = OPTION_TEXT, .offset = offsetof(struct enroll_options, token_file),
	  .value_name = "FILE", .help = "a file with the join token" },
	COMMAND_JSON_ROW(struct enroll_options),
	{ .name = NULL },
};

/* The first word: what surrounds it came with the file. */
static int read_token(const struct enroll_options *options, struct buf *ret_token, struct err *err)
{
	char *text;

	if (options->token)
		buf_append_text(ret_token, options->token);
	else if (file_read(options->token_file, TOKEN_BYTES_MAX, ret_token, err) < 0)
		return -1;
	text = buf_take(ret_token);
	buf_append(ret_token, text + strspn(text, " \t\r\n"), strcspn(text + strspn(text, " \t\r\n"), " \t\r\n"));
	free(text);
	if (!ret_token->length_bytes)
		return err_set(err, ERR_USAGE, "enroll: the token is empty");
	return 0;
}

static void print(const struct enroll_options *options, const struct identity *identity)
{
	json_t *targets;
	char *text;

	if (!options->json) {
		printf("enrolled as %s for line %s\nprobes may go to:", identity->agent, identity->line);
		for (size_t i = 0; i < identity->targets.count; i++)
			printf(" %s", identity->targets.items[i]);
		printf("\n");
		return;
	}
	targets = json_array();
	for (size_t i = 0; i < identity->targets.count; i++)
		json_array_append_new(targets, json_string(identity->targets.items[i]));
	targets = json_pack("{s:s, s:s, s:s, s:o}", "agent", identity->agent, "line", identity->line, "collector",
			    identity->collector, "targets", targets);
	text = json_dumps(targets, JSON_INDENT(2));
	puts(text);
	free(text);
	json_decref(targets);
}

static int enroll(const struct enroll_options *options, const struct agent_config *config, struct err *err)
{
	struct random_source random = random_system();
	struct enrolment enrolment = { .ca_file = config->collector_ca_file };
	char host[256] = "", *path = state_dir_path(config->state_dir, STATE_IDENTITY);
	struct identity identity;
	struct buf token = { 0 };
	int rc = -1;

	gethostname(host, sizeof host - 1);
	enrolment.host = host;
	enrolment.collector_url = options->collector ? options->collector : config->collector_url;
	if (!enrolment.collector_url) {
		err_set(err, ERR_USAGE, "enroll: no collector, give --collector URL");
		goto out;
	}
	if (read_token(options, &token, err) < 0 || state_dir_make(config->state_dir, err) < 0)
		goto out;
	enrolment.token = token.data;
	rc = identity_enroll(path, &enrolment, &random, &identity, err);
	if (rc == 0) {
		print(options, &identity);
		identity_free(&identity);
	}
out:
	buf_free(&token);
	free(path);
	return rc;
}

int enroll_command(const void *parsed, int argument_count, char **arguments)
{
	const struct enroll_options *options = parsed;
	struct agent_config config;
	struct err err;
	int rc;

	(void)argument_count;
	(void)arguments;
	if (!options->token == !options->token_file) {
		err_set(&err, ERR_USAGE, "enroll: give either --token T or --token-file FILE");
		return command_fail(&err);
	}
	if (command_read_config(options->config_path, &config) < 0)
		return COMMAND_EXIT_CONFIG;
	rc = enroll(options, &config, &err);
	agent_config_free(&config);
	return rc < 0 ? command_fail(&err) : 0;
}
