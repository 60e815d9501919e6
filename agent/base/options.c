#include "agent/base/options.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/nearest.h"

#define EXIT_CODE_USAGE 2
#define HELP_WIDTH      34   /* columns before the help text */

/* Reading goes twice over the words: first with the options of all commands, to find the one or two words that name
 * the command wherever they stand; then with that command's own options, into its struct. */
struct reading {
	const char *program;
	const struct command *commands;
	const struct command *command;   /* NULL until it is known */
	int argc;
	char **argv;
	char *parsed;                    /* the command's struct, NULL during the first pass */
	char **words;                    /* what is no option */
	int word_count;
	bool wants_help, wants_version;
	bool searching;                  /* the first pass: faults wait for the second, which knows whose they are */
};

/* Understood everywhere; their place in the table is what they mean. */
static const struct option_row common_options[] = {
	{ .letter = 'h', .name = "help", .help = "says what there is, and ends" },
	{ .name = "version", .help = "prints the version, and ends" },
	{ .name = NULL },
};
#define OPTION_HELP    (&common_options[0])
#define OPTION_VERSION (&common_options[1])

static int __attribute__((format(printf, 2, 3))) fail(const struct reading *reading, const char *format, ...)
{
	va_list args;
	char text[480];

	if (reading->searching)
		return 0;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	fprintf(stderr, "%s: %s%s%s\n", reading->program, reading->command ? reading->command->name : "",
		reading->command ? ": " : "", text);
	return -1;
}

static bool row_matches(const struct option_row *row, char letter, const char *name, size_t name_length)
{
	if (letter)
		return row->letter == letter;
	return strlen(row->name) == name_length && !strncmp(row->name, name, name_length);
}

static const struct option_row *find_in(const struct option_row *rows, char letter, const char *name, size_t name_length)
{
	for (; rows && rows->name; rows++)
		if (row_matches(rows, letter, name, name_length))
			return rows;
	return NULL;
}

/* By letter, or by name when letter is 0. */
static const struct option_row *find_option(const struct reading *reading, char letter, const char *name, size_t name_length)
{
	const struct option_row *row = find_in(common_options, letter, name, name_length);

	if (row)
		return row;
	if (reading->command)
		return find_in(reading->command->options, letter, name, name_length);
	for (const struct command *command = reading->commands; command->name && !row; command++)
		row = find_in(command->options, letter, name, name_length);
	return row;
}

static int fail_unknown(const struct reading *reading, const char *word, size_t length)
{
	struct nearest nearest = { .word = word + strspn(word, "-") };

	if (reading->searching)
		return 0;
	for (const struct option_row *row = reading->command->options; row && row->name; row++)
		nearest_offer(&nearest, row->name);
	if (nearest.best)
		return fail(reading, "unknown option %.*s, did you mean --%s?", (int)length, word, nearest.best);
	return fail(reading, "unknown option %.*s, see %s %s --help", (int)length, word, reading->program,
		    reading->command->name);
}

static void store(struct reading *reading, const struct option_row *row, char *value)
{
	if (row == OPTION_HELP)
		reading->wants_help = true;
	else if (row == OPTION_VERSION)
		reading->wants_version = true;
	else if (!reading->parsed)
		return;
	else if (row->type == OPTION_FLAG)
		*(bool *)(void *)(reading->parsed + row->offset) = true;
	else
		*(const char **)(void *)(reading->parsed + row->offset) = value;
}

/* The value of an option that stands alone in its word is the next word. */
static int store_with_next(struct reading *reading, const struct option_row *row, int *index)
{
	if (row->type == OPTION_FLAG) {
		store(reading, row, NULL);
		return 0;
	}
	if (*index + 1 >= reading->argc)
		return fail(reading, "--%s has no value, write --%s %s", row->name, row->name, row->value_name);
	store(reading, row, reading->argv[++*index]);
	return 0;
}

static int read_long(struct reading *reading, int *index)
{
	char *word = reading->argv[*index];
	char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	const struct option_row *row = find_option(reading, 0, word + 2, length - 2);

	if (!row)
		return fail_unknown(reading, word, length);
	if (!equals)
		return store_with_next(reading, row, index);
	if (row->type == OPTION_FLAG)
		return fail(reading, "--%s takes no value, write --%s alone", row->name, row->name);
	store(reading, row, equals + 1);
	return 0;
}

/* "-j", "-jv", "-c FILE", "-cFILE" */
static int read_short(struct reading *reading, int *index)
{
	char *word = reading->argv[*index];

	for (char *letter = word + 1; *letter; letter++) {
		const struct option_row *row = find_option(reading, *letter, NULL, 0);

		if (!row)
			return fail_unknown(reading, word, strlen(word));
		if (row->type == OPTION_TEXT && letter[1]) {
			store(reading, row, letter + 1);
			return 0;
		}
		if (store_with_next(reading, row, index) < 0)
			return -1;
	}
	return 0;
}

