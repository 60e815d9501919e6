#include "agent/measure/tcp_log.h"

#include <inttypes.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/base/json.h"

static const char *const names[TCP_FIELD_COUNT] = {
	[TCP_RTT] = "rtt",             [TCP_RTTVAR] = "rttvar",           [TCP_MIN_RTT] = "min_rtt",
	[TCP_RCV_RTT] = "rcv_rtt",     [TCP_RCV_SPACE] = "rcv_space",     [TCP_RCV_WND] = "rcv_wnd",
	[TCP_RCV_OOOPACK] = "rcv_ooopack", [TCP_BYTES_RECEIVED] = "bytes_received",
	[TCP_SEGS_IN] = "segs_in",     [TCP_PMTU] = "pmtu",               [TCP_ADVMSS] = "advmss",
};

/* Linux 6.2 put the receive window behind the send window, where older headers of it end. */
#define RCV_WND_AT (offsetof(struct tcp_info, tcpi_snd_wnd) + sizeof(__u32))

int tcp_sample_read(int fd, struct tcp_sample *ret_sample)
{
	unsigned char bytes[sizeof(struct tcp_info) + sizeof(__u32)] = { 0 };
	socklen_t length = sizeof bytes;
	struct tcp_info info;
	__u32 rcv_wnd;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, bytes, &length) < 0)
		return -1;
	memcpy(&info, bytes, sizeof info);
	memcpy(&rcv_wnd, bytes + RCV_WND_AT, sizeof rcv_wnd);
	*ret_sample = (struct tcp_sample){ .value = {
		[TCP_RTT] = info.tcpi_rtt,                   [TCP_RTTVAR] = info.tcpi_rttvar,
		[TCP_MIN_RTT] = info.tcpi_min_rtt,           [TCP_RCV_RTT] = info.tcpi_rcv_rtt,
		[TCP_RCV_SPACE] = info.tcpi_rcv_space,
		[TCP_RCV_WND] = rcv_wnd ? (int64_t)rcv_wnd : JSON_ABSENT,   /* older kernels leave it 0 */
		[TCP_RCV_OOOPACK] = info.tcpi_rcv_ooopack,   [TCP_BYTES_RECEIVED] = (int64_t)info.tcpi_bytes_received,
		[TCP_SEGS_IN] = info.tcpi_segs_in,           [TCP_PMTU] = info.tcpi_pmtu,
		[TCP_ADVMSS] = info.tcpi_advmss,
	} };
	return 0;
}

void tcp_log_add(struct tcp_log *log, int connection, const struct tcp_sample *sample)
{
	for (int i = 0; i < TCP_FIELD_COUNT; i++) {
		int64_t value = sample->value[i];

		if (!log->count || value < log->smallest.value[i])
			log->smallest.value[i] = value;
		if (!log->count || value > log->largest.value[i])
			log->largest.value[i] = value;
	}
	log->last = *sample;
	log->count++;
	if (connection == 0 && log->rtt_count < TCP_LOG_SAMPLES)
		log->rtts_us[log->rtt_count++] = sample->value[TCP_RTT];
}

/* Lower-case base 36 of a number that is not negative; ret_text has room for it. */
static void format_base36(int64_t number, char *ret_text, size_t size)
{
	size_t at = size - 1;

	ret_text[at] = '\0';
	do {
		ret_text[--at] = "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36];
		number /= 36;
	} while (number && at);
	memmove(ret_text, ret_text + at, size - at);
}

/* A run of equal round-trip times; returns its length, and in *ret_used the bytes it took (0: no room). */
static int format_run(const struct tcp_log *log, int from, char *at, size_t room, size_t *ret_used)
{
	char number[16], text[32];
	int run = 1;

	while (from + run < log->rtt_count && log->rtts_us[from + run] == log->rtts_us[from])
		run++;
	format_base36(log->rtts_us[from], number, sizeof number);
	snprintf(text, sizeof text, run > 1 ? "%s%s*%d" : "%s%s", from ? " " : " rtts=", number, run);
	*ret_used = strlen(text) < room ? strlen(text) : 0;
	memcpy(at, text, *ret_used);
	at[*ret_used] = '\0';
	return run;
}

void tcp_log_format(const struct tcp_log *log, char ret_text[TCP_LOG_TEXT_SIZE])
{
	size_t length = 0, used = 1;

	ret_text[0] = '\0';
	for (int i = 0; log->count && i < TCP_FIELD_COUNT; i++) {
		int64_t last = log->last.value[i], smallest = log->smallest.value[i], largest = log->largest.value[i];
		size_t room = TCP_LOG_TEXT_SIZE - length;

		if (largest < 0)
			continue;
		length += (size_t)snprintf(ret_text + length, room, "%s%s=%" PRId64, length ? " " : "", names[i], last);
		room = TCP_LOG_TEXT_SIZE - length;
		if (smallest < largest)
			length += (size_t)snprintf(ret_text + length, room, "/%" PRId64 "/%" PRId64, smallest, largest);
	}
	for (int i = 0; used && i < log->rtt_count; length += used)
		i += format_run(log, i, ret_text + length, TCP_LOG_TEXT_SIZE - length, &used);
}
