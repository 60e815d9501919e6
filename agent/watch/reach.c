#include "agent/watch/reach.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent/watch/attempt.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/watch/carrier.h"

#define URL_SIZE        1024
#define GATEWAY_PORT    53   /* a home gateway answers there or refuses */
#define MISSES_TO_TURN  3    /* a target that never answered is then tried the other way */

/* One attempt at a level, until its fate is final and told of. */
struct beat {
	struct reach *reach;
	struct beat *next;
	enum ladder_level level;
	int64_t at_us;
	bool known, ok;          /* whether it failed */
	bool told;
	bool is_sweep;
	bool is_void;            /* nobody wants to hear of it any more */
	bool final;              /* nothing more comes of it */
	struct attempt *attempt; /* of names and HTTP */
};

struct target {
	struct reach_target view;
	char url[URL_SIZE];
	bool is_name;            /* of its host */
	bool has_answered;
	int misses;
};

struct reach {
	struct reach_options options;
	struct echoer *echoer;
	struct carrier *carrier;
	struct target targets[LEVEL_COUNT];   /* of GATEWAY, LOCAL and HUB */
	int64_t due_us[LEVEL_COUNT];
	struct beat *beats;                   /* oldest first */
};

static int64_t read_now_us(const struct reach *reach)
{
	return clock_now(&reach->options.clock).boottime_us;
}

/* --- beats --- */

static struct beat *add_beat(struct reach *reach, enum ladder_level level, bool is_sweep)
{
	struct beat *beat = xcalloc(1, sizeof *beat), **last = &reach->beats;

	*beat = (struct beat){ .reach = reach, .level = level, .at_us = read_now_us(reach), .is_sweep = is_sweep };
	while (*last)
		last = &(*last)->next;
	*last = beat;
	return beat;
}

static void drop_done_beats(struct reach *reach)
{
	for (struct beat **at = &reach->beats; *at;) {
		struct beat *beat = *at;

		if (beat->told && beat->final) {
			*at = beat->next;
			free(beat);
		} else {
			at = &beat->next;
		}
	}
}

/* Tells of the attempts at a level in the order in which they were made. */
static void tell(struct reach *reach, enum ladder_level level)
{
	for (struct beat *beat = reach->beats; beat; beat = beat->next) {
		if (beat->level != level || beat->told)
			continue;
		if (!beat->known)
			break;
		beat->told = true;
		reach->options.attempted(reach->options.arg, level, beat->at_us, beat->ok);
	}
	drop_done_beats(reach);
}

static void learn(struct beat *beat, bool ok, bool final)
{
	if (!beat->known) {
		beat->known = true;
		beat->ok = ok;
	}
	beat->final = final;
}

/* --- gateway, local server, hub: echoes --- */

static void turn_to_other_way(struct target *target)
{
	target->view.way = target->view.way == ECHO_ICMP ? ECHO_TCP : ECHO_ICMP;
	target->misses = 0;
}

static void learn_way(struct target *target, const struct echo_result *result)
{
	if (result->outcome == ECHO_ANSWERED || result->outcome == ECHO_LATE) {
		target->has_answered = true;
		target->view.way = result->way;
	} else if (!target->has_answered && ++target->misses >= MISSES_TO_TURN) {
		turn_to_other_way(target);
	}
}

static void on_echo(void *arg, const struct echo_result *result)
{
	struct beat *beat = arg;
	struct reach *reach = beat->reach;
	enum ladder_level level = beat->level;
	bool final = result->outcome != ECHO_OVERDUE;

	learn(beat, result->outcome == ECHO_ANSWERED, final);
	if (final && !beat->is_void)
		learn_way(&reach->targets[level], result);
	if (final && !beat->is_void && !beat->is_sweep)
		reach->options.echoed(reach->options.arg, level, result);
	tell(reach, level);
}

static void try_echo(struct reach *reach, enum ladder_level level, bool is_sweep)
{
	const struct reach_target *view = &reach->targets[level].view;

	if (view->address.ss_family != AF_UNSPEC)
		echo_send(reach->echoer, &view->address, view->way, on_echo, add_beat(reach, level, is_sweep));
}

static void set_address(struct target *target, const struct sockaddr_storage *address)
{
	if (memcmp(&target->view.address, address, sizeof *address) == 0)
		return;
	target->view.address = *address;
	target->view.way = ECHO_ICMP;
	target->has_answered = false;
	target->misses = 0;
}

/* --- names and HTTP of the local server; the hub's name --- */

