#include "agent/spool/spool_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/file.h"
#include "agent/base/json.h"

#define MARK_BYTES 1024   /* JSON, and spaces up to here */

#define TEXT(member)                                                                                                   \
	{ .name = #member, .type = JSON_FIELD_TEXT, .offset = offsetof(struct spool_mark, member),                     \
	  .size = sizeof ((struct spool_mark *)0)->member }
#define NUMBER(member, need)                                                                                           \
	{ .name = #member, .type = JSON_FIELD_INTEGER, .required = need, .offset = offsetof(struct spool_mark, member),\
	  .max = INT64_MAX }

static const struct json_field fields[] = {
	TEXT(spool), NUMBER(generation, false), NUMBER(next_seq, false), NUMBER(held, true), NUMBER(lost, true),
	NUMBER(fault_ms, false), TEXT(fault),
};

#define FIELD_COUNT (sizeof fields / sizeof fields[0])

void spool_mark_init(struct spool_mark *mark)
{
	*mark = (struct spool_mark){ .generation = JSON_ABSENT, .next_seq = JSON_ABSENT, .fault_ms = JSON_ABSENT };
}

int spool_mark_read(const char *path, struct spool_mark *ret_mark, struct err *err)
{
	struct spool_mark mark;
	struct buf bytes = { 0 };
	json_t *object = NULL;
	int rc = -1;

	if (file_read(path, MARK_BYTES, &bytes, err) < 0)
		return -1;
	if (json_parse(bytes.data, bytes.length_bytes, &object, err) == 0)
		rc = json_fields_read(object, fields, FIELD_COUNT, &mark, NULL, err);
	if (rc == 0)
		*ret_mark = mark;
	else
		err_wrap(err, "%s", path);
	json_decref(object);
	buf_free(&bytes);
	return rc;
}

static void format(const struct spool_mark *mark, char ret_text[MARK_BYTES])
{
	json_t *object = json_fields_write(fields, FIELD_COUNT, mark);
	size_t length;

	memset(ret_text, ' ', MARK_BYTES);
	length = json_dumpb(object, ret_text, MARK_BYTES - 1, JSON_COMPACT);
	if (length == 0 || length > MARK_BYTES - 1) {   /* a fault in words that JSON writes at length, or no words at all */
		json_object_del(object, "fault");
		memset(ret_text, ' ', MARK_BYTES);
		json_dumpb(object, ret_text, MARK_BYTES - 1, JSON_COMPACT);
	}
	ret_text[MARK_BYTES - 1] = '\n';
	json_decref(object);
}

static int open_mark(const char *path, int *ret_fd, struct err *err)
{
	*ret_fd = open(path, O_WRONLY | O_CLOEXEC);
	if (*ret_fd >= 0)
		return 0;
	if (errno != ENOENT)
		return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	return file_create(path, ret_fd, err);
}

int spool_mark_write(const char *path, const struct spool_mark *mark, struct err *err)
{
	char text[MARK_BYTES];
	int fd, rc = 0;

	if (open_mark(path, &fd, err) < 0)
		return -1;
	format(mark, text);
	errno = ENOSPC;   /* of a write that came out short */
	if (pwrite(fd, text, sizeof text, 0) != (ssize_t)sizeof text || fdatasync(fd) < 0)
		rc = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	close(fd);
	return rc;
}
