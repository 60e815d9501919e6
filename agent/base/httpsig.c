#include "agent/base/httpsig.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"

/* The three headers are dictionaries of structured fields (RFC 8941):
 *
 *   Signature-Input: sig1=("@method" "@path" "@query" "content-digest");created=1618884473;keyid="agent-7";alg="ed25519"
 *                    |    |<------------------------- raw: signed exactly as it was sent --------------------------->|
 *                    label
 *   Signature:       sig1=:Base64 of 64 bytes:
 *   Content-Digest:  sha-256=:Base64 of 32 bytes:
 *
 * All are read by one reader of such members. What is signed is the base: a line '"@method": POST' for every component in
 * the order in which they are listed, and last '"@signature-params": ' with raw. */

#define LABEL          "sig1"
#define COMPONENTS_MAX 16
#define DIGEST_TEXT    sodium_base64_ENCODED_LEN(crypto_hash_sha256_BYTES, sodium_base64_VARIANT_ORIGINAL)
#define SIGNATURE_TEXT sodium_base64_ENCODED_LEN(crypto_sign_BYTES, sodium_base64_VARIANT_ORIGINAL)

enum item_type { ITEM_NONE, ITEM_TEXT, ITEM_NUMBER, ITEM_TOKEN, ITEM_BYTES, ITEM_FLAG };

/* Points into the header: what stands between the quotes or colons. */
struct item {
	enum item_type type;
	const char *start;
	size_t length;
};

struct parameters {
	struct item created, keyid, alg;
	size_t count;
	bool repeated;     /* one of the three stands there twice */
};

struct member {
	const char *raw;   /* the value with its parameters */
	size_t raw_length;
	struct item item;                         /* NONE: it is a list */
	struct item components[COMPONENTS_MAX];   /* of a list */
	size_t component_count;
	bool component_has_parameters;
	struct parameters parameters;
};

enum component { COMPONENT_METHOD, COMPONENT_PATH, COMPONENT_QUERY, COMPONENT_DIGEST, COMPONENT_COUNT };
static const char *const component_names[COMPONENT_COUNT] = { "@method", "@path", "@query", "content-digest" };

static bool item_is(const struct item *item, enum item_type type, const char *text)
{
	return item->type == type && item->length == strlen(text) && !memcmp(item->start, text, item->length);
}

static bool skip(const char **at, char byte)
{
	bool there = **at == byte;

	*at += there;
	return there;
}

/* Reads up to the closing delimiter, which must come. */
static bool read_delimited(const char **at, char delimiter, enum item_type type, struct item *ret_item)
{
	const char *start = ++*at;

	for (; **at != delimiter; ++*at) {
		if (**at < 0x20 || **at > 0x7e)
			return false;
		if (**at == '\\' && type == ITEM_TEXT && (*at)[1] != '"' && (*at)[1] != '\\')
			return false;
		*at += **at == '\\' && type == ITEM_TEXT;
	}
	*ret_item = (struct item){ type, start, (size_t)(*at - start) };
	++*at;
	return true;
}

static bool read_item(const char **at, struct item *ret_item)
{
	static const char token_bytes[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~:/";
	const char *start = *at;
	enum item_type type;

	if (*start == '"')
		return read_delimited(at, '"', ITEM_TEXT, ret_item);
	if (*start == ':')
		return read_delimited(at, ':', ITEM_BYTES, ret_item);
	if (*start == '?' && (start[1] == '0' || start[1] == '1')) {
		*at += 2;
		type = ITEM_FLAG;
	} else if (*start == '-' || (*start >= '0' && *start <= '9')) {
		*at += 1 + strspn(start + 1, "0123456789.");
		type = ITEM_NUMBER;
	} else {
		*at += strspn(start, token_bytes);
		type = ITEM_TOKEN;
	}
	*ret_item = (struct item){ type, start, (size_t)(*at - start) };
	return *at != start;
}

static bool read_key(const char **at, struct item *ret_key)
{
	const char *start = *at;

	if ((*start < 'a' || *start > 'z') && *start != '*')
		return false;
	*at += strspn(start, "abcdefghijklmnopqrstuvwxyz0123456789_-.*");
	*ret_key = (struct item){ ITEM_TOKEN, start, (size_t)(*at - start) };
	return true;
}

static bool read_parameters(const char **at, struct parameters *parameters)
{
	struct {
		const char *name;
		struct item *item;
	} const known[] = {
		{ "created", &parameters->created }, { "keyid", &parameters->keyid }, { "alg", &parameters->alg },
	};

	*parameters = (struct parameters){ 0 };
	for (; **at == ';'; parameters->count++) {
		struct item key, value = { .type = ITEM_FLAG };

		*at += 1 + strspn(*at + 1, " ");
		if (!read_key(at, &key))
			return false;
		if (skip(at, '=') && !read_item(at, &value))
			return false;
		for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
			if (!item_is(&key, ITEM_TOKEN, known[i].name))
				continue;
			parameters->repeated |= known[i].item->type != ITEM_NONE;
			*known[i].item = value;
		}
	}
	return true;
}

