/* Echoes to real sockets on loopback: ICMP in a network namespace of this test's own, TCP everywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "agent/watch/echo.h"
#include "tests/unit/agent/own_net.h"

#define RESULTS_MAX 64

struct world {
	uv_loop_t loop;
	struct echoer *echoer;
	struct echo_result results[RESULTS_MAX];
	int count;
};

static bool net_is_own;

static void open_world(struct world *world, int64_t timeout_ms, int64_t late_ms)
{
	struct echo_options options = { .loop = &world->loop, .clock = clock_system(), .random = random_system(),
					.timeout_ms = timeout_ms, .late_ms = late_ms };

	world->count = 0;
	assert_int_equal(uv_loop_init(&world->loop), 0);
	world->echoer = echoer_open(&options);
}

static void close_world(struct world *world)
{
	echoer_close(world->echoer);
	uv_run(&world->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&world->loop), 0);
}

static void on_done(void *arg, const struct echo_result *result)
{
	struct world *world = arg;

	assert_true(world->count < RESULTS_MAX);
	world->results[world->count++] = *result;
	uv_stop(&world->loop);
}

static void wait_for(struct world *world, int count)
{
	while (world->count < count)
		uv_run(&world->loop, UV_RUN_DEFAULT);
	assert_int_equal(world->count, count);
}

static struct sockaddr_storage address(const char *text, uint16_t port)
{
	struct sockaddr_storage storage = { 0 };

	if (strchr(text, ':'))
		uv_ip6_addr(text, port, (struct sockaddr_in6 *)(void *)&storage);
	else
		uv_ip4_addr(text, port, (struct sockaddr_in *)(void *)&storage);
	return storage;
}

/* Bound and listening when backlog is not negative; its port in *ret_address. */
static int bind_tcp(struct sockaddr_storage *ret_address, int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(struct sockaddr_in);

	*ret_address = address("127.0.0.1", 0);
	assert_int_equal(bind(fd, (struct sockaddr *)ret_address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &length), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static void assert_result(const struct world *world, int i, enum echo_outcome outcome, enum echo_way way)
{
	assert_int_equal(world->results[i].outcome, outcome);
	assert_int_equal(world->results[i].way, way);
}

static void test_tcp_open_port_answers(void **state)
{
	struct sockaddr_storage to;
	int listener = bind_tcp(&to, 8);
	struct world world;

	(void)state;
	open_world(&world, 3000, 100);
	echo_send(world.echoer, &to, ECHO_TCP, on_done, &world);
	assert_int_equal(world.count, 0);   /* never from within the call */
	wait_for(&world, 1);
	assert_result(&world, 0, ECHO_ANSWERED, ECHO_TCP);
	assert_in_range(world.results[0].delay_us, 0, 3000000);
	close(listener);
	close_world(&world);
}

static void test_tcp_refusal_answers(void **state)
{
	struct sockaddr_storage to;
	int bound = bind_tcp(&to, -1);
	struct world world;

	(void)state;
	open_world(&world, 3000, 100);
	echo_send(world.echoer, &to, ECHO_TCP, on_done, &world);
	wait_for(&world, 1);
	assert_result(&world, 0, ECHO_ANSWERED, ECHO_TCP);
	close(bound);
	close_world(&world);
}

static int connect_to(const struct sockaddr_storage *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)to, sizeof(struct sockaddr_in)), 0);
	return fd;
}

/* A listener whose queue is full drops the SYN; the next, a second later, finds room. */
static void test_answer_after_the_time_out_is_late(void **state)
{
	struct sockaddr_storage to;
	int listener = bind_tcp(&to, 0), first = connect_to(&to);
	struct world world;

	(void)state;
	open_world(&world, 50, 10000);
	echo_send(world.echoer, &to, ECHO_TCP, on_done, &world);
	wait_for(&world, 1);
	assert_result(&world, 0, ECHO_OVERDUE, ECHO_TCP);
	close(accept(listener, NULL, NULL));
	wait_for(&world, 2);
	assert_result(&world, 1, ECHO_LATE, ECHO_TCP);
	assert_true(world.results[1].delay_us > 50000);
	close(first);
	close(listener);
	close_world(&world);
}

static void test_no_answer_is_overdue_then_lost(void **state)
{
	struct sockaddr_storage to;
	int listener = bind_tcp(&to, 0), first = connect_to(&to);
	struct world world;

	(void)state;
	open_world(&world, 20, 20);
	echo_send(world.echoer, &to, ECHO_TCP, on_done, &world);
	wait_for(&world, 2);
	assert_result(&world, 0, ECHO_OVERDUE, ECHO_TCP);
	assert_result(&world, 1, ECHO_LOST, ECHO_TCP);
	close(first);
	close(listener);
	close_world(&world);
}

static void test_closing_ends_echoes_under_way(void **state)
{
	struct sockaddr_storage to;
	int listener = bind_tcp(&to, 0), first = connect_to(&to);
	struct world world;

	(void)state;
	open_world(&world, 60000, 60000);
	for (int i = 0; i < 5; i++)
		echo_send(world.echoer, &to, i % 2 ? ECHO_TCP : ECHO_ICMP, on_done, &world);
	close_world(&world);
	close(first);
	close(listener);
}

