#!/usr/bin/python3
"""What the agent costs beside a bare program that downloads, watches and keeps the same (floor.c), both in one run.

    /usr/bin/python3 tests/bench/footprint.py [--minutes 10] [--starts 40]          needs root, iproute2 and nginx

An agent that makes 10 probes a minute, an agent that has none to make, and a floor beside each; each on a link of its own,
because an agent does not probe while others use its line. Prints a Markdown table: memory from /proc/PID/smaps_rollup, CPU
from each process's own clock, which counts in nanoseconds what /proc/PID/stat counts in ticks.
"""
import argparse
import hashlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/lab"))
from lab import Lab, read_text, wait_until  # noqa: E402

AGENT = os.path.join(ROOT, "build/plumbline-agent")
FLOOR = os.path.join(ROOT, "build/tests/bench/floor")
SETTLED_S = 5     # until what a start does is over
EARLY = 0.2       # of the time: what the end is compared with to see growth
HOSTS = ("busy agent", "busy floor", "idle agent", "idle floor")


class Bench:
    """The files the programs need, and how each is called."""

    def __init__(self, dir_path, lab):
        self.dir = dir_path
        self.lab = lab
        self.files = lab.add_host("files")
        for host in HOSTS:
            lab.add_host(host.replace(" ", "-"))

    def path(self, name):
        return os.path.join(self.dir, name)

    def serve_file(self):
        content = os.urandom(1024 * 1024)
        os.makedirs(self.path("files"))
        with open(self.path("files/ref-1m.bin"), "wb") as file:
            file.write(content)
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.lab.start_nginx("files", os.path.join(ROOT, "config"), self.path("files"), self.path("nginx"))
        wait_until(lambda: self.lab.run("busy-agent", ["curl", "-sfo", "/dev/null", self.url()], check=False).returncode == 0, 10,
                   "nginx serves the file")

    def url(self):
        return f"http://{self.files}:8080/ref-1m.bin"

    def agent_argv(self, name, interval):
        files = "".join(f"  - {{name: {leg}, leg: {leg}, url: \"{self.url()}\", sha256: {self.sha256}, size: 1MiB}}\n"
                        for leg in ("local", "hub"))
        with open(self.path(f"{name}.yaml"), "w", encoding="utf-8") as file:
            file.write(f"state_dir: {self.path(name)}\nreference_files:\n{files}"
                       f"thresholds: {{local_min: 30KB/s, hub_min: 20KB/s}}\nschedule: {{interval: {interval}}}\n")
        return [AGENT, "run", "-c", self.path(f"{name}.yaml")]

    def floor_argv(self, name, probes_per_minute, gateway):
        return [FLOOR, self.path(f"{name}.db"), gateway, self.files, self.files, str(probes_per_minute)]


def cpu_s(process):
    """The CPU time of all its threads so far."""
    return time.clock_gettime(~process.pid << 3 | 2)   # the clock that clock_getcpuclockid(3) names


def memory_kb(process):
    with open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as file:
        rows = [line.split() for line in file][1:]
    return {row[0].rstrip(":"): int(row[1]) for row in rows}


class Watched:
    """One of the processes that run side by side, and what was read of it when."""

    def __init__(self, bench, host, argv):
        self.log = bench.path(f"{host}.log")
        self.process = bench.lab.start(host, argv, log=self.log)
        self.cpu_s, self.memory_kb = {}, {}

    def read(self, when):
        assert self.process.poll() is None, read_text(self.log)
        self.cpu_s[when], self.memory_kb[when] = cpu_s(self.process), memory_kb(self.process)

    def cpu_s_per_hour(self, run_s):
        return (self.cpu_s["end"] - self.cpu_s["settled"]) * 3600 / run_s

    def growth_kb(self):
        return self.memory_kb["end"]["Rss"] - self.memory_kb["early"]["Rss"]

    def probes(self):
        return read_text(self.log).count("threshold")


