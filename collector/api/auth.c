#include "collector/api/auth.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "agent/base/httpsig.h"
#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "collector/api/input.h"
#include "collector/http/url.h"

_Static_assert(SESSION_HASH_BYTES == crypto_hash_sha256_BYTES && TOKEN_HASH_BYTES == SESSION_HASH_BYTES,
	       "tokens are kept as SHA-256");

void auth_hash_token(const char *token, unsigned char ret_hash[SESSION_HASH_BYTES])
{
	crypto_hash_sha256(ret_hash, (const unsigned char *)token, strlen(token));
}

static int check_agent(struct api_call *call, struct txn *txn, struct err *err)
{
	const struct httpsig_message message = {
		.method = call->method, .path = call->path, .query = call->query,
		.body = call->body_bytes ? call->body : NULL, .body_bytes = call->body_bytes,
	};
	const char *signature_input = call->headers[HEADER_SIGNATURE_INPUT];
	struct httpsig_claim claim;

	if (!signature_input)
		return err_set(err, ERR_UNAUTHORIZED, "the request is not signed: no Signature-Input header");
	if (httpsig_read_claim(signature_input, call->body_bytes > 0, &claim, err) < 0)
		return -1;
	if (agent_get(txn, claim.keyid, &call->agent, err) < 0)
		return err->code == ERR_NOT_FOUND ?
			err_set(err, ERR_UNAUTHORIZED, "no agent %s is enrolled here", claim.keyid) : -1;
	if (httpsig_verify(&message, call->headers[HEADER_CONTENT_DIGEST], signature_input,
			   call->headers[HEADER_SIGNATURE], call->agent.public_key, err) < 0)
		return -1;
	if (call->agent.revoked_ms != JSON_ABSENT)
		return err_set(err, ERR_UNAUTHORIZED, "agent %s was revoked", claim.keyid);
	return 0;
}

static bool changes_state(const struct api_call *call)
{
	return strcmp(call->method, "GET") != 0 && strcmp(call->method, "HEAD") != 0;
}

static bool has_csrf(const struct api_call *call)
{
	char text[CSRF_SIZE] = "";

	if (call->headers[HEADER_CSRF])
		text_copy(text, sizeof text, call->headers[HEADER_CSRF]);
	else
		input_form_text(call, "csrf", text, sizeof text);
	return strlen(text) == CSRF_SIZE - 1 && sodium_memcmp(text, call->session.csrf, CSRF_SIZE - 1) == 0;
}

static bool is_own_origin(const struct api_call *call, const char *origin)
{
	const char *public_url = call->api->options.config->public_url;
	const char *host = call->headers[HEADER_HOST], *scheme_end = strstr(origin, "://");
	size_t length = strlen(origin);

	if (public_url && !strncasecmp(public_url, origin, length) && (!public_url[length] || public_url[length] == '/'))
		return true;
	return scheme_end && host && !strcasecmp(scheme_end + 3, host);
}

bool auth_is_foreign(const struct api_call *call)
{
	const char *site = call->headers[HEADER_SEC_FETCH_SITE], *origin = call->headers[HEADER_ORIGIN];

	return (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0) ||
	       (origin && !is_own_origin(call, origin));
}

static int check_person(struct api_call *call, struct txn *txn, struct err *err)
{
	const char *cookies = call->headers[HEADER_COOKIE];
	const struct person *person = &call->session.person;
	char token[SESSION_TOKEN_SIZE];

	if (!cookies || !url_cookie_get(cookies, SESSION_COOKIE, token, sizeof token))
		return err_set(err, ERR_UNAUTHORIZED, "log in first");
	auth_hash_token(token, call->session_hash);
	if (session_get(txn, call->session_hash, call->now.realtime_ms, &call->session, err) < 0)
		return -1;
	if (!role_may((enum role)person->role, call->route->action))
		return err_set(err, ERR_FORBIDDEN, "the role %s may not do this", role_names[person->role]);
	if (changes_state(call) && !has_csrf(call))
		return err_set(err, ERR_FORBIDDEN, "the CSRF token is missing or wrong: send X-CSRF-Token, or the form of a "
			       "freshly loaded page");
	return 0;
}

int auth_check(struct api_call *call, struct txn *txn, struct err *err)
{
	switch (call->route->auth) {
	case API_ANYONE: return 0;
	case API_AGENT:  return check_agent(call, txn, err);
	case API_PERSON: return check_person(call, txn, err);
	}
	return err_set(err, ERR_INTERNAL, "a route without a rule who may call it");
}
