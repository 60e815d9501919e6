"""`make run` as a new user sees it: an address, a log-in, a line per measurement; Ctrl-C leaves nothing; again goes on."""
import os
import re
import signal
import subprocess

import pytest

from lab.lab import read_text, wait_until
from plumbline import Person
from test_bad_input import free_port


class MakeRun:
    def __init__(self, root, state, port):
        self.output = f"{state}.out"
        environment = {**os.environ, "STATE": str(state), "PORT": str(port)}
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(["make", "-s", "run"], cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT, start_new_session=True)

    def text(self):
        return read_text(self.output)

    def wait_for(self, pattern, count=1):
        def found():
            assert self.process.poll() is None, self.text()
            matches = re.findall(pattern, self.text())
            return matches if len(matches) >= count else None
        return wait_until(found, 120, self.text)

    def press_ctrl_c(self):
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(30)
        assert subprocess.run(["pgrep", "-g", str(self.process.pid)], stdout=subprocess.PIPE, check=False).stdout == b""


def measurements_on_page(run):
    address = run.wait_for(r"Plumbline is at +(http://\S+)")[0]
    user, password = run.wait_for(r"Log in as +(\S+)")[0], run.wait_for(r"with password +(\S+)")[0]
    base, path = re.match(r"(http://[^/]+)(/.*)", address).groups()
    person = Person(base).log_in(user, password)
    page = person.get(path)
    assert page.status == 200 and "Orchard Bakery" in page.text and "<svg" in page.text
    return person.get("/api/v1/lines/line-1/measurements").json["items"]


@pytest.mark.timeout(300)
def test_make_run_shows_measurements_and_goes_on(root, tmp_path):
    port = free_port()
    first = MakeRun(root, tmp_path / "state", port)
    first.wait_for(r"line-1 +(?:local|hub) .*good", count=2)
    before = measurements_on_page(first)
    assert {m["leg"] for m in before} == {"local", "hub"}
    first.press_ctrl_c()

    again = MakeRun(root, tmp_path / "state", port)
    again.wait_for(r"line-1 +(?:local|hub) .*good", count=1)
    after = measurements_on_page(again)
    assert {(m["leg"], m["started_ms"]) for m in before} < {(m["leg"], m["started_ms"]) for m in after}
    again.press_ctrl_c()
