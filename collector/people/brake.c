#include "collector/people/brake.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"

#define SLOTS 1024

struct slot {
	int64_t from_us;
	int count;
};

struct brake {
	pthread_mutex_t lock;
	unsigned char key[crypto_shorthash_KEYBYTES];
	int attempts;
	int64_t window_us;
	struct slot slots[SLOTS];
};

struct brake *brake_new(int attempts, int64_t window_us, const struct random_source *random)
{
	struct brake *brake = xcalloc(1, sizeof *brake);

	pthread_mutex_init(&brake->lock, NULL);
	random_fill(random, brake->key, sizeof brake->key);
	brake->attempts = attempts;
	brake->window_us = window_us;
	return brake;
}

void brake_free(struct brake *brake)
{
	if (!brake)
		return;
	pthread_mutex_destroy(&brake->lock);
	free(brake);
}

static struct slot *find_slot(struct brake *brake, const char *name)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t number;

	crypto_shorthash(hash, (const unsigned char *)name, strlen(name), brake->key);
	memcpy(&number, hash, sizeof number);
	return &brake->slots[number % SLOTS];
}

int64_t brake_attempt(struct brake *brake, const char *name, int64_t now_us)
{
	struct slot *slot = find_slot(brake, name);
	int64_t wait_us = 0;

	pthread_mutex_lock(&brake->lock);
	if (slot->count == 0 || now_us - slot->from_us >= brake->window_us)
		*slot = (struct slot){ .from_us = now_us };
	if (slot->count < brake->attempts)
		slot->count++;
	else
		wait_us = slot->from_us + brake->window_us - now_us;
	pthread_mutex_unlock(&brake->lock);
	return wait_us;
}

void brake_clear(struct brake *brake, const char *name)
{
	struct slot *slot = find_slot(brake, name);

	pthread_mutex_lock(&brake->lock);
	slot->count = 0;
	pthread_mutex_unlock(&brake->lock);
}
