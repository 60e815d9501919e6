"""Drives the two programs as their users do: commands, configuration files, HTTP."""
import http.cookiejar
import json
import os
import re
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request


class Collector:
    """A collector's files and commands. `run` is how a command is run: subprocess.run, or a Lab's run on one host."""

    def __init__(self, build_dir, state_dir, config, run=None):
        self.program = os.path.join(build_dir, "plumbline-collector")
        self.state_dir = str(state_dir)
        self.config_path = os.path.join(self.state_dir, "collector.yaml")
        self._run = run or run_here
        os.makedirs(self.state_dir, exist_ok=True)
        self.write_config(config)

    def write_config(self, text):
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(text)

    def command(self, *arguments, check=True):
        done = self._run([self.program, *arguments, "-c", self.config_path], check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def json(self, *arguments):
        return json.loads(self.command(*arguments, "--json").stdout)

    def argv_run(self, *more):
        return [self.program, "run", "-c", self.config_path, *more]

    def import_csv(self, what, text):
        path = os.path.join(self.state_dir, f"{what}.csv")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return self.command("import", what, path)

    def add_user(self, name, role, password):
        path = os.path.join(self.state_dir, "password")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(password + "\n")
        return self.command("user", "add", name, "--role", role, "--password-file", path)


def run_here(argv, check=True, **kwargs):
    return subprocess.run(argv, check=check, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Person:
    """Somebody with a browser: keeps cookies, sends the CSRF token."""

    def __init__(self, base_url, ca_file=None):
        self.base_url = base_url
        self.csrf = None
        handlers = [urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), NoRedirect(),
                    urllib.request.ProxyHandler({})]
        if ca_file:
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)))
        self.opener = urllib.request.build_opener(*handlers)

    def request(self, method, path, data=None, headers=None):
        headers = dict(headers or {})
        if data is not None and not isinstance(data, bytes):
            data = json.dumps(data).encode()
            headers.setdefault("Content-Type", "application/json")
        if self.csrf and method not in ("GET", "HEAD"):
            headers.setdefault("X-CSRF-Token", self.csrf)
        request = urllib.request.Request(self.base_url + urllib.parse.quote(path, safe="/?&=%"), data=data, headers=headers,
                                         method=method)
        try:
            with self.opener.open(request, timeout=30) as answer:
                return Reply(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Reply(error.code, error.headers, error.read())

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def post(self, path, data=None):
        return self.request("POST", path, data={} if data is None else data)

    def log_in(self, user, password):
        reply = self.post("/api/v1/session", {"user": user, "password": password})
        assert reply.status == 200, reply.text
        self.csrf = reply.json["csrf"]
        return self


def is_clean(log_text):
    """No sanitizer said anything."""
    return not re.search(r"AddressSanitizer|LeakSanitizer|runtime error:|UndefinedBehavior", log_text)
