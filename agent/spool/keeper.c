#include "agent/spool/keeper.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/spool/spool_room.h"

#define TRY_MS  10000
#define LOOK_MS 30000   /* a file that was damaged or removed while nothing was stored */

struct keeper {
	struct spool *spool;
	struct clock clock;
	bool is_failing;
	struct err why;
	int64_t since_ms;          /* since when it is */
	size_t count;
	struct spool_event held[KEEPER_HELD_MAX];   /* in the order in which they were made; types and members are ours */
	int64_t lost;              /* since it is failing, for want of memory */
};

static void free_event(struct spool_event *event)
{
	free((char *)(uintptr_t)event->type);
	json_decref((json_t *)(uintptr_t)event->members);
}

/* Says it once, and leaves word for `status` each time: what is held has changed. */
static void note_trouble(struct keeper *keeper, const struct err *why)
{
	keeper->why = *why;
	if (!keeper->is_failing) {
		keeper->is_failing = true;
		keeper->since_ms = clock_now(&keeper->clock).realtime_ms;
		keeper->lost = 0;
		log_error("%s; measuring goes on, up to %d events stay in memory until the disk takes them", why->message,
			  KEEPER_HELD_MAX);
	}
	spool_tell_trouble(keeper->spool, why->message, keeper->since_ms, keeper->count);
}

static void note_recovery(struct keeper *keeper, size_t stored)
{
	if (keeper->is_failing)
		log_info("spool: works again; %zu events from memory are stored, %" PRId64 " were lost", stored, keeper->lost);
	keeper->is_failing = false;
}

/* The oldest of the class that goes first. */
static size_t least_important(const struct keeper *keeper)
{
	size_t least = 0;

	for (size_t i = 1; i < keeper->count; i++)
		if (spool_class(keeper->held[i].type) < spool_class(keeper->held[least].type))
			least = i;
	return least;
}

static void lose_one(struct keeper *keeper)
{
	size_t index = least_important(keeper);
	struct spool_event *event = &keeper->held[index];
	struct dropped loss = { .reason = DROPPED_MEMORY, .count = 1, .first_seq = JSON_ABSENT, .last_seq = JSON_ABSENT,
				.from_ms = event->at_ms, .to_ms = event->at_ms };

	text_copy(loss.type, sizeof loss.type, event->type);
	spool_note_lost(keeper->spool, &loss);
	keeper->lost++;
	free_event(event);
	keeper->count--;
	memmove(event, event + 1, (keeper->count - index) * sizeof *event);
}

static void hold(struct keeper *keeper, const struct spool_event *event)
{
	if (keeper->count == KEEPER_HELD_MAX)
		lose_one(keeper);
	keeper->held[keeper->count] = *event;
	keeper->held[keeper->count].type = xstrdup(event->type);
	json_incref((json_t *)(uintptr_t)event->members);
	keeper->count++;
}

static int store_held(struct keeper *keeper, struct err *err)
{
	size_t count = keeper->count;
	int64_t first_seq;

	if (count && spool_append_all(keeper->spool, keeper->held, count, &first_seq, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		free_event(&keeper->held[i]);
	keeper->count = 0;
	note_recovery(keeper, count);
	return 0;
}

int keeper_open(const struct keeper_options *options, struct keeper **ret_keeper, struct err *err)
{
	struct keeper *keeper = xcalloc(1, sizeof *keeper);

	keeper->clock = options->clock;
	keeper->spool = spool_new(options->path, options->max_bytes, &options->random);
	if (spool_recover(keeper->spool, err) < 0) {
		if (err->code == ERR_UNSUPPORTED) {
			spool_close(keeper->spool);
			free(keeper);
			return -1;
		}
		note_trouble(keeper, err);
	}
	*ret_keeper = keeper;
	return 0;
}

void keeper_close(struct keeper *keeper)
{
	if (!keeper)
		return;
	keeper_tend(keeper);
	if (keeper->count)
		log_error("%zu events in memory are lost: the disk did not take them to the end", keeper->count);
	for (size_t i = 0; i < keeper->count; i++)
		free_event(&keeper->held[i]);
	spool_close(keeper->spool);
	free(keeper);
}

struct spool *keeper_spool(struct keeper *keeper)
{
	return keeper->spool;
}

size_t keeper_held(const struct keeper *keeper)
{
	return keeper->count;
}

static int try_to_store(struct keeper *keeper, struct err *err)
{
	if (keeper->count && store_held(keeper, err) == 0)
		return 0;
	return spool_recover(keeper->spool, err) < 0 ? -1 : store_held(keeper, err);
}

void keeper_tend(struct keeper *keeper)
{
	struct err err;

	if (try_to_store(keeper, &err) < 0)
		note_trouble(keeper, &err);
}

int64_t keeper_wait_ms(const struct keeper *keeper)
{
	return keeper->is_failing ? TRY_MS : LOOK_MS;
}

void keeper_append(struct keeper *keeper, const struct spool_event *event)
{
	hold(keeper, event);
	if (keeper->is_failing)   /* keeper_tend tries again: not each event */
		note_trouble(keeper, &keeper->why);
	else
		keeper_tend(keeper);
}