static bool read_list(const char **at, struct member *member)
{
	++*at;
	for (;;) {
		struct parameters parameters;

		*at += strspn(*at, " ");
		if (**at == ')') {
			++*at;
			return true;
		}
		if (member->component_count == COMPONENTS_MAX || !read_item(at, &member->components[member->component_count++]) ||
		    !read_parameters(at, &parameters) || !strchr(" )", **at))
			return false;
		member->component_has_parameters |= parameters.count > 0;
	}
}

static bool read_member(const char **at, struct item *ret_key, struct member *ret_member)
{
	struct member member = { 0 };
	bool has_value;

	if (!read_key(at, ret_key))
		return false;
	has_value = skip(at, '=');
	member.raw = *at;
	if (!has_value)
		member.item.type = ITEM_FLAG;
	else if (**at == '(' ? !read_list(at, &member) : !read_item(at, &member.item))
		return false;
	if (!read_parameters(at, &member.parameters))
		return false;
	member.raw_length = (size_t)(*at - member.raw);
	*ret_member = member;
	return true;
}

/* Finds the member of that label in a header of that name; the whole header must be well-formed. */
static int find_member(const char *name, const char *header, const char *label, struct member *ret_member, struct err *err)
{
	const char *at = header ? header + strspn(header, " \t") : "";
	bool found = false;

	if (!*at)
		return err_set(err, ERR_UNAUTHORIZED, "%s: is missing, sign the request", name);
	for (;;) {
		struct member member;
		struct item key;

		if (!read_member(&at, &key, &member))
			return err_set(err, ERR_UNAUTHORIZED, "%s: is malformed", name);
		if (item_is(&key, ITEM_TOKEN, label)) {
			if (found)
				return err_set(err, ERR_UNAUTHORIZED, "%s: %s stands there twice", name, label);
			*ret_member = member;
			found = true;
		}
		at += strspn(at, " \t");
		if (!*at)
			break;
		if (*at != ',')
			return err_set(err, ERR_UNAUTHORIZED, "%s: is malformed", name);
		at += 1 + strspn(at + 1, " \t");
	}
	return found ? 0 : err_set(err, ERR_UNAUTHORIZED, "%s: has no %s", name, label);
}

/* The bytes of a member that must hold exactly so many. */
static int read_bytes(const char *name, const char *header, const char *label, unsigned char *ret_bytes, size_t length,
		      struct err *err)
{
	struct member member;
	size_t got;

