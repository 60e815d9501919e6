/* state_dir.h - the directory where this agent keeps its key, its spool and the last instruction.
 * One daemon at a time: it holds the lock, and commands see by it whether one runs. */
#ifndef PLUMBLINE_STATE_DIR_H
#define PLUMBLINE_STATE_DIR_H

#include <stdbool.h>

#include "agent/base/err.h"

#define STATE_IDENTITY    "identity.json"
#define STATE_INSTRUCTION "instruction.json"
#define STATE_REFUSAL     "refused.json"
#define STATE_SPOOL       "spool.db"
#define STATE_JOURNAL     "journal.db"
#define STATE_SPOOL_MARK  "spool.db.mark"

/* Makes it (mode 0700) unless it is there; its parent must be. Fails with ERR_IO. */
int state_dir_make(const char *state_dir, struct err *err);

/* The path of a file in it; released with free. */
char *state_dir_path(const char *state_dir, const char *name);

/* Holds it for this process until *ret_fd is closed. Fails with ERR_CONFLICT when another process does. */
int state_dir_lock(const char *state_dir, int *ret_fd, struct err *err);

/* Whether a daemon holds it. */
bool state_dir_is_locked(const char *state_dir);

#endif
