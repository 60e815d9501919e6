/* floor: the least a program must spend that downloads what the agent downloads, tries whom it tries and keeps what it keeps.
 *
 *   floor DATABASE GATEWAY LOCAL HUB PROBES_PER_MINUTE          IPv4 addresses; files are fetched from port 8080
 *
 * Written the plain way on the libraries the agent links, with their defaults, and with none of the agent's modules. A
 * probe, of the legs in turn, is a fresh connection (curl's multi interface on the loop), its body's SHA-256, and one row
 * of a record's size in a durable transaction.
 *
 * Without probes it still does the agent's heartbeats: a look is a connection to a port, closed once it stands: gateway and
 * local server each 10 s, hub each 30 s, apart from each other so that none delays another's answer; besides a HEAD each
 * minute, a row that is written over each 30 s, durable each second time, and a new durable one each 5 min. That is what the
 * agent tries and keeps on a line without trouble, but for what it keeps in more than one row.
 *
 * Left out, though the agent cannot do without: the carrier, routes, clocks and names. Nothing is configured, judged, locked,
 * logged or reported, and a failed download or commit ends it. It prints one line when it is ready. */
#include <curl/curl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <signal.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <yaml.h>
#include <zlib.h>

#define ROW_BYTES    570   /* of a measurement in the agent's spool */
#define LOOKS_MS     10000
#define GATEWAY_PORT 53
#define FILE_PORT    8080

enum place { GATEWAY, LOCAL, HUB, PLACES };

struct floor {
	struct sockaddr_in places[PLACES];
	char urls[PLACES][64];
	int probe_count, look_count;
	sqlite3 *database;
	sqlite3_stmt *insert, *overwrite;
	uv_loop_t loop;
	uv_timer_t probe, look, timeout;
	CURLM *multi;
	EVP_MD_CTX *digest;
};

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "floor: %s\n", what);
	exit(1);
}

static void store(sqlite3_stmt *statement, const char *text)
{
	char row[ROW_BYTES + 1];

	memset(row, ' ', sizeof row);
	memcpy(row, text, strlen(text));
	sqlite3_bind_text(statement, 1, row, ROW_BYTES, SQLITE_STATIC);
	require(sqlite3_step(statement) == SQLITE_DONE, "a row was not stored");
	sqlite3_reset(statement);
}

/* --- probes --- */

static size_t on_body(char *bytes, size_t size, size_t length, void *arg)
{
	struct floor *floor = arg;

	(void)size;
	EVP_DigestUpdate(floor->digest, bytes, length);
	return length;
}

static void start_request(struct floor *floor, enum place place, bool is_probe)
{
	CURL *easy = curl_easy_init();

	curl_easy_setopt(easy, CURLOPT_URL, floor->urls[place]);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(easy, CURLOPT_NOBODY, is_probe ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, floor);
	curl_multi_add_handle(floor->multi, easy);
}

static void on_probe_due(uv_timer_t *timer)
{
	struct floor *floor = timer->data;

	EVP_DigestInit_ex(floor->digest, EVP_sha256(), NULL);
	start_request(floor, floor->probe_count++ % 2 ? HUB : LOCAL, true);
}

static void store_probe(struct floor *floor, CURL *easy)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1], text[ROW_BYTES];
	curl_off_t bytes, us;
	unsigned digest_bytes;

	curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
	curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &us);
	if (!bytes)
		return;   /* a HEAD */
	EVP_DigestFinal_ex(floor->digest, digest, &digest_bytes);
	sodium_bin2hex(hex, sizeof hex, digest, digest_bytes);
	snprintf(text, sizeof text, "%s %lld %lld", hex, (long long)bytes, (long long)us);
	store(floor->insert, text);
}

static void collect_done(struct floor *floor)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(floor->multi, &left))) {
		CURL *easy = message->easy_handle;

		require(message->data.result == CURLE_OK, curl_easy_strerror(message->data.result));
		store_probe(floor, easy);
		curl_multi_remove_handle(floor->multi, easy);
		curl_easy_cleanup(easy);
	}
}

/* --- curl on the loop --- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct floor *floor = poll->data;
	int came = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0), running, fd;

	uv_fileno((const uv_handle_t *)poll, &fd);
	curl_multi_socket_action(floor->multi, fd, status < 0 ? CURL_CSELECT_ERR : came, &running);
	collect_done(floor);
}

static void on_timeout(uv_timer_t *timer)
{
	struct floor *floor = timer->data;
	int running;

	curl_multi_socket_action(floor->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect_done(floor);
}

static int set_timeout(CURLM *multi, long timeout_ms, void *arg)
{
	struct floor *floor = arg;

	(void)multi;
	return timeout_ms < 0 ? uv_timer_stop(&floor->timeout) : uv_timer_start(&floor->timeout, on_timeout, (uint64_t)timeout_ms, 0);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct floor *floor = arg;
	uv_poll_t *poll = known;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (poll)
			uv_close((uv_handle_t *)poll, (uv_close_cb)free);
		return 0;
	}
	if (!poll) {
		poll = malloc(sizeof *poll);
		require(poll && uv_poll_init_socket(&floor->loop, poll, fd) == 0, "a socket cannot be watched");
		poll->data = floor;
		curl_multi_assign(floor->multi, fd, poll);
	}
	return uv_poll_start(poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0), on_poll);
}

/* --- looks --- */

