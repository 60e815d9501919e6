#include "agent/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/mem.h"

#define STEP_BYTES 4096

int file_read(const char *path, size_t max_bytes, struct buf *ret_bytes, struct err *err)
{
	struct buf bytes = { 0 };
	ssize_t count;
	int fd, rc = -1;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
	while ((count = read(fd, buf_reserve(&bytes, STEP_BYTES), STEP_BYTES)) > 0) {
		bytes.length_bytes += (size_t)count;
		if (bytes.length_bytes > max_bytes) {
			err_set(err, ERR_TOO_LARGE, "%s: larger than %zu bytes, shorten it", path, max_bytes);
			goto out;
		}
	}
	if (count < 0) {
		err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
		goto out;
	}
	buf_append(ret_bytes, bytes.data, bytes.length_bytes);
	rc = 0;
out:
	close(fd);
	buf_free(&bytes);
	return rc;
}

static int open_directory_of(const char *path)
{
	char copy[PATH_MAX];

	if (text_copy(copy, sizeof copy, path) < 0) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int give_to_owner_of_directory(const char *path, int fd)
{
	struct stat owner;
	int directory, rc;

	if (geteuid() != 0)
		return 0;
	directory = open_directory_of(path);
	if (directory < 0)
		return -1;
	rc = fstat(directory, &owner) < 0 ? -1 : fchown(fd, owner.st_uid, owner.st_gid);
	close(directory);
	return rc;
}

int file_create(const char *path, int *ret_fd, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set(err, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "%s: %s", path, strerror(errno));
	if (give_to_owner_of_directory(path, fd) < 0) {
		err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
		close(fd);
		unlink(path);
		return -1;
	}
	*ret_fd = fd;
	return 0;
}

int file_write(int fd, const void *bytes, size_t length)
{
	const char *next = bytes;

	while (length) {
		ssize_t count = write(fd, next, length);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		next += count;
		length -= (size_t)count;
	}
	return 0;
}

int file_replace(const char *path, const void *bytes, size_t length, struct err *err)
{
	char fresh[PATH_MAX + 8];
	int directory, fd = -1, rc = -1;

	snprintf(fresh, sizeof fresh, "%s.new", path);
	directory = open_directory_of(path);
	if (directory < 0)
		return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	/* What stands there was left by a crash, or is a link by which the directory's owner would have root write elsewhere. */
	unlink(fresh);
	if (file_create(fresh, &fd, err) < 0)
		goto out;
	if (file_write(fd, bytes, length) < 0 || fsync(fd) < 0 || rename(fresh, path) < 0 || fsync(directory) < 0) {
		err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
		unlink(fresh);
		goto out;
	}
	rc = 0;
out:
	if (fd >= 0)
		close(fd);
	close(directory);
	return rc;
}
