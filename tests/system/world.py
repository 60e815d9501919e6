"""A provider in namespaces, for the stories: two file servers, the collector's host, and sites with an agent each."""
import ctypes
import json
import os
import subprocess
import traceback

from lab.lab import read_text, wait_until
from plumbline import Collector, Person

PASSWORD = "correct horse battery"


class World:
    """Sites are added with lab.add_host before agents start on them. config is formatted with the addresses and digests."""

    def __init__(self, lab, root, build, state, config, topology, clients, reference_sizes=None):
        self.lab, self.root, self.build, self.state = lab, root, build, str(state)
        for host in ("local", "hub", "noc"):
            lab.add_host(host)
        self.make_certificate()
        sizes = {"local": "1MiB", "hub": "1MiB", **(reference_sizes or {})}
        digests = {leg: self.make_reference(leg, size) for leg, size in sizes.items()}
        self.servers = {leg: self.start_file_server(leg) for leg in digests}
        self.collector = Collector(
            build, state, config.format(noc=lab.address("noc"), state=state, local=lab.address("local"), hub=lab.address("hub"),
                                        local_sha256=digests["local"], hub_sha256=digests["hub"]),
            run=lambda argv, **kwargs: lab.run("noc", argv, **kwargs))
        self.collector.import_csv("topology", topology)
        self.collector.import_csv("clients", clients)
        self.collector.add_user("tech", "tech", PASSWORD)
        self.url = f"https://{lab.address('noc')}:8443"
        self.agents = {}

    def make_certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", f"{self.state}/noc.key", "-out", f"{self.state}/noc.pem", "-days", "2", "-subj", "/CN=noc",
                        "-addext", f"subjectAltName=IP:{self.lab.address('noc')}"], check=True, stderr=subprocess.DEVNULL)

    def make_reference(self, leg, size):
        os.makedirs(f"{self.state}/{leg}", exist_ok=True)
        made = subprocess.run([f"{self.build}/plumbline-collector", "reference", f"{self.state}/{leg}/{leg}.bin", "--size", size,
                               "--json"], check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(made.stdout)["sha256"]

    def start_file_server(self, leg):
        return self.lab.start_nginx(leg, f"{self.root}/config", files=f"{self.state}/{leg}", work_dir=f"{self.state}/{leg}-nginx")

    def start_collector(self):
        self.running = self.lab.start("noc", self.collector.argv_run(), log=f"{self.state}/collector.log")

        def is_ready():
            assert self.running.poll() is None, read_text(f"{self.state}/collector.log")
            return self.lab.run("noc", ["curl", "-sf", "--cacert", f"{self.state}/noc.pem", f"{self.url}/readyz"],
                                check=False).returncode == 0
        wait_until(is_ready, 30, lambda: "collector is ready: " + read_text(f"{self.state}/collector.log"))

    def enroll_agent(self, site, line, more=""):
        """more: further lines of its agent.yaml."""
        token = self.collector.json("token", "new", "--line", line)["token"]
        path = f"{self.state}/{site}.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"collector: {{url: '{self.url}', ca_file: {self.state}/noc.pem}}\nstate_dir: {self.state}/{site}\n{more}")
        os.makedirs(f"{self.state}/{site}", exist_ok=True)
        done = self.lab.run(site, [f"{self.build}/plumbline-agent", "enroll", "--collector", self.url, "--token", token, "-c", path],
                            check=False)
        assert done.returncode == 0, done.stderr

    def run_agent(self, site, before="true"):
        """before: a shell command that runs in the agent's own mount namespace."""
        command = f"{before} && exec {self.build}/plumbline-agent run -c {self.state}/{site}.yaml"
        self.agents[site] = self.lab.start(site, ["sh", "-c", command], log=f"{self.state}/{site}.log")

    def start_agent(self, site, line, more=""):
        self.enroll_agent(site, line, more)
        self.run_agent(site)

    def made(self, site):
        """What the agent itself says it has measured."""
        done = self.lab.run(site, [f"{self.build}/plumbline-agent", "measurements", "--json", "-c", f"{self.state}/{site}.yaml"],
                            check=False)
        assert done.returncode in (0, 3), done.stderr   # 3: it has none yet
        return json.loads(done.stdout)["items"] if done.returncode == 0 else []

    def tickets(self):
        done = self.collector.command("export", "tickets", "--format", "json")
        return json.loads(done.stdout)["items"]

    def as_person(self, act):
        """What act(person) returns, as JSON, for somebody who is logged in beside the collector."""
        return in_namespace(self.lab, "noc",
                            lambda: act(Person(self.url, f"{self.state}/noc.pem").log_in("tech", PASSWORD)))

    def log(self):
        return "".join(f"--- {name}\n" + read_text(f"{self.state}/{name}.log")[-3000:] for name in ("collector", *self.agents))


def in_namespace(lab, host, function):
    """Runs function() in the host's network namespace, in a child process, and returns its JSON."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            with open(f"/run/netns/{lab.netns(host)}", "rb") as netns:
                assert ctypes.CDLL(None).setns(netns.fileno(), 0x40000000) == 0
            with os.fdopen(writer, "w", encoding="utf-8") as out:
                json.dump(function(), out)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as answer:
        text = answer.read()
    assert os.waitpid(pid, 0)[1] == 0
    return json.loads(text)
