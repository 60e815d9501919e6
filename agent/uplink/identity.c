#include "agent/uplink/identity.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/file.h"
#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/uplink/request.h"

#define FILE_BYTES_MAX 65536
#define TARGETS_MAX    256
#define KEY_TEXT_SIZE  sodium_base64_ENCODED_LEN(HTTPSIG_SECRET_KEY_BYTES, sodium_base64_VARIANT_ORIGINAL)

#define TEXT(member, need)                                                                                             \
	{ .name = #member, .type = JSON_FIELD_TEXT, .required = need, .offset = offsetof(struct identity, member),     \
	  .size = sizeof ((struct identity *)0)->member }
#define GENERATION                                                                                                     \
	{ .name = "generation", .type = JSON_FIELD_INTEGER, .required = true,                                          \
	  .offset = offsetof(struct identity, generation), .min = 0, .max = INT64_MAX }

static const struct json_field file_fields[] = {
	TEXT(agent, false), TEXT(line, false), TEXT(collector, false), TEXT(token_sha256, false), GENERATION,
};
static const struct json_field answer_fields[] = { TEXT(agent, true), TEXT(line, true), GENERATION };

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

void identity_new(struct identity *ret_identity, const struct random_source *random)
{
	unsigned char seed[crypto_sign_SEEDBYTES];

	memset(ret_identity, 0, sizeof *ret_identity);
	random_fill(random, seed, sizeof seed);
	crypto_sign_seed_keypair(ret_identity->public_key, ret_identity->secret_key, seed);
	sodium_memzero(seed, sizeof seed);
}

static void free_targets(struct key_texts *targets)
{
	for (size_t i = 0; i < targets->count; i++)
		free(targets->items[i]);
	free(targets->items);
	*targets = (struct key_texts){ 0 };
}

void identity_free(struct identity *identity)
{
	free_targets(&identity->targets);
	sodium_memzero(identity, sizeof *identity);
}

bool identity_is_enrolled(const struct identity *identity)
{
	return identity->agent[0] != '\0';
}

/* Absent is none. */
static int read_targets(const json_t *array, struct key_texts *ret_targets, struct err *err)
{
	struct key_texts targets = { 0 };
	size_t count = json_array_size(array);

	if ((array && !json_is_array(array)) || count > TARGETS_MAX)
		return err_set(err, ERR_INPUT, "targets: must be an array of at most %d hosts", TARGETS_MAX);
	targets.items = xcalloc(count, sizeof *targets.items);
	for (; targets.count < count; targets.count++) {
		const char *host = json_string_value(json_array_get(array, targets.count));

		if (!host) {
			free_targets(&targets);
			return err_set(err, ERR_INPUT, "targets: must be an array of host names or networks");
		}
		targets.items[targets.count] = xstrdup(host);
	}
	free_targets(ret_targets);
	*ret_targets = targets;
	return 0;
}

static int read_key(const char *text, struct identity *identity, struct err *err)
{
	size_t length;

	if (!text ||
	    sodium_base642bin(identity->secret_key, sizeof identity->secret_key, text, strlen(text), NULL, &length, NULL,
			      sodium_base64_VARIANT_ORIGINAL) < 0 ||
	    length != sizeof identity->secret_key)
		return err_set(err, ERR_INPUT, "secret_key: must be %d bytes in base64", HTTPSIG_SECRET_KEY_BYTES);
	crypto_sign_ed25519_sk_to_pk(identity->public_key, identity->secret_key);
	return 0;
}

static int read_identity(const json_t *object, struct identity *identity, struct err *err)
{
	if (json_fields_read(object, file_fields, COUNT(file_fields), identity, NULL, err) < 0 ||
	    read_key(json_string_value(json_object_get(object, "secret_key")), identity, err) < 0)
		return -1;
	return read_targets(json_object_get(object, "targets"), &identity->targets, err);
}

int identity_load(const char *path, struct identity *ret_identity, struct err *err)
{
	struct identity identity = { 0 };
	struct buf bytes = { 0 };
	json_t *object = NULL;
	int rc = -1;

	if (file_read(path, FILE_BYTES_MAX, &bytes, err) < 0)
		return -1;
	if (json_parse(bytes.data, bytes.length_bytes, &object, err) == 0)
		rc = read_identity(object, &identity, err);
	if (rc == 0)
		*ret_identity = identity;
	else
		err_wrap(err, "%s", path);
	json_decref(object);
	sodium_memzero(bytes.data, bytes.length_bytes);
	buf_free(&bytes);
	return rc;
}

static json_t *write_targets(const struct key_texts *targets)
{
	json_t *array = json_array();

	for (size_t i = 0; i < targets->count; i++)
		json_array_append_new(array, json_string(targets->items[i]));
	return array;
}

