#include "collector/web/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/web/assets.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define NBSP         "\xc2\xa0"
#define WANTS_MAX    16

/* A client may be called anything. */
#define HOSTILE "<script>alert('x')</script>&\\\"{{t.nav.skip}}"
#define ESCAPED "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;{{t.nav.skip}}"

#define QUALITY(good, reason)                                                                                          \
	"\"quality\": {\"good\": \"" good "\", \"fast\": {\"local\": \"" good "\", \"hub\": \"good\"}, "               \
	"\"reliable\": \"unmeasured\", \"reason\": \"" reason "\", \"coverage\": 98}"
#define MEASUREMENT(leg, at_ms, bps, judgement)                                                                        \
	"{\"leg\": \"" leg "\", \"started_ms\": " at_ms ", \"throughput_bps\": " bps ", \"threshold_bps\": 80000000, " \
	"\"judgement\": \"" judgement "\", \"reason\": \"contended\"}"
#define TICKET                                                                                                         \
	"\"id\": \"t/1\", \"client\": \"4 2\", \"client_name\": \"" HOSTILE "\", \"line\": \"line-7\", "               \
	"\"defect\": \"slow-local\", \"leg\": \"local\", \"state\": \"accepted\", \"holder\": \"ivanov\", "           \
	"\"opened_ms\": 1795350000000, \"defect_from_ms\": 1795345000000, \"reopen_count\": 0, \"unverified\": false"

#define ORDER(state)                                                                                                   \
	"{\"id\": \"o-1\", \"leg\": \"hub\", \"placed_ms\": 1795359980000, \"by\": \"ivanov\", \"state\": \"" state "\""

static const char clients[] =
	"{\"items\": [{\"id\": \"4 2\", \"name\": \"" HOSTILE "\", \"tier\": \"A\", \"key\": true, \"manager\": \"Petrova\", "
	QUALITY("bad", "slow-local") ", \"lines\": [{\"id\": \"line-7\", " QUALITY("bad", "slow-local") "}]}], "
	"\"cursor\": \"a+b\"}";
static const char client[] =
	"{\"id\": \"4 2\", \"name\": \"" HOSTILE "\", \"tier\": \"A\", \"key\": true, \"manager\": \"Petrova\", "
	"\"contact_name\": \"Semyon\", \"contact_phone\": \"+7 495\", \"contact_email\": \"\", " QUALITY("bad", "slow-local")
	", \"lines\": [{\"id\": \"line-7\", \"node\": \"b2\", \"address\": \"Lenina 12\", \"service_plan\": \"office-100\", "
	"\"agent\": \"a-1\", " QUALITY("bad", "slow-local") ", \"thresholds\": {\"local_bps\": 80000000, \"hub_bps\": null}, "
	"\"recent\": {\"items\": [" MEASUREMENT("local", "1795350000000", "94100000", "good") ", "
	MEASUREMENT("local", "1795360000000", "51000000", "bad") "]}, \"may_order\": true, \"orders\": ["
	ORDER("placed") "}, " ORDER("answered") ", \"answer\": " MEASUREMENT("hub", "1795359988000", "12300000", "bad") "}]}, "
	"{\"id\": \"line-8\", \"node\": \"b3\", \"address\": \"\", \"service_plan\": \"\", \"agent\": null, "
	QUALITY("unmeasured", "no-agent") ", \"thresholds\": null, \"recent\": {\"items\": []}}], "
	"\"tickets\": [{" TICKET "}]}";
static const char history[] =
	"{\"line\": {\"id\": \"line-7\", \"client\": \"4 2\", \"client_name\": \"" HOSTILE "\", \"node\": \"b2\", "
	"\"address\": \"Lenina 12\", \"service_plan\": \"office-100\"}, \"from_ms\": 1795273200000, \"to_ms\": 1795359600000, "
	"\"items\": [" MEASUREMENT("local", "1795350000000", "94100000", "good") ", "
	MEASUREMENT("hub", "1795351000000", "51000000", "bad") "]}";
#define ROLLUP                                                                                                         \
	"{\"leg\": \"local\", \"started_ms\": 1795305600000, \"span_ms\": 86400000, \"throughput_bps\": 12000000, "   \
	"\"judgement\": \"bad\", \"p5_bps\": 13000000, \"p10_bps\": 14000000, \"median_bps\": 15000000, "            \
	"\"p95_bps\": 16000000, \"count\": 96, \"good\": 80, \"bad\": 7, \"unmeasured\": 5}"