def run_side_by_side(bench, run_s):
    argv = {
        "busy-agent": bench.agent_argv("busy-agent", "12s"),   # both legs: two probes in each 12 s
        "busy-floor": bench.floor_argv("busy-floor", 10, "10.77.3.1"),
        "idle-agent": bench.agent_argv("idle-agent", "1d"),
        "idle-floor": bench.floor_argv("idle-floor", 0, "10.77.5.1"),
    }
    watched = {host: Watched(bench, host, argv[host]) for host in argv}
    began = time.monotonic()
    for when, at_s in (("settled", SETTLED_S), ("early", SETTLED_S + EARLY * run_s), ("end", SETTLED_S + run_s)):
        time.sleep(max(0, began + at_s - time.monotonic()))
        for one in watched.values():
            one.read(when)
    assert not watched["idle-agent"].probes(), "the day's only run of probes fell into this one: start again"
    return watched


def start_once(argv, is_ready, **kwargs):
    """Until it is ready: wall time in ms, CPU time in ms."""
    process = subprocess.Popen(argv, **kwargs)   # returns when the program has been executed
    began = time.monotonic()
    is_ready(process)
    took = (time.monotonic() - began) * 1000, cpu_s(process) * 1000
    process.terminate()
    process.wait()
    return took


def measure_starts(bench, count):
    """Medians over starts in turn; both find their files from the start before."""
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(bench.path("notify"))

    def wait_for_datagram(_):
        while notify.recv(100) != b"READY=1":
            pass

    agent, floor = [], []
    for _ in range(count + 1):
        agent.append(start_once(bench.agent_argv("start", "1d"), wait_for_datagram, stderr=subprocess.DEVNULL,
                                env={**os.environ, "NOTIFY_SOCKET": bench.path("notify")}))
        floor.append(start_once(bench.floor_argv("start", 0, "127.0.0.1"), lambda process: process.stdout.readline(),
                                stdout=subprocess.PIPE))
    return [[statistics.median(column) for column in zip(*took[1:])] for took in (agent, floor)]   # the first made the files


def row(what, agent, floor, unit, target, digits):
    ratio = f"{agent / floor:.2f}" if "≤" in target else ""
    print(f"| {what} | {agent:.{digits}f} {unit} | {floor:.{digits}f} {unit} | {ratio} | {target} |")


def print_table(watched, starts, run_s):
    busy, idle = ([watched[f"{duty}-{program}"] for program in ("agent", "floor")] for duty in ("busy", "idle"))

    print(f"\n| {run_s / 60:g} minutes | agent | floor | ratio | target |\n|---|---|---|---|---|")
    row("resident memory (Rss) at the end", *[one.memory_kb["end"]["Rss"] for one in busy], "kB", "≤ 1.3", 0)
    row(f"its growth since {EARLY:.0%} of the time", *[one.growth_kb() for one in busy], "kB", "flat", 0)
    row("with shared pages divided among their users (Pss)", *[one.memory_kb["end"]["Pss"] for one in busy], "kB", "≤ 1.3", 0)
    row("pages no other process has (private dirty)", *[one.memory_kb["end"]["Private_Dirty"] for one in busy], "kB", "", 0)
    row(f"CPU at 10 probes a minute ({busy[0].probes()} made)", *[one.cpu_s_per_hour(run_s) for one in busy], "s/h", "≤ 1.5", 2)
    row("CPU idle", *[one.cpu_s_per_hour(run_s) for one in idle], "s/h", "≤ 1.5", 3)
    row("CPU of a start, median", *[cpu for _, cpu in starts], "ms", "", 1)
    row("start until ready, median", *[wall for wall, _ in starts], "ms", "≤ 3", 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--starts", type=int, default=40)
    arguments = parser.parse_args()
    subprocess.run(["make", "-s", "-C", ROOT, "all", "build/tests/bench/floor"], check=True)
    state = tempfile.mkdtemp(prefix="plumbline-footprint-", dir="/var/tmp")   # not in memory: commits shall be durable
    try:
        with Lab("footprint", os.path.join(ROOT, "build"), state) as lab:
            bench = Bench(state, lab)
            bench.serve_file()
            starts = measure_starts(bench, arguments.starts)
            print_table(run_side_by_side(bench, arguments.minutes * 60), starts, arguments.minutes * 60)
    finally:
        shutil.rmtree(state)


if __name__ == "__main__":
    main()