	if (find_member(name, header, label, &member, err) < 0)
		return -1;
	if (member.item.type != ITEM_BYTES ||
	    sodium_base642bin(ret_bytes, length, member.item.start, member.item.length, NULL, &got, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    got != length)
		return err_set(err, ERR_UNAUTHORIZED, "%s: %s is not Base64 of %zu bytes", name, label, length);
	return 0;
}

static int find_component(const struct item *item)
{
	for (int i = 0; i < COMPONENT_COUNT; i++)
		if (item_is(item, ITEM_TEXT, component_names[i]))
			return i;
	return -1;
}

/* Every component must be one that we can compute, once; those that we need must be there. */
static int check_components(const struct member *input, bool has_body, struct err *err)
{
	bool covered[COMPONENT_COUNT] = { false };

	for (size_t i = 0; i < input->component_count; i++) {
		const struct item *item = &input->components[i];
		int component = find_component(item);

		if (component < 0 || input->component_has_parameters)
			return err_set(err, ERR_UNAUTHORIZED, "Signature-Input: component %.*s is not accepted",
				       item->length > 40 ? 40 : (int)item->length, item->start);
		if (covered[component])
			return err_set(err, ERR_UNAUTHORIZED, "Signature-Input: component %s stands there twice",
				       component_names[component]);
		covered[component] = true;
	}
	for (int i = 0; i < COMPONENT_COUNT; i++)
		if (!covered[i] && (i != COMPONENT_DIGEST || has_body))
			return err_set(err, ERR_UNAUTHORIZED, "Signature-Input: %s is not covered", component_names[i]);
	return 0;
}

static int read_created(const struct item *created, int64_t *ret_created_s)
{
	size_t sign = created->type == ITEM_NUMBER && created->start[0] == '-';
	size_t digits = created->type == ITEM_NUMBER ? strspn(created->start + sign, "0123456789") : 0;

	if (!digits || digits > 15 || digits + sign != created->length)
		return -1;
	*ret_created_s = strtoll(created->start, NULL, 10);
	return 0;
}

static int check_parameters(const struct parameters *parameters, struct httpsig_claim *ret_claim, struct err *err)
{
	const struct item *keyid = &parameters->keyid;
	struct httpsig_claim claim = { 0 };

	if (parameters->repeated)
		return err_set(err, ERR_UNAUTHORIZED, "Signature-Input: a parameter stands there twice");
	if (!item_is(&parameters->alg, ITEM_TEXT, "ed25519"))
		return err_set(err, ERR_UNAUTHORIZED, "Signature-Input: alg must be \"ed25519\"");
	if (read_created(&parameters->created, &claim.created_s) < 0)
		return err_set(err, ERR_UNAUTHORIZED, "Signature-Input: created must be a whole number of seconds");
	if (keyid->type != ITEM_TEXT || !keyid->length || keyid->length >= sizeof claim.keyid ||
	    memchr(keyid->start, '\\', keyid->length))
		return err_set(err, ERR_UNAUTHORIZED, "Signature-Input: keyid must be 1 to %zu characters, without \\",
			       sizeof claim.keyid - 1);
	memcpy(claim.keyid, keyid->start, keyid->length);
	*ret_claim = claim;
	return 0;
}

static int read_input(const char *signature_input, bool has_body, struct member *ret_input, struct httpsig_claim *ret_claim,
		      struct err *err)
{
	struct member input;