static const char days[] = "{\"line\": {\"id\": \"line-7\"}, \"from_ms\": 1790000000000, \"to_ms\": 1795359600000, \"items\": [" ROLLUP "]}";
static const char dossier[] =
	"{\"id\": \"1\", \"name\": \"x\", \"lines\": [{\"id\": \"line-7\", \"recent\": {\"items\": []}, \"days\": {\"items\": [" ROLLUP
	"]}}], \"tickets\": []}";
static const char tickets[] = "{\"items\": [{" TICKET "}], \"cursor\": null}";
static const char ticket[] =
	"{" TICKET ", \"fixed_ms\": 1795355000000, \"evidence\": {\"rule\": {\"bad\": 8, \"of\": 12, \"span_ms\": 5400000}, "
	"\"statistics\": {\"median_bps\": 55200000, \"p10_bps\": 48000000, \"p5_bps\": 47000000, \"min_bps\": 46100000, "
	"\"threshold_bps\": 80000000, \"contended\": 3}, \"measurements\": ["
	MEASUREMENT("local", "1795350000000", "51000000", "bad") "], \"hub\": ["
	MEASUREMENT("hub", "1795350000000", "61000000", "good") "], \"later\": [{\"at_ms\": 1795356000000, \"what\": \"reopened\"}]}, "
	"\"custody\": [{\"action\": \"opened\", \"at_ms\": 1795350000000, \"by\": \"plumbline\", \"holder\": \"tech\", "
	"\"state\": \"open\", \"note\": \"" HOSTILE "\"}, {\"action\": \"fixed\", \"at_ms\": 1795355000000, \"by\": \"ivanov\", "
	"\"holder\": \"ivanov\", \"state\": \"fixed\", \"cause\": \"a bad joint\", \"done\": \"spliced\", \"expense\": \"ours\"}], "
	"\"moves\": {\"fixed\": true, \"close\": true}}";
#define INCIDENT \
	"\"id\": \"I-7\", \"kind\": \"segment\", \"cause\": \"slow\", \"node\": \"b2\", \"culprits\": [\"b2\", \"" HOSTILE "\"], " \
	"\"alternatives\": [[\"u1\", \"u2\"]], \"confidence\": \"low\", \"state\": \"open\", \"from_ms\": 1795350000000, " \
	"\"opened_ms\": 1795350900000, \"last_ms\": 1795351800000, \"lines\": [\"line-7\", \"line-8\"], \"tickets\": [\"t/1\"]"
static const char incidents[] = "{\"items\": [{" INCIDENT "}], \"cursor\": null}";
static const char incident[] =
	"{" INCIDENT ", \"history\": [{\"at_ms\": 1795350900000, \"what\": \"opened\", \"node\": \"b2\"}], \"said\": [{\"at_ms\": "
	"1795351900000, \"action\": \"fixed\", \"by\": \"ivanov\", \"cause\": \"" HOSTILE "\", \"done\": \"spliced\"}], "
	"\"children\": {\"items\": [{" TICKET "}], \"cursor\": null}, \"may_move\": true}";
static const char agents[] =
	"{\"items\": [{\"id\": \"a-1\", \"line\": \"line-7\", \"host\": \"" HOSTILE "\", \"version\": \"0.1.0\", \"contact\": \"silent\", "
	"\"last_report_ms\": 1795350000000}, {\"id\": \"a-2\", \"line\": \"line-8\", \"host\": \"pc\", \"version\": \"0.1.0\", "
	"\"revoked_ms\": 1795350000000}], \"cursor\": null}";
static const char problem[] =
	"{\"type\": \"about:blank\", \"title\": \"Not Found\", \"status\": 404, \"detail\": \"" HOSTILE "\", "
	"\"errors\": [{\"field\": \"limit\", \"detail\": \"must be a number\"}]}";

