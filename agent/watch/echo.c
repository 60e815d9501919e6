/* Every echo under way stands in one list. An answer finds its echo by a random token in the payload (ICMP; the kernel
 * has matched the id already) or by its own socket (TCP). One timer, set to the earliest moment at which an echo becomes
 * overdue or lost, reports these. */
#include "agent/watch/echo.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/mem.h"

#define READS_AT_ONCE 64

const char *const echo_way_names[] = { [ECHO_ICMP] = "icmp", [ECHO_TCP] = "tcp", NULL };

/* What goes over the wire; the kernel fills checksum and id. Both families begin alike: type, code, checksum, id, number. */
struct message {
	uint8_t type, code;
	uint16_t checksum, id, number;
	uint64_t token;
	uint8_t filling[ECHO_PAYLOAD_BYTES - sizeof(uint64_t)];
};
_Static_assert(sizeof(struct message) == 8 + ECHO_PAYLOAD_BYTES, "no holes in a message");

struct echo {
	struct echoer *echoer;
	struct echo *next;
	enum echo_way way;
	uint64_t token;            /* of ICMP */
	int socket;                /* of TCP, -1 without one */
	uv_poll_t poll;            /* of TCP */
	int64_t sent_us;
	bool turned_back;          /* no answer will come */
	bool overdue;              /* said so */
	void (*done)(void *arg, const struct echo_result *result);
	void *arg;
};

struct icmp_socket {
	int socket;                /* -1: not allowed */
	uint8_t request, reply;    /* types */
	uv_poll_t poll;
};

struct echoer {
	struct echo_options options;
	char interface[32];        /* "": any */
	struct icmp_socket icmp[2];       /* IPv4, IPv6 */
	uv_timer_t timer;
	struct echo *under_way;    /* oldest first */
	uint16_t number;
	int open_handles;          /* of libuv, until their close callbacks */
};

static int64_t now_us(const struct echoer *echoer)
{
	return clock_now(&echoer->options.clock).boottime_us;
}

static void release(struct echoer *echoer)
{
	if (--echoer->open_handles == 0)
		free(echoer);
}

/* --- the life of an echo --- */

static void on_echo_closed(uv_handle_t *handle)
{
	struct echo *echo = handle->data;
	struct echoer *echoer = echo->echoer;

	close(echo->socket);
	free(echo);
	release(echoer);
}

static void end(struct echo *echo)
{
	struct echo **at = &echo->echoer->under_way;

	while (*at != echo)
		at = &(*at)->next;
	*at = echo->next;
	if (echo->socket >= 0)
		uv_close((uv_handle_t *)&echo->poll, on_echo_closed);
	else
		free(echo);
}

static void report(struct echo *echo, enum echo_outcome outcome, int64_t delay_us)
{
	struct echo_result result = { .outcome = outcome, .way = echo->way, .sent_us = echo->sent_us, .delay_us = delay_us };
	void (*done)(void *arg, const struct echo_result *result) = echo->done;
	void *arg = echo->arg;

	if (outcome == ECHO_OVERDUE)
		echo->overdue = true;
	else
		end(echo);
	done(arg, &result);
}

static int64_t overdue_at_us(const struct echo *echo)
{
	return echo->turned_back ? echo->sent_us : echo->sent_us + echo->echoer->options.timeout_ms * 1000;
}

static int64_t lost_at_us(const struct echo *echo)
{
	return overdue_at_us(echo) + (echo->turned_back ? 0 : echo->echoer->options.late_ms * 1000);
}

static void on_timer(uv_timer_t *timer);