int identity_save(const char *path, const struct identity *identity, struct err *err)
{
	char key[KEY_TEXT_SIZE];
	json_t *object = json_fields_write(file_fields, COUNT(file_fields), identity);
	char *text;
	int rc;

	sodium_bin2base64(key, sizeof key, identity->secret_key, sizeof identity->secret_key,
			  sodium_base64_VARIANT_ORIGINAL);
	json_object_set_new(object, "secret_key", json_string(key));
	json_object_set_new(object, "targets", write_targets(&identity->targets));
	text = json_dumps(object, JSON_INDENT(2));
	json_decref(object);
	sodium_memzero(key, sizeof key);
	if (!text)
		return err_set(err, ERR_INTERNAL, "%s: cannot be written as JSON", path);
	rc = file_replace(path, text, strlen(text), err);
	sodium_memzero(text, strlen(text));
	free(text);
	return rc;
}

static void hash_token(const char *token, char ret_hex[65])
{
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, (const unsigned char *)token, strlen(token));
	sodium_bin2hex(ret_hex, 65, hash, sizeof hash);
}

/* The one that is there, or a new one that is on disk before its public key leaves this machine. */
static int load_or_make(const char *path, const struct random_source *random, struct identity *ret_identity,
			struct err *err)
{
	if (identity_load(path, ret_identity, err) == 0)
		return 0;
	if (err->code != ERR_NOT_FOUND)
		return -1;
	identity_new(ret_identity, random);
	return identity_save(path, ret_identity, err);
}

static int write_question(const struct enrolment *enrolment, const struct identity *identity, struct buf *ret_body,
			  struct err *err)
{
	char key[KEY_TEXT_SIZE];
	json_t *question;
	char *text = NULL;

	sodium_bin2base64(key, sizeof key, identity->public_key, sizeof identity->public_key,
			  sodium_base64_VARIANT_ORIGINAL);
	question = json_pack("{s:s, s:s, s:s, s:s}", "token", enrolment->token, "public_key", key, "host",
			     enrolment->host, "version", PLUMBLINE_VERSION);
	if (question)
		text = json_dumps(question, JSON_COMPACT);
	json_decref(question);
	if (!text)
		return err_set(err, ERR_USAGE, "token: must be text");
	buf_append_text(ret_body, text);
	free(text);
	return 0;
}

static int read_answer(const struct request *request, struct identity *identity, struct err *err)
{
	json_t *answer;
	int rc;

	if (json_parse(buf_text(&request->answer), request->answer.length_bytes, &answer, err) < 0)
		return -1;
	rc = json_fields_read(answer, answer_fields, COUNT(answer_fields), identity, NULL, err);
	if (rc == 0)
		rc = read_targets(json_object_get(answer, "targets"), &identity->targets, err);
	json_decref(answer);
	return rc;
}

static int ask(const struct enrolment *enrolment, struct identity *identity, struct err *err)
{
	struct request request;
	int rc = -1;

	if (request_init(&request, enrolment->collector_url, enrolment->ca_file, err) < 0)
		return -1;
	if (write_question(enrolment, identity, &request.body, err) < 0)
		goto out;
	request_prepare(&request, "/agent/v1/enroll");
	if (request_finish(&request, curl_easy_perform(request.easy), err) < 0)
		goto out;
	if (read_answer(&request, identity, err) < 0) {
		err_wrap(err, "collector %s: not the answer of a collector", request.url);
		err->code = ERR_UNREACHABLE;
		goto out;
	}
	text_copy(identity->collector, sizeof identity->collector, request.url);
	hash_token(enrolment->token, identity->token_sha256);
	rc = 0;
out:
	request_free(&request);
	return rc;
}

int identity_enroll(const char *path, const struct enrolment *enrolment, const struct random_source *random,
		    struct identity *ret_identity, struct err *err)
{
	struct identity identity;
	char token_sha256[65];
	int rc = -1;

	if (load_or_make(path, random, &identity, err) < 0)
		return -1;
	hash_token(enrolment->token, token_sha256);
	if (!identity_is_enrolled(&identity))
		rc = ask(enrolment, &identity, err) < 0 ? -1 : identity_save(path, &identity, err);
	else if (!strcmp(token_sha256, identity.token_sha256))
		rc = 0;
	else
		err_set(err, ERR_CONFLICT,
			"%s: this agent is enrolled already, as %s for line %s; to enrol it anew, stop it and remove its state directory",
			path, identity.agent, identity.line);
	if (rc == 0)
		*ret_identity = identity;
	else
		identity_free(&identity);
	return rc;
}
