/* The happy path: make_legs gathers what to download from options and configuration; each leg's probe runs on a loop of its
 * own while a bar (or, away from a terminal, nothing) shows how far it is; then the records become a table or JSON.
 *
 * A promise above 4 Mbit/s is tested by a capacity probe (S2) when the leg has a file that lasts long enough: the servers
 * are asked first how long their files are, and over which versions of IP they answer; each version is a probe of its own. */
#include "agent/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "agent/base/column.h"
#include "agent/base/json.h"
#include "agent/base/judge.h"
#include "agent/base/key_checks.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/units.h"
#include "agent/measure/capacity.h"
#include "agent/command.h"
#include "agent/fetch.h"
#include "agent/measure/loaded_probe.h"
#include "agent/measure/probe.h"
#include "agent/measure/survey.h"

#define BAR_CELLS     24
#define EXIT_NOT_GOOD 1
#define EXIT_UNKNOWN  3
#define FILES_MAX     32                   /* of one leg; what comes after them is not looked at */
#define REFERENCE_BYTES INT64_C(1048576)   /* U4: of a file whose size is not stated */

const struct option_row check_option_rows[] = {
	COMMAND_CONFIG_ROW(struct check_options),
	{ .name = "local", .type = OPTION_TEXT, .offset = offsetof(struct check_options, local), .value_name = "URL",
	  .help = "the reference file on the provider's own server" },
	{ .name = "hub", .type = OPTION_TEXT, .offset = offsetof(struct check_options, hub), .value_name = "URL",
	  .help = "the reference file at the remote hub" },
	{ .name = "local-min", .type = OPTION_TEXT, .offset = offsetof(struct check_options, local_min), .value_name = "RATE",
	  .help = "the least rate of the local leg, such as 30KB/s" },
	{ .name = "hub-min", .type = OPTION_TEXT, .offset = offsetof(struct check_options, hub_min), .value_name = "RATE",
	  .help = "the least rate of the hub leg" },
	COMMAND_JSON_ROW(struct check_options),
	{ .name = NULL },
};

enum language { ENGLISH, RUSSIAN, LANGUAGE_COUNT };

struct check_leg {
	struct reference_file given;                     /* by --local or --hub */
	const struct reference_file *files[FILES_MAX];   /* none: the leg is not checked */
	int64_t sizes_bytes[FILES_MAX];                  /* as stated or asked for; 0: unknown */
	int file_count;
	struct probe_request request;
	long versions[SURVEY_VERSIONS];                  /* of IP, to make capacity probes over */
	int version_count;
	char carrier[IF_NAMESIZE];      /* that leads to the file's server */
	struct measurement results[SURVEY_VERSIONS];
	int result_count;
};

struct check {
	struct check_leg legs[LEG_COUNT];
	struct fetch *fetch;
	struct clock clock;
	struct random_source random;
	int64_t discard_bytes;          /* S6 */
	enum leg leg;                   /* under way */
	bool show_bar;
	enum language language;
};

/* --- words --- */

enum word { WORD_LEG, WORD_THROUGHPUT, WORD_THRESHOLD, WORD_VERDICT, WORD_DNS, WORD_CONNECT, WORD_TLS, WORD_FIRST_BYTE, WORD_OWN,
	    WORD_REMAINING, WORD_IDLE, WORD_LOADED, WORD_COUNT };

static const char *const words[WORD_COUNT][LANGUAGE_COUNT] = {
	[WORD_LEG] = { "leg", "участок" },
	[WORD_THROUGHPUT] = { "throughput", "скорость" },
	[WORD_THRESHOLD] = { "threshold", "порог" },
	[WORD_VERDICT] = { "verdict", "вывод" },
	[WORD_DNS] = { "name", "имя" },
	[WORD_CONNECT] = { "connect", "соединение" },
	[WORD_TLS] = { "TLS", "TLS" },
	[WORD_FIRST_BYTE] = { "first byte", "первый байт" },
	[WORD_OWN] = { "own traffic", "свой трафик" },
	[WORD_REMAINING] = { "left", "осталось" },
	[WORD_IDLE] = { "delay when idle", "задержка без нагрузки" },
	[WORD_LOADED] = { "under load", "под нагрузкой" },
};

static const char *const leg_words[LEG_COUNT][LANGUAGE_COUNT] = {
	[LEG_LOCAL] = { "local", "местный" },
	[LEG_HUB] = { "hub", "узел" },
};