static const struct {
	const char *template, *data, *query, *en[WANTS_MAX], *ru[WANTS_MAX];
} pages[] = {
	{ "clients", clients, "q=" "%22%3E%3Cb%3E" "&tier=A&quality=&cursor=old&x",
	  { ESCAPED, "href=\"/clients/4%202\"", "<span class=\"badge bad\">bad</span>", "value=\"&quot;&gt;&lt;b&gt;\"",
	    "<option value=\"A\" selected>A</option>", "<option value=\"bad\">bad</option>",
	    "href=\"?q=%22%3E%3Cb%3E&amp;tier=A&amp;cursor=a%2Bb\"", "<title>Clients · Plumbline</title>",
	    "href=\"?q=%22%3E%3Cb%3E&amp;tier=A&amp;cursor=old&amp;lang=ru\"" },
	  { ESCAPED, "<span class=\"badge bad\">плохо</span>", "<title>Клиенты · Plumbline</title>" } },
	{ "clients", "{\"items\": [], \"cursor\": null}", NULL, { "No client matches." }, { "Подходящих клиентов нет." } },
	{ "client", client, NULL,
	  { ESCAPED, "98" NBSP "%", "slow in our network", "<strong>51" NBSP "Mbit/s</strong>",
	    "<span class=\"judged bad\">bad</span> (slow even with the client&#39;s own traffic added)", "<path class=\"mark bad\"",
	    "Promised 80" NBSP "Mbit/s", "Promised nothing", "none: unmeasured", "href=\"/lines/line-7/history\"",
	    "href=\"/tickets/t%2F1\"", "action=\"/lines/line-7/orders\"", "name=\"next\" value=\"/\"",
	    "<p data-soon>Ordered <time datetime=\"2026-11-22T15:06:20.000Z\">22" NBSP "Nov 2026" NBSP "18:06</time>, ivanov: From the hub, "
	    "<span class=\"state placed\">waiting for the agent</span></p>",
	    "<span class=\"state answered\">answered</span> <strong>12.3" NBSP "Mbit/s</strong> <span class=\"judged bad\">bad</span>" },
	  { "<h1>" ESCAPED, "Измерить сейчас", "ждёт агента", "98" NBSP "%", "22" NBSP "ноя 2026" NBSP "18:06", "на линии нет агента", "ключевой клиент" } },
	{ "client", "{\"id\": \"1\", \"name\": \"x\", \"lines\": [], \"tickets\": []}", NULL,
	  { "This client has no lines.", "No tickets." }, { "У клиента нет линий." } },
	{ "client", "{\"id\": \"1\", \"name\": \"x\", \"tickets\": {\"items\": [{" TICKET "}], \"cursor\": null}}", NULL,
	  { "href=\"/tickets/t%2F1\"" }, { "href=\"/tickets/t%2F1\"" } },
	{ "history", history, NULL,
	  { "href=\"/clients/4%202\">" ESCAPED, "<h1>History of line line-7</h1>", "94.1" NBSP "Mbit/s",
	    "<time datetime=\"2026-11-22T12:20:00.000Z\">22" NBSP "Nov 2026" NBSP "15:20</time>",
	    "href=\"?from_ms=1795186800000&amp;to_ms=1795273200000\">Earlier",
	    "href=\"?from_ms=1795273588000&amp;to_ms=1795359988000\" aria-current=\"true\">24 hours" },
	  { "<h1>История линии line-7</h1>", "94,1" NBSP "Мбит/с", "Раньше" } },
	{ "history", "{\"line\": {\"id\": \"1\"}, \"from_ms\": 0, \"to_ms\": 1000, \"items\": []}", NULL,
	  { "No measurements yet." }, { "Измерений пока нет." } },
	{ "history", days, NULL,
	  { "<h2>Rolled up</h2>", "<td class=\"number\">12" NBSP "Mbit/s</td>\n<td class=\"number\">13" NBSP "Mbit/s</td>",
	    "<td class=\"number\">96</td>\n<td class=\"number\">7</td>\n<td class=\"number\">5</td>", "<rect class=\"range bad\"",
	    "90 days", "A year" },
	  { "<h2>Сводка</h2>", "95-й процентиль" } },
	{ "client", dossier, NULL, { "Last 90 days, by the day (UTC)", "<rect class=\"range bad\"" }, { "Последние 90 дней" } },
	{ "tickets", tickets, "state=unclosed&holder=ivanov",
	  { ESCAPED, "<option value=\"unclosed\" selected>not closed</option>", "name=\"holder\" value=\"ivanov\"",
	    "<span class=\"state accepted\">accepted</span>", "href=\"/tickets/t%2F1\">Slow in our network" },
	  { "<option value=\"unclosed\" selected>незакрытые</option>" } },
	{ "maintenance",
	  "{\"may_plan\": true, \"nodes\": [{\"id\": \"b1\", \"name\": \"Mill Lane\"}], \"cursor\": null, \"items\": [{\"id\": \"m-1\","
	  " \"node\": \"b1\", \"node_name\": \"Mill Lane\", \"state\": \"planned\", \"from_ms\": 1763800000000,"
	  " \"to_ms\": 1763803600000, \"lines\": 7, \"note\": \"fibre\", \"by\": \"anna\"}]}", NULL,
	  { "Announce planned work", "<option value=\"b1\">Mill Lane (b1)</option>", "action=\"/maintenance/m-1/end\"", "planned" },
	  { "Объявить плановые работы", "запланированы" } },
	{ "tickets", "{\"items\": [], \"cursor\": null}", NULL, { "No tickets." }, { "Заявок нет." } },
	{ "ticket", ticket, NULL,
	  { "href=\"/clients/4%202\">" ESCAPED, "8 of 12, spanning 1" NBSP "h" NBSP "30" NBSP "min", "55.2" NBSP "Mbit/s",
	    "<p>" ESCAPED "</p>", "a bad joint", "action=\"/tickets/t%2F1/fixed\"", "name=\"csrf\" value=\"secret&amp;\"",
	    "name=\"cause\"", "closed without proof", "re-opened, 22" NBSP "Nov", "61" NBSP "Mbit/s" },
	  { "8 из 12, на протяжении 1" NBSP "ч", "объявлена устранённой", "Сообщить об устранении" } },
	{ "ticket", "{\"id\": \"t-2\", \"client\": \"1\", \"line\": \"line-7\", \"leg\": \"hub\", \"evidence\": {\"measurements\": ["
	  MEASUREMENT("hub", "1795350000000", "51000000", "bad") "], \"local\": ["
	  MEASUREMENT("local", "1795350000000", "61000000", "good") "]}, \"custody\": []}", NULL,
	  { "The other leg meanwhile", "61" NBSP "Mbit/s" }, { "61" NBSP "Мбит/с" } },
	{ "ticket", "{\"id\": \"t-3\", \"client\": \"1\", \"line\": \"line-7\", \"chronic\": true, \"retrospective\": true, \"evidence\": {"
	  "\"rule\": {\"silent_span_ms\": 3600000}, \"measurements\": [], \"contact\": {\"last_report_ms\": 1795350000000}, \"later\": ["
	  "{\"at_ms\": 1795356000000, \"what\": \"proven\", \"measurements\": [], \"contact\": {\"last_report_ms\": 1795350000000, "
	  "\"returned_ms\": 1795356000000, \"cause\": \"power\", \"cause_span_ms\": 5400000}}]}, \"custody\": []}", NULL,
	  { "<dt>Silent for more than</dt><dd>1" NBSP "h</dd>", "<dt>What its agent says</dt><dd>loss of power, 1" NBSP "h" NBSP "30" NBSP
	    "min</dd>", ", chronic, found afterwards" },
	  { "<dt>Молчит дольше</dt>", "отключение питания", "обнаружена задним числом" } },
	{ "ticket", "{\"id\": \"t-4\", \"client\": \"1\", \"line\": \"line-7\", \"evidence\": {\"profile\": {\"name\": \"standard\", "
	  "\"within_span_ms\": 2592000000, \"outages\": 3, \"down_over_span_ms\": 7200000, \"briefs\": 10, "
	  "\"briefs_within_span_ms\": 86400000}, \"outages\": [], \"measurements\": [], \"later\": [{\"at_ms\": 1795356000000, "
	  "\"what\": \"proven\", \"profile\": {\"name\": \"standard\", \"within_span_ms\": 604800000, \"outages_at_most\": 0, "
	  "\"down_under_span_ms\": 1800000}, \"outages\": [], \"measurements\": []}]}, \"custody\": []}", NULL,
	  { "<dd>standard</dd>", "<dd>30" NBSP "d</dd>", "more than</dt><dd>2" NBSP "h</dd>", "<dt>Outages at the most</dt><dd>0</dd>" },
	  { "<dt>Профиль надёжности</dt>", "<dd>30" NBSP "д</dd>" } },
	{ "agents", agents, "contact=silent",
	  { ESCAPED, "<span class=\"state silent\">silent</span>", "<option value=\"silent\" selected>silent</option>",
	    "href=\"/lines/line-7/history\"", "revoked 22" NBSP "Nov", "never" },
	  { "<span class=\"state silent\">молчит</span>", "<title>Агенты · Plumbline</title>" } },
	{ "agents", "{\"items\": [], \"cursor\": null}", NULL, { "No agents." }, { "Агентов нет." } },
	{ "login", "{\"next\": \"/clients?q=\\\"\", \"failed\": true}", NULL,
	  { "Name or password is wrong.", "name=\"next\" value=\"/clients?q=&quot;\"", "action=\"/session\"" },
	  { "Неверное имя или пароль." } },
	{ "login", "{\"error\": \"Try again in 30 s.\"}", NULL, { "Try again in 30 s." }, { "Try again in 30 s." } },
	{ "incidents", incidents, "state=open",
	  { ESCAPED, "<a href=\"/incidents/I-7\">Segment</a> <span class=\"muted\">possible only</span>",
	    "<option value=\"open\" selected>open</option>", "<td>2</td>", "<title>Incidents · Plumbline</title>" },
	  { "Участок", "только предположение", "<title>Аварии · Plumbline</title>" } },
	{ "incidents", "{\"items\": [], \"cursor\": null}", NULL, { "No incidents." }, { "Аварий нет." } },
	{ "incident", incident, NULL,
	  { "<h1>Segment b2, " ESCAPED, "lines are slow, possible only", "<dd>u1, u2</dd>", "href=\"/lines/line-8/history\"",
	    "href=\"/tickets/t%2F1\"", "<strong>reported as repaired</strong>, ivanov", ESCAPED ": spliced",
	    "action=\"/incidents/I-7/fixed\"", "<strong>opened</strong>: b2" },
	  { "<h1>Участок b2", "медленные линии", "Затронуто линий" } },
	{ "problem", problem, NULL,
	  { "<h1>There is no such page</h1>", ESCAPED, "<strong>limit</strong>: must be a number" },
	  { "<h1>Такой страницы нет</h1>" } },
	{ "problem", "{\"status\": 418}", NULL, { "<h1>This did not work</h1>" }, { "<h1>Не получилось</h1>" } },
};

