/* The happy path: every check_every a look begins: a small write goes to the store and a request to the public address; when
 * both ended, what they showed is taken in together with disk and clock. */
#include "collector/self_check.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "collector/store/contact.h"

#define PATH       "/readyz"
#define TIMEOUT_MS 10000L

struct self_check {
	struct self_check_options options;
	char url[SELF_CHECK_URL_SIZE];
	uv_timer_t timer;
	uv_work_t work;
	int parts;                  /* of the look under way that have not ended */
	struct instant began;       /* the look under way */
	struct instant before;      /* the one before */
	struct own_facts facts;
	char fault[CURL_ERROR_SIZE];   /* of the request */
	bool is_started;
	atomic_bool is_stopping;
	uv_mutex_t lock;            /* guards state */
	struct self_state state;
};

static const char *base_url(const struct collector_config *config)
{
	return config->check_url ? config->check_url : config->public_url;
}

/* Where listening is on any address, loopback is one of them. */
static const char *reachable(const char *address)
{
	if (!strcmp(address, "0.0.0.0"))
		return "127.0.0.1";
	return strcmp(address, "::") != 0 ? address : "::1";
}

int self_check_url(const struct collector_config *config, int port, char ret_url[SELF_CHECK_URL_SIZE], struct err *err)
{
	const char *base = base_url(config);
	char address[LISTEN_ADDRESS_SIZE];
	bool is_v6;
	int length, ignored;

	if (base) {
		length = (int)strlen(base);
		length -= length && base[length - 1] == '/';
		length = snprintf(ret_url, SELF_CHECK_URL_SIZE, "%.*s" PATH, length, base);
	} else {
		if (collector_listen_parse(config->listen, address, &ignored, err) < 0)
			return -1;
		is_v6 = strchr(address, ':');
		length = snprintf(ret_url, SELF_CHECK_URL_SIZE, "%s://%s%s%s:%d" PATH, config->tls_certificate ? "https" : "http",
				  is_v6 ? "[" : "", reachable(address), is_v6 ? "]" : "", port);
	}
	return length < SELF_CHECK_URL_SIZE ? 0 : err_set(err, ERR_USAGE, "self-check: the address is too long");
}

static size_t discard(char *bytes, size_t size, size_t count, void *arg)
{
	(void)bytes;
	(void)arg;
	return size * count;
}

static int is_cut_off(void *arg, curl_off_t download_total, curl_off_t download, curl_off_t upload_total, curl_off_t upload)
{
	(void)download_total;
	(void)download;
	(void)upload_total;
	(void)upload;
	return atomic_load(&((struct self_check *)arg)->is_stopping);
}

/* An agent trusts our own certificate; where only listen names the address, the certificate does not. */
static void set_up(struct self_check *check, CURL *curl)
{
	const struct collector_config *config = check->options.config;
	const char *ca_file = config->check_ca_file ? config->check_ca_file : config->tls_certificate;

	curl_easy_setopt(curl, CURLOPT_URL, check->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, check->fault);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_cut_off);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, check);
	if (ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
	if (!base_url(config))
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
}

