#include "agent/measure/tcp_log.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/json.h"

static struct tcp_sample sample_of(int64_t rtt_us, int64_t received)
{
	return (struct tcp_sample){ .value = { [TCP_RTT] = rtt_us, [TCP_MIN_RTT] = 20000, [TCP_RCV_WND] = JSON_ABSENT,
					       [TCP_BYTES_RECEIVED] = received, [TCP_PMTU] = 1500, [TCP_ADVMSS] = 1448 } };
}

static void add(struct tcp_log *log, int connection, int64_t rtt_us, int64_t received)
{
	struct tcp_sample sample = sample_of(rtt_us, received);

	tcp_log_add(log, connection, &sample);
}

static void test_an_empty_log_is_an_empty_text(void **state)
{
	struct tcp_log log = { 0 };
	char text[TCP_LOG_TEXT_SIZE];

	(void)state;
	tcp_log_format(&log, text);
	assert_string_equal(text, "");
}

static void test_keeps_bounds_and_round_trips(void **state)
{
	struct tcp_log log = { 0 };
	char text[TCP_LOG_TEXT_SIZE];

	(void)state;
	add(&log, 0, 20000, 0);
	add(&log, 1, 30000, 100);   /* its round trips are not in the series */
	add(&log, 0, 20000, 1000);
	add(&log, 0, 20001, 2000);
	tcp_log_format(&log, text);
	assert_string_equal(text, "rtt=20001/20000/30000 rttvar=0 min_rtt=20000 rcv_rtt=0 rcv_space=0 rcv_ooopack=0 "
				  "bytes_received=2000/0/2000 segs_in=0 pmtu=1500 advmss=1448 rtts=ffk*2 ffl");
}

static void test_is_bounded(void **state)
{
	struct tcp_log log = { 0 };
	char text[TCP_LOG_TEXT_SIZE];

	(void)state;
	for (int64_t i = 0; i < 2 * TCP_LOG_SAMPLES; i++) {
		struct tcp_sample sample;

		for (int field = 0; field < TCP_FIELD_COUNT; field++)
			sample.value[field] = INT64_MAX - i % 2;
		tcp_log_add(&log, 0, &sample);
	}
	tcp_log_format(&log, text);
	assert_true(strlen(text) < sizeof text);
}

static void test_reads_a_socket(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	struct tcp_sample sample;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, length), 0);
	assert_int_equal(tcp_sample_read(client, &sample), 0);
	assert_true(sample.value[TCP_RTT] > 0 && sample.value[TCP_ADVMSS] > 0);
	assert_true(sample.value[TCP_RCV_WND] > 0 || sample.value[TCP_RCV_WND] == JSON_ABSENT);
	close(client);
	close(listener);
	assert_int_equal(tcp_sample_read(-1, &sample), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_log_is_an_empty_text),
		cmocka_unit_test(test_keeps_bounds_and_round_trips),
		cmocka_unit_test(test_is_bounded),
		cmocka_unit_test(test_reads_a_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