static const char *const judgement_words[][LANGUAGE_COUNT] = {
	[JUDGED_GOOD] = { "good", "хорошо" },
	[JUDGED_MARGINAL] = { "marginal", "на пределе" },
	[JUDGED_BAD] = { "bad", "плохо" },
	[JUDGED_UNRESOLVED] = { "unresolved", "не решено" },
	[JUDGED_INVALID] = { "invalid", "не в счёт" },
	[JUDGED_FAILED] = { "failed", "не удалось" },
	[JUDGED_SKIPPED] = { "skipped", "пропущено" },
};

static const char *const reason_words[REASON_COUNT][LANGUAGE_COUNT] = {
	[REASON_NONE] = { "", "" },
	[REASON_LOWER_BOUND] = { "at least this, which is enough", "не меньше этого, и этого достаточно" },
	[REASON_LINE_CARRIED_IT] = { "with your own traffic the line carried enough", "вместе с вашим трафиком линия пропустила достаточно" },
	[REASON_CONTENDED] = { "below it even with your own traffic added", "меньше порога даже с вашим трафиком" },
	[REASON_STALLED] = { "began, then stalled", "началось и остановилось" },
	[REASON_NO_THRESHOLD] = { "nothing to compare with", "не с чем сравнить" },
	[REASON_SHORT_TRANSFER] = { "over too quickly to prove more", "закончилось слишком быстро" },
	[REASON_FILE_TOO_SMALL] = { "the file is too small for this threshold", "файл мал для такого порога" },
	[REASON_CACHE] = { "a cache answered", "ответил кэш" },
	[REASON_NONCE] = { "the answer was not made for this request", "ответ не на этот запрос" },
	[REASON_ENCODED] = { "the content was re-encoded on the way", "содержимое перекодировано в пути" },
	[REASON_SERVER_BUSY] = { "the server is busy", "сервер перегружен" },
	[REASON_MAINTENANCE] = { "announced work", "объявленные работы" },
	[REASON_DNS] = { "the name does not resolve", "имя не найдено" },
	[REASON_CONNECT] = { "no connection", "нет соединения" },
	[REASON_TLS] = { "no secure connection", "нет защищённого соединения" },
	[REASON_NO_ANSWER] = { "no answer", "нет ответа" },
	[REASON_HTTP_STATUS] = { "the server refuses", "сервер отказал" },
	[REASON_TRUNCATED] = { "the content was cut short", "содержимое оборвано" },
	[REASON_ALTERED] = { "the content was altered", "содержимое изменено" },
	[REASON_ABORTED] = { "could not be started", "не удалось начать" },
	[REASON_TOO_SHORT] = { "less than a second at full load", "меньше секунды под полной нагрузкой" },
	[REASON_SLOW_START] = { "the rate was still growing", "скорость ещё росла" },
	[REASON_WINDOW_LIMITED] = { "the receive window bounded it", "ограничено окном приёма" },
	[REASON_ENV] = { "this machine cannot carry that much", "эта машина столько не пропустит" },
	[REASON_BUSY] = { "the line was in use", "линия была занята" },
	[REASON_BUDGET] = { "this month's data volume is used", "месячный объём данных исчерпан" },
	[REASON_CLOCK] = { "the clock was wrong", "часы шли неверно" },
};

/* Russian where the locale says so and its letters can be shown. */
/* As the environment names it, also where the system has no such locale installed. */
static enum language find_language(void)
{
	static const char *const variables[] = { "LC_ALL", "LC_MESSAGES", "LANG" };

	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
		const char *name = getenv(variables[i]);

		if (name && *name)
			return !strncmp(name, "ru", 2) && (strcasestr(name, "utf-8") || strcasestr(name, "utf8")) ? RUSSIAN : ENGLISH;
	}
	return ENGLISH;
}

/* --- what to download --- */

static void add_file(struct check_leg *leg, const struct reference_file *file)
{
	if (leg->file_count == FILES_MAX)
		return;
	leg->sizes_bytes[leg->file_count] = file->size_bytes;
	leg->files[leg->file_count++] = file;
}

static void take_files(const struct agent_config *config, struct check *check)
{
	const struct reference_file *files = config->reference_files.items;

	for (size_t i = 0; i < config->reference_files.count; i++)
		add_file(&check->legs[files[i].leg], &files[i]);
}

static int take_thresholds(const struct check_options *options, const struct agent_config *config, struct check *check,
			   struct err *err)
{
	const char *const minimums[LEG_COUNT] = { options->local_min, options->hub_min };
	const int64_t configured_bps[LEG_COUNT] = { config->local_min_bps, config->hub_min_bps };

