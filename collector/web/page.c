#include "collector/web/page.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/measurement.h"
#include "collector/http/url.h"
#include "collector/web/assets.h"
#include "collector/web/decorate.h"
#include "collector/web/messages.h"
#include "collector/web/mustache.h"
#include "collector/web/svg.h"

/* A page is made in four steps: the API's JSON is copied; what the template needs beside it is added (pictures, tables,
 * titles: a prepare function for each template); texts for people are added (decorate.h); the layout is rendered, whose
 * partial "content" is the page's template. */

#define DAY_MS        INT64_C(86400000)
#define LONG_MS       (90 * DAY_MS)
#define PICTURE_PX    190
#define HISTORY_PX    320
#define PARAMETER_MAX 256

struct draft {
	json_t *data;                 /* a copy of the API's answer */
	json_t *page;
	const struct page_context *context;
	struct reader reader;
};

static void prepare_clients(struct draft *draft);
static void prepare_client(struct draft *draft);
static void prepare_history(struct draft *draft);
static void prepare_tickets(struct draft *draft);
static void prepare_ticket(struct draft *draft);
static void prepare_maintenance(struct draft *draft);
static void prepare_incidents(struct draft *draft);
static void prepare_agents(struct draft *draft);
static void prepare_incident(struct draft *draft);
static void prepare_problem(struct draft *draft);

static const struct kind {
	const char *template;
	const char *section;          /* of the navigation */
	const char *title_key;        /* NULL: prepare sets the title */
	void (*prepare)(struct draft *draft);
} kinds[] = {
	{ "clients", "clients", "title.clients", prepare_clients },
	{ "client",  "clients", NULL,            prepare_client },
	{ "history", "clients", NULL,            prepare_history },
	{ "tickets", "tickets", "title.tickets", prepare_tickets },
	{ "ticket",  "tickets", NULL,            prepare_ticket },
	{ "maintenance", "maintenance", "title.maintenance", prepare_maintenance },
	{ "incidents", "incidents", "title.incidents", prepare_incidents },
	{ "incident", "incidents", NULL,         prepare_incident },
	{ "agents",  "agents",  "title.agents",  prepare_agents },
	{ "login",   "",        "title.login",   NULL },
	{ "problem", "",        NULL,            prepare_problem },
};

static const char *const tiers[] = { "A", "B", "C", NULL };
static const char *const qualities[] = { "good", "bad", "unmeasured", NULL };
static const char *const states[] = {
	"unclosed", "open", "accepted", "fixed", "returned", "proven", "closed", "withdrawn", NULL,
};

static const char *const incident_states[] = { "open", "proven", "closed", "withdrawn", NULL };

static const char *const contacts[] = { "fresh", "late", "silent", NULL };

static const struct filter {
	const char *template, *name;
	const char *const *choices;   /* NULL: free text */
	const char *prefix;           /* of the choices' messages */
} filters[] = {
	{ "clients", "q",       NULL,      NULL },
	{ "clients", "tier",    tiers,     "tier" },
	{ "clients", "manager", NULL,      NULL },
	{ "clients", "quality", qualities, "quality" },
	{ "tickets", "state",   states,    "state" },
	{ "tickets", "client",  NULL,      NULL },
	{ "tickets", "holder",  NULL,      NULL },
	{ "incidents", "state", incident_states, "state" },
	{ "agents", "contact",  contacts,  "contact" },
};

static const struct {
	const char *code, *name;
} languages[] = { { "en", "English" }, { "ru", "Русский" } };

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *text_at(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static void set_title(struct draft *draft, const char *first, const char *second)
{
	json_object_set_new(draft->page, "title", json_sprintf("%s%s%s", first, *second ? " " : "", second));
}

/* {name: items} or, when there are none, null: sections that stand around a table. */
static json_t *table_of(const char *name, json_t *items)
{
	return json_array_size(items) ? json_pack("{s:O}", name, items) : json_null();
}

/* The query's parameters as sent, without one of them and without empty ones; ends with "&" unless it is empty. */
static void append_query(struct buf *buf, const char *query, const char *without)
{
	size_t without_length = strlen(without);

	while (query && *query) {
		size_t length = strcspn(query, "&"), name_length = strcspn(query, "=&");
		bool is_left_out = name_length == without_length && !strncmp(query, without, name_length);

		if (!is_left_out && name_length + 1 < length) {
			buf_append(buf, query, length);
			buf_append_text(buf, "&");
		}
		query += length + (query[length] == '&');
	}
}

static json_t *make_languages(const struct page_context *context)
{
	json_t *list = json_array();

	for (size_t i = 0; i < COUNT(languages); i++) {
		struct buf href = { 0 };

		buf_append_text(&href, "?");
		append_query(&href, context->query, "lang");
		buf_printf(&href, "lang=%s", languages[i].code);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b}", "code", languages[i].code, "name",
						      languages[i].name, "href", buf_text(&href), "current",
						      !strcmp(languages[i].code, context->language)));
		buf_free(&href);
	}
	return list;
}

