/* `check` runs a loop of its own until it is done, so the server it measures is another process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/check.h"
#include "tests/unit/agent/scratch.h"
#include "tests/unit/agent/scripted_server.h"

#define BODY_BYTES 40000
#define HEAD       "HTTP/1.1 200 OK\nContent-Length: 40000\n"
#define REFUSED    "http://127.0.0.1:1/"

static char server_url[64];
static struct scratch scratch;
static const char *config_path;

static void serve(int fd)
{
	static struct server server;
	uv_loop_t loop;

	uv_loop_init(&loop);
	server_open(&server, &loop, (struct script){ .head = HEAD, .body_bytes = BODY_BYTES });
	if (write(fd, server.url, sizeof server.url) != sizeof server.url)
		_exit(1);
	uv_run(&loop, UV_RUN_DEFAULT);
}

static pid_t server_pid;

static int setup(void **state)
{
	int ends[2];

	(void)state;
	if (pipe(ends) < 0 || (server_pid = fork()) < 0)
		return -1;
	if (server_pid == 0)
		serve(ends[1]);
	if (read(ends[0], server_url, sizeof server_url) != sizeof server_url)
		return -1;
	close(ends[0]);
	close(ends[1]);
	scratch_make(&scratch);
	config_path = scratch_file(&scratch, "agent.yaml");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove(&scratch);
	kill(server_pid, SIGTERM);
	return waitpid(server_pid, NULL, 0) == server_pid ? 0 : -1;
}

static void read_all(int fd, struct buf *ret_text)
{
	char piece[4096];
	ssize_t length;

	lseek(fd, 0, SEEK_SET);
	while ((length = read(fd, piece, sizeof piece)) > 0)
		buf_append(ret_text, piece, (size_t)length);
	close(fd);
}

/* Runs the command with what it writes kept in *ret_out and *ret_err. */
static int run_check(const struct check_options *options, struct buf *ret_out, struct buf *ret_err)
{
	int out = open(scratch.path, O_TMPFILE | O_RDWR, 0600), err = open(scratch.path, O_TMPFILE | O_RDWR, 0600);
	int old_out = dup(STDOUT_FILENO), old_err = dup(STDERR_FILENO), code;

	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	code = check_command(options, 0, NULL);
	fflush(stdout);
	dup2(old_out, STDOUT_FILENO);
	dup2(old_err, STDERR_FILENO);
	close(old_out);
	close(old_err);
	read_all(out, ret_out);
	read_all(err, ret_err);
	return code;
}

static void write_config(const char *format, ...)
{
	FILE *file = fopen(config_path, "w");
	va_list args;

	assert_non_null(file);
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	fclose(file);
}

static const struct {
	const char *name;
	struct check_options options;   /* server_url where a URL is the server's */
	int code;
	const char *out, *err;          /* must be in it; NULL: it stays empty */
} cases[] = {
	{ "good", { .local = server_url, .local_min = "30KB/s" }, 0, "240 kbit/s      good", "local: http" },
	{ "no threshold: figures", { .hub = server_url }, 0, "unresolved (nothing to compare with)", "hub: http" },
	{ "nobody there", { .local = REFUSED, .local_min = "30KB/s" }, 3, "failed (no connection)", "local: http" },
	{ "nobody there, and no threshold", { .local = REFUSED }, 3, "failed (no connection)", "local: http" },
	{ "one leg good, one not measured", { .local = server_url, .hub = REFUSED, .local_min = "30KB/s" }, 3,
	  "failed (no connection)", "hub: http" },
	{ "a threshold the file cannot show", { .local = server_url, .local_min = "500Gbit/s" }, 3,
	  "unresolved (the file is too small for this threshold)", "local: http" },
	{ "a rate without a unit", { .local = server_url, .local_min = "30" }, 2, NULL,
	  "plumbline-agent: check: --local-min: \"30\" has no unit" },
	{ "an address of another kind", { .local = "ftp://a/b" }, 2, NULL,
	  "plumbline-agent: check: --local: \"ftp://a/b\" is no address, write http://HOST/… or https://HOST/…\n" },
	{ "no address", { .local = REFUSED, .hub = "" }, 2, NULL, "plumbline-agent: check: --hub: \"\" is no address" },
	{ "nothing at all", { .json = true }, 2, NULL,
	  "plumbline-agent: check: nothing to download, give --local URL or --hub URL (http://HOST/… or https://HOST/…), or name" },
	{ "no such configuration", { .config_path = "/nonexistent/agent.yaml" }, 2, NULL, "/nonexistent/agent.yaml: No such file" },
};

