/* config.h - a configuration as an operator's file would give it: what a test does not set has its default. */
#ifndef PLUMBLINE_TEST_CONFIG_H
#define PLUMBLINE_TEST_CONFIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "collector/collector_keys.h"

static inline void config_from_text(const char *yaml, struct collector_config *ret_config)
{
	char path[] = "/tmp/plumbline-config-XXXXXX";
	struct buf faults = { 0 };
	struct err err;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	dprintf(fd, "%s", yaml);
	close(fd);
	if (collector_config_read(path, ret_config, &faults, &err) < 0)
		fail_msg("%s: %s", err.message, buf_text(&faults));
	buf_free(&faults);
	unlink(path);
}

#endif
