/* {"levels": [{…} for each], "ended": [episodes], "pending": [outages]}: each a row of fields with the names of the struct's
 * members. Choices and flags pass through int mirrors, which is what field tables can point at. */
#include "agent/watch/ladder_json.h"

#include "agent/base/json.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define INTEGER(type_, name_)                                                                                          \
	{ .name = #name_, .type = JSON_FIELD_INTEGER, .offset = offsetof(type_, name_), .max = INT64_MAX }
#define FLAG(type_, name_) { .name = #name_, .type = JSON_FIELD_FLAG, .required = true, .offset = offsetof(type_, name_) }
#define CHOICE(type_, name_, names_)                                                                                   \
	{ .name = #name_, .type = JSON_FIELD_CHOICE, .required = true, .offset = offsetof(type_, name_), .names = names_ }

struct episode_row {
	int level, confirmed;
	int64_t last_ok_before_us, started_us, last_fail_us, ended_us;
};

struct level_row {
	int state;
	int64_t first_success_us;
};

struct outage_row {
	int cause, brief;
	int64_t started_us, ended_us, down_us, shortest_us, longest_us;
};

static const struct json_field episode_fields[] = {
	CHOICE(struct episode_row, level, ladder_level_names), FLAG(struct episode_row, confirmed),
	INTEGER(struct episode_row, last_ok_before_us),        INTEGER(struct episode_row, started_us),
	INTEGER(struct episode_row, last_fail_us),             INTEGER(struct episode_row, ended_us),
};

static const struct json_field level_fields[] = {
	CHOICE(struct level_row, state, level_state_names),
	INTEGER(struct level_row, first_success_us),
};

static const struct json_field outage_fields[] = {
	CHOICE(struct outage_row, cause, outage_cause_names), FLAG(struct outage_row, brief),
	INTEGER(struct outage_row, started_us),               INTEGER(struct outage_row, ended_us),
	INTEGER(struct outage_row, down_us),                  INTEGER(struct outage_row, shortest_us),
	INTEGER(struct outage_row, longest_us),
};

/* --- writing --- */

static json_t *write_episode(const struct episode *episode)
{
	struct episode_row row = { (int)episode->level,  episode->confirmed,    episode->last_ok_before_us,
				   episode->started_us, episode->last_fail_us, episode->ended_us };

	return json_fields_write(episode_fields, COUNT(episode_fields), &row);
}

static json_t *write_level(const struct level_watch *watch)
{
	struct level_row row = { (int)watch->state, watch->first_success_us };
	json_t *object = json_fields_write(level_fields, COUNT(level_fields), &row);

	if (watch->state != LEVEL_UNTRIED && watch->state != LEVEL_UP)
		json_object_set_new(object, "episode", write_episode(&watch->episode));
	return object;
}

static json_t *write_outage(const struct outage *outage)
{
	struct outage_row row = { (int)outage->cause, outage->brief,       outage->started_us, outage->ended_us,
				  outage->down_us,    outage->shortest_us, outage->longest_us };

	return json_fields_write(outage_fields, COUNT(outage_fields), &row);
}

json_t *ladder_to_json(const struct ladder *ladder)
{
	json_t *levels = json_array(), *ended = json_array(), *pending = json_array();

	for (int i = 0; i < LEVEL_COUNT; i++)
		json_array_append_new(levels, write_level(&ladder->levels[i]));
	for (size_t i = 0; i < ladder->ended_count; i++)
		json_array_append_new(ended, write_episode(&ladder->ended[i]));
	for (size_t i = 0; i < ladder->pending_count; i++)
		json_array_append_new(pending, write_outage(&ladder->pending[i]));
	return json_pack("{s:o, s:o, s:o}", "levels", levels, "ended", ended, "pending", pending);
}

/* --- reading --- */

static int read_episode(const json_t *object, struct episode *ret_episode, struct err *err)
{
	struct episode_row row;

	if (json_fields_read(object, episode_fields, COUNT(episode_fields), &row, NULL, err) < 0)
		return err_wrap(err, "episode");
	*ret_episode = (struct episode){ (enum ladder_level)row.level, row.confirmed,    row.last_ok_before_us,
					 row.started_us,               row.last_fail_us, row.ended_us };
	return 0;
}

static int read_level(const json_t *object, struct level_watch *ret_watch, struct err *err)
{
	struct level_row row;

	if (json_fields_read(object, level_fields, COUNT(level_fields), &row, NULL, err) < 0)
		return err_wrap(err, "level");
	ret_watch->state = (enum level_state)row.state;
	ret_watch->first_success_us = row.first_success_us;
	if (ret_watch->state == LEVEL_UNTRIED || ret_watch->state == LEVEL_UP)
		return 0;
	return read_episode(json_object_get(object, "episode"), &ret_watch->episode, err);
}

static int read_outage(const json_t *object, struct outage *ret_outage, struct err *err)
{
	struct outage_row row;

	if (json_fields_read(object, outage_fields, COUNT(outage_fields), &row, NULL, err) < 0)
		return err_wrap(err, "outage");
	*ret_outage = (struct outage){ (enum outage_cause)row.cause, row.brief,       row.started_us, row.ended_us,
				       row.down_us,                  row.shortest_us, row.longest_us };
	return 0;
}

static int read_ladder(const json_t *object, struct ladder *ladder, struct err *err)
{
	const json_t *levels = json_object_get(object, "levels"), *ended = json_object_get(object, "ended");
	const json_t *pending = json_object_get(object, "pending");

	if (json_array_size(levels) != LEVEL_COUNT || json_array_size(ended) > LADDER_EPISODES_MAX ||
	    json_array_size(pending) > LADDER_EPISODES_MAX)
		return err_set(err, ERR_INPUT, "another number of levels or episodes than this program keeps");
	for (size_t i = 0; i < LEVEL_COUNT; i++)
		if (read_level(json_array_get(levels, i), &ladder->levels[i], err) < 0)
			return -1;
	for (; ladder->ended_count < json_array_size(ended); ladder->ended_count++)
		if (read_episode(json_array_get(ended, ladder->ended_count), &ladder->ended[ladder->ended_count], err) < 0)
			return -1;
	for (; ladder->pending_count < json_array_size(pending); ladder->pending_count++)
		if (read_outage(json_array_get(pending, ladder->pending_count), &ladder->pending[ladder->pending_count], err) < 0)
			return -1;
	return 0;
}

int ladder_from_json(const json_t *object, struct ladder *ladder, struct err *err)
{
	struct ladder prepared = *ladder;

	if (read_ladder(object, ladder, err) == 0)
		return 0;
	*ladder = prepared;
	return err_wrap(err, "ladder");
}
