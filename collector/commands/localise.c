#include "collector/files/localise_json.h"

#include <stdio.h>

#include "agent/base/file.h"
#include "agent/base/json.h"
#include "collector/commands/command.h"

#define FILE_BYTES_MAX ((size_t)256 << 20)

static int read_input(const char *path, json_t **ret_input, struct err *err)
{
	struct buf bytes = { 0 };
	int rc;

	if (file_read(path, FILE_BYTES_MAX, &bytes, err) < 0) {
		err->code = ERR_USAGE;
		return -1;
	}
	rc = json_parse(buf_text(&bytes), bytes.length_bytes, ret_input, err);
	buf_free(&bytes);
	return rc < 0 ? err_wrap(err, "%s", path) : 0;
}

int command_localise(const void *parsed, int argument_count, char **arguments)
{
	const struct command_options *options = parsed;
	json_t *input = NULL, *answer = NULL;
	struct err err;
	int code = 0;

	(void)argument_count;
	if (read_input(arguments[0], &input, &err) < 0) {
		code = command_fail("localise", &err);
	} else if (localise_json(input, &answer, &err) < 0) {
		err_wrap(&err, "%s", arguments[0]);
		code = command_fail("localise", &err);
	} else if (options->json) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		command_print_json(answer);
	}
	json_decref(input);
	json_decref(answer);
	return code;
}
