#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "collector/commands/command.h"
#include "collector/people/passwords.h"
#include "collector/store/people.h"

static void drop_line_end(char *text)
{
	text[strcspn(text, "\r\n")] = '\0';
}

static int read_stream(FILE *stream, const char *where, char *ret_password, size_t size, struct err *err)
{
	if (!fgets(ret_password, (int)size, stream))
		return err_set(err, ERR_USAGE, "%s: no password in its first line", where);
	drop_line_end(ret_password);
	return 0;
}

static int read_file(const char *path, char *ret_password, size_t size, struct err *err)
{
	FILE *stream;
	int rc;

	if (!strcmp(path, "-"))
		return read_stream(stdin, "standard input", ret_password, size, err);
	stream = fopen(path, "re");
	if (!stream)
		return err_set(err, ERR_USAGE, "--password-file %s: %m", path);
	rc = read_stream(stream, path, ret_password, size, err);
	fclose(stream);
	return rc;
}

/* What the handler puts back before the signal has its usual effect. */
static struct termios before_asking;

static void stop_asking(int number)
{
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_asking);
	signal(number, SIG_DFL);
	raise(number);
}

static void on_signals(void (*handler)(int number))
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	const struct sigaction action = { .sa_handler = handler };

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		sigaction(numbers[i], &action, NULL);
}

static int ask(const char *question, char *ret_password, size_t size, struct err *err)
{
	struct termios silent;
	int rc;

	if (tcgetattr(STDIN_FILENO, &before_asking) < 0)
		return err_set(err, ERR_USAGE, "there is no terminal to ask for the password, use --password-file F");
	silent = before_asking;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	fputs(question, stderr);
	on_signals(stop_asking);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	rc = read_stream(stdin, "terminal", ret_password, size, err);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_asking);
	on_signals(SIG_DFL);
	fputc('\n', stderr);
	return rc;
}

static int ask_twice(char *ret_password, size_t size, struct err *err)
{
	char again[PASSWORD_MAX_LENGTH + 3];
	int rc = -1;

	if (ask("Password: ", ret_password, size, err) == 0 && ask("Again: ", again, sizeof again, err) == 0)
		rc = strcmp(ret_password, again) ? err_set(err, ERR_USAGE, "the two passwords differ, try again") : 0;
	explicit_bzero(again, sizeof again);
	return rc;
}

static int hash_password(const char *file, char ret_hash[PASSWORD_HASH_SIZE], struct err *err)
{
	char password[PASSWORD_MAX_LENGTH + 3];   /* one byte too long is seen, and the line's end */
	int rc = file ? read_file(file, password, sizeof password, err) : ask_twice(password, sizeof password, err);

	if (rc == 0)
		rc = password_hash(password, ret_hash, err);
	explicit_bzero(password, sizeof password);
	return rc;
}

static int find_role(const char *name, int *ret_role, struct err *err)
{
	for (int role = 0; name && role < ROLE_COUNT; role++) {
		if (!strcmp(name, role_names[role])) {
			*ret_role = role;
			return 0;
		}
	}
	return err_set(err, ERR_USAGE, "--role must be viewer, tech, manager, director or admin");
}

static int add_job(struct txn *txn, void *arg, struct err *err)
{
	const struct clock clock = clock_system();

	return person_put(txn, arg, clock_now(&clock).realtime_ms, err);
}

int command_user_add(const void *parsed, int argument_count, char **arguments)
{
	const struct command_options *options = parsed;
	struct person person = { .disabled_ms = JSON_ABSENT };
	struct err err;
	json_t *said;
	int code;

	(void)argument_count;
	if (!arguments[0][0] || text_copy(person.name, sizeof person.name, arguments[0]) < 0) {
		err_set(&err, ERR_USAGE, "a name has 1 to %zu bytes", sizeof person.name - 1);
		return command_fail("user add", &err);
	}
	if (find_role(options->role, &person.role, &err) < 0 ||
	    hash_password(options->password_file, person.password_hash, &err) < 0)
		return command_fail("user add", &err);
	code = command_write(options, "user add", add_job, &person);
	if (code == 0 && options->json) {
		said = json_pack("{s:s, s:s}", "name", person.name, "role", role_names[person.role]);
		command_print_json(said);
		json_decref(said);
	}
	return code;
}

static int list_job(struct txn *txn, void *arg, struct err *err)
{
	return people_list(txn, arg, err);
}

int command_user_list(const void *parsed, int argument_count, char **arguments)
{
	static const char *const columns[] = { "name", "role", "created_ms", "disabled_ms", NULL };
	const struct command_options *options = parsed;
	json_t *people = NULL;
	int code = command_read(options, "user list", list_job, &people);

	(void)argument_count;
	(void)arguments;
	if (code == 0 && options->json)
		command_print_json(people);
	else if (code == 0)
		command_print_table(json_object_get(people, "items"), columns);
	json_decref(people);
	return code;
}

static int disable_job(struct txn *txn, void *arg, struct err *err)
{
	const struct clock clock = clock_system();

	return person_disable(txn, arg, clock_now(&clock).realtime_ms, err);
}

int command_user_disable(const void *parsed, int argument_count, char **arguments)
{
	(void)argument_count;
	return command_write(parsed, "user disable", disable_job, arguments[0]);
}