	for (int leg = 0; leg < LEG_COUNT; leg++) {
		int64_t *threshold_bps = &check->legs[leg].request.threshold_bps;

		*threshold_bps = configured_bps[leg];
		if (minimums[leg] && units_parse_rate(minimums[leg], threshold_bps, err) < 0)
			return err_wrap(err, "check: --%s-min", leg_names[leg]);
	}
	return 0;
}

/* A URL from the command line stands in for whatever the configuration names. */
static int take_url(enum leg leg, char *url, struct check_leg *check_leg, struct err *err)
{
	if (!url)
		return 0;
	if (key_check_url(url, err) < 0) {
		err->code = ERR_USAGE;
		return err_wrap(err, "check: --%s", leg_names[leg]);
	}
	check_leg->given = (struct reference_file){ .name = (char *)leg_names[leg], .leg = (int)leg, .url = url };
	check_leg->file_count = 0;
	add_file(check_leg, &check_leg->given);
	return 0;
}

static int take_targets(const struct check_options *options, const struct agent_config *config, struct check *check,
			struct err *err)
{
	char *const urls[LEG_COUNT] = { (char *)options->local, (char *)options->hub };

	if (take_thresholds(options, config, check, err) < 0)
		return -1;
	take_files(config, check);
	check->discard_bytes = config->discard_bytes;
	for (int leg = 0; leg < LEG_COUNT; leg++) {
		struct probe_request *request = &check->legs[leg].request;

		request->leg = (enum leg)leg;
		request->trigger = TRIGGER_CHECK;
		request->cell_ms = JSON_ABSENT;
		request->interface = config->interface;
		request->server_busy = config->server_busy;
		request->sees_part = config->sees_part;
		if (take_url((enum leg)leg, urls[leg], &check->legs[leg], err) < 0)
			return -1;
	}
	if (!check->legs[LEG_LOCAL].file_count && !check->legs[LEG_HUB].file_count)
		return err_set(err, ERR_USAGE, "check: nothing to download, give --local URL or --hub URL (http://HOST/… or "
			       "https://HOST/…), or name reference_files in the configuration");
	return 0;
}

/* The configuration is needed when it was named, and used where no URL was given and there is one. */
static int make_legs(const struct check_options *options, struct agent_config *config, struct check *check)
{
	bool needed = options->config_path || (!options->local && !options->hub && !access(COMMAND_CONFIG, F_OK));
	struct err err;

	if (needed && command_read_config(options->config_path, config) < 0)
		return COMMAND_EXIT_CONFIG;
	if (take_targets(options, config, check, &err) == 0)
		return 0;
	command_fail(&err);
	return COMMAND_EXIT_CONFIG;
}

/* --- progress --- */

static void on_progress(void *arg, const struct probe_progress *progress)
{
	const struct check *check = arg;
	int64_t bps = progress->elapsed_us > 0 ? progress->bytes * 8000000 / progress->elapsed_us : 0;
	int64_t left_bytes = progress->total_bytes - progress->bytes;
	int filled = progress->total_bytes ? (int)(progress->bytes * BAR_CELLS / progress->total_bytes)
		   : (int)(progress->elapsed_us * BAR_CELLS / CAPACITY_LONGEST_US);
	char rate[UNITS_TEXT_SIZE], left[UNITS_TEXT_SIZE] = "";

	if (!check->show_bar)
		return;
	units_format_rate(bps, rate);
	if (bps > 0 && left_bytes > 0)
		units_format_duration(left_bytes * 8000 / bps, left);
	fputs("\r", stderr);
	column_print(stderr, leg_words[check->leg][check->language], 8);
	fputs(" [", stderr);
	for (int i = 0; i < BAR_CELLS; i++)
		fputc(i < filled ? '#' : '.', stderr);
	fprintf(stderr, "] %s%s%s %s\033[K", rate, *left ? ", " : "", left, *left ? words[WORD_REMAINING][check->language] : "");
	fflush(stderr);
}

/* The smallest file that can show the threshold (S1), or the largest there is. */
static bool is_better(const struct check_leg *leg, int index, int chosen)
{
	int64_t size = leg->sizes_bytes[index] ? leg->sizes_bytes[index] : REFERENCE_BYTES;
	int64_t size_now = leg->sizes_bytes[chosen] ? leg->sizes_bytes[chosen] : REFERENCE_BYTES;

	if (!judge_file_shows(size_now, leg->request.threshold_bps))
		return size > size_now;
	return size < size_now && judge_file_shows(size, leg->request.threshold_bps);
}