static struct page_context make_context(const char *language, const char *query)
{
	static struct zone *moscow;
	struct err err;

	if (!moscow)
		assert_int_equal(zone_load("Europe/Moscow", &moscow, &err), 0);
	return (struct page_context){
		.language = language, .time_zone = "Europe/Moscow", .zone = moscow, .path = "/", .query = query, .person = "ivanov",
		.role = "tech", .csrf = "secret&", .now_ms = 1795359988000,
	};
}

static void render(const char *template, const char *text, const struct page_context *context, struct buf *ret_html)
{
	json_t *data = json_loads(text, 0, NULL), *before = json_deep_copy(data);
	struct err err;

	assert_non_null(data);
	if (page_render(template, data, context, ret_html, &err) < 0)
		fail_msg("%s: %s", template, err.message);
	assert_true(json_equal(data, before));
	json_decref(data);
	json_decref(before);
}

static void assert_contains(const char *template, const char *html, const char *const *wants)
{
	for (size_t i = 0; i < WANTS_MAX && wants[i]; i++)
		if (!strstr(html, wants[i]))
			fail_msg("%s: no %s in\n%s", template, wants[i], html);
}

static bool is_void(const char *name)
{
	static const char *const voids[] = { "!DOCTYPE", "meta", "link", "input" };

	for (size_t i = 0; i < COUNT(voids); i++)
		if (!strcmp(name, voids[i]))
			return true;
	return false;
}