static json_t *make_filter(const struct filter *filter, const struct draft *draft)
{
	char value[PARAMETER_MAX] = "";
	json_t *choices = json_array();

	if (draft->context->query && !url_query_get(draft->context->query, filter->name, value, sizeof value))
		value[0] = '\0';
	for (size_t i = 0; filter->choices && filter->choices[i]; i++) {
		const char *choice = filter->choices[i];

		json_array_append_new(choices, json_pack("{s:s, s:s, s:b}", "value", choice, "text",
							 decorate_word(&draft->reader, filter->prefix, choice), "chosen",
							 !strcmp(choice, value)));
	}
	return json_pack("{s:s, s:o}", "value", value, "choices", choices);
}

static json_t *make_filters(const struct kind *kind, const struct draft *draft)
{
	json_t *all = json_object();

	for (size_t i = 0; i < COUNT(filters); i++)
		if (!strcmp(filters[i].template, kind->template))
			json_object_set_new(all, filters[i].name, make_filter(&filters[i], draft));
	return all;
}

static void add_next(struct draft *draft)
{
	const char *cursor = text_at(draft->data, "cursor");
	struct buf href = { 0 };

	if (!*cursor)
		return;
	buf_append_text(&href, "?");
	append_query(&href, draft->context->query, "cursor");
	buf_append_text(&href, "cursor=");
	url_append_encoded(&href, cursor, "");
	json_object_set_new(draft->page, "next", json_string(buf_text(&href)));
	buf_free(&href);
}

static json_t *make_page(const struct kind *kind, const struct draft *draft)
{
	const struct page_context *context = draft->context;

	return json_pack("{s:s, s:s, s:s?, s:s, s:s?, s:s, s:{s:b}, s:o, s:o, s:s?}",
			 "language", context->language,
			 "path", context->path,
			 "person", context->person,
			 "role_text", decorate_word(&draft->reader, "role", context->role ? context->role : ""),
			 "csrf", context->csrf,
			 "time_zone", context->time_zone,
			 "section", kind->section, true,
			 "languages", make_languages(context),
			 "filter", make_filters(kind, draft),
			 "title", kind->title_key ? message_text(context->language, kind->title_key) : NULL);
}

static void add_legend(struct draft *draft)
{
	json_t *legend = json_array();

	for (int i = JUDGED_GOOD; i <= JUDGED_SKIPPED; i++) {
		struct buf mark = { 0 };

		svg_mark((enum judgement)i, &mark);
		json_array_append_new(legend, json_pack("{s:s, s:s}", "mark", buf_text(&mark), "text",
							decorate_word(&draft->reader, "judgement", judgement_names[i])));
		buf_free(&mark);
	}
	json_object_set_new(draft->page, "legend", legend);
}

/* The newest of a leg, borrowed, or NULL. */
static json_t *find_latest(const json_t *items, const char *leg)
{
	for (size_t i = json_array_size(items); i > 0; i--) {
		json_t *item = json_array_get(items, i - 1);

		if (!strcmp(text_at(item, "leg"), leg))
			return item;
	}
	return NULL;
}

/* What is shown of one leg: {leg, threshold_bps?, latest, svg}; view->leg says which. The threshold is the one given or,
 * failing that, the one of the latest measurement. */
