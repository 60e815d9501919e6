#include "collector/decide/silence.h"

#include <math.h>

#include "agent/base/json.h"

#define HOUR_MS INT64_C(3600000)

const char *const contact_names[] = { "fresh", "late", "silent", NULL };
const char *const own_fault_names[] = { "address", "store", "disk", "clock", NULL };

int64_t silence_late_ms(const struct silence_rule *rule, int64_t heard_ms)
{
	return heard_ms + rule->late_reports * rule->report_ms;
}

enum contact silence_contact(const struct silence_rule *rule, int64_t heard_ms, int64_t now_ms, int64_t *ret_since_ms)
{
	int64_t late_ms = silence_late_ms(rule, heard_ms);
	int64_t silent_ms = heard_ms + rule->silent_reports * rule->report_ms + rule->silent_extra_ms;

	if (now_ms > silent_ms) {
		*ret_since_ms = silent_ms;
		return CONTACT_SILENT;
	}
	if (now_ms > late_ms) {
		*ret_since_ms = late_ms;
		return CONTACT_LATE;
	}
	*ret_since_ms = heard_ms;
	return CONTACT_FRESH;
}

bool silence_is_held(const struct silence_rule *rule, int64_t listening_ms, int64_t now_ms)
{
	return now_ms < listening_ms + rule->hold_reports * rule->report_ms + rule->hold_extra_ms;
}

int64_t silence_ticket_due(const struct silence_rule *rule, int64_t from_ms, int64_t now_ms)
{
	int64_t since_ms, due_ms = from_ms + rule->ticket_after_ms;

	if (silence_contact(rule, from_ms, now_ms, &since_ms) != CONTACT_SILENT || due_ms > now_ms)
		return JSON_ABSENT;
	return due_ms > since_ms ? due_ms : since_ms;
}

int64_t silence_at_once_ms(const struct silence_rule *rule)
{
	return 2 * rule->report_ms;
}

double silence_expected(const struct silence_rule *rule, const int64_t *late_in_hour, int weeks)
{
	double sum = 0;

	if (!weeks)
		return 0;
	for (int i = 0; i < weeks; i++)
		sum += (double)late_in_hour[i];
	return sum / weeks * (double)silence_at_once_ms(rule) / (double)HOUR_MS;
}

bool silence_is_mass(const struct silence_rule *rule, int64_t fallen, int64_t fresh, double expected)
{
	if (fallen >= rule->guard_least && fallen * 100 >= fresh * rule->guard_percent)
		return true;
	return (double)fallen > expected + (double)rule->guard_deviations * sqrt(expected + 1);
}

const struct silence_mass silence_mass_none = { JSON_ABSENT, JSON_ABSENT, 0, JSON_ABSENT, false };

bool silence_guard_is_active(const struct silence_mass *mass)
{
	return mass->from_ms != JSON_ABSENT && mass->ended_ms == JSON_ABSENT;
}

bool silence_mass_has(const struct silence_mass *mass, int64_t late_ms)
{
	return mass->from_ms != JSON_ABSENT && late_ms > mass->from_ms && late_ms <= mass->until_ms;
}

void silence_mass_extend(const struct silence_rule *rule, struct silence_mass *mass, bool is_own, int64_t now_ms)
{
	if (!silence_guard_is_active(mass)) {
		*mass = silence_mass_none;
		mass->from_ms = now_ms - silence_at_once_ms(rule);
		mass->is_own = is_own;
	}
	mass->until_ms = now_ms;
}

void silence_mass_count(const struct silence_rule *rule, struct silence_mass *mass, int64_t left, int64_t now_ms)
{
	if (!silence_guard_is_active(mass))
		return;
	if (left > mass->agents)
		mass->agents = left;
	if (left * 100 <= mass->agents * rule->guard_left_percent)
		mass->ended_ms = now_ms;
}

unsigned silence_own_faults(const struct silence_rule *rule, const struct own_facts *facts)
{
	const bool faulty[OWN_FAULT_COUNT] = {
		[OWN_ADDRESS] = !facts->is_answered,
		[OWN_STORE] = facts->commit_ms == JSON_ABSENT || facts->commit_ms >= rule->check_commit_ms,
		[OWN_DISK] = facts->disk_free_percent != JSON_ABSENT && facts->disk_free_percent <= rule->check_disk_percent,
		[OWN_CLOCK] = facts->clock_step_ms > rule->check_clock_step_ms || facts->clock_step_ms < -rule->check_clock_step_ms,
	};
	unsigned faults = 0;

	for (int i = 0; i < OWN_FAULT_COUNT; i++)
		faults |= (unsigned)faulty[i] << i;
	return faults;
}

void silence_self_look(const struct silence_rule *rule, struct self_state *self, unsigned faults, int64_t now_ms)
{
	bool is_over = !faults && self->failing_ms != JSON_ABSENT && now_ms - self->failing_ms > rule->report_ms;
	bool was_away = self->looked_ms != JSON_ABSENT && now_ms - self->looked_ms > rule->check_every_ms + rule->report_ms;

	if (is_over || was_away || faults & 1u << OWN_CLOCK)
		self->listening_ms = now_ms;
	if (!faults)
		self->failing_ms = JSON_ABSENT;
	else if (self->failing_ms == JSON_ABSENT)
		self->failing_ms = now_ms;
	self->looked_ms = now_ms;
	self->faults = faults;
}
