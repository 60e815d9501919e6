"""The main job on real links: a slow line gets one ticket for the right client, its recovery is proven, nothing else happens."""
import json
import os
import subprocess

import pytest

from lab.lab import Lab, read_bursts, read_text, wait_until
from plumbline import Collector, Person, is_clean

# On veth a full segment carries 1448 bytes of payload in 1514 (tests/lab/README.md).
PAYLOAD_OF_WIRE = 1448 / 1514

CONFIG = """
listen: {noc}:8443
tls: {{certificate: {state}/noc.pem, key: {state}/noc.key}}
database: {state}/collector.db
time_zone: Europe/Moscow
reference_files:
  - {{name: local, leg: local, node: core, url: "http://{local}:8080/local.bin", sha256: "{local_sha256}", nonce: required}}
  - {{name: hub, leg: hub, url: "http://{hub}:8080/hub.bin", sha256: "{hub_sha256}", nonce: required}}
service_plans:
  - {{name: three, local_min: 3Mbit/s, hub_min: 3Mbit/s, reliability: norm-2001, interval: 10s}}
decision: {{open_bad: 3, open_of: 4, blind_bad: 3, blind_of: 4, open_span: 15m, open_within: 6h, close_not_good: 0, close_of: 3}}
schedule: {{report: 1s}}
"""

TOPOLOGY = "node,kind,parents,name\ncore,core,,Core\nb1,building,core,Building 1\nb2,building,core,Building 2\n"
CLIENTS = """client_id,client_name,tier,key,manager,line_id,node,address,service_plan,contact_name,contact_phone,contact_email
1,Orchard Bakery,A,yes,Anna,line-a,b1,Garden Street 1,three,Maria,1,m@orchard.example
2,Типография «Ромашка»,B,no,Anna,line-b,b2,"ул. Садовая, 2",three,Иван,2,p@romashka.example
"""


