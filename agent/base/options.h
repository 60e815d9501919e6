/* options.h - subcommands and their options as tables; --help and --version come from the same rows.
 * Errors:  usage errors are one line on stderr, "program: where: what, what to do", exit code 2.
 * Threads: for main only. */
#ifndef PLUMBLINE_OPTIONS_H
#define PLUMBLINE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum option_type { OPTION_FLAG /* bool */, OPTION_TEXT /* const char *, points into argv */ };

struct option_row {
	char letter;              /* 'c', or 0 */
	const char *name;         /* "config" */
	enum option_type type;
	size_t offset;            /* of the bool or const char * in the struct that the command parses into */
	const char *value_name;   /* "FILE", of an OPTION_TEXT */
	const char *help;
};

/* One subcommand. run gets what was parsed (a zeroed struct of parsed_size bytes, options filled in) and the words
 * that are no options; it returns the exit code. */
struct command {
	const char *name;         /* "token new": may be two words */
	const char *arguments;    /* "FILE.csv", "" when it takes none */
	const char *help;
	const struct option_row *options;   /* ends with a row whose name is NULL; NULL when there are none */
	size_t parsed_size;
	int min_arguments, max_arguments;
	int (*run)(const void *parsed, int argument_count, char **arguments);
};

/* commands ends with a row whose name is NULL. about is one sentence. Returns the exit code for main. */
int options_run(const char *program, const char *about, const struct command *commands, int argc, char **argv);

#endif
