/* agent.h - the daemon: schedule, probe, spool and uplink wired to one loop; `run`.
 * Starts in order, stops in reverse on SIGTERM or SIGINT, giving up a probe under way. */
#ifndef PLUMBLINE_AGENT_H
#define PLUMBLINE_AGENT_H

/* Takes struct command_options. */
int agent_command(const void *parsed, int argument_count, char **arguments);

#endif
