/* tcp_log.h - what the kernel said about the connections of a probe while it ran: TCP_INFO every 100 ms, kept short.
 *
 * On a download the agent receives: its own retransmissions and congestion window describe the request only. Kept are the
 * smallest, the largest and the last value of each field over all connections, and the round-trip times of the first.
 *
 * Text:    "rtt=20100/20000/41000 … pmtu=1500 rtts=fi*12 g1": last/smallest/largest, or one number where they are the same;
 *          rtts in base 36, *n when one repeats n times, cut where it gets too long.
 * Units:   as the kernel gives them: microseconds, bytes, segments.
 * Source:  methodology 4 (TCP_INFO, agent side). Threads: pure but for tcp_sample_read. */
#ifndef PLUMBLINE_TCP_LOG_H
#define PLUMBLINE_TCP_LOG_H

#include <stdint.h>

#define TCP_LOG_SAMPLES 100

enum tcp_field {
	TCP_RTT, TCP_RTTVAR, TCP_MIN_RTT, TCP_RCV_RTT, TCP_RCV_SPACE, TCP_RCV_WND, TCP_RCV_OOOPACK, TCP_BYTES_RECEIVED,
	TCP_SEGS_IN, TCP_PMTU, TCP_ADVMSS, TCP_FIELD_COUNT
};

struct tcp_sample {
	int64_t value[TCP_FIELD_COUNT];   /* TCP_RCV_WND is JSON_ABSENT where the kernel does not tell it (before 6.2) */
};

struct tcp_log {
	struct tcp_sample smallest, largest, last;
	int64_t rtts_us[TCP_LOG_SAMPLES];
	int rtt_count;
	int count;                        /* samples of any connection; all zero is an empty log */
};

/* Returns 0, or -1 when fd is no TCP socket. */
int tcp_sample_read(int fd, struct tcp_sample *ret_sample);

void tcp_log_add(struct tcp_log *log, int connection, const struct tcp_sample *sample);

#define TCP_LOG_TEXT_SIZE 768
void tcp_log_format(const struct tcp_log *log, char ret_text[TCP_LOG_TEXT_SIZE]);

#endif