static void on_attempt(void *arg, struct attempt *attempt, const struct attempt_result *result)
{
	struct beat *beat = arg;
	struct reach *reach = beat->reach;
	enum ladder_level level = beat->level;

	(void)attempt;
	beat->attempt = NULL;
	learn(beat, result->ok, true);
	tell(reach, level);
}

static void on_name(void *arg, struct attempt *attempt, const struct attempt_result *result)
{
	struct beat *beat = arg;

	if (result->ok)
		set_address(&beat->reach->targets[LEVEL_LOCAL], &result->address);
	on_attempt(arg, attempt, result);
}

static void on_hub_name(void *arg, struct attempt *attempt, const struct attempt_result *result)
{
	struct beat *beat = arg;

	if (result->ok)
		set_address(&beat->reach->targets[LEVEL_HUB], &result->address);
	on_attempt(arg, attempt, result);
}

static void give_up(struct beat *beat, const struct err *err)
{
	log_warning("%s: %s", ladder_level_names[beat->level], err->message);
	beat->told = beat->final = true;
	drop_done_beats(beat->reach);
}

/* An address says nothing of names, the hub's name nothing of the local server's: those are looked up, and not told of. */
static void look_up(struct reach *reach, enum ladder_level level, bool is_sweep)
{
	const struct target *target = &reach->targets[level];
	bool is_local = level == LEVEL_LOCAL;
	struct beat *beat;
	struct err err;

	if (!target->url[0])
		return;
	beat = add_beat(reach, LEVEL_NAMES, is_sweep);
	beat->told = !is_local || !target->is_name;
	if (attempt_name(reach->options.fetch, target->url, reach->options.rule.service_timeout_ms,
			 is_local ? on_name : on_hub_name, beat, &beat->attempt, &err) < 0)
		give_up(beat, &err);
}

static void try_names(struct reach *reach, bool is_sweep)
{
	if (reach->targets[LEVEL_LOCAL].is_name)
		look_up(reach, LEVEL_LOCAL, is_sweep);
	if (reach->targets[LEVEL_HUB].is_name && !is_sweep)
		look_up(reach, LEVEL_HUB, is_sweep);
}

static void try_http(struct reach *reach, bool is_sweep)
{
	const char *url = reach->targets[LEVEL_LOCAL].url;
	struct beat *beat;
	struct err err;

	if (!url[0])
		return;
	beat = add_beat(reach, LEVEL_HTTP, is_sweep);
	if (attempt_http(reach->options.fetch, url, reach->options.interface, reach->options.rule.service_timeout_ms, on_attempt,
			 beat, &beat->attempt, &err) < 0)
		give_up(beat, &err);
}

/* --- carrier --- */

static void format_address(const struct sockaddr_storage *address, char ret_text[REACH_HOST_SIZE])
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	ret_text[0] = '\0';
	if (address->ss_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, ret_text, REACH_HOST_SIZE);
	else if (address->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &v6->sin6_addr, ret_text, REACH_HOST_SIZE);
}

/* Another host than before is another target, of which nothing is known yet. */
static void set_host(struct reach *reach, enum ladder_level level, const char *host)
{
	struct target *target = &reach->targets[level];
	bool is_new = strcmp(target->view.host, host) != 0;

	text_copy(target->view.host, sizeof target->view.host, host);
	if (is_new)
		reach->options.changed(reach->options.arg, level);
}

static void follow_gateway(struct reach *reach, const struct carrier_view *view)
{
	struct sockaddr_storage address = view->gateway;
	char host[REACH_HOST_SIZE];

	if (address.ss_family == AF_UNSPEC)
		return;
	format_address(&address, host);
	((struct sockaddr_in *)(void *)&address)->sin_port = htons(GATEWAY_PORT);   /* stands there in sockaddr_in6 too */
	set_host(reach, LEVEL_GATEWAY, host);
	set_address(&reach->targets[LEVEL_GATEWAY], &address);
}

static void try_carrier(struct reach *reach)
{
	const struct carrier_view *view = carrier_look(reach->carrier);

	follow_gateway(reach, view);
	if (view->interface[0])
		reach->options.attempted(reach->options.arg, LEVEL_CARRIER, read_now_us(reach), view->up);
}

static void on_carrier_changed(void *arg)
{
	try_carrier(arg);
}

/* --- outside --- */

