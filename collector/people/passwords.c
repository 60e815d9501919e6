#include "collector/people/passwords.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"

_Static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "a hash fits its column");

#define AT_ONCE 2
#define PLACES  3   /* those at work and the one that waits */

struct passwords {
	pthread_mutex_t lock;
	pthread_cond_t left;
	int present;     /* at work or waiting */
	int working;
	char decoy[PASSWORD_HASH_SIZE];
};

static int hash_text(const char *password, char ret_hash[PASSWORD_HASH_SIZE], struct err *err)
{
	if (crypto_pwhash_str(ret_hash, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
			      crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
		return err_set(err, ERR_INTERNAL, "no memory to hash a password");
	return 0;
}

int password_hash(const char *password, char ret_hash[PASSWORD_HASH_SIZE], struct err *err)
{
	size_t length = strlen(password);

	if (length < PASSWORD_MIN_LENGTH || length > PASSWORD_MAX_LENGTH)
		return err_set(err, ERR_INPUT, "a password has %d to %d bytes, this one %zu", PASSWORD_MIN_LENGTH,
			       PASSWORD_MAX_LENGTH, length);
	return hash_text(password, ret_hash, err);
}

int passwords_new(struct passwords **ret_passwords, struct err *err)
{
	struct passwords *passwords = xcalloc(1, sizeof *passwords);

	if (hash_text("decoy", passwords->decoy, err) < 0) {
		free(passwords);
		return -1;
	}
	pthread_mutex_init(&passwords->lock, NULL);
	pthread_cond_init(&passwords->left, NULL);
	*ret_passwords = passwords;
	return 0;
}

void passwords_free(struct passwords *passwords)
{
	if (!passwords)
		return;
	pthread_cond_destroy(&passwords->left);
	pthread_mutex_destroy(&passwords->lock);
	free(passwords);
}

static bool enter(struct passwords *passwords)
{
	bool entered;

	pthread_mutex_lock(&passwords->lock);
	entered = passwords->present < PLACES;
	if (entered) {
		passwords->present++;
		while (passwords->working == AT_ONCE)
			pthread_cond_wait(&passwords->left, &passwords->lock);
		passwords->working++;
	}
	pthread_mutex_unlock(&passwords->lock);
	return entered;
}

static void leave(struct passwords *passwords)
{
	pthread_mutex_lock(&passwords->lock);
	passwords->present--;
	passwords->working--;
	pthread_cond_signal(&passwords->left);
	pthread_mutex_unlock(&passwords->lock);
}

int passwords_check(struct passwords *passwords, const char *hash, const char *password, bool *ret_right, struct err *err)
{
	bool right;

	if (!enter(passwords))
		return err_set(err, ERR_BUSY, "too many log in at this moment, try again in a second");
	right = crypto_pwhash_str_verify(hash ? hash : passwords->decoy, password, strlen(password)) == 0;
	leave(passwords);
	*ret_right = right && hash;
	return 0;
}