static void set_timer(struct echoer *echoer)
{
	int64_t due_us = INT64_MAX, wait_us;

	for (const struct echo *echo = echoer->under_way; echo; echo = echo->next) {
		int64_t next_us = echo->overdue ? lost_at_us(echo) : overdue_at_us(echo);

		due_us = next_us < due_us ? next_us : due_us;
	}
	if (due_us == INT64_MAX) {
		uv_timer_stop(&echoer->timer);
		return;
	}
	wait_us = due_us - now_us(echoer);
	uv_timer_start(&echoer->timer, on_timer, wait_us > 0 ? (uint64_t)(wait_us + 999) / 1000 : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct echoer *echoer = timer->data;
	int64_t now = now_us(echoer);

	for (struct echo *echo = echoer->under_way, *next; echo; echo = next) {
		next = echo->next;
		if (!echo->overdue && now >= overdue_at_us(echo))
			report(echo, ECHO_OVERDUE, 0);
		else if (echo->overdue && now >= lost_at_us(echo))
			report(echo, ECHO_LOST, 0);
	}
	set_timer(echoer);
}

static void take_answer(struct echo *echo)
{
	struct echoer *echoer = echo->echoer;

	report(echo, echo->overdue ? ECHO_LATE : ECHO_ANSWERED, now_us(echoer) - echo->sent_us);
	set_timer(echoer);
}

/* --- ICMP --- */

static struct icmp_socket *icmp_of(struct echoer *echoer, int family)
{
	return &echoer->icmp[family == AF_INET6];
}

static struct echo *find_by_token(const struct echoer *echoer, uint64_t token)
{
	struct echo *echo = echoer->under_way;

	while (echo && (echo->way != ECHO_ICMP || echo->token != token))
		echo = echo->next;
	return echo;
}

/* Echoes of neighbours with the same id, and strangers' messages, find no echo. */
static void on_icmp(uv_poll_t *poll, int status, int events)
{
	struct echoer *echoer = poll->data;
	struct icmp_socket *icmp = &echoer->icmp[poll != &echoer->icmp[0].poll];
	struct message message;

	(void)status;
	(void)events;
	for (int i = 0; i < READS_AT_ONCE; i++) {
		ssize_t length = recv(icmp->socket, &message, sizeof message, MSG_TRUNC);
		struct echo *echo;

		if (length < 0)
			return;
		if (length != sizeof message || message.type != icmp->reply)
			continue;
		echo = find_by_token(echoer, message.token);
		if (echo)
			take_answer(echo);
	}
}

static void send_icmp(struct echo *echo, const struct sockaddr_storage *to, socklen_t length)
{
	struct echoer *echoer = echo->echoer;
	struct icmp_socket *icmp = icmp_of(echoer, to->ss_family);
	struct message message = { .type = icmp->request, .number = htons(echoer->number++) };

	random_fill(&echoer->options.random, &echo->token, sizeof echo->token);
	message.token = echo->token;
	echo->sent_us = now_us(echoer);
	if (sendto(icmp->socket, &message, sizeof message, MSG_DONTWAIT, (const struct sockaddr *)to, length) < 0)
		echo->turned_back = true;
}

static int open_socket(const struct echoer *echoer, int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd >= 0 && echoer->interface[0] &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, echoer->interface, (socklen_t)strlen(echoer->interface)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void open_icmp(struct echoer *echoer, struct icmp_socket *icmp, int family)
{
	bool is_v6 = family == AF_INET6;

	icmp->request = is_v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
	icmp->reply = is_v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
	icmp->socket = open_socket(echoer, family, SOCK_DGRAM, is_v6 ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP);
	if (icmp->socket < 0)
		return;
	uv_poll_init(echoer->options.loop, &icmp->poll, icmp->socket);
	icmp->poll.data = echoer;
	echoer->open_handles++;
	uv_poll_start(&icmp->poll, UV_READABLE, on_icmp);
}

/* --- TCP --- */

static void on_connected(uv_poll_t *poll, int status, int events)
{
	struct echo *echo = poll->data;
	int failure = 0;
	socklen_t length = sizeof failure;

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	if (getsockopt(echo->socket, SOL_SOCKET, SO_ERROR, &failure, &length) == 0 &&
	    (failure == 0 || failure == ECONNREFUSED)) {
		take_answer(echo);
		return;
	}
	echo->turned_back = true;
	set_timer(echo->echoer);
}

static void send_tcp(struct echo *echo, const struct sockaddr_storage *to, socklen_t length)
{
	struct echoer *echoer = echo->echoer;

	echo->sent_us = now_us(echoer);
	echo->socket = open_socket(echoer, to->ss_family, SOCK_STREAM, 0);
	if (echo->socket < 0) {
		echo->turned_back = true;
		return;
	}
	uv_poll_init(echoer->options.loop, &echo->poll, echo->socket);
	echo->poll.data = echo;
	echoer->open_handles++;
	if (connect(echo->socket, (const struct sockaddr *)to, length) == 0 || errno == EINPROGRESS)
		uv_poll_start(&echo->poll, UV_WRITABLE, on_connected);
	else
		echo->turned_back = true;
}

/* --- outside --- */

struct echoer *echoer_open(const struct echo_options *options)
{
	struct echoer *echoer = xcalloc(1, sizeof *echoer);

	echoer->options = *options;
	text_copy(echoer->interface, sizeof echoer->interface, options->interface ? options->interface : "");
	uv_timer_init(options->loop, &echoer->timer);
	echoer->timer.data = echoer;
	echoer->open_handles = 1;
	open_icmp(echoer, &echoer->icmp[0], AF_INET);
	open_icmp(echoer, &echoer->icmp[1], AF_INET6);
	return echoer;
}

bool echoer_has_icmp(const struct echoer *echoer, int family)
{
	return echoer->icmp[family == AF_INET6].socket >= 0;
}

void echo_send(struct echoer *echoer, const struct sockaddr_storage *to, enum echo_way way,
	       void (*done)(void *arg, const struct echo_result *result), void *arg)
{
	socklen_t length = to->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	struct echo *echo = xcalloc(1, sizeof *echo), **last = &echoer->under_way;

	*echo = (struct echo){ .echoer = echoer, .socket = -1, .done = done, .arg = arg };
	echo->way = echoer_has_icmp(echoer, to->ss_family) ? way : ECHO_TCP;
	while (*last)
		last = &(*last)->next;
	*last = echo;
	if (echo->way == ECHO_ICMP)
		send_icmp(echo, to, length);
	else
		send_tcp(echo, to, length);
	set_timer(echoer);
}

static void on_icmp_closed(uv_handle_t *handle)
{
	struct echoer *echoer = handle->data;

	close(echoer->icmp[(uv_poll_t *)handle != &echoer->icmp[0].poll].socket);
	release(echoer);
}

static void on_timer_closed(uv_handle_t *handle)
{
	release(handle->data);
}

void echoer_close(struct echoer *echoer)
{
	if (!echoer)
		return;
	while (echoer->under_way)
		end(echoer->under_way);
	for (int i = 0; i < 2; i++)
		if (echoer->icmp[i].socket >= 0)
			uv_close((uv_handle_t *)&echoer->icmp[i].poll, on_icmp_closed);
	uv_close((uv_handle_t *)&echoer->timer, on_timer_closed);
}
