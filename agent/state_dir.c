#include "agent/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/buf.h"

/* A command that looks whether a daemon runs holds the lock for a moment. */
#define LOOKING_TRIES 5
#define LOOKING_US    20000

int state_dir_make(const char *state_dir, struct err *err)
{
	if (mkdir(state_dir, 0700) < 0 && errno != EEXIST)
		return err_set(err, ERR_IO, "%s: %s", state_dir, strerror(errno));
	return 0;
}

char *state_dir_path(const char *state_dir, const char *name)
{
	struct buf path = { 0 };

	buf_printf(&path, "%s/%s", state_dir, name);
	return buf_take(&path);
}

int state_dir_lock(const char *state_dir, int *ret_fd, struct err *err)
{
	int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), tries = 0;

	if (fd < 0)
		return err_set(err, ERR_IO, "%s: %s", state_dir, strerror(errno));
	while (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK && tries++ < LOOKING_TRIES)
		usleep(LOOKING_US);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		err_set(err, errno == EWOULDBLOCK ? ERR_CONFLICT : ERR_IO, "%s: %s", state_dir,
			errno == EWOULDBLOCK ? "another plumbline-agent runs here" : strerror(errno));
		close(fd);
		return -1;
	}
	*ret_fd = fd;
	return 0;
}

bool state_dir_is_locked(const char *state_dir)
{
	int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool locked;

	if (fd < 0)
		return false;
	locked = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	close(fd);
	return locked;
}
