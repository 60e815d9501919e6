#include "agent/watch/carrier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/watch/route.h"

#define LOOKS_A_READ 6   /* changes come as events, but a route whose address goes is dropped without one */

struct carrier {
	char interface[IF_NAMESIZE];   /* the configured one, or "" */
	struct carrier_view view;
	int events;
	unsigned int looks;
	uv_poll_t poll;
	void (*changed)(void *arg);
	void *arg;
};

static void read_route(struct carrier *carrier)
{
	const char *interface = carrier->interface[0] ? carrier->interface : NULL;
	struct default_route route;
	struct err err;

	if (route_read_default(interface, &route, &err) == 0) {
		memcpy(carrier->view.interface, route.interface, sizeof route.interface);
		carrier->view.gateway = route.gateway;
	} else if (err.code != ERR_NOT_FOUND) {
		log_warning("gateway: %s", err.message);
	}
}

static void read_link(struct carrier *carrier)
{
	bool up = false;
	struct err err;

	if (!carrier->view.interface[0])
		return;
	if (route_read_carrier(carrier->view.interface, &up, &err) == 0 || err.code == ERR_NOT_FOUND)
		carrier->view.up = up;   /* an interface that was taken out has no carrier */
	else
		log_warning("carrier: %s", err.message);
}

const struct carrier_view *carrier_look(struct carrier *carrier)
{
	if (route_drain_events(carrier->events) || carrier->looks++ % LOOKS_A_READ == 0) {
		read_route(carrier);
		read_link(carrier);
	}
	return &carrier->view;
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct carrier *carrier = poll->data;
	struct carrier_view before = carrier->view;

	(void)status;
	(void)events;
	if (memcmp(&before, carrier_look(carrier), sizeof before) != 0)
		carrier->changed(carrier->arg);
}

int carrier_open(uv_loop_t *loop, const char *interface, void (*changed)(void *arg), void *arg,
		 struct carrier **ret_carrier, struct err *err)
{
	int events = route_open_events();
	struct carrier *carrier;

	if (events < 0)
		return err_set(err, ERR_IO, "rtnetlink: %s", strerror(errno));
	carrier = xcalloc(1, sizeof *carrier);
	text_copy(carrier->interface, sizeof carrier->interface, interface ? interface : "");
	text_copy(carrier->view.interface, sizeof carrier->view.interface, carrier->interface);
	carrier->events = events;
	carrier->changed = changed;
	carrier->arg = arg;
	uv_poll_init(loop, &carrier->poll, events);
	carrier->poll.data = carrier;
	uv_poll_start(&carrier->poll, UV_READABLE, on_event);
	carrier_look(carrier);
	*ret_carrier = carrier;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct carrier *carrier = handle->data;

	close(carrier->events);
	free(carrier);
}

void carrier_close(struct carrier *carrier)
{
	if (carrier)
		uv_close((uv_handle_t *)&carrier->poll, on_closed);
}
