#include "agent/measure/budget.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "agent/base/json.h"

#define NO_CAPACITY_PERCENT 80
#define HOURLY_PERCENT      95
#define HOUR_MS             INT64_C(3600000)

static int64_t month_of(int64_t now_ms)
{
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm utc;

	gmtime_r(&seconds, &utc);
	return (int64_t)(utc.tm_year + 1900) * 12 + utc.tm_mon;
}

static int64_t used(const struct budget *budget, int64_t now_ms)
{
	return month_of(now_ms) > budget->month ? 0 : budget->used_bytes;
}

void budget_spend(struct budget *budget, int64_t bytes, int64_t now_ms)
{
	int64_t month = month_of(now_ms);

	budget->used_bytes = used(budget, now_ms) + bytes;
	if (month > budget->month)
		budget->month = month;
}

enum budget_level budget_level(const struct budget *budget, int64_t now_ms)
{
	__int128 hundredfold = (__int128)used(budget, now_ms) * 100;

	if (hundredfold >= (__int128)budget->limit_bytes * HOURLY_PERCENT)
		return BUDGET_HOURLY;
	return hundredfold >= (__int128)budget->limit_bytes * NO_CAPACITY_PERCENT ? BUDGET_NO_CAPACITY : BUDGET_ALL;
}

int64_t budget_left(const struct budget *budget, int64_t now_ms)
{
	int64_t left = budget->limit_bytes - used(budget, now_ms);

	return left > 0 ? left : 0;
}

bool budget_allows_reference(const struct budget *budget, int64_t now_ms, int64_t last_ms)
{
	if (budget_level(budget, now_ms) != BUDGET_HOURLY || last_ms == JSON_ABSENT)
		return true;
	return now_ms / HOUR_MS != last_ms / HOUR_MS;
}

void budget_format(const struct budget *budget, char ret_text[BUDGET_TEXT_SIZE])
{
	snprintf(ret_text, BUDGET_TEXT_SIZE, "%04" PRId64 "-%02" PRId64 " %" PRId64, budget->month / 12, budget->month % 12 + 1,
		 budget->used_bytes);
}

int budget_parse(const char *text, struct budget *budget, struct err *err)
{
	int64_t year, month, bytes;
	char end;

	if (sscanf(text, "%4" SCNd64 "-%2" SCNd64 " %18" SCNd64 "%c", &year, &month, &bytes, &end) != 3 || year < 0 || month < 1 ||
	    month > 12 || bytes < 0)
		return err_set(err, ERR_INPUT, "budget: \"%.60s\" is not a month and bytes", text);
	budget->month = year * 12 + month - 1;
	budget->used_bytes = bytes;
	return 0;
}
