#include "collector/decide/absence.h"

#include <string.h>

const char *const absence_names[] = {
	"unexplained", "report", "power", "shutdown", "suspend", "agent", "carrier", "gateway", "access", NULL,
};

enum absence absence_of_cause(const char *cause)
{
	for (int i = ABSENCE_POWER; cause && i < ABSENCE_COUNT; i++)
		if (!strcmp(cause, absence_names[i]))
			return (enum absence)i;
	return ABSENCE_REPORT;
}

/* How much of the gap each covers; what is told twice counts once. */
static void add_up(const struct absence_fact *facts, size_t count, int64_t from_ms, int64_t to_ms, int64_t ret_ms[ABSENCE_COUNT])
{
	int64_t told_ms[ABSENCE_COUNT];

	for (int i = 0; i < ABSENCE_COUNT; i++)
		told_ms[i] = from_ms;
	for (size_t i = 0; i < count; i++) {
		int64_t *told = &told_ms[facts[i].what];
		int64_t begin_ms = facts[i].from_ms > *told ? facts[i].from_ms : *told;
		int64_t end_ms = facts[i].to_ms < to_ms ? facts[i].to_ms : to_ms;

		if (end_ms <= begin_ms)
			continue;
		ret_ms[facts[i].what] += end_ms - begin_ms;
		*told = end_ms;
	}
}

enum absence absence_explain(const struct absence_fact *facts, size_t count, int64_t from_ms, int64_t to_ms, int64_t *ret_ms)
{
	int64_t parts_ms[ABSENCE_COUNT] = { 0 };
	int64_t down_ms, rest_ms = to_ms - from_ms;
	int largest = ABSENCE_UNEXPLAINED;

	add_up(facts, count, from_ms, to_ms, parts_ms);
	/* While the line was down the agent was watching too. */
	down_ms = parts_ms[ABSENCE_CARRIER] + parts_ms[ABSENCE_GATEWAY] + parts_ms[ABSENCE_ACCESS];
	parts_ms[ABSENCE_REPORT] = parts_ms[ABSENCE_REPORT] > down_ms ? parts_ms[ABSENCE_REPORT] - down_ms : 0;
	for (int i = 0; i < ABSENCE_COUNT; i++)
		rest_ms -= parts_ms[i];
	parts_ms[ABSENCE_UNEXPLAINED] = rest_ms > 0 ? rest_ms : 0;
	for (int i = 0; i < ABSENCE_COUNT; i++)
		if (parts_ms[i] > parts_ms[largest])
			largest = i;
	*ret_ms = parts_ms[largest];
	return (enum absence)largest;
}