static void take_file(struct check *check, int index)
{
	struct check_leg *leg = &check->legs[check->leg];
	const struct reference_file *file = leg->files[index];

	if (!check->show_bar)
		fprintf(stderr, "%s: %s\n", leg_names[check->leg], file->url);
	leg->request.file_name = file->name;
	leg->request.url = file->url;
	leg->request.sha256 = file->sha256;
	leg->request.size_bytes = leg->sizes_bytes[index];
	leg->request.nonce_required = file->nonce_required;
}

static void on_measured(void *arg, const struct measurement *measurement);

static void start_reference(struct check *check)
{
	struct check_leg *leg = &check->legs[check->leg];
	int chosen = 0;

	for (int i = 1; i < leg->file_count; i++)
		if (is_better(leg, i, chosen))
			chosen = i;
	take_file(check, chosen);
	probe_start(check->fetch, &check->clock, &check->random, &leg->request, on_progress, on_measured, check);
}

/* Over the next version of IP. */
static void start_capacity(struct check *check)
{
	const struct check_leg *leg = &check->legs[check->leg];
	const struct capacity_request request = { .probe = leg->request, .ip_version = leg->versions[leg->result_count],
						  .bytes_allowed = INT64_MAX, .discard_bytes = check->discard_bytes,
						  .carrier = leg->carrier, .sys = LINK_SYS };

	loaded_probe_start(check->fetch, &check->clock, &check->random, &request, on_progress, on_measured, check);
}

static void on_measured(void *arg, const struct measurement *measurement)
{
	struct check *check = arg;
	struct check_leg *leg = &check->legs[check->leg];

	leg->results[leg->result_count++] = *measurement;
	if (check->show_bar)
		fputs("\r\033[K", stderr);
	if (leg->result_count < leg->version_count)
		start_capacity(check);
	else
		fetch_close(check->fetch, NULL, NULL);
}

static void on_surveyed(void *arg, const struct survey_answer *answers)
{
	struct check *check = arg;
	struct check_leg *leg = &check->legs[check->leg];
	int chosen;

	for (int i = 0; i < leg->file_count; i++)
		if (!leg->sizes_bytes[i])
			leg->sizes_bytes[i] = answers[i].size_bytes;
	chosen = capacity_choose_file(leg->sizes_bytes, leg->file_count, leg->request.threshold_bps, 0);
	if (chosen < 0) {
		start_reference(check);
		return;
	}
	take_file(check, chosen);
	text_copy(leg->carrier, sizeof leg->carrier, answers[chosen].interface);
	leg->version_count = survey_versions(&answers[chosen], leg->versions);
	start_capacity(check);
}

static void start_leg(struct check *check)
{
	const struct check_leg *leg = &check->legs[check->leg];
	const char *urls[FILES_MAX];

	for (int i = 0; i < leg->file_count; i++)
		urls[i] = leg->files[i]->url;
	if (capacity_is_for(leg->request.threshold_bps))
		survey_start(check->fetch, &check->clock, urls, (size_t)leg->file_count, leg->request.interface, on_surveyed, check);
	else
		start_reference(check);
}

static int measure_leg(struct check *check, enum leg leg, struct err *err)
{
	uv_loop_t loop;

	if (uv_loop_init(&loop) < 0)
		return err_set(err, ERR_INTERNAL, "the event loop cannot be made");
	check->leg = leg;
	if (fetch_open(&loop, &check->fetch, err) < 0) {
		uv_loop_close(&loop);
		return -1;
	}
	start_leg(check);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return 0;
}

/* --- results --- */

/* Unknown is not nothing: "-" is kept for the former. */
static void format_rate(int64_t bps, char ret_text[UNITS_TEXT_SIZE])
{
	text_copy(ret_text, UNITS_TEXT_SIZE, "-");
	if (bps != JSON_ABSENT)
		units_format_rate(bps, ret_text);
}

static void format_throughput(const struct measurement *m, char ret_text[UNITS_TEXT_SIZE])
{
	char rate[UNITS_TEXT_SIZE - sizeof ">= "];

	format_rate(m->throughput_bps, ret_text);
	if (m->lower_bound != 1)
		return;
	text_copy(rate, sizeof rate, ret_text);
	snprintf(ret_text, UNITS_TEXT_SIZE, ">= %s", rate);   /* T8 */
}

static void print_cell(const char *text, int width)
{
	column_print(stdout, text, width - 1);
	putchar(' ');
}

