/* Carrier and gateway as the kernel tells them, on links in a network namespace of this test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "agent/watch/carrier.h"
#include "agent/watch/route.h"
#include "tests/unit/agent/own_net.h"

static bool net_is_own;

static void ip(const char *command)
{
	char line[256];

	snprintf(line, sizeof line, "ip %s", command);
	if (system(line) != 0)
		fail_msg("%s", line);
}

static int make_links(void **state)
{
	(void)state;
	if (!net_is_own)
		return 0;
	ip("link add uplink type veth peer name provider");
	ip("link set provider up");
	ip("link set uplink up");
	ip("addr add 10.9.0.2/24 dev uplink");
	return 0;
}

static int drop_links(void **state)
{
	(void)state;
	if (net_is_own && system("ip link del uplink 2>/dev/null") < 0)
		return -1;
	return 0;
}

static void assert_gateway(const struct sockaddr_storage *gateway, const char *want)
{
	const struct sockaddr_in *v4 = (const void *)gateway;
	const struct sockaddr_in6 *v6 = (const void *)gateway;
	char text[INET6_ADDRSTRLEN];

	inet_ntop(gateway->ss_family, gateway->ss_family == AF_INET ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr,
		  text, sizeof text);
	assert_string_equal(text, want);
}

static void test_carrier_of_interfaces(void **state)
{
	struct err err;
	bool up;

	(void)state;
	if (!net_is_own)
		skip();
	assert_int_equal(route_read_carrier("lo", &up, &err), 0);
	assert_true(up);
	assert_int_equal(route_read_carrier("uplink", &up, &err), 0);
	assert_true(up);
	ip("link set provider down");
	assert_int_equal(route_read_carrier("uplink", &up, &err), 0);
	assert_false(up);
	assert_int_equal(route_read_carrier("nosuch", &up, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.message, "there is no interface nosuch");
}

static void test_default_routes(void **state)
{
	struct default_route route;
	struct err err;

	(void)state;
	if (!net_is_own)
		skip();
	assert_int_equal(route_read_default(NULL, &route, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);

	ip("-6 route add default via fe80::1 dev uplink");
	assert_int_equal(route_read_default(NULL, &route, &err), 0);
	assert_gateway(&route.gateway, "fe80::1");
	assert_int_equal(((struct sockaddr_in6 *)(void *)&route.gateway)->sin6_scope_id, if_nametoindex("uplink"));

	ip("route add default via 10.9.0.9 dev uplink metric 200");
	ip("route add default via 10.9.0.1 dev uplink metric 100");
	ip("route add 10.8.0.0/16 via 10.9.0.7 dev uplink");
	assert_int_equal(route_read_default(NULL, &route, &err), 0);
	assert_gateway(&route.gateway, "10.9.0.1");   /* IPv4 first, lowest metric */
	assert_string_equal(route.interface, "uplink");
	assert_int_equal(route_read_default("provider", &route, &err), -1);

	ip("route replace default metric 50 nexthop via 10.9.0.5 dev uplink weight 1 nexthop via 10.9.0.6 dev uplink weight 1");
	assert_int_equal(route_read_default("uplink", &route, &err), 0);
	assert_gateway(&route.gateway, "10.9.0.5");
}

static void test_a_route_without_gateway(void **state)
{
	struct default_route route;
	struct err err;

	(void)state;
	if (!net_is_own)
		skip();
	ip("route add default dev uplink");
	assert_int_equal(route_read_default(NULL, &route, &err), 0);
	assert_int_equal(route.gateway.ss_family, AF_UNSPEC);
}

struct world {
	uv_loop_t loop;
	struct carrier *carrier;
	int changes;
};

static void on_changed(void *arg)
{
	struct world *world = arg;

	world->changes++;
	uv_stop(&world->loop);
}

static void open_world(struct world *world, const char *interface)
{
	struct err err;

	world->changes = 0;
	uv_loop_init(&world->loop);
	assert_int_equal(carrier_open(&world->loop, interface, on_changed, world, &world->carrier, &err), 0);
}

static void close_world(struct world *world)
{
	carrier_close(world->carrier);
	uv_run(&world->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&world->loop), 0);
}

static void wait_for_change(struct world *world)
{
	int before = world->changes;

	while (world->changes == before)
		uv_run(&world->loop, UV_RUN_DEFAULT);
}

static void test_events_follow_carrier_and_route(void **state)
{
	const struct carrier_view *view;
	struct world world;

	(void)state;
	if (!net_is_own)
		skip();
	open_world(&world, NULL);
	view = carrier_look(world.carrier);
	assert_string_equal(view->interface, "");
	ip("route add default via 10.9.0.1");
	wait_for_change(&world);
	assert_string_equal(view->interface, "uplink");
	assert_true(view->up);

	ip("link set provider down");
	wait_for_change(&world);
	assert_false(view->up);
	ip("link set uplink down");   /* takes the route with it */
	uv_run(&world.loop, UV_RUN_NOWAIT);
	view = carrier_look(world.carrier);
	assert_string_equal(view->interface, "uplink");
	assert_gateway(&view->gateway, "10.9.0.1");
	ip("link set provider up");
	ip("link set uplink up");
	wait_for_change(&world);
	assert_true(carrier_look(world.carrier)->up);
	ip("link del uplink");
	wait_for_change(&world);
	assert_false(carrier_look(world.carrier)->up);
	close_world(&world);
}

static void test_configured_interface_needs_no_route(void **state)
{
	struct world world;

	(void)state;
	if (!net_is_own)
		skip();
	open_world(&world, "uplink");
	assert_true(carrier_look(world.carrier)->up);
	assert_int_equal(carrier_look(world.carrier)->gateway.ss_family, AF_UNSPEC);
	close_world(&world);
}

int main(void)
{
#define ON_LINKS(test_) cmocka_unit_test_setup_teardown(test_, make_links, drop_links)
	const struct CMUnitTest tests[] = {
		ON_LINKS(test_carrier_of_interfaces),
		ON_LINKS(test_default_routes),
		ON_LINKS(test_a_route_without_gateway),
		ON_LINKS(test_events_follow_carrier_and_route),
		ON_LINKS(test_configured_interface_needs_no_route),
	};

	net_is_own = own_net_make();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
