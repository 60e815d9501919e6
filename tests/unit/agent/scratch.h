/* scratch.h - a directory of its own for a test's files. */
#ifndef PLUMBLINE_TESTS_SCRATCH_H
#define PLUMBLINE_TESTS_SCRATCH_H

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scratch {
	char path[64];
	char file[256];   /* of the last scratch_file */
};

static inline void scratch_make(struct scratch *scratch)
{
	snprintf(scratch->path, sizeof scratch->path, "/tmp/plumbline-test.XXXXXX");
	if (!mkdtemp(scratch->path))
		abort();
}

static inline const char *scratch_file(struct scratch *scratch, const char *name)
{
	snprintf(scratch->file, sizeof scratch->file, "%s/%s", scratch->path, name);
	return scratch->file;
}

static inline void scratch_remove(struct scratch *scratch)
{
	DIR *directory = opendir(scratch->path);
	struct dirent *entry;

	while ((entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
	rmdir(scratch->path);
}

#endif
