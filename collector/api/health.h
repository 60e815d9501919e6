/* health.h - is the collector alive, is it ready?
 * Threads: health_alive on the loop; ready_read (routes.h) on a store thread. */
#ifndef PLUMBLINE_HEALTH_H
#define PLUMBLINE_HEALTH_H

#include "collector/http/server.h"

/* Answers /healthz: the loop turns. Asks nothing of the store, whose disk may be slow without this process being at fault. */
void health_alive(struct http_request *http);

#endif