static json_t *make_leg(const json_t *items, struct svg_view view)
{
	json_t *latest = find_latest(items, view.leg), *leg;
	struct buf svg = { 0 };

	if (view.threshold_bps <= 0)
		view.threshold_bps = json_integer_value(json_object_get(latest, "threshold_bps"));
	svg_throughput(items, &view, &svg);
	leg = json_pack("{s:s, s:O?, s:s}", "leg", view.leg, "latest", latest, "svg", buf_text(&svg));
	if (view.threshold_bps > 0)
		json_object_set_new(leg, "threshold_bps", json_integer(view.threshold_bps));
	buf_free(&svg);
	return leg;
}

/* The legs that were measured. */
static json_t *make_legs(const json_t *items, struct svg_view view)
{
	json_t *legs = json_array();

	for (int i = 0; i < LEG_COUNT; i++) {
		view.leg = leg_names[i];
		if (find_latest(items, view.leg))
			json_array_append_new(legs, make_leg(items, view));
	}
	return legs;
}

static void span_of(const json_t *items, int64_t *ret_from_ms, int64_t *ret_to_ms)
{
	const json_t *item;
	size_t i;

	json_array_foreach((json_t *)items, i, item) {
		int64_t at_ms = json_integer_value(json_object_get(item, "started_ms"));

		if (i == 0 || at_ms < *ret_from_ms)
			*ret_from_ms = at_ms;
		if (i == 0 || at_ms > *ret_to_ms)
			*ret_to_ms = at_ms;
	}
}

/* The page looks again soon while an order stands. */
static void prepare_orders(json_t *orders)
{
	json_t *order;
	size_t i;

	json_array_foreach(orders, i, order)
		json_object_set_new(order, "stands", json_boolean(!strcmp(text_at(order, "state"), "placed")));
}

static void prepare_clients(struct draft *draft)
{
	json_object_set_new(draft->data, "table", table_of("clients", json_object_get(draft->data, "items")));
	add_next(draft);
}

static void prepare_tickets(struct draft *draft)
{
	json_object_set_new(draft->data, "table", table_of("tickets", json_object_get(draft->data, "items")));
	add_next(draft);
}

static void prepare_agents(struct draft *draft)
{
	json_object_set_new(draft->data, "table", table_of("agents", json_object_get(draft->data, "items")));
	add_next(draft);
}

/* The leg's last 90 days as a second picture, unless they are all empty. */
static void add_days(json_t *leg, const json_t *days, int64_t threshold_bps, const struct draft *draft)
{
	const struct svg_view view = {
		.reader = &draft->reader, .leg = text_at(leg, "leg"), .threshold_bps = threshold_bps,
		.from_ms = draft->context->now_ms - LONG_MS, .to_ms = draft->context->now_ms, .height_px = PICTURE_PX,
	};
	struct buf svg = { 0 };

	if (!find_latest(days, view.leg))
		return;
	svg_throughput(days, &view, &svg);
	json_object_set_new(leg, "days_svg", json_string(buf_text(&svg)));
	buf_free(&svg);
}

/* No time at all needs no words. */
static void drop_zero(json_t *object, const char *name)
{
	if (!json_integer_value(json_object_get(object, name)))
		json_object_del(object, name);
}

/* {outages: items}, the newest first, or null. */
static json_t *make_outage_table(const json_t *items)
{
	json_t *newest_first = json_array(), *table;

	for (size_t i = json_array_size(items); i > 0; i--) {
		drop_zero(json_array_get(items, i - 1), "in_maintenance_ms");
		json_array_append(newest_first, json_array_get(items, i - 1));
	}
	table = table_of("outages", newest_first);
	json_decref(newest_first);
	return table;
}

