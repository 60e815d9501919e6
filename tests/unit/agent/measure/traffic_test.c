#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/json.h"
#include "agent/base/measurement.h"
#include "agent/measure/traffic.h"

#define MAX MEASUREMENT_RATE_MAX_BPS

static const struct {
	const char *name;
	struct traffic_interface before, after;
	int64_t body_bytes, duration_us;
	struct traffic_cross want;
} cases[] = {
	{ "the body and its headers only", { 2, "eth0", 500, 100 }, { 2, "eth0", 500 + 1060000, 100 + 42400 }, 1000000, 1000000,
	  { 0, 0 } },
	{ "less than h allows for is not negative", { 2, "eth0", 0, 0 }, { 2, "eth0", 1000000, 0 }, 1000000, 1000000, { 0, 0 } },
	{ "the client's own traffic", { 2, "eth0", 0, 0 }, { 2, "eth0", 2060000, 182400 }, 1000000, 2000000,
	  { 4000000, 400000 } },
	{ "nothing arrived of ours", { 2, "eth0", 0, 0 }, { 2, "eth0", 125000, 5000 }, 0, 1000000, { 1000000, 0 } },
	{ "a counter that went back", { 2, "eth0", 10, 10 }, { 2, "eth0", 9, 10 }, 0, 1000000, { JSON_ABSENT, JSON_ABSENT } },
	{ "the other one", { 2, "eth0", 10, 10 }, { 2, "eth0", 10, 9 }, 0, 1000000, { JSON_ABSENT, JSON_ABSENT } },
	{ "replaced under the same name", { 2, "eth0", 0, 0 }, { 3, "eth0", 9, 9 }, 0, 1000000, { JSON_ABSENT, JSON_ABSENT } },
	{ "replaced under the same index", { 2, "eth0", 0, 0 }, { 2, "eth1", 9, 9 }, 0, 1000000, { JSON_ABSENT, JSON_ABSENT } },
	{ "no time passed", { 2, "eth0", 0, 0 }, { 2, "eth0", 9, 9 }, 0, 0, { JSON_ABSENT, JSON_ABSENT } },
	{ "cut at what a record holds", { 2, "eth0", 0, 0 }, { 2, "eth0", UINT64_MAX, UINT64_MAX }, 0, 1, { MAX, MAX } },
};

static void test_cross_traffic(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct traffic_cross got =
			traffic_cross(&cases[i].before, &cases[i].after, cases[i].body_bytes, cases[i].duration_us);

		if (got.rx_bps != cases[i].want.rx_bps || got.tx_bps != cases[i].want.tx_bps)
			fail_msg("%s: rx %ld, tx %ld", cases[i].name, (long)got.rx_bps, (long)got.tx_bps);
	}
}

static void test_a_missing_reading_is_unknown(void **state)
{
	struct traffic_interface reading = { 1, "lo", 0, 0 };

	(void)state;
	assert_int_equal(traffic_cross(NULL, &reading, 0, 1).rx_bps, JSON_ABSENT);
	assert_int_equal(traffic_cross(&reading, NULL, 0, 1).tx_bps, JSON_ABSENT);
}

static void send_over_loopback(size_t length)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(9) };
	char bytes[1000] = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(sendto(fd, bytes, length, 0, (struct sockaddr *)&address, sizeof address) == (ssize_t)length);
	close(fd);
}

static void test_counters_of_loopback_move(void **state)
{
	struct traffic before = { 0 }, after = { 0 };
	const struct traffic_interface *lo;
	struct err err;

	(void)state;
	assert_int_equal(traffic_read(&before, &err), 0);
	send_over_loopback(1000);
	assert_int_equal(traffic_read(&after, &err), 0);
	lo = traffic_by_name(&after, "lo");
	assert_non_null(lo);
	assert_true(lo->rx_bytes >= traffic_by_index(&before, lo->index)->rx_bytes + 1000);
	assert_true(lo->tx_bytes >= traffic_by_index(&before, lo->index)->tx_bytes + 1000);
	assert_null(traffic_by_name(&after, "nosuch0"));
	assert_null(traffic_by_index(&after, -1));
	traffic_free(&before);
	traffic_free(&after);
	traffic_free(&after);
}

static void test_egress(void **state)
{
	struct err err;
	int index = 0;

	(void)state;
	assert_int_equal(traffic_egress("127.0.0.1", "127.0.0.1", &index, &err), 0);
	assert_int_equal(index, if_nametoindex("lo"));
	index = 7;
	assert_int_equal(traffic_egress("127.0.0.1", "::1", &index, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	assert_string_equal(err.message, "127.0.0.1 to ::1: not two addresses of one family");
	assert_int_equal(traffic_egress("", "", &index, &err), -1);
	assert_int_equal(index, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cross_traffic),
		cmocka_unit_test(test_a_missing_reading_is_unknown),
		cmocka_unit_test(test_counters_of_loopback_move),
		cmocka_unit_test(test_egress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
