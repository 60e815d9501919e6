"""A laboratory of network namespaces: hosts on a core router, each on a link of its own that can be shaped or cut. A host may
be a router, on which others hang.

    with Lab("demo", build_dir) as lab:
        lab.add_host("hub"); lab.add_host("b1", router=True); lab.add_host("site", on="b1")
        lab.shape("site", "2mbit")              # what the site downloads
        lab.start("site", ["curl", ...])        # a process inside, ended with the lab

Host number n has 10.77.n.2/24 and the router above it 10.77.n.1; everything stays inside the namespaces. Needs root and iproute2.
"""
import json
import os
import re
import signal
import subprocess
import time


def wait_until(condition, timeout_s, what, poll_s=0.1):
    """Waits until condition() is true and returns what it gave; fails with the text of `what` otherwise."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what() if callable(what) else what}")
        time.sleep(poll_s)


# TCP payload of a full segment with timestamps, of what the shaper counts: without and with a delay wire, which has no
# Ethernet header.
PAYLOAD_OF_WIRE = {False: 1448 / 1514, True: 1448 / 1500}


class Lab:
    def __init__(self, name, build_dir, run_dir):
        self.prefix = f"pl{os.getpid() % 100000}-{name}"
        self.build_dir = build_dir
        self.run_dir = run_dir
        self.hosts = {}
        self.above = {}   # host -> the router that it hangs on
        self.processes = []

    def __enter__(self):
        self._ip("netns", "add", self.netns("core"))
        self._in("core", "ip", "link", "set", "lo", "up")
        self._in("core", "sysctl", "-qw", "net.ipv4.ip_forward=1")
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            self.stop(process)
        for host in ["core", *self.hosts]:
            subprocess.run(["ip", "netns", "del", self.netns(host)], check=False)

    # --- hosts and links

    def netns(self, host):
        return f"{self.prefix}-{host}"

    def address(self, host):
        return f"10.77.{self.hosts[host]}.2"

    def add_host(self, host, delay_us=0, on="core", router=False):
        """A host on a link of its own, delay_us long each way (on the core only). Full segments carry
        PAYLOAD_OF_WIRE[delay_us > 0]."""
        number = len(self.hosts) + 1
        self.hosts[host], self.above[host] = number, on
        self._ip("netns", "add", self.netns(host))
        if delay_us:
            self._add_delay_wire(host, number, delay_us)
        else:
            self._ip("link", "add", f"to{number}", "netns", self.netns(on), "type", "veth",
                     "peer", "name", "eth0", "netns", self.netns(host))
        self._in(on, "ip", "addr", "add", f"10.77.{number}.1/24", "dev", f"to{number}")
        self._in(on, "ip", "link", "set", f"to{number}", "up")
        if router:
            self._in(host, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        while on != "core":   # every router above learns the way
            self._in(self.above[on], "ip", "route", "add", f"10.77.{number}.0/24", "via", self.address(on))
            on = self.above[on]
        for command in (["ip", "link", "set", "lo", "up"],
                        ["ip", "addr", "add", f"10.77.{number}.2/24", "dev", "eth0"],
                        ["ip", "link", "set", "eth0", "up"],
                        ["ip", "route", "add", "default", "via", f"10.77.{number}.1"]):
            self._in(host, *command)
        return self.address(host)

    def _add_delay_wire(self, host, number, delay_us):
        log = os.path.join(self.run_dir, f"tundelay-{host}.log")
        with open(log, "wb") as out:
            self.processes.append(subprocess.Popen(
                [os.path.join(self.build_dir, "tests/lab/tundelay"), self.netns("core"), f"to{number}", self.netns(host), "eth0",
                 str(delay_us)], stdin=subprocess.DEVNULL, stdout=out, stderr=out))
        wait_until(lambda: "ready" in read_text(log), 10, lambda: "the delay wire: " + read_text(log))

    def shape(self, host, rate, burst="4kb", latency="500ms"):
        """Bounds what the host, and all that hangs on it, downloads."""
        self._in(self.above[host], "tc", "qdisc", "replace", "dev", f"to{self.hosts[host]}", "root", "tbf",
                 "rate", rate, "burst", burst, "latency", latency)

    def free(self, host):
        self._in(self.above[host], "tc", "qdisc", "del", "dev", f"to{self.hosts[host]}", "root")

    def watch(self, host, silence_ms=100):
        """Starts linkwatch on what the host downloads; returns its output file, a line of JSON a burst."""
        path = os.path.join(self.run_dir, f"linkwatch-{host}.log")
        self.start(self.above[host], [os.path.join(self.build_dir, "tests/lab/linkwatch"), f"to{self.hosts[host]}",
                            str(silence_ms)], log=path)
        wait_until(lambda: "ready" in read_text(path), 10, "linkwatch is ready")
        return path

    # --- processes

    def start(self, host, argv, log=None, env=None):
        out = open(log or os.devnull, "ab")
        with out:
            process = subprocess.Popen(["ip", "netns", "exec", self.netns(host), *argv], stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=out, env={**os.environ, **(env or {})})
        self.processes.append(process)
        return process

    def run(self, host, argv, check=True, env=None, **kwargs):
        return subprocess.run(["ip", "netns", "exec", self.netns(host), *argv], check=check, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **(env or {})}, **kwargs)

    def stop(self, process, with_signal=signal.SIGTERM, timeout_s=20):
        """Ends a process (ip netns exec becomes the program itself) and returns its exit status."""
        if process in self.processes:
            self.processes.remove(process)
        if process.poll() is None:
            process.send_signal(with_signal)
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
        return process.returncode

    def start_nginx(self, host, config_dir, files, work_dir):
        """Serves the directory files on the host's port 8080 with the project's own nginx configuration."""
        os.makedirs(work_dir, exist_ok=True)
        for name in ("nginx-reference.conf", "nginx-reference-site.conf"):
            text = read_text(os.path.join(config_dir, name)).replace("/srv/plumbline-reference;", f"{files};")
            with open(os.path.join(work_dir, name), "w", encoding="utf-8") as file:
                file.write(text)
        return self.start(host, ["nginx", "-p", work_dir, "-c", os.path.join(work_dir, "nginx-reference.conf"), "-e", "stderr",
                                 "-g", "user root;"],   # the files lie below a directory of root
                          log=os.path.join(work_dir, "log"))

    def _ip(self, *arguments):
        subprocess.run(["ip", *arguments], check=True)

    def _in(self, host, *command):
        subprocess.run(["ip", "netns", "exec", self.netns(host), *command], check=True)


def read_text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def read_bursts(path):
    """What linkwatch saw, as dicts."""
    return [json.loads(line) for line in re.findall(r"^\{.*\}$", read_text(path), re.MULTILINE)]
