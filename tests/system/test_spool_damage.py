"""A disk that fills up, is read-only or damages the spool: measuring goes on, what is made arrives, and the counts add up."""
import glob
import json
import os
import re
import sqlite3
import subprocess

import pytest

from lab.lab import read_text, wait_until
from plumbline import Collector, is_clean, run_here
from test_bad_input import free_port

CONFIG = """
listen: 127.0.0.1:{port}
database: {state}/collector.db
reference_dir: {state}/reference
reference_files:
  - {{name: local, leg: local, node: core, url: "http://127.0.0.1:{port}/reference/small.bin", sha256: "{sha256}"}}
  - {{name: hub, leg: hub, node: core, url: "http://127.0.0.1:{port}/reference/small.bin", sha256: "{sha256}"}}
service_plans:
  - {{name: quick, local_min: 30KB/s, hub_min: 20KB/s, reliability: norm-2001, interval: 1s}}
schedule: {{report: 1s}}
"""
CLIENTS = """client_id,client_name,tier,key,manager,line_id,node,address,service_plan,contact_name,contact_phone,contact_email
1,Orchard Bakery,A,yes,Anna,line-a,core,Garden Street 1,quick,Maria,1,m@orchard.example
"""


def stop(process, with_signal=15):
    process.send_signal(with_signal)
    return process.wait(30)