static void test_exit_codes_and_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf out = { 0 }, err = { 0 };
		int code = run_check(&cases[i].options, &out, &err);

		if (code != cases[i].code || !strstr(buf_text(&err), cases[i].err) ||
		    (cases[i].out ? !strstr(buf_text(&out), cases[i].out) : *buf_text(&out)))
			fail_msg("%s: exit %d, said \"%s\" and \"%s\"", cases[i].name, code, buf_text(&out), buf_text(&err));
		buf_free(&out);
		buf_free(&err);
	}
}

static void test_altered_content_is_not_good(void **state)
{
	struct buf out = { 0 }, err = { 0 };

	(void)state;
	write_config("reference_files:\n"
		     "  - {name: ref, leg: local, url: \"%s\", sha256: \"%064d\"}\n"
		     "  - {name: gone, leg: hub, url: \"" REFUSED "\"}\n", server_url, 0);
	assert_int_equal(run_check(&(struct check_options){ .config_path = config_path }, &out, &err), 1);
	assert_non_null(strstr(buf_text(&out), "failed (the content was altered)"));
	assert_non_null(strstr(buf_text(&out), "failed (no connection)"));
	buf_free(&out);
	buf_free(&err);
}

static const struct {
	const char *name, *threshold, *want;
} file_cases[] = {
	{ "the smallest that lasts long enough for a capacity probe", "10Mbit/s", "second" },
	{ "a larger one for a faster promise", "16Mbit/s", "first" },
	{ "the smallest of all for a low one", "30KB/s", "third" },
	{ "the largest where none shows it", "1Gbit/s", "first" },
};

static void test_which_file_of_a_ladder(void **state)
{
	(void)state;
	write_config("reference_files:\n"
		     "  - {name: first, leg: local, url: \"" REFUSED "\", size: 16MiB}\n"
		     "  - {name: second, leg: local, url: \"" REFUSED "\", size: 4MiB}\n"
		     "  - {name: third, leg: local, url: \"" REFUSED "\"}\n");
	for (size_t i = 0; i < sizeof file_cases / sizeof file_cases[0]; i++) {
		struct check_options options = {
			.config_path = config_path, .local_min = file_cases[i].threshold, .json = true,
		};
		struct buf out = { 0 }, err = { 0 };
		const char *leg, *file;
		json_t *answer;
		int code;

		assert_int_equal(run_check(&options, &out, &err), 3);
		answer = json_loads(buf_text(&out), 0, NULL);
		assert_int_equal(json_unpack(answer, "{s:i, s:[{s:s, s:s}]}", "exit", &code, "items", "leg", &leg, "file", &file), 0);
		assert_int_equal(code, 3);
		assert_string_equal(leg, "local");
		if (strcmp(file, file_cases[i].want))
			fail_msg("%s: %s", file_cases[i].name, file);
		json_decref(answer);
		buf_free(&out);
		buf_free(&err);
	}
}

static void test_language_is_what_the_environment_names(void **state)
{
	static const struct {
		const char *lc_all, *lang, *want;
	} rows[] = {
		{ "", "ru_RU.UTF-8", "не удалось (нет соединения)" },
		{ "C", "ru_RU.UTF-8", "failed (no connection)" },
		{ "", "ru_RU.KOI8-R", "failed (no connection)" },
		{ "ru_RU.utf8", "en_US.UTF-8", "не удалось (нет соединения)" },
	};
	const struct check_options options = { .local = REFUSED };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf out = { 0 }, err = { 0 };

		setenv("LC_ALL", rows[i].lc_all, 1);
		setenv("LANG", rows[i].lang, 1);
		assert_int_equal(run_check(&options, &out, &err), 3);
		if (!strstr(buf_text(&out), rows[i].want))
			fail_msg("%s %s: %s", rows[i].lc_all, rows[i].lang, buf_text(&out));
		buf_free(&out);
		buf_free(&err);
	}
	setenv("LC_ALL", "C", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_codes_and_words),
		cmocka_unit_test(test_altered_content_is_not_good),
		cmocka_unit_test(test_which_file_of_a_ladder),
		cmocka_unit_test(test_language_is_what_the_environment_names),
	};

	curl_global_init(CURL_GLOBAL_DEFAULT);
	setenv("LC_ALL", "C", 1);
	return cmocka_run_group_tests(tests, setup, teardown);
}