static void ask(uv_work_t *work)
{
	struct self_check *check = work->data;
	CURL *curl = curl_easy_init();
	long status = 0;

	check->fault[0] = '\0';
	if (!curl)
		return;
	set_up(check, curl);
	if (curl_easy_perform(curl) == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	check->facts.is_answered = status == 200;
	if (status && status != 200)
		snprintf(check->fault, sizeof check->fault, "status %ld", status);
	curl_easy_cleanup(curl);
}

static int64_t disk_free_percent(const char *path)
{
	struct statvfs disk;

	if (statvfs(path, &disk) < 0 || !disk.f_blocks)
		return JSON_ABSENT;
	return (int64_t)((double)disk.f_bavail * 100 / (double)disk.f_blocks);
}

static int64_t clock_step_ms(const struct instant *from, const struct instant *to)
{
	return to->realtime_ms - from->realtime_ms - (to->boottime_us - from->boottime_us) / 1000;
}

static void tell(const struct self_check *check, unsigned faults)
{
	char text[64] = "";

	for (int i = 0; i < OWN_FAULT_COUNT; i++)
		if (faults & 1u << i)
			snprintf(text + strlen(text), sizeof text - strlen(text), " %s", own_fault_names[i]);
	if (!faults)
		log_info("self-check: well again");
	else if (faults & 1u << OWN_ADDRESS)
		log_warning("self-check:%s: %s does not answer (%s); silence of agents is not judged", text, check->url, check->fault);
	else
		log_warning("self-check:%s: silence of agents is not judged", text);
}

static void take_in(struct self_check *check)
{
	const struct collector_config *config = check->options.config;
	unsigned faults, before = check->state.faults;

	check->facts.disk_free_percent = disk_free_percent(config->database);
	check->facts.clock_step_ms = clock_step_ms(&check->before, &check->began);
	check->before = check->began;
	faults = silence_own_faults(&config->silence, &check->facts);
	uv_mutex_lock(&check->lock);
	silence_self_look(&config->silence, &check->state, faults, check->began.realtime_ms);
	uv_mutex_unlock(&check->lock);
	if (faults != before)
		tell(check, faults);
}

static void end_part(struct self_check *check)
{
	if (--check->parts == 0 && !atomic_load(&check->is_stopping))
		take_in(check);
}

static void asked(uv_work_t *work, int status)
{
	(void)status;
	end_part(work->data);
}

static int beat(struct txn *txn, void *arg, struct err *err)
{
	return contact_beat(txn, ((struct self_check *)arg)->began.realtime_ms, err);
}

static void beaten(void *arg, const struct err *err)
{
	struct self_check *check = arg;
	int64_t now_us = clock_now(&check->options.clock).monotonic_us;

	check->facts.commit_ms = err ? JSON_ABSENT : (now_us - check->began.monotonic_us) / 1000;
	end_part(check);
}

/* A look that takes longer than its time puts off the next one. */
static void on_timer(uv_timer_t *timer)
{
	struct self_check *check = timer->data;

	if (check->parts)
		return;
	check->facts = (struct own_facts){ .commit_ms = JSON_ABSENT };
	check->began = clock_now(&check->options.clock);
	check->parts = 2;
	store_write(check->options.store, beat, check, beaten);
	if (uv_queue_work(check->options.loop, &check->work, ask, asked))
		end_part(check);
}

struct self_check *self_check_new(const struct self_check_options *options)
{
	struct self_check *check = xcalloc(1, sizeof *check);

	check->options = *options;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) || uv_mutex_init(&check->lock))
		abort();
	check->before = clock_now(&options->clock);
	check->state = (struct self_state){
		.looked_ms = JSON_ABSENT, .listening_ms = check->before.realtime_ms, .failing_ms = JSON_ABSENT,
	};
	return check;
}

int self_check_start(struct self_check *check, int port, struct err *err)
{
	if (self_check_url(check->options.config, port, check->url, err) < 0)
		return -1;
	check->work.data = check;
	uv_timer_init(check->options.loop, &check->timer);
	check->timer.data = check;
	uv_timer_start(&check->timer, on_timer, 0, (uint64_t)check->options.config->silence.check_every_ms);
	check->is_started = true;
	return 0;
}

struct self_state self_check_state(struct self_check *check)
{
	struct self_state state;

	uv_mutex_lock(&check->lock);
	state = check->state;
	uv_mutex_unlock(&check->lock);
	return state;
}

void self_check_stop(struct self_check *check)
{
	if (!check || !check->is_started || atomic_exchange(&check->is_stopping, true))
		return;
	uv_close((uv_handle_t *)&check->timer, NULL);
}

void self_check_free(struct self_check *check)
{
	if (!check)
		return;
	uv_mutex_destroy(&check->lock);
	curl_global_cleanup();
	free(check);
}
