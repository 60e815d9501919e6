#include "agent/base/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct parsed {
	const char *config, *role;
	bool json, verbose;
};

/* What the command that ran was given, as text. */
static char seen[512];

static int note(const char *command, const void *from, int argument_count, char **arguments)
{
	const struct parsed *parsed = from;
	int length = snprintf(seen, sizeof seen, "%s config=%s role=%s json=%d verbose=%d", command,
			      parsed->config ? parsed->config : "-", parsed->role ? parsed->role : "-", parsed->json,
			      parsed->verbose);

	for (int i = 0; i < argument_count; i++)
		length += snprintf(seen + length, sizeof seen - (size_t)length, " [%s]", arguments[i]);
	return argument_count;
}

static int run_run(const void *parsed, int count, char **words)  { return note("run", parsed, count, words); }
static int run_import(const void *parsed, int count, char **words) { return note("import", parsed, count, words); }
static int run_add(const void *parsed, int count, char **words)  { return note("user add", parsed, count, words); }
static int run_list(const void *parsed, int count, char **words) { return note("user list", parsed, count, words); }

#define OPTION(short_name, long_name, kind, value, text)                                                               \
	{ .letter = short_name, .name = #long_name, .type = kind, .offset = offsetof(struct parsed, long_name),        \
	  .value_name = value, .help = text }

static const struct option_row all_options[] = {
	OPTION('c', config, OPTION_TEXT, "FILE", "reads this file"),
	OPTION(0, role, OPTION_TEXT, "ROLE", "what they may do"),
	OPTION('j', json, OPTION_FLAG, NULL, "prints JSON"),
	OPTION('v', verbose, OPTION_FLAG, NULL, "says more"),
	{ .name = NULL },
};

static const struct command commands[] = {
	{ "run", "", "the daemon", all_options, sizeof(struct parsed), 0, 0, run_run },
	{ "import clients", "FILE.csv", "reads clients", all_options, sizeof(struct parsed), 1, 1, run_import },
	{ "user add", "NAME", "makes an account", all_options, sizeof(struct parsed), 1, 2, run_add },
	{ "user list", "", "lists accounts", NULL, sizeof(struct parsed), 0, 0, run_list },
	{ .name = NULL },
};

struct outcome {
	int exit_code;
	char out[2048], err[1024];
};

static int redirect(int fd, FILE *to)
{
	int saved = dup(fd);

	fflush(stdout);
	dup2(fileno(to), fd);
	return saved;
}

static void restore(int fd, int saved, FILE *from, char *ret_text, size_t size)
{
	fflush(stdout);
	dup2(saved, fd);
	close(saved);
	rewind(from);
	ret_text[fread(ret_text, 1, size - 1, from)] = '\0';
	fclose(from);
}

/* line: words separated by "|". */
static struct outcome run(const char *line)
{
	FILE *out = tmpfile(), *err = tmpfile();
	struct outcome outcome = { 0 };
	char text[256], *argv[16] = { (char *)(uintptr_t)"plumb" }, *rest = text;
	int argc = 1, saved_out, saved_err;

	snprintf(text, sizeof text, "%s", line);
	while (*line && (argv[argc] = strsep(&rest, "|")))
		argc++;
	seen[0] = '\0';
	saved_out = redirect(STDOUT_FILENO, out);
	saved_err = redirect(STDERR_FILENO, err);
	outcome.exit_code = options_run("plumb", "Says what is upright.", commands, argc, argv);
	restore(STDERR_FILENO, saved_err, err, outcome.err, sizeof outcome.err);
	restore(STDOUT_FILENO, saved_out, out, outcome.out, sizeof outcome.out);
	return outcome;
}