static void print_phase(const char *name, int64_t us)
{
	if (us != JSON_ABSENT)
		printf("  %s %" PRId64 ".%" PRId64 " ms", name, us / 1000, us % 1000 / 100);
}

static void print_result(const struct measurement *m, bool name_version, enum language language)
{
	const char *why = reason_words[m->reason][language];
	char throughput[UNITS_TEXT_SIZE], threshold[UNITS_TEXT_SIZE], own[UNITS_TEXT_SIZE];

	format_throughput(m, throughput);
	format_rate(m->threshold_bps, threshold);
	format_rate(m->cross_rx_bps, own);
	print_cell(leg_words[m->leg][language], 10);
	print_cell(throughput, 16);
	print_cell(threshold, 16);
	printf("%s%s%s%s\n", judgement_words[m->judgement][language], *why ? " (" : "", why, *why ? ")" : "");
	print_cell(name_version ? m->family == 6 ? "  IPv6" : "  IPv4" : "", 8);
	print_phase(words[WORD_DNS][language], m->dns_us);
	print_phase(words[WORD_CONNECT][language], m->connect_us);
	print_phase(words[WORD_TLS][language], m->tls_us);
	print_phase(words[WORD_FIRST_BYTE][language], m->first_byte_us);
	printf("  %s %s\n", words[WORD_OWN][language], own);
	if (m->loaded_p50_us == JSON_ABSENT)
		return;
	print_cell("", 8);
	print_phase(words[WORD_IDLE][language], m->idle_p50_us);
	print_phase(words[WORD_LOADED][language], m->loaded_p50_us);
	printf("\n");
}

static void print_table(const struct check *check)
{
	enum language language = check->language;

	print_cell(words[WORD_LEG][language], 10);
	print_cell(words[WORD_THROUGHPUT][language], 16);
	print_cell(words[WORD_THRESHOLD][language], 16);
	printf("%s\n", words[WORD_VERDICT][language]);
	for (int leg = 0; leg < LEG_COUNT; leg++)
		for (int i = 0; i < check->legs[leg].result_count; i++)
			print_result(&check->legs[leg].results[i], check->legs[leg].result_count > 1, language);
}

static void print_json(const struct check *check, int code)
{
	json_t *items = json_array(), *object = json_pack("{s:i, s:o}", "exit", code, "items", items);
	char *text;

	for (int leg = 0; leg < LEG_COUNT; leg++)
		for (int i = 0; i < check->legs[leg].result_count; i++)
			json_array_append_new(items, measurement_to_json(&check->legs[leg].results[i]));
	text = json_dumps(object, JSON_INDENT(2));
	puts(text);
	free(text);
	json_decref(object);
}

static int exit_of(const struct measurement *m)
{
	if (m->judgement == JUDGED_BAD || m->reason == REASON_ALTERED)
		return EXIT_NOT_GOOD;
	if (m->judgement == JUDGED_GOOD || m->judgement == JUDGED_MARGINAL || m->reason == REASON_NO_THRESHOLD)
		return 0;
	return EXIT_UNKNOWN;
}

/* A bad leg outranks one that could not be measured. */
static int find_exit(const struct check *check)
{
	int code = 0;

	for (int leg = 0; leg < LEG_COUNT; leg++)
		for (int i = 0; i < check->legs[leg].result_count; i++) {
			int here = exit_of(&check->legs[leg].results[i]);

			if (here && code != EXIT_NOT_GOOD)
				code = here;
		}
	return code;
}

static int run(const struct check_options *options, struct check *check)
{
	struct err err;
	int code;

	for (int leg = 0; leg < LEG_COUNT; leg++)
		if (check->legs[leg].file_count && measure_leg(check, (enum leg)leg, &err) < 0)
			return command_fail(&err);
	code = find_exit(check);
	if (options->json)
		print_json(check, code);
	else
		print_table(check);
	return code;
}

int check_command(const void *parsed, int argument_count, char **arguments)
{
	const struct check_options *options = parsed;
	struct check check = { .clock = clock_system(), .random = random_system(),
			       .show_bar = isatty(STDERR_FILENO) && !options->json, .language = find_language() };
	struct agent_config config = { 0 };
	int code;

	(void)argument_count;
	(void)arguments;
	log_set_level(LOG_WARNING);   /* the table says what failed */
	code = make_legs(options, &config, &check);
	if (code == 0)
		code = run(options, &check);
	agent_config_free(&config);
	return code;
}