	if (find_member("Signature-Input", signature_input, LABEL, &input, err) < 0)
		return -1;
	if (input.item.type != ITEM_NONE)
		return err_set(err, ERR_UNAUTHORIZED, "Signature-Input: %s is not a list of components", LABEL);
	if (check_components(&input, has_body, err) < 0 || check_parameters(&input.parameters, ret_claim, err) < 0)
		return -1;
	*ret_input = input;
	return 0;
}

int httpsig_read_claim(const char *signature_input, bool has_body, struct httpsig_claim *ret_claim, struct err *err)
{
	struct member input;

	return read_input(signature_input, has_body, &input, ret_claim, err);
}

/* RFC 9421, 2.5. digest is the Content-Digest header as sent. */
static void append_base(struct buf *base, const struct httpsig_message *message, const char *digest,
			const struct member *input)
{
	for (size_t i = 0; i < input->component_count; i++) {
		int component = find_component(&input->components[i]);

		buf_printf(base, "\"%s\": ", component_names[component]);
		if (component == COMPONENT_METHOD)
			buf_append_text(base, message->method);
		else if (component == COMPONENT_PATH)
			buf_append_text(base, *message->path ? message->path : "/");
		else if (component == COMPONENT_QUERY)
			buf_printf(base, "?%s", message->query ? message->query : "");
		else
			buf_append_text(base, digest);
		buf_append_text(base, "\n");
	}
	buf_append_text(base, "\"@signature-params\": ");
	buf_append(base, input->raw, input->raw_length);
}

static void hash_body(const struct httpsig_message *message, unsigned char ret_hash[crypto_hash_sha256_BYTES])
{
	crypto_hash_sha256(ret_hash, message->body_bytes ? message->body : (const void *)"", message->body_bytes);
}

static int check_digest(const struct httpsig_message *message, const char *content_digest, struct err *err)
{
	unsigned char claimed[crypto_hash_sha256_BYTES], actual[crypto_hash_sha256_BYTES];

	if (read_bytes("Content-Digest", content_digest, "sha-256", claimed, sizeof claimed, err) < 0)
		return -1;
	hash_body(message, actual);
	if (sodium_memcmp(claimed, actual, sizeof actual) != 0)
		return err_set(err, ERR_UNAUTHORIZED, "Content-Digest: does not fit the body");
	return 0;
}

static bool covers_digest(const struct member *input)
{
	for (size_t i = 0; i < input->component_count; i++)
		if (find_component(&input->components[i]) == COMPONENT_DIGEST)
			return true;
	return false;
}

int httpsig_verify(const struct httpsig_message *message, const char *content_digest, const char *signature_input,
		   const char *signature, const unsigned char public_key[HTTPSIG_PUBLIC_KEY_BYTES], struct err *err)
{
	unsigned char bytes[crypto_sign_BYTES];
	struct httpsig_claim claim;
	struct member input;
	struct buf base = { 0 };
	int failed;

	if (read_input(signature_input, message->body_bytes > 0, &input, &claim, err) < 0 ||
	    read_bytes("Signature", signature, LABEL, bytes, sizeof bytes, err) < 0)
		return -1;
	if (covers_digest(&input) && check_digest(message, content_digest, err) < 0)
		return -1;
	append_base(&base, message, content_digest, &input);
	failed = crypto_sign_verify_detached(bytes, (const unsigned char *)base.data, base.length_bytes, public_key);
	buf_free(&base);
	return failed ? err_set(err, ERR_UNAUTHORIZED, "Signature: does not verify under the key of %s", claim.keyid) : 0;
}

static int check_keyid(const char *keyid, struct err *err)
{
	size_t length = strnlen(keyid, HTTPSIG_KEYID_SIZE);

	if (!length || length == HTTPSIG_KEYID_SIZE)
		return err_set(err, ERR_INPUT, "keyid: must be 1 to %d characters", HTTPSIG_KEYID_SIZE - 1);
	for (size_t i = 0; i < length; i++)
		if (keyid[i] < 0x20 || keyid[i] > 0x7e || keyid[i] == '"' || keyid[i] == '\\')
			return err_set(err, ERR_INPUT, "keyid: must be ASCII without quotes and backslashes");
	return 0;
}

int httpsig_sign(const struct httpsig_message *message, const char *keyid,
		 const unsigned char secret_key[HTTPSIG_SECRET_KEY_BYTES], int64_t created_s,
		 struct httpsig_headers *ret_headers, struct err *err)
{
	bool has_body = message->body_bytes > 0;
	struct httpsig_headers headers = { .content_digest = "" };
	unsigned char hash[crypto_hash_sha256_BYTES], signature[crypto_sign_BYTES];
	char hash_text[DIGEST_TEXT], signature_text[SIGNATURE_TEXT];
	struct httpsig_claim claim;
	struct member input;
	struct buf base = { 0 };

	if (check_keyid(keyid, err) < 0)
		return -1;
	if (has_body) {
		hash_body(message, hash);
		sodium_bin2base64(hash_text, sizeof hash_text, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
		snprintf(headers.content_digest, sizeof headers.content_digest, "sha-256=:%s:", hash_text);
	}
	snprintf(headers.signature_input, sizeof headers.signature_input,
		 LABEL "=(\"@method\" \"@path\" \"@query\"%s);created=%" PRId64 ";keyid=\"%s\";alg=\"ed25519\"",
		 has_body ? " \"content-digest\"" : "", created_s, keyid);
	if (read_input(headers.signature_input, has_body, &input, &claim, err) < 0)
		return -1;
	append_base(&base, message, headers.content_digest, &input);
	crypto_sign_detached(signature, NULL, (const unsigned char *)base.data, base.length_bytes, secret_key);
	buf_free(&base);
	sodium_bin2base64(signature_text, sizeof signature_text, signature, sizeof signature, sodium_base64_VARIANT_ORIGINAL);
	snprintf(headers.signature, sizeof headers.signature, LABEL "=:%s:", signature_text);
	*ret_headers = headers;
	return 0;
}
