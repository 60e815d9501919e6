/* exemption.h - stretches of event time in which something other than the line decided: what was measured then is kept
 * and shown, and not judged.
 * Source:  methodology 7 H5 (server, path, core, upstream), 5.2 (content), 9.4 and 11.3 D5 (maintenance).
 * Threads: pure. */
#ifndef PLUMBLINE_EXEMPTION_H
#define PLUMBLINE_EXEMPTION_H

#include <stdbool.h>
#include <stdint.h>

/* Stored as numbers: new ones go last. */
enum exemption_why {
	EXEMPT_MAINTENANCE,   /* announced work on a node above the line */
	EXEMPT_SERVER,        /* H5: the server, the way to it, the core or the upstream was at fault */
	EXEMPT_CONTENT,       /* several lines got other content at once, or no other line got it intact */
};

#define EXEMPT_BOTH_LEGS (-1)

struct exemption {
	int64_t from_ms, to_ms;   /* from <= t < to; INT64_MAX while it lasts */
	int leg;                  /* enum leg, or EXEMPT_BOTH_LEGS */
	enum exemption_why why;
};

/* The first of a list, ordered by from_ms, that holds at this time for this leg and reason's kind; NULL when none does. A content exemption
 * holds only for content (is_content), the others for all. */
const struct exemption *exemption_at(const struct exemption *list, int count, int leg, int64_t at_ms, bool is_content);

#endif
