#include "collector/reference.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/units.h"
#include "collector/commands/command.h"

#define SIZE_PRESET "1MiB"   /* U4 */

static void print(const char *path, int64_t bytes, const char *sha256)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	printf("SHA-256 %s\n\nFor reference_files of collector.yaml, with the server's name filled in:\n"
	       "  - {name: local, leg: local, size: %" PRId64 "B, url: \"http://HOST/%s\",\n     sha256: \"%s\"}\n", sha256, bytes,
	       name, sha256);
}

static void print_json(const char *path, int64_t bytes, const char *sha256)
{
	json_t *said = json_pack("{s:s, s:I, s:s}", "file", path, "bytes", (json_int_t)bytes, "sha256", sha256);

	command_print_json(said);
	json_decref(said);
}

int command_reference(const void *parsed, int argument_count, char **arguments)
{
	const struct command_options *options = parsed;
	const struct random_source random = random_system();
	char sha256[SHA256_HEX_SIZE];
	struct err err;
	int64_t bytes;

	(void)argument_count;
	if (units_parse_size(options->size ? options->size : SIZE_PRESET, &bytes, &err) < 0)
		return command_fail("reference: --size", &err);
	if (reference_make(arguments[0], bytes, &random, sha256, &err) < 0)
		return command_fail("reference", &err);
	(options->json ? print_json : print)(arguments[0], bytes, sha256);
	return 0;
}