/* A client's line gets both legs, measured or not: each with its quality, what is promised, and its picture up to now. */
static void prepare_line(json_t *line, const struct draft *draft)
{
	static const char *const thresholds[LEG_COUNT] = { [LEG_LOCAL] = "local_bps", [LEG_HUB] = "hub_bps" };
	json_t *items = json_object_get(json_object_get(line, "recent"), "items"), *legs = json_array();
	json_t *outages = json_object_get(line, "outages");
	const json_t *fast = json_object_get(json_object_get(line, "quality"), "fast");
	int64_t from_ms = draft->context->now_ms - DAY_MS, to_ms = draft->context->now_ms;

	span_of(items, &from_ms, &to_ms);
	if (to_ms < draft->context->now_ms)
		to_ms = draft->context->now_ms;
	for (int i = 0; i < LEG_COUNT; i++) {
		json_t *promised = json_object_get(json_object_get(line, "thresholds"), thresholds[i]);
		json_t *leg = make_leg(items, (struct svg_view){
			.reader = &draft->reader, .leg = leg_names[i], .threshold_bps = json_integer_value(promised),
			.from_ms = from_ms, .to_ms = to_ms, .height_px = PICTURE_PX,
		});

		json_object_set(leg, "good", json_object_get(fast, leg_names[i]));
		add_days(leg, json_object_get(json_object_get(line, "days"), "items"), json_integer_value(promised), draft);
		json_array_append_new(legs, leg);
	}
	prepare_orders(json_object_get(line, "orders"));
	if (json_is_object(outages))
		json_object_set_new(outages, "table", make_outage_table(json_object_get(outages, "items")));
	drop_zero(json_object_get(outages, "availability"), "down_ms");
	json_object_set_new(line, "legs", legs);
	json_object_del(line, "recent");
	json_object_del(line, "days");
}

static void prepare_client(struct draft *draft)
{
	json_t *tickets = json_object_get(draft->data, "tickets"), *line;
	size_t i;

	json_array_foreach(json_object_get(draft->data, "lines"), i, line)
		prepare_line(line, draft);
	drop_zero(json_object_get(draft->data, "availability"), "down_ms");
	if (json_is_object(tickets))   /* a list as the API pages it */
		tickets = json_object_get(tickets, "items");
	json_object_set_new(draft->data, "table", table_of("tickets", tickets));
	json_object_del(draft->data, "tickets");
	set_title(draft, text_at(draft->data, "name"), "");
	add_legend(draft);
}

static void add_period(struct draft *draft, json_t *periods, const char *key, int64_t from_ms, int64_t to_ms,
		       bool is_current)
{
	json_t *href = json_sprintf("?from_ms=%" PRId64 "&to_ms=%" PRId64, from_ms, to_ms);

	json_array_append_new(periods, json_pack("{s:o, s:s, s:b}", "href", href, "text",
						 message_text(draft->context->language, key), "current", is_current));
}

static void add_periods(struct draft *draft, int64_t from_ms, int64_t to_ms)
{
	static const struct {
		const char *key;
		int64_t span_ms;
	} rows[] = { { "history.day", DAY_MS }, { "history.week", 7 * DAY_MS }, { "history.month", 30 * DAY_MS },
		     { "history.quarter", 90 * DAY_MS }, { "history.year", 365 * DAY_MS } };
	int64_t now_ms = draft->context->now_ms, span_ms = to_ms - from_ms;
	json_t *periods = json_array();

	add_period(draft, periods, "history.earlier", from_ms - span_ms, from_ms, false);
	for (size_t i = 0; i < COUNT(rows); i++)
		add_period(draft, periods, rows[i].key, now_ms - rows[i].span_ms, now_ms, span_ms == rows[i].span_ms);
	if (to_ms < now_ms)
		add_period(draft, periods, "history.later", to_ms, to_ms + span_ms, false);
	json_object_set_new(draft->page, "periods", periods);
}

/* Tables read from the newest down: measurements, and what others were rolled up to. */
static void add_history_tables(struct draft *draft, const json_t *items)
{
	json_t *measurements = json_array(), *rollups = json_array();

	for (size_t i = json_array_size(items); i > 0; i--) {
		json_t *item = json_array_get(items, i - 1);

		json_array_append(json_object_get(item, "span_ms") ? rollups : measurements, item);
	}
	json_object_set_new(draft->data, "table", table_of("measurements", measurements));
	json_object_set_new(draft->data, "rollup_table", table_of("rollups", rollups));
	json_object_set_new(draft->data, "is_empty", json_boolean(!json_array_size(items)));
	json_decref(measurements);
	json_decref(rollups);
}

