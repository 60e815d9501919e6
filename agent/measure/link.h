/* link.h - what the network card can carry, as the kernel says it.
 * Virtual interfaces (tunnels, bridges, veth) state speeds that mean nothing: theirs is not known.
 * Units:   bit/s; JSON_ABSENT where unknown.
 * Source:  methodology 3 (S8). Threads: any; reads files of the kernel. */
#ifndef PLUMBLINE_LINK_H
#define PLUMBLINE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#define LINK_SYS "/sys/class/net"   /* sys, but for tests */

int64_t link_speed_bps(const char *sys, const char *interface);
bool link_is_wireless(const char *sys, const char *interface);

#endif
