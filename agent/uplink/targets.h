/* targets.h - which hosts an instruction may name: the agent's own list outranks the collector.
 * Source:  contract 2 (targets_allowed), design, security. Threads: pure. */
#ifndef PLUMBLINE_TARGETS_H
#define PLUMBLINE_TARGETS_H

#include <stdbool.h>

#include "agent/base/err.h"
#include "agent/base/keys.h"

/* host is a name, or an address with or without brackets. An entry of the list is a name, an address, or a network
 * ("10.20.0.0/16"), which allows addresses written as such, not names that lead there. */
bool targets_allow(const struct key_texts *allowed, const char *host);

/* Fails with ERR_INPUT when url is not http or https, and with ERR_FORBIDDEN, naming the host, when it is not allowed. */
int targets_check_url(const struct key_texts *allowed, const char *url, struct err *err);

#endif