static void prepare_history(struct draft *draft)
{
	json_t *items = json_object_get(draft->data, "items");
	struct svg_view view = {
		.reader = &draft->reader,
		.from_ms = json_integer_value(json_object_get(draft->data, "from_ms")),
		.to_ms = json_integer_value(json_object_get(draft->data, "to_ms")),
		.height_px = HISTORY_PX,
	};

	json_object_set_new(draft->data, "legs", make_legs(items, view));
	add_history_tables(draft, items);
	json_object_del(draft->data, "items");
	prepare_orders(json_object_get(json_object_get(draft->data, "line"), "orders"));
	add_periods(draft, view.from_ms, view.to_ms);
	set_title(draft, message_text(draft->context->language, "title.history"),
		  text_at(json_object_get(draft->data, "line"), "id"));
	add_legend(draft);
}

/* slow-local's other leg is the hub, and the other way round. */
static const char *other_leg(const char *leg)
{
	return leg_names[strcmp(leg, leg_names[LEG_LOCAL]) ? LEG_LOCAL : LEG_HUB];
}

static void prepare_evidence(json_t *evidence, const char *leg, const struct draft *draft)
{
	json_t *own = json_object_get(evidence, "measurements"), *other = json_object_get(evidence, other_leg(leg)), *entry;
	json_t *both = json_array();
	struct svg_view view = { .reader = &draft->reader, .height_px = PICTURE_PX };
	size_t i;

	json_array_extend(both, own);
	json_array_extend(both, other);
	span_of(both, &view.from_ms, &view.to_ms);
	json_object_set_new(evidence, "legs", make_legs(both, view));
	json_decref(both);
	drop_zero(json_object_get(evidence, "availability"), "down_ms");
	json_object_set_new(evidence, "outage_table", make_outage_table(json_object_get(evidence, "outages")));
	json_object_set_new(evidence, "table", table_of("measurements", own));
	json_object_set_new(evidence, "other_table", table_of("measurements", other));
	json_array_foreach(json_object_get(evidence, "later"), i, entry) {
		json_object_set_new(entry, "outage_table", make_outage_table(json_object_get(entry, "outages")));
		json_object_set_new(entry, "table", table_of("measurements", json_object_get(entry, "measurements")));
	}
}

static void prepare_ticket(struct draft *draft)
{
	prepare_orders(json_object_get(draft->data, "orders"));
	json_object_set_new(draft->page, "has_moves", json_boolean(json_object_size(json_object_get(draft->data, "moves"))));
	prepare_evidence(json_object_get(draft->data, "evidence"), text_at(draft->data, "leg"), draft);
	set_title(draft, decorate_word(&draft->reader, "defect", text_at(draft->data, "defect")), "");
	add_legend(draft);
}

static void prepare_maintenance(struct draft *draft)
{
	json_t *items = json_object_get(draft->data, "items"), *item;
	size_t i;

	json_array_foreach(items, i, item) {
		const char *state = text_at(item, "state");

		json_object_set_new(item, "may_end", json_boolean(json_is_true(json_object_get(draft->data, "may_plan")) &&
								  (!strcmp(state, "planned") || !strcmp(state, "running"))));
	}
	json_object_set_new(draft->data, "table", table_of("works", items));
	add_next(draft);
}

/* Texts separated by commas. */
static json_t *join(const json_t *texts)
{
	struct buf buf = { 0 };
	json_t *text, *joined;
	size_t i;

	json_array_foreach((json_t *)texts, i, text)
		buf_printf(&buf, "%s%s", i ? ", " : "", json_string_value(text));
	joined = json_string(buf_text(&buf));
	buf_free(&buf);
	return joined;
}

static void prepare_one_incident(json_t *incident)
{
	json_t *alternatives = json_object_get(incident, "alternatives"), *alternative, *texts = json_array();
	size_t i;

	json_array_foreach(alternatives, i, alternative)
		json_array_append_new(texts, join(alternative));
	json_object_set_new(incident, "culprits_text", join(json_object_get(incident, "culprits")));
	json_object_set_new(incident, "alternatives_text", join(texts));
	json_object_set_new(incident, "line_count", json_integer((json_int_t)json_array_size(json_object_get(incident, "lines"))));
	json_object_set_new(incident, "ticket_count", json_integer((json_int_t)json_array_size(json_object_get(incident, "tickets"))));
	json_object_set_new(incident, "possible", json_boolean(!strcmp(text_at(incident, "confidence"), "low")));
	json_decref(texts);
}