static void on_connected(uv_connect_t *request, int status)
{
	(void)status;   /* a refusal is an answer too */
	uv_close((uv_handle_t *)request->handle, (uv_close_cb)free);
	free(request);
}

static void look_at(struct floor *floor, enum place place)
{
	uv_tcp_t *socket = malloc(sizeof *socket);
	uv_connect_t *request = malloc(sizeof *request);

	require(socket && request && uv_tcp_init(&floor->loop, socket) == 0 &&
			uv_tcp_connect(request, socket, (const struct sockaddr *)&floor->places[place], on_connected) == 0,
		"a look cannot be started");
}

static void execute(struct floor *floor, const char *sql)
{
	require(sqlite3_exec(floor->database, sql, NULL, NULL, NULL) == SQLITE_OK, "the database refuses a statement");
}

static void store_life_sign(struct floor *floor, bool durable)
{
	execute(floor, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
	store(floor->overwrite, "still here");
	execute(floor, "PRAGMA synchronous=FULL");
}

static void do_rest(struct floor *floor, int round)
{
	if (round % 3 == 0)
		look_at(floor, HUB);
	if (round % 3 == 1)
		store_life_sign(floor, round % 2);
	if (round % 6 == 2)
		start_request(floor, LOCAL, false);
	if (round % 30 == 5)
		store(floor->insert, "five minutes");
}

static void on_look_due(uv_timer_t *timer)
{
	struct floor *floor = timer->data;
	int count = floor->look_count++;

	if (count % PLACES == HUB)
		do_rest(floor, count / PLACES);
	else
		look_at(floor, (enum place)(count % PLACES));
}

/* --- start --- */

static bool prepare(struct floor *floor, const char *sql, sqlite3_stmt **ret_statement)
{
	return sqlite3_prepare_v2(floor->database, sql, -1, ret_statement, NULL) == SQLITE_OK;
}

static void open_database(struct floor *floor, const char *path)
{
	static const char schema[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
				     "CREATE TABLE IF NOT EXISTS row (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)";

	require(sqlite3_open(path, &floor->database) == SQLITE_OK &&
			sqlite3_exec(floor->database, schema, NULL, NULL, NULL) == SQLITE_OK &&
			prepare(floor, "INSERT INTO row (body) VALUES (?1)", &floor->insert) &&
			prepare(floor, "REPLACE INTO row (seq, body) VALUES (0, ?1)", &floor->overwrite),
		"the database does not open");
}

static void open_loop(struct floor *floor)
{
	uv_loop_init(&floor->loop);
	uv_timer_init(&floor->loop, &floor->probe);
	uv_timer_init(&floor->loop, &floor->look);
	uv_timer_init(&floor->loop, &floor->timeout);
	floor->probe.data = floor->look.data = floor->timeout.data = floor;
	floor->multi = curl_multi_init();
	floor->digest = EVP_MD_CTX_new();
	curl_multi_setopt(floor->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(floor->multi, CURLMOPT_SOCKETDATA, floor);
	curl_multi_setopt(floor->multi, CURLMOPT_TIMERFUNCTION, set_timeout);
	curl_multi_setopt(floor->multi, CURLMOPT_TIMERDATA, floor);
	uv_timer_start(&floor->look, on_look_due, LOOKS_MS / PLACES, LOOKS_MS / PLACES);
}

/* Naming those libraries that nothing else here needs keeps the linker from leaving them out. */
static void say_ready(void)
{
	printf("ready: jansson %s, libyaml %s, zlib %s\n", jansson_version_str(), yaml_get_version_string(), zlibVersion());
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct floor floor = { 0 };
	unsigned long per_minute;

	require(argc == 6, "usage: floor DATABASE GATEWAY LOCAL HUB PROBES_PER_MINUTE");
	for (int place = 0; place < PLACES; place++) {
		require(uv_ip4_addr(argv[2 + place], place == GATEWAY ? GATEWAY_PORT : FILE_PORT, &floor.places[place]) == 0, argv[2 + place]);
		snprintf(floor.urls[place], sizeof floor.urls[place], "http://%s:%d/ref-1m.bin", argv[2 + place], FILE_PORT);
	}
	signal(SIGPIPE, SIG_IGN);
	require(sodium_init() >= 0 && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "a library does not start");
	open_database(&floor, argv[1]);
	open_loop(&floor);
	per_minute = strtoul(argv[5], NULL, 10);
	if (per_minute)
		uv_timer_start(&floor.probe, on_probe_due, 60000 / per_minute, 60000 / per_minute);
	say_ready();
	return uv_run(&floor.loop, UV_RUN_DEFAULT);
}
