#include "collector/web/messages.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/buf.h"
#include "agent/base/measurement.h"
#include "collector/decide/incident.h"
#include "collector/decide/outages.h"
#include "collector/decide/silence.h"
#include "collector/web/assets.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *const defects[] = { "slow-local", "slow-hub", "unreliable", "no-contact", "altered", NULL };
static const char *const states[] = {
	"open", "accepted", "fixed", "returned", "proven", "closed", "withdrawn", "unclosed",   /* of tickets */
	"placed", "answered", "expired",                                                          /* of orders */
	"planned", "running", "over", "called-off", NULL,                                         /* of maintenance */
};
static const char *const qualities[] = { "good", "bad", "unmeasured", NULL };
static const char *const quality_reasons[] = {
	"no-agent", "no-plan", "no-line", "silent", "too-few", "undecided", "in-use", "maintenance", "server", "slow-local",
	"slow-hub", "unreliable", "little-watched", "none", NULL,
};
static const char *const actions[] = {
	"opened", "accepted", "fixed", "proven", "closed", "reopened", "returned", "revised", "withdrawn", "note",
	"moved-up", "narrowed", "renamed", "merged", NULL,                                        /* of incidents */
};
static const char *const causes[] = {   /* of cause_names, those that are outages */
	"carrier", "gateway", "access", "local-server", "upstream", "dns", "http", "power", "shutdown", "suspend", "agent", NULL,
};
static const char *const unexplained[] = { "unexplained", NULL };   /* of absence_names, what no outage is called */
static const char *const roles[] = { "viewer", "tech", "manager", "director", "admin", NULL };

/* Words that the API's JSON may hold, and where their messages are. */
static const struct {
	const char *prefix;
	const char *const *names;
} words[] = {
	{ "leg", leg_names },    { "judgement", judgement_names }, { "reason", reason_names }, { "reason", quality_reasons },
	{ "defect", defects },   { "state", states },              { "quality", qualities },   { "action", actions },
	{ "role", roles },       { "cause", causes },              { "whose", attribution_names },
	{ "kind", incident_kind_names }, { "cause", incident_cause_names }, { "confidence", confidence_names },
	{ "contact", contact_names }, { "cause", unexplained },
};

static void every_word_has_its_message(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(words); i++)
		for (size_t n = 0; words[i].names[n]; n++) {
			char key[64];

			snprintf(key, sizeof key, "%s.%s", words[i].prefix, words[i].names[n]);
			if (*words[i].names[n] && !message_text("en", key))
				fail_msg("no message for %s", key);
		}
}

static void the_table_is_in_order(void **state)
{
	(void)state;
	for (const struct message *message = messages; message->key; message++) {
		size_t length = strlen(message->key);

		assert_true(message->en && *message->en && message->ru && *message->ru);
		if (!message[1].key)
			break;
		if (strcmp(message->key, message[1].key) >= 0)
			fail_msg("%s stands before %s", message->key, message[1].key);
		for (const struct message *other = message + 1; other->key; other++)
			if (!strncmp(message->key, other->key, length) && other->key[length] == '.')
				fail_msg("%s is the beginning of %s", message->key, other->key);
	}
	assert_string_equal(message_text("en", "state.open"), "open");
	assert_string_equal(message_text("ru", "state.open"), "открыта");
	assert_string_equal(message_text("de", "state.open"), "open");
	assert_null(message_text("en", "state"));
	assert_null(message_text("en", "state.opened"));
}

static void templates_see_them_nested(void **state)
{
	json_t *all = messages_json("ru");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(json_object_get(all, "state"), "open")), "открыта");
	assert_string_equal(json_string_value(json_object_get(all, "unknown")), "неизвестно");
	json_decref(all);
}

static void every_key_of_a_template_exists(void **state)
{
	size_t found = 0;

	(void)state;
	for (const struct asset *asset = web_assets; asset->name; asset++)
		for (const char *at = asset->bytes; (at = strstr(at, "{{t.")); found++) {
			char key[64];

			at += strlen("{{t.");
			snprintf(key, sizeof key, "%.*s", (int)strcspn(at, "}"), at);
			if (!message_text("en", key))
				fail_msg("%s: no message %s", asset->name, key);
		}
	assert_true(found > 100);
}

/* The text of every C file of collector/web but the table itself. */
static void read_sources(struct buf *ret_text)
{
	DIR *folder = opendir("collector/web");
	struct dirent *entry;

	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		char path[300];
		FILE *file;

		if (!strstr(entry->d_name, ".c") || !strcmp(entry->d_name, "messages.c"))
			continue;
		snprintf(path, sizeof path, "collector/web/%s", entry->d_name);
		file = fopen(path, "r");
		assert_non_null(file);
		ret_text->length_bytes += fread(buf_reserve(ret_text, 1 << 20), 1, 1 << 20, file);
		fclose(file);
	}
	closedir(folder);
	buf_append_text(ret_text, "");
}

static bool is_word(const char *key)
{
	const char *dot = strchr(key, '.');

	for (size_t i = 0; dot && i < COUNT(words); i++)
		for (size_t n = 0; words[i].names[n]; n++)
			if (strlen(words[i].prefix) == (size_t)(dot - key) && !strncmp(words[i].prefix, key, (size_t)(dot - key)) &&
			    !strcmp(words[i].names[n], dot + 1))
				return true;
	return !strncmp(key, "month.", 6) || !strncmp(key, "problem.", 8);   /* made with snprintf */
}

static bool is_in_a_template(const char *key)
{
	char tag[80];

	snprintf(tag, sizeof tag, "{{t.%s}}", key);
	for (const struct asset *asset = web_assets; asset->name; asset++)
		if (strstr(asset->bytes, tag))
			return true;
	return false;
}

static void no_message_is_left_over(void **state)
{
	struct buf sources = { 0 };

	(void)state;
	read_sources(&sources);
	for (const struct message *message = messages; message->key; message++) {
		char literal[80];

		snprintf(literal, sizeof literal, "\"%s\"", message->key);
		if (!is_word(message->key) && !is_in_a_template(message->key) && !strstr(buf_text(&sources), literal))
			fail_msg("nobody uses %s", message->key);
	}
	buf_free(&sources);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_word_has_its_message),
		cmocka_unit_test(the_table_is_in_order),
		cmocka_unit_test(templates_see_them_nested),
		cmocka_unit_test(every_key_of_a_template_exists),
		cmocka_unit_test(no_message_is_left_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
