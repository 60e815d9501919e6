/* page.h - a page for people: a Mustache template over the JSON that the API returns for the same address.
 *
 * Before rendering, values that people should not have to decode get a sibling: "opened_ms" an "opened_text" in the
 * reader's time zone, "throughput_bps" a "throughput_text" ("94.1 Mbit/s"), "state": "open" a "state_text" in the reader's
 * language (decorate.h). The template sees {data: that JSON, t: messages, page: {…}}.
 * Login takes {next, failed: true or error: text}, a problem RFC 9457's members. The language is changed by a link to the
 * same address with "lang=ru" in its query, which whoever makes the context honours.
 * Threads: pure. */
#ifndef PLUMBLINE_PAGE_H
#define PLUMBLINE_PAGE_H

#include <jansson.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "collector/web/zone.h"

struct page_context {
	const char *language;       /* "en" or "ru" */
	const char *time_zone;      /* IANA name, to be shown ... */
	const struct zone *zone;    /* ... and its times */
	const char *path;           /* of this page, for links and the language switch */
	const char *query;          /* or NULL */
	const char *person;         /* who reads, or NULL when nobody is logged in */
	const char *role;
	const char *csrf;           /* for forms, or NULL */
	int64_t now_ms;
};

/* template: "clients", "client", "history", "tickets", "ticket", "maintenance", "login", "problem". Fails only with ERR_INTERNAL. */
int page_render(const char *template, const json_t *data, const struct page_context *context, struct buf *ret_html,
		struct err *err);

/* The best of the languages there are for an Accept-Language header (NULL: English). */
const char *page_language(const char *accept_language);

#endif
