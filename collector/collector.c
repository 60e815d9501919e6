/* Starting: store, reference files, API, TLS, server, then signals, timers and rounds. Stopping is the same in reverse:
 * agents that wait for an instruction are answered, the server lets requests under way finish, the API waits for calls whose
 * connection broke, the store finishes its queue; then no handle is left and the loop ends. A start that failed half-way
 * stops the same way. */
#include "collector/collector.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/notify.h"
#include "collector/api/api.h"
#include "collector/derive/contact.h"
#include "collector/derive/network.h"
#include "collector/derive/rollup.h"
#include "collector/http/server.h"
#include "collector/http/tls.h"
#include "collector/load.h"
#include "collector/network_watch.h"
#include "collector/reference.h"
#include "collector/rounds.h"
#include "collector/self_check.h"
#include "collector/store/store.h"

#define READERS         4
#define DRAIN_MS        5000
#define HEAD_TIMEOUT_MS 15000
#define BODY_TIMEOUT_MS 30000
#define IDLE_TIMEOUT_MS 600000   /* agents keep their connection from report to report */
#define PRUNE_EVERY_MS  600000
#define PRUNE_ROWS      500

enum { ON_TERM, ON_INT, SIGNAL_COUNT };
enum { ROUND_PRUNE, ROUND_CONTACT, ROUND_COUNT };

struct collector {
	const struct collector_options *options;
	uv_loop_t loop;
	uv_signal_t signals[SIGNAL_COUNT];
	uv_timer_t watchdog;
	struct clock clock;
	struct store *store;
	struct api *api;
	struct load *load;
	struct reference *reference;   /* NULL: no directory of files to serve */
	struct self_check *self_check;
	struct tls_context *tls;
	struct http_server *server;
	struct network_watch *network;
	struct contact_options contact;
	struct round table[ROUND_COUNT];
	struct rounds *rounds;
	bool has_handles;
	bool is_stopping;
};

static int prune(struct txn *txn, void *arg, struct err *err)
{
	struct collector *collector = arg;
	const struct collector_config *config = collector->options->config;
	int64_t now_ms = clock_now(&collector->clock).realtime_ms, pruned;
	bool has_more;

	if (sessions_prune(txn, now_ms, err) < 0 ||
	    reports_prune(txn, now_ms - config->keep_reports_ms, PRUNE_ROWS, &pruned, err) < 0 ||
	    rollup_step(txn, config, now_ms, &has_more, err) < 0)
		return -1;
	return has_more || pruned == PRUNE_ROWS;
}

static void on_watchdog(uv_timer_t *timer)
{
	(void)timer;
	notify_send("WATCHDOG=1");
}

static void store_closed(void *arg)
{
	struct collector *collector = arg;

	collector->store = NULL;
}

static void api_idle(void *arg)
{
	struct collector *collector = arg;

	store_close(collector->store, store_closed, collector);
}

static void server_stopped(void *arg)
{
	struct collector *collector = arg;

	collector->server = NULL;
	load_stop(collector->load);
	if (collector->api)
		api_when_idle(collector->api, api_idle, collector);
	else if (collector->store)
		api_idle(collector);
}

static void stop(struct collector *collector)
{
	if (collector->is_stopping)
		return;
	collector->is_stopping = true;
	notify_send("STOPPING=1");
	if (collector->has_handles) {
		/* Without a handler the next signal ends the process. */
		for (int i = 0; i < SIGNAL_COUNT; i++)
			uv_close((uv_handle_t *)&collector->signals[i], NULL);
		uv_close((uv_handle_t *)&collector->watchdog, NULL);
	}
	network_watch_stop(collector->network);
	rounds_stop(collector->rounds);
	self_check_stop(collector->self_check);
	if (collector->api)
		api_stop_waiting(collector->api);
	if (collector->server)
		http_server_stop(collector->server, DRAIN_MS, server_stopped, collector);
	else
		server_stopped(collector);
}

static void on_signal(uv_signal_t *handle, int number)
{
	log_info("stopping on %s", strsignal(number));
	stop(handle->data);
}

static void start_handles(struct collector *collector)
{
	static const int numbers[SIGNAL_COUNT] = { [ON_TERM] = SIGTERM, [ON_INT] = SIGINT };
	int64_t watchdog_ms = notify_watchdog_interval_ms();

	for (int i = 0; i < SIGNAL_COUNT; i++) {
		uv_signal_init(&collector->loop, &collector->signals[i]);
		collector->signals[i].data = collector;
		uv_signal_start(&collector->signals[i], on_signal, numbers[i]);
	}
	uv_timer_init(&collector->loop, &collector->watchdog);
	if (watchdog_ms > 0)
		uv_timer_start(&collector->watchdog, on_watchdog, (uint64_t)watchdog_ms, (uint64_t)watchdog_ms);
	collector->network = network_watch_start(&collector->loop, collector->store, collector->options->config,
						 &collector->clock);
	collector->has_handles = true;
}

