#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "collector/api/answer.h"
#include "collector/api/auth.h"
#include "collector/api/input.h"
#include "collector/api/routes.h"

struct login {
	char user[ID_SIZE];
	char password[PASSWORD_MAX_LENGTH + 1];
	char next[512];
	struct person person;
	char token[SESSION_TOKEN_SIZE];
	char csrf[CSRF_SIZE];
};

static void free_login(void *state)
{
	sodium_memzero(state, sizeof(struct login));
	free(state);
}

static int read_login(struct api_call *call, struct login *login, struct err *err)
{
	if (input_text(call, "user", true, login->user, sizeof login->user, err) < 0 ||
	    input_text(call, "password", true, login->password, sizeof login->password, err) < 0 ||
	    input_text(call, "next", false, login->next, sizeof login->next, err) < 0)
		return -1;
	if (!answer_is_local_path(login->next))
		text_copy(login->next, sizeof login->next, "/");
	return 0;
}

/* Each name has so many attempts a minute, right or wrong password, existing name or not. */
static int wait_turn(struct api_call *call, const struct login *login, struct err *err)
{
	int64_t wait_us = brake_attempt(call->api->brake, login->user, call->now.boottime_us);

	if (wait_us == 0)
		return 0;
	call->status = 429;
	call->retry_after_s = wait_us / 1000000 + 1;
	return err_set(err, ERR_BUSY, "too many attempts for this name, try again in a minute");
}

static int check_password(struct api_call *call, struct txn *txn, struct login *login, struct err *err)
{
	bool found = person_get(txn, login->user, &login->person, err) == 0;
	bool right;

	if (!found && err->code != ERR_NOT_FOUND)
		return -1;
	if (passwords_check(call->api->passwords, found ? login->person.password_hash : NULL, login->password, &right,
			    err) < 0)
		return -1;
	if (right && login->person.disabled_ms == JSON_ABSENT)
		return 0;
	answer_go_to_login(call, login->next, true);
	log_warning("log-in from %s failed, name given: %s", call->peer, login->user);
	return err_set(err, ERR_UNAUTHORIZED, "user or password is wrong");
}

int session_read(struct api_call *call, struct txn *txn, struct err *err)
{
	struct login *login = xcalloc(1, sizeof *login);

	call->state = login;
	call->free_state = free_login;
	/* Another site could log its visitor in under a name of its own, and read later what was entered there. */
	if (auth_is_foreign(call))
		return err_set(err, ERR_FORBIDDEN, "this log-in was sent by another site, log in on a page of this one");
	if (read_login(call, login, err) < 0 || wait_turn(call, login, err) < 0 ||
	    check_password(call, txn, login, err) < 0)
		return -1;
	brake_clear(call->api->brake, login->user);
	random_hex(&call->api->options.random, (SESSION_TOKEN_SIZE - 1) / 2, login->token);
	random_hex(&call->api->options.random, (CSRF_SIZE - 1) / 2, login->csrf);
	return 0;
}

static void announce(struct api_call *call)
{
	const struct login *login = call->state;

	log_info("%s logged in", login->person.name);
}

static void set_cookie(struct api_call *call, const char *token, int64_t life_ms)
{
	snprintf(call->cookie, sizeof call->cookie, SESSION_COOKIE "=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s", token,
		 (int)(life_ms / 1000), call->api->options.secure ? "; Secure" : "");
}

int session_write(struct api_call *call, struct txn *txn, struct err *err)
{
	const struct login *login = call->state;
	unsigned char hash[SESSION_HASH_BYTES];

	auth_hash_token(login->token, hash);
	if (session_put(txn, hash, login->person.name, login->csrf, call->now.realtime_ms,
			call->now.realtime_ms + SESSION_LIFE_MS, err) < 0)
		return -1;
	set_cookie(call, login->token, SESSION_LIFE_MS);
	text_copy(call->location, sizeof call->location, login->next);
	call->committed = announce;
	call->answer = json_pack("{s:s, s:s, s:s, s:I}", "user", login->person.name, "role", role_names[login->person.role],
				 "csrf", login->csrf, "expires_ms", (json_int_t)(call->now.realtime_ms + SESSION_LIFE_MS));
	return 0;
}

int session_end(struct api_call *call, struct txn *txn, struct err *err)
{
	if (session_remove(txn, call->session_hash, err) < 0)
		return -1;
	set_cookie(call, "", 0);
	text_copy(call->location, sizeof call->location, "/login");
	call->answer = json_object();
	return 0;
}

int login_show(struct api_call *call, struct txn *txn, struct err *err)
{
	char next_buffer[512], failed_buffer[8];
	const char *next, *failed;

	(void)txn;
	if (query_text(call, "next", next_buffer, sizeof next_buffer, &next, err) < 0 ||
	    query_text(call, "failed", failed_buffer, sizeof failed_buffer, &failed, err) < 0)
		return -1;
	call->answer = json_pack("{s:s, s:b}", "next", next && answer_is_local_path(next) ? next : "/", "failed",
				 failed != NULL);
	return 0;
}

int home_show(struct api_call *call, struct txn *txn, struct err *err)
{
	(void)txn;
	(void)err;
	text_copy(call->location, sizeof call->location, "/clients");
	return 0;
}