class Story:
    """The hosts of the test: two file servers, the collector's host, two sites with an agent each."""

    def __init__(self, lab, root, build, state):
        self.lab, self.root, self.build, self.state = lab, root, build, str(state)
        for host in ("local", "hub", "noc", "site-a", "site-b"):
            lab.add_host(host)
        self.make_certificate()
        digests = {leg: self.make_reference(leg) for leg in ("local", "hub")}
        for leg in digests:
            self.start_file_server(leg)
        self.collector = Collector(
            build, state, CONFIG.format(noc=lab.address("noc"), state=state, local=lab.address("local"),
                                        hub=lab.address("hub"), local_sha256=digests["local"], hub_sha256=digests["hub"]),
            run=lambda argv, **kwargs: lab.run("noc", argv, **kwargs))
        self.collector.import_csv("topology", TOPOLOGY)
        self.collector.import_csv("clients", CLIENTS)
        self.collector.add_user("tech", "tech", "correct horse battery")
        self.url = f"https://{lab.address('noc')}:8443"
        self.agents = {}

    def make_certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", f"{self.state}/noc.key", "-out", f"{self.state}/noc.pem", "-days", "2", "-subj", "/CN=noc",
                        "-addext", f"subjectAltName=IP:{self.lab.address('noc')}"], check=True, stderr=subprocess.DEVNULL)

    def make_reference(self, leg):
        os.makedirs(f"{self.state}/{leg}", exist_ok=True)
        made = subprocess.run([f"{self.build}/plumbline-collector", "reference", f"{self.state}/{leg}/{leg}.bin", "--size", "1MiB",
                               "--json"], check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(made.stdout)["sha256"]

    def start_file_server(self, leg):
        self.lab.start_nginx(leg, f"{self.root}/config", files=f"{self.state}/{leg}", work_dir=f"{self.state}/{leg}-nginx")

    def start_collector(self):
        self.running = self.lab.start("noc", self.collector.argv_run(), log=f"{self.state}/collector.log")
        def is_ready():
            assert self.running.poll() is None, read_text(f"{self.state}/collector.log")
            return self.lab.run("noc", ["curl", "-sf", "--cacert", f"{self.state}/noc.pem", f"{self.url}/readyz"],
                                check=False).returncode == 0
        wait_until(is_ready, 30, lambda: "collector is ready: " + read_text(f"{self.state}/collector.log"))

    def start_agent(self, site, line):
        token = self.collector.json("token", "new", "--line", line)["token"]
        path = f"{self.state}/{site}.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"collector: {{url: '{self.url}', ca_file: {self.state}/noc.pem}}\nstate_dir: {self.state}/{site}\n")
        os.makedirs(f"{self.state}/{site}", exist_ok=True)
        agent = f"{self.build}/plumbline-agent"
        done = self.lab.run(site, [agent, "enroll", "--collector", self.url, "--token", token, "-c", path], check=False)
        assert done.returncode == 0, done.stderr
        self.agents[site] = self.lab.start(site, [agent, "run", "-c", path], log=f"{self.state}/{site}.log")

    def made(self, site):
        """What the agent itself says it has measured."""
        done = self.lab.run(site, [f"{self.build}/plumbline-agent", "measurements", "--json", "-c", f"{self.state}/{site}.yaml"],
                            check=False)
        assert done.returncode in (0, 3), done.stderr   # 3: it has none yet
        return json.loads(done.stdout)["items"] if done.returncode == 0 else []

    def tickets(self):
        done = self.collector.command("export", "tickets", "--format", "json")
        return json.loads(done.stdout)["items"]

    def log(self):
        return "".join(f"--- {name}\n" + read_text(f"{self.state}/{name}.log")[-3000:] for name in ("collector", "site-a", "site-b"))


def in_namespace(lab, host, function):
    """Runs function() in the host's network namespace, in a child process, and returns its JSON."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            with open(f"/run/netns/{lab.netns(host)}", "rb") as netns:
                import ctypes
                assert ctypes.CDLL(None).setns(netns.fileno(), 0x40000000) == 0
            with os.fdopen(writer, "w", encoding="utf-8") as out:
                json.dump(function(), out)
            status = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as answer:
        text = answer.read()
    assert os.waitpid(pid, 0)[1] == 0
    return json.loads(text)


@pytest.mark.timeout(240)
def test_slow_line_gets_one_ticket_and_its_recovery_is_proven(root, build, tmp_path):
    with Lab("job", build, str(tmp_path)) as lab:
        story = Story(lab, root, build, tmp_path)
        watched = lab.watch("site-b")
        lab.shape("site-b", "2mbit")
        story.start_collector()
        story.start_agent("site-a", "line-a")
        story.start_agent("site-b", "line-b")

        wait_until(lambda: len(story.made("site-b")) >= 2, 60, story.log)
        kill_and_restart(lab, story)
        opened = wait_until(story.tickets, 90, story.log)
        assert [(t["client"], t["line"], t["defect"], t["state"]) for t in opened] == [("2", "line-b", "slow-local", "open")]
        check_evidence(lab, story, opened[0]["id"], watched)

        lab.free("site-b")
        kill_and_restart(lab, story)
        wait_until(lambda: story.tickets()[0]["state"] == "proven", 90, story.log)

        # Exactly one ticket, still, and nothing made was lost or counted twice.
        assert [t["id"] for t in story.tickets()] == [opened[0]["id"]]
        close_as_person(lab, story, opened[0]["id"])
        statuses = [lab.stop(agent) for agent in story.agents.values()]
        made = sum(len(story.made(site)) for site in story.agents)
        statuses.append(lab.stop(story.running))
        stored = json.loads(story.collector.command("export", "measurements", "--format", "json").stdout)["items"]
        keys = [(m["line"], m["leg"], m["started_ms"]) for m in stored]
        assert len(keys) == len(set(keys))
        assert made - 4 <= len(keys) <= made   # the last ones may still be in the spool
        history = [json.loads(line) for line in story.collector.command("export", "history").stdout.splitlines()]
        assert [(m["line"], m["defect"], m["what"]) for m in history] == [
            ("line-b", "slow-local", "open"), ("line-b", "slow-local", "prove")]
        assert statuses == [0, 0, 0] and is_clean(story.log()), story.log()


def kill_and_restart(lab, story):
    lab.stop(story.running, with_signal=9)
    story.start_collector()


def check_evidence(lab, story, ticket_id, watched):
    """The figures on the ticket are what linkwatch saw cross, within 3 %."""
    ca_file = f"{story.state}/noc.pem"
    ticket = in_namespace(lab, "noc", lambda: Person(story.url, ca_file).log_in("tech", "correct horse battery")
                          .get(f"/api/v1/tickets/{ticket_id}").json)
    figures = [m for m in ticket["evidence"]["measurements"] if m["judgement"] == "bad"]
    assert len(figures) >= 3
    for figure in figures:
        truth_bps = find_burst(watched, figure["started_ms"])["wire_bps"] * PAYLOAD_OF_WIRE
        print(f"ticket says {figure['throughput_bps']} bit/s, {truth_bps:.0f} crossed: {figure['throughput_bps'] / truth_bps:.4f}")
        assert abs(figure["throughput_bps"] / truth_bps - 1) < 0.03
    assert ticket["evidence"]["hub"], "the hub's figures stand beside"


def find_burst(watched, started_ms):
    """The burst in which a probe that started then was downloaded; the newest may still be crossing."""
    def crossed():
        return [b for b in read_bursts(watched) if b["started_ms"] - 1000 <= started_ms <= b["started_ms"] + b["duration_us"] / 1000]
    return wait_until(crossed, 30, lambda: f"a burst at {started_ms}: {read_bursts(watched)}")[-1]


def close_as_person(lab, story, ticket_id):
    """An account marks nothing fixed any more (it is proven), and closes; the page says so; search finds part of a word."""
    ca_file = f"{story.state}/noc.pem"

    def act():
        person = Person(story.url, ca_file).log_in("tech", "correct horse battery")
        closed = person.post(f"/api/v1/tickets/{ticket_id}/close", {"note": "client told"})
        found = person.get("/api/v1/clients?q=РОМАШ").json["items"]
        page = person.get(f"/clients/{found[0]['id']}", **{"Accept-Language": "ru"})
        return {"closed": [closed.status, closed.json.get("state")], "found": [c["id"] for c in found], "page": page.text}

    seen = in_namespace(lab, "noc", act)
    assert seen["closed"] == [200, "closed"]
    assert seen["found"] == ["2"]
    assert "Ромашка" in seen["page"] and ticket_id in seen["page"] and "<svg" in seen["page"]
