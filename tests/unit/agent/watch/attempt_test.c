/* Names and HTTP against a scripted server on loopback, and a name server that never answers: the loop must go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mount.h>

#include "agent/watch/attempt.h"
#include "tests/unit/agent/own_net.h"
#include "tests/unit/agent/scratch.h"
#include "tests/unit/agent/scripted_server.h"

#define STALL_MAX_MS 500

struct world {
	uv_loop_t loop;
	struct server server;
	struct fetch *fetch;
	struct attempt *attempt;
	struct attempt_result result;
	int dones;
};

static bool net_is_own;

static void open_world(struct world *world, struct script script)
{
	struct err err;

	*world = (struct world){ 0 };
	uv_loop_init(&world->loop);
	server_open(&world->server, &world->loop, script);
	assert_int_equal(fetch_open(&world->loop, &world->fetch, &err), 0);
}

static void close_world(struct world *world)
{
	fetch_close(world->fetch, NULL, NULL);
	server_close(&world->server);
	uv_run(&world->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&world->loop), 0);
	buf_free(&world->server.request);
}

static void on_done(void *arg, struct attempt *attempt, const struct attempt_result *result)
{
	struct world *world = arg;

	assert_ptr_equal(attempt, world->attempt);
	world->dones++;
	world->result = *result;
	uv_stop(&world->loop);
}

static void wait_for_done(struct world *world)
{
	while (!world->dones)
		uv_run(&world->loop, UV_RUN_DEFAULT);
}

static void look_up(struct world *world, const char *url, int64_t timeout_ms)
{
	struct err err;

	assert_int_equal(attempt_name(world->fetch, url, timeout_ms, on_done, world, &world->attempt, &err), 0);
	wait_for_done(world);
}

static void test_http(void **state)
{
	static const struct {
		const char *name;
		struct script script;
		bool ok;
	} cases[] = {
		{ "200", { .head = "HTTP/1.1 200 OK\nContent-Length: 1048576\n" }, true },
		{ "304", { .head = "HTTP/1.1 304 Not Modified\n" }, true },
		{ "503: busy is no interruption", { .head = "HTTP/1.1 503 Service Unavailable\nContent-Length: 0\n" }, true },
		{ "404", { .head = "HTTP/1.1 404 Not Found\nContent-Length: 0\n" }, false },
		{ "500", { .head = "HTTP/1.1 500 Oops\nContent-Length: 0\n" }, false },
		{ "no HTTP at all", { .head = "SSH-2.0-OpenSSH\n" }, false },
		{ "closes at once", { .head = "" }, false },
		{ "never answers", { .head = NULL, .keep_open = true }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct world world;
		struct err err;

		print_message("  %s\n", cases[i].name);
		open_world(&world, cases[i].script);
		assert_int_equal(attempt_http(world.fetch, world.server.url, NULL, cases[i].script.head ? 10000 : 50, on_done, &world,
					      &world.attempt, &err), 0);
		wait_for_done(&world);
		assert_int_equal(world.result.ok, cases[i].ok);
		if (cases[i].script.head && cases[i].script.head[0])
			assert_non_null(strstr(buf_text(&world.server.request), "HEAD /"));
		close_world(&world);
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *url, *address;
		uint16_t port;
	} cases[] = {
		{ "http://192.0.2.7/ref.bin", "192.0.2.7", 80 },
		{ "https://192.0.2.7/ref.bin", "192.0.2.7", 443 },
		{ "http://192.0.2.7:8080/ref.bin", "192.0.2.7", 8080 },
		{ "http://ip4-of-this-test/ref.bin", NULL, 0 },
	};

	(void)state;
	if (!net_is_own)
		skip();   /* names that do not exist must not leave this machine */
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct sockaddr_in *v4;
		struct world world;

		open_world(&world, (struct script){ .head = "" });
		look_up(&world, cases[i].url, 10000);
		v4 = (const void *)&world.result.address;
		assert_int_equal(world.result.ok, cases[i].address != NULL);
		if (cases[i].address) {
			assert_int_equal(v4->sin_family, AF_INET);
			assert_string_equal(inet_ntoa(v4->sin_addr), cases[i].address);
			assert_int_equal(ntohs(v4->sin_port), cases[i].port);
		} else {
			assert_int_equal(v4->sin_family, AF_UNSPEC);
		}
		assert_int_equal(world.server.requests, 0);   /* looking up is not connecting */
		close_world(&world);
	}
}

static void test_local_name_keeps_the_port(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, (struct script){ .head = "" });
	look_up(&world, "http://localhost:8081/", 10000);
	assert_true(world.result.ok);
	assert_int_equal(ntohs(((const struct sockaddr_in *)(const void *)&world.result.address)->sin_port), 8081);
	close_world(&world);
}

/* resolv.conf names a server on loopback that hears and says nothing. */
static int open_deaf_name_server(struct scratch *scratch)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	FILE *file = fopen(scratch_file(scratch, "resolv.conf"), "w");

	fputs("nameserver 127.0.0.1\n", file);
	fclose(file);
	assert_int_equal(bind(fd, (const struct sockaddr *)&here, sizeof here), 0);
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount(scratch_file(scratch, "resolv.conf"), "/etc/resolv.conf", NULL, MS_BIND, NULL), 0);
	return fd;
}

struct pulse {
	uv_timer_t timer;
	uint64_t last_ns, longest_ns;
};

static void on_pulse(uv_timer_t *timer)
{
	struct pulse *pulse = timer->data;
	uint64_t now_ns = uv_hrtime();

	if (now_ns - pulse->last_ns > pulse->longest_ns)
		pulse->longest_ns = now_ns - pulse->last_ns;
	pulse->last_ns = now_ns;
}

static void test_a_deaf_name_server_does_not_stall_the_loop(void **state)
{
	struct scratch scratch;
	struct pulse pulse = { .last_ns = uv_hrtime() };
	struct world world;
	int deaf;

	(void)state;
	if (!net_is_own)
		skip();
	scratch_make(&scratch);
	deaf = open_deaf_name_server(&scratch);
	open_world(&world, (struct script){ .head = "" });
	uv_timer_init(&world.loop, &pulse.timer);
	pulse.timer.data = &pulse;
	uv_timer_start(&pulse.timer, on_pulse, 10, 10);
	for (int i = 0; i < 3; i++) {
		world.dones = 0;
		look_up(&world, "http://files.isp.example/ref.bin", 300);
		assert_false(world.result.ok);
	}
	on_pulse(&pulse.timer);
	uv_close((uv_handle_t *)&pulse.timer, NULL);
	close_world(&world);
	print_message("  longest stall: %.1f ms\n", (double)pulse.longest_ns / 1e6);
	assert_true(pulse.longest_ns < STALL_MAX_MS * 1000000ULL);
	close(deaf);
	umount("/etc/resolv.conf");
	scratch_remove(&scratch);
}

static void test_cancel_says_nothing(void **state)
{
	struct world world;
	struct err err;

	(void)state;
	open_world(&world, (struct script){ .head = NULL, .keep_open = true });
	assert_int_equal(attempt_http(world.fetch, world.server.url, NULL, 60000, on_done, &world, &world.attempt, &err), 0);
	uv_run(&world.loop, UV_RUN_NOWAIT);
	attempt_cancel(world.attempt);
	attempt_cancel(NULL);
	close_world(&world);
	assert_int_equal(world.dones, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_local_name_keeps_the_port),
		cmocka_unit_test(test_cancel_says_nothing),
		cmocka_unit_test(test_a_deaf_name_server_does_not_stall_the_loop),
	};

	net_is_own = own_net_make();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