static struct self_state read_self(void *arg)
{
	return self_check_state(arg);
}

static void start_rounds(struct collector *collector)
{
	const struct collector_config *config = collector->options->config;

	collector->contact = (struct contact_options){
		.config = config, .clock = collector->clock, .self = read_self, .self_arg = collector->self_check,
		.changed = network_note_change,
	};
	collector->table[ROUND_PRUNE] = (struct round){ "prune", PRUNE_EVERY_MS, prune, collector };
	collector->table[ROUND_CONTACT] = (struct round){
		"contact", config->silence.check_every_ms, contact_round, &collector->contact,
	};
	collector->rounds = rounds_start(&collector->loop, collector->store, collector->table, ROUND_COUNT);
}

static int start_store(struct collector *collector, struct err *err)
{
	const struct collector_config *config = collector->options->config;
	const struct store_options options = {
		.path = config->database, .loop = &collector->loop, .readers = READERS,
	};

	return store_open(&options, &collector->store, err);
}

/* Also behind a proxy that ends TLS. */
static bool is_reached_over_tls(const struct collector_config *config)
{
	return config->tls_certificate || (config->public_url && !strncmp(config->public_url, "https://", 8));
}

static struct self_check *make_self_check(struct collector *collector)
{
	const struct self_check_options options = {
		.loop = &collector->loop, .store = collector->store, .config = collector->options->config, .clock = collector->clock,
	};

	return self_check_new(&options);
}

static int start_api(struct collector *collector, struct err *err)
{
	struct api_options options = {
		.loop = &collector->loop,
		.config = collector->options->config,
		.store = collector->store,
		.reference = collector->reference,
		.clock = collector->clock,
		.random = random_system(),
		.secure = is_reached_over_tls(collector->options->config),
		.measured = collector->options->measured,
		.measured_arg = collector->options->measured_arg,
	};

	options.self_check = collector->self_check = make_self_check(collector);
	return api_new(&options, &collector->api, err);
}

static int start_reference(struct collector *collector, struct err *err)
{
	const char *directory = collector->options->config->reference_dir;

	if (!directory)
		return 0;
	collector->load = load_start(&collector->loop);
	return reference_open(directory, REFERENCE_MAX_TRANSFERS, collector->load, &collector->reference, err);
}

static int start_server(struct collector *collector, struct err *err)
{
	const struct collector_config *config = collector->options->config;
	char address[LISTEN_ADDRESS_SIZE];
	struct http_server_options options = {
		.address = address,
		.max_connections = config->max_connections,
		.max_body_bytes = config->max_body_bytes,
		.head_timeout_ms = HEAD_TIMEOUT_MS,
		.body_timeout_ms = BODY_TIMEOUT_MS,
		.idle_timeout_ms = IDLE_TIMEOUT_MS,
		.handle = api_handle,
		.arg = collector->api,
	};

	if (collector_listen_parse(config->listen, address, &options.port, err) < 0)
		return -1;
	if (config->tls_certificate && tls_context_new(config->tls_certificate, config->tls_key, &collector->tls, err) < 0)
		return -1;
	options.tls = collector->tls;
	if (http_server_start(&collector->loop, &options, &collector->server, err) < 0)
		return -1;
	log_info("listening on %s://%s%s%s:%d", collector->tls ? "https" : "http", strchr(address, ':') ? "[" : "", address,
		 strchr(address, ':') ? "]" : "", http_server_port(collector->server));
	return 0;
}

int collector_run(const struct collector_options *options, struct err *err)
{
	struct collector *collector = xcalloc(1, sizeof *collector);
	int rc = -1;

	signal(SIGPIPE, SIG_IGN);   /* a peer that went away is an error of its write */
	collector->options = options;
	collector->clock = clock_system();
	uv_loop_init(&collector->loop);
	if (start_store(collector, err) == 0 && start_reference(collector, err) == 0 && start_api(collector, err) == 0 &&
	    start_server(collector, err) == 0 &&
	    self_check_start(collector->self_check, http_server_port(collector->server), err) == 0) {
		start_handles(collector);
		start_rounds(collector);
		notify_send("READY=1");
		rc = 0;
	} else {
		stop(collector);
	}
	uv_run(&collector->loop, UV_RUN_DEFAULT);
	network_watch_free(collector->network);
	rounds_free(collector->rounds);
	self_check_free(collector->self_check);
	api_free(collector->api);
	reference_close(collector->reference);
	tls_context_free(collector->tls);
	uv_loop_close(&collector->loop);
	free(collector);
	return rc;
}
