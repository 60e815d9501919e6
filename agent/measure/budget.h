/* budget.h - the bytes that measuring may take from a line in one month, and what is given up when they run out.
 * From 80 % on no capacity probe starts, from 95 % on the reference probe runs once an hour; heartbeats never stop.
 *
 * A month is UTC's. A clock that goes back (a machine that starts in 1970) does not make the count forget.
 *
 * Text:    "2026-11 5800000000": month and bytes used, for keeping it over a restart.
 * Units:   bytes, UTC milliseconds.
 * Source:  methodology 6 (P4). Threads: pure. */
#ifndef PLUMBLINE_BUDGET_H
#define PLUMBLINE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"

#define BUDGET_DEFAULT_BYTES INT64_C(20000000000)

enum budget_level { BUDGET_ALL, BUDGET_NO_CAPACITY, BUDGET_HOURLY };

struct budget {
	int64_t limit_bytes;
	int64_t used_bytes;
	int64_t month;          /* since year 0; 0: nothing was spent yet */
};

void budget_spend(struct budget *budget, int64_t bytes, int64_t now_ms);

enum budget_level budget_level(const struct budget *budget, int64_t now_ms);

/* What is left of the limit, at least 0. */
int64_t budget_left(const struct budget *budget, int64_t now_ms);

/* Whether a reference probe may run, when the one before ran at last_ms (JSON_ABSENT: none). */
bool budget_allows_reference(const struct budget *budget, int64_t now_ms, int64_t last_ms);

#define BUDGET_TEXT_SIZE 40
void budget_format(const struct budget *budget, char ret_text[BUDGET_TEXT_SIZE]);

/* Sets month and bytes used. Fails with ERR_INPUT. */
int budget_parse(const char *text, struct budget *budget, struct err *err);

#endif