static void prepare_incidents(struct draft *draft)
{
	json_t *items = json_object_get(draft->data, "items"), *incident;
	size_t i;

	json_array_foreach(items, i, incident)
		prepare_one_incident(incident);
	json_object_set_new(draft->data, "table", table_of("incidents", items));
	add_next(draft);
}

static void prepare_incident(struct draft *draft)
{
	json_t *children = json_object_get(json_object_get(draft->data, "children"), "items");
	json_t *lines = json_object_get(draft->data, "lines"), *line, *objects = json_array();
	size_t i;

	prepare_one_incident(draft->data);
	json_array_foreach(lines, i, line)
		json_array_append_new(objects, json_pack("{s:O}", "line", line));
	json_object_set_new(draft->data, "line_list", table_of("lines", objects));
	json_object_set_new(draft->data, "table", table_of("tickets", children));
	json_decref(objects);
	set_title(draft, decorate_word(&draft->reader, "kind", text_at(draft->data, "kind")), text_at(draft->data, "culprits_text"));
}

static void prepare_problem(struct draft *draft)
{
	const char *title;
	char key[32];

	snprintf(key, sizeof key, "problem.%" JSON_INTEGER_FORMAT,
		 json_integer_value(json_object_get(draft->data, "status")));
	title = message_text(draft->context->language, key);
	set_title(draft, title ? title : message_text(draft->context->language, "problem.other"), "");
}

static const char *find_asset(const char *folder_and_name, size_t *ret_length)
{
	for (const struct asset *asset = web_assets; asset->name; asset++)
		if (!strcmp(asset->name, folder_and_name)) {
			*ret_length = asset->length;
			return asset->bytes;
		}
	return NULL;
}

/* context is the page's template, which the layout knows as "content". */
static const char *find_template(const void *context, const char *name, size_t *ret_length)
{
	char path[96];

	snprintf(path, sizeof path, "templates/%.64s.mustache", strcmp(name, "content") ? name : (const char *)context);
	return find_asset(path, ret_length);
}

static const struct kind *find_kind(const char *template)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (!strcmp(kinds[i].template, template))
			return &kinds[i];
	return NULL;
}

static int render(const struct kind *kind, const struct draft *draft, struct buf *ret_html, struct err *err)
{
	const struct mustache_partials partials = { .find = find_template, .context = kind->template };
	json_t *root = json_pack("{s:O, s:o, s:O}", "data", draft->data, "t", messages_json(draft->context->language),
				 "page", draft->page);
	const char *layout;
	size_t length;
	int rc;

	layout = find_template(kind->template, "layout", &length);
	rc = mustache_render(layout, length, root, &partials, ret_html, err);
	json_decref(root);
	return rc < 0 ? err_set(err, ERR_INTERNAL, "page %s cannot be rendered", kind->template) : 0;
}

int page_render(const char *template, const json_t *data, const struct page_context *context, struct buf *ret_html,
		struct err *err)
{
	const struct kind *kind = find_kind(template);
	struct draft draft = { .context = context, .reader = { context->language, context->zone } };
	int rc;

	if (!kind)
		return err_set(err, ERR_INTERNAL, "there is no page %s", template);
	draft.data = json_is_object(data) ? json_deep_copy(data) : json_object();
	draft.page = make_page(kind, &draft);
	if (kind->prepare)
		kind->prepare(&draft);
	decorate(draft.data, &draft.reader);
	rc = render(kind, &draft, ret_html, err);
	json_decref(draft.page);
	json_decref(draft.data);
	return rc;
}

const char *page_language(const char *accept_language)
{
	const char *best = languages[0].code;
	double best_q = 0;

	while (accept_language && *accept_language) {
		size_t length = strcspn(accept_language, ","), range;
		const char *quality = memmem(accept_language, length, "q=", 2);
		double q = quality ? strtod(quality + 2, NULL) : 1;

		accept_language += strspn(accept_language, " \t");
		range = strcspn(accept_language, "-;, ");
		for (size_t i = 0; i < COUNT(languages); i++)
			if (range == 2 && !strncasecmp(accept_language, languages[i].code, 2) && q > best_q) {
				best = languages[i].code;
				best_q = q;
			}
		accept_language += strcspn(accept_language, ",");
		accept_language += *accept_language == ',';
	}
	return best;
}