class Site:
    """A collector on loopback, and an agent whose state directory is a disk of 4 MiB."""

    def __init__(self, build, state):
        self.build, self.state, self.port = build, str(state), free_port()
        os.makedirs(f"{state}/reference")
        done = run_here([f"{build}/plumbline-collector", "reference", f"{state}/reference/small.bin", "--size", "64KiB", "--json"])
        self.collector = Collector(build, state, CONFIG.format(port=self.port, state=state, sha256=json.loads(done.stdout)["sha256"]))
        self.collector.import_csv("topology", "node,kind,parents,name\ncore,core,,Core\n")
        self.collector.import_csv("clients", CLIENTS)
        self.collector_process = self.agent_process = None
        self.disk, self.agent_yaml = f"{state}/disk", f"{state}/agent.yaml"
        os.makedirs(self.disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", self.disk], check=True)
        with open(self.agent_yaml, "w", encoding="utf-8") as file:
            file.write(f"collector: {{url: 'http://127.0.0.1:{self.port}'}}\nstate_dir: {self.disk}/agent\n")

    def close(self):
        for process in (self.agent_process, self.collector_process):
            if process and process.poll() is None:
                stop(process, 9)
        subprocess.run(["umount", self.disk], check=True)

    def start_collector(self):
        with open(f"{self.state}/collector.log", "ab") as log:
            self.collector_process = subprocess.Popen(self.collector.argv_run(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: "listening on" in read_text(f"{self.state}/collector.log"), 30, self.log)

    def enroll(self):
        token = self.collector.json("token", "new", "--line", "line-a")["token"]
        done = self.agent("enroll", "--collector", f"http://127.0.0.1:{self.port}", "--token", token)
        assert done.returncode == 0, done.stderr

    def start_agent(self):
        with open(f"{self.state}/agent.log", "ab") as log:
            self.agent_process = subprocess.Popen([f"{self.build}/plumbline-agent", "run", "-c", self.agent_yaml],
                                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def agent(self, *arguments):
        return run_here([f"{self.build}/plumbline-agent", *arguments, "-c", self.agent_yaml], check=False)

    def status(self):
        """The exit code, what it prints as JSON, and what it says on stderr."""
        done = self.agent("status", "--json")
        return done.returncode, json.loads(done.stdout), done.stderr

    def spool(self):
        return f"{self.disk}/agent/spool.db"

    def log(self):
        return "".join(f"--- {name}\n" + read_text(f"{self.state}/{name}.log")[-4000:] for name in ("collector", "agent"))

    def measured(self):
        """How many measurements the agent's log tells of: each one is told when it is made, stored or not."""
        return len(re.findall(r" (?:local|hub): .*threshold", read_text(f"{self.state}/agent.log")))

    def wait_for_more(self, count):
        target = self.measured() + count
        wait_until(lambda: self.measured() >= target, 60, self.log)

    def stored(self):
        """(line, leg, started_ms) of what the collector has."""
        items = json.loads(self.collector.command("export", "measurements", "--format", "json").stdout)["items"]
        keys = [(m["line"], m["leg"], m["started_ms"]) for m in items]
        assert len(keys) == len(set(keys))
        return keys

    def dropped(self):
        """The losses that `dropped` events have told the collector of."""
        database = sqlite3.connect(f"file:{self.state}/collector.db?mode=ro", uri=True)
        rows = database.execute("SELECT event FROM event WHERE type = 'dropped'").fetchall()
        database.close()
        return [loss for row in rows for loss in json.loads(row[0])["lost"]]

    def wait_until_all_is_reported(self):
        """Every measurement made is at the collector, or counted as dropped."""
        def is_even():
            known = [loss.get("count", 0) for loss in self.dropped() if loss.get("type") in (None, "measurement")]
            return len(self.stored()) + sum(known) >= self.measured()
        wait_until(is_even, 60, lambda: f"{self.measured()} made, {len(self.stored())} stored, {self.dropped()}\n{self.log()}", 0.5)

    def fill_disk(self):
        with open(f"{self.disk}/filler", "wb", buffering=0) as filler:
            try:
                while filler.write(b"x" * 4096):
                    pass
            except OSError as error:
                assert error.errno == 28, error

    def free_disk(self):
        os.unlink(f"{self.disk}/filler")


@pytest.fixture
def site(build, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounts a file system")
    made = Site(build, tmp_path)
    try:
        yield made
    finally:
        made.close()


def finish(site):
    """Everything made arrives; the collector took nothing for a copied disk; no sanitizer said anything."""
    site.wait_until_all_is_reported()
    assert [agent.get("copied_ms") for agent in site.collector.json("agent", "list")["items"]] == [None]
    statuses = [stop(site.agent_process), stop(site.collector_process)]
    assert statuses == [0, 0] and is_clean(site.log()), site.log()


@pytest.mark.timeout(180)
def test_a_full_disk_loses_nothing(site):
    site.start_collector()
    site.enroll()
    site.start_agent()
    site.wait_for_more(4)
    site.fill_disk()
    wait_until(lambda: "stay in memory" in read_text(f"{site.state}/agent.log"), 120, site.log)
    site.wait_for_more(6)
    code, status, _ = site.status()
    assert code == 0 and status["running"] is True
    assert "full" in status["disk"]["fault"] and status["disk"]["held"] >= 6 and status["disk"]["lost"] == 0
    assert site.agent("measurements").returncode == 0
    assert "takes nothing" in site.agent("status").stdout

    site.free_disk()
    wait_until(lambda: "spool: works again" in read_text(f"{site.state}/agent.log"), 60, site.log)
    site.wait_for_more(2)
    assert "disk" not in site.status()[1]
    finish(site)
    assert site.dropped() == []
    assert len(re.findall("stay in memory", read_text(f"{site.state}/agent.log"))) == 1


@pytest.mark.timeout(180)
def test_a_read_only_disk_is_waited_for(site):
    site.start_collector()
    site.enroll()
    site.start_agent()
    site.wait_for_more(4)
    assert stop(site.agent_process) == 0
    subprocess.run(["mount", "-o", "remount,ro", site.disk], check=True)
    site.start_agent()
    site.wait_for_more(4)
    code, status, stderr = site.status()
    assert status["running"] is True and "read-only" in status["disk"]["fault"]
    assert code == 3 and "spool" in stderr and len(stderr.splitlines()) == 1
    subprocess.run(["mount", "-o", "remount,rw,size=4m", site.disk], check=True)
    wait_until(lambda: "spool: works again" in read_text(f"{site.state}/agent.log"), 60, site.log)
    finish(site)
    assert site.dropped() == []
    log = read_text(f"{site.state}/agent.log")
    assert "journal: works again" in log and "begun anew" not in log


def damage(path):
    """The file and its log of commits, all of both: whichever page is read next is none."""
    for name in (path, path + "-wal"):
        if os.path.exists(name):
            with open(name, "r+b") as file:
                file.write(b"\x5a" * os.path.getsize(name))


@pytest.mark.timeout(180)
def test_a_damaged_spool_is_replaced_while_the_agent_runs(site):
    site.start_collector()
    site.enroll()
    site.start_agent()
    site.wait_for_more(4)
    site.wait_until_all_is_reported()
    before = site.status()[1]["spool"]["id"]
    damage(site.spool())
    wait_until(lambda: glob.glob(site.spool() + ".damaged-*Z"), 60, site.log)
    site.wait_for_more(4)
    code, status, _ = site.status()
    assert code == 0 and status["spool"]["id"] != before
    wait_until(lambda: [loss for loss in site.dropped() if loss["reason"] == "damaged" and loss["spool"] == before], 60, site.log)

    # What was made after the recovery arrives, all of it. Of the earlier some may be lost with the file.
    made = json.loads(site.agent("measurements", "--json").stdout)["items"]
    wait_until(lambda: {("line-a", m["leg"], m["started_ms"]) for m in made} <= set(site.stored()), 60, site.log)
    assert [agent.get("copied_ms") for agent in site.collector.json("agent", "list")["items"]] == [None]
    assert [stop(site.agent_process), stop(site.collector_process)] == [0, 0] and is_clean(site.log()), site.log()


@pytest.mark.timeout(180)
def test_commands_answer_without_a_readable_spool(site):
    site.start_collector()
    site.enroll()
    site.start_agent()
    site.wait_for_more(2)
    assert stop(site.agent_process) == 0
    damage(site.spool())
    code, status, stderr = site.status()
    assert code == 3 and status["running"] is False and status["line"] == "line-a"
    assert "cannot be read" in stderr and "spool.db" in stderr and len(stderr.splitlines()) == 1
    done = site.agent("measurements")
    assert done.returncode == 3 and done.stdout == "" and "cannot be read" in done.stderr
    site.start_agent()
    wait_until(lambda: site.status()[0] == 0, 60, site.log)
    site.wait_for_more(2)
    wait_until(lambda: [loss["reason"] for loss in site.dropped()] == ["damaged"], 60, site.log)
    assert [stop(site.agent_process), stop(site.collector_process)] == [0, 0] and is_clean(site.log()), site.log()
