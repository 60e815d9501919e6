/* static.h - serves the files that are compiled into the program: style, script, pictures.
 * Threads: the loop's. */
#ifndef PLUMBLINE_STATIC_H
#define PLUMBLINE_STATIC_H

#include "collector/http/server.h"

/* Answers a request whose path begins with "/static/". */
void static_serve(struct http_request *http);

#endif