static void test_reads(void **state)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{ "run", "run config=- role=- json=0 verbose=0" },
		{ "run|-c|a.yaml", "run config=a.yaml role=- json=0 verbose=0" },
		{ "-c|a.yaml|run", "run config=a.yaml role=- json=0 verbose=0" },
		{ "-ca.yaml|run", "run config=a.yaml role=- json=0 verbose=0" },
		{ "--config=a.yaml|run", "run config=a.yaml role=- json=0 verbose=0" },
		{ "--config|a.yaml|--json|run", "run config=a.yaml role=- json=1 verbose=0" },
		{ "run|--config=|-jv", "run config= role=- json=1 verbose=1" },
		{ "run|-jvc|x", "run config=x role=- json=1 verbose=1" },
		{ "run|-c|a|-c|b", "run config=b role=- json=0 verbose=0" },
		{ "import|clients|-c|run|x.csv", "import config=run role=- json=0 verbose=0 [x.csv]" },
		{ "import|-c|f|clients|x.csv|-j", "import config=f role=- json=1 verbose=0 [x.csv]" },
		{ "-c|f|import|clients|x.csv", "import config=f role=- json=0 verbose=0 [x.csv]" },
		{ "import|clients|-", "import config=- role=- json=0 verbose=0 [-]" },
		{ "import|clients|--|--json", "import config=- role=- json=0 verbose=0 [--json]" },
		{ "user|add|ann|--role=tech", "user add config=- role=tech json=0 verbose=0 [ann]" },
		{ "user|add|--role|tech|ann|lee", "user add config=- role=tech json=0 verbose=0 [ann] [lee]" },
		{ "user|list", "user list config=- role=- json=0 verbose=0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct outcome outcome = run(cases[i].line);

		assert_string_equal(outcome.err, "");
		assert_string_equal(outcome.out, "");
		assert_string_equal(seen, cases[i].want);
	}
	assert_int_equal(run("user|add|ann|lee").exit_code, 2);   /* what the command returned */
	assert_int_equal(run("run").exit_code, 0);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{ "", "plumb: command: none given, see plumb --help\n" },
		{ "--json", "plumb: command: none given, see plumb --help\n" },
		{ "rum", "plumb: rum: unknown command, did you mean run?\n" },
		{ "dance", "plumb: dance: unknown command, see plumb --help\n" },
		{ "user", "plumb: user: unknown command, write one of user add, user list\n" },
		{ "user|delete|ann", "plumb: user delete: unknown command, write one of user add, user list\n" },
		{ "run|--jsn", "plumb: run: unknown option --jsn, did you mean --json?\n" },
		{ "--colour|run", "plumb: run: unknown option --colour, see plumb run --help\n" },
		{ "run|--colour=red", "plumb: run: unknown option --colour, see plumb run --help\n" },
		{ "run|--conf|x", "plumb: run: unknown option --conf, did you mean --config?\n" },
		{ "run|-x", "plumb: run: unknown option -x, see plumb run --help\n" },
		{ "run|-jx", "plumb: run: unknown option -jx, see plumb run --help\n" },
		{ "user|list|--json", "plumb: user list: unknown option --json, see plumb user list --help\n" },
		{ "run|-c", "plumb: run: --config has no value, write --config FILE\n" },
		{ "run|--config", "plumb: run: --config has no value, write --config FILE\n" },
		{ "--json=yes|run", "plumb: run: --json takes no value, write --json alone\n" },
		{ "run|--json=yes", "plumb: run: --json takes no value, write --json alone\n" },
		{ "run|now", "plumb: run: \"now\" is one word too many, see plumb run --help\n" },
		{ "import|clients", "plumb: import clients: something is missing, write plumb import clients FILE.csv\n" },
		{ "import|clients|a|b", "plumb: import clients: \"b\" is one word too many, see plumb import clients --help\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct outcome outcome = run(cases[i].line);

		assert_string_equal(outcome.err, cases[i].want);
		assert_string_equal(outcome.out, "");
		assert_string_equal(seen, "");
		assert_int_equal(outcome.exit_code, 2);
	}
}

static void test_tells_about_itself(void **state)
{
	static const char program_help[] =
		"Usage: plumb COMMAND [OPTIONS] [ARGUMENTS]\n\n"
		"Says what is upright.\n\n"
		"Commands:\n"
		"  run                               the daemon\n"
		"  import clients FILE.csv           reads clients\n"
		"  user add NAME                     makes an account\n"
		"  user list                         lists accounts\n\n"
		"Options:\n"
		"  -h, --help                        says what there is, and ends\n"
		"      --version                     prints the version, and ends\n\n"
		"\"plumb COMMAND --help\" tells what one command takes.\n";
	static const char add_help[] =
		"Usage: plumb user add [OPTIONS] NAME\n\n"
		"makes an account\n\n"
		"Options:\n"
		"  -c, --config FILE                 reads this file\n"
		"      --role ROLE                   what they may do\n"
		"  -j, --json                        prints JSON\n"
		"  -v, --verbose                     says more\n"
		"  -h, --help                        says what there is, and ends\n"
		"      --version                     prints the version, and ends\n";
	static const struct {
		const char *line, *want;
	} cases[] = {
		{ "--help", program_help },
		{ "-h", program_help },
		{ "user|add|--help", add_help },
		{ "--help|user|add", add_help },
		{ "--version", "plumb " PLUMBLINE_VERSION "\n" },
		{ "run|--version", "plumb " PLUMBLINE_VERSION "\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct outcome outcome = run(cases[i].line);

		assert_string_equal(outcome.out, cases[i].want);
		assert_string_equal(outcome.err, "");
		assert_string_equal(seen, "");
		assert_int_equal(outcome.exit_code, 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_tells_about_itself),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