static void try_level(struct reach *reach, enum ladder_level level, bool is_sweep)
{
	switch (level) {
	case LEVEL_CARRIER: try_carrier(reach); break;
	case LEVEL_NAMES:   try_names(reach, is_sweep); break;
	case LEVEL_HTTP:    try_http(reach, is_sweep); break;
	default:            try_echo(reach, level, is_sweep); break;
	}
}

int reach_open(const struct reach_options *options, struct reach **ret_reach, struct err *err)
{
	struct echo_options echoes = { .loop = options->loop, .clock = options->clock, .random = options->random,
				       .interface = options->interface, .timeout_ms = options->rule.timeout_ms,
				       .late_ms = options->rule.late_ms };
	struct reach *reach = xcalloc(1, sizeof *reach);
	int64_t now_us;

	reach->options = *options;
	now_us = read_now_us(reach);
	for (int level = 0; level < LEVEL_COUNT; level++)   /* agents that start together do not call together */
		reach->due_us[level] = now_us + (int64_t)random_below(&options->random,
								      (uint64_t)options->rule.every_ms[level] * 1000);
	reach->due_us[LEVEL_CARRIER] = reach->due_us[LEVEL_GATEWAY] = now_us;   /* their own; together: one wakeup */
	if (carrier_open(options->loop, options->interface, on_carrier_changed, reach, &reach->carrier, err) < 0) {
		free(reach);
		return -1;
	}
	reach->echoer = echoer_open(&echoes);
	*ret_reach = reach;
	return 0;
}

void reach_remember(struct reach *reach, enum ladder_level level, const char *host)
{
	struct target *target = &reach->targets[level];

	text_copy(target->view.host, sizeof target->view.host, host);
}

/* The host as the URL has it, without brackets; "" when there is none. */
static void read_host(const char *url, char ret_host[REACH_HOST_SIZE])
{
	CURLU *parts = curl_url();
	char *host = NULL;
	size_t length;

	ret_host[0] = '\0';
	if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		text_copy(ret_host, REACH_HOST_SIZE, host[0] == '[' ? host + 1 : host);
		length = strlen(ret_host);
		if (host[0] == '[' && length)
			ret_host[length - 1] = '\0';
	}
	curl_free(host);
	curl_url_cleanup(parts);
}

static bool is_name(const char *host)
{
	unsigned char bytes[16];

	return host[0] && inet_pton(AF_INET, host, bytes) != 1 && inet_pton(AF_INET6, host, bytes) != 1;
}

void reach_set_url(struct reach *reach, enum ladder_level level, const char *url)
{
	struct target *target = &reach->targets[level];
	char host[REACH_HOST_SIZE] = "";

	if (url && strcmp(target->url, url) == 0)
		return;
	if (url)
		read_host(url, host);
	text_copy(target->url, sizeof target->url, url ? url : "");
	if (strcmp(target->view.host, host) != 0)
		target->view.address = (struct sockaddr_storage){ .ss_family = AF_UNSPEC };
	target->is_name = is_name(host);
	set_host(reach, level, host);
	look_up(reach, level, false);
}

int64_t reach_run(struct reach *reach, int64_t now_us)
{
	int64_t next_us = INT64_MAX;

	for (int level = 0; level < LEVEL_COUNT; level++) {
		int64_t every_us = reach->options.rule.every_ms[level] * 1000;

		if (now_us >= reach->due_us[level]) {
			reach->due_us[level] += every_us;
			if (reach->due_us[level] <= now_us)
				reach->due_us[level] = now_us + every_us;   /* slept over: not made up for */
			try_level(reach, (enum ladder_level)level, false);
		}
		next_us = reach->due_us[level] < next_us ? reach->due_us[level] : next_us;
	}
	return next_us;
}

void reach_sweep(struct reach *reach)
{
	for (int level = 0; level < LEVEL_COUNT; level++)
		try_level(reach, (enum ladder_level)level, true);
}

void reach_failed(struct reach *reach, enum ladder_level level)
{
	learn(add_beat(reach, level, false), false, true);
	tell(reach, level);
}

void reach_void(struct reach *reach)
{
	for (struct beat *beat = reach->beats; beat; beat = beat->next)
		beat->is_void = beat->told = true;
}

const struct reach_target *reach_peek(const struct reach *reach, enum ladder_level level)
{
	return &reach->targets[level].view;
}

void reach_close(struct reach *reach)
{
	if (!reach)
		return;
	echoer_close(reach->echoer);
	carrier_close(reach->carrier);
	while (reach->beats) {
		struct beat *beat = reach->beats;

		reach->beats = beat->next;
		attempt_cancel(beat->attempt);
		free(beat);
	}
	free(reach);
}
