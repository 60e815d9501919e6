#include "agent/watch/event.h"

#include "agent/base/json.h"

int64_t event_date_ms(const struct event_boot *boot, int64_t at_us)
{
	return boot->ref.realtime_ms - (boot->ref.boottime_us - at_us) / 1000;
}

static json_t *make(const struct event_boot *boot, int64_t from_us, int64_t to_us)
{
	return json_pack("{s:s, s:I, s:I, s:I}", "boot", boot->id, "started_ms", (json_int_t)event_date_ms(boot, from_us),
			 "ended_ms", (json_int_t)event_date_ms(boot, to_us), "boottime_us", (json_int_t)from_us);
}

static void set_integer(json_t *object, const char *name, int64_t value)
{
	json_object_set_new(object, name, json_integer(value));
}

static void set_interruption(json_t *object, enum outage_cause cause, bool brief, int64_t down_ms, int64_t shortest_ms,
			     int64_t longest_ms)
{
	json_object_set_new(object, "cause", json_string(outage_cause_names[cause]));
	json_object_set_new(object, "brief", json_boolean(brief));
	set_integer(object, "down_ms", down_ms);
	set_integer(object, "shortest_ms", shortest_ms);
	set_integer(object, "longest_ms", longest_ms);
}

json_t *event_outage(const struct event_boot *boot, const struct outage *outage)
{
	json_t *object = make(boot, outage->started_us, outage->ended_us);

	set_interruption(object, outage->cause, outage->brief, outage->down_us / 1000, outage->shortest_us / 1000,
			 outage->longest_us / 1000);
	return object;
}

json_t *event_outage_open(const struct event_boot *boot, const struct outage *so_far)
{
	json_t *object = event_outage(boot, so_far);

	json_object_del(object, "ended_ms");
	return object;
}

json_t *event_gap(const struct gap *gap, const struct alive *before, int64_t uncertain_ms)
{
	int64_t length_ms = gap->ended_ms - gap->started_ms;
	json_t *object = json_pack("{s:s, s:I, s:I, s:I}", "boot", before->boot_id, "started_ms", (json_int_t)gap->started_ms,
				   "ended_ms", (json_int_t)gap->ended_ms, "boottime_us", (json_int_t)before->at.boottime_us);

	set_interruption(object, gap->cause, false, length_ms, length_ms > uncertain_ms ? length_ms - uncertain_ms : 0, length_ms);
	return object;
}

json_t *event_clock_step(const struct gap *gap, const struct instant *now)
{
	return json_pack("{s:I, s:I, s:I}", "at_ms", (json_int_t)now->realtime_ms, "step_ms", (json_int_t)gap->clock_step_ms,
			 "boottime_us", (json_int_t)now->boottime_us);
}

json_t *event_alive(const struct event_boot *boot, int64_t from_us, int64_t to_us, int synced)
{
	json_t *object = make(boot, from_us, to_us);

	if (synced != JSON_ABSENT)
		json_object_set_new(object, "synced", json_boolean(synced));
	return object;
}

json_t *event_latency(const struct event_boot *boot, enum ladder_level level, const struct reach_target *target,
		      const struct latency_figures *figures)
{
	json_t *object = make(boot, figures->from_us, figures->to_us), *members = latency_figures_to_json(figures);

	json_object_set_new(object, "target", json_string(ladder_level_names[level]));
	json_object_set_new(object, "host", json_string(target->host));
	json_object_set_new(object, "way", json_string(echo_way_names[target->way]));
	json_object_update(object, members);
	json_decref(members);
	return object;
}