static void test_without_icmp_it_is_tcp(void **state)
{
	struct sockaddr_storage to;
	int listener = bind_tcp(&to, 8);
	struct world world;

	(void)state;
	if (!net_is_own || !own_net_write("/proc/sys/net/ipv4/ping_group_range", "1 0"))
		skip();
	open_world(&world, 3000, 100);
	assert_false(echoer_has_icmp(world.echoer, AF_INET));
	assert_false(echoer_has_icmp(world.echoer, AF_INET6));
	echo_send(world.echoer, &to, ECHO_ICMP, on_done, &world);
	wait_for(&world, 1);
	assert_result(&world, 0, ECHO_ANSWERED, ECHO_TCP);
	close(listener);
	close_world(&world);
	assert_true(own_net_write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647"));
}

static void test_icmp_answers(void **state)
{
	static const char *const addresses[] = { "127.0.0.1", "::1" };
	struct world world;

	(void)state;
	if (!net_is_own)
		skip();
	for (int i = 0; i < 2; i++) {
		struct sockaddr_storage to = address(addresses[i], 9);

		open_world(&world, 3000, 100);
		for (int echo = 0; echo < 20; echo++)
			echo_send(world.echoer, &to, ECHO_ICMP, on_done, &world);
		wait_for(&world, 20);
		for (int echo = 0; echo < 20; echo++)
			assert_result(&world, echo, ECHO_ANSWERED, ECHO_ICMP);
		close_world(&world);
	}
}

/* Two echoers on one machine never take each other's answers, nor a stranger's message. */
static void test_icmp_answers_reach_their_own_echoer(void **state)
{
	struct sockaddr_storage to = address("127.0.0.1", 0);
	struct world one, other;

	(void)state;
	if (!net_is_own)
		skip();
	open_world(&one, 3000, 100);
	open_world(&other, 3000, 100);
	echo_send(one.echoer, &to, ECHO_ICMP, on_done, &one);
	echo_send(other.echoer, &to, ECHO_ICMP, on_done, &other);
	wait_for(&one, 1);
	wait_for(&other, 1);
	assert_result(&one, 0, ECHO_ANSWERED, ECHO_ICMP);
	assert_result(&other, 0, ECHO_ANSWERED, ECHO_ICMP);
	close_world(&one);
	close_world(&other);
}

static void test_icmp_lost(void **state)
{
	struct sockaddr_storage to = address("127.0.0.1", 0);
	struct world world;

	(void)state;
	if (!net_is_own || !own_net_write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1"))
		skip();
	open_world(&world, 20, 20);
	for (int i = 0; i < 3; i++)
		echo_send(world.echoer, &to, ECHO_ICMP, on_done, &world);
	wait_for(&world, 6);
	for (int i = 0; i < 6; i++)
		assert_result(&world, i, i < 3 ? ECHO_OVERDUE : ECHO_LOST, ECHO_ICMP);
	close_world(&world);
	own_net_write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "0");
}

/* No route: known at once, without waiting for the time-out. */
static void test_what_cannot_be_sent_is_overdue_at_once(void **state)
{
	static const enum echo_way ways[] = { ECHO_ICMP, ECHO_TCP };
	struct sockaddr_storage to = address("192.0.2.1", 80);
	struct world world;

	(void)state;
	if (!net_is_own)
		skip();
	for (int i = 0; i < 2; i++) {
		open_world(&world, 3600000, 3600000);
		echo_send(world.echoer, &to, ways[i], on_done, &world);
		assert_int_equal(world.count, 0);
		wait_for(&world, 2);
		assert_result(&world, 0, ECHO_OVERDUE, ways[i]);
		assert_result(&world, 1, ECHO_LOST, ways[i]);
		close_world(&world);
	}
}

struct chain {
	struct world *world;
	struct sockaddr_storage to;
};

static void send_next(void *arg, const struct echo_result *result)
{
	struct chain *chain = arg;

	on_done(chain->world, result);
	if (chain->world->count < 10)
		echo_send(chain->world->echoer, &chain->to, ECHO_TCP, send_next, chain);
}

static void test_done_may_send_the_next(void **state)
{
	struct sockaddr_storage to;
	int listener = bind_tcp(&to, 64);
	struct world world;
	struct chain chain = { .world = &world, .to = to };

	(void)state;
	open_world(&world, 3000, 100);
	echo_send(world.echoer, &to, ECHO_TCP, send_next, &chain);
	wait_for(&world, 10);
	close(listener);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_open_port_answers),
		cmocka_unit_test(test_tcp_refusal_answers),
		cmocka_unit_test(test_answer_after_the_time_out_is_late),
		cmocka_unit_test(test_no_answer_is_overdue_then_lost),
		cmocka_unit_test(test_closing_ends_echoes_under_way),
		cmocka_unit_test(test_without_icmp_it_is_tcp),
		cmocka_unit_test(test_icmp_answers),
		cmocka_unit_test(test_icmp_answers_reach_their_own_echoer),
		cmocka_unit_test(test_icmp_lost),
		cmocka_unit_test(test_what_cannot_be_sent_is_overdue_at_once),
		cmocka_unit_test(test_done_may_send_the_next),
	};

	net_is_own = own_net_make();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
