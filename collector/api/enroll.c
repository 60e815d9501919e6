#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "collector/api/auth.h"
#include "collector/api/input.h"
#include "collector/api/instruction.h"
#include "collector/api/routes.h"

struct enrolling {
	char token[128];
	char public_key_text[64];
	char host[NAME_SIZE];
	char version[ID_SIZE];
	unsigned char token_hash[TOKEN_HASH_BYTES];
	unsigned char public_key[PUBLIC_KEY_BYTES];
	char agent_id[ID_SIZE];
};

#define TEXT(name, member, need)                                                                                       \
	{ name, JSON_FIELD_TEXT, need, offsetof(struct enrolling, member), sizeof ((struct enrolling *)0)->member, 0, 0, NULL }

static const struct json_field fields[] = {
	TEXT("token", token, true),
	TEXT("public_key", public_key_text, true),
	TEXT("host", host, false),
	TEXT("version", version, false),
};

int enroll_read(struct api_call *call, struct txn *txn, struct err *err)
{
	struct enrolling *enrolling = xcalloc(1, sizeof *enrolling);
	unsigned char random[6];
	size_t length;

	(void)txn;
	call->state = enrolling;
	call->free_state = free;
	if (!call->input)
		return err_set(err, ERR_INPUT, "body: must be a JSON object");
	if (json_fields_read(call->input, fields, sizeof fields / sizeof fields[0], enrolling, call->faults, err) < 0)
		return -1;
	if (sodium_base642bin(enrolling->public_key, sizeof enrolling->public_key, enrolling->public_key_text,
			      strlen(enrolling->public_key_text), NULL, &length, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    length != PUBLIC_KEY_BYTES)
		return input_fault(call, err, "public_key", "must be base64 of %d bytes", PUBLIC_KEY_BYTES);
	auth_hash_token(enrolling->token, enrolling->token_hash);
	random_fill(&call->api->options.random, random, sizeof random);
	memcpy(enrolling->agent_id, "a-", 2);
	sodium_bin2hex(enrolling->agent_id + 2, sizeof enrolling->agent_id - 2, random, sizeof random);
	return 0;
}

static void announce(struct api_call *call)
{
	log_info("agent %s is enrolled for line %s", call->agent.id, call->agent.line);
}

int enroll_write(struct api_call *call, struct txn *txn, struct err *err)
{
	const struct enrolling *enrolling = call->state;
	const struct enrolment enrolment = {
		.token_hash = enrolling->token_hash, .public_key = enrolling->public_key,
		.new_agent_id = enrolling->agent_id, .host = enrolling->host, .version = enrolling->version,
		.now_ms = call->now.realtime_ms,
	};

	if (agent_enrol(txn, &enrolment, &call->agent, err) < 0)
		return -1;
	call->committed = announce;
	call->answer = json_pack("{s:s, s:s, s:I, s:o}", "agent", call->agent.id, "line", call->agent.line, "generation",
				 (json_int_t)call->agent.generation, "targets",
				 instruction_targets(call->api->options.config));
	return 0;
}
