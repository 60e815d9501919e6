/* survey.h - asks the servers of reference files how long the files are, and over which versions of IP they answer.
 * Ownership: frees itself after done; survey_abort frees it early. Threads: the loop's.
 * Source:    methodology 3 (S3: the ladder is made of the files a leg has), 4 (IPRESOLVE fixed per probe). */
#ifndef PLUMBLINE_SURVEY_H
#define PLUMBLINE_SURVEY_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/fetch.h"

struct survey;

struct survey_answer {
	int64_t size_bytes;      /* 0: not told */
	bool has_ipv4, has_ipv6;
	char interface[IF_NAMESIZE];   /* that leads to the server; "" when it did not answer, or nobody knows */
};

/* Asks all at once, over both versions, by HEAD, for at most three seconds. done comes once, from the loop, with an answer
 * for each URL. interface may be NULL. */
struct survey *survey_start(struct fetch *fetch, const struct clock *clock, const char *const *urls, size_t count,
			    const char *interface, void (*done)(void *arg, const struct survey_answer *answers), void *arg);

/* The versions (CURL_IPRESOLVE_...) to probe such a file over, one probe each: two where both answered, else one, whichever
 * works. Returns how many. */
#define SURVEY_VERSIONS 2
int survey_versions(const struct survey_answer *answer, long ret_versions[SURVEY_VERSIONS]);

/* Ends it without done. */
void survey_abort(struct survey *survey);

#endif