/* Every element is closed, in order. */
static void assert_balanced(const char *template, const char *html)
{
	char open[32][16];
	size_t depth = 0;

	for (const char *at = html; (at = strchr(at, '<')); at = strchr(at, '>')) {
		bool is_end = at[1] == '/';
		const char *name = at + 1 + is_end;
		char element[16];

		assert_non_null(strchr(at, '>'));
		snprintf(element, sizeof element, "%.*s", (int)strcspn(name, " />\n"), name);
		if (is_end && (!depth || strcmp(open[--depth], element)))
			fail_msg("%s: </%s> closes something else", template, element);
		if (is_end || is_void(element) || strchr(at, '>')[-1] == '/')
			continue;
		assert_true(depth < COUNT(open));
		strcpy(open[depth++], element);
	}
	assert_int_equal(depth, 0);
}

/* What default-src 'self' would refuse, and what must never be there. */
static void assert_clean(const char *template, const char *html)
{
	static const char *const refused[] = { "<script>", "<style", " style=", " onclick", "http-equiv", "//", "(null)" };

	for (size_t i = 0; i < COUNT(refused); i++)
		if (strstr(html, refused[i]))
			fail_msg("%s: %s in\n%s", template, refused[i], html);
	for (const char *at = html; (at = strstr(at, "{{")); at += 2)
		if (strncmp(at, "{{t.nav.skip}}", 14))   /* of the hostile name: shown, not rendered */
			fail_msg("%s: a tag is left: %.40s", template, at);
}