/* "-" is a word: it stands for standard input. */
static int read_words(struct reading *reading)
{
	bool options_end = false;

	reading->word_count = 0;
	for (int i = 1; i < reading->argc; i++) {
		char *word = reading->argv[i];
		int rc = 0;

		if (options_end || word[0] != '-' || !word[1])
			reading->words[reading->word_count++] = word;
		else if (!strcmp(word, "--"))
			options_end = true;
		else
			rc = word[1] == '-' ? read_long(reading, &i) : read_short(reading, &i);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* How many of the words at hand spell the command's name: 0 when they do not. */
static int match_name(const struct command *command, char **words, int count)
{
	const char *space = strchr(command->name, ' ');
	size_t first = space ? (size_t)(space - command->name) : strlen(command->name);

	if (count < 1 || strlen(words[0]) != first || strncmp(words[0], command->name, first) != 0)
		return 0;
	if (!space)
		return 1;
	return count >= 2 && !strcmp(words[1], space + 1) ? 2 : 0;
}

/* Returns how many words the name takes; -1 when no command has it. */
static int find_command(struct reading *reading)
{
	int best = -1;

	for (const struct command *command = reading->commands; command->name; command++) {
		int words = match_name(command, reading->words, reading->word_count);

		if (words > 0 && words > best) {
			best = words;
			reading->command = command;
		}
	}
	return best;
}

/* "user" alone, or "user ad": lists what begins with that word. */
static void list_siblings(const struct reading *reading, const char *word, struct buf *ret_list)
{
	size_t length = strlen(word);

	for (const struct command *command = reading->commands; command->name; command++)
		if (!strncmp(command->name, word, length) && command->name[length] == ' ')
			buf_printf(ret_list, "%s%s", ret_list->length_bytes ? ", " : "", command->name);
}

static int fail_command(const struct reading *reading)
{
	const char *word = reading->word_count ? reading->words[0] : NULL;
	struct nearest nearest = { .word = word };
	struct buf siblings = { 0 };

	if (!word)
		return fail(reading, "command: none given, see %s --help", reading->program);
	list_siblings(reading, word, &siblings);
	for (const struct command *command = reading->commands; command->name; command++)
		nearest_offer(&nearest, command->name);
	if (siblings.length_bytes)
		fail(reading, "%s%s%s: unknown command, write one of %s", word, reading->word_count > 1 ? " " : "",
		     reading->word_count > 1 ? reading->words[1] : "", buf_text(&siblings));
	else if (nearest.best)
		fail(reading, "%s: unknown command, did you mean %s?", word, nearest.best);
	else
		fail(reading, "%s: unknown command, see %s --help", word, reading->program);
	buf_free(&siblings);
	return -1;
}

static void print_options(const struct option_row *rows)
{
	for (; rows && rows->name; rows++) {
		struct buf left = { 0 };

		buf_printf(&left, "  %c%c%s --%s%s%s", rows->letter ? '-' : ' ', rows->letter ? rows->letter : ' ',
			   rows->letter ? "," : " ", rows->name, rows->type == OPTION_TEXT ? " " : "",
			   rows->type == OPTION_TEXT ? rows->value_name : "");
		printf("%-*s  %s\n", HELP_WIDTH, buf_text(&left), rows->help);
		buf_free(&left);
	}
}

static void print_command_help(const struct reading *reading)
{
	const struct command *command = reading->command;

	printf("Usage: %s %s%s%s%s\n\n%s\n\nOptions:\n", reading->program, command->name,
	       command->options ? " [OPTIONS]" : "", *command->arguments ? " " : "", command->arguments, command->help);
	print_options(command->options);
	print_options(common_options);
}

static void print_program_help(const struct reading *reading, const char *about)
{
	printf("Usage: %s COMMAND [OPTIONS] [ARGUMENTS]\n\n%s\n\nCommands:\n", reading->program, about);
	for (const struct command *command = reading->commands; command->name; command++) {
		struct buf left = { 0 };

		buf_printf(&left, "  %s%s%s", command->name, *command->arguments ? " " : "", command->arguments);
		printf("%-*s  %s\n", HELP_WIDTH, buf_text(&left), command->help);
		buf_free(&left);
	}
	printf("\nOptions:\n");
	print_options(common_options);
	printf("\n\"%s COMMAND --help\" tells what one command takes.\n", reading->program);
}

static int check_argument_count(const struct reading *reading, int count, char **arguments)
{
	const struct command *command = reading->command;

	if (count < command->min_arguments)
		return fail(reading, "something is missing, write %s %s %s", reading->program, command->name,
			    command->arguments);
	if (count > command->max_arguments)
		return fail(reading, "\"%s\" is one word too many, see %s %s --help", arguments[command->max_arguments],
			    reading->program, command->name);
	return 0;
}

/* What --help and --version ask for. Returns whether something was asked for. */
static bool answer_about_itself(const struct reading *reading, const char *about)
{
	if (reading->wants_version)
		printf("%s %s\n", reading->program, PLUMBLINE_VERSION);
	else if (reading->wants_help && reading->command)
		print_command_help(reading);
	else if (reading->wants_help)
		print_program_help(reading, about);
	return reading->wants_version || reading->wants_help;
}

int options_run(const char *program, const char *about, const struct command *commands, int argc, char **argv)
{
	struct reading reading = { .program = program, .commands = commands, .argc = argc, .argv = argv };
	int exit_code = EXIT_CODE_USAGE;
	int name_words;

	reading.words = xcalloc((size_t)argc + 1, sizeof *reading.words);
	reading.searching = true;
	read_words(&reading);
	reading.searching = false;
	name_words = find_command(&reading);
	if (answer_about_itself(&reading, about)) {
		exit_code = 0;
		goto out;
	}
	if (name_words < 0) {
		fail_command(&reading);
		goto out;
	}
	reading.parsed = xcalloc(1, reading.command->parsed_size);
	if (read_words(&reading) < 0 ||
	    check_argument_count(&reading, reading.word_count - name_words, reading.words + name_words) < 0)
		goto out;
	exit_code = reading.command->run(reading.parsed, reading.word_count - name_words, reading.words + name_words);
out:
	free(reading.parsed);
	free(reading.words);
	return exit_code;
}