static void shows_every_page_in_both_languages(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pages); i++)
		for (int russian = 0; russian <= 1; russian++) {
			struct page_context context = make_context(russian ? "ru" : "en", pages[i].query);
			struct buf html = { 0 };

			render(pages[i].template, pages[i].data, &context, &html);
			assert_contains(pages[i].template, html.data, russian ? pages[i].ru : pages[i].en);
			assert_contains(pages[i].template, html.data, (const char *const[WANTS_MAX]){
				russian ? "<html lang=\"ru\">" : "<html lang=\"en\">", "ivanov", russian ? "техник" : "technician",
				"Europe/Moscow" });
			assert_balanced(pages[i].template, html.data);
			assert_clean(pages[i].template, html.data);
			buf_free(&html);
		}
}

static void offers_only_the_moves_that_are_allowed(void **state)
{
	struct page_context context = make_context("en", NULL);
	struct buf html = { 0 };

	(void)state;
	render("ticket", ticket, &context, &html);
	assert_null(strstr(html.data, "/tickets/t%2F1/accept"));
	assert_null(strstr(html.data, "/tickets/t%2F1/note"));
	buf_clear(&html);
	render("ticket", "{\"id\": \"1\", \"evidence\": {}, \"custody\": [], \"moves\": {}}", &context, &html);
	assert_null(strstr(html.data, "What you can do"));
	buf_free(&html);
}

static void shows_no_navigation_to_strangers(void **state)
{
	struct page_context context = make_context("en", NULL);
	struct buf html = { 0 };

	(void)state;
	context.person = context.role = context.csrf = NULL;
	render("login", "{}", &context, &html);
	assert_null(strstr(html.data, "<nav"));
	assert_null(strstr(html.data, "csrf"));
	buf_free(&html);
}

static void fails_as_internal(void **state)
{
	struct page_context context = make_context("en", NULL);
	struct buf html = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(page_render("nowhere", NULL, &context, &html, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_string_equal(err.message, "there is no page nowhere");
	buf_free(&html);
}

static void chooses_a_language(void **state)
{
	static const struct {
		const char *accept, *want;
	} cases[] = {
		{ NULL, "en" }, { "", "en" }, { "ru", "ru" }, { "ru-RU,ru;q=0.9,en;q=0.8", "ru" }, { "en-US, ru;q=0.5", "en" },
		{ "de, ru;q=0.3", "ru" }, { "en;q=0.2, RU;q=0.7", "ru" }, { "ru;q=0", "en" }, { "rus", "en" }, { "*", "en" },
		{ ",,;q=,", "en" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(page_language(cases[i].accept), cases[i].want);
}

static void assets_are_whole(void **state)
{
	static const char *const names[] = { "static/style.css", "static/page.js", "static/icon.svg", "templates/layout.mustache" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct asset *asset = web_assets;
		char path[64], bytes[32768];
		FILE *file;

		while (asset->name && strcmp(asset->name, names[i]))
			asset++;
		assert_non_null(asset->name);
		snprintf(path, sizeof path, "collector/web/%s", names[i]);
		file = fopen(path, "r");
		assert_non_null(file);
		assert_int_equal(fread(bytes, 1, sizeof bytes, file), asset->length);
		assert_memory_equal(bytes, asset->bytes, asset->length);
		assert_int_equal(asset->bytes[asset->length], 0);
		fclose(file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_every_page_in_both_languages),
		cmocka_unit_test(offers_only_the_moves_that_are_allowed),
		cmocka_unit_test(shows_no_navigation_to_strangers),
		cmocka_unit_test(fails_as_internal),
		cmocka_unit_test(chooses_a_language),
		cmocka_unit_test(assets_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
